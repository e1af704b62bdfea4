//! Values within the transaction of whoever owns them. The caller holds the customers meant; the definitions
//! are held here, after them and in the order of their ids. Whoever removes a field holds its definition alone.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{AddressId, CustomerId, Error, FormFieldId, Result, StoreId, Violations};
use sql::{ReadTx, WriteTx};

use super::{
    filter::Place,
    model::{Answer, Difference, Entry, Field, Object, Owner, Value},
    rows::{self, Label, Raw},
};
use crate::counters::rows::{self as counters, Counter};

/// The values of these customers' own; every one of them is named, also who has none.
pub async fn of_customers(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<Answer>>> {
    let raw = rows::of_customers(tx, store, ids).await?;
    let mut answers: BTreeMap<_, _> = ids.iter().map(|id| (*id, Vec::new())).collect();
    for answer in understood(tx, store, raw).await? {
        answers.entry(answer.owner.customer).or_default().push(answer);
    }
    Ok(answers)
}

/// The values of these addresses; every one of them is named, also which has none.
pub async fn of_addresses(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &[AddressId],
) -> Result<BTreeMap<AddressId, Vec<Answer>>> {
    let mut raw = Vec::new();
    // A page of customers shows more addresses than one statement takes.
    for some in ids.chunks(1_000) {
        raw.extend(rows::of_addresses(tx, store, some).await?);
    }
    let mut answers: BTreeMap<_, _> = ids.iter().map(|id| (*id, Vec::new())).collect();
    for answer in understood(tx, store, raw).await? {
        if let Some(address) = answer.owner.address {
            answers.entry(address).or_default().push(answer);
        }
    }
    Ok(answers)
}

/// Rows with the names of their fields; values of a field that has been removed are left out.
pub async fn understood(tx: &mut ReadTx, store: StoreId, raw: Vec<Raw>) -> Result<Vec<Answer>> {
    if raw.is_empty() {
        return Ok(Vec::new());
    }
    let named: BTreeSet<FormFieldId> = raw.iter().map(|raw| raw.place.field).collect();
    let named: Vec<FormFieldId> = named.into_iter().collect();
    let labels = rows::labels_of(tx, store, &named).await?;
    let labels: BTreeMap<FormFieldId, Label> =
        labels.into_iter().map(|label| (label.id, label)).collect();
    let understand = |Raw { place, owner, text }| {
        let label = labels.get(&place.field)?;
        let value = Value::from_column(label.kind, text);
        Some(Answer { place, owner, name: label.name.clone(), value })
    };
    Ok(raw.into_iter().filter_map(understand).collect())
}

/// Set values, all or none; whose there are other values now, and how so. Of several rows of a request only the first at
/// fault is told; where one field is named twice, the later word counts.
pub async fn set(
    tx: &mut WriteTx,
    store: StoreId,
    entries: &[Entry<'_>],
) -> Result<BTreeMap<Owner, Difference>> {
    if entries.is_empty() {
        return Ok(BTreeMap::new());
    }
    let labels = rows::labels(tx, store).await?;
    let fields = held(tx, store, &labels, entries).await?;
    let wanted = judged(&fields, entries)?;
    let kept = kept(tx, store, &wanted).await?;
    refuse_too_much(&sizes(&labels, &kept, &wanted), entries)?;
    let mut different: BTreeMap<Owner, Difference> = BTreeMap::new();
    let mut tally: BTreeMap<FormFieldId, i64> = BTreeMap::new();
    let mut changes = Vec::new();
    for ((owner, field), value) in wanted {
        let text = value.as_ref().map(Value::to_column);
        let before = kept.get(&owner).and_then(|answers| answers.get(&field));
        if before.map(|raw| &raw.text) != text.as_ref() {
            let how = if before.is_none() { Difference::Entered } else { Difference::Changed };
            let known = different.entry(owner).or_insert(how);
            *known = how.max(*known);
            *tally.entry(field).or_default() +=
                i64::from(text.is_some()) - i64::from(before.is_some());
            changes.push((owner, field, text));
        }
    }
    let mut sessions: BTreeMap<Owner, i64> = kept
        .iter()
        .filter_map(|(owner, answers)| Some((*owner, answers.values().next()?.place.session)))
        .collect();
    for (field, more) in tally.into_iter().filter(|(_, more)| *more != 0) {
        rows::count(tx, store, field, more).await?;
    }
    open_sessions(tx, store, different.keys(), &mut sessions).await?;
    for (owner, field, text) in changes {
        let place = Place { session: sessions[&owner], field };
        match text {
            Some(text) => rows::put(tx, store, place, owner, &text).await?,
            None => rows::delete(tx, store, place, owner).await?,
        }
    }
    Ok(different)
}

/// Delete the values of customers that are about to go, and of their addresses.
pub async fn forget_customers(tx: &mut WriteTx, store: StoreId, ids: &[CustomerId]) -> Result<()> {
    let tally = rows::tally_of_customers(tx, store, ids).await?;
    if discounted(tx, store, tally).await? {
        rows::delete_of_customers(tx, store, ids).await?;
    }
    Ok(())
}

/// Delete the values of addresses that are about to go.
pub async fn forget_addresses(tx: &mut WriteTx, store: StoreId, ids: &[AddressId]) -> Result<()> {
    let tally = rows::tally_of_addresses(tx, store, ids).await?;
    if discounted(tx, store, tally).await? {
        rows::delete_of_addresses(tx, store, ids).await?;
    }
    Ok(())
}

/// Count values out of their fields, which holds those; whether there were any.
async fn discounted(
    tx: &mut WriteTx,
    store: StoreId,
    tally: Vec<(FormFieldId, i64)>,
) -> Result<bool> {
    let any = !tally.is_empty();
    for (field, answers) in tally {
        rows::count(tx, store, field, -answers).await?;
    }
    Ok(any)
}

/// Those of these fields that are named, held until the transaction ends.
async fn held(
    tx: &mut WriteTx,
    store: StoreId,
    labels: &[Label],
    entries: &[Entry<'_>],
) -> Result<BTreeMap<(Object, String), Field>> {
    let named: BTreeSet<(Object, &str)> =
        entries.iter().map(|entry| (entry.owner.object(), entry.said.name.as_str())).collect();
    let is_named = |label: &&Label| named.contains(&(label.object, label.name.as_str()));
    let ids: Vec<FormFieldId> = labels.iter().filter(is_named).map(|label| label.id).collect();
    // Read again: meanwhile one may have been removed, or may have other choices.
    let fields = rows::lock(tx, store, &ids).await?;
    let by_name =
        |field: Field| ((field.definition.object(), field.definition.name().to_owned()), field);
    Ok(fields.into_iter().map(by_name).collect())
}

/// What each field of each owner is to hold; `None` is nothing.
type Wanted = BTreeMap<(Owner, FormFieldId), Option<Value>>;

fn judged(fields: &BTreeMap<(Object, String), Field>, entries: &[Entry<'_>]) -> Result<Wanted> {
    let mut wanted = Wanted::new();
    let mut faults = Violations::default();
    let mut row = 0;
    for entry in entries {
        if !faults.is_empty() && entry.row != row {
            break;
        }
        row = entry.row;
        let object = entry.owner.object();
        let Some(field) = fields.get(&(object, entry.said.name.clone())) else {
            faults.add(
                format!("{}.name", entry.path),
                format!("no such {} form field", object.name()),
            );
            continue;
        };
        match field.definition.accept(&entry.said.value) {
            Ok(value) => drop(wanted.insert((entry.owner, field.id), value)),
            Err(rule) => faults.add(format!("{}.value", entry.path), rule),
        }
    }
    faults.or(wanted)
}

/// What owners have, by field.
type Kept = BTreeMap<Owner, BTreeMap<FormFieldId, Raw>>;

/// What the owners have now.
async fn kept(tx: &mut WriteTx, store: StoreId, wanted: &Wanted) -> Result<Kept> {
    let owners: BTreeSet<Owner> = wanted.keys().map(|(owner, _)| *owner).collect();
    let customers: Vec<CustomerId> =
        owners.iter().filter(|owner| owner.address.is_none()).map(|owner| owner.customer).collect();
    let addresses: Vec<AddressId> = owners.iter().filter_map(|owner| owner.address).collect();
    let mut kept = Kept::new();
    let mut raw = Vec::new();
    if !customers.is_empty() {
        raw = rows::of_customers(tx, store, &customers).await?;
    }
    if !addresses.is_empty() {
        raw.extend(rows::of_addresses(tx, store, &addresses).await?);
    }
    for raw in raw {
        kept.entry(raw.owner).or_default().insert(raw.place.field, raw);
    }
    Ok(kept)
}

/// How many bytes the values of each owner are, and would be, each with the name of its field.
fn sizes(labels: &[Label], kept: &Kept, wanted: &Wanted) -> BTreeMap<Owner, (usize, usize)> {
    let names: BTreeMap<FormFieldId, usize> =
        labels.iter().map(|label| (label.id, label.name.len())).collect();
    // Values of a field that has been removed are none any more.
    let size = |field: &FormFieldId, text: &str| names.get(field).map_or(0, |it| it + text.len());
    let mut sizes: BTreeMap<Owner, (usize, usize)> = BTreeMap::new();
    for (owner, answers) in kept {
        let all: usize = answers.iter().map(|(field, raw)| size(field, &raw.text)).sum();
        sizes.insert(*owner, (all, all));
    }
    for ((owner, field), value) in wanted {
        let (_, after) = sizes.entry(*owner).or_default();
        let before = kept.get(owner).and_then(|answers| answers.get(field));
        *after -= before.map_or(0, |raw| size(field, &raw.text));
        *after += value.as_ref().map_or(0, |value| size(field, &value.to_column()));
    }
    sizes
}

/// Refuse what makes the values of an owner more than they may be together. Where they are more already, as of
/// the time before there was a bound, they may become fewer.
fn refuse_too_much(sizes: &BTreeMap<Owner, (usize, usize)>, entries: &[Entry<'_>]) -> Result<()> {
    let is_too_much = |entry: &&Entry<'_>| {
        let (before, after) = sizes[&entry.owner];
        after > entry.owner.object().most_of_values().max(before)
    };
    let Some(entry) = entries.iter().find(is_too_much) else { return Ok(()) };
    let object = entry.owner.object();
    let (name, most) = (object.name(), object.most_of_values());
    let rule =
        format!("the values of one {name} with their names are at most {most} bytes together");
    Err(Error::invalid(format!("{}.value", entry.path), rule))
}

/// Give a session to each owner that has none.
async fn open_sessions(
    tx: &mut WriteTx,
    store: StoreId,
    owners: impl Iterator<Item = &Owner>,
    sessions: &mut BTreeMap<Owner, i64>,
) -> Result<()> {
    let new: Vec<Owner> = owners.filter(|owner| !sessions.contains_key(owner)).copied().collect();
    if new.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(new.len()).map_err(Error::internal)?;
    let first = counters::take(tx, store, Counter::FormSession, count).await?;
    sessions.extend(new.into_iter().zip(first.ok_or(Error::NotFound("store"))?..));
    Ok(())
}
