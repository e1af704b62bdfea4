//! Wishlists within the transaction that deletes their customers.

use kernel::{CustomerId, Result, StoreId};
use sql::WriteTx;

use super::rows;
use crate::counters::rows::{self as counters, Counter};

/// The wishlists of customers that are being deleted go with them.
pub async fn forget_customers(tx: &mut WriteTx, store: StoreId, gone: &[CustomerId]) -> Result<()> {
    let (lists, items) = rows::delete_of(tx, store, gone).await?;
    if lists > 0 {
        counters::discount(tx, store, Counter::Wishlist, lists).await?;
        counters::discount(tx, store, Counter::WishlistItem, items).await?;
    }
    Ok(())
}
