use std::{
    io::{Write as _, stderr},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Lines that are not written yet. When the standard error takes them more slowly than they come, those that
/// would not fit are lost and counted: a slow terminal slows no request.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    /// Told when `Waiting` changes in a way that somebody may wait for.
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    lost: u64,
    /// Something should be read at once: a warning, or the last words of a process that ends.
    urgent: bool,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closing,
    Written,
}

impl Backlog {
    pub(super) fn add(&self, line: &[u8], urgent: bool) {
        let mut waiting = self.waiting();
        if waiting.text.len() + line.len() > MOST {
            waiting.lost += 1;
            return;
        }
        // The first line wakes the writer, which then lets others gather: not every line costs a wake-up.
        let wakes = waiting.text.is_empty() || (urgent && !waiting.urgent);
        waiting.text.extend_from_slice(line);
        waiting.urgent |= urgent;
        drop(waiting);
        if wakes {
            self.changed.notify_all();
        }
    }

    /// Write what comes, until the guard is dropped and everything is written.
    fn write(&self) {
        let mut text = Vec::new();
        loop {
            let mut waiting = self.gathered();
            if waiting.text.is_empty() {
                waiting.state = State::Written;
                self.changed.notify_all();
                return;
            }
            mem::swap(&mut text, &mut waiting.text);
            let lost = mem::take(&mut waiting.lost);
            waiting.urgent = waiting.state != State::Open;
            drop(waiting);
            // Where that fails there is nowhere to tell it.
            let _ = stderr().write_all(&text);
            text.clear();
            text.shrink_to(USUAL);
            if lost > 0 {
                tracing::error!(lost, "log lines came faster than the standard error takes them");
            }
        }
    }

    /// What has come a moment after the first line of it did; nothing only once there will be no more.
    fn gathered(&self) -> MutexGuard<'_, Waiting> {
        let nothing =
            |waiting: &mut Waiting| waiting.text.is_empty() && waiting.state == State::Open;
        let waiting = self.changed.wait_while(self.waiting(), nothing);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let calm = |waiting: &mut Waiting| !waiting.urgent;
        let gathered = self.changed.wait_timeout_while(waiting, GATHER, calm);
        gathered.unwrap_or_else(PoisonError::into_inner).0
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the log going. Dropped, it waits until all that was logged is written, or a few seconds where the
/// standard error takes nothing.
pub(crate) struct Guard(Arc<Backlog>);

impl Guard {
    pub(super) fn start(backlog: Arc<Backlog>) -> Self {
        let own = Arc::clone(&backlog);
        let writer = thread::Builder::new().name("log".to_owned()).spawn(move || own.write());
        if writer.is_err() {
            // A service without a log is better than none.
            backlog.waiting().state = State::Written;
        }
        Self(backlog)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        if waiting.state == State::Open {
            waiting.state = State::Closing;
            waiting.urgent = true;
            self.0.changed.notify_all();
        }
        let written = |waiting: &mut Waiting| waiting.state != State::Written;
        drop(self.0.changed.wait_timeout_while(waiting, PATIENCE, written));
    }
}

/// How long lines gather before they are written together: few enough at a time to be still in the processor's
/// cache.
const GATHER: Duration = Duration::from_millis(10);

/// How long the end of the process may wait for its last lines.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes that wait: several seconds of a server at its busiest.
const MOST: usize = 8 << 20;

/// The bytes kept for the next time: what gathers at a hundred thousand requests a second.
const USUAL: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let backlog = Backlog::default();
        let line = vec![b'x'; MOST / 4];
        for _ in 0..6 {
            backlog.add(&line, false);
        }
        let waiting = backlog.waiting();
        assert_eq!((waiting.text.len(), waiting.lost), (MOST, 2));
    }

    #[test]
    fn the_guard_waits_until_all_is_written() {
        let backlog = Arc::new(Backlog::default());
        let guard = Guard::start(Arc::clone(&backlog));
        backlog.add(b"", true);
        backlog.add(b"\n", false);
        drop(guard);
        let waiting = backlog.waiting();
        assert!(waiting.state == State::Written && waiting.text.is_empty());
    }
}
