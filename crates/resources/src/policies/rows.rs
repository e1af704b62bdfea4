use std::collections::BTreeMap;

use kernel::{StoreId, Timestamp};
use ledger::leaf::Commitment;
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::Policy;

/// Every policy, in the order of registration: there are a hundred at most.
pub async fn list(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Policy>> {
    tx.query(SELECT).push("WHERE store_id = $1 ORDER BY number").bind(store).fetch_all().await
}

/// The policy of this version, or whose text has this SHA-256. No version is as long as a SHA-256.
pub async fn named(tx: &mut ReadTx, store: StoreId, name: &str) -> Result<Option<Policy>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND (version = $2 OR sha256 = $2)")
        .bind(store)
        .bind(name)
        .fetch_optional()
        .await
}

/// What shoppers are shown under the policy of this number.
pub async fn text(tx: &mut ReadTx, store: StoreId, number: i64) -> Result<String> {
    let (text,): (String,) = tx
        .query("SELECT text FROM consent_policy WHERE store_id = $1 AND number = $2")
        .bind(store)
        .bind(number)
        .fetch_one()
        .await?;
    Ok(text)
}

/// What leaves have of policies, by the SHA-256 of their texts.
pub async fn digests(tx: &mut ReadTx, store: StoreId) -> Result<BTreeMap<String, Commitment>> {
    let policies = list(tx, store).await?;
    Ok(policies.into_iter().map(|it| (it.sha256.clone(), it.terms().digest())).collect())
}

/// The texts of all policies, in the order of registration.
pub async fn texts(tx: &mut ReadTx, store: StoreId) -> Result<Vec<String>> {
    let texts: Vec<(String,)> = tx
        .query("SELECT text FROM consent_policy WHERE store_id = $1 ORDER BY number")
        .bind(store)
        .fetch_all()
        .await?;
    Ok(texts.into_iter().map(|(text,)| text).collect())
}

/// Register a policy. The caller holds the store's counter of channels.
pub async fn insert(tx: &mut WriteTx, store: StoreId, policy: &Policy, text: &str) -> Result<()> {
    tx.query(
        "INSERT INTO consent_policy (store_id, number, version, sha256, text, controller, contact, withdrawal,
             effective_at, registered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(store)
    .bind(policy.number)
    .bind(policy.version.as_str())
    .bind(policy.sha256.as_str())
    .bind(text)
    .bind(policy.controller.as_str())
    .bind(policy.contact.as_str())
    .bind(policy.withdrawal.as_str())
    .bind(policy.effective_at)
    .bind(policy.registered_at)
    .execute()
    .await?;
    Ok(())
}

/// What a [`Policy`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str =
    "SELECT number, version, sha256, controller, contact, withdrawal, effective_at, registered_at
    FROM consent_policy ";

impl FromRow for Policy {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            version: row.get("version")?,
            sha256: row.get("sha256")?,
            controller: row.get("controller")?,
            contact: row.get("contact")?,
            withdrawal: row.get("withdrawal")?,
            effective_at: row.get::<Timestamp>("effective_at")?,
            registered_at: row.get::<Timestamp>("registered_at")?,
        })
    }
}
