//! The worker's transactions. Each is short, and none waits for the network.

use std::collections::{BTreeMap, BTreeSet};

use access::{Author, RequestId, Secrets, accounts};
use kernel::{AccountId, Chance, HookId, Result, StoreId, Timestamp, hex};
use resources::{
    audit::{self, model::Change},
    deliveries,
    hooks::model::{FAILURES, Hook},
    listeners,
    outbox::{
        self,
        model::{Event, Exception},
    },
};
use rest::App;
use sql::{ReadTx, WriteTx};

use crate::{
    counts, letter,
    model::{self, Fault, Occasion, Outcome, Past, Profile, Slot, Step},
    post::Attempt,
    rows::{self, Delivery, First, Parcel, Queue, Recipient, Subscriber, Told, Tried, Waiting},
};

/// What a fan-out has done.
#[derive(Debug, Default)]
pub(crate) struct Fanned {
    /// For whom there is something now.
    pub(crate) queues: BTreeSet<Queue>,
    /// Whether there may be more to take.
    pub(crate) is_more: bool,
    /// Whether somebody else has the turn: they go on while they see more, and who looks later finds what they did not.
    pub(crate) is_anothers: bool,
}

/// The stores whose outboxes have events.
pub(crate) async fn stores(app: &App) -> Result<BTreeSet<StoreId>> {
    let mut stores = BTreeSet::new();
    let mut last = StoreId(i64::MIN);
    while let Some(store) = app.db.read(async |tx| rows::store_with_events(tx, last).await).await? {
        stores.insert(store);
        last = store;
    }
    Ok(stores)
}

/// The webhooks for which something is due.
pub(crate) async fn due(app: &App) -> Result<BTreeSet<Queue>> {
    let now = app.clock.now();
    let mut due = BTreeSet::new();
    let mut last = Queue { store: StoreId(i64::MIN), hook: HookId(i64::MIN) };
    while let Some((queue, due_at)) =
        app.db.read(async |tx| rows::queue_after(tx, last).await).await?
    {
        if due_at <= now {
            due.insert(queue);
        }
        last = queue;
    }
    Ok(due)
}

/// Take some events out of a store's outbox, and note who is to be told of them.
pub(crate) async fn fan_out(app: &App, store: StoreId) -> Result<Fanned> {
    let most = if app.db.has_one_writer() { AT_A_TIME } else { FANNED_OUT_AT_ONCE };
    let waiting = app.db.read(async |tx| rows::count_waiting(tx, store, most).await).await?;
    if waiting == 0 {
        return Ok(Fanned::default());
    }
    let now = app.clock.now();
    // Some may come meanwhile.
    let hashes: Vec<String> =
        (0..most.min(waiting + 16)).map(|_| draw_hash(&*app.chance)).collect();
    app.db.write(async |tx| spread(tx, store, &hashes, now).await).await
}

async fn spread(
    tx: &mut WriteTx,
    store: StoreId,
    hashes: &[String],
    now: Timestamp,
) -> Result<Fanned> {
    // One at a time takes a store's events, or the later ones could come first.
    let Some((store_hash, _)) = rows::take_turn(tx, store).await? else {
        let is_anothers = rows::swept_at(tx, store).await?.is_some();
        return Ok(Fanned { is_anothers, ..Fanned::default() });
    };
    let events = rows::waiting(tx, store, hashes.len()).await?;
    let subscribers = rows::subscribers(tx, store).await?;
    let is_heard = listeners::rows::is_heard(tx, store, now).await?;
    let (mut told, mut wanted, mut taken, mut rows_to_write) = (Vec::new(), Vec::new(), 0, 0);
    for (event, hash) in events.iter().zip(hashes) {
        if rows_to_write >= DELIVERIES_AT_A_TIME {
            break;
        }
        taken += 1;
        let by: Vec<HookId> = who_wants(event, &subscribers).collect();
        if by.is_empty() && !is_heard {
            continue;
        }
        rows_to_write += by.len();
        let at = event.created_at;
        let body = letter::body((store, &store_hash), hash, at, &event.scope, &event.data);
        told.push(Told { event_id: event.event_id, hash, event, body });
        wanted.push(by);
    }
    // Two processes may have drawn one number; the first to come had it in the outbox, and has it here.
    let kept = rows::insert_events(tx, store, &told).await?;
    for it in told.iter_mut().filter(|it| !kept.contains(&it.event_id)) {
        loop {
            it.event_id += 1;
            if !rows::insert_events(tx, store, std::slice::from_ref(it)).await?.is_empty() {
                break;
            }
        }
    }
    if is_heard {
        let event_ids: Vec<i64> = told.iter().map(|it| it.event_id).collect();
        listeners::rows::note_events(tx, store, &event_ids, now).await?;
    }
    let (mut lanes, mut deliveries) = (BTreeMap::new(), Vec::with_capacity(rows_to_write));
    for (it, by) in told.iter().zip(wanted) {
        let (event_id, subject) = (it.event_id, it.event.subject);
        // In the order in which things happened, also where another machine's clock is ahead.
        let due_at = it.event.created_at.min(now);
        for hook in by {
            deliveries.push(Delivery { hook, event_id, subject, due_at });
            lanes.entry((hook, subject)).or_insert(due_at);
        }
    }
    rows::insert_deliveries(tx, store, &deliveries).await?;
    let queues = lanes.keys().map(|(hook, _)| Queue { store, hook: *hook }).collect();
    let lanes: Vec<_> = lanes.into_iter().collect();
    rows::open_lanes(tx, store, &lanes).await?;
    let all = events.len() < hashes.len() && taken == events.len();
    rows::take_out(tx, store, &events[..taken]).await?;
    Ok(Fanned { queues, is_more: !all, is_anothers: false })
}

/// The webhooks that are to be told of an event: those that were there when it happened, as far as clocks agree. What is
/// wrong with one is told to its own account's only.
fn who_wants<'s>(
    event: &'s Waiting,
    subscribers: &'s [Subscriber],
) -> impl Iterator<Item = HookId> + 's {
    let of_failures = event.scope == FAILURES;
    let failing = subscribers.iter().find(|it| of_failures && it.hook.0 == event.subject);
    let wants = move |it: &&Subscriber| match failing {
        Some(failing) => it.scope.hears_of_failures() && it.account == failing.account,
        None => !of_failures && it.scope.covers(&event.scope),
    };
    let was_there = |it: &&Subscriber| it.created_at.0 - CLOCKS <= event.created_at.0;
    subscribers.iter().filter(|it| it.is_active).filter(was_there).filter(wants).map(|it| it.hook)
}

/// A webhook to which something may be sent.
pub(crate) struct Addressee {
    pub(crate) queue: Queue,
    pub(crate) recipient: Recipient,
    /// What its account signs with.
    pub(crate) secrets: Secrets,
}

impl Addressee {
    pub(crate) fn hook(&self) -> &Hook {
        &self.recipient.hook
    }

    pub(crate) fn domain(&self) -> &str {
        self.recipient.hook.destination.domain()
    }
}

/// The webhook, with what signs for it; `None` where nothing is to be sent to it any more: it is gone or inactive, or its
/// account was revoked, or its store is being deleted.
pub(crate) async fn addressee(app: &App, queue: Queue) -> Result<Option<Addressee>> {
    let found = app.db.read(async |tx| rows::recipient(tx, queue).await).await?;
    let Some(recipient) = found.filter(|it| it.hook.is_active) else { return Ok(None) };
    let account = recipient.hook.account;
    let secrets = signing_secrets(app, queue, account).await?;
    Ok(secrets.map(|secrets| Addressee { queue, recipient, secrets }))
}

async fn signing_secrets(app: &App, queue: Queue, account: AccountId) -> Result<Option<Secrets>> {
    accounts::signing_secrets(&app.db, &app.seal, queue.store, account, app.clock.now()).await
}

/// See to some of what waits for a webhook to which nothing is to be sent any more: where it is inactive it becomes dead
/// letters, and where it is gone, or its account is, it is dropped. Whether there may be more.
pub(crate) async fn discard(app: &App, queue: Queue) -> Result<bool> {
    let now = app.clock.now();
    let is_gone = is_gone(app, queue).await?;
    app.db
        .write(async |tx| {
            if is_gone {
                let dropped = rows::drop_waiting(tx, queue, AT_A_TIME).await?;
                return Ok(dropped + rows::drop_lanes(tx, queue, AT_A_TIME).await? > 0);
            }
            // Somebody may have made it active again; what happens from then on is sent.
            if rows::is_active(tx, queue).await? {
                return Ok(false);
            }
            let buried = rows::bury_waiting(tx, queue, now, AT_A_TIME).await?;
            Ok(rows::drop_lanes(tx, queue, AT_A_TIME).await? > 0 || buried > 0)
        })
        .await
}

/// Whether a webhook is deleted, or its account revoked: nobody will ask for what is kept for it.
async fn is_gone(app: &App, queue: Queue) -> Result<bool> {
    let found = app.db.read(async |tx| rows::recipient(tx, queue).await).await?;
    let Some(it) = found else { return Ok(true) };
    Ok(signing_secrets(app, queue, it.hook.account).await?.is_none())
}

/// Lease up to so many of a webhook's lanes, with the delivery that is first in each.
pub(crate) async fn lease(app: &App, queue: Queue, limit: i64) -> Result<Vec<Parcel>> {
    let now = app.clock.now();
    let lease = app.event_ids.next(now);
    app.db
        .write(async |tx| {
            let mut subjects = rows::due_lanes(tx, queue, now, limit).await?;
            if subjects.is_empty() {
                return Ok(Vec::new());
            }
            rows::lease(tx, queue, &subjects, (lease, now.plus_seconds(LEASE))).await?;
            let firsts = rows::firsts(tx, queue, &subjects, now).await?;
            let parcels: Vec<Parcel> = firsts
                .into_iter()
                .map(|First { subject, event_id, failures, attempts, hash, body }| Parcel {
                    subject,
                    lease,
                    event_id,
                    failures,
                    attempts,
                    hash,
                    body,
                })
                .collect();
            // What was first in the others went with its customer.
            subjects.retain(|subject| parcels.iter().all(|it| it.subject != *subject));
            if !subjects.is_empty() {
                rows::give_back(tx, queue, &subjects).await?;
            }
            Ok(parcels)
        })
        .await
}

/// A letter of which it is known what came of it.
pub(crate) struct Landed {
    pub(crate) parcel: Parcel,
    pub(crate) attempt: Attempt,
}

/// What recording did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recorded {
    /// Whether the account is to be told of something.
    pub(crate) is_told: bool,
    /// Whether more is due in one of the lanes.
    pub(crate) is_due: bool,
}

/// Keep what came of attempts at one webhook, at most [`RECORDED_AT_ONCE`] of them, together with what follows from each.
/// Of those whose lease ran out nothing is kept.
pub(crate) async fn record(
    app: &App,
    profile: &Profile,
    to: &Addressee,
    landed: &[&Landed],
) -> Result<Recorded> {
    let now = app.clock.now();
    let queue = to.queue;
    let since = to.recipient.failing_since;
    let failing_since = (since > Timestamp(0)).then_some(since);
    let step = |it: &Landed, changed_at: Timestamp| {
        let (failures, outcome) = (it.parcel.failures, it.attempt.outcome);
        let past = Past { changed_at, failing_since };
        model::next(profile, Occasion::Attempted { failures, outcome, past }, now)
    };
    let consequence = |it: &&Landed| {
        let step = step(it, to.hook().updated_at);
        let author = (step == Step::Deactivate)
            .then(|| Author::server(queue.store, RequestId::draw(&*app.chance)));
        (step, author, app.event_ids.pair(now))
    };
    let consequences: Vec<_> = landed.iter().map(consequence).collect();
    app.db
        .write(async |tx| {
            let subjects = landed.iter().map(|it| it.parcel.subject);
            let held = rows::hold_lanes(tx, queue, subjects).await?;
            let is_held = |it: &Landed| held.get(&it.parcel.subject) == Some(&it.parcel.lease);
            let mut kept: Vec<_> = landed
                .iter()
                .zip(&consequences)
                .filter(|(it, _)| is_held(it))
                .map(|(it, (step, author, numbers))| (it, (*step, author, *numbers)))
                .collect();
            if kept.is_empty() {
                return Ok(Recorded::default());
            }
            // Whoever changed the webhook while its letters were on their way may have repaired it.
            if kept.iter().any(|(_, (step, ..))| *step == Step::Deactivate)
                && let Some(changed_at) = rows::changed_at(tx, queue).await?
            {
                for (it, (next, ..)) in &mut kept {
                    *next = step(it, changed_at);
                }
            }
            // First the deliveries: where one went with its customer, nothing is kept of what became of it.
            let arrived = kept.iter().filter(|(_, (step, ..))| *step == Step::Done);
            let arrived: Vec<i64> = arrived.map(|(it, _)| it.parcel.event_id).collect();
            let mut found = BTreeSet::new();
            if !arrived.is_empty() {
                found = rows::delete_deliveries(tx, queue, arrived).await?;
            }
            for (it, (step, ..)) in kept.iter().filter(|(_, (step, ..))| *step != Step::Done) {
                if settle(tx, queue, &it.parcel, *step, now).await? {
                    found.insert(it.parcel.event_id);
                }
            }
            let attempts: Vec<Tried<'_>> = kept
                .iter()
                .filter(|(it, _)| found.contains(&it.parcel.event_id))
                .filter(|(it, _)| it.attempt.outcome != Outcome::Failed(Fault::OutsideTrial))
                .map(|(it, _)| Tried {
                    parcel: &it.parcel,
                    outcome: it.attempt.outcome,
                    answer: &it.attempt.answer,
                    took: i64::try_from(it.attempt.took.as_micros()).unwrap_or(i64::MAX),
                })
                .collect();
            rows::insert_attempts(tx, queue, &attempts, now).await?;
            if to.recipient.heard_until > now {
                for Tried { parcel, .. } in &attempts {
                    let attempt = (queue.hook, parcel.attempts + 1);
                    listeners::rows::note_attempt(tx, queue.store, parcel.event_id, attempt, now)
                        .await?;
                }
            }
            let (mut is_told, mut has_arrived, mut has_failed) = (false, false, false);
            for (it, (step, author, numbers)) in kept.iter().copied() {
                if !found.contains(&it.parcel.event_id) || step == Step::Done && has_arrived {
                    continue;
                }
                has_arrived |= step == Step::Done;
                has_failed |= matches!(step, Step::RetryAt(_) | Step::BeginAnewAt(_));
                is_told |= follow(tx, profile, to, (step, author.as_ref(), numbers), now).await?;
            }
            if has_failed && !has_arrived && failing_since.is_none() {
                rows::fails(tx, queue, now).await?;
            }
            let subjects: Vec<i64> = kept.iter().map(|(it, _)| it.parcel.subject).collect();
            let due = rows::give_back(tx, queue, &subjects).await?;
            Ok(Recorded { is_told, is_due: due.iter().any(|at| *at <= now) })
        })
        .await
}

/// Write what became of a delivery. `false` where there is none any more.
async fn settle(
    tx: &mut WriteTx,
    queue: Queue,
    parcel: &Parcel,
    step: Step,
    now: Timestamp,
) -> Result<bool> {
    let &Parcel { failures, attempts, .. } = parcel;
    let is_there = match step {
        Step::RetryAt(at) => {
            rows::put_off(tx, queue, parcel, at, (failures + 1, attempts + 1)).await?
        }
        Step::BeginAnewAt(at) => rows::put_off(tx, queue, parcel, at, (1, attempts + 1)).await?,
        Step::WaitUntil(at) => rows::put_off(tx, queue, parcel, at, (failures, attempts)).await?,
        Step::Done | Step::Deactivate => {
            !rows::delete_deliveries(tx, queue, [parcel.event_id]).await?.is_empty()
        }
        // Nothing of the kind follows from an attempt; if it did, the event would stay.
        Step::Rest | Step::Send | Step::BlockUntil(_) | Step::Tell => false,
    };
    if is_there && step == Step::Deactivate {
        rows::bury(tx, queue, parcel, now).await?;
    }
    Ok(is_there)
}

/// Do what else follows from an attempt. Whether the account is to be told of something.
async fn follow(
    tx: &mut WriteTx,
    profile: &Profile,
    to: &Addressee,
    (step, author, (event_id, audit_id)): (Step, Option<&Author>, (i64, i64)),
    now: Timestamp,
) -> Result<bool> {
    let queue = to.queue;
    // That a failure cannot be told is not told.
    let hears_itself = to.hook().scope.hears_of_failures();
    let exception = match step {
        Step::RetryAt(_) | Step::BeginAnewAt(_) => {
            let told_at = to.recipient.told_at;
            let is_news = model::next(profile, Occasion::Failing { told_at }, now) == Step::Tell;
            let is_told = !hears_itself && is_news;
            if !is_told || !counts::tell(tx, queue.store, to.domain(), now, told_at).await? {
                return Ok(false);
            }
            Exception::WillRetry
        }
        Step::Deactivate => {
            if !rows::deactivate(tx, queue, now).await? {
                return Ok(false);
            }
            if let Some(author) = author {
                let change = Change::hook_deactivated(queue.hook);
                audit::rows::record(tx, author, audit_id, &change, now).await?;
            }
            if hears_itself {
                return Ok(false);
            }
            Exception::GivenUp
        }
        Step::Done => {
            // To the hour is enough to know what nothing reaches for months.
            let is_old = now.0 - to.hook().delivered_at.0 >= HOUR;
            if is_old || to.recipient.failing_since > Timestamp(0) {
                rows::arrived(tx, queue, now).await?;
            }
            return Ok(false);
        }
        Step::WaitUntil(_) | Step::Rest | Step::Send | Step::BlockUntil(_) | Step::Tell => {
            return Ok(false);
        }
    };
    let event = Event::DeliveryFailed(queue.hook, exception);
    outbox::rows::publish(tx, queue.store, event_id, event, now).await?;
    Ok(true)
}

/// Add what a store's webhooks had of attempts that arrived and that failed, in the order of their numbers, to what is
/// shown of this hour.
pub(crate) async fn tally(
    app: &App,
    store: StoreId,
    counts: &[(HookId, (i64, i64))],
) -> Result<()> {
    let now = app.clock.now();
    let begun_at = Timestamp(now.0 - now.0.rem_euclid(HOUR));
    app.db
        .write(async |tx| {
            if !rows::hold_store(tx, store).await? {
                return Ok(());
            }
            Ok(counts::tally(tx, store, begun_at, counts).await?)
        })
        .await
}

/// Add what was attempted at a store's domains, and what failed, to what was counted of them, in the order of their
/// names; block those to which too little arrives. Which those are.
pub(crate) async fn count(
    app: &App,
    profile: &Profile,
    store: StoreId,
    counts: &[(String, (i64, i64))],
) -> Result<Vec<String>> {
    let now = app.clock.now();
    let domains: Vec<(&str, Vec<i64>)> = counts
        .iter()
        .map(|(domain, _)| (domain.as_str(), app.event_ids.several(now, TOLD_AT_ONCE)))
        .collect();
    app.db
        .write(async |tx| {
            let mut blocked = Vec::new();
            if !rows::hold_store(tx, store).await? {
                return Ok(blocked);
            }
            counts::count(tx, store, Slot::of(now), counts, Slot::oldest(now)).await?;
            let failing = counts::failing(tx, store, counts).await?;
            for (domain, event_ids) in domains.iter().filter(|(it, _)| failing.contains(*it)) {
                if block(tx, profile, (store, domain), event_ids, now).await? {
                    blocked.push((*domain).to_owned());
                }
            }
            Ok(blocked)
        })
        .await
}

/// Block a domain if too little arrives there, and tell its webhooks' accounts under these numbers. Whether it is
/// blocked now.
async fn block(
    tx: &mut WriteTx,
    profile: &Profile,
    (store, domain): (StoreId, &str),
    event_ids: &[i64],
    now: Timestamp,
) -> Result<bool> {
    let slots = counts::counted(tx, store, domain).await?;
    let blocked_until = counts::blocked_until(tx, store, domain).await?;
    let occasion = Occasion::Counted { slots: &slots, blocked_until };
    let Step::BlockUntil(until) = model::next(profile, occasion, now) else {
        return Ok(false);
    };
    counts::block(tx, store, domain, until).await?;
    let most = i64::try_from(TOLD_AT_ONCE).unwrap_or(i64::MAX);
    let hooks = counts::hooks_at(tx, store, domain, most).await?;
    let failing = hooks.iter().filter(|it| !it.scope.hears_of_failures());
    for (it, event_id) in failing.zip(event_ids) {
        let event = Event::DeliveryFailed(it.hook, Exception::Blocked);
        outbox::rows::publish(tx, store, *event_id, event, now).await?;
    }
    Ok(true)
}

/// Once an hour: make inactive what nothing reaches, and forget what is old.
pub(crate) async fn sweep(app: &App, profile: &Profile, store: StoreId) -> Result<()> {
    let now = app.clock.now();
    let is_soon = |swept_at: Timestamp| now.0 - swept_at.0 < HOUR;
    let swept_at = app.db.read(async |tx| rows::swept_at(tx, store).await).await?;
    if swept_at.is_none_or(is_soon) {
        return Ok(());
    }
    let author = Author::server(store, RequestId::draw(&*app.chance));
    let is_swept = app
        .db
        .write(async |tx| {
            let turn = rows::take_turn(tx, store).await?;
            if turn.is_none_or(|(_, swept_at)| is_soon(swept_at)) {
                return Ok(false);
            }
            rows::swept(tx, store, now).await?;
            for (hook, since) in rows::arrivals(tx, store).await? {
                if model::next(profile, Occasion::Silent { since }, now) == Step::Deactivate {
                    rows::deactivate(tx, Queue { store, hook }, now).await?;
                    let (audit_id, change) =
                        (app.event_ids.next(now), Change::hook_deactivated(hook));
                    audit::rows::record(tx, &author, audit_id, &change, now).await?;
                }
            }
            Ok::<_, kernel::Error>(true)
        })
        .await?;
    if is_swept { forget(app, store, now).await } else { Ok(()) }
}

/// Forget of a store what is older than its history goes back, and what is kept for webhooks that are gone, some rows at
/// a time.
async fn forget(app: &App, store: StoreId, now: Timestamp) -> Result<()> {
    let before = Timestamp(now.0 - app.settings.webhook_history * 24 * HOUR);
    let dead = async |tx: &mut WriteTx| {
        Ok::<_, kernel::Error>(rows::forget_dead(tx, store, before, AT_A_TIME).await?)
    };
    while app.db.write(dead).await? > 0 {}
    let keeping = async |tx: &mut ReadTx| deliveries::rows::hooks(tx, store).await;
    for hook in app.db.snapshot(keeping).await? {
        let queue = Queue { store, hook };
        if !is_gone(app, queue).await? {
            continue;
        }
        let dead = async |tx: &mut WriteTx| {
            Ok::<_, kernel::Error>(rows::drop_dead(tx, queue, AT_A_TIME).await?)
        };
        while app.db.write(dead).await? > 0 {}
        // Of an account that was revoked only what would still be sent goes at once.
        if app.db.read(async |tx| rows::recipient(tx, queue).await).await?.is_some() {
            continue;
        }
        let attempts = async |tx: &mut WriteTx| {
            Ok::<_, kernel::Error>(rows::drop_attempts(tx, queue, AT_A_TIME).await?)
        };
        while app.db.write(attempts).await? > 0 {}
    }
    let events = async |tx: &mut WriteTx| {
        Ok::<_, kernel::Error>(rows::forget(tx, store, before, AT_A_TIME).await?)
    };
    while app.db.write(events).await? > 0 {}
    let hours = Timestamp(now.0 - HOURS_SHOWN * HOUR);
    app.db.write(async |tx| Ok(counts::forget_hours(tx, store, hours).await?)).await
}

/// An event's name: 40 hexadecimal digits.
fn draw_hash(chance: &dyn Chance) -> String {
    let mut bytes = [0; 20];
    chance.fill(&mut bytes);
    hex(&bytes)
}

/// How many rows one transaction moves. It keeps other writers waiting no longer than a page is read.
const AT_A_TIME: i64 = 200;

/// How many events a fan-out takes that keeps no other writer waiting. It costs ten round trips, however many they are.
const FANNED_OUT_AT_ONCE: i64 = 1_000;

/// Nor does it write many more deliveries than this, each with its lane.
const DELIVERIES_AT_A_TIME: usize = 1_000;

/// How many attempts one transaction records: with more its statements would not be kept prepared.
pub(crate) const RECORDED_AT_ONCE: usize = 32;

/// How far the clocks of two machines may be apart.
const CLOCKS: i64 = 10 * Timestamp::SECOND;

/// How long a lease holds, in seconds: an attempt and what is written of it take less by far.
const LEASE: i64 = 20;

/// Of how many webhooks at a blocked domain their accounts are told.
const TOLD_AT_ONCE: usize = 16;

/// In microseconds.
const HOUR: i64 = 3600 * Timestamp::SECOND;

/// For how many hours attempts are counted, the one that has begun among them, and one more.
const HOURS_SHOWN: i64 = 25;
