//! Ours, under `/stores/{hash}/custodia/customers/{id}/`: `password-hash`, to bring customers from elsewhere with the
//! passwords they have, and `erasure`, for who asks to be forgotten.

use axum::{Extension, extract::State};
use kernel::{CustomerId, Scope, Violations};
use rest::{
    App, Caller, NoContent, Routes, Version, json,
    v3::{Body, Failure, Ids, NoParams, Reply},
};

use super::{foreign_hash::ForeignHash, ops};
use crate::{
    ledger,
    subscribers::{self, filter::Filter},
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/password-hash";
    const ERASURE: &str = "/customers/{customer_id}/erasure";
    routes.version(Version::Own).put(PATH, Scope::CustomersModify, put_password_hash).post(
        ERASURE,
        Scope::CustomersModify,
        post_erasure,
    )
}

/// Deletes the customer with all that belongs to it, and the subscriber of the same address, who otherwise stays when a
/// customer goes.
async fn post_erasure(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
) -> Reply<NoContent> {
    let id = CustomerId(customer);
    let (found, _) = ops::find(&app, &caller, id).await?;
    // The subscriber first: as long as the customer is there, whoever tries again finds the address.
    let filter = Filter { email_key: Some(found.email_key()), ..Filter::default() };
    subscribers::ops::delete_matching(&app, &caller, &filter).await?;
    ops::delete(&app, &caller, &[id]).await?;
    // What was declared and is no leaf yet becomes one, and goes: at once, or behind a backlog in the background.
    app.undone.note(caller.store);
    ledger::sequencer::checkpoint(&app, &caller).await?;
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
