use std::collections::{BTreeMap, BTreeSet};

use kernel::{AddressId, CustomerId, Error, Part, Result, StoreId, Timestamp};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    filter::Filter,
    model::{Address, Changes},
    rows,
    within::{self, Answers, Draft, Outcome},
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers,
    form_fields::{
        model::{Entry, Said},
        within as form_fields,
    },
    outbox::{self, model::Event},
};

/// An address to be changed, what about it, and the values of form fields where something was said of them.
pub type Row = (AddressId, Changes, Option<Vec<Said>>);

/// Some rows of a list, and how many match in all.
#[derive(Debug)]
pub struct Listing {
    pub addresses: Vec<Address>,
    pub form_fields: Answers,
    pub total: i64,
}

/// What came of the rows of a request, in their order, and the values of those that said something of values.
#[derive(Debug, Default)]
pub struct Done {
    pub outcomes: Vec<Outcome>,
    pub form_fields: Answers,
}

/// Part of the addresses that match, with the values of their form fields where those are wanted.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    part: Part,
    with_form_fields: bool,
) -> Result<Listing> {
    let work = async |tx: &mut ReadTx| {
        let addresses = rows::list(tx, caller.store, filter, part).await?;
        let total = if filter.is_empty() {
            counters::live(tx, caller.store, Counter::Address).await?
        } else {
            rows::count(tx, caller.store, filter).await?
        };
        let form_fields = if with_form_fields {
            answers(tx, caller.store, &addresses).await?
        } else {
            Answers::new()
        };
        Ok(Listing { addresses, form_fields, total })
    };
    // Whether a few pages of an index answer this, so that it may be read beside other requests.
    let is_short = filter.names_few() || (filter.is_empty() && part.is_near());
    if is_short { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// Part of the addresses of a customer, with the values of their form fields.
pub async fn list_of(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    part: Part,
) -> Result<(Vec<Address>, Answers)> {
    app.db
        .snapshot(async |tx| {
            see(tx, caller.store, customer).await?;
            let addresses = rows::list(tx, caller.store, &all_of(customer), part).await?;
            let answers = answers(tx, caller.store, &addresses).await?;
            Ok((addresses, answers))
        })
        .await
}

/// How many addresses a customer has.
pub async fn count_of(app: &App, caller: &Caller, customer: CustomerId) -> Result<i64> {
    app.db
        .snapshot(async |tx| {
            see(tx, caller.store, customer).await?;
            Ok(rows::count(tx, caller.store, &all_of(customer)).await?)
        })
        .await
}

/// One address of a customer, with the values of its form fields.
pub async fn find(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    id: AddressId,
) -> Result<(Address, Answers)> {
    app.db
        .snapshot(async |tx| {
            let found = rows::find(tx, caller.store, customer, id).await?;
            let address = found.ok_or(Error::NotFound("address"))?;
            let answers = answers(tx, caller.store, std::slice::from_ref(&address)).await?;
            Ok((address, answers))
        })
        .await
}

/// Make addresses: all of them, or none. What a customer has already is left as it is (published).
pub async fn create(app: &App, caller: &Caller, drafts: &[(CustomerId, Draft)]) -> Result<Done> {
    if drafts.is_empty() {
        return Ok(Done::default());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.pairs(now, drafts.len());
    app.db
        .write(async |tx| {
            within::hold_count(tx, caller.store).await?;
            let customers: BTreeSet<CustomerId> = drafts.iter().map(|(id, _)| *id).collect();
            let held = hold_customers(tx, caller.store, customers).await?;
            if let Some(index) = drafts.iter().position(|(id, _)| !held.contains(id)) {
                return Err(Error::UnknownRow { index, what: "customer" });
            }
            let outcomes = within::create(tx, caller, drafts, &numbers, now).await?;
            let rows = outcomes.iter().zip(drafts.iter().map(|(_, draft)| &draft.form_fields));
            let entries: Vec<Entry<'_>> = said_of_written(rows).collect();
            form_fields::set(tx, caller.store, &entries).await?;
            let told = drafts.iter().map(|(_, draft)| draft.form_fields.is_some());
            done(tx, caller.store, outcomes, told).await
        })
        .await
}

/// Change addresses, of this customer or of any: all of them, or none.
///
/// Row by row: one that would become what its customer has already at that point is left as it was
/// (published), also in the values of its form fields. A change of nothing makes no event (ruling 9).
pub async fn update(
    app: &App,
    caller: &Caller,
    of: Option<CustomerId>,
    changes: &[Row],
) -> Result<Done> {
    if changes.is_empty() {
        return Ok(Done::default());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.pairs(now, changes.len());
    app.db.write(async |tx| update_in(tx, caller, of, changes, &numbers, now).await).await
}

/// Delete those of these addresses that there are, of this customer or of any; how many those were.
pub async fn delete(
    app: &App,
    caller: &Caller,
    of: Option<CustomerId>,
    ids: &[AddressId],
) -> Result<usize> {
    if ids.is_empty() {
        return Ok(0);
    }
    let now = app.clock.now();
    let numbers = app.event_ids.pairs(now, ids.len());
    let ids: BTreeSet<AddressId> = ids.iter().copied().collect();
    app.db
        .write(async |tx| {
            within::hold_count(tx, caller.store).await?;
            let held = hold(tx, caller.store, of, &ids).await?;
            delete_in(tx, caller, held.values(), &numbers, now).await?;
            Ok(held.len())
        })
        .await
}

/// Delete all addresses of a customer, in transactions of a hundred (ruling 20). Addresses made after the
/// deletion began stay.
pub async fn delete_all_of(app: &App, caller: &Caller, customer: CustomerId) -> Result<()> {
    const AT_A_TIME: i64 = 100;
    let last = app
        .db
        .snapshot(async |tx| {
            see(tx, caller.store, customer).await?;
            Ok::<_, Error>(AddressId(counters::last(tx, caller.store, Counter::Address).await?))
        })
        .await?;
    loop {
        // What is deleted is gone from the first page.
        let part = Part { offset: 0, limit: AT_A_TIME };
        let found = app
            .db
            .read(async |tx| rows::list(tx, caller.store, &all_of(customer), part).await)
            .await?;
        let ids: Vec<_> = found.iter().map(|address| address.id).filter(|id| *id <= last).collect();
        if ids.is_empty() {
            return Ok(());
        }
        delete(app, caller, Some(customer), &ids).await?;
    }
}

/// Delete the addresses that one page of a customer's list shows.
pub async fn delete_part_of(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    part: Part,
) -> Result<()> {
    let (found, _) = list_of(app, caller, customer, part).await?;
    let ids: Vec<_> = found.iter().map(|address| address.id).collect();
    delete(app, caller, Some(customer), &ids).await?;
    Ok(())
}

async fn update_in(
    tx: &mut WriteTx,
    caller: &Caller,
    of: Option<CustomerId>,
    changes: &[Row],
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<Done> {
    let ids: BTreeSet<AddressId> = changes.iter().map(|(id, ..)| *id).collect();
    let before = hold(tx, caller.store, of, &ids).await?;
    let mut addresses = before.clone();
    let mut duplicates = BTreeSet::new();
    for (index, (id, changes, _)) in changes.iter().enumerate() {
        let address = addresses.get_mut(id).ok_or(Error::UnknownRow { index, what: "address" })?;
        let details = address.details.with(changes).map_err(|error| in_row(index, error))?;
        if details == address.details {
            continue;
        }
        if rows::exists(tx, caller.store, address.customer, details.identity()).await? {
            duplicates.insert(index);
            continue;
        }
        address.details = details;
        rows::update(tx, caller.store, address).await?;
    }
    let outcome = |(index, (id, ..)): (usize, &Row)| {
        let address = addresses[id].clone();
        if duplicates.contains(&index) {
            Outcome::Duplicate(address)
        } else {
            Outcome::Written(address)
        }
    };
    let outcomes: Vec<Outcome> = changes.iter().enumerate().map(outcome).collect();
    let rows = outcomes.iter().zip(changes.iter().map(|(_, _, said)| said));
    let entries: Vec<Entry<'_>> = said_of_written(rows).collect();
    let answered = form_fields::set(tx, caller.store, &entries).await?;
    for ((id, address), (event_id, audit_id)) in addresses.iter().zip(numbers) {
        let mut fields = address.details.differing(&before[id].details);
        if answered.keys().any(|owner| owner.address == Some(*id)) {
            fields.push("form_fields");
        }
        // Changed and changed back is not changed.
        if fields.is_empty() {
            continue;
        }
        let event = Event::AddressUpdated(address.customer, *id);
        outbox::rows::publish(tx, caller.store, *event_id, event, now).await?;
        let change = Change::address_updated(*id, &fields);
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    let told = changes.iter().map(|(_, _, said)| said.is_some());
    done(tx, caller.store, outcomes, told).await
}

/// What the rows say of form fields, but for those that were left as they were.
fn said_of_written<'s>(
    rows: impl Iterator<Item = (&'s Outcome, &'s Option<Vec<Said>>)>,
) -> impl Iterator<Item = Entry<'s>> {
    rows.enumerate().flat_map(|(index, (outcome, said))| {
        let (Outcome::Written(address), Some(said)) = (outcome, said) else { return Vec::new() };
        Entry::all(within::owner(address), said, index, "form_fields").collect()
    })
}

/// With the values of those whose row said something of values.
async fn done(
    tx: &mut WriteTx,
    store: StoreId,
    outcomes: Vec<Outcome>,
    told: impl Iterator<Item = bool>,
) -> Result<Done> {
    let shown = outcomes.iter().zip(told).filter(|(_, told)| *told);
    let shown: Vec<Address> = shown
        .map(|(Outcome::Written(address) | Outcome::Duplicate(address), _)| address.clone())
        .collect();
    let form_fields = answers(tx, store, &shown).await?;
    Ok(Done { outcomes, form_fields })
}

/// The values of these addresses' form fields.
async fn answers(tx: &mut ReadTx, store: StoreId, addresses: &[Address]) -> Result<Answers> {
    let ids: Vec<AddressId> = addresses.iter().map(|address| address.id).collect();
    form_fields::of_addresses(tx, store, &ids).await
}

async fn delete_in(
    tx: &mut WriteTx,
    caller: &Caller,
    addresses: impl ExactSizeIterator<Item = &Address> + Clone,
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<()> {
    let count = i64::try_from(addresses.len()).map_err(Error::internal)?;
    if count == 0 {
        return Ok(());
    }
    let ids: Vec<AddressId> = addresses.clone().map(|address| address.id).collect();
    form_fields::forget_addresses(tx, caller.store, &ids).await?;
    rows::delete(tx, caller.store, ids.into_iter()).await?;
    counters::discount(tx, caller.store, Counter::Address, count).await?;
    for (address, (event_id, audit_id)) in addresses.zip(numbers) {
        let event = Event::AddressDeleted(address.customer, address.id);
        outbox::rows::publish(tx, caller.store, *event_id, event, now).await?;
        let change = Change::address_deleted(address.id);
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    Ok(())
}

/// Those of these addresses that there are, of this customer or of any, held with their customers.
async fn hold(
    tx: &mut WriteTx,
    store: StoreId,
    of: Option<CustomerId>,
    ids: &BTreeSet<AddressId>,
) -> Result<BTreeMap<AddressId, Address>> {
    let (_, held) = within::hold(tx, store, BTreeSet::new(), ids).await?;
    let meant = held.into_iter().filter(|address| of.is_none_or(|of| of == address.customer));
    Ok(meant.map(|address| (address.id, address)).collect())
}

async fn hold_customers(
    tx: &mut WriteTx,
    store: StoreId,
    ids: BTreeSet<CustomerId>,
) -> Result<BTreeSet<CustomerId>> {
    let ids: Vec<CustomerId> = ids.into_iter().collect();
    let held = customers::rows::lock(tx, store, &ids).await?;
    Ok(held.iter().map(|customer| customer.id).collect())
}

/// See to it that there is such a customer.
async fn see(tx: &mut ReadTx, store: StoreId, customer: CustomerId) -> Result<()> {
    let found = customers::rows::find(tx, store, customer).await?;
    found.map(|_| ()).ok_or(Error::NotFound("customer"))
}

fn all_of(customer: CustomerId) -> Filter {
    Filter { customers: Some(vec![customer]), ..Filter::default() }
}

/// The fault of a row, told by its place.
fn in_row(index: usize, error: Error) -> Error {
    match error {
        Error::Invalid(faults) => Error::Invalid(faults.under(index)),
        error => error,
    }
}
