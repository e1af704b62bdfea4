//! `/stores/{hash}/custodia/ledger` and receipts: ours, what a stranger checks consent with.

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::{
    Stream, StreamExt as _, TryStreamExt as _,
    stream::{once, try_unfold},
};
use kernel::{CustomerId, Error, Result as Outcome, Scope, StoreId};
use ledger::{
    checkpoint::PublicKey,
    export::{self, Opening},
    proof::Growth,
    receipt::{Receipt, Step},
};
use rest::{
    App, Caller, Routes, Version,
    v3::{Failure, Ids, Json, NoParams, One, Params, Reply, Written},
};
use serde::Serialize;
use serde_json::Value;

use super::{model::Head, ops, sequencer};

pub fn routes(routes: Routes) -> Routes {
    const RECEIPT: &str = "/customers/{customer_id}/consent/{sequence}/receipt";
    const READ: Scope = Scope::CustomersRead;
    routes
        .version(Version::Own)
        .get("/ledger/checkpoint", READ, checkpoint)
        .get("/ledger/export", READ, export)
        .get("/ledger/keys", READ, keys)
        .get("/ledger/leaves", READ, leaves)
        .get("/ledger/proofs/consistency", READ, growth)
        .get(RECEIPT, READ, receipt)
}

async fn checkpoint(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
) -> Reply<Json<One<CheckpointBody>>> {
    Ok(Json(One::new(sequencer::checkpoint(&app, &caller).await?.into())))
}

async fn keys(State(app): State<App>, _: NoParams) -> Reply<Json<Written<KeyBody>>> {
    let keys = ops::keys(&app).await?;
    Ok(Json(Written::new(keys.iter().map(KeyBody::from).collect())))
}

async fn leaves(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Written<LeafBody>>> {
    let from = number(&mut params, "from", 0)?.unwrap_or(0);
    let limit = number(&mut params, "limit", 1)?.unwrap_or(50).min(250);
    params.finish()?;
    let leaves = ops::leaves(&app, &caller, from, limit).await?;
    let leaves: Reply<_> = leaves.into_iter().map(LeafBody::new).collect();
    Ok(Json(Written::new(leaves?)))
}

/// All of it, a line at a time and as it comes: nobody has to hold it. One that breaks off has no last line, and who
/// checks it notices.
async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
) -> Reply<Response> {
    let head = sequencer::checkpoint(&app, &caller).await?;
    let opening = Opening::new(&head.store_hash, &ops::keys(&app).await?).line();
    let closing = export::closing(&head.checkpoint);
    let lines = once(async { Ok(opening) })
        .chain(entries(app, caller.store, head.leaves()))
        .chain(once(async { Ok(closing) }))
        .map_ok(|lines| lines + "\n")
        .inspect_err(|error| tracing::error!(%error, "an export breaks off"));
    let mut response = Response::new(Body::from_stream(lines));
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// The lines of so many leaves, some thousands at a time.
fn entries(app: App, store: StoreId, size: u64) -> impl Stream<Item = Outcome<String>> {
    try_unfold(0, move |from| {
        let app = app.clone();
        async move {
            if from == size {
                return Ok(None);
            }
            let lines = ops::entries(&app, store, from, size).await?;
            let next = from + lines.len() as u64;
            Ok(Some((lines.join("\n"), next)))
        }
    })
}

async fn growth(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<One<GrowthBody>>> {
    let from = number(&mut params, "from", 0)?.unwrap_or(0);
    let to = number(&mut params, "to", 0)?;
    params.finish()?;
    let growth = ops::growth(&app, &caller, from, to).await.map_err(refused)?;
    Ok(Json(One::new(growth.into())))
}

/// The receipt itself, without an envelope: it is a file that is kept.
async fn receipt(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer, sequence]): Ids<2>,
    _: NoParams,
) -> Reply<Json<Receipt>> {
    Ok(Json(ops::receipt(&app, &caller, CustomerId(customer), sequence).await?))
}

/// A whole number of at least this; `None` if it is absent.
fn number(params: &mut Params, name: &str, least: i64) -> Result<Option<i64>, Failure> {
    let number = params.integer(name)?;
    if number.is_some_and(|number| number < least) {
        return Err(refused(Error::invalid(name, format!("must be at least {least}"))));
    }
    Ok(number)
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused("Read ledger failed.", faults),
        error => error.into(),
    }
}

#[derive(Serialize)]
struct CheckpointBody {
    size: i64,
    signed_at: String,
    checkpoint: String,
}

impl From<Head> for CheckpointBody {
    fn from(head: Head) -> Self {
        Self {
            size: head.size,
            signed_at: head.signed_at.to_rfc3339_micros(),
            checkpoint: head.checkpoint,
        }
    }
}

#[derive(Serialize)]
struct KeyBody {
    key: String,
}

impl From<&PublicKey> for KeyBody {
    fn from(key: &PublicKey) -> Self {
        Self { key: key.to_string() }
    }
}

#[derive(Serialize)]
struct LeafBody {
    index: i64,
    // Its members keep the order of the canonical form.
    leaf: Value,
}

impl LeafBody {
    fn new((index, json): (i64, String)) -> Reply<Self> {
        Ok(Self { index, leaf: serde_json::from_str(&json).map_err(Error::internal)? })
    }
}

#[derive(Serialize)]
struct GrowthBody {
    from: u64,
    to: u64,
    proof: Vec<Step>,
}

impl From<Growth> for GrowthBody {
    fn from(growth: Growth) -> Self {
        Self { from: growth.older_size, to: growth.size, proof: growth.proof }
    }
}
