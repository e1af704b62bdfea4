//! What operators do with stores.

use kernel::{Chance, Clock, Error, Result, StoreId};
use sql::{Db, WriteTx};

use crate::{Plan, Quirks, Store, is_store_hash, rows};

/// A store to be made, under several numbers of which one will be free: they are drawn, not counted.
pub fn draft(clock: &dyn Clock, chance: &dyn Chance, hash: &str, plan: Plan) -> Result<Vec<Store>> {
    if !is_store_hash(hash) {
        return Err(Error::invalid("hash", "must be 1 to 64 letters, digits, '-' or '_'"));
    }
    let store = |id| Store {
        id,
        hash: hash.to_owned(),
        plan,
        quirks: Quirks::default(),
        created_at: clock.now(),
        deleted: false,
    };
    Ok(std::iter::repeat_with(|| store(draw_id(chance))).take(4).collect())
}

/// Make the store under the first number that is free. `Taken` when its hash is in use, also by a store that
/// is being deleted.
pub async fn create(tx: &mut WriteTx, drafts: &[Store]) -> Result<Store> {
    for store in drafts {
        if rows::store(tx, &store.hash).await?.is_some() {
            break;
        }
        if rows::insert_store(tx, store).await? {
            rows::count_change(tx).await?;
            return Ok(store.clone());
        }
    }
    let hash = drafts.first().map_or_else(String::new, |store| store.hash.clone());
    Err(Error::Taken { field: "hash", value: hash })
}

/// Every store, also those being deleted, in the order of their hashes.
pub async fn list(db: &Db) -> Result<Vec<Store>> {
    db.read(async |tx| Ok(rows::stores(tx).await?)).await
}

/// The store of this hash, also when it is being deleted.
pub async fn find(db: &Db, hash: &str) -> Result<Store> {
    db.read(async |tx| rows::store(tx, hash).await?.ok_or(Error::NotFound("store"))).await
}

/// Choose which oddities a store shows.
pub async fn set_quirks(db: &Db, hash: &str, change: impl Fn(Quirks) -> Quirks) -> Result<Store> {
    db.write(async |tx| {
        let mut store = rows::lock_store(tx, hash).await?.ok_or(Error::NotFound("store"))?;
        store.quirks = change(store.quirks);
        rows::update_store(tx, &store).await?;
        rows::count_change(tx).await?;
        Ok(store)
    })
    .await
}

/// Close a store for good: from now on its tokens are unknown. Its rows are still there.
pub async fn close(db: &Db, clock: &dyn Clock, hash: &str) -> Result<StoreId> {
    let now = clock.now();
    db.write(async |tx| {
        let store = rows::lock_store(tx, hash).await?.ok_or(Error::NotFound("store"))?;
        rows::close_store(tx, store.id, now).await?;
        rows::count_change(tx).await?;
        Ok(store.id)
    })
    .await
}

/// Remove what is left of a closed store once its rows are gone; its hash is free again.
pub async fn remove(db: &Db, store: StoreId) -> Result<()> {
    db.write(async |tx| {
        rows::delete_store(tx, store).await?;
        rows::count_change(tx).await?;
        Ok(())
    })
    .await
}

/// Ten digits, as the real service's numbers have.
fn draw_id(chance: &dyn Chance) -> StoreId {
    StoreId(1_000_000_000 + i64::from(chance.number()) % 1_000_000_000)
}
