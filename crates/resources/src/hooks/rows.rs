use kernel::{AccountId, HookId, StoreId, Timestamp};
use sql::{FromRow, Query, ReadTx, Reads, Result, Row, WriteTx};

use super::model::{Destination, Emails, EventScope, Headers, Hook};

/// An account's webhook of this id.
pub async fn find(
    tx: &mut ReadTx,
    store: StoreId,
    account: AccountId,
    id: HookId,
) -> Result<Option<Hook>> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND hook_id = $2 AND account_id = $3")
        .bind(store)
        .bind(id)
        .bind(account)
        .fetch_optional()
        .await
}

/// The same, held until the transaction ends: whoever delivers waits to say how it went.
pub async fn lock(
    tx: &mut WriteTx,
    store: StoreId,
    account: AccountId,
    id: HookId,
) -> Result<Option<Hook>> {
    let for_update = tx.for_update();
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND hook_id = $2 AND account_id = $3")
        .push(for_update)
        .bind(store)
        .bind(id)
        .bind(account)
        .fetch_optional()
        .await
}

/// Every webhook of an account, the lowest id first. There are at most `model::MOST_HOOKS`.
pub async fn of_account(tx: &mut ReadTx, store: StoreId, account: AccountId) -> Result<Vec<Hook>> {
    listing(tx, store, account).fetch_all().await
}

fn listing(tx: &mut ReadTx, store: StoreId, account: AccountId) -> Query<'_, Reads> {
    tx.query(SELECT)
        .push("WHERE store_id = $1 AND account_id = $2 ORDER BY hook_id")
        .bind(store)
        .bind(account)
}

/// The domains of an account's webhooks to which nothing is sent now, each once, and until when.
pub async fn blocked(
    tx: &mut ReadTx,
    store: StoreId,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<(String, Timestamp)>> {
    let blocked: Vec<Blocked> = tx
        .query(
            "SELECT DISTINCT d.domain, d.blocked_until
             FROM hook h JOIN delivery_domain d ON d.store_id = h.store_id AND d.domain = h.domain
             WHERE h.store_id = $1 AND h.account_id = $2 AND d.blocked_until > $3 ORDER BY d.domain",
        )
        .bind(store)
        .bind(account)
        .bind(now)
        .fetch_all()
        .await?;
    Ok(blocked.into_iter().map(|Blocked(domain, until)| (domain, until)).collect())
}

/// Every webhook of a store, the lowest id first.
pub async fn of_store(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Hook>> {
    tx.query(SELECT).push("WHERE store_id = $1 ORDER BY hook_id").bind(store).fetch_all().await
}

/// Add a webhook.
pub async fn insert(tx: &mut WriteTx, store: StoreId, hook: &Hook) -> Result<()> {
    tx.query(
        "INSERT INTO hook
             (store_id, hook_id, account_id, scope, destination, domain, headers, is_active, is_deactivated,
              events_history_enabled, created_at, updated_at, delivered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(store)
    .bind(hook.id)
    .bind(hook.account)
    .bind(hook.scope.as_str())
    .bind(hook.destination.url())
    .bind(hook.destination.domain())
    .bind(hook.headers.as_ref().map(Headers::to_lines))
    .bind(hook.is_active)
    .bind(hook.is_deactivated)
    .bind(hook.events_history_enabled)
    .bind(hook.created_at)
    .bind(hook.updated_at)
    .bind(hook.delivered_at)
    .execute()
    .await?;
    Ok(())
}

/// Write a webhook that is held anew.
pub async fn update(tx: &mut WriteTx, store: StoreId, hook: &Hook) -> Result<()> {
    tx.query(
        "UPDATE hook SET scope = $3, destination = $4, domain = $5, headers = $6, is_active = $7,
             is_deactivated = $8, events_history_enabled = $9, updated_at = $10, delivered_at = $11
         WHERE store_id = $1 AND hook_id = $2",
    )
    .bind(store)
    .bind(hook.id)
    .bind(hook.scope.as_str())
    .bind(hook.destination.url())
    .bind(hook.destination.domain())
    .bind(hook.headers.as_ref().map(Headers::to_lines))
    .bind(hook.is_active)
    .bind(hook.is_deactivated)
    .bind(hook.events_history_enabled)
    .bind(hook.updated_at)
    .bind(hook.delivered_at)
    .execute()
    .await?;
    Ok(())
}

/// Remove a webhook that is held.
pub async fn delete(tx: &mut WriteTx, store: StoreId, id: HookId) -> Result<()> {
    tx.query("DELETE FROM hook WHERE store_id = $1 AND hook_id = $2")
        .bind(store)
        .bind(id)
        .execute()
        .await?;
    Ok(())
}

/// Whom to tell of an account's webhooks; nobody, where nothing was ever said of it.
pub async fn emails(tx: &mut ReadTx, store: StoreId, account: AccountId) -> Result<Emails> {
    let lines: Option<(String,)> = tx
        .query("SELECT emails FROM hook_notification WHERE store_id = $1 AND account_id = $2")
        .bind(store)
        .bind(account)
        .fetch_optional()
        .await?;
    Ok(lines.map(|(lines,)| Emails::from_lines(&lines)).unwrap_or_default())
}

/// Say whom to tell of an account's webhooks, in place of who was said before.
pub async fn put_emails(
    tx: &mut WriteTx,
    store: StoreId,
    account: AccountId,
    emails: &Emails,
) -> Result<()> {
    tx.query(
        "INSERT INTO hook_notification (store_id, account_id, emails) VALUES ($1, $2, $3)
         ON CONFLICT (store_id, account_id) DO UPDATE SET emails = excluded.emails",
    )
    .bind(store)
    .bind(account)
    .bind(emails.to_lines())
    .execute()
    .await?;
    Ok(())
}

/// What a [`Hook`] is read from; every use goes on with `WHERE store_id = $1`.
const SELECT: &str = "
    SELECT hook_id, account_id, scope, destination, domain, headers, is_active, is_deactivated,
           events_history_enabled, created_at, updated_at, delivered_at
    FROM hook ";

struct Blocked(String, Timestamp);

impl FromRow for Blocked {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("domain")?, row.get("blocked_until")?))
    }
}

impl FromRow for Hook {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let lines: Option<String> = row.get("headers")?;
        let headers = lines.map(|lines| {
            // The lines may hold secrets, and the error is logged.
            let unreadable = || sql::Error::column("headers", "are no lines of HTTP");
            Headers::from_lines(&lines).ok_or_else(unreadable)
        });
        Ok(Self {
            id: row.get("hook_id")?,
            account: row.get("account_id")?,
            scope: EventScope::kept(row.get("scope")?),
            destination: Destination::kept(row.get("destination")?, row.get("domain")?),
            headers: headers.transpose()?,
            is_active: row.get("is_active")?,
            is_deactivated: row.get("is_deactivated")?,
            events_history_enabled: row.get("events_history_enabled")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            delivered_at: row.get("delivered_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use kernel::{AddressId, CustomerId, MetafieldId, SubscriberId};

    use super::*;
    use crate::{
        outbox::model::{Event, MetafieldName},
        plans,
    };

    #[test]
    fn every_event_of_this_server_can_be_asked_for_alone_and_together() {
        let customer = CustomerId(1);
        let name = MetafieldName { id: MetafieldId(1), customer, namespace: "n", key: "k" };
        for event in [
            Event::CustomerCreated(customer),
            Event::CustomerUpdated(customer),
            Event::CustomerDeleted(customer),
            Event::AddressCreated(customer, AddressId(1)),
            Event::AddressUpdated(customer, AddressId(1)),
            Event::AddressDeleted(customer, AddressId(1)),
            Event::SubscriberCreated(SubscriberId(1)),
            Event::SubscriberUpdated(SubscriberId(1)),
            Event::SubscriberDeleted(SubscriberId(1)),
            Event::CustomerAccessUpdated(customer, None),
            Event::DefaultInstrumentUpdated(customer),
            Event::ConsentUpdated(customer),
            Event::MetafieldCreated(name),
            Event::MetafieldUpdated(name),
            Event::MetafieldDeleted(name),
        ] {
            let scope = event.scope();
            assert!(EventScope::new(scope).unwrap().covers(scope), "{scope}");
            let (beginning, _) = scope.rsplit_once('/').unwrap();
            let wildcard = EventScope::new(&format!("{beginning}/*"));
            assert_eq!(wildcard.is_ok(), scope.starts_with("store/"), "{scope}");
        }
    }

    /// The plan that SQLite makes, without statistics.
    #[tokio::test]
    async fn an_accounts_webhooks_are_read_from_an_index_in_its_order() {
        let (_place, db) = plans::database().await;
        let plan = async |tx: &mut ReadTx| listing(tx, StoreId(1), AccountId(1)).plan().await;
        let plan = db.snapshot(plan).await.unwrap().join("; ");
        assert!(plan.contains("hook_by_account (store_id=? AND account_id=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
