use std::time::{Duration, Instant};

use access::{Domain, Plan, Store, sites, stores};
use kernel::{Chance, ChannelId, Clock, Error, Result};
use sql::Db;

use super::rows;
use crate::{
    channels::{self, model::Channel},
    counters::{self, rows::Counter},
    ledger, outbox,
};

/// Make a store. `Taken` when its hash is in use, also by a store that is being deleted.
pub async fn create(
    db: &Db,
    clock: &dyn Clock,
    chance: &dyn Chance,
    hash: &str,
    plan: Plan,
) -> Result<Store> {
    let now = clock.now();
    let drafts = stores::draft(clock, chance, hash, plan)?;
    db.write(async |tx| {
        let store = stores::create(tx, &drafts).await?;
        counters::rows::open(tx, store.id).await?;
        ledger::rows::open(tx, store.id, &store.hash).await?;
        outbox::rows::open(tx, store.id, &store.hash).await?;
        // Every store's first channel, which is counted as any other.
        counters::rows::take(tx, store.id, Counter::Channel, 1).await?;
        channels::rows::insert(tx, store.id, &Channel::new(ChannelId(1), now)).await?;
        Ok(store)
    })
    .await
}

/// Let shoppers find a store by a domain, on one of its channels. `Taken` when a store has the domain already.
pub async fn add_domain(
    db: &Db,
    clock: &dyn Clock,
    hash: &str,
    domain: &Domain,
    channel: ChannelId,
) -> Result<()> {
    db.write(async |tx| {
        let (store, now) = sites::hold(tx, clock, hash).await?;
        channels::rows::find(tx, store, channel).await?.ok_or(Error::NotFound("channel"))?;
        sites::add(tx, store, domain, channel, now).await
    })
    .await
}

/// Remove a store and all it holds.
///
/// It is closed first, so that its tokens are unknown from then on. Then its counters go: whoever makes
/// something holds one, so this waits for those who do, and who comes later (a request admitted before, its
/// body still on the way) finds no store any more. Then its rows go, a few at a time, with
/// a pause as long as the work between them, so that a server beside it hardly notices; last its own row.
/// Interrupted, it is finished by calling it again.
pub async fn delete(db: &Db, clock: &dyn Clock, hash: &str) -> Result<()> {
    let store = stores::close(db, clock, hash).await?;
    for held in rows::HELD {
        loop {
            let started = Instant::now();
            let gone = db
                .write(async |tx| Ok::<_, kernel::Error>(rows::delete_some(tx, store, held).await?))
                .await?;
            if gone == 0 {
                break;
            }
            tokio::time::sleep(
                started.elapsed().clamp(Duration::from_millis(1), Duration::from_millis(200)),
            )
            .await;
        }
    }
    stores::remove(db, store).await
}
