//! `SQLite`: readers side by side, and one writer whose commits are shared.

mod anchor;
mod backfill;
mod connection;
#[cfg(test)]
mod faults;
mod reader;
mod scour;
mod statement;
mod writer;

use std::{path::PathBuf, sync::Arc};

use tokio::task::spawn_blocking;

use self::{anchor::Anchor, backfill::Backfill, reader::Readers, scour::Scours, writer::Writers};
pub(crate) use self::{
    reader::Reader,
    statement::cell,
    writer::{Fate, Turn},
};
use crate::{Error, Marks, Result, scans::Scans};

/// Which file, and whether what is committed must survive a loss of power.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) durable: bool,
}

/// One open database file.
pub(crate) struct Sqlite {
    // Dropped in this order: the writer's connection is the last to close and leaves no log behind.
    readers: Arc<Readers>,
    backfill: Arc<Backfill>,
    writers: Writers,
    marks: Arc<Marks>,
    scans: Scans,
    scours: Scours,
}

impl Sqlite {
    pub(crate) async fn open(place: Place) -> Result<Self> {
        let opened = place.clone();
        let conn = (spawn_blocking(move || connection::writer(&opened)).await)
            .map_err(|_| Error::Unavailable("opening was interrupted".to_owned()))??;
        let anchor = Arc::new(Anchor::new(place.clone()));
        let backfill = Backfill::new(place.clone());
        let marks = Arc::new(Marks::default());
        Ok(Self {
            readers: Arc::new(Readers::new(place, Arc::clone(&anchor))),
            writers: Writers::new(conn, anchor, Arc::clone(&backfill), Arc::clone(&marks)),
            backfill,
            marks,
            scans: Scans::new(SCANS),
            scours: Scours::default(),
        })
    }

    /// A connection for one statement, or for one snapshot.
    pub(crate) fn reader(&self, snapshot: bool) -> Result<Reader> {
        Readers::take(&self.readers, snapshot)
    }

    pub(crate) fn scans(&self) -> &Scans {
        &self.scans
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// See [`crate::Db::notice_others`].
    pub(crate) async fn notice_others(&self) -> Result<()> {
        self.writers.notice_others().await
    }

    /// This caller's place in the queue of writers, once it is its turn.
    pub(crate) async fn turn(&self) -> Result<Turn> {
        self.writers.turn().await
    }

    /// See [`crate::Db::scour`].
    pub(crate) async fn scour(&self) -> Result<bool> {
        self.scours.run(&self.writers).await
    }

    /// See [`crate::Db::rewrite`].
    pub(crate) async fn rewrite(&self) -> Result<bool> {
        self.writers.rewrite().await?;
        self.scour().await
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.scans.close();
        self.readers.close();
        let backfill = Arc::clone(&self.backfill);
        // Which waits for the disk. Where there is no thread for it any more, nothing is under way either.
        let _ = spawn_blocking(move || backfill.close()).await;
        self.writers.close().await
    }

    #[cfg(test)]
    pub(crate) fn writers(&self) -> &Writers {
        &self.writers
    }

    #[cfg(test)]
    fn backfill(&self) -> &Backfill {
        &self.backfill
    }

    #[cfg(test)]
    pub(crate) fn scours(&self) -> &Scours {
        &self.scours
    }
}

/// How many scans may hold a thread of their own at once.
const SCANS: usize = 4;
