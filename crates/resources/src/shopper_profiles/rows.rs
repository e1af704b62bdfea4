use kernel::{CustomerId, Part, ProfileNumber, StoreId, Uuid};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx};

use super::model::Profile;

/// The profile of this id.
pub async fn find(tx: &mut ReadTx, store: StoreId, id: Uuid) -> Result<Option<Profile>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND profile_id = $2")
        .bind(store)
        .bind(id)
        .fetch_optional()
        .await
}

/// Those of these profiles that there are.
pub async fn with_ids(tx: &mut ReadTx, store: StoreId, ids: &[Uuid]) -> Result<Vec<Profile>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND profile_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .fetch_all()
        .await
}

/// The profiles of those of these customers who have one.
pub async fn of_customers(
    tx: &mut ReadTx,
    store: StoreId,
    customers: &[CustomerId],
) -> Result<Vec<Profile>> {
    owned(tx, store, customers).fetch_all().await
}

fn owned<'t>(tx: &'t mut ReadTx, store: StoreId, customers: &[CustomerId]) -> Query<'t, Reads> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND customer_id IN ")
        .bind(store)
        .push_list(customers.iter().copied())
}

/// Part of the profiles, in the order in which they were made.
pub async fn list(tx: &mut ReadTx, store: StoreId, part: Part) -> Result<Vec<Profile>> {
    listing(tx, store, part).fetch_all().await
}

fn listing(tx: &mut ReadTx, store: StoreId, part: Part) -> Query<'_, Reads> {
    tx.query(SELECT).push("WHERE store_id = $1 ORDER BY profile_number").bind(store).push_part(part)
}

/// Add a profile.
pub async fn insert(tx: &mut WriteTx, store: StoreId, profile: &Profile) -> Result<()> {
    tx.query(
        "INSERT INTO shopper_profile (store_id, profile_number, profile_id, customer_id, created_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(store)
    .bind(profile.number)
    .bind(profile.id)
    .bind(profile.customer)
    .bind(profile.created_at)
    .execute()
    .await?;
    Ok(())
}

/// Remove these profiles, which are in no segment any more: how many there were.
pub async fn delete(tx: &mut WriteTx, store: StoreId, profiles: &[ProfileNumber]) -> Result<u64> {
    tx.query("DELETE FROM shopper_profile WHERE store_id = $1 AND profile_number IN ")
        .bind(store)
        .push_list(profiles.iter().copied())
        .execute()
        .await
}

/// What a [`Profile`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT profile_number, profile_id, customer_id, created_at
    FROM shopper_profile ";

impl FromRow for Profile {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            number: row.get("profile_number")?,
            id: row.get("profile_id")?,
            customer: row.get("customer_id")?,
            created_at: row.get("created_at")?,
        })
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::plans;

    #[tokio::test]
    async fn a_page_is_read_in_its_order_and_customers_lead_to_their_profiles() {
        let (_place, db) = plans::database().await;
        let page = async |tx: &mut ReadTx| listing(tx, StoreId(1), plans::FIRST).plan().await;
        let plan = db.read(page).await.unwrap().join("; ");
        assert!(plan.contains("autoindex_shopper_profile_1 (store_id=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        let customers: Vec<CustomerId> = (1..=250).map(CustomerId).collect();
        let owned = async |tx: &mut ReadTx| owned(tx, StoreId(1), &customers).plan().await;
        let plan = db.read(owned).await.unwrap().join("; ");
        assert!(plan.contains("(store_id=? AND customer_id=?)"), "{plan}");
    }
}
