use kernel::{Chance, Clock, Error, Result, StoreId, Timestamp};
use sql::{Db, ReadTx, WriteTx};

use super::{
    model::{Heard, Listener},
    rows,
};

/// Begin to listen to a store: whatever happens there from now on is heard.
pub async fn begin(
    db: &Db,
    clock: &dyn Clock,
    chance: &dyn Chance,
    store: StoreId,
) -> Result<Listener> {
    let now = clock.now();
    let number = now.0 << 8 | i64::from(chance.number() & 0xff);
    let listener = Listener { store, number };
    db.write(async |tx| {
        if !rows::hold_store(tx, store).await? {
            return Err(Error::NotFound("store"));
        }
        Ok(rows::insert(tx, listener, until(now)).await?)
    })
    .await?;
    Ok(listener)
}

/// Go on listening. `NotFound` where the store is gone, or nothing was heard of the listener for long.
pub async fn renew(db: &Db, clock: &dyn Clock, listener: Listener) -> Result<()> {
    let now = clock.now();
    db.write(async |tx| {
        let is_there = rows::renew(tx, listener, until(now)).await?;
        if is_there { Ok(()) } else { Err(Error::NotFound("listener")) }
    })
    .await
}

/// Take some of what was heard, in the order in which it was; each is taken once.
pub async fn take(db: &Db, listener: Listener) -> Result<Vec<Heard>> {
    let look = async |tx: &mut ReadTx| Ok::<_, Error>(rows::has_notes(tx, listener).await?);
    if !db.read(look).await? {
        return Ok(Vec::new());
    }
    db.write(async |tx| {
        let notes = rows::notes(tx, listener, AT_A_TIME).await?;
        for note in &notes {
            rows::delete(tx, listener, note).await?;
        }
        Ok(notes.into_iter().filter_map(|note| note.heard).collect())
    })
    .await
}

/// Listen no more, and leave nothing behind.
pub async fn end(db: &Db, listener: Listener) -> Result<()> {
    // First the listener, so that nothing comes after.
    db.write(async |tx| Ok::<_, Error>(rows::remove(tx, listener).await?)).await?;
    let drop_some =
        async |tx: &mut WriteTx| Ok::<_, Error>(rows::drop_notes(tx, listener, AT_A_TIME).await?);
    while db.write(drop_some).await? > 0 {}
    Ok(())
}

/// Clean up after those who were killed while they listened.
pub async fn sweep(db: &Db, store: StoreId, now: Timestamp) -> Result<()> {
    // Some time after nobody writes to them any more.
    let since = now.plus_seconds(-Listener::PATIENCE);
    let before = now.plus_seconds(-FORGOTTEN);
    let look = async |tx: &mut ReadTx| {
        let gone = rows::gone(tx, store, since).await?;
        Ok::<_, Error>((gone, rows::has_old(tx, store, before).await?))
    };
    let (gone, are_any_old) = db.snapshot(look).await?;
    for listener in gone {
        end(db, listener).await?;
    }
    // Whoever wrote a note saw a listener that was gone as it committed.
    if are_any_old {
        db.write(async |tx| Ok::<_, Error>(rows::drop_old(tx, store, before).await?)).await?;
    }
    Ok(())
}

fn until(now: Timestamp) -> Timestamp {
    now.plus_seconds(Listener::PATIENCE)
}

/// After how many seconds nobody takes a note any more.
const FORGOTTEN: i64 = 3600;

/// How many notes one transaction takes.
const AT_A_TIME: i64 = 200;
