use access::{Visitor, accounts};
use kernel::{CustomerId, Error, Part, Result};
use rest::{App, Caller};
use sql::{ReadTx, WriteTx};

use super::{
    guest::Choice,
    model::{Consent, Declaration, Declared, Draft, History},
    rows, within,
};
use crate::{
    customers,
    sessions::{self, model::session_name},
    settings::{self, model::STORE},
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

/// Record a declaration, which becomes a leaf of the ledger soon after.
pub async fn declare(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    draft: &Draft,
) -> Result<Declared> {
    let now = app.clock.now();
    let numbers = app.event_ids.pair(now);
    let declare =
        async |tx: &mut WriteTx| within::declare(tx, caller, customer, draft, numbers, now).await;
    let declared = app.db.write(declare).await?;
    app.undone.note(caller.store);
    Ok(declared)
}

/// What becomes of what a visitor chooses at a storefront.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// It is part of the history of who is signed in.
    Kept,
    /// Nobody is signed in: it is the browser's to keep.
    Guests(Choice),
    /// The storefront does not ask.
    Unasked,
}

/// Record what a shopper chooses, who is signed in with this key; what a guest chooses is recorded nowhere.
pub async fn choose(
    app: &App,
    visitor: &Visitor,
    key: Option<&str>,
    declaration: Declaration,
) -> Result<Chosen> {
    let now = app.clock.now();
    let look = async |tx: &mut ReadTx| {
        let channel = settings::rows::find(tx, visitor.store, visitor.channel).await?;
        if !channel.asks_for_consent(&settings::rows::find(tx, visitor.store, STORE).await?) {
            return Ok(None);
        }
        let Some(key) = key else { return Ok(Some(None)) };
        let found = sessions::within::shopper(tx, visitor, key, now).await?;
        Ok::<_, Error>(Some(found.map(|(session, _)| (session.customer, session_name(key)))))
    };
    let Some(shopper) = app.db.snapshot(look).await? else { return Ok(Chosen::Unasked) };
    let choice = Choice { declaration, channel: visitor.channel, at: now, gpc: visitor.gpc };
    let Some((customer, session)) = shopper else { return Ok(Chosen::Guests(choice)) };
    let draft = choice.by_shopper(&session);
    let numbers = app.event_ids.pair(now);
    let declare =
        async |tx: &mut WriteTx| within::declare(tx, visitor, customer, &draft, numbers, now).await;
    match app.db.write(declare).await {
        Ok(_) => {}
        // Deleted just now, and the session with it.
        Err(Error::NotFound("customer")) => return Ok(Chosen::Guests(choice)),
        Err(error) => return Err(error),
    }
    app.undone.note(visitor.store);
    Ok(Chosen::Kept)
}
