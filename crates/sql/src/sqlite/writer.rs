//! One connection that writes, and the sharing of its commits.
//!
//! Writers take turns, in the order they came. Each works in a savepoint of a transaction that the
//! first of them opened, and then waits to hear that it is on disk. The *committer* is one more in the
//! same queue: whoever opens a group sends it there, so it comes after everyone who was waiting, commits
//! for all of them on a thread that may wait for the disk, and tells them. Many writers so cost one
//! sync, one writer alone costs no more than a commit, and there is no timer and no leader to lose.
//!
//! Two things are easily got wrong. A *refusal* may rest on what an earlier member of the group wrote
//! ("this e-mail is taken") and must not be told before that is on disk; when that commit fails it is
//! decided anew. And an error may make `SQLite` *give up the whole transaction*, after which a savepoint
//! would commit by itself: so after every statement it is asked whether the transaction is still there,
//! and if not, the whole group has failed and nothing more runs in that turn.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, ErrorCode};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, watch},
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep},
};

use super::{
    anchor::Anchor,
    backfill::{self, Backfill, Log},
    statement::{self, error},
};
use crate::{Error, FromRow, Mark, Marks, Result, value::Datum};

/// The queue of those who write.
pub(crate) struct Writers {
    queue: Arc<Mutex<Writer>>,
}

/// What the one whose turn it is holds.
pub(crate) struct Writer {
    // Dropped before the connection: theirs are not the last to close.
    anchor: Arc<Anchor>,
    backfill: Arc<Backfill>,
    /// `None` once the database is closed.
    conn: Option<Connection>,
    /// How long the log was when it was last written back to its end, or began anew, in pages.
    ended_at: i64,
    /// How many rows had been changed when it was last asked how the log stands.
    looked_at: u64,
    marks: Arc<Marks>,
    /// How the database counted the commits of others when it was last asked.
    others: i64,
    /// The open transaction; `None` when there is none.
    group: Option<Group>,
    /// Asked before each statement; what it returns happens instead.
    #[cfg(test)]
    pub(super) fault: Option<Fault>,
}

#[cfg(test)]
pub(super) type Fault = Box<dyn FnMut(&Connection, &str) -> Option<rusqlite::Error> + Send>;

/// A transaction shared by several writers.
struct Group {
    /// How it ended, for all who wait to hear.
    outcome: watch::Sender<Option<Result<()>>>,
    /// How many turns in it were kept so far.
    kept: usize,
    /// What they change.
    marks: Vec<Mark>,
    committer: JoinHandle<()>,
}

/// One writer's turn: a savepoint of the group's transaction. Undone when it is dropped, as it is when
/// its request is cancelled or panics.
pub(crate) struct Turn {
    writer: OwnedMutexGuard<Writer>,
    /// How many turns were kept in this transaction before this one.
    earlier: usize,
    /// What it changes.
    marks: Vec<Mark>,
    ended: bool,
    /// Why nothing more may run in this turn: the transaction it was part of is gone.
    gone: Option<Error>,
}

/// What became of a refusal.
pub(crate) enum Fate {
    /// It was decided on what is on disk.
    Stands,
    /// It was decided on what turned out never to have been written.
    Undecided(Error),
}

impl Writers {
    pub(super) fn new(
        conn: Connection,
        anchor: Arc<Anchor>,
        backfill: Arc<Backfill>,
        marks: Arc<Marks>,
    ) -> Self {
        let writer = Writer {
            conn: Some(conn),
            anchor,
            backfill,
            ended_at: 0,
            looked_at: 0,
            marks,
            others: 0,
            group: None,
            #[cfg(test)]
            fault: None,
        };
        Self { queue: Arc::new(Mutex::new(writer)) }
    }

    /// Wait for one's turn, and begin it.
    pub(super) async fn turn(&self) -> Result<Turn> {
        let deadline = Instant::now() + PATIENCE;
        let mut writer = Arc::clone(&self.queue).lock_owned().await;
        writer.open_group(&self.queue, deadline).await?;
        let earlier = writer.group.as_ref().map_or(0, |group| group.kept);
        let mut turn = Turn { writer, earlier, marks: Vec::new(), ended: true, gone: None };
        turn.control("SAVEPOINT turn")?;
        turn.ended = false;
        Ok(turn)
    }

    /// See [`crate::Db::notice_others`].
    pub(super) async fn notice_others(&self) -> Result<()> {
        let mut writer = Arc::clone(&self.queue).lock_owned().await;
        // Whoever opened a group has looked.
        if writer.group.is_none() { writer.notice_others() } else { Ok(()) }
    }

    /// Write the log back into the file, and cut it to nothing; whether no reader was in the way.
    pub(super) async fn cut_log(&self) -> Result<bool> {
        self.apart(Writer::cut_log).await
    }

    /// Write the whole file anew, through the log.
    pub(super) async fn rewrite(&self) -> Result<()> {
        let vacuum = |conn: &Connection| conn.execute_batch("VACUUM").map_err(error);
        self.apart(move |writer| writer.patiently(PATIENCE, vacuum)).await
    }

    /// Commit what is waiting, then close the connection.
    pub(super) async fn close(&self) -> Result<()> {
        let close = |writer: &mut Writer| {
            let conn = writer.conn.take();
            conn.map_or(Ok(()), |conn| conn.close().map_err(|(_, reason)| error(reason)))
        };
        self.apart(close).await
    }

    /// Commit what is waiting, then do this outside of every transaction, on a thread that may wait for the disk. Nobody
    /// writes meanwhile.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut writer = Arc::clone(&self.queue).lock_owned().await;
        let work = move || {
            writer.commit();
            work(&mut writer)
        };
        spawn_blocking(work).await.map_err(|_| closed())?
    }

    #[cfg(test)]
    pub(super) async fn lock(&self) -> OwnedMutexGuard<Writer> {
        Arc::clone(&self.queue).lock_owned().await
    }
}

impl Writer {
    /// Make sure that a transaction is open, and that someone will commit it.
    async fn open_group(&mut self, queue: &Arc<Mutex<Self>>, deadline: Instant) -> Result<()> {
        if let Some(group) = &mut self.group {
            // A committer is lost only when the runtime it ran on was shut down.
            if group.committer.is_finished() {
                group.committer = send_committer(queue);
            }
            return Ok(());
        }
        self.end_transaction()?;
        let mut pause = Duration::from_millis(1);
        while let Err(reason) = self.control("BEGIN IMMEDIATE") {
            let busy = reason.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
            if !busy || Instant::now() >= deadline {
                return Err(error(reason));
            }
            // Another process writes: the command line, or a second server. Others may run meanwhile.
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            // It may have committed, and begun again: nobody else looks while this waits.
            let _ = self.notice_others();
        }
        let _ = self.notice_others();
        let committer = send_committer(queue);
        let outcome = watch::Sender::new(None);
        self.group = Some(Group { outcome, kept: 0, marks: Vec::new(), committer });
        Ok(())
    }

    /// Commit the group, and tell its members. This waits for the disk.
    fn commit(&mut self) {
        let Some(kept) = self.group.as_ref().map(|group| group.kept) else { return };
        if kept == 0 {
            let ended = self.control("ROLLBACK");
            return self.finish_group(ended.map_err(commit_error));
        }
        // A commit empties a log that has grown long, if nobody holds on to it.
        self.anchor.weigh();
        let changed = self.group.as_mut().map(|group| std::mem::take(&mut group.marks));
        let changed = changed.unwrap_or_default();
        self.marks.lift(&changed);
        let ended = self.control("COMMIT");
        self.marks.set_down(&changed);
        self.finish_group(ended.map_err(commit_error));
        // Before the anchor is cast: on a log of which nothing is left it keeps nobody from beginning it anew. Where this
        // fails the log only gets longer, until a commit does it all.
        let _ = self.write_back();
        self.anchor.cast();
    }

    /// Have the log written back, once it has grown; and where next to nothing is left, do that, so that the next
    /// transaction begins it anew. Not each time, for where somebody reads an older state it goes on all the same.
    fn write_back(&mut self) -> Result<()> {
        // To ask costs as much as to change a row, and of few rows the log does not grow much.
        let changed = self.conn()?.total_changes();
        if changed - self.looked_at < ROWS {
            return Ok(());
        }
        self.looked_at = changed;
        let log = Log::of(self.conn()?)?;
        self.ended_at = self.ended_at.min(log.pages);
        if log.waiting() >= SOME {
            self.backfill.begin();
        } else if log.pages - self.ended_at >= MANY
            && log.waiting() <= backfill::FEW
            && !self.backfill.runs()
        {
            let is_at_its_end = backfill::write_back(self.conn()?)?;
            if is_at_its_end {
                self.ended_at = log.pages;
            }
        }
        Ok(())
    }

    /// Move all marks if another process has committed something since this was last asked, or that cannot be known.
    fn notice_others(&mut self) -> Result<()> {
        // Counted by the database for each connection: the commits of all but itself.
        let version = "PRAGMA data_version";
        let found: Result<Vec<(i64,)>> =
            self.conn().and_then(|conn| statement::fetch(conn, version, &[], 1, false));
        let others = found.as_ref().ok().and_then(|found| Some(found.first()?.0));
        if others.is_none_or(|others| std::mem::replace(&mut self.others, others) != others) {
            self.marks.move_all();
        }
        found.map(drop)
    }

    fn cut_log(&mut self) -> Result<bool> {
        // Readers whose statement is about to end are waited for, and before them who copies the log just now.
        let backfill = Arc::clone(&self.backfill);
        let busy: Vec<(i64,)> = backfill.apart(|| {
            self.patiently(READERS, |conn| {
                statement::fetch(conn, "PRAGMA wal_checkpoint(TRUNCATE)", &[], 1, true)
            })
        })?;
        Ok(busy.first() == Some(&(0,)))
    }

    /// Run what needs the file for itself, for which `SQLite` waits here: in no transaction, and on a thread that may.
    fn patiently<T>(
        &mut self,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        self.end_transaction()?;
        self.anchor.weigh();
        let done = self.conn().and_then(|conn| {
            conn.busy_timeout(patience).map_err(error)?;
            let done = work(conn);
            conn.busy_timeout(Duration::ZERO).map_err(error)?;
            done
        });
        self.anchor.cast();
        done
    }

    /// Tell the group's members how it ended, with no transaction left open.
    fn finish_group(&mut self, outcome: Result<()>) {
        let ended = self.end_transaction();
        if let Some(group) = self.group.take() {
            group.outcome.send_replace(Some(outcome.and(ended)));
        }
    }

    fn end_transaction(&mut self) -> Result<()> {
        if self.conn()?.is_autocommit() { Ok(()) } else { self.control("ROLLBACK").map_err(error) }
    }

    /// Run a statement that has neither parameters nor rows.
    fn control(&mut self, text: &str) -> rusqlite::Result<()> {
        self.inject(text)?;
        let Some(conn) = &self.conn else { return Err(rusqlite::Error::InvalidQuery) };
        conn.prepare_cached(text)?.raw_execute().map(|_| ())
    }

    pub(super) fn conn(&self) -> Result<&Connection> {
        self.conn.as_ref().ok_or_else(closed)
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "nothing goes wrong on purpose"
    )]
    fn inject(&mut self, _: &str) -> rusqlite::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn inject(&mut self, text: &str) -> rusqlite::Result<()> {
        let (Some(conn), Some(fault)) = (&self.conn, &mut self.fault) else { return Ok(()) };
        fault(conn, text).map_or(Ok(()), Err)
    }

    #[cfg(test)]
    pub(super) fn conn_mut(&mut self) -> &mut Connection {
        self.conn.as_mut().expect("open")
    }
}

impl Turn {
    pub(crate) fn execute(&mut self, text: &str, params: &[Datum]) -> Result<u64> {
        self.run(text, |conn| statement::execute(conn, text, params))
    }

    pub(crate) fn fetch<T: FromRow>(
        &mut self,
        text: &str,
        params: &[Datum],
        most: usize,
        writes: bool,
    ) -> Result<Vec<T>> {
        self.run(text, |conn| statement::fetch(conn, text, params, most, writes))
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }

    pub(crate) fn script(&mut self, text: &str) -> Result<()> {
        self.run(text, |conn| conn.execute_batch(text).map_err(error))
    }

    /// Keep what was written, and wait until it is on disk.
    pub(crate) async fn keep(mut self) -> Result<()> {
        self.control("RELEASE turn")?;
        self.ended = true;
        let marks = std::mem::take(&mut self.marks);
        if let Some(group) = &mut self.writer.group {
            group.kept += 1;
            group.marks.extend(marks);
        }
        self.outcome().await
    }

    /// Undo what was written, and wait until what it was decided on is on disk.
    pub(crate) async fn undo(mut self) -> Fate {
        self.roll_back();
        if self.earlier == 0 {
            return Fate::Stands;
        }
        if let Some(gone) = &self.gone {
            return Fate::Undecided(gone.clone());
        }
        match self.outcome().await {
            Ok(()) => Fate::Stands,
            Err(error) => Fate::Undecided(error),
        }
    }

    /// Give up the turn and wait for the group's end.
    async fn outcome(self) -> Result<()> {
        let outcome = self.writer.group.as_ref().map(|group| group.outcome.subscribe());
        drop(self);
        let mut outcome = outcome.ok_or_else(closed)?;
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            Ok(None) | Err(_) => Err(closed()),
        }
    }

    fn control(&mut self, text: &str) -> Result<()> {
        if let Some(gone) = &self.gone {
            return Err(gone.clone());
        }
        let done = self.writer.control(text).map_err(error);
        self.still_open(done)
    }

    fn run<T>(&mut self, text: &str, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if let Some(gone) = &self.gone {
            return Err(gone.clone());
        }
        let done = match self.writer.inject(text) {
            Ok(()) => self.writer.conn().and_then(work),
            Err(injected) => Err(error(injected)),
        };
        self.still_open(done)
    }

    /// Fail the whole group if the engine has given the transaction up, or a script has ended it.
    fn still_open<T>(&mut self, done: Result<T>) -> Result<T> {
        if !self.writer.conn()?.is_autocommit() {
            return done;
        }
        let gone = match done {
            Err(error) => error,
            Ok(_) => Error::Failed("sqlite: a statement ended the transaction".to_owned()),
        };
        self.gone = Some(gone.clone());
        self.writer.finish_group(Err(gone.clone()));
        Err(gone)
    }

    fn roll_back(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        let undone = self.control("ROLLBACK TO turn").and_then(|()| self.control("RELEASE turn"));
        if let (Err(error), None) = (undone, &self.gone) {
            // What cannot be undone alone is undone with everything around it.
            self.gone = Some(error.clone());
            self.writer.finish_group(Err(error));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.roll_back();
    }
}

#[expect(clippy::disallowed_methods, reason = "a commit belongs to no single request")]
fn send_committer(queue: &Arc<Mutex<Writer>>) -> JoinHandle<()> {
    tokio::spawn(commit_group(Arc::clone(queue)))
}

/// Queue up behind everyone who is waiting to write, and commit for all of them.
async fn commit_group(queue: Arc<Mutex<Writer>>) {
    let writer = queue.lock_owned().await;
    let mut committing = Committing(writer);
    // The thread outlives its caller: what is under way is finished.
    let _ = spawn_blocking(move || committing.0.commit()).await;
}

/// Fails the group if no thread was there to commit it, because the runtime is shutting down.
struct Committing(OwnedMutexGuard<Writer>);

impl Drop for Committing {
    fn drop(&mut self) {
        if self.0.group.is_some() {
            self.0.finish_group(Err(closed()));
        }
    }
}

/// What the failure of `COMMIT` means. A disk that is full, or a refusal, leaves nothing behind. But an
/// interrupt may come after the deed, and after a sync that failed the log may still hold the commit,
/// to be found if the machine goes down before it is written over.
fn commit_error(reason: rusqlite::Error) -> Error {
    match reason.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted | ErrorCode::SystemIoFailure) => {
            Error::OutcomeUnknown(format!("sqlite: {reason}"))
        }
        _ => error(reason),
    }
}

fn closed() -> Error {
    Error::Unavailable("the database is closed".to_owned())
}

/// How long a write waits for other processes, counted from when it was asked for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long whoever cuts the log keeps writers waiting for readers.
const READERS: Duration = Duration::from_millis(10);

/// How many pages of the log wait until they are written back: fewer would be the same pages again and again.
const SOME: i64 = 4_000;

/// After how many rows changed it is asked again how long the log is: of one row it holds a few pages, at times dozens.
const ROWS: u64 = 20;

/// How many pages more the log has had, at the least, when it begins anew.
const MANY: i64 = 32_000;

/// The longest pause before looking again whether another process is done.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
