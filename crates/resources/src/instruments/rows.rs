use kernel::{CustomerId, StoreId};
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use super::model::{Instrument, Kind};

/// A customer's instruments, oldest first.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    customer: CustomerId,
) -> Result<Vec<Instrument>> {
    tx.query(
        "SELECT token, type, is_default, details, date_created FROM stored_instrument
         WHERE store_id = $1 AND customer_id = $2 ORDER BY date_created, token",
    )
    .bind(store)
    .bind(customer)
    .fetch_all()
    .await
}

/// Add an instrument, or write it anew. The caller holds its customer's row.
pub async fn put(
    tx: &mut WriteTx,
    store: StoreId,
    customer: CustomerId,
    instrument: &Instrument,
) -> Result<()> {
    tx.query(
        "INSERT INTO stored_instrument
             (store_id, customer_id, token, type, is_default, details, date_created)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (store_id, customer_id, token) DO UPDATE SET
             type = excluded.type, is_default = excluded.is_default, details = excluded.details",
    )
    .bind(store)
    .bind(customer)
    .bind(instrument.token.as_str())
    .bind(instrument.kind.name())
    .bind(instrument.is_default)
    .bind(instrument.details.as_str())
    .bind(instrument.created_at)
    .execute()
    .await?;
    Ok(())
}

/// Remove an instrument.
pub async fn delete(
    tx: &mut WriteTx,
    store: StoreId,
    customer: CustomerId,
    token: &str,
) -> Result<()> {
    tx.query(
        "DELETE FROM stored_instrument WHERE store_id = $1 AND customer_id = $2 AND token = $3",
    )
    .bind(store)
    .bind(customer)
    .bind(token)
    .execute()
    .await?;
    Ok(())
}

/// Remove all that these customers have.
pub async fn delete_of(tx: &mut WriteTx, store: StoreId, customers: &[CustomerId]) -> Result<()> {
    for some in customers.chunks(sql::LIST_CAP) {
        tx.query("DELETE FROM stored_instrument WHERE store_id = $1 AND customer_id IN ")
            .bind(store)
            .push_list(some.iter().copied())
            .execute()
            .await?;
    }
    Ok(())
}

impl FromRow for Instrument {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let kind: String = row.get("type")?;
        Ok(Self {
            token: row.get("token")?,
            kind: Kind::named(&kind).ok_or_else(|| sql::Error::column("type", "no such type"))?,
            is_default: row.get("is_default")?,
            details: row.get("details")?,
            created_at: row.get("date_created")?,
        })
    }
}
