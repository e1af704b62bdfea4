use std::ops::{Deref, DerefMut};

use crate::{Error, FromRow, LIST_CAP, Mark, Query, Result, postgres, sqlite, value::Datum};

/// A transaction that can be read.
pub struct ReadTx {
    engine: Engine,
    /// How many statements it may still run; `None` is any number.
    left: Option<u8>,
    /// The first failure of a statement. After it `PostgreSQL` runs nothing more in a transaction and
    /// keeps nothing of it; so that no code comes to depend on the other engine, neither does `SQLite`.
    failed: Option<Error>,
}

/// A transaction that can also be written; whatever reads can read from it too.
pub struct WriteTx(ReadTx);

/// Marks a [`Query`] that only reads.
pub struct Reads;

/// Marks a [`Query`] that may write.
pub struct Writes;

/// What a query may do.
pub trait Access {
    /// Whether it may write.
    const WRITES: bool;
}

impl Access for Reads {
    const WRITES: bool = false;
}

impl Access for Writes {
    const WRITES: bool = true;
}

pub(crate) enum Engine {
    Reader(sqlite::Reader),
    Turn(sqlite::Turn),
    Postgres(postgres::Tx),
}

impl ReadTx {
    pub(crate) fn new(engine: Engine, statements: Option<u8>) -> Self {
        Self { engine, left: statements, failed: None }
    }

    /// Begin a statement that reads.
    pub fn query(&mut self, text: &'static str) -> Query<'_, Reads> {
        Query::new(self, text)
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    pub(crate) fn engine(self) -> Engine {
        self.engine
    }

    pub(crate) fn failed(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    /// Whether one more statement may run.
    pub(crate) fn enter(&mut self, misuse: Option<&'static str>) -> Result<()> {
        if let Some(misuse) = misuse {
            return Err(Error::Misuse(misuse));
        }
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(Error::Misuse("`read` runs one statement; `snapshot` runs more")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    pub(crate) async fn execute(&mut self, text: &str, params: &[Datum]) -> Result<u64> {
        let done = match &mut self.engine {
            Engine::Reader(_) => Err(Error::Misuse("a write through a reading transaction")),
            Engine::Turn(turn) => turn.execute(text, params),
            Engine::Postgres(tx) => Box::pin(tx.execute(text, params)).await,
        };
        self.note(done)
    }

    pub(crate) async fn fetch<T: FromRow>(
        &mut self,
        text: &str,
        params: &[Datum],
        most: usize,
        writes: bool,
    ) -> Result<Vec<T>> {
        let found = match &mut self.engine {
            Engine::Reader(reader) => reader.fetch(text, params, most),
            Engine::Turn(turn) => turn.fetch(text, params, most, writes),
            Engine::Postgres(tx) => {
                let rows = Box::pin(tx.fetch(text, params)).await;
                rows.and_then(|rows| postgres::read(&rows, most))
            }
        };
        self.note(found)
    }

    /// Run a migration's script, which may hold several statements.
    pub(crate) async fn script(&mut self, text: &str) -> Result<()> {
        let done = match &mut self.engine {
            Engine::Reader(_) => Err(Error::Misuse("a script through a reading transaction")),
            Engine::Turn(turn) => turn.script(text),
            Engine::Postgres(tx) => Box::pin(tx.script(text)).await,
        };
        self.note(done)
    }

    /// Remember a failure of the engine's; one of reading a row's columns harms no transaction.
    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && !matches!(error, Error::Column { .. })
        {
            self.failed = Some(error.clone());
        }
        result
    }
}

impl WriteTx {
    pub(crate) fn new(engine: Engine) -> Self {
        Self(ReadTx::new(engine, None))
    }

    pub(crate) fn into_inner(self) -> ReadTx {
        self.0
    }

    /// Begin a statement that may write. `INSERT … RETURNING` is fetched like any other.
    pub fn query(&mut self, text: &'static str) -> Query<'_, Writes> {
        Query::new(&mut self.0, text)
    }

    /// What this mark stands for is changed by this transaction: nothing that was made of it before may be shown once
    /// this is committed (see [`crate::Marks`]).
    pub fn mark(&mut self, mark: Mark) {
        if let Engine::Turn(turn) = &mut self.0.engine {
            turn.mark(mark);
        }
    }

    /// The clause, with a space before it, that holds the rows just read until the transaction ends.
    ///
    /// `SQLite` needs none: it has one writer, and that writer is this transaction.
    #[must_use]
    pub fn for_update(&self) -> &'static str {
        if self.is_postgres() { " FOR UPDATE" } else { "" }
    }

    /// The same, but others may hold the rows so too: what is read stays as it is, and nobody waits for
    /// another who only relies on it.
    #[must_use]
    pub fn for_share(&self) -> &'static str {
        if self.is_postgres() { " FOR SHARE" } else { "" }
    }

    /// The same, but only their being there is relied on: what else they say may change meanwhile, and whoever holds them
    /// by [`Self::skip_locked`] keeps nobody waiting.
    #[must_use]
    pub fn for_key_share(&self) -> &'static str {
        if self.is_postgres() { " FOR KEY SHARE" } else { "" }
    }

    /// How many rows one statement had best write where more than `short` are to be written: where each statement is a
    /// round trip, as many as a list has.
    #[must_use]
    pub fn at_once(&self, short: usize) -> usize {
        if self.is_postgres() { LIST_CAP } else { short }
    }

    /// As [`Self::for_update`], but rows that another transaction holds are passed over rather than waited for; those that
    /// it holds by [`Self::for_key_share`] are not.
    #[must_use]
    pub fn skip_locked(&self) -> &'static str {
        if self.is_postgres() { " FOR NO KEY UPDATE SKIP LOCKED" } else { "" }
    }
}

impl Deref for WriteTx {
    type Target = ReadTx;

    fn deref(&self) -> &ReadTx {
        &self.0
    }
}

impl DerefMut for WriteTx {
    fn deref_mut(&mut self) -> &mut ReadTx {
        &mut self.0
    }
}
