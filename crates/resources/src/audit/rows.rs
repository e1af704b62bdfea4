use access::Author;
use kernel::{CustomerId, StoreId, Timestamp};
use sql::{Result, WriteTx};

use super::model::Change;

/// Write the line of a change, under a number from `EventIds`.
pub async fn record(
    tx: &mut WriteTx,
    author: &Author,
    audit_id: i64,
    change: &Change,
    at: Timestamp,
) -> Result<()> {
    tx.query(
        "INSERT INTO audit (store_id, audit_id, account_id, request_id, action, subject, fields, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(author.store)
    .bind(audit_id)
    .bind(author.account)
    .bind(author.request.digits())
    .bind(change.action)
    .bind(change.subject)
    .bind(change.fields.as_str())
    .bind(at)
    .execute()
    .await?;
    Ok(())
}

/// Have the lines of what these customers declared name nobody (0): the moment of a leaf is as good as a name to who finds
/// it elsewhere beside one.
pub async fn unname_consents(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    tx.query(
        "UPDATE audit SET subject = 0, request_id = '' WHERE store_id = $1 AND audit_id IN
             (SELECT audit_id FROM consent_declaration WHERE store_id = $1 AND customer_id IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .push(")")
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
        "UPDATE audit SET subject = 0, request_id = ''
         WHERE store_id = $1 AND action = 'customer.signed_in' AND subject IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .execute()
    .await?;
    Ok(())
}
