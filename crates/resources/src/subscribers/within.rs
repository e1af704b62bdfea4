//! Subscribers within the transaction of whoever deletes them, or erases a customer of their address.

use access::Caller;
use kernel::{Error, Result, StoreId, SubscriberId, Timestamp};
use sql::WriteTx;

use super::rows;
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    outbox::{self, model::Event},
};

/// Hold the addresses of the store's subscribers, and with them their count, until the transaction ends.
pub async fn hold_addresses(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    counters::hold(tx, store, Counter::Subscriber).await?.ok_or(Error::NotFound("store"))
}

/// Delete those of these subscribers that there are. The caller holds their addresses; there are as many numbers as
/// subscribers.
pub async fn delete(
    tx: &mut WriteTx,
    caller: &Caller,
    ids: &[SubscriberId],
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<()> {
    let gone = rows::delete(tx, caller.store, ids).await?;
    let count = i64::try_from(gone.len()).map_err(Error::internal)?;
    counters::discount(tx, caller.store, Counter::Subscriber, count).await?;
    for (id, numbers) in gone.iter().zip(numbers) {
        let change = Change::subscriber_deleted(*id);
        tell(tx, caller, *numbers, Event::SubscriberDeleted(*id), &change, now).await?;
    }
    Ok(())
}

/// Delete whoever subscribed with this address, folded. The caller holds no counter that comes after that of
/// subscribers.
pub async fn forget_address(
    tx: &mut WriteTx,
    caller: &Caller,
    email_key: &str,
    numbers: (i64, i64),
    now: Timestamp,
) -> Result<()> {
    // Held first: somebody may be about to subscribe.
    hold_addresses(tx, caller.store).await?;
    match rows::with_email_key(tx, caller.store, email_key).await? {
        Some(id) => delete(tx, caller, &[id], &[numbers], now).await,
        None => Ok(()),
    }
}

/// Leave the event and the line of a change, under their numbers.
pub async fn tell(
    tx: &mut WriteTx,
    caller: &Caller,
    (event_id, audit_id): (i64, i64),
    event: Event<'_>,
    change: &Change,
    now: Timestamp,
) -> Result<()> {
    outbox::rows::publish(tx, caller.store, event_id, event, now).await?;
    audit::rows::record(tx, caller, audit_id, change, now).await?;
    Ok(())
}
