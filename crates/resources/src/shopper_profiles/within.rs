//! Shopper profiles within the transaction that deletes their customers.

use kernel::{CustomerId, Error, Result, StoreId};
use sql::WriteTx;

use super::rows;
use crate::{
    counters::rows::{self as counters, Counter},
    memberships, segments,
};

/// The shopper profiles of customers that are being deleted go with them, out of every segment. The customers
/// are held, so nobody can make them one meanwhile.
pub async fn forget_customers(tx: &mut WriteTx, store: StoreId, gone: &[CustomerId]) -> Result<()> {
    let profiles = rows::of_customers(tx, store, gone).await?;
    if profiles.is_empty() {
        return Ok(());
    }
    counters::hold(tx, store, Counter::Segment).await?.ok_or(Error::NotFound("store"))?;
    let profiles: Vec<_> = profiles.iter().map(|profile| profile.number).collect();
    for (times, left) in memberships::rows::delete_of(tx, store, &profiles).await? {
        segments::rows::count_members(tx, store, &left, -times).await?;
    }
    let count = rows::delete(tx, store, &profiles).await?;
    let count = i64::try_from(count).map_err(Error::internal)?;
    Ok(counters::discount(tx, store, Counter::ShopperProfile, count).await?)
}
