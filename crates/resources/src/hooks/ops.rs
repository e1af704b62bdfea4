use kernel::{Error, HookId, Part, Result, StoreId, Timestamp};
use rest::{App, Caller};
use sql::{Db, ReadTx, WriteTx};

use super::{
    model::{Changes, Draft, Emails, Filter, Hook, MOST_HOOKS, Overview},
    rows,
};
use crate::{
    audit::{self, model::Change},
    counters::rows::{self as counters, Counter},
};

// Whoever makes or changes a webhook holds the counter before the webhook: what is judged beside the account's others
// stays as it was judged. Whoever delivers holds the webhook alone.

/// The caller's webhook of this id.
pub async fn find(app: &App, caller: &Caller, id: HookId) -> Result<Hook> {
    let find = async |tx: &mut ReadTx| {
        rows::find(tx, caller.store, caller.account, id).await?.ok_or(UNKNOWN)
    };
    app.db.snapshot(find).await
}

/// Part of the caller's webhooks; and how many there are.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    part: Part,
) -> Result<(Vec<Hook>, i64)> {
    let mut hooks = overview(app, caller).await?.hooks;
    hooks.retain(|hook| filter.takes(hook));
    let total = i64::try_from(hooks.len()).map_err(Error::internal)?;
    Ok((part.of(hooks).collect(), total))
}

/// The caller's webhooks, all of them, and who is told of them; and what is blocked.
pub async fn overview(app: &App, caller: &Caller) -> Result<Overview> {
    let now = app.clock.now();
    app.db
        .snapshot(async |tx: &mut ReadTx| {
            Ok(Overview {
                emails: rows::emails(tx, caller.store, caller.account).await?,
                hooks: rows::of_account(tx, caller.store, caller.account).await?,
                blocked: rows::blocked(tx, caller.store, caller.account, now).await?,
            })
        })
        .await
}

/// Every webhook of a store, whichever account it belongs to: for its operator.
pub async fn of_store(db: &Db, store: StoreId) -> Result<Vec<Hook>> {
    Ok(db.read(async |tx| rows::of_store(tx, store).await).await?)
}

/// Make a webhook.
pub async fn create(app: &App, caller: &Caller, draft: &Draft) -> Result<Hook> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            let id = counters::number(tx, caller.store, Counter::Hook, 1).await?;
            let id = id.map(HookId).ok_or(Error::NotFound("store"))?;
            let hook = Hook::new(id, caller.account, draft, now);
            let others = rows::of_account(tx, caller.store, caller.account).await?;
            hook.check_beside(&others)?;
            if i64::try_from(others.len()).map_err(Error::internal)? >= MOST_HOOKS {
                let rule = format!("must be at most {MOST_HOOKS} in all");
                return Err(Error::invalid("webhooks", rule));
            }
            rows::insert(tx, caller.store, &hook).await?;
            let change = Change::hook_created(id);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(hook)
        })
        .await
}

/// Change a webhook; what it is afterwards. A change of nothing leaves no trace.
pub async fn update(app: &App, caller: &Caller, id: HookId, changes: &Changes) -> Result<Hook> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            hold(tx, caller).await?;
            let found = rows::lock(tx, caller.store, caller.account, id).await?;
            let mut hook = found.ok_or(UNKNOWN)?;
            let fields = hook.apply(changes, now);
            if fields.is_empty() {
                return Ok(hook);
            }
            hook.check_beside(&rows::of_account(tx, caller.store, caller.account).await?)?;
            rows::update(tx, caller.store, &hook).await?;
            let change = Change::hook_updated(id, &fields);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(hook)
        })
        .await
}

/// Delete a webhook; what it was.
pub async fn delete(app: &App, caller: &Caller, id: HookId) -> Result<Hook> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            let found = rows::lock(tx, caller.store, caller.account, id).await?;
            let hook = found.ok_or(UNKNOWN)?;
            rows::delete(tx, caller.store, id).await?;
            let change = Change::hook_deleted(id);
            audit::rows::record(tx, caller, audit_id, &change, now).await?;
            Ok(hook)
        })
        .await
}

/// Say whom to tell of the caller's webhooks, in place of who was said before. The same again leaves no trace.
pub async fn notify(app: &App, caller: &Caller, emails: &Emails) -> Result<()> {
    let (now, audit_id) = draw(app);
    app.db
        .write(async |tx| {
            hold(tx, caller).await?;
            if rows::emails(tx, caller.store, caller.account).await? == *emails {
                return Ok(());
            }
            rows::put_emails(tx, caller.store, caller.account, emails).await?;
            let change = Change::hook_notification_updated(caller.account);
            Ok(audit::rows::record(tx, caller, audit_id, &change, now).await?)
        })
        .await
}

/// Hold the store's webhooks until the transaction ends. A store that is being deleted has none any more.
async fn hold(tx: &mut WriteTx, caller: &Caller) -> Result<()> {
    counters::hold(tx, caller.store, Counter::Hook).await?.ok_or(Error::NotFound("store"))
}

const UNKNOWN: Error = Error::NotFound("webhook");

/// The time and the number of an audit line, before the transaction that may run twice.
fn draw(app: &App) -> (Timestamp, i64) {
    let now = app.clock.now();
    (now, app.event_ids.next(now))
}
