//! How connections to the file are opened.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{Place, statement::error};
use crate::{Error, Result, query::KEPT};

/// The connection that writes. Makes the file when there is none.
pub(super) fn writer(place: &Place) -> Result<Connection> {
    make_private(&place.path)?;
    let conn = open(place)?;
    conn.busy_timeout(OPENING).map_err(error)?;
    use_write_ahead_log(&conn)?;
    be_durable(&conn, place)?;
    conn.execute_batch(
        // The log is written back beside the writer. Where that does not keep pace a commit does it, but seldom: with the
        // default of 1,000 pages a busy writer spends half its time on it.
        // The log is cut back to 128 MB after a checkpoint, should a long reader or large commits have let it grow.
        // What is deleted is overwritten: whoever is erased must not stay in the file.
        "PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA wal_autocheckpoint = 80000;
         PRAGMA journal_size_limit = 134217728;
         PRAGMA cache_size = -4096;",
    )
    .map_err(error)?;
    // Waiting for another process's lock inside SQLite would put an async worker to sleep; the writer
    // waits outside of it.
    conn.busy_timeout(Duration::ZERO).map_err(error)?;
    Ok(conn)
}

/// A connection that reads.
pub(super) fn reader(place: &Place) -> Result<Connection> {
    let conn = open(place)?;
    // A reader waits for nobody but a log being recovered or removed, which takes moments.
    conn.busy_timeout(Duration::from_secs(2)).map_err(error)?;
    // Four megabytes hold the inner pages of a million customers: a point read then fetches leaves only.
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096;").map_err(error)?;
    Ok(conn)
}

/// The connection that writes the log back.
pub(super) fn backfill(place: &Place) -> Result<Connection> {
    let conn = open(place)?;
    be_durable(&conn, place)?;
    Ok(conn)
}

fn be_durable(conn: &Connection, place: &Place) -> Result<()> {
    let synchronous = if place.durable { "FULL" } else { "OFF" };
    conn.execute_batch(&format!("PRAGMA synchronous = {synchronous};")).map_err(error)
}

fn open(place: &Place) -> Result<Connection> {
    // Not as a URI: a path means itself, whatever characters are in it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&place.path, flags).map_err(error)?;
    conn.set_prepared_statement_cache_capacity(KEPT);
    // Without this promise each bind of a value that the planner might have looked at makes SQLite compile a
    // join or an `ORDER BY … LIMIT` anew: six times the cost of a point read. A plan then depends on the text
    // alone, which is also what makes it testable.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(error)?;
    // PostgreSQL's LIKE minds case.
    conn.execute_batch("PRAGMA case_sensitive_like = ON;").map_err(error)?;
    Ok(conn)
}

/// Make the file readable by its owner alone before anything is in it. `SQLite` gives its log the same mode.
fn make_private(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::Unavailable(format!("cannot make the file: {error}")))
        }
        _ => Ok(()),
    }
}

/// Changing the journal's mode needs the file for oneself, and does not wait for it however long the
/// busy timeout is; several servers may be starting.
fn use_write_ahead_log(conn: &Connection) -> Result<()> {
    let since = Instant::now();
    loop {
        let mode = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode.map_err(error) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                return Err(Error::Failed(
                    "the file system cannot hold a write-ahead log".to_owned(),
                ));
            }
            Err(Error::Unavailable(_)) if since.elapsed() < OPENING => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
}

/// How long opening waits for other processes.
const OPENING: Duration = Duration::from_secs(10);
