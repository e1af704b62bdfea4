use access::Visitor;
use kernel::{Error, Result};
use rest::App;
use sql::{ReadTx, WriteTx};

use super::form::{Filled, Form, Refusal};
use crate::{
    consent::{self, guest::Arrival},
    customers::{
        self,
        belongings::{self, Draft},
        password,
        within::New,
    },
    form_fields,
    sessions::{
        self,
        model::{Session, draw_key, session_name},
    },
    settings, subscribers,
};

/// Make a customer of a visitor, with what the form says besides, and sign them in: all of it, or nothing. The key of
/// the session, which is kept nowhere.
///
/// The account signs in wherever accounts do, or on this channel alone where that is not open to all of them. What they
/// chose as a guest, which is `kept` in their browser, begins the customer's history of consent.
pub async fn sign_up(
    app: &App,
    visitor: &Visitor,
    form: Form,
    kept: Option<&str>,
) -> Result<Result<String, Refusal>> {
    let arrived_at = app.clock.now();
    let read = async |tx: &mut ReadTx| form_fields::rows::fields(tx, visitor.store).await;
    let fields = app.db.read(read).await?;
    let filled = match form.fill(&fields, visitor.channel, visitor.address) {
        Ok(filled) => filled,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Whoever mends a form has not tried: what comes from here on costs, and tells who has an account.
    if let Err(spent) = app.limiter.sign_up(visitor.store, visitor.address, &*app.clock) {
        return Ok(Err(Refusal::TooOften { seconds: spent.retry_after_seconds() }));
    }
    let hash = password::hash(app, visitor.store, filled.password.clone()).await?;
    let key = draw_key(&*app.chance);
    // What the browser says it said before there was an account, not at the moment that the account tells.
    let arrival = Arrival::new(&app.seal, visitor, session_name(&key), kept, arrived_at);
    match enter(app, visitor, &filled, &hash, &arrival, &key).await {
        Ok(()) => Ok(Ok(key)),
        Err(Error::Taken { .. }) => Ok(Err(Refusal::InUse)),
        Err(Error::Invalid(faults)) => Ok(Err(faults.into())),
        Err(error) => Err(error),
    }
}

async fn enter(
    app: &App,
    visitor: &Visitor,
    filled: &Filled,
    hash: &str,
    arrival: &Arrival,
    key: &str,
) -> Result<()> {
    let now = app.clock.now();
    let channels_id = app.event_ids.next(now);
    let (numbers, of_subscriber) = (app.event_ids.pair(now), app.event_ids.pair(now));
    let session_id = app.event_ids.next(now);
    let of_consent = [app.event_ids.pair(now), app.event_ids.pair(now)];
    let work = async |tx: &mut WriteTx| {
        let store = visitor.store;
        let id = customers::within::number(tx, store, 1).await?;
        // It stays so: whoever opens or shuts a channel waits for the number.
        let open = settings::rows::open_to_everybody(tx, store).await?;
        let mut said = filled.customer.clone();
        if !open.contains(&visitor.channel) {
            said = said.bound_to(visitor.channel);
        }
        let row = New { said: &said, hash, numbers };
        let made = customers::within::make(tx, visitor, id, &[row], channels_id, now).await?;
        if let Some(subscriber) = &filled.subscriber {
            subscribers::within::subscribe(tx, visitor, subscriber, of_subscriber, now).await?;
        }
        let answered = filled.form_fields.clone();
        let form_fields = (!answered.is_empty()).then_some(answered);
        let draft = Draft { form_fields, ..Draft::default() };
        belongings::make(tx, visitor, &[draft], &made, &[], now).await?;
        let session = Session::new(id, visitor.channel, now);
        sessions::within::begin(tx, visitor, key, &session, session_id).await?;
        consent::within::arrive(tx, visitor, id, arrival, of_consent, now).await
    };
    if app.db.write(work).await? {
        app.undone.note(visitor.store);
    }
    Ok(())
}
