//! `GET`, `POST`, `PUT` and `DELETE /v3/customers/attributes`.

use axum::{Extension, extract::State, http::Method};
use kernel::{AttributeId, Error, Scope, Span, fold};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{Body, Failure, Json, Meta, NoParams, Page, Pagination, Params, Reply, Written},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{Attribute, Changes, Draft, Kind},
    ops,
    rows::Filter,
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/attributes";
    routes
        .v3()
        .get(PATH, Scope::CustomersRead, list)
        .at_once(3, Method::POST, PATH, Scope::CustomersModify, create)
        .at_once(3, Method::PUT, PATH, Scope::CustomersModify, update)
        .delete(PATH, Scope::CustomersModify, delete)
}

/// `id` and `id:in` are refused, as measured (observed.md 6), though a page lists them.
async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<AttributeBody>>> {
    let filter = filter(&mut params)?;
    let window = params.pages()?;
    params.finish()?;
    let (rows, total) = ops::list(&app, &caller, &filter, window.part()).await?;
    let pagination = Some(Pagination::new(&window, rows.len(), total));
    let data = rows.into_iter().map(AttributeBody::from).collect();
    Ok(Json(Page { data, meta: Meta { pagination, cursor_pagination: None } }))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<AttributeBody>>> {
    const TITLE: &str = "Create customer attributes failed.";
    let rows = body.batch(MOST_ROWS, |fields| {
        let name = fields.required("name", json::text);
        (name, fields.required("type", |value| kind(value).map(Some)))
    })?;
    let draft = |(index, (name, kind)): (usize, (String, Option<Kind>))| {
        Draft::new(name, kind.unwrap_or(Kind::Text)).map_err(|error| at_row(TITLE, index, error))
    };
    let drafts = rows.into_iter().enumerate().map(draft).collect::<Result<Vec<_>, _>>()?;
    let refused = |error| Failure::by_row(TITLE, error);
    let made = ops::create(&app, &caller, &drafts).await.map_err(refused)?;
    Ok(Json(Written::new(made.into_iter().map(AttributeBody::from).collect())))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<AttributeBody>>> {
    const TITLE: &str = "Update customer attributes failed.";
    let rows = body.batch(MOST_ROWS, |fields| {
        let id = AttributeId(fields.key("id", json::integer));
        (id, fields.required("name", json::text), fields.optional("type", kind))
    })?;
    let checked = |(index, (id, name, kind))| {
        let changes = Changes::new(name, kind).map_err(|error| at_row(TITLE, index, error))?;
        Ok((id, changes))
    };
    let changes = rows.into_iter().enumerate().map(checked).collect::<Result<Vec<_>, Failure>>()?;
    let refused = |error| Failure::by_row(TITLE, error);
    let after = ops::update(&app, &caller, &changes).await.map_err(refused)?;
    Ok(Json(Written::new(after.into_iter().map(AttributeBody::from).collect())))
}

/// Without `id:in` nothing is deleted, and 204 is the answer all the same (ruling 15).
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.integers::<AttributeId>("id:in")?.unwrap_or_default();
    params.finish()?;
    ops::delete(&app, &caller, &ids).await?;
    Ok(NoContent)
}

fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let kinds = [Kind::Text, Kind::Number, Kind::Date].map(|kind| (kind.name(), kind));
    let created = (params.when("date_created:min")?, params.when("date_created:max")?);
    let modified = (params.when("date_modified:min")?, params.when("date_modified:max")?);
    Ok(Filter {
        name_key: params.text("name").map(|name| fold(&name)),
        name_part: params.text("name:like").map(|part| fold(&part)),
        kind: params.choice("type", &kinds)?,
        created: Span::new(created.0, created.1, params.when("date_created")?),
        modified: Span::new(modified.0, modified.1, params.when("date_modified")?),
    })
}

fn kind(value: &Value) -> json::Read<Kind> {
    json::text(value)?.parse().map_err(|_| "error.expected.validenumvalue".into())
}

fn at_row(title: &str, index: usize, error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused(title, faults.under(index)),
        error => error.into(),
    }
}

/// The order of the published example.
#[derive(Serialize)]
struct AttributeBody {
    id: i64,
    name: String,
    r#type: &'static str,
    date_created: String,
    date_modified: String,
}

impl From<Attribute> for AttributeBody {
    fn from(attribute: Attribute) -> Self {
        Self {
            id: attribute.id.0,
            name: attribute.name,
            r#type: attribute.kind.name(),
            date_created: attribute.created_at.to_rfc3339(),
            date_modified: attribute.modified_at.to_rfc3339(),
        }
    }
}

/// Nothing is published; a store has fewer (ruling 3).
const MOST_ROWS: usize = 250;
