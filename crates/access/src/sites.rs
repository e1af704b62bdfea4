//! What operators do with the domains of stores.

use kernel::{ChannelId, Clock, Error, Result, StoreId, Timestamp};
use sql::{Db, WriteTx};

use crate::{Domain, Site, rows};

/// Give a domain to a store, under one of its channels, which must be there. `Taken` when a store has it already,
/// also this one.
pub async fn add(
    tx: &mut WriteTx,
    store: StoreId,
    domain: &Domain,
    channel: ChannelId,
    now: Timestamp,
) -> Result<()> {
    if !rows::insert_site(tx, store, domain.as_str(), channel, now).await? {
        return Err(Error::Taken { field: "domain", value: domain.to_string() });
    }
    Ok(rows::count_change(tx).await?)
}

/// Take a domain from a store. Every server knows within a second.
pub async fn remove(db: &Db, hash: &str, domain: &Domain) -> Result<()> {
    db.write(async |tx| {
        let store = rows::lock_store(tx, hash).await?.ok_or(Error::NotFound("store"))?;
        if !rows::delete_site(tx, store.id, domain.as_str()).await? {
            return Err(Error::NotFound("domain"));
        }
        Ok(rows::count_change(tx).await?)
    })
    .await
}

/// A store's domains, in their order.
pub async fn list(db: &Db, hash: &str) -> Result<Vec<Site>> {
    db.snapshot(async |tx| {
        let store = rows::store(tx, hash).await?.ok_or(Error::NotFound("store"))?;
        Ok(rows::sites_of(tx, store.id).await?)
    })
    .await
}

/// The store of this hash, held until the transaction ends, and the time: for whoever adds a domain to it.
pub async fn hold(tx: &mut WriteTx, clock: &dyn Clock, hash: &str) -> Result<(StoreId, Timestamp)> {
    let store = rows::lock_store(tx, hash).await?.filter(|store| !store.deleted);
    Ok((store.ok_or(Error::NotFound("store"))?.id, clock.now()))
}
