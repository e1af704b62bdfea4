//! A session within the transaction that decides that somebody is signed in.

use access::Author;
use kernel::Result;
use sql::WriteTx;

use super::{
    model::{Session, digest},
    rows,
};
use crate::audit::{self, model::Change};

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
