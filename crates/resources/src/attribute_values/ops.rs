use std::collections::{BTreeMap, BTreeSet};

use kernel::{AttributeId, AttributeValueId, CustomerId, Error, Part, Result, Timestamp};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{AttributeValue, Setting},
    rows::{self, Filter},
    within,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers,
};

/// A page of the values that match, and how many there are of them in all.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    part: Part,
) -> Result<(Vec<AttributeValue>, i64)> {
    let work = async |tx: &mut ReadTx| {
        let total = rows::count(tx, caller.store, filter).await?;
        Ok((rows::list(tx, caller.store, filter, part).await?, total))
    };
    // A customer has at most fifty values.
    let is_short = filter.customers.as_ref().is_some_and(|customers| customers.len() <= 20);
    if is_short { app.db.snapshot(work).await } else { app.db.scan(work).await }
}

/// Set values: all of them, or none. What they are afterwards, in the order asked.
///
/// Where a customer has a value under the attribute, that one is changed; of two rows for one the later
/// counts. The same value again changes nothing. The customer itself is not changed by it: no event,
/// `date_modified` stays.
pub async fn set(app: &App, caller: &Caller, settings: &[Setting]) -> Result<Vec<AttributeValue>> {
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let customers: BTreeSet<CustomerId> = settings.iter().map(|it| it.customer).collect();
    let customers: Vec<CustomerId> = customers.into_iter().collect();
    let numbers = app.event_ids.several(now, customers.len());
    app.db.write(async |tx| set_in(tx, caller, settings, &customers, &numbers, now).await).await
}

/// Delete those of these values that there are.
pub async fn delete(app: &App, caller: &Caller, ids: &[AttributeValueId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.several(now, ids.len());
    app.db
        .write(async |tx| {
            let customers = rows::customers_of(tx, caller.store, ids).await?;
            customers::rows::lock(tx, caller.store, &customers).await?;
            hold(tx, caller).await?;
            let gone = rows::delete(tx, caller.store, ids).await?;
            for ((customer, attributes), audit_id) in by_customer(&gone).iter().zip(&numbers) {
                let change = Change::attribute_values_deleted(*customer, attributes);
                audit::rows::record(tx, caller, *audit_id, &change, now).await?;
            }
            Ok(())
        })
        .await
}

async fn set_in(
    tx: &mut WriteTx,
    caller: &Caller,
    settings: &[Setting],
    customers: &[CustomerId],
    numbers: &[i64],
    now: Timestamp,
) -> Result<Vec<AttributeValue>> {
    // The customers before the counter, so that who waits for one keeps nobody else from setting values; and
    // both until the end: no attribute and no customer goes meanwhile.
    let held = customers::rows::lock(tx, caller.store, customers).await?;
    hold(tx, caller).await?;
    let there: BTreeSet<CustomerId> = held.iter().map(|customer| customer.id).collect();
    let kinds = within::kinds(tx, caller).await?;
    for (index, setting) in settings.iter().enumerate() {
        if !there.contains(&setting.customer) {
            return Err(Error::invalid(format!("{index}.customer_id"), "invalid customer ID"));
        }
        within::check(&kinds, setting.attribute, &setting.value, &index.to_string(), "value")?;
    }
    let known = rows::of_customers(tx, caller.store, customers).await?;
    let before: BTreeMap<(CustomerId, AttributeId), AttributeValue> =
        known.into_iter().map(|value| ((value.customer, value.attribute), value)).collect();
    let new: BTreeSet<_> = settings
        .iter()
        .map(|it| (it.customer, it.attribute))
        .filter(|key| !before.contains_key(key))
        .collect();
    let mut id = AttributeValueId(0);
    if !new.is_empty() {
        id = within::take(tx, caller, new.len()).await?;
    }
    let mut after = before.clone();
    for setting in settings {
        let key = (setting.customer, setting.attribute);
        if let Some(value) = after.get_mut(&key) {
            value.value.clone_from(&setting.value);
        } else {
            after.insert(key, within::made_of(setting, id, now));
            id = AttributeValueId(id.0 + 1);
        }
    }
    let mut changed = Vec::new();
    for (key, value) in &mut after {
        let old = before.get(key);
        match old {
            None => rows::insert(tx, caller.store, value).await?,
            Some(old) if old == value => continue,
            Some(_) => {
                // A clock that is behind must not hide the change from those who ask what is newer.
                value.modified_at = now.max(value.modified_at);
                rows::update(tx, caller.store, value).await?;
            }
        }
        changed.push(value.clone());
    }
    for ((customer, attributes), audit_id) in by_customer(&changed).iter().zip(numbers) {
        let change = Change::attribute_values_set(*customer, attributes);
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    Ok(settings.iter().map(|it| after[&(it.customer, it.attribute)].clone()).collect())
}

/// Hold the store's values until the transaction ends: see [`Counter::AttributeValue`].
async fn hold(tx: &mut WriteTx, caller: &Caller) -> Result<()> {
    let held = counters::hold(tx, caller.store, Counter::AttributeValue).await?;
    held.ok_or(Error::NotFound("store"))
}

/// The attributes of these values, customer by customer.
fn by_customer(values: &[AttributeValue]) -> BTreeMap<CustomerId, Vec<AttributeId>> {
    let mut attributes: BTreeMap<CustomerId, Vec<AttributeId>> = BTreeMap::new();
    for value in values {
        attributes.entry(value.customer).or_default().push(value.attribute);
    }
    for ids in attributes.values_mut() {
        ids.sort_unstable();
    }
    attributes
}
