//! `POST /v3/customers/validate-credentials`: a bare object (observed.md 4.4).

use axum::{Extension, extract::State};
use kernel::Scope;
use rest::{
    App, Caller, Routes, json,
    v3::{Body, Json, NoParams, Reply},
};
use serde::Serialize;

use super::{model::Place, ops};
use crate::customers::model::Password;

pub fn routes(routes: Routes) -> Routes {
    routes.v3().post("/customers/validate-credentials", Scope::CustomersModify, validate)
}

async fn validate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<ValidityBody>> {
    let (email, password, channel) = body.object(|fields| {
        (
            fields.required("email", json::text),
            Password(fields.required("password", json::text)),
            fields.optional("channel_id", json::channel),
        )
    })?;
    let place = channel.map_or(Place::Anywhere, Place::On);
    let customer = ops::validate(&app, &caller, &email, password, place).await?;
    Ok(Json(ValidityBody {
        is_valid: customer.is_some(),
        customer_id: customer.map(|customer| customer.0),
    }))
}

#[derive(Serialize)]
struct ValidityBody {
    is_valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<i64>,
}
