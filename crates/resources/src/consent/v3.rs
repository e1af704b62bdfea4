//! `GET` and `PUT /v3/customers/{customer_id}/consent`: bare objects, without V3's envelope (observed.md 4.4).

use axum::{Extension, extract::State};
use kernel::{CustomerId, Scope};
use rest::{
    App, Caller, Quirk, Routes, Sheet, Shown,
    v3::{Body, Ids, Json, NoParams, Reply},
};
use serde::Serialize;

use super::{
    model::{Categories, Consent, Declaration},
    ops,
    shape::{declared, names},
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/consent";
    routes.v3().get(PATH, Scope::CustomersRead, get).put(PATH, Scope::CustomersModify, put)
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
) -> Reply<Sheet> {
    let read = async || ops::find(&app, &caller, CustomerId(customer)).await;
    if caller.has(Quirk::ConsentTimeOfCall) {
        let declared_at = app.clock.now();
        return Json(ConsentBody::from(Consent { declared_at, ..read().await? })).sheet();
    }
    let shown = Shown::of("consent", caller.store, customer);
    app.sheet(shown, async || Json(ConsentBody::from(read().await?)).sheet()).await
}

async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<ConsentBody>> {
    let (allow, deny) = body.object(declared)?;
    let declaration = Declaration::new(allow, deny)?;
    let declared = ops::declare(&app, &caller, CustomerId(customer), &declaration.into()).await?;
    Ok(Json(Consent { declaration, declared_at: declared.declared_at }.into()))
}

#[derive(Serialize)]
struct ConsentBody {
    #[serde(serialize_with = "names")]
    allow: Categories,
    #[serde(serialize_with = "names")]
    deny: Categories,
    updated_at: String,
}

impl From<Consent> for ConsentBody {
    fn from(consent: Consent) -> Self {
        Self {
            allow: consent.declaration.allow(),
            deny: consent.declaration.deny(),
            updated_at: consent.declared_at.to_rfc3339(),
        }
    }
}
