use kernel::{AccountId, CustomerId, StoreId, Timestamp, hex};
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::{LoginToken, Session};

/// The session that is found by this digest, until it ends.
pub async fn find(
    tx: &mut ReadTx,
    store: StoreId,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>> {
    tx.query(
        "SELECT customer_id, channel_id, begun_at, expires_at FROM shopper_session
         WHERE store_id = $1 AND digest = $2 AND expires_at > $3",
    )
    .bind(store)
    .bind(hex(digest))
    .bind(now)
    .fetch_optional()
    .await
}

/// Begin a session, for an app.
pub async fn insert(
    tx: &mut WriteTx,
    store: StoreId,
    digest: &[u8; 32],
    session: &Session,
    begun_by: AccountId,
) -> Result<()> {
    tx.query(
        "INSERT INTO shopper_session
             (store_id, digest, customer_id, channel_id, begun_by, begun_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(store)
    .bind(hex(digest))
    .bind(session.customer)
    .bind(session.channel)
    .bind(begun_by)
    .bind(session.begun_at)
    .bind(session.expires_at)
    .execute()
    .await?;
    Ok(())
}

/// Remember that an app's token was used. Whether it was not before: of two at once, one hears so.
pub async fn use_token(
    tx: &mut WriteTx,
    store: StoreId,
    app: AccountId,
    token: &LoginToken,
) -> Result<bool> {
    let used = tx
        .query(
            "INSERT INTO login_token (store_id, account_id, digest, forgotten_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT (store_id, account_id, digest) DO NOTHING",
        )
        .bind(store)
        .bind(app)
        .bind(hex(&token.digest))
        .bind(token.forgotten_at)
        .execute()
        .await?;
    Ok(used == 1)
}

/// Remove some of what has ended: sessions, and tokens that need not be remembered. What another removes at the same
/// time is left to them.
pub async fn sweep(tx: &mut WriteTx, store: StoreId, now: Timestamp) -> Result<()> {
    let skip_locked = tx.skip_locked();
    tx.query(
        "DELETE FROM login_token WHERE store_id = $1 AND (account_id, digest) IN
             (SELECT account_id, digest FROM login_token WHERE store_id = $1 AND forgotten_at < $2
              ORDER BY forgotten_at LIMIT 50",
    )
    .bind(store)
    .bind(now)
    .push(skip_locked)
    .push(")")
    .execute()
    .await?;
    tx.query(
        "DELETE FROM shopper_session WHERE store_id = $1 AND digest IN
             (SELECT digest FROM shopper_session WHERE store_id = $1 AND expires_at < $2
              ORDER BY expires_at LIMIT 50",
    )
    .bind(store)
    .bind(now)
    .push(skip_locked)
    .push(")")
    .execute()
    .await?;
    Ok(())
}

/// End the sessions of these customers.
pub async fn delete_of(tx: &mut WriteTx, store: StoreId, customers: &[CustomerId]) -> Result<()> {
    for some in customers.chunks(sql::LIST_CAP) {
        tx.query("DELETE FROM shopper_session WHERE store_id = $1 AND customer_id IN ")
            .bind(store)
            .push_list(some.iter().copied())
            .execute()
            .await?;
    }
    Ok(())
}

impl FromRow for Session {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            customer: row.get("customer_id")?,
            channel: row.get("channel_id")?,
            begun_at: row.get("begun_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}
