use std::collections::BTreeSet;

use kernel::{CustomerId, HookId, StoreId};
use sql::{FromRow, Query, ReadTx, Result, Row, WriteTx, Writes};

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
             AND scope IN ('store/metafield/created', 'store/metafield/updated', 'store/metafield/deleted')
             AND subject IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .push(" ORDER BY event_id")
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
}
