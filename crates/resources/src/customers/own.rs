//! Ours, under `/stores/{hash}/custodia/customers/{id}/`: `password-hash`, to bring customers from elsewhere with the
//! passwords they have, and `erasure`, for who asks to be forgotten.

use axum::{Extension, extract::State};
use kernel::{CustomerId, Scope, Violations};
use rest::{
    App, Caller, NoContent, Routes, Version, json,
    v3::{Body, Failure, Ids, NoParams, Reply},
};

use super::{foreign_hash::ForeignHash, ops};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/password-hash";
    const ERASURE: &str = "/customers/{customer_id}/erasure";
    routes.version(Version::Own).put(PATH, Scope::CustomersModify, put_password_hash).post(
        ERASURE,
        Scope::CustomersModify,
        post_erasure,
    )
}

async fn post_erasure(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
) -> Reply<NoContent> {
    ops::erase(&app, &caller, CustomerId(customer)).await?;
    Ok(NoContent)
}

async fn put_password_hash(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<NoContent> {
    let text = body.object(|fields| fields.required("password_hash", json::text))?;
    let hash = ForeignHash::parse(&text).map_err(|rule| {
        let mut faults = Violations::default();
        faults.add("password_hash", rule);
        Failure::refused("Update password hash failed.", faults)
    })?;
    ops::set_password_hash(&app, &caller, CustomerId(customer), &hash).await?;
    Ok(NoContent)
}
