use std::collections::{BTreeMap, BTreeSet};

use kernel::{AddressId, CustomerId, Error, FormFieldId, Result, StoreId, Stretch, Timestamp};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    filter::{Filter, Place},
    model::{
        Answer, Definition, Difference, Entry, Field, MOST_FIELDS, Owner, Said, Target, Value,
    },
    rows::{self, Label},
    within,
};
use crate::{
    addresses::{self, model::Address},
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers::{self, model::Customer},
    outbox::{self, model::Event},
};

/// Some values of a list, and what is known of the rest.
#[derive(Debug)]
pub struct Listing {
    pub answers: Vec<Answer>,
    /// How many match in all; asked for pages by number only.
    pub total: Option<i64>,
    /// Whether there are values before these, and after them.
    pub more: (bool, bool),
}

/// Every field that the store has.
pub async fn fields(app: &App, caller: &Caller) -> Result<Vec<Field>> {
    app.db.read(async |tx| Ok(rows::fields(tx, caller.store).await?)).await
}

/// Define fields, by object and name: all of them, or none. What is there already takes the new definition,
/// but for its kind, which never changes.
pub async fn define(app: &App, caller: &Caller, definitions: &[Definition]) -> Result<Vec<Field>> {
    if definitions.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let audit_ids = app.event_ids.several(now, definitions.len());
    app.db.write(async |tx| define_in(tx, caller, definitions, &audit_ids, now).await).await
}

/// Delete those of these fields that there are, and every value of theirs. The customers whose values go are
/// not changed by it.
///
/// From the first transaction on nobody sees the fields; their values, of which there may be millions, go a
/// few at a time. What an interrupted deletion has left, the next one removes.
pub async fn remove(app: &App, caller: &Caller, ids: &[FormFieldId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let audit_ids = app.event_ids.several(now, ids.len());
    app.db
        .write(async |tx| {
            hold_definitions(tx, caller.store).await?;
            let gone = rows::lock(tx, caller.store, ids).await?;
            for (field, audit_id) in gone.iter().zip(&audit_ids) {
                rows::remove(tx, caller.store, field.id, now).await?;
                let change = Change::form_field_deleted(field.id);
                audit::rows::record(tx, caller, *audit_id, &change, now).await?;
            }
            let count = i64::try_from(gone.len()).map_err(Error::internal)?;
            counters::discount(tx, caller.store, Counter::FormField, count).await?;
            Ok::<_, Error>(())
        })
        .await?;
    sweep(app, caller.store).await
}

/// Part of the values that match, at most `limit`.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    stretch: Stretch<Place>,
    limit: i64,
) -> Result<Listing> {
    let work = async |tx: &mut ReadTx| list_in(tx, caller.store, filter, stretch, limit).await;
    let walks = filter.name.is_some() || filter.kind.is_some() || !stretch.is_near();
    if filter.names_owner() || !walks {
        app.db.snapshot(work).await
    } else {
        app.db.scan(work).await
    }
}

/// Set values: all of them, or none. What each of them is afterwards.
///
/// It is a change of the customer, or of the address, once however many values differ; where none does, it is
/// none (ruling 9). An event tells of the address, and of the customer where a field had no value before
/// (published).
pub async fn set(
    app: &App,
    caller: &Caller,
    said: &[(Target, Said)],
) -> Result<Vec<(Target, Said)>> {
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.pairs(now, said.len());
    app.db.write(async |tx| set_in(tx, caller, said, &numbers, now).await).await
}

async fn define_in(
    tx: &mut WriteTx,
    caller: &Caller,
    definitions: &[Definition],
    audit_ids: &[i64],
    now: Timestamp,
) -> Result<Vec<Field>> {
    let store = caller.store;
    hold_definitions(tx, store).await?;
    let known: Vec<FormFieldId> =
        rows::labels(tx, store).await?.into_iter().map(|label| label.id).collect();
    // Who sets values holds theirs: a definition does not change under a value.
    let mut fields = rows::lock(tx, store, &known).await?;
    let mut defined = Vec::new();
    for ((index, definition), audit_id) in definitions.iter().enumerate().zip(audit_ids) {
        let is_same = |field: &&mut Field| {
            (field.definition.object(), field.definition.name())
                == (definition.object(), definition.name())
        };
        let id = match fields.iter_mut().find(is_same) {
            Some(field) if field.definition.kind() != definition.kind() => {
                let rule = format!("is {} and cannot change", field.definition.kind().name());
                return Err(Error::invalid(format!("{index}.type"), rule));
            }
            Some(field) if field.definition == *definition => field.id,
            Some(field) => {
                field.definition = definition.clone();
                rows::update(tx, store, field).await?;
                record(tx, caller, field.id, *audit_id, now).await?;
                field.id
            }
            None => {
                refuse_too_many(&fields, definition, index)?;
                let id = counters::take(tx, store, Counter::FormField, 1).await?;
                let id = FormFieldId(id.ok_or(Error::NotFound("store"))?);
                let field = Field { id, definition: definition.clone(), answers: 0 };
                rows::insert(tx, store, &field).await?;
                record(tx, caller, id, *audit_id, now).await?;
                fields.push(field);
                id
            }
        };
        defined.push(id);
    }
    let fields: BTreeMap<FormFieldId, Field> =
        fields.into_iter().map(|field| (field.id, field)).collect();
    Ok(defined.iter().map(|id| fields[id].clone()).collect())
}

fn refuse_too_many(fields: &[Field], definition: &Definition, index: usize) -> Result<()> {
    let object = definition.object();
    let there = fields.iter().filter(|field| field.definition.object() == object).count();
    if there < MOST_FIELDS {
        return Ok(());
    }
    let rule = format!("a store has at most {MOST_FIELDS} {} form fields", object.name());
    Err(Error::invalid(format!("{index}.name"), rule))
}

async fn record(
    tx: &mut WriteTx,
    caller: &Caller,
    id: FormFieldId,
    audit_id: i64,
    now: Timestamp,
) -> Result<()> {
    Ok(audit::rows::record(tx, caller, audit_id, &Change::form_field_defined(id), now).await?)
}

/// Remove the values of removed fields, then the fields themselves.
async fn sweep(app: &App, store: StoreId) -> Result<()> {
    let work = async |tx: &mut ReadTx| Ok::<_, Error>(rows::removed(tx, store).await?);
    for id in app.db.read(work).await? {
        let sweep_some = async |tx: &mut WriteTx| {
            // Held, so that it waits for those who delete a customer with such a value, and they for it.
            if !rows::lock_removed(tx, store, id).await? {
                return Ok(true);
            }
            let is_empty = rows::delete_some(tx, store, id, AT_A_TIME).await? == 0;
            if is_empty {
                rows::forget(tx, store, id).await?;
            }
            Ok::<_, Error>(is_empty)
        };
        while !app.db.write(sweep_some).await? {}
    }
    Ok(())
}

async fn list_in(
    tx: &mut ReadTx,
    store: StoreId,
    filter: &Filter,
    stretch: Stretch<Place>,
    limit: i64,
) -> Result<Listing> {
    let fields = rows::labels(tx, store).await?;
    let is_meant = |label: &&Label| {
        filter.name.as_ref().is_none_or(|name| *name == label.name)
            && filter.kind.is_none_or(|kind| kind == label.kind)
    };
    let meant: Vec<&Label> = fields.iter().filter(is_meant).collect();
    // Values that are still being removed are of no field any more.
    let narrows = meant.len() < fields.len() || !rows::removed(tx, store).await?.is_empty();
    let ids: Vec<FormFieldId> = meant.iter().map(|field| field.id).collect();
    let ids = narrows.then_some(ids.as_slice());
    let (raw, more) = rows::list(tx, store, filter, ids, stretch, limit).await?;
    let total = match stretch {
        Stretch::Offset(_) if filter.names_owner() => {
            Some(rows::count_matching(tx, store, filter, ids).await?)
        }
        Stretch::Offset(_) => Some(meant.iter().map(|field| field.answers).sum()),
        Stretch::After(_) | Stretch::Before(_) => None,
    };
    Ok(Listing { answers: within::understood(tx, store, raw).await?, total, more })
}

async fn set_in(
    tx: &mut WriteTx,
    caller: &Caller,
    said: &[(Target, Said)],
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<Vec<(Target, Said)>> {
    let (mut customers, addresses) = hold_owners(tx, caller.store, said).await?;
    let mut entries = Vec::new();
    for (row, (target, said)) in said.iter().enumerate() {
        let owner = match target {
            Target::Customer(id) if customers.contains_key(id) => Owner::customer(*id),
            Target::Customer(_) => {
                return Err(Error::UnknownRow { index: row, what: "customer" });
            }
            Target::Address(id) => {
                *addresses.get(id).ok_or(Error::UnknownRow { index: row, what: "address" })?
            }
        };
        entries.push(Entry { owner, said, row, path: row.to_string() });
    }
    let changed = within::set(tx, caller.store, &entries).await?;
    for ((owner, how), (event_id, audit_id)) in changed.iter().zip(numbers) {
        let (event, change) = if let Some(address) = owner.address {
            let event = Event::AddressUpdated(owner.customer, address);
            (Some(event), Change::address_updated(address, &["form_fields"]))
        } else {
            let customer = customers.get_mut(&owner.customer).expect("every owner is held");
            customer.modified_at = now.max(customer.modified_at);
            customers::rows::update(tx, caller.store, customer).await?;
            let change = Change::customer_updated(customer.id, &["form_fields"]);
            // Published: told when values are first entered, and not when they change.
            let event = Event::CustomerUpdated(customer.id);
            ((*how == Difference::Entered).then_some(event), change)
        };
        if let Some(event) = event {
            outbox::rows::publish(tx, caller.store, *event_id, event, now).await?;
        }
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    let owners: Vec<Owner> = entries.iter().map(|entry| entry.owner).collect();
    let kept = kept(tx, caller.store, &owners).await?;
    let kept: BTreeMap<(Owner, &str), &Value> =
        kept.iter().map(|it| ((it.owner, it.name.as_str()), &it.value)).collect();
    let after = said.iter().zip(&owners).map(|((target, said), owner)| {
        let value = kept.get(&(*owner, said.name.as_str())).map(|value| (*value).clone());
        let value = value.unwrap_or_else(|| nothing(&said.value));
        (*target, Said { name: said.name.clone(), value })
    });
    Ok(after.collect())
}

/// Those whose values are meant: the customers, held until the transaction ends, and the addresses, whose
/// customers are.
async fn hold_owners(
    tx: &mut WriteTx,
    store: StoreId,
    said: &[(Target, Said)],
) -> Result<(BTreeMap<CustomerId, Customer>, BTreeMap<AddressId, Owner>)> {
    let mut customers = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for (target, _) in said {
        match target {
            Target::Customer(id) => drop(customers.insert(*id)),
            Target::Address(id) => drop(addresses.insert(*id)),
        }
    }
    let (held, found) = addresses::within::hold(tx, store, customers, &addresses).await?;
    let owner = |it: Address| (it.id, Owner { customer: it.customer, address: Some(it.id) });
    let owners = found.into_iter().map(owner).collect();
    Ok((held, owners))
}

/// Every value of these owners.
async fn kept(tx: &mut ReadTx, store: StoreId, owners: &[Owner]) -> Result<Vec<Answer>> {
    let own = owners.iter().filter(|owner| owner.address.is_none()).map(|owner| owner.customer);
    let own: Vec<CustomerId> = own.collect::<BTreeSet<_>>().into_iter().collect();
    let addresses: BTreeSet<AddressId> = owners.iter().filter_map(|owner| owner.address).collect();
    let addresses: Vec<AddressId> = addresses.into_iter().collect();
    let own = within::of_customers(tx, store, &own).await?;
    let theirs = within::of_addresses(tx, store, &addresses).await?;
    Ok(own.into_values().chain(theirs.into_values()).flatten().collect())
}

/// What is shown where a value was taken away: the same nothing that took it away.
fn nothing(said: &Value) -> Value {
    match said {
        Value::List(_) => Value::List(Vec::new()),
        Value::Text(_) | Value::Number(_) => Value::Text(String::new()),
    }
}

/// Hold the names of the store's fields until the transaction ends.
async fn hold_definitions(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    counters::hold(tx, store, Counter::FormField).await?.ok_or(Error::NotFound("store"))
}

/// Values in one transaction: some milliseconds of work.
const AT_A_TIME: i64 = 250;
