use kernel::{ChannelId, Error, Result};
use rest::{App, Caller};

use super::{
    model::{Changes, Channel, MOST},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
};

/// Every channel of the store.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Channel>> {
    app.db.read(async |tx| Ok::<_, Error>(rows::list(tx, caller.store).await?)).await
}

/// Make this channel what was said, whether it was there or not.
pub async fn put(app: &App, caller: &Caller, id: ChannelId, said: &Changes) -> Result<Channel> {
    let now = app.clock.now();
    let audit_id = app.event_ids.next(now);
    app.db
        .write(async |tx| {
            let held = counters::hold(tx, caller.store, Counter::Channel).await?;
            held.ok_or(Error::NotFound("store"))?;
            let change = if let Some(mut channel) = rows::find(tx, caller.store, id).await? {
                let fields = channel.apply(said);
                if fields.is_empty() {
                    return Ok(channel);
                }
                rows::update(tx, caller.store, &channel).await?;
                (Change::channel_updated(id, &fields), channel)
            } else {
                if counters::live(tx, caller.store, Counter::Channel).await? >= MOST {
                    return Err(Error::invalid(
                        "channel_id",
                        format!("a store has at most {MOST} channels"),
                    ));
                }
                counters::take(tx, caller.store, Counter::Channel, 1).await?;
                let mut channel = Channel::new(id, now);
                channel.apply(said);
                rows::insert(tx, caller.store, &channel).await?;
                (Change::channels_added(id), channel)
            };
            let (change, channel) = change;
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(channel)
        })
        .await
}
