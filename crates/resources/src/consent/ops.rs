use access::accounts;
use kernel::{CustomerId, Error, Part, Result, StoreId, Violations};
use rest::{App, Caller};
use sql::ReadTx;

use super::{
    model::{Consent, Declared, Draft, History, PolicyName, Source},
    rows,
};
use crate::{
    audit::{self, model::Change},
    channels, customers,
    outbox::{self, model::Event},
    policies,
};

/// What is in force for a customer.
pub async fn find(app: &App, caller: &Caller, customer: CustomerId) -> Result<Consent> {
    app.db
        .read(async |tx| {
            rows::current(tx, caller.store, customer).await?.ok_or(Error::NotFound("customer"))
        })
        .await
}

/// Part of what a customer has declared, the newest first.
pub async fn history(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    part: Part,
) -> Result<History> {
    app.db
        .snapshot(async |tx| {
            let total = customers::rows::declarations(tx, caller.store, customer).await?;
            let total = total.ok_or(Error::NotFound("customer"))?;
            // They are numbered from 1, so that no page is further away than another.
            let newest = total.saturating_sub(part.offset);
            let declared = rows::up_to(tx, caller.store, customer, newest, part.limit).await?;
            let authors = declared.iter().map(|it| it.declared_by).collect();
            let clients = accounts::client_ids(tx, caller.store, &authors).await?;
            Ok::<_, Error>(History { declared, total, clients })
        })
        .await
}

/// Record a declaration, and the event and the audit line that tell of it, or nothing of it.
///
/// Always appends, also when nothing differs: a renewed yes under a new policy is evidence (ruling 8). The
/// customer itself is not changed by it: no event of the customer's, `date_modified` stays.
pub async fn declare(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    draft: &Draft,
) -> Result<Declared> {
    let now = app.clock.now();
    let (event_id, audit_id) = app.event_ids.pair(now);
    let declared = app
        .db
        .write(async |tx| {
            // The customer's row counts its declarations: taking the next number holds it.
            let given = customers::rows::next_declaration(tx, caller.store, customer, now).await?;
            let (sequence, declared_at) = given.ok_or(Error::NotFound("customer"))?;
            let declared = Declared {
                sequence,
                declaration: draft.declaration,
                declared_at,
                source: Source::ManagementApi.name().to_owned(),
                declared_by: caller.account,
                channel: draft.channel,
                locale: draft.locale().to_owned(),
                policy: known(tx, caller.store, draft).await?,
                leaf: None,
            };
            rows::append(tx, caller.store, customer, &declared).await?;
            let event = Event::ConsentUpdated(customer);
            outbox::rows::publish(tx, caller.store, event_id, event, now).await?;
            audit::rows::record(tx, caller, audit_id, &Change::consent_declared(customer), now)
                .await?;
            Ok::<_, Error>(declared)
        })
        .await?;
    app.undone.note(caller.store);
    Ok(declared)
}

/// See whether the store has what a draft names; the policy that it names. Neither ever goes.
async fn known(tx: &mut ReadTx, store: StoreId, draft: &Draft) -> Result<Option<PolicyName>> {
    let mut faults = Violations::default();
    if let Some(channel) = draft.channel
        && channels::rows::find(tx, store, channel).await?.is_none()
    {
        faults.add("channel_id", "invalid channel ID");
    }
    let mut policy = None;
    if let Some(name) = &draft.policy {
        policy = policies::rows::named(tx, store, name).await?;
        if policy.is_none() {
            faults.add("policy", "no policy of this version or SHA-256 is registered");
        }
    }
    faults.or(policy.map(|it| PolicyName { version: it.version, sha256: it.sha256 }))
}
