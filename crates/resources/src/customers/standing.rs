//! Where customers stand in their store: which group they are in. What they name must be there, and is held until the transaction ends, so that
//! nobody stands in a group that has gone meanwhile.

use std::collections::BTreeSet;

use kernel::{Error, GroupId, Result, StoreId};
use sql::WriteTx;

use super::model::{Changes, Customer};
use crate::{
    counters::rows::{self as counters, Counter},
    groups,
};

/// Put new customers into their groups: the one that each names, else the store's default. The caller holds
/// the counter of customers.
pub async fn join(
    tx: &mut WriteTx,
    store: StoreId,
    drafts: &[Changes],
    made: &mut [Customer],
) -> Result<()> {
    if share_groups(tx, store, drafts.iter()).await? == 0 {
        return Ok(());
    }
    let undecided = drafts.iter().zip(made).filter(|(draft, _)| draft.group().is_none());
    let undecided: Vec<&mut Customer> = undecided.map(|(_, customer)| customer).collect();
    if undecided.is_empty() {
        return Ok(());
    }
    let default = groups::rows::default(tx, store).await?.unwrap_or(GroupId(0));
    for customer in undecided {
        customer.group = default;
    }
    Ok(())
}

/// See to it that the groups that rows name are there, and stay. How many groups the store has.
pub async fn share_groups(
    tx: &mut WriteTx,
    store: StoreId,
    rows: impl Iterator<Item = &Changes> + Clone,
) -> Result<i64> {
    let live = counters::share(tx, store, Counter::CustomerGroup).await?;
    let live = live.ok_or(Error::NotFound("store"))?;
    let named: BTreeSet<GroupId> = rows.clone().filter_map(named_group).collect();
    if named.is_empty() {
        return Ok(live);
    }
    let known = groups::rows::known(tx, store, &named).await?;
    let is_unknown = |row: &Changes| named_group(row).is_some_and(|id| !known.contains(&id));
    match rows.enumerate().find(|(_, row)| is_unknown(row)) {
        Some((index, _)) => {
            Err(Error::invalid(format!("{index}.customer_group_id"), "no such customer group"))
        }
        None => Ok(live),
    }
}

/// The group that a row puts its customer into; 0 is none.
pub fn named_group(row: &Changes) -> Option<GroupId> {
    row.group().filter(|group| group.0 != 0)
}
