use kernel::{CustomerId, StoreId, Timestamp};
use sql::{Query, Result, WriteTx, Writes};

use super::model::Event;

/// Queue an event under a number from `EventIds`; it becomes visible when the transaction commits.
pub async fn publish(
    tx: &mut WriteTx,
    store: StoreId,
    event_id: i64,
    event: Event<'_>,
    at: Timestamp,
) -> Result<()> {
    tx.query(
        "INSERT INTO outbox (store_id, event_id, scope, subject, data, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(store)
    .bind(event_id)
    .bind(event.scope())
    .bind(event.subject())
    .bind(event.data())
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// Take back what waits to be told of what customers declared who are going: what it would have said to ask for is gone.
/// Whoever is taking some of it out is waited for.
pub async fn forget_consents(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    tx.query(
        "DELETE FROM outbox WHERE store_id = $1 AND event_id IN
             (SELECT event_id FROM consent_declaration WHERE store_id = $1 AND customer_id IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .push(")")
    .execute()
    .await?;
    Ok(())
}

/// Take back what waits to be told of the metafields of customers that are going: it has their names, which an app may
/// have made of anything. That the customers go is told, and says that their metafields do.
pub async fn forget_metafields(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    of_metafields(tx, store, customers).execute().await?;
    Ok(())
}

fn of_metafields<'t>(
    tx: &'t mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Query<'t, Writes> {
    // The scopes as the index has them, to the letter: it holds no other events.
    tx.query(
        "DELETE FROM outbox WHERE store_id = $1
             AND (scope = 'store/metafield/created' OR scope = 'store/metafield/updated' OR scope = 'store/metafield/deleted')
             AND subject IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
}

/// Begin a store's outbox: whoever takes events out of it holds this row.
pub async fn open(tx: &mut WriteTx, store: StoreId, store_hash: &str) -> Result<()> {
    tx.query("INSERT INTO delivery_turn (store_id, store_hash, swept_at) VALUES ($1, $2, 0)")
        .bind(store)
        .bind(store_hash)
        .execute()
        .await?;
    Ok(())
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
            assert!(plan.contains("outbox_of_metafields (store_id=? AND subject=?"), "{plan}");
        }
    }
}
