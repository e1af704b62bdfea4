//! Declaring, within a transaction that somebody else has opened.

use access::Author;
use kernel::{CustomerId, Error, Result, StoreId, Timestamp, Violations};
use sql::{ReadTx, WriteTx};

use super::{
    guest::Arrival,
    model::{Declared, Draft, PolicyName, Source},
    rows,
};
use crate::{
    audit::{self, model::Change},
    channels, customers,
    outbox::{self, model::Event},
    policies,
};

/// Record a declaration, and the event and the audit line that tell of it, under these numbers from `EventIds`.
///
/// Always appends, also when nothing differs: a renewed yes under a new policy is evidence (ruling 8). The
/// customer itself is not changed by it: no event of the customer's, `date_modified` stays. Whoever has committed it
/// notes the store as one with something undone.
pub async fn declare(
    tx: &mut WriteTx,
    author: &Author,
    customer: CustomerId,
    draft: &Draft,
    numbers: (i64, i64),
    now: Timestamp,
) -> Result<Declared> {
    let at = draft.at.unwrap_or(now);
    // The customer's row counts its declarations: taking the next number holds it.
    let given = customers::rows::next_declaration(tx, author.store, customer, at).await?;
    let (sequence, declared_at) = given.ok_or(Error::NotFound("customer"))?;
    // A shopper's choice counts after whatever is there already; what is brought along is refused.
    if draft.source == Source::Import && at < declared_at {
        let rule = "must not be earlier than what the customer has declared last";
        return Err(Error::invalid("declared_at", rule));
    }
    let declared = Declared {
        sequence,
        declaration: draft.declaration,
        declared_at,
        source: draft.source.name().to_owned(),
        declared_by: author.account,
        session: draft.session.clone(),
        gpc: draft.gpc,
        channel: draft.channel,
        locale: draft.locale().to_owned(),
        policy: known(tx, author.store, draft).await?,
        leaf: None,
    };
    let (event_id, audit_id) = numbers;
    rows::append(tx, author.store, customer, &declared, numbers).await?;
    let event = Event::ConsentUpdated(customer);
    outbox::rows::publish(tx, author.store, event_id, event, now).await?;
    audit::rows::record(tx, author, audit_id, &Change::consent_declared(customer), now).await?;
    Ok(declared)
}

/// Take over what somebody brings along who signs in as this customer: what they chose as a guest, and then what their
/// browser says of itself. Whether anything was declared. The caller holds the customer.
pub async fn arrive(
    tx: &mut WriteTx,
    author: &Author,
    customer: CustomerId,
    arrival: &Arrival,
    numbers: [(i64, i64); 2],
    now: Timestamp,
) -> Result<bool> {
    // Of signals there are never more than two in a row.
    let recent = rows::up_to(tx, author.store, customer, i64::MAX, 3).await?;
    let choice = arrival.choice(recent.iter().find(|it| it.source != Source::BrowserSignal.name()));
    let mut last = recent.into_iter().next();
    if let Some(draft) = &choice {
        last = Some(declare(tx, author, customer, draft, numbers[0], now).await?);
    }
    let signal = arrival.signal(last.as_ref());
    if let Some(draft) = &signal {
        declare(tx, author, customer, draft, numbers[1], now).await?;
    }
    Ok(choice.is_some() || signal.is_some())
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
