//! `/stores/{hash}/custodia/customers/{id}/consent`: ours, what a customer has declared and how.

use axum::{Extension, extract::State};
use kernel::{CustomerId, Scope};
use rest::{
    App, Caller, Routes, Version,
    v3::{Ids, Json, Meta, Page, Pagination, Params, Reply},
};
use serde::Serialize;

use super::{
    model::{Categories, Declared},
    ops,
    v3::names,
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/consent";
    routes.version(Version::Own).get(PATH, Scope::CustomersRead, list)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    mut params: Params,
) -> Reply<Json<Page<DeclaredBody>>> {
    let window = params.pages()?;
    params.finish()?;
    let history = ops::history(&app, &caller, CustomerId(customer), window.part()).await?;
    let pagination = Pagination::new(&window, history.declared.len(), history.total);
    let body = |declared: Declared| {
        let client_id = history.clients.get(&declared.declared_by).cloned();
        DeclaredBody::new(declared, client_id)
    };
    Ok(Json(Page {
        data: history.declared.into_iter().map(body).collect(),
        meta: Meta { pagination: Some(pagination), cursor_pagination: None },
    }))
}

#[derive(Serialize)]
struct DeclaredBody {
    sequence: i64,
    #[serde(serialize_with = "names")]
    allow: Categories,
    #[serde(serialize_with = "names")]
    deny: Categories,
    declared_at: String,
    source: String,
    client_id: Option<String>,
    channel_id: Option<i64>,
    locale: Option<String>,
    leaf: Option<i64>,
}

impl DeclaredBody {
    fn new(declared: Declared, client_id: Option<String>) -> Self {
        Self {
            sequence: declared.sequence,
            allow: declared.declaration.allow(),
            deny: declared.declaration.deny(),
            declared_at: declared.declared_at.to_rfc3339_micros(),
            source: declared.source,
            client_id,
            channel_id: declared.channel.map(|channel| channel.0),
            locale: Some(declared.locale).filter(|locale| !locale.is_empty()),
            leaf: declared.leaf,
        }
    }
}
