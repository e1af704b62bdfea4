//! Writing the log back into the file while others read and write.
//!
//! `SQLite` does it in a commit, once the log is long, and everybody who writes waits: of 20,000 pages for a tenth of a
//! second, several times a second where much is written. So most of it is done here, by a connection that does
//! nothing else and keeps nobody waiting; what a commit finds still to be done is little. A log begins anew only where
//! nothing is left of it, which only a commit can bring about: see [`Writer::write_back`].
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
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// `None` until it is first needed, and for good once the database is closed.
    conn: Option<Connection>,
    closed: bool,
}

impl Backfill {
    pub(super) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self { place, runs: AtomicBool::new(false), held: Mutex::default() })
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

    fn run(&self) {
        let mut held = self.held();
        // What is written meanwhile is less each time.
        for _ in 0..4 {
            match held.step(&self.place) {
                Ok(log) if log.waiting() > FEW => {}
                Ok(_) => return,
                // A commit does it in the end, and tells who wrote if it cannot.
                Err(error) => return tracing::warn!(%error, "the log was not written back"),
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
        // Of a database without a log there is nothing to tell, which is -1.
        let count = |column| row.get::<i64>(column).map(|count| count.max(0));
        Ok(Self { pages: count("log")?, done: count("checkpointed")? })
    }
}

/// Write back all that nobody still has to read in the log. Waits for nobody; nothing is done where somebody else does it.
pub(super) fn write_back(conn: &Connection) -> Result<()> {
    checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
}

fn checkpoint(conn: &Connection, pragma: &str) -> Result<Log> {
    statement::fetch(conn, pragma, &[], 1, true)?.pop().ok_or(Error::NoRow)
}

/// So few pages are written back in a commit without anybody noticing it.
pub(super) const FEW: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, WriteTx};

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
        let db = Db::connect(&format!("sqlite:{}?synchronous=off", file.display())).await;
        let db = db.expect("a database");
        // So that what is seen is not done by commits, once the log is long.
        let mut writer = db.sqlite().writers().lock().await;
        writer.conn_mut().pragma_update(None, "wal_autocheckpoint", 0).expect("a pragma");
        drop(writer);
        let create = async |tx: &mut WriteTx| {
            tx.query("CREATE TABLE t (filler BYTEA NOT NULL)").execute().await
        };
        db.write(create).await.expect("a table");
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
}
