//! `GET`, `PUT` and `DELETE /v3/customers/attribute-values`.

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

use super::{
    model::{MOST_CUSTOMERS, Setting},
    ops,
    rows::Filter,
    shape::ValueBody,
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
    let (rows, total) = ops::list(&app, &caller, &filter, window.part()).await?;
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
    let ids = params.integers::<AttributeValueId>("id:in")?.unwrap_or_default();
    params.finish()?;
    ops::delete(&app, &caller, &ids).await?;
    Ok(NoContent)
}

fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let created = (params.when("date_created:min")?, params.when("date_created:max")?);
    let modified = (params.when("date_modified:min")?, params.when("date_modified:max")?);
    Ok(Filter {
        customers: params.integers("customer_id:in")?,
        attributes: params.integers("attribute_id:in")?,
        name_key: params.text("name").map(|name| fold(&name)),
        created: Span::new(created.0, created.1, params.when("date_created")?),
        modified: Span::new(modified.0, modified.1, params.when("date_modified")?),
    })
}

/// Every value that ten customers can have.
const MOST_ROWS: usize = 500;
