use std::collections::{BTreeMap, BTreeSet};

use kernel::{AddressId, CustomerId, Part, StoreId, fold};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, Value, WriteTx, Writes};

use super::{
    filter::Filter,
    model::{Address, Country, Details, Embedded, Kind, MOST_EMBEDDED},
};

/// One address of a customer.
pub async fn find(
    tx: &mut ReadTx,
    store: StoreId,
    customer: CustomerId,
    id: AddressId,
) -> Result<Option<Address>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND address_id = $2 AND customer_id = $3")
        .bind(store)
        .bind(id)
        .bind(customer)
        .fetch_optional()
        .await
}

/// Those of these addresses that there are, in the order of their ids.
pub async fn find_all(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &BTreeSet<AddressId>,
) -> Result<Vec<Address>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND address_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .push(" ORDER BY address_id")
        .fetch_all()
        .await
}

/// Part of the addresses that match, in the order of their ids.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Result<Vec<Address>> {
    listing(tx, store, filter, part).fetch_all().await
}

fn listing<'t>(
    tx: &'t mut ReadTx,
    store: StoreId,
    filter: &Filter,
    part: Part,
) -> Query<'t, Reads> {
    let query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    // Whatever narrows leads to its rows, which are then put in order. Without statistics SQLite would
    // rather walk the whole store in order and look at each.
    let order = if filter.is_empty() { " ORDER BY address_id" } else { " ORDER BY address_id + 0" };
    narrowed(query, filter).push(order).push_part(part)
}

/// How many match.
pub async fn count(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    let (count,) = counting(tx, store, filter).fetch_one().await?;
    Ok(count)
}

fn counting<'t>(tx: &'t mut ReadTx, store: StoreId, filter: &Filter) -> Query<'t, Reads> {
    let query = tx.query("SELECT COUNT(*) FROM customer_address WHERE store_id = $1").bind(store);
    narrowed(query, filter)
}

/// What these customers show of their addresses; who has none is not in it.
pub async fn embedded(
    tx: &mut ReadTx,
    store: StoreId,
    customers: impl Iterator<Item = CustomerId>,
) -> Result<BTreeMap<CustomerId, Embedded>> {
    let rows: Vec<Shown> = embedding(tx, store, customers).fetch_all().await?;
    let mut embedded: BTreeMap<CustomerId, Embedded> = BTreeMap::new();
    for Shown { address, of } in rows {
        let shown = embedded.entry(address.customer).or_default();
        shown.count = of;
        shown.addresses.push(address);
    }
    Ok(embedded)
}

/// Numbered and counted within the index; only the rows that are shown are read.
fn embedding(
    tx: &mut ReadTx,
    store: StoreId,
    customers: impl Iterator<Item = CustomerId>,
) -> Query<'_, Reads> {
    tx.query(
        "WITH n AS (
             SELECT store_id, customer_id, address_id,
                    ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY address_id) AS place,
                    COUNT(*) OVER (PARTITION BY customer_id) AS many
             FROM customer_address WHERE store_id = $1 AND customer_id IN ",
    )
    .bind(store)
    .push_list(customers)
    .push(
        ")
         SELECT a.address_id, a.customer_id, a.first_name, a.last_name, a.company, a.phone, a.address_type,
                a.address1, a.address2, a.city, a.country_code, a.state_or_province, a.postal_code, n.many
         FROM n JOIN customer_address a ON a.store_id = n.store_id AND a.address_id = n.address_id
         WHERE a.store_id = $1 AND n.store_id = $1 AND n.place <= ",
    )
    .push_bind(i64::try_from(MOST_EMBEDDED).unwrap_or(i64::MAX))
    .push(" ORDER BY a.customer_id, a.address_id")
}

/// Those addresses of these customers that have one of these identities.
pub async fn with_identities(
    tx: &mut ReadTx,
    store: StoreId,
    identities: &BTreeSet<(CustomerId, [u8; 32])>,
) -> Result<Vec<Address>> {
    let customers: BTreeSet<CustomerId> = identities.iter().map(|(id, _)| *id).collect();
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(customers)
        .push(" AND identity IN ")
        .push_list(identities.iter().map(|(_, identity)| *identity))
        .fetch_all()
        .await
}

/// Whether the customer has an address of this identity.
pub async fn exists(
    tx: &mut ReadTx,
    store: StoreId,
    customer: CustomerId,
    identity: [u8; 32],
) -> Result<bool> {
    let found = tx
        .query(
            "SELECT address_id FROM customer_address
             WHERE store_id = $1 AND customer_id = $2 AND identity = $3",
        )
        .bind(store)
        .bind(customer)
        .bind(identity)
        .fetch_optional::<()>()
        .await?;
    Ok(found.is_some())
}

/// Add an address.
pub async fn insert(tx: &mut WriteTx, store: StoreId, address: &Address) -> Result<()> {
    let query = tx.query(
        "INSERT INTO customer_address
             (store_id, address_id, customer_id, first_name, last_name, company, phone, address_type, address1,
              address2, city, country_code, state_or_province, postal_code, name_key, company_key, identity)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    );
    with_fields(query, store, address).execute().await?;
    Ok(())
}

/// Write an address's fields anew. Its customer never changes.
pub async fn update(tx: &mut WriteTx, store: StoreId, address: &Address) -> Result<()> {
    let query = tx.query(
        "UPDATE customer_address SET first_name = $4, last_name = $5, company = $6, phone = $7,
             address_type = $8, address1 = $9, address2 = $10, city = $11, country_code = $12,
             state_or_province = $13, postal_code = $14, name_key = $15, company_key = $16, identity = $17
         WHERE store_id = $1 AND address_id = $2 AND customer_id = $3",
    );
    with_fields(query, store, address).execute().await?;
    Ok(())
}

/// Bind `$1` to `$17`: the keys, what can be changed, and what follows from it.
fn with_fields<'t>(
    query: Query<'t, Writes>,
    store: StoreId,
    address: &Address,
) -> Query<'t, Writes> {
    let Address { id, customer, details } = address;
    query
        .bind(store)
        .bind(*id)
        .bind(*customer)
        .bind(details.first_name.as_str())
        .bind(details.last_name.as_str())
        .bind(details.company.as_str())
        .bind(details.phone.as_str())
        .bind(details.kind)
        .bind(details.address1.as_str())
        .bind(details.address2.as_str())
        .bind(details.city.as_str())
        .bind(details.country)
        .bind(details.state_or_province.as_str())
        .bind(details.postal_code.as_str())
        .bind(fold(&format!("{} {}", details.first_name, details.last_name)))
        .bind(fold(&details.company))
        .bind(details.identity())
}

/// Remove addresses.
pub async fn delete(
    tx: &mut WriteTx,
    store: StoreId,
    ids: impl Iterator<Item = AddressId>,
) -> Result<()> {
    tx.query("DELETE FROM customer_address WHERE store_id = $1 AND address_id IN ")
        .bind(store)
        .push_list(ids)
        .execute()
        .await?;
    Ok(())
}

/// Remove all addresses of these customers; how many there were.
pub async fn delete_of(tx: &mut WriteTx, store: StoreId, customers: &[CustomerId]) -> Result<u64> {
    tx.query("DELETE FROM customer_address WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(customers.iter().copied())
        .execute()
        .await
}

/// What an [`Address`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT address_id, customer_id, first_name, last_name, company, phone, address_type, address1, address2,
           city, country_code, state_or_province, postal_code
    FROM customer_address ";

/// The clauses of a filter, each there only when the filter has it.
fn narrowed<'t>(mut query: Query<'t, Reads>, filter: &Filter) -> Query<'t, Reads> {
    if let Some(ids) = &filter.ids {
        query = query.push(" AND address_id IN ").push_list(ids.iter().copied());
    }
    if let Some(customers) = &filter.customers {
        // Beside ids, which name fewer rows, a customer is only looked at.
        let column =
            if filter.ids.is_some() { " AND customer_id + 0 IN " } else { " AND customer_id IN " };
        query = query.push(column).push_list(customers.iter().copied());
    }
    // Beside either, so is a text.
    let (name, company) = if filter.names_few() {
        (" AND name_key || '' IN ", " AND company_key || '' IN ")
    } else {
        (" AND name_key IN ", " AND company_key IN ")
    };
    if let Some(names) = &filter.names {
        query = query.push(name).push_list(names.iter().map(String::as_str));
    }
    if let Some(companies) = &filter.companies {
        query = query.push(company).push_list(companies.iter().map(String::as_str));
    }
    query
}

impl FromRow for Address {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("address_id")?,
            customer: row.get("customer_id")?,
            details: Details {
                first_name: row.get("first_name")?,
                last_name: row.get("last_name")?,
                company: row.get("company")?,
                phone: row.get("phone")?,
                kind: row.get("address_type")?,
                address1: row.get("address1")?,
                address2: row.get("address2")?,
                city: row.get("city")?,
                country: row.get("country_code")?,
                state_or_province: row.get("state_or_province")?,
                postal_code: row.get("postal_code")?,
            },
        })
    }
}

/// An address that a customer shows, of so many.
struct Shown {
    address: Address,
    of: i64,
}

impl FromRow for Shown {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { address: Address::from_row(row)?, of: row.get("many")? })
    }
}

impl Value for Kind {
    type Repr = String;

    fn into_repr(self) -> String {
        self.name().to_owned()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        repr.parse().map_err(|_| "no such kind of address".to_owned())
    }
}

impl Value for Country {
    type Repr = String;

    fn into_repr(self) -> String {
        self.code().to_owned()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        Self::of_code(&repr).ok_or_else(|| "no such country".to_owned())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::plans;

    /// Check the plan that SQLite makes, without statistics, for a page and for its count.
    async fn check(filter: Filter, expected: &str) {
        let (_place, db) = plans::database().await;
        let part = Part { offset: 100, limit: 50 };
        let page = async |tx: &mut ReadTx| listing(tx, StoreId(1), &filter, part).plan().await;
        let plan = db.read(page).await.unwrap().join("; ");
        assert!(plan.contains(expected), "{filter:?}: {plan}");
        assert_eq!(plan.contains("TEMP B-TREE"), !filter.is_empty(), "{filter:?}: {plan}");
        if !filter.is_empty() {
            let count = async |tx: &mut ReadTx| counting(tx, StoreId(1), &filter).plan().await;
            let plan = db.read(count).await.unwrap().join("; ");
            assert!(plan.contains(expected), "count of {filter:?}: {plan}");
        }
    }

    #[tokio::test]
    async fn without_a_filter_the_key_gives_the_order() {
        check(Filter::default(), "(store_id=?)").await;
    }

    #[tokio::test]
    async fn every_filter_leads_to_its_rows_by_an_index_of_its_own() {
        let ids = Some((1..9).map(AddressId).collect());
        let customers = Some((1..9).map(CustomerId).collect());
        let texts = Some(vec!["a".to_owned(), "b".to_owned()]);
        check(Filter { ids: ids.clone(), ..Filter::default() }, "(store_id=? AND address_id=?)")
            .await;
        check(
            Filter { customers: customers.clone(), ..Filter::default() },
            "(store_id=? AND customer_id=?)",
        )
        .await;
        check(
            Filter { names: texts.clone(), ..Filter::default() },
            "customer_address_by_name (store_id=? AND name_key=?)",
        )
        .await;
        check(
            Filter { companies: texts.clone(), ..Filter::default() },
            "customer_address_by_company (store_id=? AND company_key=?)",
        )
        .await;
        let all = Filter { ids, customers, names: texts.clone(), companies: texts };
        check(all.clone(), "(store_id=? AND address_id=?)").await;
        check(Filter { ids: None, ..all }, "(store_id=? AND customer_id=?)").await;
    }

    #[tokio::test]
    async fn what_customers_show_is_numbered_within_the_index_and_read_by_key() {
        let (_place, db) = plans::database().await;
        let plan =
            async |tx: &mut ReadTx| embedding(tx, StoreId(1), (1..9).map(CustomerId)).plan().await;
        let plan = db.read(plan).await.unwrap().join("; ");
        for step in [
            "USING COVERING INDEX customer_address_by_customer (store_id=? AND customer_id=?)",
            "SEARCH a USING INDEX sqlite_autoindex_customer_address_1 (store_id=? AND address_id=?)",
        ] {
            assert!(plan.contains(step), "{plan}");
        }
    }
}
