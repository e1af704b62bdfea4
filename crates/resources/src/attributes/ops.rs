use std::collections::BTreeMap;

use kernel::{AttributeId, Error, Part, Result};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Attribute, Changes, Draft, MOST},
    rows::{self, Filter},
};
use crate::{
    attribute_values,
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
};

/// A page of the attributes that match, and how many there are of them in all.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    part: Part,
) -> Result<(Vec<Attribute>, i64)> {
    let work = async |tx: &mut ReadTx| {
        let total = rows::count(tx, caller.store, filter).await?;
        Ok((rows::list(tx, caller.store, filter, part).await?, total))
    };
    app.db.snapshot(work).await
}

/// Make attributes: all of them, or none.
///
/// Whoever makes or names an attribute holds the counter's row, so that two requests can neither make the
/// fiftieth nor give one name twice.
pub async fn create(app: &App, caller: &Caller, drafts: &[Draft]) -> Result<Vec<Attribute>> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.several(now, drafts.len());
    app.db
        .write(async |tx| {
            let count = i64::try_from(drafts.len()).map_err(Error::internal)?;
            let first = counters::take(tx, caller.store, Counter::Attribute, count).await?;
            let first = first.ok_or(Error::NotFound("store"))?;
            let mut known = rows::all(tx, caller.store).await?;
            if known.len() + drafts.len() > MOST {
                let row = MOST.saturating_sub(known.len());
                let rule = format!("a store cannot have more than {MOST} customer attributes");
                return Err(Error::invalid(format!("{row}.name"), rule));
            }
            let ids = (first..).map(AttributeId);
            let made: Vec<_> =
                drafts.iter().zip(ids).map(|(draft, id)| Attribute::new(id, draft, now)).collect();
            known.extend(made.iter().cloned());
            let ids: Vec<AttributeId> = made.iter().map(|attribute| attribute.id).collect();
            refuse_names_given_twice(&known, &ids)?;
            for (attribute, audit_id) in made.iter().zip(&numbers) {
                rows::insert(tx, caller.store, attribute).await?;
                let change = Change::attribute_created(attribute.id);
                audit::rows::record(tx, caller, *audit_id, &change, now).await?;
            }
            Ok(made)
        })
        .await
}

/// Rename attributes: all of them, or none. What they are afterwards, in the order asked.
pub async fn update(
    app: &App,
    caller: &Caller,
    changes: &[(AttributeId, Changes)],
) -> Result<Vec<Attribute>> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let numbers = app.event_ids.several(now, changes.len());
    app.db
        .write(async |tx| {
            hold(tx, caller, Counter::Attribute).await?;
            let before: BTreeMap<AttributeId, Attribute> =
                rows::all(tx, caller.store).await?.into_iter().map(|it| (it.id, it)).collect();
            let mut after = before.clone();
            for (index, (id, changes)) in changes.iter().enumerate() {
                let attribute =
                    after.get_mut(id).ok_or(Error::UnknownRow { index, what: "attribute" })?;
                if changes.kind.is_some_and(|kind| kind != attribute.kind) {
                    return Err(Error::invalid(format!("{index}.type"), "cannot be changed"));
                }
                attribute.apply(changes);
            }
            let all: Vec<Attribute> = after.values().cloned().collect();
            let asked: Vec<AttributeId> = changes.iter().map(|(id, _)| *id).collect();
            refuse_names_given_twice(&all, &asked)?;
            let renamed =
                after.values_mut().filter(|attribute| before[&attribute.id] != **attribute);
            for (attribute, audit_id) in renamed.zip(&numbers) {
                // A clock that is behind must not hide the change from those who ask what is newer.
                attribute.modified_at = now.max(attribute.modified_at);
                rows::update(tx, caller.store, attribute).await?;
                let change = Change::attribute_updated(attribute.id);
                audit::rows::record(tx, caller, *audit_id, &change, now).await?;
            }
            Ok(changes.iter().map(|(id, _)| after[id].clone()).collect())
        })
        .await
}

/// Delete those of these attributes that there are, and every customer's values of them.
///
/// The values go first, a few at a time, so that other writers need not wait for a whole store's; what was
/// written meanwhile goes with the attributes. Interrupted, it is finished by asking again.
pub async fn delete(app: &App, caller: &Caller, ids: &[AttributeId]) -> Result<()> {
    const AT_A_TIME: i64 = 500;
    let known = app.db.read(async |tx| Ok::<_, Error>(rows::all(tx, caller.store).await?)).await?;
    let ids: Vec<AttributeId> =
        known.iter().map(|attribute| attribute.id).filter(|id| ids.contains(id)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let delete_some = async |tx: &mut WriteTx| {
        hold(tx, caller, Counter::AttributeValue).await?;
        let gone =
            attribute_values::rows::delete_some_of(tx, caller.store, &ids, AT_A_TIME).await?;
        Ok::<_, Error>(gone)
    };
    while app.db.write(delete_some).await? == AT_A_TIME.unsigned_abs() {}
    let now = app.clock.now();
    let numbers = app.event_ids.several(now, ids.len());
    app.db
        .write(async |tx| {
            hold(tx, caller, Counter::Attribute).await?;
            hold(tx, caller, Counter::AttributeValue).await?;
            attribute_values::rows::delete_some_of(tx, caller.store, &ids, i64::MAX).await?;
            let gone = rows::delete(tx, caller.store, &ids).await?;
            let count = i64::try_from(gone.len()).map_err(Error::internal)?;
            counters::discount(tx, caller.store, Counter::Attribute, count).await?;
            for (id, audit_id) in gone.iter().zip(&numbers) {
                let change = Change::attribute_deleted(*id);
                audit::rows::record(tx, caller, *audit_id, &change, now).await?;
            }
            Ok(())
        })
        .await
}

async fn hold(tx: &mut WriteTx, caller: &Caller, counter: Counter) -> Result<()> {
    counters::hold(tx, caller.store, counter).await?.ok_or(Error::NotFound("store"))
}

/// Refuse the first of the `asked` whose name another attribute has, whether the store's or an earlier one of
/// theirs. Rows are numbered in the order asked.
fn refuse_names_given_twice(all: &[Attribute], asked: &[AttributeId]) -> Result<()> {
    let others = all.iter().filter(|attribute| !asked.contains(&attribute.id));
    let mut taken: BTreeMap<String, AttributeId> =
        others.map(|attribute| (attribute.name_key(), attribute.id)).collect();
    for (row, id) in asked.iter().enumerate() {
        let named = all.iter().find(|attribute| attribute.id == *id);
        let Some(key) = named.map(Attribute::name_key) else { continue };
        if *taken.entry(key).or_insert(*id) != *id {
            return Err(Error::invalid(format!("{row}.name"), "is already in use"));
        }
    }
    Ok(())
}
