//! What takes long, on threads of its own.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use kernel::{Error, Result};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

/// Runs what takes milliseconds of a processor (password hashes) on threads of its own, as many at once
/// as there are processors; a bounded number of others wait their turn.
#[derive(Clone, Debug)]
pub struct Labour {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    begun: Arc<AtomicU64>,
}

impl Default for Labour {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self {
            running: Arc::new(Semaphore::new(processors)),
            waiting: Arc::new(Semaphore::new(QUEUE)),
            begun: Arc::default(),
        }
    }
}

impl Labour {
    /// Run `work` and wait for what it gives. `Unavailable` when too many wait already.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.queue()?.run(work).await
    }

    /// A place among those who wait, for who must know that there is one before there is work. `Unavailable`
    /// when too many wait already.
    pub fn queue(&self) -> Result<Queued> {
        let place = Arc::clone(&self.waiting).try_acquire_owned();
        let place =
            place.map_err(|_| Error::Unavailable("too many password hashes are waiting".into()))?;
        Ok(Queued { labour: self.clone(), place })
    }

    /// How many pieces of work were begun: what requests cost can be compared by it.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }
}

/// A place among those who wait for [`Labour`].
#[derive(Debug)]
pub struct Queued {
    labour: Labour,
    place: OwnedSemaphorePermit,
}

impl Queued {
    /// Run `work` when its turn has come, and wait for what it gives.
    ///
    /// Work that has begun is not stopped when the caller goes away: it keeps its place until it ends.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let Self { labour, place } = self;
        let running = labour.running.acquire_owned().await.map_err(Error::internal)?;
        labour.begun.fetch_add(1, Ordering::Relaxed);
        let done = spawn_blocking(move || {
            let value = work();
            drop((running, place));
            value
        });
        done.await.map_err(Error::internal)
    }
}

/// How many may wait or run: half a minute of work on two processors.
pub const QUEUE: usize = 2_048;
