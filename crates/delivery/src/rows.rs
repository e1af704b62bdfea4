use std::collections::{BTreeMap, BTreeSet};

use kernel::{AccountId, HookId, StoreId, Timestamp};
use resources::hooks::model::{EventScope, Hook};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx, Writes};

use crate::model::Outcome;

/// The webhook of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Queue {
    pub(crate) store: StoreId,
    pub(crate) hook: HookId,
}

/// An event that waits in the outbox.
pub(crate) struct Waiting {
    pub(crate) event_id: i64,
    pub(crate) scope: String,
    pub(crate) subject: i64,
    pub(crate) data: String,
    pub(crate) created_at: Timestamp,
}

/// Who may want an event.
pub(crate) struct Subscriber {
    pub(crate) hook: HookId,
    pub(crate) account: AccountId,
    pub(crate) scope: EventScope,
    pub(crate) is_active: bool,
    pub(crate) created_at: Timestamp,
}

/// A webhook that is delivered to, and how its domain stands.
#[derive(Clone)]
pub(crate) struct Recipient {
    pub(crate) hook: Hook,
    pub(crate) blocked_until: Timestamp,
    pub(crate) told_at: Timestamp,
    /// Since when all that is sent to it fails; 0 while something arrives.
    pub(crate) failing_since: Timestamp,
    /// Until when somebody listens; long ago where nobody does.
    pub(crate) heard_until: Timestamp,
}

/// A delivery whose lane was leased.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) subject: i64,
    pub(crate) lease: i64,
    pub(crate) event_id: i64,
    pub(crate) failures: i64,
    /// The last attempt's number.
    pub(crate) attempts: i64,
    pub(crate) hash: String,
    pub(crate) body: String,
}

/// An event that somebody is to be told of: its number, its name and its body.
pub(crate) struct Told<'e> {
    pub(crate) event_id: i64,
    pub(crate) hash: &'e str,
    pub(crate) event: &'e Waiting,
    pub(crate) body: String,
}

/// That a webhook is to be told of an event.
pub(crate) struct Delivery {
    pub(crate) hook: HookId,
    pub(crate) event_id: i64,
    pub(crate) subject: i64,
    pub(crate) due_at: Timestamp,
}

/// What came of an attempt.
#[derive(Clone, Copy)]
pub(crate) struct Tried<'a> {
    pub(crate) parcel: &'a Parcel,
    pub(crate) outcome: Outcome,
    pub(crate) answer: &'a str,
    /// In microseconds.
    pub(crate) took: i64,
}

/// The first store after this one whose outbox has events. Over all stores.
pub(crate) async fn store_with_events(tx: &mut ReadTx, after: StoreId) -> Result<Option<StoreId>> {
    let found: Option<(StoreId,)> = stores_with_events(tx, after).fetch_optional().await?;
    Ok(found.map(|(store,)| store))
}

fn stores_with_events(tx: &mut ReadTx, after: StoreId) -> Query<'_, Reads> {
    tx.query("SELECT store_id FROM outbox WHERE store_id > $1 ORDER BY store_id LIMIT 1")
        .bind(after)
}

/// The first webhook after this one for which something waits, and when the first of it is due. Over all stores.
pub(crate) async fn queue_after(
    tx: &mut ReadTx,
    after: Queue,
) -> Result<Option<(Queue, Timestamp)>> {
    let found: Option<Due> = queues(tx, after).fetch_optional().await?;
    Ok(found.map(|Due(queue, due_at)| (queue, due_at)))
}

fn queues(tx: &mut ReadTx, after: Queue) -> Query<'_, Reads> {
    tx.query(
        "SELECT store_id, hook_id, due_at FROM delivery_lane WHERE (store_id, hook_id) > ($1, $2)
         ORDER BY store_id, hook_id, due_at LIMIT 1",
    )
    .bind(after.store)
    .bind(after.hook)
}

/// How many events the outbox of a store has, as far as this.
pub(crate) async fn count_waiting(tx: &mut ReadTx, store: StoreId, most: i64) -> Result<i64> {
    let (count,): (i64,) = tx
        .query("SELECT COUNT(*) FROM (SELECT store_id FROM outbox WHERE store_id = $1 LIMIT $2) AS first WHERE store_id = $1")
        .bind(store)
        .bind(most)
        .fetch_one()
        .await?;
    Ok(count)
}

/// Take a store's turn until the transaction ends: its hash, and when it was last swept. `None` where another has it, or
/// the store is being deleted.
pub(crate) async fn take_turn(
    tx: &mut WriteTx,
    store: StoreId,
) -> Result<Option<(String, Timestamp)>> {
    let skip_locked = tx.skip_locked();
    let turn: Option<Turn> = tx
        .query("SELECT store_hash, swept_at FROM delivery_turn WHERE store_id = $1")
        .push(skip_locked)
        .bind(store)
        .fetch_optional()
        .await?;
    Ok(turn.map(|Turn(hash, swept_at)| (hash, swept_at)))
}

/// Whether a store is there; it stays so until the transaction ends.
pub(crate) async fn hold_store(tx: &mut WriteTx, store: StoreId) -> Result<bool> {
    let for_key_share = tx.for_key_share();
    let found: Option<(i64,)> = tx
        .query("SELECT store_id FROM delivery_turn WHERE store_id = $1")
        .push(for_key_share)
        .bind(store)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// When a store was last swept; `None` where there is no such store.
pub(crate) async fn swept_at(tx: &mut ReadTx, store: StoreId) -> Result<Option<Timestamp>> {
    let found: Option<(Timestamp,)> = tx
        .query("SELECT swept_at FROM delivery_turn WHERE store_id = $1")
        .bind(store)
        .fetch_optional()
        .await?;
    Ok(found.map(|(at,)| at))
}

/// A store was swept. The caller has its turn.
pub(crate) async fn swept(tx: &mut WriteTx, store: StoreId, now: Timestamp) -> Result<()> {
    tx.query("UPDATE delivery_turn SET swept_at = $2 WHERE store_id = $1")
        .bind(store)
        .bind(now)
        .execute()
        .await?;
    Ok(())
}

/// The first events in a store's outbox, held until the transaction ends. What somebody else holds is on its way out,
/// with the customer whom it tells of.
pub(crate) async fn waiting(
    tx: &mut WriteTx,
    store: StoreId,
    limit: usize,
) -> Result<Vec<Waiting>> {
    let skip_locked = tx.skip_locked();
    tx.query(
        "SELECT event_id, scope, subject, data, created_at FROM outbox WHERE store_id = $1
         ORDER BY event_id LIMIT $2",
    )
    .push(skip_locked)
    .bind(store)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all()
    .await
}

/// Every webhook of a store. An event that is committed was seen before them, so none is missing that was there when it
/// happened.
pub(crate) async fn subscribers(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Subscriber>> {
    tx.query(
        "SELECT hook_id, account_id, scope, is_active, created_at FROM hook WHERE store_id = $1 ORDER BY hook_id",
    )
    .bind(store)
    .fetch_all()
    .await
}

/// Take events out of the outbox.
pub(crate) async fn take_out(tx: &mut WriteTx, store: StoreId, events: &[Waiting]) -> Result<()> {
    // Of twice as many the statement would not stay prepared.
    for some in events.chunks(tx.at_once(32)) {
        tx.query("DELETE FROM outbox WHERE store_id = $1 AND event_id IN ")
            .bind(store)
            .push_list(some.iter().map(|event| event.event_id))
            .execute()
            .await?;
    }
    Ok(())
}

/// Keep events under their numbers, with their names and their bodies. The numbers that nobody else had.
pub(crate) async fn insert_events(
    tx: &mut WriteTx,
    store: StoreId,
    events: &[Told<'_>],
) -> Result<BTreeSet<i64>> {
    let mut kept = BTreeSet::new();
    for some in together(tx, events, 8) {
        let mut query = tx
            .query("INSERT INTO event (store_id, event_id, hash, scope, subject, body, created_at) VALUES ($1, ")
            .bind(store);
        for (at, it) in some.iter().enumerate() {
            query = query
                .push(if at == 0 { "" } else { "), ($1, " })
                .push_bind(it.event_id)
                .push(", ")
                .push_bind(it.hash)
                .push(", ")
                .push_bind(it.event.scope.as_str())
                .push(", ")
                .push_bind(it.event.subject)
                .push(", ")
                .push_bind(it.body.as_str())
                .push(", ")
                .push_bind(it.event.created_at);
        }
        let some: Vec<(i64,)> = query
            .push(") ON CONFLICT (store_id, event_id) DO NOTHING RETURNING event_id")
            .fetch_all()
            .await?;
        kept.extend(some.into_iter().map(|(event_id,)| event_id));
    }
    Ok(kept)
}

/// Webhooks are to be told of events.
pub(crate) async fn insert_deliveries(
    tx: &mut WriteTx,
    store: StoreId,
    deliveries: &[Delivery],
) -> Result<()> {
    for some in together(tx, deliveries, 8) {
        let mut query = tx
            .query(
                "INSERT INTO delivery (store_id, failures, attempts, hook_id, event_id, subject, due_at)
                 VALUES ($1, 0, 0, ",
            )
            .bind(store);
        for (at, it) in some.iter().enumerate() {
            query = query
                .push(if at == 0 { "" } else { "), ($1, 0, 0, " })
                .push_bind(it.hook)
                .push(", ")
                .push_bind(it.event_id)
                .push(", ")
                .push_bind(it.subject)
                .push(", ")
                .push_bind(it.due_at);
        }
        query.push(")").execute().await?;
    }
    Ok(())
}

/// Something is due in lanes, each of which is there once. One that is leased stays with whoever has it, who will find
/// what has come.
pub(crate) async fn open_lanes(
    tx: &mut WriteTx,
    store: StoreId,
    lanes: &[((HookId, i64), Timestamp)],
) -> Result<()> {
    for some in together(tx, lanes, 16) {
        let mut query = tx
            .query("INSERT INTO delivery_lane (store_id, lease, hook_id, subject, due_at) VALUES ($1, 0, ")
            .bind(store);
        for (at, ((hook, subject), due_at)) in some.iter().enumerate() {
            query = query
                .push(if at == 0 { "" } else { "), ($1, 0, " })
                .push_bind(*hook)
                .push(", ")
                .push_bind(*subject)
                .push(", ")
                .push_bind(*due_at);
        }
        query
            .push(
                ") ON CONFLICT (store_id, hook_id, subject) DO UPDATE SET due_at = CASE
                     WHEN delivery_lane.lease = 0 AND excluded.due_at < delivery_lane.due_at THEN excluded.due_at
                     ELSE delivery_lane.due_at END",
            )
            .execute()
            .await?;
    }
    Ok(())
}

/// The rows that one statement writes: at most so few that it is short, in powers of two, for one text for every number
/// would fill the engines' caches. What is longer is not kept prepared, and is all there may be where each statement is a
/// round trip.
pub(crate) fn together<'r, T>(
    tx: &WriteTx,
    rows: &'r [T],
    short: usize,
) -> impl Iterator<Item = &'r [T]> + use<'r, T> {
    stretches(rows, short, tx.at_once(short))
}

fn stretches<T>(mut rows: &[T], short: usize, long: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let most = if rows.len() > short { long } else { 1 << rows.len().checked_ilog2()? };
        let (some, rest) = rows.split_at(rows.len().min(most));
        rows = rest;
        Some(some)
    })
}

/// A webhook, and how its domain stands.
pub(crate) async fn recipient(tx: &mut ReadTx, queue: Queue) -> Result<Option<Recipient>> {
    tx.query(
        "SELECT h.hook_id, h.account_id, h.scope, h.destination, h.domain, h.headers, h.is_active, h.is_deactivated,
                h.events_history_enabled, h.created_at, h.updated_at, h.delivered_at, h.failing_since,
                COALESCE(d.blocked_until, 0) AS blocked_until, COALESCE(d.told_at, 0) AS told_at,
                COALESCE((SELECT MAX(l.until) FROM listener l WHERE l.store_id = $1), 0) AS heard_until
         FROM hook h LEFT JOIN delivery_domain d ON d.store_id = h.store_id AND d.domain = h.domain
         WHERE h.store_id = $1 AND h.hook_id = $2",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .fetch_optional()
    .await
}

/// Whether a webhook is active; it stays as it is until the transaction ends.
pub(crate) async fn is_active(tx: &mut WriteTx, queue: Queue) -> Result<bool> {
    let for_share = tx.for_share();
    let found: Option<(bool,)> = tx
        .query("SELECT is_active FROM hook WHERE store_id = $1 AND hook_id = $2")
        .push(for_share)
        .bind(queue.store)
        .bind(queue.hook)
        .fetch_optional()
        .await?;
    Ok(found.is_some_and(|(is_active,)| is_active))
}

/// The subjects of some of a webhook's lanes that are due, the oldest first, held until the transaction ends.
pub(crate) async fn due_lanes(
    tx: &mut WriteTx,
    queue: Queue,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<i64>> {
    let due: Vec<(i64,)> = finding(tx, queue, now, limit).fetch_all().await?;
    Ok(due.into_iter().map(|(subject,)| subject).collect())
}

fn finding(tx: &mut WriteTx, queue: Queue, now: Timestamp, limit: i64) -> Query<'_, Writes> {
    let skip_locked = tx.skip_locked();
    tx.query(
        "SELECT subject FROM delivery_lane WHERE store_id = $1 AND hook_id = $2 AND due_at <= $3
         ORDER BY due_at LIMIT $4",
    )
    .push(skip_locked)
    .bind(queue.store)
    .bind(queue.hook)
    .bind(now)
    .bind(limit)
}

/// Lease lanes that are held.
pub(crate) async fn lease(
    tx: &mut WriteTx,
    queue: Queue,
    subjects: &[i64],
    (lease, until): (i64, Timestamp),
) -> Result<()> {
    leasing(tx, queue, subjects, (lease, until)).execute().await?;
    Ok(())
}

fn leasing<'t>(
    tx: &'t mut WriteTx,
    queue: Queue,
    subjects: &[i64],
    (lease, until): (i64, Timestamp),
) -> Query<'t, Writes> {
    tx.query(
        "UPDATE delivery_lane SET lease = $3, due_at = $4
         WHERE store_id = $1 AND hook_id = $2 AND subject IN ",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(lease)
    .bind(until)
    .push_list(subjects.iter().copied())
}

/// The delivery that is first in each of these lanes, where it is due. What else waits in a lane is not looked at.
pub(crate) async fn firsts(
    tx: &mut ReadTx,
    queue: Queue,
    subjects: &[i64],
    now: Timestamp,
) -> Result<Vec<First>> {
    looking(tx, queue, subjects, now).fetch_all().await
}

fn looking<'t>(
    tx: &'t mut ReadTx,
    queue: Queue,
    subjects: &[i64],
    now: Timestamp,
) -> Query<'t, Reads> {
    tx.query(
        "SELECT l.subject, d.event_id, d.failures, d.attempts, e.hash, e.body
         FROM delivery_lane l
         JOIN delivery d ON d.store_id = l.store_id AND d.hook_id = l.hook_id AND d.event_id =
             (SELECT f.event_id FROM delivery f WHERE f.store_id = $1 AND f.hook_id = $2 AND f.subject = l.subject
              ORDER BY f.due_at, f.event_id LIMIT 1)
         JOIN event e ON e.store_id = d.store_id AND e.event_id = d.event_id
         WHERE l.store_id = $1 AND l.hook_id = $2 AND d.due_at <= $3 AND l.subject IN ",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(now)
    .push_list(subjects.iter().copied())
}

/// Hold lanes until the transaction ends: under which number each is leased, of those that are there.
pub(crate) async fn hold_lanes(
    tx: &mut WriteTx,
    queue: Queue,
    subjects: impl IntoIterator<Item = i64>,
) -> Result<BTreeMap<i64, i64>> {
    let held: Vec<Lane> = holding(tx, queue, subjects).fetch_all().await?;
    Ok(held.into_iter().map(|Lane(subject, lease)| (subject, lease)).collect())
}

fn holding(
    tx: &mut WriteTx,
    queue: Queue,
    subjects: impl IntoIterator<Item = i64>,
) -> Query<'_, Writes> {
    let for_update = tx.for_update();
    tx.query(
        "SELECT subject, lease FROM delivery_lane
         WHERE store_id = $1 AND hook_id = $2 AND subject IN ",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .push_list(subjects)
    // Whoever holds several holds them in one order.
    .push(" ORDER BY subject")
    .push(for_update)
}

/// Give lanes that are held back: each is due when what is first in it is, and gone where nothing is. When those are due
/// that stay.
pub(crate) async fn give_back(
    tx: &mut WriteTx,
    queue: Queue,
    subjects: &[i64],
) -> Result<Vec<Timestamp>> {
    let gone: Vec<(i64,)> = emptied(tx, queue, subjects).fetch_all().await?;
    if gone.len() == subjects.len() {
        return Ok(Vec::new());
    }
    let stay = subjects.iter().copied().filter(|subject| !gone.contains(&(*subject,)));
    let due: Vec<(Timestamp,)> = filled(tx, queue, stay).fetch_all().await?;
    Ok(due.into_iter().map(|(due_at,)| due_at).collect())
}

/// Due at 0 where the last one has gone with its customer just now: then the lane is looked at once more, and goes.
fn filled(
    tx: &mut WriteTx,
    queue: Queue,
    subjects: impl IntoIterator<Item = i64>,
) -> Query<'_, Writes> {
    tx.query(
        "UPDATE delivery_lane SET lease = 0, due_at = COALESCE(
             (SELECT d.due_at FROM delivery d WHERE d.store_id = $1 AND d.hook_id = $2
              AND d.subject = delivery_lane.subject ORDER BY d.due_at, d.event_id LIMIT 1), 0)
         WHERE store_id = $1 AND hook_id = $2 AND subject IN ",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .push_list(subjects)
    .push(" RETURNING due_at")
}

/// Asked lane by lane, so that no planner joins them with all that waits.
fn emptied<'t>(tx: &'t mut WriteTx, queue: Queue, subjects: &[i64]) -> Query<'t, Writes> {
    tx.query(
        "DELETE FROM delivery_lane
         WHERE (SELECT d.event_id FROM delivery d WHERE d.store_id = $1 AND d.hook_id = $2
                AND d.subject = delivery_lane.subject ORDER BY d.due_at, d.event_id LIMIT 1) IS NULL
             AND store_id = $1 AND hook_id = $2 AND subject IN ",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .push_list(subjects.iter().copied())
    .push(" RETURNING subject")
}

/// Keep what came of attempts. The caller has written their deliveries.
pub(crate) async fn insert_attempts(
    tx: &mut WriteTx,
    queue: Queue,
    attempts: &[Tried<'_>],
    at: Timestamp,
) -> Result<()> {
    for some in together(tx, attempts, 8) {
        let mut query = tx
            .query(
                "INSERT INTO delivery_attempt (store_id, hook_id, at, event_id, attempt, took, status, fault, answer)
                 VALUES ($1, $2, $3, ",
            )
            .bind(queue.store)
            .bind(queue.hook)
            .bind(at);
        for (row, it) in some.iter().enumerate() {
            let (status, fault) = match it.outcome {
                Outcome::Answered(status) => (i64::from(status), ""),
                Outcome::Failed(fault) => (0, fault.name()),
            };
            query = query
                .push(if row == 0 { "" } else { "), ($1, $2, $3, " })
                .push_bind(it.parcel.event_id)
                .push(", ")
                .push_bind(it.parcel.attempts + 1)
                .push(", ")
                .push_bind(it.took)
                .push(", ")
                .push_bind(status)
                .push(", ")
                .push_bind(fault)
                .push(", ")
                .push_bind(it.answer);
        }
        query.push(")").execute().await?;
    }
    Ok(())
}

/// Nothing more is to be done for deliveries. The caller holds their lanes. The events of those that there were: one may
/// have gone meanwhile, with its customer.
pub(crate) async fn delete_deliveries(
    tx: &mut WriteTx,
    queue: Queue,
    event_ids: impl IntoIterator<Item = i64>,
) -> Result<BTreeSet<i64>> {
    let gone: Vec<(i64,)> = deleting(tx, queue, event_ids).fetch_all().await?;
    Ok(gone.into_iter().map(|(event_id,)| event_id).collect())
}

fn deleting(
    tx: &mut WriteTx,
    queue: Queue,
    event_ids: impl IntoIterator<Item = i64>,
) -> Query<'_, Writes> {
    tx.query("DELETE FROM delivery WHERE store_id = $1 AND hook_id = $2 AND event_id IN ")
        .bind(queue.store)
        .bind(queue.hook)
        .push_list(event_ids)
        .push(" RETURNING event_id")
}

/// A delivery waits until then, after so many failures and attempts. The caller holds its lane. `false` where it went
/// meanwhile, with its customer.
pub(crate) async fn put_off(
    tx: &mut WriteTx,
    queue: Queue,
    parcel: &Parcel,
    due_at: Timestamp,
    (failures, attempts): (i64, i64),
) -> Result<bool> {
    let put = tx
        .query(
            "UPDATE delivery SET due_at = $4, failures = $5, attempts = $6
             WHERE store_id = $1 AND hook_id = $2 AND event_id = $3",
        )
        .bind(queue.store)
        .bind(queue.hook)
        .bind(parcel.event_id)
        .bind(due_at)
        .bind(failures)
        .bind(attempts)
        .execute()
        .await?;
    Ok(put == 1)
}

/// Keep a delivery that was given up as a dead letter. The caller has deleted it.
pub(crate) async fn bury(
    tx: &mut WriteTx,
    queue: Queue,
    parcel: &Parcel,
    at: Timestamp,
) -> Result<()> {
    tx.query(
        "INSERT INTO dead_letter (store_id, hook_id, event_id, subject, failures, attempts, died_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(parcel.event_id)
    .bind(parcel.subject)
    .bind(parcel.failures + 1)
    .bind(parcel.attempts + 1)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// Something has arrived at a webhook.
pub(crate) async fn arrived(tx: &mut WriteTx, queue: Queue, at: Timestamp) -> Result<()> {
    tx.query(
        "UPDATE hook SET delivered_at = $3, failing_since = 0
         WHERE store_id = $1 AND hook_id = $2 AND delivered_at <= $3",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// From now on all that is sent to a webhook fails, unless it did before.
pub(crate) async fn fails(tx: &mut WriteTx, queue: Queue, at: Timestamp) -> Result<()> {
    tx.query(
        "UPDATE hook SET failing_since = $3 WHERE store_id = $1 AND hook_id = $2 AND failing_since = 0",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// When a webhook was last changed; it stays so until the transaction ends. `None` where it is gone.
pub(crate) async fn changed_at(tx: &mut WriteTx, queue: Queue) -> Result<Option<Timestamp>> {
    let for_update = tx.for_update();
    let found: Option<(Timestamp,)> = tx
        .query("SELECT updated_at FROM hook WHERE store_id = $1 AND hook_id = $2")
        .push(for_update)
        .bind(queue.store)
        .bind(queue.hook)
        .fetch_optional()
        .await?;
    Ok(found.map(|(at,)| at))
}

/// Make a webhook inactive. Whether it was active.
pub(crate) async fn deactivate(tx: &mut WriteTx, queue: Queue, at: Timestamp) -> Result<bool> {
    let made = tx
        .query(
            "UPDATE hook SET is_active = FALSE, is_deactivated = TRUE, updated_at = $3
             WHERE store_id = $1 AND hook_id = $2 AND is_active = TRUE",
        )
        .bind(queue.store)
        .bind(queue.hook)
        .bind(at)
        .execute()
        .await?;
    Ok(made == 1)
}

/// When something last arrived at each active webhook of a store; they are held until the transaction ends.
pub(crate) async fn arrivals(tx: &mut WriteTx, store: StoreId) -> Result<Vec<(HookId, Timestamp)>> {
    let for_update = tx.for_update();
    let arrivals: Vec<Arrival> = tx
        .query(
            "SELECT hook_id, delivered_at FROM hook WHERE store_id = $1 AND is_active = TRUE
             ORDER BY hook_id",
        )
        .push(for_update)
        .bind(store)
        .fetch_all()
        .await?;
    Ok(arrivals.into_iter().map(|Arrival(hook, at)| (hook, at)).collect())
}

/// Have some of what waits for a webhook that became inactive be dead letters: how many. What is on its way stays until
/// it is known what came of it: its lane is leased, or held by who records it.
pub(crate) async fn bury_waiting(
    tx: &mut WriteTx,
    queue: Queue,
    now: Timestamp,
    limit: i64,
) -> Result<usize> {
    let skip_locked = tx.skip_locked();
    let dead: Vec<(i64,)> = tx
        .query(
            "WITH old AS MATERIALIZED
                 (SELECT d.store_id, d.hook_id, d.event_id, d.subject, d.failures, d.attempts
                  FROM delivery d JOIN delivery_lane l
                      ON l.store_id = d.store_id AND l.hook_id = d.hook_id AND l.subject = d.subject
                  WHERE d.store_id = $1 AND d.hook_id = $2 AND (l.lease = 0 OR l.due_at <= $3)
                  ORDER BY d.subject, d.due_at LIMIT $4",
        )
        .push(skip_locked)
        .push(
            ") INSERT INTO dead_letter (store_id, hook_id, event_id, subject, failures, attempts, died_at)
                   SELECT store_id, hook_id, event_id, subject, failures, attempts, CAST($3 AS BIGINT) FROM old
                   WHERE store_id = $1
               ON CONFLICT (store_id, hook_id, event_id) DO UPDATE SET died_at = excluded.died_at
               RETURNING event_id",
        )
        .bind(queue.store)
        .bind(queue.hook)
        .bind(now)
        .bind(limit)
        .fetch_all()
        .await?;
    tx.query("DELETE FROM delivery WHERE store_id = $1 AND hook_id = $2 AND event_id IN ")
        .bind(queue.store)
        .bind(queue.hook)
        .push_list(dead.iter().map(|(event_id,)| *event_id))
        .execute()
        .await?;
    Ok(dead.len())
}

/// Drop some of what waits for a webhook that is gone: how many.
pub(crate) async fn drop_waiting(tx: &mut WriteTx, queue: Queue, limit: i64) -> Result<u64> {
    let skip_locked = tx.skip_locked();
    tx.query(
        "WITH old AS MATERIALIZED
             (SELECT store_id, event_id FROM delivery WHERE store_id = $1 AND hook_id = $2
              ORDER BY subject, due_at LIMIT $3",
    )
    .push(skip_locked)
    .push(
        ") DELETE FROM delivery WHERE store_id = $1 AND hook_id = $2
               AND event_id IN (SELECT event_id FROM old WHERE store_id = $1)",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(limit)
    .execute()
    .await
}

/// Remove some lanes in which nothing is left: how many. After the deliveries, which would be found again by them.
pub(crate) async fn drop_lanes(tx: &mut WriteTx, queue: Queue, limit: i64) -> Result<u64> {
    let skip_locked = tx.skip_locked();
    tx.query(
        "WITH old AS MATERIALIZED
             (SELECT store_id, subject FROM delivery_lane WHERE store_id = $1 AND hook_id = $2
              ORDER BY due_at LIMIT $3",
    )
    .push(skip_locked)
    .push(
        ") DELETE FROM delivery_lane WHERE store_id = $1 AND hook_id = $2
               AND subject IN (SELECT subject FROM old WHERE store_id = $1)
               AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.store_id = $1 AND d.hook_id = $2
                               AND d.store_id = delivery_lane.store_id AND d.subject = delivery_lane.subject)",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(limit)
    .execute()
    .await
}

/// Forget some dead letters from before then: how many.
pub(crate) async fn forget_dead(
    tx: &mut WriteTx,
    store: StoreId,
    before: Timestamp,
    limit: i64,
) -> Result<u64> {
    tx.query(
        "DELETE FROM dead_letter WHERE store_id = $1 AND (hook_id, event_id) IN
             (SELECT hook_id, event_id FROM dead_letter WHERE store_id = $1 AND died_at < $2
              ORDER BY died_at LIMIT $3)",
    )
    .bind(store)
    .bind(before)
    .bind(limit)
    .execute()
    .await
}

/// Forget some events from before then, with what came of them, unless a webhook is still to be told or has one as a dead
/// letter: how many. What is asked for again meanwhile stays: whoever asks holds it, and is seen by who held it before.
pub(crate) async fn forget(
    tx: &mut WriteTx,
    store: StoreId,
    before: Timestamp,
    limit: i64,
) -> Result<usize> {
    let skip_locked = tx.skip_locked();
    let old: Vec<(i64,)> = tx
        .query("SELECT event_id FROM event WHERE store_id = $1 AND created_at < $2 ")
        .push(NOBODY_WAITS)
        .push(" ORDER BY created_at LIMIT $3")
        .push(skip_locked)
        .bind(store)
        .bind(before)
        .bind(limit)
        .fetch_all()
        .await?;
    let gone: Vec<(i64,)> = tx
        .query("DELETE FROM event WHERE store_id = $1 AND event_id IN ")
        .bind(store)
        .push_list(old.iter().map(|(event_id,)| *event_id))
        .push(NOBODY_WAITS)
        .push(" RETURNING event_id")
        .fetch_all()
        .await?;
    if gone.is_empty() {
        return Ok(0);
    }
    let hooks: Vec<(HookId,)> = tx
        .query("SELECT hook_id FROM hook WHERE store_id = $1 ORDER BY hook_id")
        .bind(store)
        .fetch_all()
        .await?;
    for (hook,) in hooks {
        tx.query(
            "DELETE FROM delivery_attempt WHERE store_id = $1 AND hook_id = $2 AND event_id IN ",
        )
        .bind(store)
        .bind(hook)
        .push_list(gone.iter().map(|(event_id,)| *event_id))
        .execute()
        .await?;
    }
    Ok(gone.len())
}

/// That no webhook is to be told of an event any more. What waits for one that is deleted does not count.
const NOBODY_WAITS: &str = "
    AND NOT EXISTS (SELECT 1 FROM hook h JOIN delivery d ON d.store_id = h.store_id AND d.hook_id = h.hook_id
                    WHERE h.store_id = $1 AND d.event_id = event.event_id)
    AND NOT EXISTS (SELECT 1 FROM hook h JOIN dead_letter d ON d.store_id = h.store_id AND d.hook_id = h.hook_id
                    WHERE h.store_id = $1 AND d.event_id = event.event_id)";

/// Drop some dead letters of a webhook to which nothing is to be sent any more: how many.
pub(crate) async fn drop_dead(tx: &mut WriteTx, queue: Queue, limit: i64) -> Result<u64> {
    tx.query(
        "DELETE FROM dead_letter WHERE store_id = $1 AND hook_id = $2 AND event_id IN
             (SELECT event_id FROM dead_letter WHERE store_id = $1 AND hook_id = $2 ORDER BY event_id LIMIT $3)",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(limit)
    .execute()
    .await
}

/// Drop some of what came of a webhook's attempts that is gone: how many.
pub(crate) async fn drop_attempts(tx: &mut WriteTx, queue: Queue, limit: i64) -> Result<u64> {
    tx.query(
        "DELETE FROM delivery_attempt WHERE store_id = $1 AND hook_id = $2 AND (event_id, attempt) IN
             (SELECT event_id, attempt FROM delivery_attempt WHERE store_id = $1 AND hook_id = $2
              ORDER BY event_id, attempt LIMIT $3)",
    )
    .bind(queue.store)
    .bind(queue.hook)
    .bind(limit)
    .execute()
    .await
}

struct Due(Queue, Timestamp);

impl FromRow for Due {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let queue = Queue { store: row.get("store_id")?, hook: row.get("hook_id")? };
        Ok(Self(queue, row.get("due_at")?))
    }
}

struct Turn(String, Timestamp);

impl FromRow for Turn {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("store_hash")?, row.get("swept_at")?))
    }
}

struct Lane(i64, i64);

impl FromRow for Lane {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("subject")?, row.get("lease")?))
    }
}

struct Arrival(HookId, Timestamp);

impl FromRow for Arrival {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("hook_id")?, row.get("delivered_at")?))
    }
}

impl FromRow for Waiting {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            event_id: row.get("event_id")?,
            scope: row.get("scope")?,
            subject: row.get("subject")?,
            data: row.get("data")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl FromRow for Subscriber {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            hook: row.get("hook_id")?,
            account: row.get("account_id")?,
            scope: EventScope::kept(row.get("scope")?),
            is_active: row.get("is_active")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl FromRow for Recipient {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            hook: Hook::from_row(row)?,
            blocked_until: row.get("blocked_until")?,
            told_at: row.get("told_at")?,
            failing_since: row.get("failing_since")?,
            heard_until: row.get("heard_until")?,
        })
    }
}

/// The delivery that is first in a lane.
pub(crate) struct First {
    pub(crate) subject: i64,
    pub(crate) event_id: i64,
    pub(crate) failures: i64,
    pub(crate) attempts: i64,
    pub(crate) hash: String,
    pub(crate) body: String,
}

impl FromRow for First {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            subject: row.get("subject")?,
            event_id: row.get("event_id")?,
            failures: row.get("failures")?,
            attempts: row.get("attempts")?,
            hash: row.get("hash")?,
            body: row.get("body")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use sql::Db;
    use tempfile::TempDir;

    use super::*;
    use crate::model::Fault;

    /// An empty database, in which SQLite plans without statistics.
    async fn database() -> (TempDir, Db) {
        let place = tempfile::tempdir().expect("a place");
        let address = format!("sqlite:{}", place.path().join("plans.db").display());
        let db = Db::connect(&address).await.expect("a database");
        sql::migrate(&db, resources::SCHEMA, Timestamp(0)).await.expect("the schema");
        (place, db)
    }

    const QUEUE: Queue = Queue { store: StoreId(1), hook: HookId(1) };

    /// However much waits, what is leased is found at one end of an index, and what is written by its key.
    #[tokio::test]
    async fn a_lease_reads_no_more_than_it_takes() {
        let (_place, db) = database().await;
        let plan = async |tx: &mut WriteTx| finding(tx, QUEUE, Timestamp(1), 8).plan().await;
        let plan = db.write(plan).await.unwrap().join("; ");
        let due = "delivery_lane_by_due (store_id=? AND hook_id=? AND due_at<?)";
        assert!(plan.contains(due) && !plan.contains("TEMP B-TREE"), "{plan}");
        let key = "delivery_lane_1 (store_id=? AND hook_id=? AND subject=?)";
        let first = "delivery_by_lane (store_id=? AND hook_id=? AND subject=?)";
        let plan =
            async |tx: &mut WriteTx| leasing(tx, QUEUE, &[1, 2], (1, Timestamp(2))).plan().await;
        let plan = db.write(plan).await.unwrap().join("; ");
        assert!(plan.contains(key) && !plan.contains("SCAN"), "{plan}");
        let plan = async |tx: &mut ReadTx| looking(tx, QUEUE, &[1, 2], Timestamp(1)).plan().await;
        let plan = db.read(plan).await.unwrap().join("; ");
        assert!(
            plan.contains(first) && plan.contains("(store_id=? AND hook_id=? AND event_id=?)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
        let plan = async |tx: &mut WriteTx| filled(tx, QUEUE, [1, 2]).plan().await;
        let plan = db.write(plan).await.unwrap().join("; ");
        assert!(plan.contains(key) && plan.contains(first) && !plan.contains("SCAN"), "{plan}");
        let plan = async |tx: &mut WriteTx| emptied(tx, QUEUE, &[1, 2]).plan().await;
        let plan = db.write(plan).await.unwrap().join("; ");
        assert!(plan.contains(key) && plan.contains(first) && !plan.contains("SCAN"), "{plan}");
    }

    /// `PostgreSQL` plans with its statistics: here with those of a webhook for which much waits.
    #[tokio::test(flavor = "multi_thread")]
    async fn among_a_hundred_thousand_lanes_postgresql_finds_each_by_its_key() {
        testkit::run(testkit::Engine::Postgres, among_many).await;
    }

    async fn among_many(service: testkit::Service) {
        for statement in include_str!("../many.sql").split(';') {
            service.meddle(statement).await;
        }
        let plans = async |tx: &mut WriteTx| {
            Ok::<_, sql::Error>([
                ("subject", holding(tx, QUEUE, [1, 2]).plan().await?),
                ("subject", leasing(tx, QUEUE, &[1, 2], (1, Timestamp(2))).plan().await?),
                ("subject", looking(tx, QUEUE, &[1, 2], Timestamp(1)).plan().await?),
                ("subject", emptied(tx, QUEUE, &[1, 2]).plan().await?),
                ("subject", filled(tx, QUEUE, [1, 2]).plan().await?),
                ("event_id", deleting(tx, QUEUE, [1, 2]).plan().await?),
                ("due_at", finding(tx, QUEUE, Timestamp(1), 8).plan().await?),
            ])
        };
        for (by, plan) in service.app().db.write(plans).await.expect("plans") {
            let steps = plan.join("\n");
            let is_found =
                |step: &String| step.contains("Index Cond") && step.contains(&format!("({by} "));
            assert!(plan.iter().any(is_found), "{steps}");
            for word in ["Seq Scan", "Hash", "Merge", "Filter: (subject", "Filter: (event_id"] {
                assert!(!steps.contains(word), "{word}: {steps}");
            }
        }
    }

    #[test]
    fn few_rows_are_written_in_powers_of_two_and_many_at_once() {
        let lengths = |count: usize, long: usize| -> Vec<usize> {
            stretches(&vec![(); count], 8, long).map(<[()]>::len).collect()
        };
        for long in [8, 1024] {
            assert_eq!(lengths(0, long), [0_usize; 0]);
            assert_eq!(lengths(1, long), [1]);
            assert_eq!(lengths(7, long), [4, 2, 1]);
        }
        assert_eq!(lengths(29, 8), [8, 8, 8, 4, 1]);
        assert_eq!(lengths(29, 1024), [29]);
        assert_eq!(lengths(1030, 1024), [1024, 4, 2]);
    }

    #[tokio::test]
    async fn what_waits_anywhere_is_found_a_step_a_webhook() {
        let (_place, db) = database().await;
        let plan = async |tx: &mut ReadTx| queues(tx, QUEUE).plan().await;
        let plan = db.read(plan).await.unwrap().join("; ");
        assert!(plan.contains("delivery_lane_by_due ((store_id,hook_id)>(?,?))"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        let plan = async |tx: &mut ReadTx| stores_with_events(tx, StoreId(1)).plan().await;
        let plan = db.read(plan).await.unwrap().join("; ");
        assert!(plan.contains("(store_id>?)") && !plan.contains("TEMP B-TREE"), "{plan}");
    }

    #[test]
    fn a_fault_has_a_word_of_its_own() {
        let faults = [
            Fault::Address,
            Fault::Forbidden,
            Fault::OutsideTrial,
            Fault::Name,
            Fault::Connection,
            Fault::Certificate,
            Fault::Timeout,
            Fault::Broken,
        ];
        let words: BTreeSet<&str> = faults.map(Fault::name).into();
        assert_eq!(words.len(), faults.len());
    }
}
