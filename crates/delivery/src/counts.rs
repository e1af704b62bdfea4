//! What was counted: of domains, so that those to which too little arrives are blocked, and of webhooks, for their owners to
//! see. A room of `rows` of its own.

use std::collections::BTreeSet;

use kernel::{HookId, StoreId, Timestamp};
use sql::{Bind, FromRow, ReadTx, Result, Row, WriteTx};

use crate::{
    model::Slot,
    rows::{Subscriber, together},
};

/// Somebody is told now that a domain fails. `false` where somebody was, after this moment.
pub(crate) async fn tell(
    tx: &mut WriteTx,
    store: StoreId,
    domain: &str,
    now: Timestamp,
    unless_after: Timestamp,
) -> Result<bool> {
    let told: Option<(Timestamp,)> = tx
        .query(
            "INSERT INTO delivery_domain (store_id, domain, blocked_until, told_at) VALUES ($1, $2, 0, $3)
             ON CONFLICT (store_id, domain) DO UPDATE SET told_at = excluded.told_at
                 WHERE delivery_domain.told_at <= $4
             RETURNING told_at",
        )
        .bind(store)
        .bind(domain)
        .bind(now)
        .bind(unless_after)
        .fetch_optional()
        .await?;
    Ok(told.is_some())
}

/// Count what was attempted at domains and what failed, each of which is there once; of what was counted until then
/// nothing stays.
pub(crate) async fn count(
    tx: &mut WriteTx,
    store: StoreId,
    begun_at: Timestamp,
    counts: &[(String, (i64, i64))],
    until: Timestamp,
) -> Result<()> {
    let insert = "INSERT INTO delivery_tally (store_id, begun_at, domain, attempts, failures) VALUES ($1, $2, ";
    let add = ") ON CONFLICT (store_id, domain, begun_at) DO UPDATE SET
                   attempts = delivery_tally.attempts + excluded.attempts,
                   failures = delivery_tally.failures + excluded.failures";
    add_up(tx, (insert, add), (store, begun_at), counts).await?;
    for some in counts.chunks(sql::LIST_CAP) {
        tx.query(
            "DELETE FROM delivery_tally WHERE store_id = $1 AND begun_at <= $2 AND domain IN ",
        )
        .bind(store)
        .bind(until)
        .push_list(some.iter().map(|(domain, _)| domain.as_str()))
        .execute()
        .await?;
    }
    Ok(())
}

/// Those of these domains at which something counted has failed.
pub(crate) async fn failing(
    tx: &mut ReadTx,
    store: StoreId,
    counts: &[(String, (i64, i64))],
) -> Result<BTreeSet<String>> {
    let mut failing = BTreeSet::new();
    for some in counts.chunks(sql::LIST_CAP) {
        let found: Vec<(String,)> = tx
            .query("SELECT DISTINCT domain FROM delivery_tally WHERE store_id = $1 AND failures > 0 AND domain IN ")
            .bind(store)
            .push_list(some.iter().map(|(domain, _)| domain.as_str()))
            .fetch_all()
            .await?;
        failing.extend(found.into_iter().map(|(domain,)| domain));
    }
    Ok(failing)
}

/// What was counted of a domain.
pub(crate) async fn counted(tx: &mut ReadTx, store: StoreId, domain: &str) -> Result<Vec<Slot>> {
    tx.query(
        "SELECT begun_at, attempts, failures FROM delivery_tally WHERE store_id = $1 AND domain = $2
         ORDER BY begun_at",
    )
    .bind(store)
    .bind(domain)
    .fetch_all()
    .await
}

/// Until when a domain is blocked; held until the transaction ends, where it ever was.
pub(crate) async fn blocked_until(
    tx: &mut WriteTx,
    store: StoreId,
    domain: &str,
) -> Result<Timestamp> {
    let for_update = tx.for_update();
    let found: Option<(Timestamp,)> = tx
        .query("SELECT blocked_until FROM delivery_domain WHERE store_id = $1 AND domain = $2")
        .push(for_update)
        .bind(store)
        .bind(domain)
        .fetch_optional()
        .await?;
    Ok(found.map_or(Timestamp(0), |(until,)| until))
}

/// Block a domain until then.
pub(crate) async fn block(
    tx: &mut WriteTx,
    store: StoreId,
    domain: &str,
    until: Timestamp,
) -> Result<()> {
    tx.query(
        "INSERT INTO delivery_domain (store_id, domain, blocked_until, told_at) VALUES ($1, $2, $3, 0)
         ON CONFLICT (store_id, domain) DO UPDATE SET blocked_until = excluded.blocked_until",
    )
    .bind(store)
    .bind(domain)
    .bind(until)
    .execute()
    .await?;
    Ok(())
}

/// The active webhooks at a domain; a handful where there are more.
pub(crate) async fn hooks_at(
    tx: &mut ReadTx,
    store: StoreId,
    domain: &str,
    limit: i64,
) -> Result<Vec<Subscriber>> {
    tx.query(
        "SELECT hook_id, account_id, scope, is_active, created_at FROM hook
         WHERE store_id = $1 AND domain = $2 AND is_active = TRUE ORDER BY hook_id LIMIT $3",
    )
    .bind(store)
    .bind(domain)
    .bind(limit)
    .fetch_all()
    .await
}

/// Add to what webhooks had in an hour, each of which is there once: how many attempts arrived, and how many failed.
pub(crate) async fn tally(
    tx: &mut WriteTx,
    store: StoreId,
    begun_at: Timestamp,
    counts: &[(HookId, (i64, i64))],
) -> Result<()> {
    let insert =
        "INSERT INTO delivery_hour (store_id, begun_at, hook_id, arrived, failed) VALUES ($1, $2, ";
    let add = ") ON CONFLICT (store_id, hook_id, begun_at) DO UPDATE SET
                   arrived = delivery_hour.arrived + excluded.arrived,
                   failed = delivery_hour.failed + excluded.failed";
    add_up(tx, (insert, add), (store, begun_at), counts).await
}

/// Write two numbers for each of these, or add them to what is there: by a statement that is said up to the first of
/// them, and from behind the last.
async fn add_up<K: Bind + Clone>(
    tx: &mut WriteTx,
    (insert, add): (&'static str, &'static str),
    (store, begun_at): (StoreId, Timestamp),
    counts: &[(K, (i64, i64))],
) -> Result<()> {
    for some in together(tx, counts, 16) {
        let mut query = tx.query(insert).bind(store).bind(begun_at);
        for (at, (of, (one, other))) in some.iter().enumerate() {
            query = query
                .push(if at == 0 { "" } else { "), ($1, $2, " })
                .push_bind(of.clone())
                .push(", ")
                .push_bind(*one)
                .push(", ")
                .push_bind(*other);
        }
        query.push(add).execute().await?;
    }
    Ok(())
}

/// Forget the hours that began before then. There are few.
pub(crate) async fn forget_hours(
    tx: &mut WriteTx,
    store: StoreId,
    before: Timestamp,
) -> Result<()> {
    tx.query("DELETE FROM delivery_hour WHERE store_id = $1 AND begun_at < $2")
        .bind(store)
        .bind(before)
        .execute()
        .await?;
    Ok(())
}

impl FromRow for Slot {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            begun_at: row.get("begun_at")?,
            attempts: row.get("attempts")?,
            failures: row.get("failures")?,
        })
    }
}
