//! `GET /v2/time` and `GET /v2/store`: what client libraries ask to try a token (clients.md).

use axum::{Extension, extract::State};
use kernel::Scope;
use rest::{
    App, Caller, Routes,
    v2::{Json, NoParams, Reply},
};
use serde::Serialize;

pub fn routes(routes: Routes) -> Routes {
    routes.v2().get("/time", Scope::AnyToken, time).get("/store", Scope::AnyToken, store)
}

async fn time(State(app): State<App>, _: NoParams) -> Reply<Json<TimeBody>> {
    Ok(Json::ok(TimeBody { time: app.clock.now().seconds() }))
}

async fn store(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
) -> Reply<Json<StoreBody>> {
    let url = app.settings.public_url.clone();
    let domain = url.split_once("://").map_or(url.as_str(), |(_, domain)| domain).to_owned();
    let hash = caller.store_hash().to_owned();
    Ok(Json::ok(StoreBody {
        id: hash.clone(),
        domain,
        secure_url: url,
        name: hash,
        status: "live",
    }))
}

#[derive(Serialize)]
struct TimeBody {
    time: i64,
}

/// The members of the published page that this server knows; login helpers read `secure_url`.
#[derive(Serialize)]
struct StoreBody {
    id: String,
    domain: String,
    secure_url: String,
    name: String,
    status: &'static str,
}
