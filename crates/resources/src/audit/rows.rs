use access::RequestId;
use kernel::{AccountId, CustomerId, StoreId, Timestamp};
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
    record_of(tx, caller.store, caller.account, caller.request, audit_id, change, at).await
}

/// The same, for an account on whose word somebody else asks.
pub async fn record_of(
    tx: &mut WriteTx,
    store: StoreId,
    author: AccountId,
    request: RequestId,
    audit_id: i64,
    change: &Change,
    at: Timestamp,
) -> Result<()> {
    tx.query(
        "INSERT INTO audit (store_id, audit_id, account_id, request_id, action, subject, fields, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(store)
    .bind(audit_id)
    .bind(author)
    .bind(request.digits())
    .bind(change.action)
    .bind(change.subject)
    .bind(change.fields.as_str())
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// Have the lines of these customers' sign-ins name nobody (0).
pub async fn unname_sign_ins(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    tx.query(
        "UPDATE audit SET subject = 0
         WHERE store_id = $1 AND action = 'customer.signed_in' AND subject IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .execute()
    .await?;
    Ok(())
}
