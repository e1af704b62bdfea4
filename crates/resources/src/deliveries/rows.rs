use std::collections::BTreeSet;

use kernel::{AccountId, CustomerId, EventIds, HookId, StoreId, Timestamp};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx, Writes};

use super::model::{Asked, Attempt, Delivery, Filter, Hour, MOST_COUNTED, Status};

/// Forget the events that told of what customers declared who are going, with all that came of them: the moment of such
/// an event is that of a leaf. Before the declarations go, by which they are found; whoever was taking them out of the
/// outbox has done so by then.
pub async fn forget_consents(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    let for_update = tx.for_update();
    let told: Vec<Told> = tx
        .query(
            "SELECT event_id, subject FROM event WHERE store_id = $1 AND event_id IN
                 (SELECT event_id FROM consent_declaration WHERE store_id = $1 AND customer_id IN ",
        )
        .bind(store)
        .push_list(customers.iter().copied())
        .push(") ORDER BY event_id")
        .push(for_update)
        .fetch_all()
        .await?;
    forget(tx, store, &told).await
}

/// Forget the events that told of the metafields of customers that are going, as `outbox::rows::forget_metafields` does
/// with those that are not taken out of there yet, and after it.
pub async fn forget_metafields(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    let told: Vec<Told> = of_metafields(tx, store, customers).fetch_all().await?;
    forget(tx, store, &told).await
}

fn of_metafields<'t>(
    tx: &'t mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Query<'t, Writes> {
    let for_update = tx.for_update();
    // The scopes as the index has them, to the letter: it holds no other events.
    tx.query(
        "SELECT event_id, subject FROM event WHERE store_id = $1
             AND (scope = 'store/metafield/created' OR scope = 'store/metafield/updated' OR scope = 'store/metafield/deleted')
             AND subject IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .push(" ORDER BY +event_id")
    .push(for_update)
}

/// Forget events that are held, for every webhook that was told of one or was to be; the moment at which a lane of theirs
/// is due goes too (whoever delivers finds it anew). Lanes come before deliveries, and these before attempts, as for
/// whoever records one: what it writes is seen here, or it finds nothing to write it to.
async fn forget(tx: &mut WriteTx, store: StoreId, told: &[Told]) -> Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    let subjects: BTreeSet<i64> = told.iter().map(|told| told.subject).collect();
    let subjects: Vec<i64> = subjects.into_iter().collect();
    for hook in hooks(tx, store).await? {
        for some in subjects.chunks(sql::LIST_CAP) {
            tx.query(
                "UPDATE delivery_lane SET due_at = 0
                 WHERE store_id = $1 AND hook_id = $2 AND lease = 0 AND subject IN ",
            )
            .bind(store)
            .bind(hook)
            .push_list(some.iter().copied())
            .execute()
            .await?;
        }
        for some in told.chunks(sql::LIST_CAP) {
            for delete in [
                "DELETE FROM delivery WHERE store_id = $1 AND hook_id = $2 AND event_id IN ",
                "DELETE FROM dead_letter WHERE store_id = $1 AND hook_id = $2 AND event_id IN ",
                "DELETE FROM delivery_attempt WHERE store_id = $1 AND hook_id = $2 AND event_id IN ",
            ] {
                tx.query(delete)
                    .bind(store)
                    .bind(hook)
                    .push_list(some.iter().map(|told| told.event_id))
                    .execute()
                    .await?;
            }
        }
    }
    for some in told.chunks(sql::LIST_CAP) {
        tx.query("DELETE FROM event WHERE store_id = $1 AND event_id IN ")
            .bind(store)
            .push_list(some.iter().map(|told| told.event_id))
            .execute()
            .await?;
    }
    Ok(())
}

/// The webhooks of which something is kept, also those that are deleted: a step a webhook, from the end of an index.
pub async fn hooks(tx: &mut ReadTx, store: StoreId) -> Result<BTreeSet<HookId>> {
    let mut hooks = BTreeSet::new();
    for select in [
        "SELECT hook_id FROM delivery WHERE store_id = $1 AND hook_id > $2 ORDER BY hook_id LIMIT 1",
        "SELECT hook_id FROM dead_letter WHERE store_id = $1 AND hook_id > $2 ORDER BY hook_id LIMIT 1",
        "SELECT hook_id FROM delivery_attempt WHERE store_id = $1 AND hook_id > $2 ORDER BY hook_id LIMIT 1",
    ] {
        let mut last = HookId(i64::MIN);
        while let Some((hook,)) =
            tx.query(select).bind(store).bind(last).fetch_optional::<(HookId,)>().await?
        {
            hooks.insert(hook);
            last = hook;
        }
    }
    Ok(hooks)
}

/// Whether the webhook is active; `None` where there is none of this number, or it is another account's.
pub async fn state(tx: &mut ReadTx, store: StoreId, asked: Asked) -> Result<Option<bool>> {
    let found: Option<State> = tx
        .query("SELECT account_id, is_active FROM hook WHERE store_id = $1 AND hook_id = $2")
        .bind(store)
        .bind(asked.hook)
        .fetch_optional()
        .await?;
    Ok(found.and_then(|state| state.seen_by(asked)))
}

/// The same; it stays so until the transaction ends. After lanes and deliveries, as whoever records an attempt does it.
pub async fn hold_state(tx: &mut WriteTx, store: StoreId, asked: Asked) -> Result<Option<bool>> {
    let for_share = tx.for_share();
    let found: Option<State> = tx
        .query("SELECT account_id, is_active FROM hook WHERE store_id = $1 AND hook_id = $2")
        .push(for_share)
        .bind(store)
        .bind(asked.hook)
        .fetch_optional()
        .await?;
    Ok(found.and_then(|state| state.seen_by(asked)))
}

/// A webhook's deliveries that are or were in this state, those of the newest events before this one first.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    (status, filter): (Status, &Filter),
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let found: Vec<Listed> =
        listing(tx, store, hook, (status, filter), before, limit).fetch_all().await?;
    Ok(found.into_iter().map(|listed| listed.in_state(status)).collect())
}

fn listing<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    hook: HookId,
    (status, filter): (Status, &Filter),
    before: Option<i64>,
    limit: i64,
) -> Query<'t, Reads> {
    let query = match status {
        Status::Waiting => tx.query(
            "SELECT d.event_id, e.hash, e.scope, e.subject, e.created_at, d.failures, d.due_at AS at
             FROM delivery d JOIN event e ON e.store_id = d.store_id AND e.event_id = d.event_id
             WHERE d.store_id = $1 AND d.hook_id = $2 AND d.failures = 0",
        ),
        Status::Failing => tx.query(
            "SELECT d.event_id, e.hash, e.scope, e.subject, e.created_at, d.failures, d.due_at AS at
             FROM delivery d JOIN event e ON e.store_id = d.store_id AND e.event_id = d.event_id
             WHERE d.store_id = $1 AND d.hook_id = $2 AND d.failures > 0",
        ),
        Status::Dead => tx.query(
            "SELECT d.event_id, e.hash, e.scope, e.subject, e.created_at, d.failures, d.died_at AS at
             FROM dead_letter d JOIN event e ON e.store_id = d.store_id AND e.event_id = d.event_id
             WHERE d.store_id = $1 AND d.hook_id = $2",
        ),
        // Nothing is kept of it but its attempts, of which the last says so.
        Status::Arrived => tx.query(
            "SELECT d.event_id, e.hash, e.scope, e.subject, e.created_at, d.attempt AS failures, d.at
             FROM delivery_attempt d JOIN event e ON e.store_id = d.store_id AND e.event_id = d.event_id
             WHERE d.store_id = $1 AND d.hook_id = $2 AND d.status BETWEEN 200 AND 299
                 AND NOT EXISTS (SELECT 1 FROM delivery_attempt l WHERE l.store_id = $1 AND l.hook_id = $2
                                     AND l.event_id = d.event_id AND l.attempt > d.attempt)
                 AND NOT EXISTS (SELECT 1 FROM delivery w WHERE w.store_id = $1 AND w.hook_id = $2
                                     AND w.event_id = d.event_id)
                 AND NOT EXISTS (SELECT 1 FROM dead_letter w WHERE w.store_id = $1 AND w.hook_id = $2
                                     AND w.event_id = d.event_id)",
        ),
    };
    let mut query = query.bind(store).bind(hook);
    if let Some(before) = before {
        query = query.push(" AND d.event_id < ").push_bind(before);
    }
    if let Some(scope) = &filter.scope {
        query = query.push(" AND e.scope = ").push_bind(scope.as_str());
    }
    if let Some(since) = filter.since {
        // No number is earlier than its event, and so what is older need not be looked through.
        query = query.push(" AND d.event_id >= ").push_bind(EventIds::earliest(since));
        query = query.push(" AND e.created_at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query = query.push(" AND e.created_at <= ").push_bind(until);
    }
    query.push(" ORDER BY d.event_id DESC LIMIT ").push_bind(limit)
}

/// The last attempt of each of these deliveries, without how the answer began.
pub async fn last_attempts(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    events: &[i64],
) -> Result<Vec<Attempt>> {
    tx.query(
        "SELECT a.event_id, a.attempt, a.at, a.took, a.status, a.fault, '' AS answer FROM delivery_attempt a
         WHERE a.store_id = $1 AND a.hook_id = $2
             AND NOT EXISTS (SELECT 1 FROM delivery_attempt l WHERE l.store_id = $1 AND l.hook_id = $2
                                 AND l.event_id = a.event_id AND l.attempt > a.attempt)
             AND a.event_id IN ",
    )
    .bind(store)
    .bind(hook)
    .push_list(events.iter().copied())
    .fetch_all()
    .await
}

/// Every attempt of a delivery, in their order.
pub async fn attempts(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    event_id: i64,
) -> Result<Vec<Attempt>> {
    tx.query(
        "SELECT event_id, attempt, at, took, status, fault, answer FROM delivery_attempt
         WHERE store_id = $1 AND hook_id = $2 AND event_id = $3 ORDER BY attempt",
    )
    .bind(store)
    .bind(hook)
    .bind(event_id)
    .fetch_all()
    .await
}

/// The event of this name: its number, and the body that every delivery of it has.
pub async fn event(tx: &mut ReadTx, store: StoreId, hash: &str) -> Result<Option<Sent>> {
    tx.query(
        "SELECT event_id, hash, scope, subject, created_at, body FROM event WHERE store_id = $1 AND hash = $2",
    )
    .bind(store)
    .bind(hash)
    .fetch_optional()
    .await
}

/// How a delivery stands that is still to arrive: its failures, and when it is due.
pub async fn waiting(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    event_id: i64,
) -> Result<Option<(i64, Timestamp)>> {
    let found: Option<Standing> = tx
        .query(
            "SELECT failures, due_at AS at FROM delivery WHERE store_id = $1 AND hook_id = $2 AND event_id = $3",
        )
        .bind(store)
        .bind(hook)
        .bind(event_id)
        .fetch_optional()
        .await?;
    Ok(found.map(|Standing(failures, at)| (failures, at)))
}

/// The same of a dead letter: its failures, and when it died.
pub async fn dead(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    event_id: i64,
) -> Result<Option<(i64, Timestamp)>> {
    let found: Option<Standing> = tx
        .query(
            "SELECT failures, died_at AS at FROM dead_letter WHERE store_id = $1 AND hook_id = $2 AND event_id = $3",
        )
        .bind(store)
        .bind(hook)
        .bind(event_id)
        .fetch_optional()
        .await?;
    Ok(found.map(|Standing(failures, at)| (failures, at)))
}

/// Some of a webhook's dead letters after this event that died since then, the oldest event first.
pub async fn dead_since(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    (since, after): (Timestamp, i64),
    limit: i64,
) -> Result<Vec<i64>> {
    let found: Vec<(i64,)> = tx
        .query(
            "SELECT event_id FROM dead_letter
             WHERE store_id = $1 AND hook_id = $2 AND died_at >= $3 AND event_id > $4 ORDER BY event_id LIMIT $5",
        )
        .bind(store)
        .bind(hook)
        .bind(since)
        .bind(after)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(found.into_iter().map(|(event_id,)| event_id).collect())
}

/// Some of what waits for a webhook after an attempt that failed since then, as `dead_since` finds its dead letters.
pub async fn failing_since(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    (since, after): (Timestamp, i64),
    limit: i64,
) -> Result<Vec<i64>> {
    let found: Vec<(i64,)> = failing(tx, store, hook, (since, after), limit).fetch_all().await?;
    Ok(found.into_iter().map(|(event_id,)| event_id).collect())
}

fn failing(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    (since, after): (Timestamp, i64),
    limit: i64,
) -> Query<'_, Reads> {
    tx.query(
        "SELECT d.event_id FROM delivery d JOIN delivery_attempt a
             ON a.store_id = d.store_id AND a.hook_id = d.hook_id AND a.event_id = d.event_id AND a.attempt = d.attempts
         WHERE d.store_id = $1 AND d.hook_id = $2 AND d.failures > 0 AND a.at >= $3 AND d.event_id > $4
         ORDER BY d.event_id LIMIT $5",
    )
    .bind(store)
    .bind(hook)
    .bind(since)
    .bind(after)
    .bind(limit)
}

/// Hold events until the transaction ends: those of these that are there. Whoever forgets one, or erases its customer,
/// is waited for, or waits.
pub async fn hold_events(tx: &mut WriteTx, store: StoreId, events: &[i64]) -> Result<Vec<i64>> {
    let for_share = tx.for_share();
    let held: Vec<(i64,)> = tx
        .query("SELECT event_id FROM event WHERE store_id = $1 AND event_id IN ")
        .bind(store)
        .push_list(events.iter().copied())
        .push(" ORDER BY event_id")
        .push(for_share)
        .fetch_all()
        .await?;
    Ok(held.into_iter().map(|(event_id,)| event_id).collect())
}

/// What waits of these events is due at once and begins the ladder anew: how many. The caller has opened their lanes.
pub async fn hurry(
    tx: &mut WriteTx,
    store: StoreId,
    hook: HookId,
    events: &[i64],
    now: Timestamp,
) -> Result<u64> {
    tx.query(
        "UPDATE delivery SET failures = 0, due_at = CASE WHEN due_at < $3 THEN due_at ELSE $3 END
         WHERE store_id = $1 AND hook_id = $2 AND event_id IN ",
    )
    .bind(store)
    .bind(hook)
    .bind(now)
    .push_list(events.iter().copied())
    .execute()
    .await
}

/// These dead letters wait to be delivered again: how many. The caller holds the events.
pub async fn revive(
    tx: &mut WriteTx,
    store: StoreId,
    hook: HookId,
    events: &[i64],
    now: Timestamp,
) -> Result<u64> {
    let revived = tx
        .query(
            "WITH dead AS MATERIALIZED
                 (SELECT store_id, hook_id, event_id, subject, attempts FROM dead_letter
                  WHERE store_id = $1 AND hook_id = $2 AND event_id IN ",
        )
        .bind(store)
        .bind(hook)
        .bind(now)
        .push_list(events.iter().copied())
        .push(
            ") INSERT INTO delivery (store_id, hook_id, event_id, subject, due_at, failures, attempts)
                   SELECT store_id, hook_id, event_id, subject, CAST($3 AS BIGINT), 0, attempts FROM dead
                   WHERE store_id = $1
               ON CONFLICT (store_id, hook_id, event_id) DO NOTHING",
        )
        .execute()
        .await?;
    tx.query("DELETE FROM dead_letter WHERE store_id = $1 AND hook_id = $2 AND event_id IN ")
        .bind(store)
        .bind(hook)
        .push_list(events.iter().copied())
        .execute()
        .await?;
    Ok(revived)
}

/// What has arrived waits to be delivered again; `false` where no attempt of it is kept. The caller holds the event.
pub async fn repeat(
    tx: &mut WriteTx,
    store: StoreId,
    hook: HookId,
    (event_id, subject): (i64, i64),
    now: Timestamp,
) -> Result<bool> {
    let last: Option<(i64,)> = tx
        .query(
            "SELECT attempt FROM delivery_attempt WHERE store_id = $1 AND hook_id = $2 AND event_id = $3
             ORDER BY attempt DESC LIMIT 1",
        )
        .bind(store)
        .bind(hook)
        .bind(event_id)
        .fetch_optional()
        .await?;
    let Some((attempts,)) = last else { return Ok(false) };
    tx.query(
        "INSERT INTO delivery (store_id, hook_id, event_id, subject, due_at, failures, attempts)
         VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (store_id, hook_id, event_id) DO NOTHING",
    )
    .bind(store)
    .bind(hook)
    .bind(event_id)
    .bind(subject)
    .bind(now)
    .bind(attempts)
    .execute()
    .await?;
    Ok(true)
}

/// The lanes of these events are due. One that is leased stays with whoever has it, who will find what is due in it.
pub async fn open_lanes(
    tx: &mut WriteTx,
    store: StoreId,
    hook: HookId,
    events: &[i64],
    now: Timestamp,
) -> Result<()> {
    tx.query(
        "WITH due AS MATERIALIZED
             (SELECT DISTINCT store_id, subject FROM event WHERE store_id = $1 AND event_id IN ",
    )
    .bind(store)
    .bind(hook)
    .bind(now)
    .push_list(events.iter().copied())
    .push(
        ") INSERT INTO delivery_lane (store_id, hook_id, subject, due_at, lease)
               SELECT store_id, CAST($2 AS BIGINT), subject, CAST($3 AS BIGINT), 0 FROM due WHERE store_id = $1
               ORDER BY subject
           ON CONFLICT (store_id, hook_id, subject) DO UPDATE SET due_at = CASE
               WHEN delivery_lane.lease = 0 AND excluded.due_at < delivery_lane.due_at THEN excluded.due_at
               ELSE delivery_lane.due_at END",
    )
    .execute()
    .await?;
    Ok(())
}

/// How many of a webhook's deliveries wait, not tried yet and in all; no more than a few beyond what is shown are counted.
pub async fn count_waiting(tx: &mut ReadTx, store: StoreId, hook: HookId) -> Result<(i64, i64)> {
    let (untried, all): (i64, i64) = tx
        .query(
            "SELECT COUNT(*) FILTER (WHERE failures = 0) AS untried, COUNT(*) AS waiting FROM
                 (SELECT store_id, failures FROM delivery WHERE store_id = $1 AND hook_id = $2
                  ORDER BY event_id LIMIT $3) AS counted WHERE store_id = $1",
        )
        .bind(store)
        .bind(hook)
        .bind(MOST_COUNTED + 1)
        .fetch_one::<Pair>()
        .await
        .map(|Pair(untried, all)| (untried, all))?;
    Ok((untried, all))
}

/// How many of them failed, counted as far.
pub async fn count_failing(tx: &mut ReadTx, store: StoreId, hook: HookId) -> Result<i64> {
    let (count,) = tx
        .query(
            "SELECT COUNT(*) AS failing FROM
                 (SELECT store_id FROM delivery WHERE store_id = $1 AND hook_id = $2 AND failures > 0
                  ORDER BY event_id LIMIT $3) AS counted WHERE store_id = $1",
        )
        .bind(store)
        .bind(hook)
        .bind(MOST_COUNTED + 1)
        .fetch_one::<(i64,)>()
        .await?;
    Ok(count)
}

/// How many dead letters a webhook has, counted as far.
pub async fn count_dead(tx: &mut ReadTx, store: StoreId, hook: HookId) -> Result<i64> {
    let (count,) = tx
        .query(
            "SELECT COUNT(*) AS dead FROM
                 (SELECT store_id FROM dead_letter WHERE store_id = $1 AND hook_id = $2
                  ORDER BY event_id LIMIT $3) AS counted WHERE store_id = $1",
        )
        .bind(store)
        .bind(hook)
        .bind(MOST_COUNTED + 1)
        .fetch_one::<(i64,)>()
        .await?;
    Ok(count)
}

/// When the oldest event happened that a webhook is still to be told of.
pub async fn oldest(tx: &mut ReadTx, store: StoreId, hook: HookId) -> Result<Option<Timestamp>> {
    let found: Option<(Timestamp,)> = tx
        .query(
            "SELECT e.created_at FROM delivery d JOIN event e ON e.store_id = d.store_id AND e.event_id = d.event_id
             WHERE d.store_id = $1 AND d.hook_id = $2 ORDER BY d.event_id LIMIT 1",
        )
        .bind(store)
        .bind(hook)
        .fetch_optional()
        .await?;
    Ok(found.map(|(at,)| at))
}

/// The hours from this one on in which a webhook had attempts.
pub async fn hours(
    tx: &mut ReadTx,
    store: StoreId,
    hook: HookId,
    from: Timestamp,
) -> Result<Vec<Hour>> {
    tx.query(
        "SELECT begun_at, arrived, failed FROM delivery_hour
         WHERE store_id = $1 AND hook_id = $2 AND begun_at >= $3 ORDER BY begun_at",
    )
    .bind(store)
    .bind(hook)
    .bind(from)
    .fetch_all()
    .await
}

/// An event as it is kept: what is listed of it, and its body.
pub struct Sent {
    pub event_id: i64,
    pub hash: String,
    pub scope: String,
    pub subject: i64,
    pub created_at: Timestamp,
    pub body: String,
}

impl FromRow for Sent {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            event_id: row.get("event_id")?,
            hash: row.get("hash")?,
            scope: row.get("scope")?,
            subject: row.get("subject")?,
            created_at: row.get("created_at")?,
            body: row.get("body")?,
        })
    }
}

struct State {
    account: AccountId,
    is_active: bool,
}

impl State {
    fn seen_by(self, asked: Asked) -> Option<bool> {
        asked.of.is_none_or(|account| account == self.account).then_some(self.is_active)
    }
}

impl FromRow for State {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { account: row.get("account_id")?, is_active: row.get("is_active")? })
    }
}

struct Standing(i64, Timestamp);

impl FromRow for Standing {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("failures")?, row.get("at")?))
    }
}

struct Pair(i64, i64);

impl FromRow for Pair {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("untried")?, row.get("waiting")?))
    }
}

struct Listed {
    event_id: i64,
    hash: String,
    scope: String,
    subject: i64,
    created_at: Timestamp,
    failures: i64,
    at: Timestamp,
}

impl Listed {
    fn in_state(self, status: Status) -> Delivery {
        let Self { event_id, hash, scope, subject, created_at, failures, at } = self;
        let is_waiting = matches!(status, Status::Waiting | Status::Failing);
        Delivery {
            event_id,
            hash,
            scope,
            subject,
            created_at,
            status,
            failures: if status == Status::Arrived { 0 } else { failures },
            due_at: is_waiting.then_some(at),
            died_at: (status == Status::Dead).then_some(at),
            last: None,
        }
    }
}

impl FromRow for Listed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            event_id: row.get("event_id")?,
            hash: row.get("hash")?,
            scope: row.get("scope")?,
            subject: row.get("subject")?,
            created_at: row.get("created_at")?,
            failures: row.get("failures")?,
            at: row.get("at")?,
        })
    }
}

impl FromRow for Attempt {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            event_id: row.get("event_id")?,
            number: row.get("attempt")?,
            at: row.get("at")?,
            took: row.get("took")?,
            status: row.get("status")?,
            fault: row.get("fault")?,
            answer: row.get("answer")?,
        })
    }
}

impl FromRow for Hour {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            begun_at: row.get("begun_at")?,
            arrived: row.get("arrived")?,
            failed: row.get("failed")?,
        })
    }
}

/// An event that somebody was to be told of.
struct Told {
    event_id: i64,
    subject: i64,
}

impl FromRow for Told {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { event_id: row.get("event_id")?, subject: row.get("subject")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans;

    #[tokio::test]
    async fn events_of_metafields_are_found_by_their_customers() {
        let (_place, db) = plans::database().await;
        for customers in [&[CustomerId(7)][..], &[CustomerId(7), CustomerId(8)]] {
            let work =
                async |tx: &mut WriteTx| of_metafields(tx, StoreId(1), customers).plan().await;
            let plan = db.write(work).await.unwrap().join("; ");
            assert!(plan.contains("event_of_metafields (store_id=? AND subject=?"), "{plan}");
        }
    }

    /// However much waits for a webhook or has arrived, a page of it is read from the end of an index.
    #[tokio::test]
    async fn a_page_of_deliveries_is_found_at_one_end_of_an_index() {
        let (_place, db) = plans::database().await;
        let filter = Filter { since: Some(Timestamp(1)), ..Filter::default() };
        for (status, index) in [
            (
                Status::Waiting,
                "sqlite_autoindex_delivery_1 (store_id=? AND hook_id=? AND event_id>? AND event_id<?)",
            ),
            (
                Status::Failing,
                "delivery_failing (store_id=? AND hook_id=? AND event_id>? AND event_id<?)",
            ),
            (
                Status::Dead,
                "sqlite_autoindex_dead_letter_1 (store_id=? AND hook_id=? AND event_id>? AND event_id<?)",
            ),
            (
                Status::Arrived,
                "sqlite_autoindex_delivery_attempt_1 (store_id=? AND hook_id=? AND event_id>? AND event_id<?)",
            ),
        ] {
            let work = async |tx: &mut ReadTx| {
                listing(tx, StoreId(1), HookId(1), (status, &filter), Some(9), 51).plan().await
            };
            let plan = db.snapshot(work).await.unwrap().join("; ");
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{status:?}: {plan}");
        }
        let work = async |tx: &mut ReadTx| {
            failing(tx, StoreId(1), HookId(1), (Timestamp(1), 1), 200).plan().await
        };
        let plan = db.snapshot(work).await.unwrap().join("; ");
        let index = "delivery_failing (store_id=? AND hook_id=? AND event_id>?)";
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}
