//! Sessions within the transaction that decides that somebody is signed in, or asks who is.

use access::{Author, Visitor};
use kernel::{Result, Timestamp};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Session, digest},
    rows,
};
use crate::{
    audit::{self, model::Change},
    customers::{self, model::Customer},
    settings,
};

/// Begin a session that is found by this key, in the author's name. The caller holds the customer, so that nobody who
/// is being deleted is signed in.
pub async fn begin(
    tx: &mut WriteTx,
    author: &Author,
    key: &str,
    session: &Session,
    audit_id: i64,
) -> Result<()> {
    rows::insert(tx, author.store, &digest(key), session, author.account).await?;
    rows::sweep(tx, author.store, session.begun_at).await?;
    let change = Change::customer_signed_in(session.customer);
    audit::rows::record(tx, author, audit_id, &change, session.begun_at).await?;
    Ok(())
}

/// Who is signed in with this key, and since when. `None` for a guest, and for who may not be signed in here any more.
pub async fn shopper(
    tx: &mut ReadTx,
    visitor: &Visitor,
    key: &str,
    now: Timestamp,
) -> Result<Option<(Session, Customer)>> {
    let Some(session) = rows::find(tx, visitor.store, &digest(key), now).await? else {
        return Ok(None);
    };
    let found = customers::rows::find(tx, visitor.store, session.customer).await?;
    let Some(customer) = found else { return Ok(None) };
    let may = may_enter(tx, visitor, &customer, &session).await?;
    Ok(may.then_some((session, customer)))
}

/// Whether a customer may be signed in: on the channel of the session, and on that of the storefront they are at.
pub async fn may_enter(
    tx: &mut ReadTx,
    visitor: &Visitor,
    customer: &Customer,
    session: &Session,
) -> Result<bool> {
    let open = settings::rows::open_to_everybody(tx, visitor.store).await?;
    let may = |channel| customer.access.admits(channel, open.contains(&channel));
    Ok(may(session.channel) && may(visitor.channel))
}
