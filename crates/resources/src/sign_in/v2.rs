//! `POST /v2/customers/{customer_id}/validate`: deprecated.

use axum::{Extension, extract::State};
use kernel::{CustomerId, Scope};
use rest::{
    App, Caller, Routes, json,
    v2::{Body, Ids, Json, NoParams, Reply},
};
use serde::Serialize;

use super::ops;
use crate::customers::model::Password;

pub fn routes(routes: Routes) -> Routes {
    routes.v2().post("/customers/{customer_id}/validate", Scope::CustomersModify, validate)
}

/// A POST that makes nothing: 200, as published.
async fn validate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<SuccessBody>> {
    let password = body.object(&["password"], |fields| fields.required("password", json::text))?;
    let password = Password(password);
    let success = ops::validate_of(&app, &caller, CustomerId(customer), password).await?;
    Ok(Json::ok(SuccessBody { success }))
}

#[derive(Serialize)]
struct SuccessBody {
    success: bool,
}
