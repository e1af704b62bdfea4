use kernel::{StoreId, Timestamp};
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::Attempts;

/// What is remembered of a subject.
pub async fn find(tx: &mut ReadTx, store: StoreId, subject: &str) -> Result<Option<Attempts>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND subject = $2")
        .bind(store)
        .bind(subject)
        .fetch_optional()
        .await
}

/// The same, held until the transaction ends.
pub async fn lock(tx: &mut WriteTx, store: StoreId, subject: &str) -> Result<Option<Attempts>> {
    let for_update = tx.for_update();
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND subject = $2")
        .push(for_update)
        .bind(store)
        .bind(subject)
        .fetch_optional()
        .await
}

/// Remember a subject. The caller holds the counter of attempts, and has counted it.
pub async fn insert(
    tx: &mut WriteTx,
    store: StoreId,
    subject: &str,
    attempts: Attempts,
) -> Result<()> {
    tx.query(
        "INSERT INTO sign_in_attempt (store_id, subject, failures, locked_until, forgotten_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(store)
    .bind(subject)
    .bind(attempts.failures)
    .bind(attempts.locked_until)
    .bind(attempts.forgotten_at)
    .execute()
    .await?;
    Ok(())
}

/// Write anew what is remembered of a subject.
pub async fn update(
    tx: &mut WriteTx,
    store: StoreId,
    subject: &str,
    attempts: Attempts,
) -> Result<()> {
    tx.query(
        "UPDATE sign_in_attempt SET failures = $3, locked_until = $4, forgotten_at = $5
         WHERE store_id = $1 AND subject = $2",
    )
    .bind(store)
    .bind(subject)
    .bind(attempts.failures)
    .bind(attempts.locked_until)
    .bind(attempts.forgotten_at)
    .execute()
    .await?;
    Ok(())
}

/// Whether anything is remembered of any of these subjects.
pub async fn are_any(tx: &mut ReadTx, store: StoreId, subjects: &[String]) -> Result<bool> {
    let found: Option<()> = tx
        .query("SELECT subject FROM sign_in_attempt WHERE store_id = $1 AND subject IN ")
        .bind(store)
        .push_list(subjects.iter().map(String::as_str))
        .push(" LIMIT 1")
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Forget these subjects; of how many anything was remembered. The caller holds the counter.
pub async fn delete(tx: &mut WriteTx, store: StoreId, subjects: &[String]) -> Result<u64> {
    tx.query("DELETE FROM sign_in_attempt WHERE store_id = $1 AND subject IN ")
        .bind(store)
        .push_list(subjects.iter().map(String::as_str))
        .execute()
        .await
}

/// Forget up to `most` subjects that would be forgotten by `until`, soonest first; how many. The caller holds
/// the counter.
pub async fn delete_forgotten(
    tx: &mut WriteTx,
    store: StoreId,
    until: Timestamp,
    most: i64,
) -> Result<u64> {
    tx.query(
        "DELETE FROM sign_in_attempt WHERE store_id = $1 AND subject IN
             (SELECT subject FROM sign_in_attempt WHERE store_id = $1 AND forgotten_at <= $2
              ORDER BY forgotten_at, subject LIMIT $3)",
    )
    .bind(store)
    .bind(until)
    .bind(most)
    .execute()
    .await
}

/// What [`Attempts`] are read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "SELECT failures, locked_until, forgotten_at FROM sign_in_attempt ";

impl FromRow for Attempts {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            failures: row.get("failures")?,
            locked_until: row.get("locked_until")?,
            forgotten_at: row.get("forgotten_at")?,
        })
    }
}
