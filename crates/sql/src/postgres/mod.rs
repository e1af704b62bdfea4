//! `PostgreSQL`: a connection per transaction, each statement prepared once on each connection.

mod failure;
mod place;
mod tls;
mod tx;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_postgres_rustls::MakeRustlsConnect;

use self::failure::pool_failure;
pub(crate) use self::{
    failure::Fault,
    place::Place,
    tx::{Tx, cell, read},
};
use crate::{Error, Result, scans::Scans};

/// One database server.
pub(crate) struct Postgres {
    writers: Pool,
    /// Sessions that are read-only unless told otherwise, so that one statement needs no transaction
    /// around it to be kept from writing.
    readers: Pool,
    scans: Scans,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One statement, outside any transaction.
    Read,
    /// Statements that see one instant.
    Snapshot,
    /// Statements that see what is committed before each, and may write.
    Write,
}

impl Postgres {
    pub(crate) async fn connect(place: &Place) -> Result<Self> {
        let postgres = Self {
            writers: pool(place, false, WRITERS)?,
            readers: pool(place, true, READERS)?,
            scans: Scans::new(SCANS),
        };
        // A wrong password is better told now than at the first request.
        postgres.version().await?;
        Ok(postgres)
    }

    /// Take a connection and begin.
    pub(crate) async fn begin(&self, kind: Kind) -> Result<Tx, Fault> {
        let (pool, begin) = match kind {
            Kind::Read => (&self.readers, None),
            Kind::Snapshot => {
                (&self.readers, Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            }
            Kind::Write => (&self.writers, Some("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")),
        };
        let client = pool.get().await.map_err(|reason| Fault::last(pool_failure(&reason)))?;
        Tx::begin(client, begin).await
    }

    pub(crate) fn scans(&self) -> &Scans {
        &self.scans
    }

    pub(crate) async fn version(&self) -> Result<String> {
        let client = self.readers.get().await.map_err(|reason| pool_failure(&reason))?;
        let row = client.query_one("SELECT current_setting('server_version')", &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(|reason| failure::error(&reason))
    }

    /// Hand out no more connections, and wait a while for those in use to come back.
    pub(crate) async fn close(&self) {
        self.scans.close();
        self.writers.close();
        self.readers.close();
        let deadline = Instant::now() + CLOSING;
        while self.writers.status().size + self.readers.status().size > 0
            && Instant::now() < deadline
        {
            sleep_until(deadline.min(Instant::now() + Duration::from_millis(5))).await;
        }
    }
}

fn pool(place: &Place, read_only: bool, size: usize) -> Result<Pool> {
    let tls = MakeRustlsConnect::new(tls::client(&place.trust)?);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(place.session(read_only), tls, recycling);
    let mut builder = Pool::builder(manager);
    if !read_only {
        builder = builder.post_create(Hook::async_fn(|client, _| {
            let pin = client.batch_execute(SYNCHRONOUS);
            Box::pin(async move {
                let late = |_| HookError::message("a new session did not answer in time");
                timeout(PATIENCE, pin).await.map_err(late)?.map_err(HookError::Backend)
            })
        }));
    }
    builder
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .timeouts(deadpool_postgres::Timeouts {
            wait: Some(PATIENCE),
            create: Some(PATIENCE),
            recycle: Some(PATIENCE),
        })
        .build()
        .map_err(|error| Error::Address(error.to_string()))
}

/// Running a transaction again, a bounded number of times, after ever longer pauses.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    done: u32,
}

impl Retries {
    /// Pause and return when `fault` is worth another run; fail with it otherwise.
    pub(crate) async fn again(&mut self, fault: Fault) -> Result<()> {
        if !fault.retry || self.done == RETRIES {
            return Err(fault.error);
        }
        self.done += 1;
        // Two that met once must not meet again: anything from nothing to the full pause. The hasher's
        // keys are random, and nothing depends on how random.
        let longest = (FIRST_PAUSE * 2_u32.pow(self.done)).min(LONGEST_PAUSE);
        let draw = RandomState::new().build_hasher().finish() % 1000;
        let pause = longest.mul_f64(f64::from(u32::try_from(draw).unwrap_or(0)) / 1000.0);
        tracing::debug!(runs = self.done, error = %fault.error, "a transaction runs again");
        sleep(pause).await;
        Ok(())
    }
}

/// Connections that write.
const WRITERS: usize = 16;

/// Connections that read.
const READERS: usize = 8;

/// How many of them may be scanning at once; the rest are left to reads that are short.
const SCANS: usize = 3;

/// A write that is acknowledged is on disk, whatever a role, a database or an address says by default.
/// Where it is to be on other disks too, that is kept. Said in the session, so that what is changed in
/// the server's configuration later does not reach it.
const SYNCHRONOUS: &str =
    "SELECT set_config('synchronous_commit', CASE level WHEN 'off' THEN 'on' ELSE level END, false)
     FROM current_setting('synchronous_commit') AS level";

/// How long to wait for a connection, be it from the pool or from the server.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long closing waits for connections in use.
const CLOSING: Duration = Duration::from_secs(30);

const RETRIES: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
