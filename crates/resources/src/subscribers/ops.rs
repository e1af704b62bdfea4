use kernel::{Error, Part, Result, StoreId, SubscriberId};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    filter::Filter,
    model::{Changes, Subscriber},
    rows, within,
};
use crate::{
    audit::model::Change,
    counters::rows::{self as counters, Counter},
    outbox::model::Event,
};

/// The subscriber of this id.
pub async fn find(app: &App, caller: &Caller, id: SubscriberId) -> Result<Subscriber> {
    let find = async |tx: &mut ReadTx| {
        rows::find(tx, caller.store, id).await?.ok_or(Error::NotFound("subscriber"))
    };
    app.db.read(find).await
}

/// Part of those that match, and how many match in all.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    part: Part,
) -> Result<(Vec<Subscriber>, i64)> {
    let work = async |tx: &mut ReadTx| {
        let subscribers = rows::list(tx, caller.store, filter, part).await?;
        Ok::<_, Error>((subscribers, count_in(tx, caller.store, filter).await?))
    };
    // What a few pages of an index answer may be read beside other requests.
    let is_short = filter.names_few() || (filter.is_empty() && part.is_near());
    if is_short { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// Make a subscriber. `Taken` when another has the address.
pub async fn create(app: &App, caller: &Caller, draft: &Changes) -> Result<Subscriber> {
    let now = app.clock.now();
    let numbers = app.event_ids.pair(now);
    app.db
        .write(async |tx| {
            let id = counters::take(tx, caller.store, Counter::Subscriber, 1).await?;
            let id = id.map(SubscriberId).ok_or(Error::NotFound("store"))?;
            let subscriber = Subscriber::new(id, draft, now);
            refuse_clash(tx, caller.store, &subscriber).await?;
            rows::insert(tx, caller.store, &subscriber).await?;
            let change = Change::subscriber_created(id);
            within::tell(tx, caller, numbers, Event::SubscriberCreated(id), &change, now).await?;
            Ok(subscriber)
        })
        .await
}

/// Change a subscriber; what it is afterwards. A change of nothing makes no event and leaves
/// `date_modified` (ruling 9).
pub async fn update(
    app: &App,
    caller: &Caller,
    id: SubscriberId,
    changes: &Changes,
) -> Result<Subscriber> {
    let now = app.clock.now();
    let numbers = app.event_ids.pair(now);
    app.db
        .write(async |tx| {
            // The counter before the subscriber: every writer that holds both takes them in this order.
            if changes.touch_email() {
                within::hold_addresses(tx, caller.store).await?;
            }
            let held = rows::lock(tx, caller.store, id).await?;
            let mut subscriber = held.ok_or(Error::NotFound("subscriber"))?;
            let fields = subscriber.apply(changes);
            if fields.is_empty() {
                return Ok(subscriber);
            }
            refuse_clash(tx, caller.store, &subscriber).await?;
            // A clock that is behind must not hide the change from those who ask what is newer.
            subscriber.modified_at = now.max(subscriber.modified_at);
            rows::update(tx, caller.store, &subscriber).await?;
            let change = Change::subscriber_updated(id, &fields);
            within::tell(tx, caller, numbers, Event::SubscriberUpdated(id), &change, now).await?;
            Ok(subscriber)
        })
        .await
}

/// Delete a subscriber, if it is there.
pub async fn delete(app: &App, caller: &Caller, id: SubscriberId) -> Result<()> {
    let now = app.clock.now();
    let numbers = [app.event_ids.pair(now)];
    app.db
        .write(async |tx| {
            within::hold_addresses(tx, caller.store).await?;
            within::delete(tx, caller, &[id], &numbers, now).await
        })
        .await
}

/// Delete every subscriber that matches, in transactions of a hundred. Those made after the deletion began
/// stay.
pub async fn delete_matching(app: &App, caller: &Caller, filter: &Filter) -> Result<()> {
    const AT_A_TIME: i64 = 100;
    let last =
        app.db.read(async |tx| counters::last(tx, caller.store, Counter::Subscriber).await).await?;
    let filter = Filter { max_id: Some(last), ..filter.clone() };
    let mut after = SubscriberId(0);
    loop {
        let batch = app
            .db
            .scan(async |tx| rows::ids_after(tx, caller.store, &filter, after, AT_A_TIME).await)
            .await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = *last;
        let now = app.clock.now();
        let numbers: Vec<_> = app.event_ids.pairs(now, batch.len());
        app.db
            .write(async |tx| {
                within::hold_addresses(tx, caller.store).await?;
                // Found outside this transaction: those that match no longer are left alone.
                let ids = rows::lock_matching(tx, caller.store, &filter, &batch).await?;
                within::delete(tx, caller, &ids, &numbers, now).await
            })
            .await?;
    }
}

/// All are counted already; whoever is narrowed is counted now.
async fn count_in(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    if filter.is_empty() {
        return Ok(counters::live(tx, store, Counter::Subscriber).await?);
    }
    Ok(rows::count(tx, store, filter).await?)
}

/// The caller holds the counter, so nobody else can give the address away meanwhile; or it has changed
/// nothing of it, and then nobody else has it.
async fn refuse_clash(tx: &mut WriteTx, store: StoreId, subscriber: &Subscriber) -> Result<()> {
    let holder = rows::with_email_key(tx, store, &subscriber.email_key()).await?;
    match holder.filter(|holder| *holder != subscriber.id) {
        Some(_) => Err(Error::Taken { field: "email", value: subscriber.email.clone() }),
        None => Ok(()),
    }
}
