//! `GET`, `PUT` and `DELETE /v3/customers/attribute-values`, and the shape of values beside their customer.

use std::collections::BTreeSet;

use axum::{
    Extension,
    extract::State,
    http::{Method, StatusCode},
};
use kernel::{AttributeId, AttributeValueId, CustomerId, Scope, Span, fold};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{Body, Failure, Json, Meta, NoParams, Page, Pagination, Params, Reply, Written},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{AttributeValue, MOST_CUSTOMERS, MOST_EMBEDDED, Setting},
    ops,
    rows::Filter,
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/attribute-values";
    routes
        .v3()
        .get(PATH, Scope::CustomersRead, list)
        .at_once(3, Method::PUT, PATH, Scope::CustomersModify, put)
        .delete(PATH, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<ValueBody>>> {
    let filter = filter(&mut params)?;
    let window = params.pages()?;
    let sent = params.finish()?;
    let offset = (window.page - 1) * window.limit;
    let (rows, total) = ops::list(&app, &caller, &filter, window.limit, offset).await?;
    let pagination = Some(Pagination::new(&window, rows.len(), total).with_links(&sent));
    let data = rows.into_iter().map(ValueBody::from).collect();
    Ok(Json(Page { data, meta: Meta { pagination, cursor_pagination: None } }))
}

async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<ValueBody>>> {
    const TITLE: &str = "Upsert customer attribute values failed.";
    let settings = body.batch(MOST_ROWS, |fields| Setting {
        customer: CustomerId(fields.required("customer_id", json::integer)),
        attribute: AttributeId(fields.required("attribute_id", json::integer)),
        value: fields.required("value", json::text),
    })?;
    let customers: BTreeSet<CustomerId> = settings.iter().map(|it| it.customer).collect();
    if customers.len() > MOST_CUSTOMERS {
        return Err(Failure::too_many_rows(StatusCode::UNPROCESSABLE_ENTITY, MOST_CUSTOMERS));
    }
    let refused = |error| Failure::by_row(TITLE, error);
    let values = ops::set(&app, &caller, &settings).await.map_err(refused)?;
    Ok(Json(Written::new(values.into_iter().map(ValueBody::from).collect())))
}

/// Without `id:in` nothing is deleted, and 204 is the answer all the same (ruling 15).
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.integers("id:in")?.unwrap_or_default();
    params.finish()?;
    let ids: Vec<_> = ids.into_iter().map(AttributeValueId).collect();
    ops::delete(&app, &caller, &ids).await?;
    Ok(NoContent)
}

/// The `attributes` of a customer that is to be made.
pub fn nested(value: &Value) -> json::Read<Vec<(AttributeId, String)>> {
    let said = json::list(|item| {
        let item = json::object(item)?;
        let id = json::required_member(item, "attribute_id", json::integer)?;
        Ok((AttributeId(id), json::required_member(item, "attribute_value", json::text)?))
    })(value)?;
    if said.len() > MOST_EMBEDDED { Err("error.maxLength".into()) } else { Ok(said) }
}

fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let ids = params.integers("customer_id:in")?;
    let attributes = params.integers("attribute_id:in")?;
    let created = (params.when("date_created:min")?, params.when("date_created:max")?);
    let modified = (params.when("date_modified:min")?, params.when("date_modified:max")?);
    Ok(Filter {
        customers: ids.map(|ids| ids.into_iter().map(CustomerId).collect()),
        attributes: attributes.map(|ids| ids.into_iter().map(AttributeId).collect()),
        name_key: params.text("name").map(|name| fold(&name)),
        created: Span::new(created.0, created.1, params.when("date_created")?),
        modified: Span::new(modified.0, modified.1, params.when("date_modified")?),
    })
}

/// A value as it is shown, alone and beside its customer, in the recorded order (observed.md 4.2).
#[derive(Serialize)]
pub struct ValueBody {
    id: i64,
    customer_id: i64,
    attribute_id: i64,
    attribute_value: String,
    date_created: String,
    date_modified: String,
}

impl From<AttributeValue> for ValueBody {
    fn from(value: AttributeValue) -> Self {
        Self {
            id: value.id.0,
            customer_id: value.customer.0,
            attribute_id: value.attribute.0,
            attribute_value: value.value,
            date_created: value.created_at.to_rfc3339(),
            date_modified: value.modified_at.to_rfc3339(),
        }
    }
}

/// Every value that ten customers can have.
const MOST_ROWS: usize = 500;
