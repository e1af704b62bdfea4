use kernel::{AccountId, CustomerId, StoreId, Timestamp};
use sql::{FromRow, ReadTx, Result, Row, Value, WriteTx};

use super::model::{Categories, Category, Consent, Declaration, Source};

/// What is in force for a customer; `None` when there is no such customer.
///
/// The customer's row knows the number of its last declaration, so this is two reads by key.
pub async fn current(
    tx: &mut ReadTx,
    store: StoreId,
    customer: CustomerId,
) -> Result<Option<Consent>> {
    tx.query(
        "SELECT c.date_created, d.allow, d.deny, d.declared_at
         FROM customer c LEFT JOIN consent_declaration d
             ON d.store_id = c.store_id AND d.customer_id = c.customer_id AND d.sequence = c.declarations
         WHERE c.store_id = $1 AND c.customer_id = $2",
    )
    .bind(store)
    .bind(customer)
    .fetch_optional()
    .await
}

/// Add a declaration to the history, under the number that the customer's row gave out.
pub async fn append(
    tx: &mut WriteTx,
    store: StoreId,
    customer: CustomerId,
    sequence: i64,
    consent: Consent,
    source: Source,
    declared_by: AccountId,
) -> Result<()> {
    tx.query(
        "INSERT INTO consent_declaration
             (store_id, customer_id, sequence, allow, deny, declared_at, source, declared_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(store)
    .bind(customer)
    .bind(sequence)
    .bind(consent.declaration.allow())
    .bind(consent.declaration.deny())
    .bind(consent.declared_at)
    .bind(source.name())
    .bind(declared_by)
    .execute()
    .await?;
    Ok(())
}

impl FromRow for Consent {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let since: Timestamp = row.get("date_created")?;
        let allow: Option<Categories> = row.get("allow")?;
        let deny: Option<Categories> = row.get("deny")?;
        let declared_at: Option<Timestamp> = row.get("declared_at")?;
        let declaration = Declaration::new(allow.unwrap_or_default(), deny.unwrap_or_default())
            .map_err(|error| sql::Error::column("deny", error))?;
        Ok(Self { declaration, declared_at: declared_at.unwrap_or(since) })
    }
}

/// Stored as names, separated by spaces.
impl Value for Categories {
    type Repr = String;

    fn into_repr(self) -> String {
        self.names().join(" ")
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        let names = repr.split_ascii_whitespace();
        names
            .map(|name| name.parse::<Category>().map_err(|_| "no such category".to_owned()))
            .collect()
    }
}
