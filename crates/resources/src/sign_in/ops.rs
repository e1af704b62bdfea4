use kernel::{CustomerId, Error, Result, StoreId, Timestamp, fold, hex};
use rest::{App, Caller, labour::Queued};
use sql::{ReadTx, WriteTx};

use super::{
    model::{Account, Attempts, MOST_KEPT, Place, Wait, digest},
    rows, within,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
    customers::{
        self,
        model::{Access, Password},
        password::{self, Checked},
    },
    settings,
};

/// Whose password this is, if it is anybody's who signs in with this address at this place.
pub async fn validate(
    app: &App,
    caller: &Caller,
    email: &str,
    password: Password,
    place: Place,
) -> Result<Option<CustomerId>> {
    attempt(app, caller, &fold(email), Whom::Enters(place), password).await
}

/// Whether this is the password of a customer. Counted for their address, like a sign-in.
pub async fn validate_of(
    app: &App,
    caller: &Caller,
    customer: CustomerId,
    password: Password,
) -> Result<bool> {
    let find = async |tx: &mut ReadTx| {
        Ok::<_, Error>(customers::rows::find(tx, caller.store, customer).await?)
    };
    let Some(known) = app.db.read(find).await? else {
        password::check(app, app.labour.queue(caller.store)?, String::new(), password).await?;
        return Err(Error::NotFound("customer"));
    };
    let found = attempt(app, caller, &known.email_key(), Whom::Is(customer), password).await?;
    Ok(found.is_some())
}

/// Whose password is checked.
#[derive(Clone, Copy)]
enum Whom {
    /// The account that the address leads to here.
    Enters(Place),
    Is(CustomerId),
}

/// One attempt at an address.
///
/// It is counted, as failed, before the password is looked at: neither a crash nor who hangs up is a way around
/// the lock. And it is counted after all that can fail because there is too much to do (the turn, the place
/// in the queue for a hash, the reading of the account), which is the same whether there is an account or not:
/// what an overloaded server refuses is nobody's failure. Past the count there is only the hash, and a success
/// to be kept; where that cannot be, the attempt stays a failure, because taking it back could not be kept
/// either.
async fn attempt(
    app: &App,
    caller: &Caller,
    email_key: &str,
    whom: Whom,
    password: Password,
) -> Result<Option<CustomerId>> {
    let digest = digest(caller.store, email_key);
    let subject = hex(&digest);
    let _turn = app.turns.take(caller.store, digest).await?;
    let queued = app.labour.queue(caller.store)?;
    let now = app.clock.now();
    let look = async |tx: &mut ReadTx| {
        // Who has to wait is told so without a write.
        Attempts::begin(rows::find(tx, caller.store, &subject).await?, now).map_err(too_soon)?;
        account(tx, caller.store, email_key, whom).await
    };
    let account = app.db.snapshot(look).await?;
    app.db.write(async |tx| count(tx, caller.store, &subject, now).await).await?;
    check(app, caller, &subject, account, queued, password).await
}

async fn account(
    tx: &mut ReadTx,
    store: StoreId,
    email_key: &str,
    whom: Whom,
) -> Result<Option<Account>> {
    match whom {
        Whom::Enters(place) => account_of(tx, store, email_key, place).await,
        Whom::Is(id) => {
            let kept = customers::rows::password_of(tx, store, id).await?;
            Ok(kept.map(|password_hash| Account { id, password_hash }))
        }
    }
}

/// The account that an address leads to. No two lead to it from one channel (ruling 16); where settings have
/// made it so all the same, who is bound to the channel goes before who has access everywhere.
async fn account_of(
    tx: &mut ReadTx,
    store: StoreId,
    key: &str,
    place: Place,
) -> Result<Option<Account>> {
    let mut holders = customers::rows::sign_ins(tx, store, key).await?;
    let open = settings::rows::open_to_everybody(tx, store).await?;
    holders.sort_by_key(|(_, access, _)| *access == Access::Global);
    let may_enter = |access: &Access| match place {
        Place::Anywhere => *access == Access::Global,
        Place::On(channel) => access.admits(channel, open.contains(&channel)),
    };
    let holder = holders.into_iter().find(|(_, access, _)| may_enter(access));
    Ok(holder.map(|(id, _, password_hash)| Account { id, password_hash }))
}

/// Do the work of a check, whether there is an account or not, and keep what follows from it.
async fn check(
    app: &App,
    caller: &Caller,
    subject: &str,
    account: Option<Account>,
    queued: Queued,
    password: Password,
) -> Result<Option<CustomerId>> {
    let (id, kept) = match account {
        Some(account) => (Some(account.id), account.password_hash),
        None => (None, String::new()),
    };
    let Checked { is_right, rehashed } =
        password::check(app, queued, kept.clone(), password).await?;
    let Some(id) = id.filter(|_| is_right) else { return Ok(None) };
    let now = app.clock.now();
    let audit_id = app.event_ids.next(now);
    app.db
        .write(async |tx| {
            // The customer before the counter, as who deletes one takes them.
            if let Some(hash) = &rehashed
                && customers::rows::exchange_password(tx, caller.store, id, &kept, hash).await?
            {
                let change = Change::password_rehashed(id);
                audit::rows::record(tx, caller, audit_id, &change, now).await?;
            }
            within::forget_subjects(tx, caller.store, &[subject.to_owned()]).await
        })
        .await?;
    Ok(Some(id))
}

/// Count an attempt, or refuse it for now.
async fn count(tx: &mut WriteTx, store: StoreId, subject: &str, now: Timestamp) -> Result<()> {
    if let Some(before) = rows::lock(tx, store, subject).await? {
        let after = Attempts::begin(Some(before), now).map_err(too_soon)?;
        return Ok(rows::update(tx, store, subject, after).await?);
    }
    counters::hold(tx, store, Counter::SignIn).await?.ok_or(Error::NotFound("store"))?;
    // Asked again: another may have been the first while this waited.
    let before = rows::lock(tx, store, subject).await?;
    let after = Attempts::begin(before, now).map_err(too_soon)?;
    if before.is_some() {
        return Ok(rows::update(tx, store, subject, after).await?);
    }
    make_room(tx, store, now).await?;
    counters::take(tx, store, Counter::SignIn, 1).await?;
    Ok(rows::insert(tx, store, subject, after).await?)
}

/// Forget some of what is old, and see to it that one more can be kept.
async fn make_room(tx: &mut WriteTx, store: StoreId, now: Timestamp) -> Result<()> {
    const AT_A_TIME: i64 = 50;
    let live = counters::live(tx, store, Counter::SignIn).await?;
    let old = rows::delete_forgotten(tx, store, now, AT_A_TIME).await?;
    let mut gone = i64::try_from(old).map_err(Error::internal)?;
    let too_many = live - gone + 1 - MOST_KEPT;
    if too_many > 0 {
        let forever = Timestamp(i64::MAX);
        let more = rows::delete_forgotten(tx, store, forever, too_many).await?;
        gone += i64::try_from(more).map_err(Error::internal)?;
    }
    if gone > 0 {
        counters::discount(tx, store, Counter::SignIn, gone).await?;
    }
    Ok(())
}

fn too_soon(Wait(seconds): Wait) -> Error {
    Error::TooSoon { seconds }
}
