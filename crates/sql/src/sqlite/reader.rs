//! Connections that read, used where the caller runs: a point read takes microseconds, and a hop to
//! another thread would cost more than the read.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use rusqlite::Connection;

use super::{
    Place,
    anchor::Anchor,
    connection,
    statement::{self, error},
};
use crate::{Error, FromRow, Result, value::Datum};

/// The connections that are not in use, each with the thread that used it last: that thread's processor
/// still has its pages at hand. Otherwise the one last used is used next, so that no more of them fill their
/// caches than there are callers at once.
pub(super) struct Readers {
    place: Place,
    anchor: Arc<Anchor>,
    /// `None` once the database is closed.
    idle: Mutex<Option<Vec<(ThreadId, Connection)>>>,
}

impl Readers {
    pub(super) fn new(place: Place, anchor: Arc<Anchor>) -> Self {
        Self { place, anchor, idle: Mutex::new(Some(Vec::new())) }
    }

    pub(super) fn take(home: &Arc<Self>, snapshot: bool) -> Result<Reader> {
        let idle = match &mut *home.idle() {
            Some(idle) => take_mine(idle),
            None => return Err(Error::Unavailable("the database is closed".to_owned())),
        };
        home.anchor.refresh();
        let conn = idle.map_or_else(|| connection::reader(&home.place), Ok)?;
        if snapshot {
            statement::execute(&conn, "BEGIN", &[])?;
        }
        Ok(Reader { conn: Some(conn), home: Arc::clone(home) })
    }

    pub(super) fn close(&self) {
        // Taken out first: closing may checkpoint, and nobody should wait for that.
        let idle = self.idle().take();
        drop(idle);
        self.anchor.close();
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<(ThreadId, Connection)>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_mine(idle: &mut Vec<(ThreadId, Connection)>) -> Option<Connection> {
    let me = thread::current().id();
    let mine = idle.iter().rposition(|(thread, _)| *thread == me);
    let (_, conn) = mine.map(|at| idle.remove(at)).or_else(|| idle.pop())?;
    Some(conn)
}

/// A connection on loan.
pub(crate) struct Reader {
    conn: Option<Connection>,
    home: Arc<Readers>,
}

impl Reader {
    pub(crate) fn fetch<T: FromRow>(
        &self,
        text: &str,
        params: &[Datum],
        most: usize,
    ) -> Result<Vec<T>> {
        let conn = self.conn.as_ref().ok_or(Error::Misuse("a reader that was given back"))?;
        statement::fetch(conn, text, params, most, false)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let ended = conn.is_autocommit()
            || conn
                .prepare_cached("ROLLBACK")
                .and_then(|mut end| end.execute([]))
                .map_err(error)
                .is_ok();
        if let (true, Some(idle)) = (ended, &mut *self.home.idle())
            && idle.len() < IDLE
        {
            idle.push((thread::current().id(), conn));
        }
    }
}

/// The most connections kept. Each holds up to 4 MB of pages.
const IDLE: usize = 8;
