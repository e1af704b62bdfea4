use std::collections::BTreeMap;

use kernel::{Error, Result, StoreId, Timestamp, Violations};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{
        Again, Asked, Count, Counts, Delivery, Filter, Hour, MOST_REPLAYED, Progress, Status, Whole,
    },
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
};

// Whoever asks for something again holds the counter of webhooks, then the events, their lanes, the deliveries, and the
// webhook last: as whoever fans out and records does. Who deletes the store waits, or was there before.

/// Some of a webhook's deliveries before this event, the newest first; and whether there are more.
pub async fn list(
    app: &App,
    store: StoreId,
    asked: Asked,
    filter: &Filter,
    (before, limit): (Option<i64>, i64),
) -> Result<(Vec<Delivery>, bool)> {
    let work = async |tx: &mut ReadTx| {
        rows::state(tx, store, asked).await?.ok_or(UNKNOWN)?;
        let mut found = Vec::new();
        for (_, status) in Status::ALL {
            if filter.status.is_none_or(|wanted| wanted == status) {
                let of = (status, filter);
                found.extend(rows::list(tx, store, asked.hook, of, before, limit + 1).await?);
            }
        }
        found.sort_by_key(|delivery| std::cmp::Reverse(delivery.event_id));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_more = found.len() > most;
        found.truncate(most);
        let events: Vec<i64> = found.iter().map(|delivery| delivery.event_id).collect();
        let last = rows::last_attempts(tx, store, asked.hook, &events).await?;
        let mut last: BTreeMap<i64, _> =
            last.into_iter().map(|attempt| (attempt.event_id, attempt)).collect();
        for delivery in &mut found {
            delivery.last = last.remove(&delivery.event_id);
        }
        Ok((found, is_more))
    };
    // A scope or a day may be looked for through all that is kept.
    let is_near = filter.scope.is_none() && filter.until.is_none();
    if is_near { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// One delivery, with what was sent and every attempt.
pub async fn find(app: &App, store: StoreId, asked: Asked, hash: &str) -> Result<Whole> {
    let find = async |tx: &mut ReadTx| {
        rows::state(tx, store, asked).await?.ok_or(UNKNOWN)?;
        let sent = rows::event(tx, store, hash).await?.ok_or(NO_DELIVERY)?;
        let attempts = rows::attempts(tx, store, asked.hook, sent.event_id).await?;
        let waiting = rows::waiting(tx, store, asked.hook, sent.event_id).await?;
        let dead = rows::dead(tx, store, asked.hook, sent.event_id).await?;
        let status = match (waiting, dead) {
            (Some((0, _)), _) => Status::Waiting,
            (Some(_), _) => Status::Failing,
            (None, Some(_)) => Status::Dead,
            (None, None) if attempts.is_empty() => return Err(NO_DELIVERY),
            (None, None) => Status::Arrived,
        };
        let delivery = Delivery {
            event_id: sent.event_id,
            hash: sent.hash,
            scope: sent.scope,
            subject: sent.subject,
            created_at: sent.created_at,
            status,
            failures: waiting.or(dead).map_or(0, |(failures, _)| failures),
            due_at: waiting.map(|(_, at)| at),
            died_at: dead.map(|(_, at)| at),
            last: attempts.last().cloned(),
        };
        Ok(Whole { delivery, body: sent.body, attempts })
    };
    app.db.snapshot(find).await
}

/// How a webhook stands.
pub async fn counts(app: &App, store: StoreId, asked: Asked) -> Result<Counts> {
    let now = app.clock.now();
    app.db
        .snapshot(async |tx: &mut ReadTx| {
            rows::state(tx, store, asked).await?.ok_or(UNKNOWN)?;
            let (untried, all) = rows::count_waiting(tx, store, asked.hook).await?;
            let waiting = Count { count: untried, is_more: Count::of(all).is_more };
            let hours = rows::hours(tx, store, asked.hook, Hour::first(now)).await?;
            Ok(Counts {
                waiting,
                failing: Count::of(rows::count_failing(tx, store, asked.hook).await?),
                dead: Count::of(rows::count_dead(tx, store, asked.hook).await?),
                oldest: rows::oldest(tx, store, asked.hook).await?,
                hours: Hour::all(&hours, now),
            })
        })
        .await
}

/// Have something delivered again, at most so much as one call may; each event once, however often it is asked for.
pub async fn replay(app: &App, caller: &Caller, asked: Asked, again: &Again) -> Result<Progress> {
    let done = match again {
        Again::One(hash) => {
            replay_one(app, caller, asked, hash).await?;
            Progress { replayed: 1, is_more: false }
        }
        Again::Dead => replay_some(app, caller, asked, Kind::Dead, Timestamp(0)).await?,
        Again::FailedSince(since) => {
            let mut done = replay_some(app, caller, asked, Kind::Dead, *since).await?;
            if !done.is_more {
                let left = MOST_REPLAYED - done.replayed;
                let more = replay_up_to(app, caller, asked, (Kind::Failing, *since), left).await?;
                done = Progress { replayed: done.replayed + more.replayed, ..more };
            }
            done
        }
    };
    app.changed.note(caller.store);
    Ok(done)
}

async fn replay_one(app: &App, caller: &Caller, asked: Asked, hash: &str) -> Result<()> {
    let (now, audit_id) = draw(app);
    let store = caller.store;
    app.db
        .write(async |tx| {
            begin(tx, store, asked).await?;
            let sent = rows::event(tx, store, hash).await?.ok_or(NO_DELIVERY)?;
            let of = [sent.event_id];
            if rows::hold_events(tx, store, &of).await?.is_empty() {
                return Err(NO_DELIVERY);
            }
            rows::open_lanes(tx, store, asked.hook, &of, now).await?;
            let moved = rows::hurry(tx, store, asked.hook, &of, now).await?
                + rows::revive(tx, store, asked.hook, &of, now).await?;
            let event = (sent.event_id, sent.subject);
            if moved == 0 && !rows::repeat(tx, store, asked.hook, event, now).await? {
                return Err(NO_DELIVERY);
            }
            end(tx, caller, asked, (audit_id, now)).await
        })
        .await
}

/// Which of what did not arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dead,
    Failing,
}

async fn replay_some(
    app: &App,
    caller: &Caller,
    asked: Asked,
    kind: Kind,
    since: Timestamp,
) -> Result<Progress> {
    replay_up_to(app, caller, asked, (kind, since), MOST_REPLAYED).await
}

/// Have what failed since then delivered again, a few at a time: who is cut off has done what is done.
async fn replay_up_to(
    app: &App,
    caller: &Caller,
    asked: Asked,
    (kind, since): (Kind, Timestamp),
    most: i64,
) -> Result<Progress> {
    let store = caller.store;
    let (mut replayed, mut after) = (0, i64::MIN);
    loop {
        let (now, audit_id) = draw(app);
        let limit = AT_A_TIME.min(most - replayed);
        let (found, moved) = app
            .db
            .write(async |tx| {
                begin(tx, store, asked).await?;
                // One more tells whether there are more.
                let from = (since, after);
                let mut found = match kind {
                    Kind::Dead => rows::dead_since(tx, store, asked.hook, from, limit + 1).await?,
                    Kind::Failing => {
                        rows::failing_since(tx, store, asked.hook, from, limit + 1).await?
                    }
                };
                let is_more = i64::try_from(found.len()).is_ok_and(|it| it > limit);
                found.truncate(usize::try_from(limit).unwrap_or_default());
                let last = found.last().copied();
                let held = rows::hold_events(tx, store, &found).await?;
                if held.is_empty() {
                    return Ok::<_, Error>(((last, is_more), 0));
                }
                rows::open_lanes(tx, store, asked.hook, &held, now).await?;
                let moved = match kind {
                    Kind::Dead => rows::revive(tx, store, asked.hook, &held, now).await?,
                    Kind::Failing => rows::hurry(tx, store, asked.hook, &held, now).await?,
                };
                end(tx, caller, asked, (audit_id, now)).await?;
                Ok(((last, is_more), i64::try_from(moved).map_err(Error::internal)?))
            })
            .await?;
        let (last, is_more) = found;
        replayed += moved;
        after = last.unwrap_or(after);
        if !is_more || replayed >= most {
            return Ok(Progress { replayed, is_more });
        }
    }
}

/// What every replay begins with: one at a time in a store, of a webhook that is there and takes something.
async fn begin(tx: &mut WriteTx, store: StoreId, asked: Asked) -> Result<()> {
    counters::hold(tx, store, Counter::Hook).await?.ok_or(Error::NotFound("store"))?;
    taken(rows::state(tx, store, asked).await?)
}

/// What it ends with: the webhook is still there and takes something, and who asked is written down.
async fn end(
    tx: &mut WriteTx,
    caller: &Caller,
    asked: Asked,
    (audit_id, now): (i64, Timestamp),
) -> Result<()> {
    taken(rows::hold_state(tx, caller.store, asked).await?)?;
    let change = Change::hook_replayed(asked.hook);
    Ok(audit::rows::record(tx, caller, audit_id, &change, now).await?)
}

fn taken(state: Option<bool>) -> Result<()> {
    if state.ok_or(UNKNOWN)? {
        return Ok(());
    }
    let mut faults = Violations::default();
    faults.add("is_active", "the webhook is inactive: make it active first");
    Err(Error::Conflict(faults))
}

/// The time and the number of an audit line, before the transaction that may run twice.
fn draw(app: &App) -> (Timestamp, i64) {
    let now = app.clock.now();
    (now, app.event_ids.next(now))
}

const UNKNOWN: Error = Error::NotFound("webhook");

const NO_DELIVERY: Error = Error::NotFound("delivery");

/// How many one transaction has delivered again: it keeps other writers waiting no longer than a page is read.
const AT_A_TIME: i64 = 200;
