use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};

use crate::{
    Error, Marks, ReadTx, Result, WriteTx,
    address::Address,
    postgres::{self, Postgres},
    sqlite::{Fate, Sqlite},
    tx,
};

/// A handle on the database; cheap to clone. The last one dropped closes it.
#[derive(Clone)]
pub struct Db(Arc<Engine>);

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Db {
    /// Open the database that an address names, by its scheme.
    ///
    /// `sqlite:PATH` is a file, made for its owner alone when it is not there; with
    /// `?synchronous=off` what it holds may be lost with the power, which is for tests and throwaway
    /// data. `postgres://…` and `postgresql://…` are as libpq reads them, with `sslmode` from `disable`
    /// to `verify-full` and `sslrootcert`. Fails as [`Error::Address`] when the address is neither, and
    /// as [`Error::Unavailable`] when the database cannot be reached.
    pub async fn connect(address: &str) -> Result<Self> {
        let engine = match Address::parse(address)? {
            Address::Sqlite(place) => Engine::Sqlite(Sqlite::open(place).await?),
            Address::Postgres(place) => Engine::Postgres(Postgres::connect(&place).await?),
        };
        Ok(Self(Arc::new(engine)))
    }

    /// Read with one statement, which costs no transaction; a second one is refused as
    /// [`Error::Misuse`]. Like `write`, `work` may run again when the connection was lost.
    pub async fn read<T, E: From<Error>>(
        &self,
        work: impl AsyncFnOnce(&mut ReadTx) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => {
                let mut tx = ReadTx::new(tx::Engine::Reader(sqlite.reader(false)?), Some(1));
                outlined(work.clone()(&mut tx)).await
            }
            Engine::Postgres(postgres) => {
                Box::pin(read(postgres, postgres::Kind::Read, Some(1), work)).await
            }
        }
    }

    /// Read with any number of statements that all see the same instant.
    pub async fn snapshot<T, E: From<Error>>(
        &self,
        work: impl AsyncFnOnce(&mut ReadTx) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => {
                let mut tx = ReadTx::new(tx::Engine::Reader(sqlite.reader(true)?), None);
                outlined(work.clone()(&mut tx)).await
            }
            Engine::Postgres(postgres) => {
                Box::pin(read(postgres, postgres::Kind::Snapshot, None, work)).await
            }
        }
    }

    /// As [`Db::snapshot`], for what takes long: exports, filters without an index. Only a few such reads
    /// run at once, so that they leave connections to others; the rest queue, and who waits longer than
    /// ten seconds fails as [`Error::Unavailable`]. A file is read on a thread that others do not wait
    /// for; once begun on it, it runs to its end, even when the caller has gone.
    pub async fn scan<T, E: From<Error>>(
        &self,
        work: impl AsyncFnOnce(&mut ReadTx) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        let (scans, blocks) = match &*self.0 {
            Engine::Sqlite(sqlite) => (sqlite.scans(), true),
            Engine::Postgres(postgres) => (postgres.scans(), false),
        };
        let _permit = scans.enter().await?;
        let runtime = Handle::current();
        if !blocks || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return self.snapshot(work).await;
        }
        block_in_place(|| runtime.block_on(pin!(self.snapshot(work))))
    }

    /// Write, and keep it all or none: kept when `work` succeeds, undone when it does not.
    ///
    /// `work` may run more than once (a deadlock, a lost connection, a commit that failed under what it
    /// was refused on), so times, salts and random ids are drawn before it. Nothing but statements
    /// belongs in it: while it runs it holds locks. It returns once what was written is durable. After a
    /// statement has failed nothing is kept, even if `work` makes light of it.
    ///
    /// Fails with what `work` fails with, or as [`Error::Unavailable`] when nothing was kept, or as
    /// [`Error::OutcomeUnknown`].
    pub async fn write<T, E: From<Error>>(
        &self,
        work: impl AsyncFnOnce(&mut WriteTx) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => write_sqlite(sqlite, work).await,
            Engine::Postgres(postgres) => Box::pin(write_postgres(postgres, work)).await,
        }
    }

    /// Whether a transaction that writes keeps all others that write waiting.
    #[must_use]
    pub fn has_one_writer(&self) -> bool {
        matches!(&*self.0, Engine::Sqlite(_))
    }

    /// Empty the write-ahead log of `SQLite`, in which there are older states of the pages that were written: after it,
    /// what had been deleted and committed before the call is in the log no more. In the file itself `secure_delete`
    /// overwrites what is deleted.
    ///
    /// `false` where somebody, in this process or another, did not stop reading an older state for two seconds; then
    /// nothing was lost or gained, and it is to be tried again. Writers wait as long as the pages are written back, as
    /// they do now and then anyway, and a hundredth of a second at a time for readers. Those who call it at once share
    /// one. `PostgreSQL` has nothing like it to be done.
    pub async fn scour(&self) -> Result<bool> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.scour().await,
            Engine::Postgres(_) => Ok(true),
        }
    }

    /// Write `SQLite`'s whole file anew, and empty its log as [`Db::scour`] does: then there is nothing in them but what
    /// is kept. `secure_delete` does not reach copies that moving a row from page to page has left in unused parts of
    /// pages. Nobody writes meanwhile. `PostgreSQL` has its own `VACUUM`, and nothing is done.
    pub async fn rewrite(&self) -> Result<bool> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.rewrite().await,
            Engine::Postgres(_) => Ok(true),
        }
    }

    /// Where the marks of what can be kept in memory stand; `None` where nothing can be kept.
    #[must_use]
    pub fn marks(&self) -> Option<&Marks> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => Some(sqlite.marks()),
            Engine::Postgres(_) => None,
        }
    }

    /// Look whether another process has written to the same database, and move all marks if so.
    pub async fn notice_others(&self) -> Result<()> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.notice_others().await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match &*self.0 {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }

    /// The engine's version, in its own words.
    pub async fn version(&self) -> Result<String> {
        match &*self.0 {
            Engine::Sqlite(_) => Ok(rusqlite::version().to_owned()),
            Engine::Postgres(postgres) => postgres.version().await,
        }
    }

    /// Wait for the writes under way, then close. Whatever is asked of any handle afterwards fails as
    /// [`Error::Unavailable`].
    pub async fn close(&self) -> Result<()> {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => {
                postgres.close().await;
                Ok(())
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn sqlite(&self) -> &Sqlite {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite,
            Engine::Postgres(_) => panic!("not a SQLite database"),
        }
    }
}

/// What a transaction does, in one place of the program: without it each engine's way of running a transaction would have
/// a copy of all the code of every one of them. For the same reason what only `PostgreSQL` needs while it waits is boxed:
/// `SQLite`, whose reads take microseconds, would carry it along.
async fn outlined<F: Future>(work: F) -> F::Output {
    #[inline(never)]
    fn poll<F: Future>(work: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        work.poll(context)
    }
    let mut work = pin!(work);
    poll_fn(move |context| poll(work.as_mut(), context)).await
}

async fn write_sqlite<T, E: From<Error>>(
    sqlite: &Sqlite,
    work: impl AsyncFnOnce(&mut WriteTx) -> Result<T, E> + Clone,
) -> Result<T, E> {
    let mut runs = 0;
    loop {
        let mut tx = WriteTx::new(tx::Engine::Turn(sqlite.turn().await?));
        let result = outlined(work.clone()(&mut tx)).await;
        let tx = tx.into_inner();
        let failed = tx.failed().cloned();
        let tx::Engine::Turn(turn) = tx.engine() else {
            return Err(Error::Misuse("a transaction exchanged for another").into());
        };
        let refusal = match (result, failed) {
            (Ok(value), None) => return Ok(turn.keep().await.map(|()| value)?),
            (Ok(_), Some(failed)) => failed.into(),
            (Err(refusal), _) => refusal,
        };
        runs += 1;
        match turn.undo().await {
            Fate::Stands => return Err(refusal),
            Fate::Undecided(cause) if runs == REDECISIONS => return Err(cause.into()),
            Fate::Undecided(_) => {}
        }
    }
}

/// How often a refusal is decided before the failures under it are reported instead.
const REDECISIONS: u32 = 4;

async fn write_postgres<T, E: From<Error>>(
    postgres: &Postgres,
    work: impl AsyncFnOnce(&mut WriteTx) -> Result<T, E> + Clone,
) -> Result<T, E> {
    let mut retries = postgres::Retries::default();
    loop {
        let begun = match postgres.begin(postgres::Kind::Write).await {
            Ok(begun) => begun,
            Err(fault) => {
                retries.again(fault).await?;
                continue;
            }
        };
        let mut tx = WriteTx::new(tx::Engine::Postgres(begun));
        let result = outlined(work.clone()(&mut tx)).await;
        let tx = tx.into_inner();
        let failed = tx.failed().cloned();
        let tx::Engine::Postgres(mut tx) = tx.engine() else {
            return Err(Error::Misuse("a transaction exchanged for another").into());
        };
        let fault = match (result, failed) {
            (Ok(value), None) => match tx.commit().await {
                Ok(()) => return Ok(value),
                Err(fault) => fault,
            },
            (result, failed) => {
                // Asked of the transaction, not of the error: `work` may have made another of it.
                let fault = tx.fault();
                tx.roll_back().await;
                match (fault, result, failed) {
                    (Some(fault), ..) => fault,
                    (None, Err(refusal), _) => return Err(refusal),
                    (None, Ok(_), failed) => return Err(failed.unwrap_or(Error::NoRow).into()),
                }
            }
        };
        retries.again(fault).await?;
    }
}

async fn read<T, E: From<Error>>(
    postgres: &Postgres,
    kind: postgres::Kind,
    statements: Option<u8>,
    work: impl AsyncFnOnce(&mut ReadTx) -> Result<T, E> + Clone,
) -> Result<T, E> {
    let mut retries = postgres::Retries::default();
    loop {
        let begun = match postgres.begin(kind).await {
            Ok(begun) => begun,
            Err(fault) => {
                retries.again(fault).await?;
                continue;
            }
        };
        let mut tx = ReadTx::new(tx::Engine::Postgres(begun), statements);
        let result = outlined(work.clone()(&mut tx)).await;
        let tx::Engine::Postgres(mut tx) = tx.engine() else {
            return Err(Error::Misuse("a transaction exchanged for another").into());
        };
        let fault = tx.fault();
        tx.roll_back().await;
        match (result, fault) {
            (Err(_), Some(fault)) => retries.again(fault).await?,
            (result, _) => return result,
        }
    }
}
