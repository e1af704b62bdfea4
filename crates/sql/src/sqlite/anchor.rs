//! A connection that reads nothing: it holds the lock that readers share.
//!
//! Each read of a database with a write-ahead log locks the log's present end against being overwritten.
//! The first connection of a process to do so asks the system, and the last one again to let go; those
//! between them only count. One that stays spares all others two system calls under a mutex, which on two
//! busy threads was a tenth of all the time spent. It sees nothing for anybody: what a reader sees is the
//! log's end when *it* begins.
//!
//! An anchor that stayed for ever would keep the log from being emptied. So this process's own commits,
//! which empty it, happen without one; it is looked at again a moment later; and while another process
//! writes it stays up.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{Place, connection, statement};

pub(super) struct Anchor {
    place: Place,
    held: Mutex<Held>,
}

struct Held {
    /// `None` until it is first needed, and for good once the database is closed.
    conn: Option<Connection>,
    closed: bool,
    /// When it was last cast or weighed.
    since: Option<Instant>,
    /// Which state of the database was last seen.
    seen: Option<i64>,
    /// A commit is under way, however long it takes.
    committing: bool,
}

impl Anchor {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            held: Mutex::new(Held {
                conn: None,
                closed: false,
                since: None,
                seen: None,
                committing: false,
            }),
        }
    }

    /// Unless that was done a moment ago, cast it at the log's present end, or leave it up if somebody else
    /// has written since. Waits for nobody.
    pub(super) fn refresh(&self) {
        if let Ok(mut held) = self.held.try_lock()
            && !held.committing
            && held.since.is_none_or(|since| since.elapsed() >= MOMENT)
        {
            let before = held.seen;
            held.cast(&self.place);
            if held.seen != before {
                held.weigh();
            }
        }
    }

    /// Let go of the log until the commit that begins is over.
    pub(super) fn weigh(&self) {
        let mut held = self.held();
        held.committing = true;
        held.weigh();
    }

    /// Cast it at the log's present end, after a commit.
    pub(super) fn cast(&self) {
        let mut held = self.held();
        held.committing = false;
        held.cast(&self.place);
    }

    pub(super) fn close(&self) {
        let mut held = self.held();
        held.closed = true;
        held.conn = None;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Where that fails there is no anchor, and readers only take longer.
    fn cast(&mut self, place: &Place) {
        self.weigh();
        if self.conn.is_none() && !self.closed {
            self.conn = connection::reader(place).ok();
        }
        // The transaction begins with the first look at the file.
        let version = self.conn.as_ref().and_then(|conn| {
            statement::execute(conn, "BEGIN", &[]).ok()?;
            statement::fetch::<(i64,)>(conn, "PRAGMA data_version", &[], 1, false).ok()?.pop()
        });
        self.seen = version.map(|(version,)| version);
    }

    fn weigh(&mut self) {
        self.since = Some(Instant::now());
        // A connection that cannot let go is closed, which does.
        self.conn.take_if(|conn| {
            !conn.is_autocommit() && statement::execute(conn, "ROLLBACK", &[]).is_err()
        });
    }
}

/// How long an anchor may stay while other processes write.
const MOMENT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Db, WriteTx};

    /// A connection to the file whose commits empty the log when it has more than ten pages.
    async fn connect(file: &Path) -> Db {
        let address = format!("sqlite:{}?synchronous=off", file.display());
        let db = Db::connect(&address).await.expect("a database");
        let mut writer = db.sqlite().writers().lock().await;
        writer.conn_mut().pragma_update(None, "wal_autocheckpoint", 10).expect("a pragma");
        drop(writer);
        db
    }

    /// Write a page and more, and see it through both.
    async fn write_and_read(writer: &Db, reader: &Db, row: i64) {
        let insert = async |tx: &mut WriteTx| {
            let row = tx.query("INSERT INTO t (filler) VALUES ($1)").bind(vec![0_u8; 5000]);
            row.execute().await
        };
        writer.write(insert).await.expect("a row");
        for db in [reader, writer] {
            let count =
                db.read(async |tx| tx.query("SELECT count(*) FROM t").fetch_one::<(i64,)>().await);
            assert_eq!(count.await.expect("a count").0, row, "what was written is seen at once");
        }
    }

    #[tokio::test]
    async fn the_log_is_emptied_though_readers_hold_on_to_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("t.db");
        let (own, other) = (connect(&file).await, connect(&file).await);
        let create = async |tx: &mut WriteTx| {
            tx.query("CREATE TABLE t (filler BYTEA NOT NULL)").execute().await
        };
        own.write(create).await.expect("a table");
        // By the reader's own process, then by another, which waits for the anchor to be a moment old.
        let mut rows = 0;
        for writer in [&own, &other] {
            for _ in 0..30 {
                rows += 1;
                write_and_read(writer, &own, rows).await;
                if std::ptr::eq(writer, &raw const other) {
                    tokio::time::sleep(MOMENT / 4).await;
                }
            }
            let log = std::fs::metadata(directory.path().join("t.db-wal")).expect("a log").len();
            assert!(log < 40 * 4096, "the log has {log} bytes, of {rows} rows of 5,000");
        }
        other.close().await.expect("closed");
        own.close().await.expect("closed");
        assert!(!directory.path().join("t.db-wal").exists(), "closing leaves no log behind");
    }

    #[test]
    fn nothing_is_cast_while_a_commit_is_under_way_however_long_it_takes() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place { path: directory.path().join("t.db"), durable: false };
        let writer = connection::writer(&place).expect("a database");
        writer.execute_batch("CREATE TABLE t (row BIGINT)").expect("a table");
        // Whether what a commit adds to the log can be taken out of it at once.
        let commit_empties_the_log = || {
            writer.execute_batch("INSERT INTO t (row) VALUES (1)").expect("a row");
            let checkpoint = "PRAGMA wal_checkpoint(RESTART)";
            let busy: i64 = writer.query_row(checkpoint, [], |row| row.get(0)).expect("a row");
            busy == 0
        };
        let anchor = Anchor::new(place.clone());
        anchor.cast();
        assert!(!commit_empties_the_log(), "it is up");
        anchor.cast();
        anchor.weigh();
        std::thread::sleep(MOMENT * 2);
        anchor.refresh();
        assert!(commit_empties_the_log(), "a reader came meanwhile, and casts nothing");
        anchor.cast();
        assert!(!commit_empties_the_log(), "the commit was over");
    }
}
