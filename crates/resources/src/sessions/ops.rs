use access::{Visitor, accounts, accounts::KeyHolder};
use kernel::{Error, Result, Scope};
use rest::App;
use sql::{ReadTx, WriteTx};

use super::{
    model::{LoginToken, Refusal, Session, digest, draw_key},
    rows, within,
};
use crate::{
    customers::{self, model::Customer},
    settings,
};

/// The app of this store that has this client id, with the secret that it signs with.
pub async fn app(app: &App, visitor: &Visitor, client_id: &str) -> Result<Option<KeyHolder>> {
    accounts::key_holder(&app.db, &app.seal, visitor.store, client_id).await
}

/// Sign a customer in for an app, as its token says, once. The key of the session, which is kept nowhere.
pub async fn sign_in(
    app: &App,
    visitor: &Visitor,
    holder: &KeyHolder,
    token: &LoginToken,
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
    let enter = async |tx: &mut WriteTx| {
        // Held, so that nobody who is being deleted is signed in.
        let found = customers::rows::lock(tx, visitor.store, &[session.customer]).await?;
        let Some(customer) = found.first() else { return Ok(Err(Refusal::UnknownCustomer)) };
        if !may_enter(tx, visitor, customer, &session).await? {
            return Ok(Err(Refusal::NoAccess));
        }
        if !rows::use_token(tx, visitor.store, holder.account, token).await? {
            return Ok(Err(Refusal::Used));
        }
        within::begin(tx, &author, &key, &session, audit_id).await?;
        Ok::<_, Error>(Ok(()))
    };
    let entered = app.db.write(enter).await?;
    Ok(entered.map(|()| key))
}

/// Who is signed in with this key. `None` for a guest, and for who may not be signed in here any more.
pub async fn find(app: &App, visitor: &Visitor, key: &str) -> Result<Option<Customer>> {
    let now = app.clock.now();
    app.db
        .snapshot(async |tx| {
            let Some(session) = rows::find(tx, visitor.store, &digest(key), now).await? else {
                return Ok(None);
            };
            let found = customers::rows::find(tx, visitor.store, session.customer).await?;
            let Some(customer) = found else { return Ok(None) };
            let may = may_enter(tx, visitor, &customer, &session).await?;
            Ok::<_, Error>(may.then_some(customer))
        })
        .await
}

async fn may_enter(
    tx: &mut ReadTx,
    visitor: &Visitor,
    customer: &Customer,
    session: &Session,
) -> Result<bool> {
    let open = settings::rows::open_to_everybody(tx, visitor.store).await?;
    // On the channel that the app said, and on that of the storefront they are at.
    let may = |channel| customer.access.admits(channel, open.contains(&channel));
    Ok(may(session.channel) && may(visitor.channel))
}
