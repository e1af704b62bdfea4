use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use kernel::Result;
use sql::{Db, ReadTx};

use crate::{Account, Domain, Site, accounts::digest, rows};

/// Every live account, by the SHA-256 of its token, and every storefront by its domain: a request is admitted
/// without asking the database.
///
/// What another process changes is noticed by [`Tokens::watch`]: every change to a store or an account
/// counts up one number, which is read four times a second. When it cannot be read for a second, what is
/// held is dropped and each request asks the database again, so that a revoked token is never admitted
/// for longer than a second, by any server. So it is with a domain that was taken from its store.
pub struct Tokens {
    db: Db,
    known: ArcSwap<Known>,
}

#[derive(Default)]
struct Known {
    revision: i64,
    accounts: HashMap<[u8; 32], Arc<Account>>,
    sites: HashMap<Domain, Arc<Site>>,
}

impl Tokens {
    /// Read all accounts.
    pub async fn load(db: Db) -> Result<Self> {
        let tokens = Self { db, known: ArcSwap::default() };
        tokens.refresh().await?;
        Ok(tokens)
    }

    /// The account behind a token. `None` when nobody may call with it.
    pub async fn find(&self, token: &str) -> Result<Option<Arc<Account>>> {
        let digest = digest(token);
        if let Some(account) = self.known.load().accounts.get(&digest) {
            return Ok(Some(Arc::clone(account)));
        }
        // Unknown here may be new there: made by the command line less than a quarter of a second ago.
        let held = self
            .db
            .read(async |tx| Ok::<_, kernel::Error>(rows::live_account(tx, &digest).await?))
            .await?;
        Ok(held.map(|held| Arc::new(held.account)))
    }

    /// The storefront of a domain. `None` when it is no store's.
    pub async fn site(&self, domain: &Domain) -> Result<Option<Arc<Site>>> {
        if let Some(site) = self.known.load().sites.get(domain) {
            return Ok(Some(Arc::clone(site)));
        }
        // As above: it may have been given to a store just now.
        let held = self
            .db
            .read(async |tx| Ok::<_, kernel::Error>(rows::live_site(tx, domain.as_str()).await?))
            .await?;
        Ok(held.map(Arc::new))
    }

    /// Read the accounts again if anything about stores or accounts has changed.
    pub async fn refresh(&self) -> Result<()> {
        if self.revision().await? == self.known.load().revision {
            return Ok(());
        }
        self.reload().await
    }

    /// Follow the changes of other processes, for as long as the server runs.
    pub async fn watch(&self) {
        let mut failures = 0;
        loop {
            tokio::time::sleep(POLL).await;
            // Whoever keeps this waiting holds the queue of writers, and looks by itself.
            if let Ok(Err(error)) = tokio::time::timeout(POLL, self.db.notice_others()).await {
                tracing::warn!(%error, "what other processes write may be seen late");
            }
            // Only the number has to come quickly. The accounts themselves may be many.
            match tokio::time::timeout(POLL, self.revision()).await {
                Ok(Ok(revision)) if revision == self.known.load().revision => failures = 0,
                Ok(Ok(_)) => failures = if self.reload().await.is_ok() { 0 } else { failures + 1 },
                Ok(Err(_)) | Err(_) => failures += 1,
            }
            // Two polls and their waits make a second: what is held may be out of date.
            if failures == 2 {
                tracing::warn!(
                    "the accounts cannot be read; each request asks the database until they can"
                );
                self.known.store(Arc::default());
            }
        }
    }

    async fn revision(&self) -> Result<i64> {
        self.db.read(async |tx| Ok::<_, kernel::Error>(rows::revision(tx).await?)).await
    }

    async fn reload(&self) -> Result<()> {
        let read = async |tx: &mut ReadTx| {
            let revision = rows::revision(tx).await?;
            let accounts = rows::live_accounts(tx).await?;
            Ok::<_, kernel::Error>((revision, accounts, rows::live_sites(tx).await?))
        };
        let (revision, held, sites) = self.db.scan(read).await?;
        let by_digest = held.into_iter().filter_map(|held| {
            let digest = held.token_sha256.try_into().ok()?;
            Some((digest, Arc::new(held.account)))
        });
        let accounts = by_digest.collect();
        let sites = sites.into_iter().map(|site| (site.domain.clone(), Arc::new(site))).collect();
        self.known.store(Arc::new(Known { revision, accounts, sites }));
        Ok(())
    }
}

/// How often other processes' changes are looked for.
const POLL: Duration = Duration::from_millis(250);
