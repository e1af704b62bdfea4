//! What belongs to no store: the time, and whether the service lives and can serve.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use kernel::Scope;
use rest::{
    App, Plain, Routes, Version,
    v2::{self, NoParams},
};
use serde::Serialize;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .version(Version::Root)
        .get("/time", Scope::Public, time)
        .get("/healthz", Scope::Public, healthz)
        .get("/readyz", Scope::Public, readyz)
}

async fn time(State(app): State<App>, _: NoParams) -> v2::Json<TimeBody> {
    v2::Json::ok(TimeBody { time: app.clock.now().seconds() })
}

#[derive(Serialize)]
struct TimeBody {
    time: i64,
}

/// The process answers.
async fn healthz() -> Plain {
    Plain(StatusCode::OK, "ok")
}

/// The database answers too.
async fn readyz(State(app): State<App>) -> Response {
    match app.tokens.refresh().await {
        Ok(()) => Plain(StatusCode::OK, "ready").into_response(),
        Err(error) => {
            let mut response =
                Plain(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
                    .into_response();
            response.extensions_mut().insert(rest::Cause(error.to_string()));
            response
        }
    }
}
