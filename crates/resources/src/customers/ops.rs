use std::collections::{BTreeMap, BTreeSet};

use kernel::{CustomerId, Error, Result, StoreId, Stretch, Timestamp};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    belongings::{self, Belongings, Draft, Wanted},
    filter::{Filter, Key, Order, Place, PlaceKey},
    foreign_hash::ForeignHash,
    lists,
    model::{Access, Changes, Customer},
    password, rows, standing,
    within::{self, New},
};
use crate::{
    addresses,
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    form_fields::model::Difference,
    ledger,
    outbox::{self, model::Event},
    sign_in, subscribers,
};

/// Customers that were written, in the order of the request.
#[derive(Debug, Default)]
pub struct Written {
    pub customers: Vec<Customer>,
    pub belongings: Belongings,
}

/// Some rows of a list, and what is known of the rest.
#[derive(Debug)]
pub struct Listing {
    pub customers: Vec<Customer>,
    pub belongings: Belongings,
    /// How many match in all; asked for pages by number only.
    pub total: Option<i64>,
    /// Whether there are rows before these, and after them.
    pub more: (bool, bool),
}

/// The customer of this id, and the values of its form fields. Who has none, as most have, is found with one
/// statement.
pub async fn find(app: &App, caller: &Caller, id: CustomerId) -> Result<(Customer, Belongings)> {
    let looked = app.db.read(async |tx| rows::find_and_look(tx, caller.store, id).await).await?;
    let (customer, has_values) = looked.ok_or(Error::NotFound("customer"))?;
    if !has_values {
        let form_fields = Some(BTreeMap::from([(id, Vec::new())]));
        return Ok((customer, Belongings { form_fields, ..Belongings::default() }));
    }
    let wanted = Wanted { form_fields: true, ..Wanted::default() };
    app.db
        .snapshot(async |tx| {
            let found = rows::find(tx, caller.store, id).await?;
            let customer = found.ok_or(Error::NotFound("customer"))?;
            Ok((customer, belongings::read(tx, caller.store, &[id], wanted).await?))
        })
        .await
}

/// Part of the customers that match, at most `limit`, and of their belongings those that are wanted. A cursor
/// whose row is gone is `NotFound`.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    order: Order,
    stretch: &Stretch<Place>,
    limit: i64,
    wanted: Wanted,
) -> Result<Listing> {
    let work = async |tx: &mut ReadTx| {
        let mut listing = list_in(tx, caller.store, filter, order, stretch, limit).await?;
        let ids: Vec<_> = listing.customers.iter().map(|customer| customer.id).collect();
        listing.belongings = belongings::read(tx, caller.store, &ids, wanted).await?;
        Ok(listing)
    };
    // A page of customers may bring a thousand segments each, or the forms of ten addresses.
    let is_wide = wanted.segments || (wanted.addresses && wanted.form_fields);
    if is_short(filter, stretch) && !is_wide {
        app.db.snapshot(work).await
    } else {
        app.db.scan(work).await
    }
}

/// How many customers match.
pub async fn count(app: &App, caller: &Caller, filter: &Filter) -> Result<i64> {
    let work = async |tx: &mut ReadTx| count_in(tx, caller.store, filter).await;
    if is_short(filter, &Stretch::Offset(0)) {
        app.db.snapshot(work).await
    } else {
        app.db.scan(work).await
    }
}

/// Make customers with what they bring along: all of it, or nothing.
pub async fn create(app: &App, caller: &Caller, drafts: &[Draft]) -> Result<Written> {
    if drafts.is_empty() {
        return Ok(Written::default());
    }
    let hashes =
        hash_passwords(app, caller.store, drafts.iter().map(|draft| &draft.customer)).await?;
    let now = app.clock.now();
    let channels_id = app.event_ids.next(now);
    let numbers = app.event_ids.pairs(now, drafts.len());
    let address_numbers =
        app.event_ids.pairs(now, drafts.iter().flat_map(|it| &it.addresses).flatten().count());
    app.db
        .write(async |tx| {
            let first = within::number(tx, caller.store, drafts.len()).await?;
            if !address_numbers.is_empty() {
                addresses::within::hold_count(tx, caller.store).await?;
            }
            let each = drafts.iter().zip(&hashes).zip(&numbers);
            let rows = each.map(|((draft, hash), numbers)| New {
                said: &draft.customer,
                hash: hash.as_deref().unwrap_or_default(),
                numbers: *numbers,
            });
            let rows: Vec<New<'_>> = rows.collect();
            let made = within::make(tx, caller, first, &rows, channels_id, now).await?;
            let belongings =
                belongings::make(tx, caller, drafts, &made, &address_numbers, now).await?;
            Ok(Written { customers: made, belongings })
        })
        .await
}

/// Change customers: all of them, or none. What they are afterwards, in the order asked.
///
/// Changes are judged by what they come to: two customers of one batch may swap their addresses. A change
/// of nothing makes no event and leaves `date_modified` (ruling 9); one of form fields' values alone makes one only
/// where a field had none (published).
pub async fn update(
    app: &App,
    caller: &Caller,
    changes: &[(CustomerId, Draft)],
    wanted: Wanted,
) -> Result<Written> {
    if changes.is_empty() {
        return Ok(Written::default());
    }
    let hashes =
        hash_passwords(app, caller.store, changes.iter().map(|(_, draft)| &draft.customer)).await?;
    let now = app.clock.now();
    let numbers = Numbers {
        rows: app.event_ids.pairs(now, changes.len()),
        access: app.event_ids.pairs(now, changes.len()),
        channels: app.event_ids.next(now),
    };
    app.db
        .write(async |tx| {
            let customers = update_in(tx, caller, changes, &hashes, &numbers, now).await?;
            let rows = changes.iter().map(|(id, draft)| (*id, draft));
            let belongings = belongings::written(tx, caller.store, rows, wanted).await?;
            Ok(Written { customers, belongings })
        })
        .await
}

/// Give a customer the hash of their password that another system kept. The same one again changes nothing.
pub async fn set_password_hash(
    app: &App,
    caller: &Caller,
    id: CustomerId,
    hash: &ForeignHash,
) -> Result<()> {
    let now = app.clock.now();
    let (event_id, audit_id) = app.event_ids.pair(now);
    app.db
        .write(async |tx| {
            let mut held = rows::lock(tx, caller.store, &[id]).await?;
            let mut customer = held.pop().ok_or(Error::NotFound("customer"))?;
            if rows::password_of(tx, caller.store, id).await?.as_deref() == Some(hash.text()) {
                return Ok(());
            }
            rows::set_password(tx, caller.store, id, hash.text()).await?;
            customer.modified_at = now.max(customer.modified_at);
            rows::update(tx, caller.store, &customer).await?;
            let event = Event::CustomerUpdated(id);
            outbox::rows::publish(tx, caller.store, event_id, event, now).await?;
            let change = Change::customer_updated(id, &["password"]);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(())
        })
        .await
}

/// Delete those of these customers that there are, and tell which those were; in transactions of a hundred, as
/// each takes along all that belongs to its customers.
pub async fn delete(app: &App, caller: &Caller, ids: &[CustomerId]) -> Result<Vec<CustomerId>> {
    let mut gone = Vec::new();
    for ids in ids.chunks(AT_A_TIME) {
        let now = app.clock.now();
        let numbers = app.event_ids.pairs(now, ids.len());
        let deleted = app
            .db
            .write(async |tx| {
                hold_for_deletion(tx, caller.store).await?;
                rows::lock(tx, caller.store, ids).await?;
                delete_in(tx, caller, ids, Change::customer_deleted, &numbers, now).await
            })
            .await?;
        gone.extend(deleted);
    }
    Ok(gone)
}

/// Delete every customer that matches, in transactions of a hundred (ruling 20). Customers made after the
/// deletion began stay.
pub async fn delete_matching(app: &App, caller: &Caller, filter: &Filter) -> Result<()> {
    let most = i64::try_from(AT_A_TIME).map_err(Error::internal)?;
    let last = app
        .db
        .snapshot(async |tx| counters::last(tx, caller.store, Counter::Customer).await)
        .await?;
    let filter = Filter { max_id: Some(filter.max_id.unwrap_or(last).min(last)), ..filter.clone() };
    let mut after = CustomerId(0);
    loop {
        let batch = app
            .db
            .scan(async |tx| {
                Ok::<_, Error>(lists::ids_after(tx, caller.store, &filter, after, most).await?)
            })
            .await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = *last;
        let now = app.clock.now();
        let numbers = app.event_ids.pairs(now, batch.len());
        app.db
            .write(async |tx| {
                hold_for_deletion(tx, caller.store).await?;
                // Found outside this transaction: those that match no longer are left alone.
                let ids = lists::lock_matching(tx, caller.store, &filter, &batch).await?;
                delete_in(tx, caller, &ids, Change::customer_deleted, &numbers, now).await
            })
            .await?;
    }
}

/// Forget a person: the customer with all that belongs to it, and whoever subscribed with its address, or nothing of
/// it. That address may be another account's as well: the account stays, the subscriber goes, for the person asked.
///
/// Then what was declared and is no leaf yet becomes one and goes, unless many others wait before it; and so does what
/// the database's files have beside the rows. Where that fails the customer is gone all the same, and a server comes to
/// the rest by and by.
pub async fn erase(app: &App, caller: &Caller, id: CustomerId) -> Result<()> {
    let now = app.clock.now();
    let (of_subscriber, numbers) = (app.event_ids.pair(now), app.event_ids.pair(now));
    app.db
        .write(async |tx| {
            hold_for_deletion(tx, caller.store).await?;
            let held = rows::lock(tx, caller.store, &[id]).await?.pop();
            let email_key = held.ok_or(Error::NotFound("customer"))?.email_key();
            subscribers::within::forget_address(tx, caller, &email_key, of_subscriber, now).await?;
            delete_in(tx, caller, &[id], Change::customer_erased, &[numbers], now).await
        })
        .await?;
    app.undone.note(caller.store);
    if let Err(error) = ledger::sequencer::checkpoint(app, caller).await {
        tracing::warn!(store_id = caller.store.0, %error, "what an erased customer declared waits");
    }
    if let Err(error) = app.db.scour().await {
        tracing::warn!(%error, "the database's log still has what was erased");
    }
    Ok(())
}

async fn list_in(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    order: Order,
    stretch: &Stretch<Place>,
    limit: i64,
) -> Result<Listing> {
    let stretch = match (order.by, stretch) {
        (Key::LastName, Stretch::After(place)) => {
            Stretch::After(with_last_name(tx, store, place).await?)
        }
        (Key::LastName, Stretch::Before(place)) => {
            Stretch::Before(with_last_name(tx, store, place).await?)
        }
        _ => stretch.clone(),
    };
    let (customers, more) = lists::list(tx, store, filter, order, &stretch, limit).await?;
    let total = match stretch {
        Stretch::Offset(_) => Some(count_in(tx, store, filter).await?),
        Stretch::After(_) | Stretch::Before(_) => None,
    };
    Ok(Listing { customers, belongings: Belongings::default(), total, more })
}

/// The place with the name of its customer, which no cursor carries (ruling 12).
async fn with_last_name(tx: &mut ReadTx, store: StoreId, place: &Place) -> Result<Place> {
    let key = lists::last_name_key(tx, store, place.id).await?.ok_or(Error::NotFound("cursor"))?;
    Ok(Place { key: PlaceKey::LastName(key), ..place.clone() })
}

/// Everybody is counted already; whoever is narrowed is counted now.
async fn count_in(tx: &mut ReadTx, store: StoreId, filter: &Filter) -> Result<i64> {
    if filter.is_empty() {
        return Ok(counters::live(tx, store, Counter::Customer).await?);
    }
    Ok(lists::count(tx, store, filter).await?)
}

/// Whether a few pages of an index answer this, so that it may be read beside other requests.
fn is_short(filter: &Filter, stretch: &Stretch<Place>) -> bool {
    filter.names_few() || (filter.is_empty() && stretch.is_near())
}

async fn update_in(
    tx: &mut WriteTx,
    caller: &Caller,
    changes: &[(CustomerId, Draft)],
    hashes: &[Option<String>],
    numbers: &Numbers,
    now: Timestamp,
) -> Result<Vec<Customer>> {
    // The counter before the customers: every writer that holds both takes them in this order.
    if changes.iter().any(|(_, draft)| draft.customer.touch_identity()) {
        hold_emails(tx, caller.store).await?;
    }
    let rows_said = changes.iter().map(|(_, draft)| &draft.customer);
    if rows_said.clone().any(|changes| standing::named_group(changes).is_some()) {
        standing::share_groups(tx, caller.store, rows_said.clone()).await?;
    }
    standing::open_channels(tx, caller, rows_said, numbers.channels, now).await?;
    let ids: BTreeSet<CustomerId> = changes.iter().map(|(id, _)| *id).collect();
    let ids: Vec<CustomerId> = ids.into_iter().collect();
    let held = rows::lock(tx, caller.store, &ids).await?;
    let before: BTreeMap<CustomerId, Customer> =
        held.into_iter().map(|held| (held.id, held)).collect();
    let mut customers = before.clone();
    let mut differing: BTreeMap<CustomerId, BTreeSet<&'static str>> = BTreeMap::new();
    for (index, (id, draft)) in changes.iter().enumerate() {
        let customer =
            customers.get_mut(id).ok_or(Error::UnknownRow { index, what: "customer" })?;
        let fields = customer.apply(&draft.customer);
        if !fields.is_empty() {
            differing.entry(*id).or_default().extend(fields);
        }
    }
    // Changed and changed back is not changed.
    differing.retain(|id, fields| fields.contains("password") || customers[id] != before[id]);
    let is_identity =
        |fields: &BTreeSet<&str>| fields.contains("email") || fields.contains("channel_ids");
    let has_moved = |id: &CustomerId| differing.get(id).is_some_and(is_identity);
    let moved = changes.iter().filter(|(id, _)| has_moved(id)).map(|(id, _)| &customers[id]);
    standing::refuse_clashes(tx, caller.store, moved, &customers).await?;
    let rows = changes.iter().map(|(id, draft)| (*id, draft));
    let answered = belongings::change(tx, caller.store, rows).await?;
    for id in answered.keys() {
        differing.entry(*id).or_default().insert("form_fields");
    }
    let numbered = numbers.rows.iter().zip(&numbers.access);
    for ((id, fields), ((event_id, audit_id), (access_id, _))) in differing.iter().zip(numbered) {
        let customer = customers.get_mut(id).expect("every changed customer is held");
        // A clock that is behind must not hide the change from those who ask what is newer.
        customer.modified_at = now.max(customer.modified_at);
        rows::update(tx, caller.store, customer).await?;
        // Published: of values of form fields it is told when they are first entered, and not when they change.
        let entered = answered.get(id) == Some(&Difference::Entered);
        if entered || fields.iter().any(|field| *field != "form_fields") {
            let event = Event::CustomerUpdated(*id);
            outbox::rows::publish(tx, caller.store, *event_id, event, now).await?;
        }
        if fields.contains("channel_ids") {
            let event = access_updated(customer);
            outbox::rows::publish(tx, caller.store, *access_id, event, now).await?;
        }
        let fields: Vec<&'static str> = fields.iter().copied().collect();
        audit::rows::record(tx, caller, *audit_id, &Change::customer_updated(*id, &fields), now)
            .await?;
    }
    let moved = differing.iter().filter(|(_, fields)| is_identity(fields)).map(|(id, _)| id);
    let keys: BTreeSet<String> =
        moved.flat_map(|id| [before[id].email_key(), customers[id].email_key()]).collect();
    if !keys.is_empty() {
        standing::keep_meetings(tx, caller.store, &keys).await?;
    }
    for ((id, _), hash) in changes.iter().zip(hashes) {
        if let Some(hash) = hash {
            rows::set_password(tx, caller.store, *id, hash).await?;
        }
    }
    Ok(changes.iter().map(|(id, _)| customers[id].clone()).collect())
}

async fn delete_in(
    tx: &mut WriteTx,
    caller: &Caller,
    ids: &[CustomerId],
    change: fn(CustomerId) -> Change,
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<Vec<CustomerId>> {
    belongings::forget(tx, caller.store, ids).await?;
    let (gone, email_keys) = rows::delete(tx, caller.store, ids).await?;
    rows::forget_meetings(tx, caller.store, &gone).await?;
    standing::keep_meetings(tx, caller.store, &email_keys).await?;
    let count = i64::try_from(gone.len()).map_err(Error::internal)?;
    counters::discount(tx, caller.store, Counter::Customer, count).await?;
    sign_in::within::forget(tx, caller.store, &email_keys).await?;
    for (id, (event_id, audit_id)) in gone.iter().zip(numbers) {
        outbox::rows::publish(tx, caller.store, *event_id, Event::CustomerDeleted(*id), now)
            .await?;
        audit::rows::record(tx, caller, *audit_id, &change(*id), now).await?;
    }
    Ok(gone)
}

/// Hash what passwords there are, before any transaction; each at its row's place.
async fn hash_passwords(
    app: &App,
    store: StoreId,
    changes: impl Iterator<Item = &Changes>,
) -> Result<Vec<Option<String>>> {
    let mut hashes = Vec::new();
    for changes in changes {
        hashes.push(match changes.password() {
            Some(password) => Some(password::hash(app, store, password.clone()).await?),
            None => None,
        });
    }
    Ok(hashes)
}

/// Hold the store's e-mail addresses, and with them its count of customers, until the transaction ends.
async fn hold_emails(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    counters::hold(tx, store, Counter::Customer).await?.ok_or(Error::NotFound("store"))
}

/// Hold all that a deletion of customers counts out, before the customers themselves.
async fn hold_for_deletion(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    hold_emails(tx, store).await?;
    addresses::within::hold_count(tx, store).await
}

/// What a change of the channels that let a customer sign in is told by.
fn access_updated(customer: &Customer) -> Event<'static> {
    let channels = match &customer.access {
        Access::Global => None,
        Access::Channels(channels) => Some(channels.iter().copied().collect()),
    };
    Event::CustomerAccessUpdated(customer.id, channels)
}

/// Numbers for what a batch of changes may record.
struct Numbers {
    /// The event and the audit line of each row.
    rows: Vec<(i64, i64)>,
    /// The event of each row that changes who may sign in where.
    access: Vec<(i64, i64)>,
    /// The audit line of channels that are named for the first time.
    channels: i64,
}

/// How many customers one transaction deletes.
const AT_A_TIME: usize = 100;
