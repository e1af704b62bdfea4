//! `custodia hooks`

use std::sync::Arc;

use access::{RequestId, stores};
use kernel::{Error, HookId, StoreId, SystemChance, SystemClock, Timestamp, WhenFilter};
use resources::{
    deliveries::{
        model::{Again, Asked, Delivery, Filter, Status},
        ops,
    },
    hooks,
};
use rest::{App, Caller, Settings};
use serde_json::json;
use sql::Db;

use crate::{
    Outcome, listen, open,
    options::{DeliveryStatus, HooksCommand, Shared},
    store::in_words,
};

pub(crate) async fn run(shared: &Shared, command: HooksCommand) -> Outcome {
    let db = open::database(&shared.database).await?;
    match command {
        HooksCommand::Listen { store, json } => listen::run(&db, &store, json).await?,
        HooksCommand::List { store } => list(&db, &store).await?,
        HooksCommand::Deliveries { store, hook, status, limit, json } => {
            let filter = Filter { status: status.map(Status::from), ..Filter::default() };
            deliveries(&app(shared, &db).await?, &store, hook, &filter, limit, json).await?;
        }
        HooksCommand::Replay { store, hook, event, failed_since, dead: _ } => {
            let again = match (event, failed_since) {
                (Some(hash), _) => Again::One(hash),
                (None, Some(text)) => {
                    let since =
                        WhenFilter::parse(&text).ok_or_else(|| format!("{text}: no time"))?;
                    Again::FailedSince(since.from)
                }
                (None, None) => Again::Dead,
            };
            replay(&app(shared, &db).await?, &store, hook, &again).await?;
        }
    }
    Ok(db.close().await?)
}

async fn list(db: &Db, hash: &str) -> Outcome {
    let store = stores::find(db, hash).await.map_err(|error| in_words(error, hash))?;
    for hook in hooks::ops::of_store(db, store.id).await? {
        let state = match (hook.is_active, hook.is_deactivated) {
            (true, _) => "active",
            (false, true) => "deactivated",
            (false, false) => "inactive",
        };
        let (scope, destination) = (hook.scope.as_str(), hook.destination.url());
        println!("{}\t{state}\t{scope}\t{destination}", hook.id.0);
    }
    Ok(())
}

async fn app(shared: &Shared, db: &Db) -> Outcome<App> {
    let seal = open::seal(shared, db).await?;
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    Ok(App::new(db.clone(), seal, clock, chance, Settings::default()).await?)
}

async fn deliveries(
    app: &App,
    hash: &str,
    hook: Option<i64>,
    filter: &Filter,
    limit: i64,
    json: bool,
) -> Outcome {
    let store = stores::find(&app.db, hash).await.map_err(|error| in_words(error, hash))?.id;
    let hooks = match hook {
        Some(id) => vec![HookId(id)],
        None => hooks::ops::of_store(&app.db, store).await?.iter().map(|hook| hook.id).collect(),
    };
    for hook in hooks {
        print(app, store, hook, filter, limit, json).await?;
    }
    Ok(())
}

async fn print(
    app: &App,
    store: StoreId,
    hook: HookId,
    filter: &Filter,
    limit: i64,
    json: bool,
) -> Outcome {
    let (asked, mut left, mut before) = (Asked { hook, of: None }, limit, None);
    loop {
        let of = (before, left.min(A_PAGE));
        let found = ops::list(app, store, asked, filter, of).await;
        let (page, is_more) = found.map_err(|error| in_words(error, &hook.0.to_string()))?;
        for delivery in &page {
            println!("{}", if json { as_json(hook, delivery) } else { line(hook, delivery) });
        }
        left -= i64::try_from(page.len())?;
        before = page.last().map(|delivery| delivery.event_id);
        if !is_more || left <= 0 {
            return Ok(());
        }
    }
}

fn line(hook: HookId, delivery: &Delivery) -> String {
    let Delivery { hash, scope, subject, status, .. } = delivery;
    let (hook, at, status) = (hook.0, delivery.created_at.to_rfc3339_micros(), status.name());
    let last = delivery.last.as_ref().map_or("-".to_owned(), |last| {
        let came = if last.status == 0 { last.fault.clone() } else { last.status.to_string() };
        format!("{} {came}", last.number)
    });
    let next = delivery.due_at.map_or("-".to_owned(), Timestamp::to_rfc3339_micros);
    format!("{hook}\t{hash}\t{at}\t{scope}\t{subject}\t{status}\t{last}\t{next}")
}

fn as_json(hook: HookId, delivery: &Delivery) -> String {
    let last = delivery.last.as_ref().map(|last| {
        json!({
            "number": last.number,
            "at": last.at.to_rfc3339_micros(),
            "took_ms": last.took / 1_000,
            "status": (last.status != 0).then_some(last.status),
            "fault": Some(&last.fault).filter(|fault| !fault.is_empty()),
        })
    });
    json!({
        "webhook_id": hook.0,
        "id": delivery.hash,
        "scope": delivery.scope,
        "subject": delivery.subject,
        "created_at": delivery.created_at.to_rfc3339_micros(),
        "status": delivery.status.name(),
        "failures": delivery.failures,
        "next_attempt_at": delivery.due_at.map(Timestamp::to_rfc3339_micros),
        "died_at": delivery.died_at.map(Timestamp::to_rfc3339_micros),
        "last_attempt": last,
    })
    .to_string()
}

/// What `POST /custodia/hooks/{id}/replay` and its like do, until nothing is left of it.
async fn replay(app: &App, hash: &str, hook: i64, again: &Again) -> Outcome {
    let store = stores::find(&app.db, hash).await.map_err(|error| in_words(error, hash))?;
    let operator = Caller::operator(store, RequestId::draw(&SystemChance));
    let asked = Asked { hook: HookId(hook), of: None };
    let mut replayed = 0;
    loop {
        let done = ops::replay(app, &operator, asked, again).await;
        let done = done.map_err(|error| match (error, again) {
            (Error::Conflict(_), _) => {
                format!("webhook {hook} is inactive: make it active first").into()
            }
            (error @ Error::NotFound("delivery"), Again::One(event)) => in_words(error, event),
            (error, _) => in_words(error, &hook.to_string()),
        })?;
        replayed += done.replayed;
        if !done.is_more {
            break;
        }
    }
    println!("{replayed} to be delivered again to webhook {hook} of store {hash}");
    Ok(())
}

impl From<DeliveryStatus> for Status {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Waiting => Self::Waiting,
            DeliveryStatus::Arrived => Self::Arrived,
            DeliveryStatus::Failing => Self::Failing,
            DeliveryStatus::Dead => Self::Dead,
        }
    }
}

/// How many are read at once.
const A_PAGE: i64 = 250;
