//! Where customers stand in their store: in which group, and on which channels. What they name must be there,
//! and is held until the transaction ends, so that nobody stands in a group that has gone meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use access::Author;
use kernel::{ChannelId, CustomerId, Error, GroupId, Result, StoreId, Timestamp};
use sql::WriteTx;

use super::{
    model::{Access, Changes, Customer},
    rows,
};
use crate::{
    audit::{self, model::Change},
    channels::{self, model::Channel},
    counters::rows::{self as counters, Counter},
    groups, settings,
};

/// Put new customers into their groups: the one that each names, else the one that the settings of its channel
/// name, else the one of the store's settings, else the default group. The caller holds the counter of customers.
pub async fn join(
    tx: &mut WriteTx,
    store: StoreId,
    drafts: &[&Changes],
    made: &mut [Customer],
) -> Result<()> {
    if share_groups(tx, store, drafts.iter().copied()).await? == 0 {
        return Ok(());
    }
    let undecided = drafts.iter().zip(made).filter(|(draft, _)| draft.group().is_none());
    let undecided: Vec<&mut Customer> = undecided.map(|(_, customer)| customer).collect();
    if undecided.is_empty() {
        return Ok(());
    }
    let mut channels: BTreeSet<ChannelId> =
        undecided.iter().map(|customer| customer.origin_channel).collect();
    channels.insert(settings::model::STORE);
    let said = settings::rows::default_groups(tx, store, &channels).await?;
    let default = groups::rows::default(tx, store).await?;
    for customer in undecided {
        customer.group = default_group(&said, default, customer.origin_channel);
    }
    Ok(())
}

/// The group of who names none. A channel may say "none" (0); the store's settings are 0 until they are set.
fn default_group(
    said: &BTreeMap<ChannelId, GroupId>,
    default: Option<GroupId>,
    channel: ChannelId,
) -> GroupId {
    let of_store = said.get(&settings::model::STORE).filter(|group| group.0 != 0);
    said.get(&channel).or(of_store).copied().or(default).unwrap_or(GroupId(0))
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
#[must_use]
pub fn named_group(row: &Changes) -> Option<GroupId> {
    row.group().filter(|group| group.0 != 0)
}

/// See to it that the channels that rows name are the store's: one that is named for the first time becomes
/// one. A row that would make them more than a store may have is refused. The caller holds no counter after
/// that of groups.
pub async fn open_channels(
    tx: &mut WriteTx,
    author: &Author,
    rows: impl Iterator<Item = &Changes> + Clone,
    audit_id: i64,
    now: Timestamp,
) -> Result<()> {
    let named: BTreeSet<ChannelId> = rows.clone().flat_map(Changes::channels).collect();
    let store = author.store;
    if named.is_empty() || channels::rows::known(tx, store, &named).await?.len() == named.len() {
        return Ok(());
    }
    counters::hold(tx, store, Counter::Channel).await?.ok_or(Error::NotFound("store"))?;
    // Asked again: others may have opened them while this waited.
    let known = channels::rows::known(tx, store, &named).await?;
    let new: Vec<ChannelId> = named.difference(&known).copied().collect();
    let Some(first) = new.first() else { return Ok(()) };
    let count = i64::try_from(new.len()).map_err(Error::internal)?;
    let live = counters::live(tx, store, Counter::Channel).await?;
    if live + count > channels::model::MOST {
        let index = rows.enumerate().find(|(_, row)| row.channels().any(|id| new.contains(&id)));
        let index = index.map_or(0, |(index, _)| index);
        let rule = format!("a store has at most {} channels", channels::model::MOST);
        return Err(Error::invalid(format!("{index}.channel_ids"), rule));
    }
    counters::take(tx, store, Counter::Channel, count).await?;
    for id in &new {
        channels::rows::insert(tx, store, &Channel::new(*id, now)).await?;
    }
    audit::rows::record(tx, author, audit_id, &Change::channels_added(*first), now).await?;
    Ok(())
}

/// Refuse customers of a batch whose address another has, in the store or in the batch, where both could sign in;
/// whether any shares its address with another. What the batch makes of a customer counts, not what the store still
/// has of it. The caller holds the counter, so nobody else can give an address away meanwhile.
pub async fn refuse_clashes<'c>(
    tx: &mut WriteTx,
    store: StoreId,
    moved: impl Iterator<Item = &'c Customer>,
    batch: &BTreeMap<CustomerId, Customer>,
) -> Result<bool> {
    let moved: Vec<&Customer> = moved.collect();
    let keys: BTreeSet<String> = moved.iter().map(|customer| customer.email_key()).collect();
    if keys.is_empty() {
        return Ok(false);
    }
    let holders = rows::with_email_keys(tx, store, &keys).await?;
    let outside = holders.iter().filter(|holder| !batch.contains_key(&holder.id));
    let others: Vec<&Customer> = outside.chain(batch.values()).collect();
    let is_other = |customer: &&Customer| {
        others
            .iter()
            .any(|other| other.id != customer.id && other.email_key() == customer.email_key())
    };
    if !moved.iter().any(is_other) {
        return Ok(false);
    }
    let open = settings::rows::open_to_everybody(tx, store).await?;
    let clashes =
        |customer: &&&Customer| others.iter().any(|other| customer.clashes_with(other, &open));
    match moved.iter().find(clashes) {
        Some(customer) => Err(Error::Taken { field: "email", value: customer.email.clone() }),
        None => Ok(true),
    }
}

/// Keep anew, for accounts of these addresses, on which channels they would meet if those let everybody in: where
/// one has access everywhere, on all to which the others are bound. The caller holds the counter of customers, and
/// has written all that it writes of them.
pub async fn keep_meetings(
    tx: &mut WriteTx,
    store: StoreId,
    email_keys: &BTreeSet<String>,
) -> Result<()> {
    let holders = rows::holders(tx, store, email_keys).await?;
    if holders.is_empty() {
        return Ok(());
    }
    let ids: Vec<CustomerId> = holders.iter().map(|holder| holder.id).collect();
    for some in ids.chunks(sql::LIST_CAP) {
        rows::forget_meetings(tx, store, some).await?;
    }
    let everywhere = holders.iter().filter(|holder| holder.access == Access::Global);
    let everywhere: BTreeSet<&str> = everywhere.map(|holder| holder.email_key.as_str()).collect();
    let met = |holder: &&rows::Holder| everywhere.contains(holder.email_key.as_str());
    for holder in holders.iter().filter(met) {
        if let Access::Channels(channels) = &holder.access {
            rows::insert_meetings(tx, store, holder.id, channels).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channels_group_goes_before_the_stores_and_that_before_the_default() {
        #[track_caller]
        fn check(said: &[(i64, i64)], default: Option<i64>, expected: i64) {
            let said = said.iter().map(|(channel, group)| (ChannelId(*channel), GroupId(*group)));
            let group = default_group(&said.collect(), default.map(GroupId), ChannelId(2));
            assert_eq!(group, GroupId(expected));
        }
        check(&[], None, 0);
        check(&[], Some(7), 7);
        check(&[(0, 5)], Some(7), 5);
        check(&[(0, 0)], Some(7), 7);
        check(&[(0, 5), (2, 6)], Some(7), 6);
        check(&[(0, 5), (2, 0)], Some(7), 0);
        check(&[(3, 6)], Some(7), 7);
    }
}
