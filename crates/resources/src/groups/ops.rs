use kernel::{Error, GroupId, Part, Result, Timestamp};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Changes, Group},
    rows::{self, Filter},
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers,
    outbox::{self, model::Event},
    settings,
};

/// The group that matches, when the filter names one.
pub async fn find(app: &App, caller: &Caller, filter: &Filter) -> Result<Group> {
    let mut found = list(app, caller, filter, Part { offset: 0, limit: 1 }).await?;
    found.pop().ok_or(Error::NotFound("customer group"))
}

/// Part of the groups that match, in the order of their ids.
pub async fn list(app: &App, caller: &Caller, filter: &Filter, part: Part) -> Result<Vec<Group>> {
    let work =
        async |tx: &mut ReadTx| Ok::<_, Error>(rows::list(tx, caller.store, filter, part).await?);
    let is_short = filter.is_short() && part.is_near();
    if is_short { app.db.read(work).await } else { app.db.scan(work).await }
}

/// How many match. All of them are counted already.
pub async fn count(app: &App, caller: &Caller, filter: &Filter) -> Result<i64> {
    if *filter == Filter::default() {
        let work = async |tx: &mut ReadTx| {
            Ok::<_, Error>(counters::live(tx, caller.store, Counter::CustomerGroup).await?)
        };
        return app.db.read(work).await;
    }
    let work = async |tx: &mut ReadTx| Ok::<_, Error>(rows::count(tx, caller.store, filter).await?);
    if filter.is_short() { app.db.read(work).await } else { app.db.scan(work).await }
}

/// Make a group.
pub async fn create(app: &App, caller: &Caller, draft: &Changes) -> Result<Group> {
    let now = app.clock.now();
    let audit_ids = draw(app, now);
    app.db
        .write(async |tx| {
            let id = counters::take(tx, caller.store, Counter::CustomerGroup, 1).await?;
            let id = GroupId(id.ok_or(Error::NotFound("store"))?);
            let group = Group::new(id, draft, now);
            make_way(tx, caller, &group, &audit_ids, now).await?;
            rows::insert(tx, caller.store, &group).await?;
            audit::rows::record(tx, caller, audit_ids[0], &Change::group_created(id), now).await?;
            Ok(group)
        })
        .await
}

/// Change a group. A change of nothing leaves its dates (ruling 9).
pub async fn update(app: &App, caller: &Caller, id: GroupId, changes: &Changes) -> Result<Group> {
    let now = app.clock.now();
    let audit_ids = draw(app, now);
    app.db
        .write(async |tx| {
            hold(tx, caller).await?;
            let found = rows::find(tx, caller.store, id).await?;
            let mut group = found.ok_or(Error::NotFound("customer group"))?;
            let fields = group.apply(changes);
            if !fields.is_empty() {
                make_way(tx, caller, &group, &audit_ids, now).await?;
                group.modified_at = now.max(group.modified_at);
                rows::update(tx, caller.store, &group).await?;
                let change = Change::group_updated(id, &fields);
                audit::rows::record(tx, caller, audit_ids[0], &change, now).await?;
            }
            Ok(group)
        })
        .await
}

/// Delete a group; its members belong to none afterwards, as published.
///
/// Members leave a hundred at a time, each told as a change of the customer; the group goes with the last of
/// them. Interrupted, it is finished by deleting the group again: until it is gone it is there.
pub async fn delete(app: &App, caller: &Caller, id: GroupId) -> Result<()> {
    let mut has_begun = false;
    loop {
        let now = app.clock.now();
        let numbers = app.event_ids.pairs(now, AT_A_TIME + 1);
        let is_gone =
            app.db.write(async |tx| delete_some(tx, caller, id, &numbers, now).await).await;
        match is_gone {
            Ok(true) => return Ok(()),
            Ok(false) => has_begun = true,
            // Somebody else deleted it too, and was done first.
            Err(Error::NotFound(_)) if has_begun => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Take some members out, and the group away when no more are left; whether it is.
async fn delete_some(
    tx: &mut WriteTx,
    caller: &Caller,
    id: GroupId,
    numbers: &[(i64, i64)],
    now: Timestamp,
) -> Result<bool> {
    // From here on nobody joins.
    hold(tx, caller).await?;
    rows::find(tx, caller.store, id).await?.ok_or(Error::NotFound("customer group"))?;
    let most = i64::try_from(AT_A_TIME).map_err(Error::internal)?;
    let members = customers::rows::lock_members(tx, caller.store, id, most).await?;
    let (last, numbers) = numbers.split_last().ok_or_else(|| Error::internal("no numbers"))?;
    for (customer, (event_id, audit_id)) in members.iter().zip(numbers) {
        let mut customer = customer.clone();
        customer.group = GroupId(0);
        customer.modified_at = now.max(customer.modified_at);
        customers::rows::update(tx, caller.store, &customer).await?;
        let event = Event::CustomerUpdated(customer.id);
        outbox::rows::publish(tx, caller.store, *event_id, event, now).await?;
        let change = Change::customer_updated(customer.id, &["customer_group_id"]);
        audit::rows::record(tx, caller, *audit_id, &change, now).await?;
    }
    if members.len() == AT_A_TIME {
        return Ok(false);
    }
    settings::rows::forget_group(tx, caller.store, id).await?;
    rows::delete(tx, caller.store, id).await?;
    counters::discount(tx, caller.store, Counter::CustomerGroup, 1).await?;
    audit::rows::record(tx, caller, last.1, &Change::group_deleted(id), now).await?;
    Ok(true)
}

/// Where only one group of the store may be what this one has become, the one that was gives it up. The caller
/// holds the counter of groups.
async fn make_way(
    tx: &mut WriteTx,
    caller: &Caller,
    group: &Group,
    audit_ids: &[i64; 3],
    now: Timestamp,
) -> Result<()> {
    if !group.is_default && !group.is_for_guests {
        return Ok(());
    }
    let others = rows::singular(tx, caller.store).await?;
    let others = others.into_values().filter(|other| other.id != group.id);
    for (mut other, audit_id) in others.zip(&audit_ids[1..]) {
        let fields = other.make_way(group);
        if !fields.is_empty() {
            other.modified_at = now.max(other.modified_at);
            rows::update(tx, caller.store, &other).await?;
            let change = Change::group_updated(other.id, &fields);
            audit::rows::record(tx, caller, *audit_id, &change, now).await?;
        }
    }
    Ok(())
}

/// Hold the store's groups until the transaction ends.
async fn hold(tx: &mut WriteTx, caller: &Caller) -> Result<()> {
    let held = counters::hold(tx, caller.store, Counter::CustomerGroup).await?;
    held.ok_or(Error::NotFound("store"))
}

/// Numbers for the audit lines of a group, and of the two that may make way for it.
fn draw(app: &App, now: Timestamp) -> [i64; 3] {
    std::array::from_fn(|_| app.event_ids.next(now))
}

const AT_A_TIME: usize = 100;
