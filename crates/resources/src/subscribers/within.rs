//! A subscriber within the transaction of whoever makes a customer of the same address.

use access::Author;
use kernel::{Error, Result, SubscriberId, Timestamp};
use sql::WriteTx;

use super::{
    model::{Changes, Purpose, Subscriber},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    outbox::{self, model::Event},
};

/// See to it that newsletters are sent to who has this address: as a new subscriber, or as the one that is there, of
/// whom nothing else is changed. The numbers are for the event and the audit line.
pub async fn subscribe(
    tx: &mut WriteTx,
    author: &Author,
    draft: &Changes,
    numbers: (i64, i64),
    now: Timestamp,
) -> Result<()> {
    let store = author.store;
    counters::hold(tx, store, Counter::Subscriber).await?.ok_or(Error::NotFound("store"))?;
    let new = Subscriber::new(SubscriberId(0), draft, now);
    let Some(id) = rows::with_email_key(tx, store, &new.email_key()).await? else {
        let id = counters::take(tx, store, Counter::Subscriber, 1).await?;
        let id = id.map(SubscriberId).ok_or(Error::NotFound("store"))?;
        rows::insert(tx, store, &Subscriber { id, ..new }).await?;
        let change = Change::subscriber_created(id);
        return tell(tx, author, numbers, Event::SubscriberCreated(id), &change, now).await;
    };
    let Some(mut known) = rows::lock(tx, store, id).await? else { return Ok(()) };
    let wanted = known.consents.with(Purpose::MarketingNewsletter);
    if known.consents == wanted {
        return Ok(());
    }
    known.consents = wanted;
    known.modified_at = now.max(known.modified_at);
    rows::update(tx, store, &known).await?;
    let change = Change::subscriber_updated(id, &["consents"]);
    tell(tx, author, numbers, Event::SubscriberUpdated(id), &change, now).await
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
