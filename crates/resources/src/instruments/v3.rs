//! `GET /v3/customers/{customerId}/stored-instruments`: a bare array (observed.md 4.4).

use axum::{Extension, extract::State};
use kernel::{CustomerId, Result, Scope};
use rest::{
    App, Caller, Routes,
    v3::{Ids, Json, NoParams, Reply},
};

use super::{ops, shape::InstrumentBody};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/{customer_id}/stored-instruments";
    routes.v3().get(PATH, Scope::InstrumentsRead, list)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
) -> Reply<Json<Vec<InstrumentBody>>> {
    let instruments = ops::list(&app, &caller, CustomerId(customer)).await?;
    Ok(Json(instruments.into_iter().map(InstrumentBody::new).collect::<Result<_>>()?))
}
