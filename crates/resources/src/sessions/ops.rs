use access::{Visitor, accounts, accounts::KeyHolder};
use kernel::{Error, Result, Scope};
use rest::App;
use sql::{ReadTx, WriteTx};

use super::{
    model::{LoginToken, Refusal, Session, draw_key, session_name},
    rows, within,
};
use crate::{
    consent::{self, guest::Arrival},
    customers::{self, model::Customer},
};

/// The app of this store that has this client id, with the secrets that it signs with.
pub async fn app(app: &App, visitor: &Visitor, client_id: &str) -> Result<Option<KeyHolder>> {
    accounts::key_holder(&app.db, &app.seal, visitor.store, client_id, app.clock.now()).await
}

/// Sign a customer in for an app, as its token says, once. The key of the session, which is kept nowhere. What the
/// customer has chosen as a guest, which is `kept` in their browser, becomes part of their history, and so does what
/// the browser says of itself.
pub async fn sign_in(
    app: &App,
    visitor: &Visitor,
    holder: &KeyHolder,
    token: &LoginToken,
    kept: Option<&str>,
) -> Result<Result<String, Refusal>> {
    // Whoever may be a customer may do at least what may be done to customers.
    if !holder.grants.allow(Scope::CustomersModify) {
        return Ok(Err(Refusal::Unproven));
    }
    let now = app.clock.now();
    let audit_id = app.event_ids.next(now);
    let author = visitor.on_the_word_of(holder.account);
    let key = draw_key(&*app.chance);
    let session = Session::new(token.customer, token.channel, now);
    let arrival = Arrival::new(&app.seal, visitor, session_name(&key), kept, now);
    let numbers = [app.event_ids.pair(now), app.event_ids.pair(now)];
    let enter = async |tx: &mut WriteTx| {
        // Held, so that nobody who is being deleted is signed in.
        let found = customers::rows::lock(tx, visitor.store, &[session.customer]).await?;
        let Some(customer) = found.first() else { return Ok(Err(Refusal::UnknownCustomer)) };
        if !within::may_enter(tx, visitor, customer, &session).await? {
            return Ok(Err(Refusal::NoAccess));
        }
        if !rows::use_token(tx, visitor.store, holder.account, token).await? {
            return Ok(Err(Refusal::Used));
        }
        within::begin(tx, &author, &key, &session, audit_id).await?;
        let id = session.customer;
        let declared = consent::within::arrive(tx, visitor, id, &arrival, numbers, now).await?;
        Ok::<_, Error>(Ok(declared))
    };
    let entered = app.db.write(enter).await?;
    if entered == Ok(true) {
        app.undone.note(visitor.store);
    }
    Ok(entered.map(|_| key))
}

/// Who is signed in with this key. `None` for a guest, and for who may not be signed in here any more.
pub async fn find(app: &App, visitor: &Visitor, key: &str) -> Result<Option<Customer>> {
    let now = app.clock.now();
    let look = async |tx: &mut ReadTx| within::shopper(tx, visitor, key, now).await;
    Ok(app.db.snapshot(look).await?.map(|(_, customer)| customer))
}
