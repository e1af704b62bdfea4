use kernel::Timestamp;
use rest::Caller;
use sql::{Result, WriteTx};

use super::model::Change;

/// Write the line of a change, under a number from `EventIds`.
pub async fn record(
    tx: &mut WriteTx,
    caller: &Caller,
    audit_id: i64,
    change: &Change,
    at: Timestamp,
) -> Result<()> {
    tx.query(
        "INSERT INTO audit (store_id, audit_id, account_id, request_id, action, subject, fields, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(caller.store)
    .bind(audit_id)
    .bind(caller.account)
    .bind(caller.request.digits())
    .bind(change.action)
    .bind(change.subject)
    .bind(change.fields.as_str())
    .bind(at)
    .execute()
    .await?;
    Ok(())
}
