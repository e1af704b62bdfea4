use kernel::{StoreId, Timestamp};
use sql::{Result, WriteTx};

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

/// Begin a store's outbox: whoever takes events out of it holds this row.
pub async fn open(tx: &mut WriteTx, store: StoreId, store_hash: &str) -> Result<()> {
    tx.query("INSERT INTO delivery_turn (store_id, store_hash, swept_at) VALUES ($1, $2, 0)")
        .bind(store)
        .bind(store_hash)
        .execute()
        .await?;
    Ok(())
}
