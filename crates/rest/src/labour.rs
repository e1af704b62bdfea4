//! What takes long, on threads of its own.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use kernel::{Error, Result, StoreId};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

/// Runs what takes milliseconds of a processor (password hashes) on threads of its own, as many at once
/// as there are processors; a bounded number of others wait their turn, in the order in which they came. Those of one
/// store are sent away long before they could fill the whole or keep the others waiting for long.
#[derive(Clone, Debug)]
pub struct Labour {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    of_stores: Arc<Mutex<BTreeMap<StoreId, usize>>>,
    begun: Arc<AtomicU64>,
}

impl Default for Labour {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self {
            running: Arc::new(Semaphore::new(processors)),
            waiting: Arc::new(Semaphore::new(QUEUE)),
            of_stores: Arc::default(),
            begun: Arc::default(),
        }
    }
}

impl Labour {
    /// Run `work` of a store and wait for what it gives. Refused as [`Self::queue`] does.
    pub async fn run<T: Send + 'static>(
        &self,
        store: StoreId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.queue(store)?.run(work).await
    }

    /// A place among those who wait, for who must know that there is one before there is work. `TooSoon` when too
    /// many of the store wait already, and `Unavailable` when too many of all do.
    pub fn queue(&self, store: StoreId) -> Result<Queued> {
        let mut of_stores = self.of_stores();
        let of_store = of_stores.entry(store).or_default();
        if *of_store >= MOST_OF_STORE {
            return Err(Error::TooSoon { seconds: 1 });
        }
        let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() else {
            if *of_store == 0 {
                of_stores.remove(&store);
            }
            return Err(Error::Unavailable("too many password hashes are waiting".into()));
        };
        *of_store += 1;
        let place = Place { labour: self.clone(), store, _permit: permit };
        Ok(Queued { place })
    }

    fn of_stores(&self) -> MutexGuard<'_, BTreeMap<StoreId, usize>> {
        self.of_stores.lock().unwrap_or_else(PoisonError::into_inner)
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
    place: Place,
}

/// Given back by whoever is done, and by whoever goes away while waiting.
#[derive(Debug)]
struct Place {
    labour: Labour,
    store: StoreId,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut of_store) = self.labour.of_stores().entry(self.store) {
            *of_store.get_mut() -= 1;
            if *of_store.get() == 0 {
                of_store.remove();
            }
        }
    }
}

impl Queued {
    /// Run `work` when its turn has come, and wait for what it gives.
    ///
    /// Work that has begun is not stopped when the caller goes away: it keeps its place until it ends.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let Self { place } = self;
        let running = Arc::clone(&place.labour.running);
        let running = running.acquire_owned().await.map_err(Error::internal)?;
        place.labour.begun.fetch_add(1, Ordering::Relaxed);
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

/// How many of one store may wait or run: some two seconds of work on two processors.
pub const MOST_OF_STORE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_of_one_store_leave_room_for_the_others() {
        let labour = Labour::default();
        let mut all: Vec<Queued> =
            (0..MOST_OF_STORE).map(|_| labour.queue(StoreId(1)).unwrap()).collect();
        let refused = labour.queue(StoreId(1)).err();
        assert!(matches!(refused, Some(Error::TooSoon { seconds: 1 })), "{refused:?}");
        let stores = i64::try_from(QUEUE / MOST_OF_STORE).unwrap();
        for store in 2..=stores {
            all.extend((0..MOST_OF_STORE).map(|_| labour.queue(StoreId(store)).unwrap()));
        }
        let refused = labour.queue(StoreId(99)).err();
        assert!(matches!(refused, Some(Error::Unavailable(_))), "{refused:?}");
        all.pop().unwrap().run(|| ()).await.unwrap();
        assert_eq!(labour.run(StoreId(99), || 7).await.unwrap(), 7);
        drop(all);
        assert!(labour.of_stores().is_empty());
    }
}
