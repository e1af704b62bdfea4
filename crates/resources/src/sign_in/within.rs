//! What is remembered of attempts, within the transaction of whoever forgets it.

use std::collections::BTreeSet;

use kernel::{Error, Result, StoreId, hex};
use sql::WriteTx;

use super::{model::digest, rows};
use crate::{
    counters::rows::{self as counters, Counter},
    customers,
};

/// Forget the attempts for addresses whose accounts have been deleted. Where another account has the address,
/// they are its own too, and stay.
pub async fn forget(tx: &mut WriteTx, store: StoreId, email_keys: &BTreeSet<String>) -> Result<()> {
    let subjects = |keys: &BTreeSet<String>| -> Vec<String> {
        keys.iter().map(|key| hex(&digest(store, key))).collect()
    };
    if !rows::are_any(tx, store, &subjects(email_keys)).await? {
        return Ok(());
    }
    let mut free = email_keys.clone();
    for holder in customers::rows::holders(tx, store, email_keys).await? {
        free.remove(&holder.email_key);
    }
    forget_subjects(tx, store, &subjects(&free)).await
}

/// Forget these subjects. The caller holds no counter that comes after that of attempts.
pub async fn forget_subjects(tx: &mut WriteTx, store: StoreId, subjects: &[String]) -> Result<()> {
    counters::hold(tx, store, Counter::SignIn).await?.ok_or(Error::NotFound("store"))?;
    let gone = rows::delete(tx, store, subjects).await?;
    if gone == 0 {
        return Ok(());
    }
    let gone = i64::try_from(gone).map_err(Error::internal)?;
    Ok(counters::discount(tx, store, Counter::SignIn, gone).await?)
}
