//! Writing the log back into the file while others read and write.
//!
//! `SQLite` does it in a commit, once the log is long, and everybody who writes waits: of 20,000 pages for a tenth of a
//! second, several times a second where much is written. So most of it is done here, by a connection that does
//! nothing else and keeps nobody waiting. A log begins anew only where nothing is left of it. While others go on
//! writing only a commit can bring that about, which finds few pages still to be copied: see [`Writer::write_back`].
//!
//! [`Writer::write_back`]: super::writer::Writer

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use rusqlite::Connection;
use tokio::task::spawn_blocking;

use super::{Place, connection, statement};
use crate::{Error, FromRow, Result, Row};

pub(super) struct Backfill {
    place: Place,
    runs: AtomicBool,
    /// Somebody wants to do it alone, and waits.
    yields: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// `None` until it is first needed, and for good once the database is closed.
    conn: Option<Connection>,
    closed: bool,
    /// The last time it could not be done: then that was told.
    failed: bool,
}

impl Backfill {
    pub(super) fn new(place: Place) -> Arc<Self> {
        let (runs, yields) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { place, runs, yields, held: Mutex::default() })
    }

    /// Begin, on a thread that may wait for the disk, unless that goes on already.
    pub(super) fn begin(self: &Arc<Self>) {
        if !self.runs.swap(true, SeqCst) {
            let running = Running(Arc::clone(self));
            drop(spawn_blocking(move || running.0.run()));
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.runs.load(SeqCst)
    }

    /// Wait until nothing is under way, and begin nothing any more.
    pub(super) fn close(&self) {
        let mut held = self.held();
        held.closed = true;
        held.conn = None;
    }

    /// Do this while nothing is under way here. It waits for the pages that are being copied, and no longer.
    pub(super) fn apart<T>(&self, work: impl FnOnce() -> T) -> T {
        self.yields.store(true, SeqCst);
        let held = self.held();
        self.yields.store(false, SeqCst);
        let done = work();
        drop(held);
        done
    }

    fn run(&self) {
        let mut held = self.held();
        // What is written meanwhile is less each time.
        for _ in 0..4 {
            let log = held.step(&self.place);
            // Nobody who writes would hear of it: to them the log only gets longer.
            if let Err(error) = &log
                && !held.failed
            {
                tracing::warn!(%error, "the log is not written back into the file");
            }
            held.failed = log.is_err();
            if log.is_ok_and(|log| log.waiting() <= FEW) || held.failed || self.yields.load(SeqCst)
            {
                return;
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Write back what is there now. What has come since.
    fn step(&mut self, place: &Place) -> Result<Log> {
        if self.conn.is_none() && !self.closed {
            self.conn = Some(connection::backfill(place)?);
        }
        let Some(conn) = &self.conn else { return Ok(Log::default()) };
        write_back(conn)?;
        Log::of(conn)
    }
}

/// Ends with the thread's work, or where there was no thread for it any more.
struct Running(Arc<Backfill>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.runs.store(false, SeqCst);
    }
}

/// How much there is in the log, in pages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Log {
    /// Since it began anew.
    pub(super) pages: i64,
    /// Of them, how many are written back.
    done: i64,
}

impl Log {
    /// How it stands; nothing is done.
    pub(super) fn of(conn: &Connection) -> Result<Self> {
        checkpoint(conn, "PRAGMA wal_checkpoint(NOOP)")
    }

    /// How many pages wait to be written back.
    pub(super) fn waiting(self) -> i64 {
        self.pages - self.done
    }
}

impl FromRow for Log {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        // Where somebody else is at it nothing is told, which is -1.
        let count = |column| row.get::<i64>(column).map(|count| count.max(0));
        Ok(Self { pages: count("log")?, done: count("checkpointed")? })
    }
}

/// Write back all that nobody still has to read in the log; whether nothing is left of it. Waits for nobody, and does
/// nothing where somebody else does it.
pub(super) fn write_back(conn: &Connection) -> Result<bool> {
    let log = checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
    Ok(log.pages > 0 && log.waiting() == 0)
}

fn checkpoint(conn: &Connection, pragma: &str) -> Result<Log> {
    statement::fetch(conn, pragma, &[], 1, true)?.pop().ok_or(Error::NoRow)
}

/// So few pages are written back in a commit without anybody noticing it.
pub(super) const FEW: i64 = 300;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Db, WriteTx};

    /// With an empty table, in which no commit copies the log because it is long.
    async fn database(file: &Path) -> Db {
        let db = Db::connect(&format!("sqlite:{}?synchronous=off", file.display())).await;
        let db = db.expect("a database");
        let mut writer = db.sqlite().writers().lock().await;
        writer.conn_mut().pragma_update(None, "wal_autocheckpoint", 0).expect("a pragma");
        drop(writer);
        let create = async |tx: &mut WriteTx| {
            tx.query("CREATE TABLE t (filler BYTEA NOT NULL)").execute().await
        };
        db.write(create).await.expect("a table");
        db
    }

    async fn rows(db: &Db, count: usize) {
        let insert = async |tx: &mut WriteTx| {
            for _ in 0..count {
                let row = tx.query("INSERT INTO t (filler) VALUES ($1)").bind(vec![7_u8; 4_000]);
                row.execute().await?;
            }
            Ok::<_, Error>(())
        };
        db.write(insert).await.expect("rows");
    }

    async fn log(db: &Db) -> Log {
        let writer = db.sqlite().writers().lock().await;
        Log::of(writer.conn().expect("open")).expect("a log")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_log_is_written_back_beside_the_writer_and_begins_anew_in_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("t.db");
        let db = database(&file).await;
        let (mut longest, mut began_anew) = (0, 0);
        for _ in 0..200 {
            let before = log(&db).await.pages;
            rows(&db, 400).await;
            while db.sqlite().backfill().runs() {
                tokio::task::yield_now().await;
            }
            let after = log(&db).await;
            longest = longest.max(after.pages);
            began_anew += usize::from(after.pages < before);
            assert!(after.waiting() < 5_000, "{after:?}");
        }
        assert!(began_anew >= 1, "{began_anew} times");
        assert!(longest < 45_000, "{longest} pages");
        db.close().await.expect("closed");
        assert!(!directory.path().join("t.db-wal").exists(), "closing leaves no log behind");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_copies_the_few_last_pages_so_that_a_long_log_begins_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("t.db");
        let db = database(&file).await;
        // So that nobody else copies anything.
        db.sqlite().backfill().close();
        for _ in 0..82 {
            rows(&db, 400).await;
        }
        let [reader, other] = [(), ()].map(|()| Connection::open(&file).expect("a connection"));
        reader.execute_batch("BEGIN; SELECT COUNT(*) FROM t").expect("a reader");
        assert!(write_back(&other).expect("a checkpoint"), "all is copied");
        rows(&db, 30).await;
        let held = log(&db).await;
        assert!(
            held.pages > 32_000 && held.waiting() > 0,
            "the reader needs what was there: {held:?}"
        );
        reader.execute_batch("COMMIT").expect("its end");
        // The first copies, the second begins anew.
        rows(&db, 30).await;
        let copied = log(&db).await;
        assert!(copied.pages > held.pages && copied.waiting() == 0, "{copied:?}");
        rows(&db, 30).await;
        assert!(log(&db).await.pages < 100, "{:?}", log(&db).await);
        db.close().await.expect("closed");
    }
}
