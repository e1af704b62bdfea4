//! Subscribers within the transaction of whoever deletes them, and of whoever makes or erases a customer of their address.

use access::Author;
use kernel::{Error, Result, StoreId, SubscriberId, Timestamp};
use sql::WriteTx;

use super::{
    model::{Changes, Subscriber},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    outbox::{self, model::Event},
};

/// Hold the addresses of the store's subscribers, and with them their count, until the transaction ends.
pub async fn hold_addresses(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    counters::hold(tx, store, Counter::Subscriber).await?.ok_or(Error::NotFound("store"))
}

/// Make a subscriber of who has this address, unless it is one already, of whom nothing is changed: nobody has shown yet
/// that the address is theirs, and it may be one that has taken newsletters back. The numbers are for the event and the
/// audit line.
pub async fn subscribe(
    tx: &mut WriteTx,
    author: &Author,
    draft: &Changes,
    numbers: (i64, i64),
    now: Timestamp,
) -> Result<()> {
    let store = author.store;
    hold_addresses(tx, store).await?;
    let new = Subscriber::new(SubscriberId(0), draft, now);
    if rows::with_email_key(tx, store, &new.email_key()).await?.is_some() {
        return Ok(());
    }
    let id = counters::take(tx, store, Counter::Subscriber, 1).await?;
    let id = id.map(SubscriberId).ok_or(Error::NotFound("store"))?;
    rows::insert(tx, store, &Subscriber { id, ..new }).await?;
    let change = Change::subscriber_created(id);
    tell(tx, author, numbers, Event::SubscriberCreated(id), &change, now).await
}

/// Delete those of these subscribers that there are. The caller holds their addresses; there are as many numbers as
/// subscribers.
pub async fn delete(
    tx: &mut WriteTx,
    author: &Author,
    ids: &[SubscriberId],
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<()> {
    let gone = rows::delete(tx, author.store, ids).await?;
    let count = i64::try_from(gone.len()).map_err(Error::internal)?;
    counters::discount(tx, author.store, Counter::Subscriber, count).await?;
    for (id, numbers) in gone.iter().zip(numbers) {
        let change = Change::subscriber_deleted(*id);
        tell(tx, author, *numbers, Event::SubscriberDeleted(*id), &change, now).await?;
    }
    Ok(())
}

/// Delete whoever subscribed with this address, folded. The caller holds no counter that comes after that of
/// subscribers.
pub async fn forget_address(
    tx: &mut WriteTx,
    author: &Author,
    email_key: &str,
    numbers: (i64, i64),
    now: Timestamp,
) -> Result<()> {
    // Held first: somebody may be about to subscribe.
    hold_addresses(tx, author.store).await?;
    match rows::with_email_key(tx, author.store, email_key).await? {
        Some(id) => delete(tx, author, &[id], &[numbers], now).await,
        None => Ok(()),
    }
}

/// Tell of a change: by an event, and by an audit line.
pub async fn tell(
    tx: &mut WriteTx,
    author: &Author,
    (event_id, audit_id): (i64, i64),
    event: Event<'_>,
    change: &Change,
    now: Timestamp,
) -> Result<()> {
    outbox::rows::publish(tx, author.store, event_id, event, now).await?;
    audit::rows::record(tx, author, audit_id, change, now).await?;
    Ok(())
}
