use std::collections::BTreeMap;

use kernel::{AttributeId, AttributeValueId, CustomerId, Part, Span, StoreId};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx};

use super::model::{AttributeValue, Embedded};

/// Which values are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub customers: Option<Vec<CustomerId>>,
    pub attributes: Option<Vec<AttributeId>>,
    /// The name of the attribute, folded.
    pub name_key: Option<String>,
    pub created: Span,
    pub modified: Span,
}

/// Part of those that match, oldest first.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Result<Vec<AttributeValue>> {
    listing(tx, store, filter, part).fetch_all().await
}

fn listing<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Query<'t, Reads> {
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    // Without statistics SQLite would rather walk a whole store in order than sort a few customers' values.
    let order =
        if filter.customers.is_some() { " ORDER BY value_id + 0" } else { " ORDER BY value_id" };
    narrowed(query, filter).push(order).push_part(part)
}

/// How many match.
pub async fn count(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    let query = tx.query("SELECT COUNT(*) FROM attribute_value WHERE store_id = $1").bind(store);
    let (count,) = narrowed(query, filter).fetch_one().await?;
    Ok(count)
}

/// Every value of these customers.
pub async fn of_customers(
    tx: &mut ReadTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<Vec<AttributeValue>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(customers.iter().copied())
        .push(" ORDER BY customer_id, value_id + 0")
        .fetch_all()
        .await
}

/// Whose these values are, each customer once. A value never changes its customer.
pub async fn customers_of(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &[AttributeValueId],
) -> Result<Vec<CustomerId>> {
    let customers: Vec<(CustomerId,)> = tx
        .query(
            "SELECT DISTINCT customer_id FROM attribute_value WHERE store_id = $1 AND value_id IN ",
        )
        .bind(store)
        .push_list(ids.iter().copied())
        .fetch_all()
        .await?;
    Ok(customers.into_iter().map(|(id,)| id).collect())
}

/// The same, as they are shown with their customers: each of whom is in the answer.
pub async fn embedded(
    tx: &mut ReadTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Embedded>> {
    let mut embedded: BTreeMap<CustomerId, Embedded> =
        customers.iter().map(|id| (*id, Embedded::default())).collect();
    for value in of_customers(tx, store, customers).await? {
        embedded.entry(value.customer).or_default().add(value);
    }
    Ok(embedded)
}

/// Add a value.
pub async fn insert(tx: &mut WriteTx, store: StoreId, value: &AttributeValue) -> Result<()> {
    tx.query(
        "INSERT INTO attribute_value
             (store_id, value_id, customer_id, attribute_id, value, date_created, date_modified)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(store)
    .bind(value.id)
    .bind(value.customer)
    .bind(value.attribute)
    .bind(value.value.as_str())
    .bind(value.created_at)
    .bind(value.modified_at)
    .execute()
    .await?;
    Ok(())
}

/// Write what can be changed of a value anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, value: &AttributeValue) -> Result<()> {
    tx.query(
        "UPDATE attribute_value SET value = $3, date_modified = $4
         WHERE store_id = $1 AND value_id = $2",
    )
    .bind(store)
    .bind(value.id)
    .bind(value.value.as_str())
    .bind(value.modified_at)
    .execute()
    .await?;
    Ok(())
}

/// Remove those of these values that there are; what they were.
pub async fn delete(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[AttributeValueId],
) -> Result<Vec<AttributeValue>> {
    let for_update = tx.for_update();
    tx.query(
        "DELETE FROM attribute_value WHERE store_id = $1 AND value_id IN
             (SELECT value_id FROM attribute_value WHERE store_id = $1 AND value_id IN ",
    )
    .bind(store)
    .push_list(ids.iter().copied())
    // Rows are held in the order of their ids, here and wherever several are deleted, so that two deletions
    // do not wait for each other.
    .push(" ORDER BY value_id")
    .push(for_update)
    .push(") RETURNING value_id, customer_id, attribute_id, value, date_created, date_modified")
    .fetch_all()
    .await
}

/// Remove up to `most` values of these attributes; how many there were.
pub async fn delete_some_of(
    tx: &mut WriteTx,
    store: StoreId,
    attributes: &[AttributeId],
    most: i64,
) -> Result<u64> {
    let for_update = tx.for_update();
    tx.query(
        "DELETE FROM attribute_value WHERE store_id = $1 AND value_id IN
             (SELECT value_id FROM attribute_value WHERE store_id = $1 AND attribute_id IN ",
    )
    .bind(store)
    .push_list(attributes.iter().copied())
    .push(" ORDER BY value_id LIMIT ")
    .push_bind(most)
    .push(for_update)
    .push(")")
    .execute()
    .await
}

/// Remove every value of these customers. The caller holds the customers.
pub async fn delete_of_customers(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    let for_update = tx.for_update();
    tx.query(
        "DELETE FROM attribute_value WHERE store_id = $1 AND value_id IN
             (SELECT value_id FROM attribute_value WHERE store_id = $1 AND customer_id IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .push(" ORDER BY value_id")
    .push(for_update)
    .push(")")
    .execute()
    .await?;
    Ok(())
}

/// What an [`AttributeValue`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT value_id, customer_id, attribute_id, value, date_created, date_modified
    FROM attribute_value ";

fn narrowed<'t>(mut query: Query<'t, Reads>, filter: &Filter) -> Query<'t, Reads> {
    if let Some(ids) = &filter.customers {
        query = query.push(" AND customer_id IN ").push_list(ids.iter().copied());
    }
    if let Some(ids) = &filter.attributes {
        query = query.push(" AND attribute_id IN ").push_list(ids.iter().copied());
    }
    if let Some(key) = &filter.name_key {
        query = query
            .push(" AND attribute_id IN (SELECT attribute_id FROM attribute WHERE store_id = $1 AND name_key = ")
            .push_bind(key.as_str())
            .push(")");
    }
    // Beside customers, who have few values, a date is only looked at: its index would lead to far more.
    let (created, modified) = if filter.customers.is_some() {
        (" AND date_created + 0", " AND date_modified + 0")
    } else {
        (" AND date_created", " AND date_modified")
    };
    query.push_span(created, filter.created).push_span(modified, filter.modified)
}

impl FromRow for AttributeValue {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("value_id")?,
            customer: row.get("customer_id")?,
            attribute: row.get("attribute_id")?,
            value: row.get("value")?,
            created_at: row.get("date_created")?,
            modified_at: row.get("date_modified")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;
    use crate::plans;

    /// The plan that SQLite makes, without statistics.
    async fn plan(filter: Filter) -> String {
        let (_place, db) = plans::database().await;
        let plan =
            async |tx: &mut ReadTx| listing(tx, StoreId(1), &filter, plans::FIRST).plan().await;
        db.read(plan).await.unwrap().join("; ")
    }

    #[tokio::test]
    async fn customers_lead_to_their_values_and_an_attribute_to_its_own() {
        let customers = Some(vec![CustomerId(1), CustomerId(2)]);
        let span = Span { from: Some(Timestamp(1)), to: Some(Timestamp(2)) };
        let dated = Filter {
            customers: customers.clone(),
            created: span,
            modified: span,
            ..Filter::default()
        };
        let plan_of = plan(dated).await;
        assert!(plan_of.contains("(store_id=? AND customer_id=?)"), "{plan_of}");
        let attributes = Some(vec![AttributeId(1)]);
        let both = plan(Filter { customers, attributes: attributes.clone(), ..Filter::default() });
        let plan_of = both.await;
        assert!(plan_of.contains("(store_id=? AND customer_id=? AND attribute_id=?)"), "{plan_of}");
        let plan_of = plan(Filter { attributes, ..Filter::default() }).await;
        assert!(plan_of.contains("attribute_value_by_attribute"), "{plan_of}");
    }
}
