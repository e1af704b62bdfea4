//! Ours, under `/stores/{hash}/custodia/hooks/{id}/`: what became of a webhook's deliveries, and once more. For the account
//! that made the webhook, with any token, as webhooks are.

use axum::{Extension, extract::State, http::StatusCode};
use kernel::{Error, HookId, Scope, Timestamp, Violations};
use rest::{
    App, Caller, Routes, Version, json,
    v3::{
        Body, Cursors, Failure, IdAndName, Ids, Json, Meta, NoParams, One, Page, Params, Reply,
        Window,
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    model::{
        Again, Asked, Attempt, Count, Counts, Delivery, Filter, Hour, Progress, Status, Whole,
    },
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    routes
        .version(Version::Own)
        .get("/hooks/{webhook_id}/deliveries", Scope::AnyToken, list)
        .get("/hooks/{webhook_id}/deliveries/{event}", Scope::AnyToken, get)
        .post("/hooks/{webhook_id}/deliveries/{event}/replay", Scope::AnyToken, replay_one)
        .post("/hooks/{webhook_id}/replay", Scope::AnyToken, replay)
        .get("/hooks/{webhook_id}/dead-letters", Scope::AnyToken, dead_letters)
        .post("/hooks/{webhook_id}/dead-letters/redrive", Scope::AnyToken, redrive)
        .get("/hooks/{webhook_id}/counts", Scope::AnyToken, counts)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    mut params: Params,
) -> Reply<Json<Page<DeliveryBody>>> {
    let status = params.choice("status", &Status::ALL)?;
    page(&app, &caller, id, params, status).await
}

async fn dead_letters(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    params: Params,
) -> Reply<Json<Page<DeliveryBody>>> {
    page(&app, &caller, id, params, Some(Status::Dead)).await
}

async fn page(
    app: &App,
    caller: &Caller,
    id: i64,
    mut params: Params,
    status: Option<Status>,
) -> Reply<Json<Page<DeliveryBody>>> {
    let filter = Filter {
        status,
        scope: params.text("scope"),
        since: params.when("since")?.map(|when| when.from),
        until: params.when("until")?.map(|when| when.to),
    };
    let window = params.onwards()?;
    let sent = params.finish()?;
    let before = window.after.as_deref().map(place).transpose()?;
    let listed =
        ops::list(app, caller.store, asked(caller, id), &filter, (before, window.limit)).await;
    let (deliveries, is_more) = listed.map_err(|error| refused(error, id))?;
    let cursor = |delivery: &Delivery| json!({"id": delivery.event_id});
    let ends = deliveries.first().zip(deliveries.last());
    let ends = ends.map(|(first, last)| (cursor(first), cursor(last)));
    let cursors = Cursors::new(&window, deliveries.len(), ends, (false, is_more), &sent);
    let meta = Meta { cursor_pagination: Some(cursors), ..Meta::default() };
    Ok(Json(Page { data: deliveries.into_iter().map(DeliveryBody::from).collect(), meta }))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    IdAndName(id, event): IdAndName,
    _: NoParams,
) -> Reply<Json<One<WholeBody>>> {
    let found = ops::find(&app, caller.store, asked(&caller, id), &event).await;
    Ok(Json(One::new(found.map_err(|error| refused(error, id))?.into())))
}

async fn replay_one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    IdAndName(id, event): IdAndName,
    _: NoParams,
) -> Reply<Json<One<ProgressBody>>> {
    again(&app, &caller, id, &Again::One(event)).await
}

async fn replay(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<One<ProgressBody>>> {
    let moment = |value: &Value| json::moment(value).map(Some);
    let since = body.object(|fields| fields.required("since", moment))?;
    let since = since.ok_or_else(|| Failure::unreadable(Violations::default()))?;
    again(&app, &caller, id, &Again::FailedSince(since)).await
}

async fn redrive(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<ProgressBody>>> {
    again(&app, &caller, id, &Again::Dead).await
}

async fn again(
    app: &App,
    caller: &Caller,
    id: i64,
    again: &Again,
) -> Reply<Json<One<ProgressBody>>> {
    let done = ops::replay(app, caller, asked(caller, id), again).await;
    let Progress { replayed, is_more } = done.map_err(|error| refused(error, id))?;
    Ok(Json(One::new(ProgressBody { replayed, is_more })))
}

async fn counts(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Json<One<CountsBody>>> {
    let counts = ops::counts(&app, caller.store, asked(&caller, id)).await;
    Ok(Json(One::new(counts.map_err(|error| refused(error, id))?.into())))
}

fn asked(caller: &Caller, id: i64) -> Asked {
    Asked { hook: HookId(id), of: Some(caller.account) }
}

fn place(cursor: &str) -> Result<i64, Failure> {
    Window::cursor(cursor)?.get("id").and_then(Value::as_i64).ok_or_else(Window::lost_cursor)
}

/// In the words that `/v3/hooks` has of it.
fn refused(error: Error, id: i64) -> Failure {
    match error {
        Error::NotFound("webhook") => {
            Failure::new(StatusCode::NOT_FOUND, format!("Webhook with id [{id}] not found"))
        }
        error => error.into(),
    }
}

#[derive(Serialize)]
struct DeliveryBody {
    id: String,
    scope: String,
    subject: i64,
    created_at: String,
    status: &'static str,
    failures: i64,
    next_attempt_at: Option<String>,
    died_at: Option<String>,
    last_attempt: Option<LastBody>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.hash,
            scope: delivery.scope,
            subject: delivery.subject,
            created_at: moment(delivery.created_at),
            status: delivery.status.name(),
            failures: delivery.failures,
            next_attempt_at: delivery.due_at.map(moment),
            died_at: delivery.died_at.map(moment),
            last_attempt: delivery.last.map(LastBody::from),
        }
    }
}

#[derive(Serialize)]
struct LastBody {
    number: i64,
    at: String,
    took_ms: i64,
    status: Option<i64>,
    fault: Option<String>,
}

impl From<Attempt> for LastBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            at: moment(attempt.at),
            took_ms: attempt.took / 1_000,
            status: (attempt.status != 0).then_some(attempt.status),
            fault: Some(attempt.fault).filter(|fault| !fault.is_empty()),
        }
    }
}

#[derive(Serialize)]
struct AttemptBody {
    #[serde(flatten)]
    attempt: LastBody,
    answer: Option<String>,
}

impl From<Attempt> for AttemptBody {
    fn from(mut attempt: Attempt) -> Self {
        let answer = std::mem::take(&mut attempt.answer);
        let answer = (attempt.status != 0).then_some(answer);
        Self { attempt: attempt.into(), answer }
    }
}

#[derive(Serialize)]
struct WholeBody {
    #[serde(flatten)]
    delivery: DeliveryBody,
    body: String,
    attempts: Vec<AttemptBody>,
}

impl From<Whole> for WholeBody {
    fn from(whole: Whole) -> Self {
        Self {
            delivery: whole.delivery.into(),
            body: whole.body,
            attempts: whole.attempts.into_iter().map(AttemptBody::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct ProgressBody {
    replayed: i64,
    is_more: bool,
}

#[derive(Serialize)]
struct CountsBody {
    waiting: CountBody,
    failing: CountBody,
    dead: CountBody,
    oldest_waiting_at: Option<String>,
    hours: Vec<HourBody>,
}

impl From<Counts> for CountsBody {
    fn from(counts: Counts) -> Self {
        Self {
            waiting: counts.waiting.into(),
            failing: counts.failing.into(),
            dead: counts.dead.into(),
            oldest_waiting_at: counts.oldest.map(moment),
            hours: counts.hours.into_iter().map(HourBody::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct CountBody {
    count: i64,
    is_more: bool,
}

impl From<Count> for CountBody {
    fn from(Count { count, is_more }: Count) -> Self {
        Self { count, is_more }
    }
}

#[derive(Serialize)]
struct HourBody {
    begun_at: String,
    arrived: i64,
    failed: i64,
}

impl From<Hour> for HourBody {
    fn from(hour: Hour) -> Self {
        let Hour { begun_at, arrived, failed } = hour;
        Self { begun_at: begun_at.to_rfc3339(), arrived, failed }
    }
}

fn moment(at: Timestamp) -> String {
    at.to_rfc3339_micros()
}
