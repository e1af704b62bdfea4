use std::collections::BTreeMap;

use kernel::{CustomerId, Part, StoreId, WishlistId, WishlistItemId};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx};

use super::model::{Item, Wishlist};

/// The wishlist of this id.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: WishlistId) -> Result<Option<Wishlist>> {
    let found = tx
        .query(SELECT)
        .push("WHERE store_id = $1 AND wishlist_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await?;
    with_item(tx, store, found).await
}

/// The same, held until the transaction ends; and with it, its items.
pub async fn lock(tx: &mut WriteTx, store: StoreId, id: WishlistId) -> Result<Option<Wishlist>> {
    let for_update = tx.for_update();
    let found = tx
        .query(SELECT)
        .push("WHERE store_id = $1 AND wishlist_id = $2")
        .push(for_update)
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await?;
    with_item(tx, store, found).await
}

/// Part of the wishlists of the store, or of a customer, the lowest id first.
pub async fn list(
    tx: &mut ReadTx,
    store: StoreId,
    customer: Option<CustomerId>,
    part: Part,
) -> Result<Vec<Wishlist>> {
    let found = listing(tx, store, customer, part).fetch_all().await?;
    with_items(tx, store, found).await
}

fn listing(
    tx: &mut ReadTx,
    store: StoreId,
    customer: Option<CustomerId>,
    part: Part,
) -> Query<'_, Reads> {
    let mut query = tx.query(SELECT).push("WHERE store_id = $1").bind(store);
    if let Some(customer) = customer {
        query = query.push(" AND customer_id = ").push_bind(customer);
    }
    query.push(" ORDER BY wishlist_id").push_part(part)
}

/// How many a customer has.
pub async fn count(tx: &mut ReadTx, store: StoreId, customer: CustomerId) -> Result<i64> {
    let (count,) = tx
        .query("SELECT COUNT(*) FROM wishlist WHERE store_id = $1 AND customer_id = $2")
        .bind(store)
        .bind(customer)
        .fetch_one()
        .await?;
    Ok(count)
}

/// Add a wishlist, without its items.
pub async fn insert(tx: &mut WriteTx, store: StoreId, wishlist: &Wishlist) -> Result<()> {
    tx.query(
        "INSERT INTO wishlist (store_id, wishlist_id, customer_id, name, is_public, token)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(store)
    .bind(wishlist.id)
    .bind(wishlist.customer)
    .bind(wishlist.name.as_str())
    .bind(wishlist.is_public)
    .bind(wishlist.token)
    .execute()
    .await?;
    Ok(())
}

/// Add items, of which there is at least one, to a wishlist that is held.
pub async fn insert_items(
    tx: &mut WriteTx,
    store: StoreId,
    wishlist: WishlistId,
    items: &[Item],
) -> Result<()> {
    let mut query = tx
        .query(
            "INSERT INTO wishlist_item (store_id, wishlist_id, item_id, product_id, variant_id)
             VALUES ($1, $2, ",
        )
        .bind(store)
        .bind(wishlist);
    for (at, item) in items.iter().enumerate() {
        let query_to_here = if at == 0 { query } else { query.push(", ($1, $2, ") };
        let query_to_here = query_to_here.push_bind(item.id).push(", ").push_bind(item.product);
        query = query_to_here.push(", ").push_bind(item.variant).push(")");
    }
    query.execute().await?;
    Ok(())
}

/// Write a wishlist's own fields anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, wishlist: &Wishlist) -> Result<()> {
    tx.query(
        "UPDATE wishlist SET name = $3, is_public = $4 WHERE store_id = $1 AND wishlist_id = $2",
    )
    .bind(store)
    .bind(wishlist.id)
    .bind(wishlist.name.as_str())
    .bind(wishlist.is_public)
    .execute()
    .await?;
    Ok(())
}

/// Write an item of a wishlist that is held anew.
pub async fn update_item(
    tx: &mut WriteTx,
    store: StoreId,
    wishlist: WishlistId,
    item: &Item,
) -> Result<()> {
    tx.query(
        "UPDATE wishlist_item SET product_id = $4, variant_id = $5
         WHERE store_id = $1 AND wishlist_id = $2 AND item_id = $3",
    )
    .bind(store)
    .bind(wishlist)
    .bind(item.id)
    .bind(item.product)
    .bind(item.variant)
    .execute()
    .await?;
    Ok(())
}

/// Remove a wishlist and its items, if it is there: how many items there were.
pub async fn delete(tx: &mut WriteTx, store: StoreId, id: WishlistId) -> Result<Option<u64>> {
    let gone = tx
        .query("DELETE FROM wishlist WHERE store_id = $1 AND wishlist_id = $2")
        .bind(store)
        .bind(id)
        .execute()
        .await?;
    if gone == 0 {
        return Ok(None);
    }
    let items = tx
        .query("DELETE FROM wishlist_item WHERE store_id = $1 AND wishlist_id = $2")
        .bind(store)
        .bind(id)
        .execute()
        .await?;
    Ok(Some(items))
}

/// Remove an item of a wishlist that is held, if it is there: whether it was.
pub async fn delete_item(
    tx: &mut WriteTx,
    store: StoreId,
    wishlist: WishlistId,
    item: WishlistItemId,
) -> Result<bool> {
    let gone = tx
        .query(
            "DELETE FROM wishlist_item WHERE store_id = $1 AND wishlist_id = $2 AND item_id = $3",
        )
        .bind(store)
        .bind(wishlist)
        .bind(item)
        .execute()
        .await?;
    Ok(gone > 0)
}

/// Remove the wishlists of these customers, who are held, and their items: how many there were of both.
pub async fn delete_of(
    tx: &mut WriteTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<(i64, i64)> {
    let gone: Vec<(WishlistId,)> = tx
        .query("DELETE FROM wishlist WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(customers.iter().copied())
        .push(" RETURNING wishlist_id")
        .fetch_all()
        .await?;
    let mut items = 0;
    for some in gone.chunks(sql::LIST_CAP) {
        items += tx
            .query("DELETE FROM wishlist_item WHERE store_id = $1 AND wishlist_id IN ")
            .bind(store)
            .push_list(some.iter().map(|(id,)| *id))
            .execute()
            .await?;
    }
    let count = |number| i64::try_from(number).unwrap_or(i64::MAX);
    Ok((count(gone.len() as u64), count(items)))
}

/// What a [`Wishlist`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT wishlist_id, customer_id, name, is_public, token
    FROM wishlist ";

async fn with_item(
    tx: &mut ReadTx,
    store: StoreId,
    found: Option<Wishlist>,
) -> Result<Option<Wishlist>> {
    Ok(with_items(tx, store, found.into_iter().collect()).await?.pop())
}

/// At most a page of wishlists, with their items.
async fn with_items(
    tx: &mut ReadTx,
    store: StoreId,
    mut wishlists: Vec<Wishlist>,
) -> Result<Vec<Wishlist>> {
    if wishlists.is_empty() {
        return Ok(wishlists);
    }
    let held: Vec<Held> = items(tx, store, &wishlists).fetch_all().await?;
    let mut items: BTreeMap<WishlistId, Vec<Item>> = BTreeMap::new();
    for Held(wishlist, item) in held {
        items.entry(wishlist).or_default().push(item);
    }
    for wishlist in &mut wishlists {
        wishlist.items = items.remove(&wishlist.id).unwrap_or_default();
    }
    Ok(wishlists)
}

fn items<'t>(tx: &'t mut ReadTx, store: StoreId, wishlists: &[Wishlist]) -> Query<'t, Reads> {
    tx.query(
        "SELECT wishlist_id, item_id, product_id, variant_id FROM wishlist_item
         WHERE store_id = $1 AND wishlist_id IN ",
    )
    .bind(store)
    .push_list(wishlists.iter().map(|wishlist| wishlist.id))
    .push(" ORDER BY wishlist_id, item_id")
}

impl FromRow for Wishlist {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("wishlist_id")?,
            customer: row.get("customer_id")?,
            name: row.get("name")?,
            is_public: row.get("is_public")?,
            token: row.get("token")?,
            items: Vec::new(),
        })
    }
}

/// An item, and whose it is.
struct Held(WishlistId, Item);

impl FromRow for Held {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let wishlist = row.get("wishlist_id")?;
        let item = Item {
            id: row.get("item_id")?,
            product: row.get("product_id")?,
            variant: row.get("variant_id")?,
        };
        Ok(Self(wishlist, item))
    }
}

#[cfg(test)]
mod tests {
    use kernel::{SeededChance, Uuid};

    use super::*;
    use crate::plans;

    /// The plans that SQLite makes, without statistics: of the store's page, of a customer's, of the items.
    #[tokio::test]
    async fn pages_and_items_are_read_from_an_index_in_its_order() {
        let (_place, db) = plans::database().await;
        let wishlist = |id| Wishlist {
            id: WishlistId(id),
            customer: CustomerId(1),
            name: String::new(),
            is_public: false,
            token: Uuid::draw(&SeededChance::new(1)),
            items: Vec::new(),
        };
        let wishlists: Vec<Wishlist> = (1..=9).map(wishlist).collect();
        let plans = async |tx: &mut ReadTx| {
            let mut plans = Vec::new();
            for customer in [None, Some(CustomerId(1))] {
                plans
                    .push(listing(tx, StoreId(1), customer, plans::FIRST).plan().await?.join("; "));
            }
            plans.push(items(tx, StoreId(1), &wishlists).plan().await?.join("; "));
            Ok::<_, sql::Error>(plans)
        };
        let plans = db.snapshot(plans).await.unwrap();
        assert!(plans[0].contains("autoindex_wishlist_1 (store_id=?)"), "{plans:?}");
        assert!(
            plans[1].contains("wishlist_by_customer (store_id=? AND customer_id=?)"),
            "{plans:?}"
        );
        assert!(plans[2].contains("(store_id=? AND wishlist_id=?)"), "{plans:?}");
        for plan in plans {
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
