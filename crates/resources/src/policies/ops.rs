use kernel::{Error, Result, Violations};
use rest::{App, Caller};

use super::{
    model::{Draft, MOST, Policy},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
};

/// Every policy of the store, without its text, in the order of registration.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Policy>> {
    app.db.read(async |tx| Ok::<_, Error>(rows::list(tx, caller.store).await?)).await
}

/// The policy of this version, or whose text has this SHA-256; and the text.
pub async fn find(app: &App, caller: &Caller, name: &str) -> Result<(Policy, String)> {
    app.db
        .snapshot(async |tx| {
            let policy = rows::named(tx, caller.store, name).await?;
            let policy = policy.ok_or(Error::NotFound("policy"))?;
            let text = rows::text(tx, caller.store, policy.number).await?;
            Ok::<_, Error>((policy, text))
        })
        .await
}

/// Register a policy, and whether it is new. Again is the one that is there; what says something else under the same
/// version, or of the same text, is refused: a policy never changes.
pub async fn register(app: &App, caller: &Caller, draft: &Draft) -> Result<(Policy, bool)> {
    let now = app.clock.now();
    let audit_id = app.event_ids.next(now);
    app.db
        .write(async |tx| {
            // What a store is set up with shares one row to hold.
            let held = counters::hold(tx, caller.store, Counter::Channel).await?;
            held.ok_or(Error::NotFound("store"))?;
            let policies = rows::list(tx, caller.store).await?;
            let known = policies
                .iter()
                .find(|it| it.version == draft.version() || it.sha256 == draft.sha256());
            if let Some(known) = known {
                let mut clash = Violations::default();
                for field in draft.differs_from(known) {
                    clash.add(field, format!("not as registered as {}", known.version));
                }
                return if clash.is_empty() {
                    Ok((known.clone(), false))
                } else {
                    Err(Error::Conflict(clash))
                };
            }
            let number = policies.last().map_or(1, |last| last.number + 1);
            if number > MOST {
                return Err(Error::invalid(
                    "version",
                    format!("a store has at most {MOST} policies"),
                ));
            }
            let policy = draft.policy(number, now);
            rows::insert(tx, caller.store, &policy, draft.text()).await?;
            let change = Change::policy_registered(number);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok((policy, true))
        })
        .await
}
