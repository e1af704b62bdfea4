use access::accounts;
use kernel::{CustomerId, Error, Part, Result};
use rest::{App, Caller};
use sql::WriteTx;

use super::{
    model::{Consent, Declared, Draft, History},
    rows, within,
};
use crate::customers;

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
