use access::{Visitor, accounts, accounts::KeyHolder};
use kernel::{Error, Result, Scope, hex};
use rest::App;
use sql::{ReadTx, WriteTx};

use super::{
    model::{LoginToken, Refusal, SESSION, Session, digest},
    rows,
};
use crate::{
    audit::{self, model::Change},
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
    let mut key = [0; 32];
    app.chance.fill(&mut key);
    let key = hex(&key);
    let session = Session {
        customer: token.customer,
        channel: token.channel,
        begun_at: now,
        expires_at: now.plus_seconds(SESSION),
    };
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
        rows::insert(tx, visitor.store, &digest(&key), &session, holder.account).await?;
        rows::sweep(tx, visitor.store, now).await?;
        let change = Change::customer_signed_in(session.customer);
        let (store, author, request) = (visitor.store, holder.account, visitor.request);
        audit::rows::record_of(tx, store, author, request, audit_id, &change, now).await?;
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
