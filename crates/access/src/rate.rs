//! How much an account may send: a fixed window that its first request opens (observed.md 3), and a
//! number of requests at once for the operations that have one (ruling 24). And how often a storefront may be asked,
//! and accounts be made there, by all its visitors and by each.
//!
//! Counted in this process: two servers of one installation each grant the whole quota.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kernel::{AccountId, Clock, StoreId, Timestamp};

use crate::{
    Plan,
    crowd::{Bounds, Crowd},
};

/// What the four `X-Rate-Limit-*` headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests left in this window, this one already taken off.
    pub left: u32,
    /// Requests in a whole window.
    pub quota: u32,
    /// Until the window ends, in milliseconds.
    pub reset_ms: i64,
}

impl Allowance {
    /// What a store without a limit is told: a quota that nobody reaches.
    pub const UNLIMITED: Self =
        Self { left: i32::MAX as u32, quota: i32::MAX as u32, reset_ms: Plan::WINDOW_MS };

    /// Whole seconds until the window ends, at least 1: the `X-Retry-After` of a 429.
    #[must_use]
    pub fn retry_after_seconds(self) -> i64 {
        (self.reset_ms + 999).div_euclid(1000).max(1)
    }
}

/// A stretch of time, and what was taken in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    opened_at: Timestamp,
    taken: u32,
}

impl Window {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { opened_at: now, taken: 0 }
    }

    /// Take one request off the window, or open a new one. `Err` when none is left.
    pub(crate) fn take(
        &mut self,
        quota: u32,
        length_ms: i64,
        now: Timestamp,
    ) -> Result<Allowance, Allowance> {
        self.renew(length_ms, now);
        if self.taken >= quota {
            return Err(self.spent(quota, length_ms, now));
        }
        self.taken += 1;
        Ok(Allowance { left: quota - self.taken, ..self.spent(quota, length_ms, now) })
    }

    /// Open a new one if this one has ended, and tell whether it had.
    pub(crate) fn renew(&mut self, length_ms: i64, now: Timestamp) -> bool {
        // A clock that was set back must not lock an account out for longer than a window.
        let has_ended = !(0..length_ms).contains(&self.age_ms(now));
        if has_ended {
            *self = Self::new(now);
        }
        has_ended
    }

    /// What is told of it where nothing is left.
    pub(crate) fn spent(self, quota: u32, length_ms: i64, now: Timestamp) -> Allowance {
        Allowance { left: 0, quota, reset_ms: length_ms - self.age_ms(now) }
    }

    fn age_ms(self, now: Timestamp) -> i64 {
        (now.0 - self.opened_at.0) / 1000
    }
}

/// The windows of all accounts, and what they have in flight. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Limiter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    windows: HashMap<AccountId, Window>,
    in_flight: HashMap<(AccountId, &'static str), u32>,
    /// Those who visit a store's storefronts.
    visits: HashMap<StoreId, Crowd>,
    /// Those who make an account there.
    sign_ups: HashMap<StoreId, Crowd>,
}

impl Limiter {
    /// Take one request off the account's window. `Err` when none is left: the caller is told 429.
    pub fn take(
        &self,
        account: AccountId,
        plan: Plan,
        clock: &dyn Clock,
    ) -> Result<Allowance, Allowance> {
        let Some(quota) = plan.quota() else { return Ok(Allowance::UNLIMITED) };
        let now = clock.now();
        let mut state = self.lock();
        let window = state.windows.entry(account).or_insert(Window::new(now));
        window.take(quota, Plan::WINDOW_MS, now)
    }

    /// Take one request off what the storefronts of a store may be asked, [`MOST_VISITS`] in a window whatever the
    /// store's plan: nobody knows who asks, and other stores are served beside it. One visitor has a tenth of it.
    /// `Err` when none is left.
    pub fn visit(
        &self,
        store: StoreId,
        address: Option<IpAddr>,
        clock: &dyn Clock,
    ) -> Result<Allowance, Allowance> {
        let now = clock.now();
        let mut state = self.lock();
        let crowd = state.visits.entry(store).or_insert_with(|| Crowd::new(now));
        crowd.take(address, VISITS, now)
    }

    /// Take one off the accounts that may be made at a store's storefronts, [`MOST_SIGN_UPS`] by one visitor in ten
    /// minutes. `Err` when none is left.
    pub fn sign_up(
        &self,
        store: StoreId,
        address: Option<IpAddr>,
        clock: &dyn Clock,
    ) -> Result<Allowance, Allowance> {
        let now = clock.now();
        let mut state = self.lock();
        let crowd = state.sign_ups.entry(store).or_insert_with(|| Crowd::new(now));
        crowd.take(address, SIGN_UPS, now)
    }

    /// Begin a request of an operation that admits `most` at once; its place is free again when the
    /// returned guard is dropped. `None` when there is no place.
    #[must_use]
    pub fn enter(
        &self,
        account: AccountId,
        operation: &'static str,
        most: u32,
    ) -> Option<InFlight> {
        let key = (account, operation);
        let mut state = self.lock();
        let running = state.in_flight.entry(key).or_insert(0);
        if *running >= most {
            return None;
        }
        *running += 1;
        Some(InFlight { limiter: self.clone(), key })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often the storefronts of one store may be asked in a window: 200 times a second.
pub const MOST_VISITS: u32 = 6_000;

/// How often one visitor may ask them: 20 times a second. An office has one address, too.
pub const MOST_VISITS_OF_ONE: u32 = 600;

/// How many accounts one visitor may try to make at a store's storefronts in ten minutes.
pub const MOST_SIGN_UPS: u32 = 10;

const VISITS: Bounds =
    Bounds { all: MOST_VISITS, each: MOST_VISITS_OF_ONE, window_ms: Plan::WINDOW_MS };

/// All visitors together make more than this only if they are no people.
const SIGN_UPS: Bounds = Bounds { all: 6_000, each: MOST_SIGN_UPS, window_ms: 600_000 };

/// A request that is running.
#[derive(Debug)]
pub struct InFlight {
    limiter: Limiter,
    key: (AccountId, &'static str),
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.limiter.lock();
        if let Some(running) = state.in_flight.get_mut(&self.key) {
            *running -= 1;
            if *running == 0 {
                state.in_flight.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::SetClock;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const ACCOUNT: AccountId = AccountId(1);

    fn later(ms: i64) -> Timestamp {
        Timestamp(START.0 + ms * 1000)
    }

    #[test]
    fn a_window_counts_down_and_opens_anew_after_thirty_seconds() {
        let limiter = Limiter::default();
        let take = |ms| limiter.take(ACCOUNT, Plan::Standard, &SetClock::new(later(ms)));
        assert_eq!(take(0), Ok(Allowance { left: 149, quota: 150, reset_ms: 30_000 }));
        assert_eq!(take(29_510), Ok(Allowance { left: 148, quota: 150, reset_ms: 490 }));
        for _ in 0..148 {
            assert!(take(29_510).is_ok());
        }
        let refused = take(29_999).unwrap_err();
        assert_eq!(refused, Allowance { left: 0, quota: 150, reset_ms: 1 });
        assert_eq!(refused.retry_after_seconds(), 1);
        assert_eq!(take(30_000), Ok(Allowance { left: 149, quota: 150, reset_ms: 30_000 }));
        assert_eq!(take(-60_000).unwrap().left, 149, "a clock set back opens a new window");
    }

    #[test]
    fn accounts_do_not_share_a_window() {
        let limiter = Limiter::default();
        let take = |account| limiter.take(account, Plan::Standard, &SetClock::new(START));
        for _ in 0..150 {
            take(ACCOUNT).unwrap();
        }
        assert!(take(ACCOUNT).is_err());
        assert!(take(AccountId(2)).is_ok());
    }

    #[test]
    fn a_place_is_free_again_when_its_request_ends() {
        let limiter = Limiter::default();
        let first = limiter.enter(ACCOUNT, "PUT /customers", 1).unwrap();
        assert!(limiter.enter(ACCOUNT, "PUT /customers", 1).is_none());
        assert!(limiter.enter(ACCOUNT, "GET /customers", 1).is_some());
        drop(first);
        assert!(limiter.enter(ACCOUNT, "PUT /customers", 1).is_some());
        assert!(limiter.lock().in_flight.is_empty(), "nothing is kept of what has ended");
    }
}
