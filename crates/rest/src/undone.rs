//! What a request leaves to be done after its answer.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kernel::StoreId;
use tokio::{sync::Notify, time::timeout};

/// The stores for which something is left to be done in the background. It is a reminder and not a queue: whoever
/// works looks into the database for what there is, and finds there also what no process remembers.
#[derive(Debug, Default)]
pub struct Undone {
    stores: Mutex<BTreeSet<StoreId>>,
    bell: Notify,
}

impl Undone {
    /// Something is left to be done for this store. Called after the commit.
    pub fn note(&self, store: StoreId) {
        let is_new = self.stores.lock().unwrap_or_else(PoisonError::into_inner).insert(store);
        if is_new {
            self.bell.notify_one();
        }
    }

    /// The stores that were noted since the last call, as soon as there are any; `None` when there are none for so
    /// long.
    pub async fn take(&self, patience: Duration) -> Option<BTreeSet<StoreId>> {
        let noted = async {
            loop {
                let stores = std::mem::take(
                    &mut *self.stores.lock().unwrap_or_else(PoisonError::into_inner),
                );
                if !stores.is_empty() {
                    return stores;
                }
                self.bell.notified().await;
            }
        };
        timeout(patience, noted).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_is_handed_out_once_however_often_it_was_noted() {
        let undone = Undone::default();
        undone.note(StoreId(2));
        undone.note(StoreId(1));
        undone.note(StoreId(2));
        let taken = undone.take(Duration::from_secs(9)).await.unwrap();
        assert_eq!(taken.into_iter().collect::<Vec<_>>(), [StoreId(1), StoreId(2)]);
        assert_eq!(undone.take(Duration::from_millis(1)).await, None);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let undone = Undone::default();
        let (taken, ()) = tokio::join!(undone.take(Duration::from_secs(9)), async {
            tokio::task::yield_now().await;
            undone.note(StoreId(3));
        });
        assert_eq!(taken, Some(BTreeSet::from([StoreId(3)])));
    }
}
