use kernel::{CustomerId, MetafieldId, Span, StoreId, Stretch};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, Value, WriteTx};

use super::model::{Metafield, PermissionSet};

/// Which metafields are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Who looks: the client id of the account. What is private to others is not there.
    pub viewer: String,
    pub customer: Option<CustomerId>,
    /// Lists of keys, one of each of which it must have.
    pub keys: Vec<Vec<String>>,
    /// Lists of namespaces, likewise.
    pub namespaces: Vec<Vec<String>>,
    pub created: Span,
    pub modified: Span,
}

/// What makes a metafield one of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub customer: CustomerId,
    pub owner: String,
    pub namespace: String,
    pub key: String,
}

impl Name {
    /// The name of a metafield.
    #[must_use]
    pub fn of(metafield: &Metafield) -> Self {
        let Metafield { customer, owner, namespace, key, .. } = metafield.clone();
        Self { customer, owner, namespace, key }
    }
}

/// The metafield of this id.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: MetafieldId) -> Result<Option<Metafield>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND metafield_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// Whose these metafields are, each customer once, ascending. A metafield never changes its customer.
pub async fn customers_of(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[MetafieldId],
) -> Result<Vec<CustomerId>> {
    let customers: Vec<(CustomerId,)> = tx
        .query(
            "SELECT DISTINCT customer_id FROM metafield WHERE store_id = $1 AND metafield_id IN ",
        )
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY customer_id")
        .fetch_all()
        .await?;
    Ok(customers.into_iter().map(|(id,)| id).collect())
}

/// Those of these metafields that there are. The caller holds their customers, and with them the metafields.
pub async fn of_ids(
    tx: &mut WriteTx,
    store: StoreId,
    ids: &[MetafieldId],
) -> Result<Vec<Metafield>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND metafield_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY metafield_id")
        .fetch_all()
        .await
}

/// The names of all metafields of these customers. The caller holds the customers.
pub async fn names_of(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<Vec<Name>> {
    tx.query(
        "SELECT customer_id, owner, namespace, key FROM metafield WHERE store_id = $1 AND customer_id IN ",
    )
    .bind(store)
    .push_list(customers.iter().copied())
    .fetch_all()
    .await
}

/// Some of those that match, at most `limit`, in the order of their ids or against it; whether there are more
/// before and after them.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    descending: bool,
    stretch: Stretch<MetafieldId>,
    limit: i64,
) -> Result<(Vec<Metafield>, (bool, bool))> {
    let mut rows = listing(tx, store, filter, descending, stretch, limit).fetch_all().await?;
    let more = stretch.cut(&mut rows, limit);
    Ok((rows, more))
}

fn listing<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    filter: &Filter,
    descending: bool,
    stretch: Stretch<MetafieldId>,
    limit: i64,
) -> Query<'t, Reads> {
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    let query = narrowed(query, filter);
    let falls = descending != stretch.is_backwards();
    let query = match stretch {
        Stretch::Offset(_) => query,
        Stretch::After(id) | Stretch::Before(id) => query
            .push(if falls { " AND metafield_id < " } else { " AND metafield_id > " })
            .push_bind(id),
    };
    let order = if falls { " ORDER BY metafield_id DESC" } else { " ORDER BY metafield_id" };
    query.push(order).push_stretch(&stretch, limit)
}

/// How many match.
pub async fn count(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    let query = tx.query("SELECT COUNT(*) FROM metafield WHERE store_id = $1").bind(store);
    let (count,) = narrowed(query, filter).fetch_one().await?;
    Ok(count)
}

/// Add a metafield.
pub async fn insert(tx: &mut WriteTx, store: StoreId, metafield: &Metafield) -> Result<()> {
    tx.query(
        "INSERT INTO metafield
             (store_id, metafield_id, namespace, key, value, description, permission_set, date_modified,
              customer_id, owner, date_created)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(store)
    .bind(metafield.id)
    .bind(metafield.namespace.as_str())
    .bind(metafield.key.as_str())
    .bind(metafield.value.as_str())
    .bind(metafield.description.as_str())
    .bind(metafield.permission)
    .bind(metafield.modified_at)
    .bind(metafield.customer)
    .bind(metafield.owner.as_str())
    .bind(metafield.created_at)
    .execute()
    .await?;
    Ok(())
}

/// Write what can be changed of a metafield anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, metafield: &Metafield) -> Result<()> {
    tx.query(
        "UPDATE metafield SET namespace = $3, key = $4, value = $5, description = $6, permission_set = $7,
             date_modified = $8
         WHERE store_id = $1 AND metafield_id = $2",
    )
    .bind(store)
    .bind(metafield.id)
    .bind(metafield.namespace.as_str())
    .bind(metafield.key.as_str())
    .bind(metafield.value.as_str())
    .bind(metafield.description.as_str())
    .bind(metafield.permission)
    .bind(metafield.modified_at)
    .execute()
    .await?;
    Ok(())
}

/// Remove these metafields. The caller holds their customers.
pub async fn delete(tx: &mut WriteTx, store: StoreId, ids: &[MetafieldId]) -> Result<()> {
    tx.query("DELETE FROM metafield WHERE store_id = $1 AND metafield_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .execute()
        .await?;
    Ok(())
}

/// Remove every metafield of these customers. The caller holds the customers.
pub async fn delete_of_customers(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<()> {
    tx.query("DELETE FROM metafield WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(customers.iter().copied())
        .execute()
        .await?;
    Ok(())
}

/// What a [`Metafield`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT metafield_id, customer_id, owner, namespace, key, value, description, permission_set,
           date_created, date_modified
    FROM metafield ";

fn narrowed<'t>(query: Query<'t, Reads>, filter: &Filter) -> Query<'t, Reads> {
    let mut query = query
        .push(" AND (permission_set <> 'app_only' OR owner = ")
        .push_bind(filter.viewer.as_str())
        .push(")");
    if let Some(customer) = filter.customer {
        query = query.push(" AND customer_id = ").push_bind(customer);
    }
    // Beside a customer, who has few, everything else is only looked at: its index would lead to far more.
    let (key, namespace, created, modified) = if filter.customer.is_some() {
        (
            " AND key || '' IN ",
            " AND namespace || '' IN ",
            " AND date_created + 0",
            " AND date_modified + 0",
        )
    } else {
        (" AND key IN ", " AND namespace IN ", " AND date_created", " AND date_modified")
    };
    for keys in &filter.keys {
        query = query.push(key).push_list(keys.iter().map(String::as_str));
    }
    for namespaces in &filter.namespaces {
        query = query.push(namespace).push_list(namespaces.iter().map(String::as_str));
    }
    query.push_span(created, filter.created).push_span(modified, filter.modified)
}

impl FromRow for Metafield {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("metafield_id")?,
            customer: row.get("customer_id")?,
            owner: row.get("owner")?,
            namespace: row.get("namespace")?,
            key: row.get("key")?,
            value: row.get("value")?,
            description: row.get("description")?,
            permission: row.get("permission_set")?,
            created_at: row.get("date_created")?,
            modified_at: row.get("date_modified")?,
        })
    }
}

impl FromRow for Name {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            customer: row.get("customer_id")?,
            owner: row.get("owner")?,
            namespace: row.get("namespace")?,
            key: row.get("key")?,
        })
    }
}

impl Value for PermissionSet {
    type Repr = String;

    fn into_repr(self) -> String {
        self.name().to_owned()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        repr.parse().map_err(|_| "no such permission set".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;
    use crate::plans;

    #[tokio::test]
    async fn a_customer_and_a_cursor_lead_to_their_rows_in_order() {
        let (_place, db) = plans::database().await;
        let plan = async |filter: &Filter, part| {
            let plan = async |tx: &mut ReadTx| {
                listing(tx, StoreId(1), filter, false, part, 50).plan().await
            };
            db.read(plan).await.unwrap().join("; ")
        };
        let span = Span { from: Some(Timestamp(1)), to: Some(Timestamp(2)) };
        let of_one = Filter { customer: Some(CustomerId(1)), ..Filter::default() };
        let narrow = Filter {
            keys: vec![vec!["a".to_owned()]],
            namespaces: vec![vec!["b".to_owned()]],
            created: span,
            modified: span,
            ..of_one.clone()
        };
        for (filter, part) in [
            (&of_one, Stretch::Offset(0)),
            (&narrow, Stretch::Offset(0)),
            (&narrow, Stretch::After(MetafieldId(5))),
            (&narrow, Stretch::Before(MetafieldId(5))),
        ] {
            let steps = plan(filter, part).await;
            assert!(steps.contains("store_id=? AND customer_id=?"), "{steps}");
        }
        let by_key = Filter { keys: vec![vec!["a".to_owned()]], ..Filter::default() };
        let steps = plan(&by_key, Stretch::Offset(0)).await;
        assert!(steps.contains("metafield_by_key (store_id=? AND key=?"), "{steps}");
        let steps = plan(&Filter::default(), Stretch::After(MetafieldId(5))).await;
        assert!(steps.contains("store_id=? AND metafield_id>?"), "{steps}");
        assert!(!steps.contains("TEMP B-TREE"), "{steps}");
    }
}
