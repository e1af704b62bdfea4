//! One at a time.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kernel::{Error, Result, StoreId};
use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard};

/// Lets one at a time do something for one name of a store, within this process.
///
/// Each name has a turnstile of its own for as long as somebody is at it, so nobody can choose a name that
/// stands in another's way. How many are at them has bounds: those of one name or store are sent away with
/// [`Error::TooSoon`] long before they could fill the whole, past which it is [`Error::Unavailable`].
#[derive(Debug, Default)]
pub struct Turns(Mutex<Present>);

/// Who is at the turnstiles, through or waiting.
#[derive(Debug, Default)]
struct Present {
    of_names: BTreeMap<Name, (usize, Arc<Turnstile<()>>)>,
    of_stores: BTreeMap<StoreId, usize>,
    all: usize,
}

/// A store's name, by its digest.
type Name = (StoreId, [u8; 32]);

/// A turn; over when it is dropped.
#[derive(Debug)]
pub struct Turn<'t> {
    // Before the place: the next one goes through while the turnstile is still there.
    _through: OwnedMutexGuard<()>,
    _place: Place<'t>,
}

/// A place at a turnstile, given back also by whoever goes away while waiting.
#[derive(Debug)]
struct Place<'t> {
    turns: &'t Turns,
    name: Name,
}

impl Turns {
    /// Wait for the turn of a store's name, given by its digest.
    pub async fn take(&self, store: StoreId, digest: [u8; 32]) -> Result<Turn<'_>> {
        let (place, turnstile) = self.enter((store, digest))?;
        Ok(Turn { _through: turnstile.lock_owned().await, _place: place })
    }

    fn enter(&self, name: Name) -> Result<(Place<'_>, Arc<Turnstile<()>>)> {
        let mut present = self.present();
        if present.all >= MOST {
            return Err(Error::Unavailable("too many wait for their turn".into()));
        }
        let of_name = present.of_names.get(&name).map_or(0, |(count, _)| *count);
        let of_store = present.of_stores.get(&name.0).copied().unwrap_or_default();
        if of_name >= MOST_OF_NAME || of_store >= MOST_OF_STORE {
            return Err(Error::TooSoon { seconds: 1 });
        }
        present.all += 1;
        *present.of_stores.entry(name.0).or_default() += 1;
        let (count, turnstile) = present.of_names.entry(name).or_default();
        *count += 1;
        Ok((Place { turns: self, name }, Arc::clone(turnstile)))
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut present = self.turns.present();
        present.all -= 1;
        if let Entry::Occupied(mut of_name) = present.of_names.entry(self.name) {
            of_name.get_mut().0 -= 1;
            if of_name.get().0 == 0 {
                of_name.remove();
            }
        }
        if let Entry::Occupied(mut of_store) = present.of_stores.entry(self.name.0) {
            *of_store.get_mut() -= 1;
            if *of_store.get() == 0 {
                of_store.remove();
            }
        }
    }
}

/// At one name's turnstile.
const MOST_OF_NAME: usize = 64;

/// At those of one store.
pub const MOST_OF_STORE: usize = 512;

/// At all of them; as many as may wait for a password hash.
const MOST: usize = 2_048;

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use super::*;

    const ACME: StoreId = StoreId(1);

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn digest(n: usize) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[24..].copy_from_slice(&n.to_be_bytes());
        digest
    }

    #[tokio::test]
    async fn those_of_one_name_take_turns_and_nobody_else_waits_for_them() {
        let turns = Turns::default();
        let first = turns.take(ACME, digest(1)).await.unwrap();
        let mut second = pin!(turns.take(ACME, digest(1)));
        assert!(poll(second.as_mut()).is_pending());
        for n in 2..300 {
            drop(turns.take(ACME, digest(n)).await.unwrap());
        }
        drop(turns.take(StoreId(2), digest(1)).await.unwrap());
        drop(first);
        let Poll::Ready(Ok(second)) = poll(second.as_mut()) else { panic!("it is its turn") };
        let mut third = pin!(turns.take(ACME, digest(1)));
        assert!(poll(third.as_mut()).is_pending());
        drop(second);
        assert!(poll(third.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_leaves_nothing_behind() {
        let turns = Turns::default();
        let first = turns.take(ACME, digest(1)).await.unwrap();
        {
            let mut second = pin!(turns.take(ACME, digest(1)));
            assert!(poll(second.as_mut()).is_pending());
        }
        drop(first);
        let present = turns.present();
        assert!(present.of_names.is_empty() && present.of_stores.is_empty() && present.all == 0);
    }

    #[tokio::test]
    async fn a_name_a_store_and_the_whole_have_bounds() {
        let turns = Turns::default();
        let mut all: Vec<_> =
            (0..MOST_OF_NAME).map(|_| turns.enter((ACME, digest(0))).unwrap()).collect();
        let refused = turns.take(ACME, digest(0)).await.err();
        assert!(matches!(refused, Some(Error::TooSoon { seconds: 1 })), "{refused:?}");
        all.extend((MOST_OF_NAME..MOST_OF_STORE).map(|n| turns.enter((ACME, digest(n))).unwrap()));
        let refused = turns.take(ACME, digest(9_999)).await.err();
        assert!(matches!(refused, Some(Error::TooSoon { seconds: 1 })), "{refused:?}");
        for store in 2..=4 {
            let names = (0..MOST_OF_STORE).map(|n| (StoreId(store), digest(n)));
            all.extend(names.map(|name| turns.enter(name).unwrap()));
        }
        let refused = turns.take(StoreId(5), digest(0)).await.err();
        assert!(matches!(refused, Some(Error::Unavailable(_))), "{refused:?}");
        all.pop();
        drop(turns.take(StoreId(5), digest(0)).await.unwrap());
    }
}
