use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use kernel::Result;
use sql::{Db, ReadTx};

use crate::{Account, accounts::digest, rows};

/// Every live account, by the SHA-256 of its token: a request is admitted without asking the database.
///
/// What another process changes is noticed by [`Tokens::watch`]: every change to a store or an account
/// counts up one number, which is read four times a second. When it cannot be read for a second, what is
/// held is dropped and each request asks the database again, so that a revoked token is never admitted
/// for longer than a second, by any server.
pub struct Tokens {
    db: Db,
    known: ArcSwap<Known>,
}

#[derive(Default)]
struct Known {
    revision: i64,
    accounts: HashMap<[u8; 32], Arc<Account>>,
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
            Ok::<_, kernel::Error>((rows::revision(tx).await?, rows::live_accounts(tx).await?))
        };
        let (revision, held) = self.db.scan(read).await?;
        let by_digest = held.into_iter().filter_map(|held| {
            let digest = held.token_sha256.try_into().ok()?;
            Some((digest, Arc::new(held.account)))
        });
        self.known.store(Arc::new(Known { revision, accounts: by_digest.collect() }));
        Ok(())
    }
}

/// How often other processes' changes are looked for.
const POLL: Duration = Duration::from_millis(250);
