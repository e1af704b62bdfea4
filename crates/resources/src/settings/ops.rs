use std::collections::BTreeSet;

use kernel::{ChannelId, Error, Result, Violations};
use rest::{App, Caller};
use sql::WriteTx;

use super::{
    model::{STORE, Said, Settings},
    rows,
};
use crate::{
    audit::{self, model::Change},
    channels,
    counters::rows::{self as counters, Counter},
    customers, groups,
};

/// What was set for the store ([`STORE`]) or for a channel, which must be there.
pub async fn find(app: &App, caller: &Caller, channel: ChannelId) -> Result<Settings> {
    app.db
        .snapshot(async |tx| {
            if channel != STORE {
                let found = channels::rows::find(tx, caller.store, channel).await?;
                found.ok_or(Error::NotFound("channel"))?;
            }
            Ok(rows::find(tx, caller.store, channel).await?)
        })
        .await
}

/// Set what was said, and leave the rest. What is set afterwards.
///
/// Groups that are named must be there. A channel cannot begin to let everybody in where two accounts with one
/// address would then meet on it (ruling 16).
pub async fn change(
    app: &App,
    caller: &Caller,
    channel: ChannelId,
    said: &Said,
) -> Result<Settings> {
    let now = app.clock.now();
    let audit_id = app.event_ids.next(now);
    app.db
        .write(async |tx| {
            hold(tx, caller, said).await?;
            if channel != STORE {
                let found = channels::rows::find(tx, caller.store, channel).await?;
                found.ok_or(Error::NotFound("channel"))?;
            }
            refuse_unknown_groups(tx, caller, said).await?;
            let before = rows::find(tx, caller.store, channel).await?;
            let mut settings = before.clone();
            let fields = settings.apply(said);
            if fields.is_empty() {
                return Ok(settings);
            }
            let opens = settings.lets_everybody_in(channel) && !before.lets_everybody_in(channel);
            if opens && customers::rows::would_meet(tx, caller.store, channel).await? {
                let rule = "accounts with one address would meet on this channel";
                return Err(Error::invalid("global_logins", rule));
            }
            rows::set(tx, caller.store, channel, &settings).await?;
            let change = Change::settings_updated(channel, &fields);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(settings)
        })
        .await
}

/// Hold what settings depend on, in the order in which every writer does: addresses, groups, channels.
async fn hold(tx: &mut WriteTx, caller: &Caller, said: &Said) -> Result<()> {
    const GONE: Error = Error::NotFound("store");
    if said.global_logins.is_some() {
        counters::hold(tx, caller.store, Counter::Customer).await?.ok_or(GONE)?;
    }
    // Also where none is named: a group that goes meanwhile must not be written back.
    counters::share(tx, caller.store, Counter::CustomerGroup).await?.ok_or(GONE)?;
    counters::hold(tx, caller.store, Counter::Channel).await?.ok_or(GONE)
}

async fn refuse_unknown_groups(tx: &mut WriteTx, caller: &Caller, said: &Said) -> Result<()> {
    let named: BTreeSet<_> = said.groups().map(|(_, group)| group).collect();
    if named.is_empty() {
        return Ok(());
    }
    let known = groups::rows::known(tx, caller.store, &named).await?;
    let mut faults = Violations::default();
    for (field, _) in said.groups().filter(|(_, group)| !known.contains(group)) {
        faults.add(field, "no such customer group");
    }
    faults.or(())
}
