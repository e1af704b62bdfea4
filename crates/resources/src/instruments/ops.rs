use kernel::{CustomerId, Error, Result, Timestamp};
use rest::{App, Caller};
use sql::WriteTx;

use super::{
    model::{Draft, Instrument, MOST},
    rows,
};
use crate::{
    audit::{self, model::Change},
    customers,
    outbox::{self, model::Event},
};

/// A customer's instruments, oldest first.
pub async fn list(app: &App, caller: &Caller, customer: CustomerId) -> Result<Vec<Instrument>> {
    app.db
        .snapshot(async |tx| {
            let found = customers::rows::find(tx, caller.store, customer).await?;
            found.ok_or(Error::NotFound("customer"))?;
            Ok(rows::list(tx, caller.store, customer).await?)
        })
        .await
}

/// Give a customer an instrument, or make the one of this token what was said. What was the default makes way
/// for another, and a change of which it is has the published event.
pub async fn put(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    draft: &Draft,
) -> Result<Instrument> {
    let now = app.clock.now();
    let (event_id, audit_id) = app.event_ids.pair(now);
    app.db
        .write(async |tx| {
            let held = hold(tx, caller, customer).await?;
            let before = held.iter().find(|held| held.token == draft.token);
            if before.is_none() && held.len() >= MOST {
                let rule = format!("a customer has at most {MOST} stored instruments");
                return Err(Error::invalid("token", rule));
            }
            let instrument = Instrument {
                token: draft.token.clone(),
                kind: draft.kind,
                is_default: draft.is_default,
                details: draft.details.clone(),
                created_at: before.map_or(now, |before| before.created_at),
            };
            if before == Some(&instrument) {
                return Ok(instrument);
            }
            let others = held.iter().filter(|held| held.token != draft.token && held.is_default);
            for other in others.filter(|_| draft.is_default) {
                let other = Instrument { is_default: false, ..other.clone() };
                rows::put(tx, caller.store, customer, &other).await?;
            }
            rows::put(tx, caller.store, customer, &instrument).await?;
            if instrument.is_default != before.is_some_and(|before| before.is_default) {
                tell(tx, caller, customer, event_id, now).await?;
            }
            let change = Change::instrument_put(customer);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(instrument)
        })
        .await
}

/// Take an instrument from a customer. `NotFound` when there is none of this token.
pub async fn delete(app: &App, caller: &Caller, customer: CustomerId, token: &str) -> Result<()> {
    let now = app.clock.now();
    let (event_id, audit_id) = app.event_ids.pair(now);
    app.db
        .write(async |tx| {
            let held = hold(tx, caller, customer).await?;
            let gone = held.iter().find(|held| held.token == token);
            let gone = gone.ok_or(Error::NotFound("stored instrument"))?;
            rows::delete(tx, caller.store, customer, token).await?;
            if gone.is_default {
                tell(tx, caller, customer, event_id, now).await?;
            }
            let change = Change::instrument_deleted(customer);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(())
        })
        .await
}

/// Hold the customer, and so their instruments.
async fn hold(tx: &mut WriteTx, caller: &Caller, customer: CustomerId) -> Result<Vec<Instrument>> {
    let held = customers::rows::lock(tx, caller.store, &[customer]).await?;
    if held.is_empty() {
        return Err(Error::NotFound("customer"));
    }
    Ok(rows::list(tx, caller.store, customer).await?)
}

async fn tell(
    tx: &mut WriteTx,
    caller: &Caller,
    customer: CustomerId,
    event_id: i64,
    now: Timestamp,
) -> Result<()> {
    let event = Event::DefaultInstrumentUpdated(customer);
    Ok(outbox::rows::publish(tx, caller.store, event_id, event, now).await?)
}
