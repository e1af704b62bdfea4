//! The SQL of stores and accounts: small tables that operators write and every server reads whole.

use std::{collections::BTreeSet, sync::Arc};

use kernel::{AccountId, ChannelId, Grants, StoreId, Timestamp};
use sql::{FromRow, ReadTx, Result, Row, WriteTx};

use crate::{Account, Domain, Plan, Quirks, Site, Store};

/// How often stores and accounts have been changed.
pub(crate) async fn revision(tx: &mut ReadTx) -> Result<i64> {
    let (revision,) = tx
        .query("SELECT access_revision FROM installation WHERE installation_id = 1")
        .fetch_one()
        .await?;
    Ok(revision)
}

/// Tell every server that stores or accounts have changed.
pub(crate) async fn count_change(tx: &mut WriteTx) -> Result<()> {
    tx.query(
        "UPDATE installation SET access_revision = access_revision + 1 WHERE installation_id = 1",
    )
    .execute()
    .await?;
    Ok(())
}

/// The digest of the installation's key; empty while there is none.
pub(crate) async fn key_check(tx: &mut ReadTx) -> Result<String> {
    let (check,) = tx
        .query("SELECT key_check FROM installation WHERE installation_id = 1")
        .fetch_one()
        .await?;
    Ok(check)
}

/// Make this key the installation's, unless it already has one.
pub(crate) async fn claim_key(tx: &mut WriteTx, check: &str) -> Result<()> {
    tx.query("UPDATE installation SET key_check = $1 WHERE installation_id = 1 AND key_check = ''")
        .bind(check)
        .execute()
        .await?;
    Ok(())
}

/// The client ids of these accounts.
pub(crate) async fn client_ids(
    tx: &mut ReadTx,
    store: StoreId,
    ids: &BTreeSet<AccountId>,
) -> Result<Vec<(AccountId, String)>> {
    let found: Vec<Client> = tx
        .query("SELECT account_id, client_id FROM account WHERE store_id = $1 AND account_id IN ")
        .bind(store)
        .push_list(ids.iter().copied())
        .fetch_all()
        .await?;
    Ok(found.into_iter().map(|Client(id, client_id)| (id, client_id)).collect())
}

struct Client(AccountId, String);

impl FromRow for Client {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("account_id")?, row.get("client_id")?))
    }
}

/// The newest key to sign with: its public half, and its sealed seed.
pub(crate) async fn newest_signing_key(tx: &mut ReadTx) -> Result<Option<(String, Vec<u8>)>> {
    let kept: Option<SealedKey> = tx
        .query("SELECT public, sealed FROM signing_key ORDER BY key_id DESC LIMIT 1")
        .fetch_optional()
        .await?;
    Ok(kept.map(|SealedKey(public, sealed)| (public, sealed)))
}

struct SealedKey(String, Vec<u8>);

impl FromRow for SealedKey {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("public")?, row.get("sealed")?))
    }
}

/// The public halves of all keys, the oldest first.
pub(crate) async fn public_keys(tx: &mut ReadTx) -> Result<Vec<(String,)>> {
    tx.query("SELECT public FROM signing_key ORDER BY key_id").fetch_all().await
}

/// Add a key under a number; whether that was free.
pub(crate) async fn insert_signing_key(
    tx: &mut WriteTx,
    number: i64,
    public: &str,
    sealed: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let made = tx
        .query(
            "INSERT INTO signing_key (key_id, public, sealed, made_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (key_id) DO NOTHING",
        )
        .bind(number)
        .bind(public)
        .bind(sealed)
        .bind(now)
        .execute()
        .await?;
    Ok(made > 0)
}

/// Every store, in the order of their hashes.
pub(crate) async fn stores(tx: &mut ReadTx) -> Result<Vec<Store>> {
    tx.query(STORES).push("ORDER BY hash").fetch_all().await
}

/// The store of this hash, alive or on its way out.
pub(crate) async fn store(tx: &mut ReadTx, hash: &str) -> Result<Option<Store>> {
    tx.query(STORES).push("WHERE hash = $1").bind(hash).fetch_optional().await
}

/// The same, held until the transaction ends: nobody changes or closes it meanwhile.
pub(crate) async fn lock_store(tx: &mut WriteTx, hash: &str) -> Result<Option<Store>> {
    let for_update = tx.for_update();
    tx.query(STORES).push("WHERE hash = $1").push(for_update).bind(hash).fetch_optional().await
}

/// Add a store, unless its hash or its number is taken.
pub(crate) async fn insert_store(tx: &mut WriteTx, store: &Store) -> Result<bool> {
    let added = tx
        .query(
            "INSERT INTO store (store_id, hash, plan, quirks, created_at, deleted_at) VALUES ($1, $2, $3, $4, $5, 0)
             ON CONFLICT DO NOTHING",
        )
        .bind(store.id)
        .bind(store.hash.as_str())
        .bind(store.plan.name())
        .bind(store.quirks.to_string())
        .bind(store.created_at)
        .execute()
        .await?;
    Ok(added == 1)
}

/// Set what can be changed of a store.
pub(crate) async fn update_store(tx: &mut WriteTx, store: &Store) -> Result<()> {
    tx.query("UPDATE store SET plan = $2, quirks = $3 WHERE store_id = $1")
        .bind(store.id)
        .bind(store.plan.name())
        .bind(store.quirks.to_string())
        .execute()
        .await?;
    Ok(())
}

/// Close a store for good; its rows are removed afterwards.
pub(crate) async fn close_store(tx: &mut WriteTx, store: StoreId, at: Timestamp) -> Result<()> {
    tx.query("UPDATE store SET deleted_at = $2 WHERE store_id = $1 AND deleted_at = 0")
        .bind(store)
        .bind(at)
        .execute()
        .await?;
    Ok(())
}

/// Remove a store's own row and its accounts: the last step of a deletion.
pub(crate) async fn delete_store(tx: &mut WriteTx, store: StoreId) -> Result<()> {
    tx.query("DELETE FROM account WHERE store_id = $1").bind(store).execute().await?;
    tx.query("DELETE FROM store WHERE store_id = $1").bind(store).execute().await?;
    Ok(())
}

/// Every storefront that is open.
pub(crate) async fn live_sites(tx: &mut ReadTx) -> Result<Vec<Site>> {
    tx.query(SITES).push("WHERE s.deleted_at = 0").fetch_all().await
}

/// The storefront that a domain leads to, if it is open.
pub(crate) async fn live_site(tx: &mut ReadTx, domain: &str) -> Result<Option<Site>> {
    tx.query(SITES)
        .push("WHERE d.domain = $1 AND s.deleted_at = 0")
        .bind(domain)
        .fetch_optional()
        .await
}

/// A store's storefronts, in the order of their domains.
pub(crate) async fn sites_of(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Site>> {
    tx.query(SITES).push("WHERE d.store_id = $1 ORDER BY d.domain").bind(store).fetch_all().await
}

/// Give a domain to a store. Whether it was free.
pub(crate) async fn insert_site(
    tx: &mut WriteTx,
    store: StoreId,
    domain: &str,
    channel: ChannelId,
    at: Timestamp,
) -> Result<bool> {
    let added = tx
        .query(
            "INSERT INTO store_domain (store_id, domain, channel_id, added_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(store)
        .bind(domain)
        .bind(channel)
        .bind(at)
        .execute()
        .await?;
    Ok(added == 1)
}

/// Take a domain from a store. Whether it had it.
pub(crate) async fn delete_site(tx: &mut WriteTx, store: StoreId, domain: &str) -> Result<bool> {
    let gone = tx
        .query("DELETE FROM store_domain WHERE store_id = $1 AND domain = $2")
        .bind(store)
        .bind(domain)
        .execute()
        .await?;
    Ok(gone == 1)
}

/// Every account that may call.
pub(crate) async fn live_accounts(tx: &mut ReadTx) -> Result<Vec<Held>> {
    tx.query(ACCOUNTS).push("WHERE a.revoked_at = 0 AND s.deleted_at = 0").fetch_all().await
}

/// The account behind a token, if it may call.
pub(crate) async fn live_account(tx: &mut ReadTx, token_sha256: &[u8]) -> Result<Option<Held>> {
    tx.query(ACCOUNTS)
        .push("WHERE a.token_sha256 = $1 AND a.revoked_at = 0 AND s.deleted_at = 0")
        .bind(token_sha256.to_vec())
        .fetch_optional()
        .await
}

/// Every account of a store, also revoked ones, oldest first.
pub(crate) async fn accounts_of(tx: &mut ReadTx, store: StoreId) -> Result<Vec<Held>> {
    tx.query(ACCOUNTS)
        .push("WHERE a.store_id = $1 ORDER BY a.created_at, a.account_id")
        .bind(store)
        .fetch_all()
        .await
}

/// The account of a client id, if it may call.
pub(crate) async fn account(tx: &mut ReadTx, client_id: &str) -> Result<Option<Held>> {
    tx.query(ACCOUNTS)
        .push("WHERE a.client_id = $1 AND a.revoked_at = 0 AND s.deleted_at = 0")
        .bind(client_id)
        .fetch_optional()
        .await
}

/// The sealed client secrets of a store's account, unless that was revoked.
pub(crate) async fn sealed_secret(
    tx: &mut ReadTx,
    store: StoreId,
    client_id: &str,
) -> Result<Option<(AccountId, Sealed, Grants)>> {
    let kept: Option<SealedBy> = tx
        .query(
            "SELECT account_id, client_secret, former_secret, former_until, scopes FROM account
             WHERE store_id = $1 AND client_id = $2 AND revoked_at = 0",
        )
        .bind(store)
        .bind(client_id)
        .fetch_optional()
        .await?;
    Ok(kept.map(|SealedBy(account, sealed, grants)| (account, sealed, grants)))
}

/// The client id and the sealed secrets of an account, unless that was revoked or its store is being deleted.
pub(crate) async fn sealed_secret_of(
    tx: &mut ReadTx,
    store: StoreId,
    account: AccountId,
) -> Result<Option<(String, Sealed)>> {
    let kept: Option<SealedOf> = tx
        .query(
            "SELECT a.client_id, a.client_secret, a.former_secret, a.former_until FROM account a
             JOIN store s ON s.store_id = a.store_id AND s.deleted_at = 0
             WHERE a.store_id = $1 AND a.account_id = $2 AND a.revoked_at = 0",
        )
        .bind(store)
        .bind(account)
        .fetch_optional()
        .await?;
    Ok(kept.map(|SealedOf(client_id, sealed)| (client_id, sealed)))
}

/// Give an account this sealed secret in place of that one, which is valid until then. Whether it still had it.
pub(crate) async fn rotate(
    tx: &mut WriteTx,
    (store, account): (StoreId, AccountId),
    sealed: &[u8],
    replaced: &[u8],
    former_until: Option<Timestamp>,
) -> Result<bool> {
    let rotated = tx
        .query(
            "UPDATE account SET client_secret = $4, former_secret = $5, former_until = $6
             WHERE store_id = $1 AND account_id = $2 AND client_secret = $3 AND revoked_at = 0",
        )
        .bind(store)
        .bind(account)
        .bind(replaced.to_vec())
        .bind(sealed.to_vec())
        .bind(former_until.map(|_| replaced.to_vec()))
        .bind(former_until.unwrap_or(Timestamp(0)))
        .execute()
        .await?;
    Ok(rotated == 1)
}

/// Whether the time of any replaced secret is over.
pub(crate) async fn are_former_over(tx: &mut ReadTx, now: Timestamp) -> Result<bool> {
    let found: Option<(i64,)> = tx
        .query(
            "SELECT account_id FROM account WHERE former_until > 0 AND former_until <= $1 LIMIT 1",
        )
        .bind(now)
        .fetch_optional()
        .await?;
    Ok(found.is_some())
}

/// Forget replaced secrets whose time is over: how many.
pub(crate) async fn forget_former(tx: &mut WriteTx, now: Timestamp) -> Result<u64> {
    tx.query(
        "UPDATE account SET former_secret = NULL, former_until = 0
         WHERE former_until > 0 AND former_until <= $1",
    )
    .bind(now)
    .execute()
    .await
}

/// The secrets of an account, as they are kept.
pub(crate) struct Sealed {
    pub(crate) current: Vec<u8>,
    pub(crate) former: Option<Vec<u8>>,
    pub(crate) former_until: Timestamp,
}

impl FromRow for Sealed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            current: row.get("client_secret")?,
            former: row.get("former_secret")?,
            former_until: row.get("former_until")?,
        })
    }
}

struct SealedOf(String, Sealed);

impl FromRow for SealedOf {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("client_id")?, Sealed::from_row(row)?))
    }
}

/// The scopes of an account's row.
fn grants(row: &Row<'_>) -> Result<Grants> {
    let scopes: String = row.get("scopes")?;
    Grants::from_names(scopes.split_whitespace())
        .map_err(|_| sql::Error::column("scopes", "no such scope"))
}

struct SealedBy(AccountId, Sealed, Grants);

impl FromRow for SealedBy {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("account_id")?, Sealed::from_row(row)?, grants(row)?))
    }
}

/// Add an account.
pub(crate) async fn insert_account(
    tx: &mut WriteTx,
    account: &Account,
    sealed_secret: &[u8],
    token_sha256: &[u8],
) -> Result<()> {
    tx.query(
        "INSERT INTO account
             (account_id, store_id, client_id, client_secret, token_sha256, scopes, created_at, revoked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(account.id)
    .bind(account.store.id)
    .bind(account.client_id.as_str())
    .bind(sealed_secret.to_vec())
    .bind(token_sha256.to_vec())
    .bind(account.grants.names().collect::<Vec<_>>().join(" "))
    .bind(account.created_at)
    .execute()
    .await?;
    Ok(())
}

/// Take an account's token back. Whether there was one to take.
pub(crate) async fn revoke_account(
    tx: &mut WriteTx,
    client_id: &str,
    at: Timestamp,
) -> Result<bool> {
    let revoked = tx
        .query("UPDATE account SET revoked_at = $2 WHERE client_id = $1 AND revoked_at = 0")
        .bind(client_id)
        .bind(at)
        .execute()
        .await?;
    Ok(revoked == 1)
}

/// Remove the account of a token.
pub(crate) async fn delete_account(tx: &mut WriteTx, token_sha256: &[u8]) -> Result<()> {
    tx.query("DELETE FROM account WHERE token_sha256 = $1")
        .bind(token_sha256.to_vec())
        .execute()
        .await?;
    Ok(())
}

const STORES: &str = "SELECT store_id, hash, plan, quirks, created_at, deleted_at FROM store ";

const SITES: &str = "
    SELECT d.domain, d.channel_id, d.added_at, s.store_id, s.hash, s.plan, s.quirks, s.created_at,
           s.deleted_at
    FROM store_domain d JOIN store s ON s.store_id = d.store_id ";

const ACCOUNTS: &str = "
    SELECT a.account_id, a.client_id, a.token_sha256, a.scopes, a.created_at AS account_created_at,
           a.revoked_at, s.store_id, s.hash, s.plan, s.quirks, s.created_at, s.deleted_at
    FROM account a JOIN store s ON s.store_id = a.store_id ";

/// An account with the digest it is found by.
pub(crate) struct Held {
    pub(crate) token_sha256: Vec<u8>,
    pub(crate) account: Account,
}

impl FromRow for Held {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let grants = grants(row)?;
        let revoked_at: Timestamp = row.get("revoked_at")?;
        Ok(Self {
            token_sha256: row.get("token_sha256")?,
            account: Account {
                id: row.get::<AccountId>("account_id")?,
                client_id: row.get("client_id")?,
                store: Arc::new(Store::from_row(row)?),
                grants,
                created_at: row.get("account_created_at")?,
                revoked: revoked_at.0 != 0,
            },
        })
    }
}

impl FromRow for Site {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            domain: row
                .get::<String>("domain")?
                .parse::<Domain>()
                .map_err(|_| sql::Error::column("domain", "no domain"))?,
            store: Arc::new(Store::from_row(row)?),
            channel: row.get("channel_id")?,
            added_at: row.get("added_at")?,
        })
    }
}

impl FromRow for Store {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let deleted_at: Timestamp = row.get("deleted_at")?;
        Ok(Self {
            id: row.get("store_id")?,
            hash: row.get("hash")?,
            plan: row
                .get::<String>("plan")?
                .parse::<Plan>()
                .map_err(|_| sql::Error::column("plan", "no such plan"))?,
            quirks: row
                .get::<String>("quirks")?
                .parse::<Quirks>()
                .map_err(|_| sql::Error::column("quirks", "no such quirk"))?,
            created_at: row.get("created_at")?,
            deleted: deleted_at.0 != 0,
        })
    }
}
