use kernel::{ChannelId, CustomerId, StoreId, Timestamp};
use sha2::{Digest as _, Sha256};

/// Attempts for one address that have failed, or are not known to have succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    pub failures: i64,
    /// Until when no other is let in.
    pub locked_until: Timestamp,
    /// When all is forgiven.
    pub forgotten_at: Timestamp,
}

/// An account that an address and a channel lead to. Without `Debug`: nothing prints what is kept.
#[derive(Clone)]
pub struct Account {
    pub id: CustomerId,
    /// What is kept of its password; empty while none is set.
    pub password_hash: String,
}

/// How many whole seconds to wait, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub i64);

/// Where somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nobody said: who has access everywhere.
    Anywhere,
    /// On this channel.
    On(ChannelId),
}

impl Attempts {
    /// Count one more attempt, as failed until it is known to have succeeded; or say how long to wait.
    ///
    /// Five are free. From the fifth on each is followed by a lock: a second, then twice as long each time, a
    /// quarter of an hour at most. A quarter of an hour without an attempt forgives one.
    pub fn begin(before: Option<Self>, now: Timestamp) -> Result<Self, Wait> {
        let failures = before.map_or(0, |before| before.left(now));
        if let Some(before) = before {
            let wait = before.locked_until.0 - now.0;
            // Longer than any lock: the clock was set back. Such a row must not shut anybody out for good.
            if wait > 0 && wait <= LONGEST * Timestamp::SECOND {
                return Err(Wait((wait + Timestamp::SECOND - 1) / Timestamp::SECOND));
            }
        }
        let failures = (failures + 1).min(MOST_FAILURES);
        let locked_until = now.plus_seconds(lock(failures));
        let forgotten_at = locked_until.plus_seconds(failures * FORGIVEN_EVERY);
        Ok(Self { failures, locked_until, forgotten_at })
    }

    /// How many are not forgiven yet.
    fn left(self, now: Timestamp) -> i64 {
        let quiet = (now.0 - self.locked_until.0).max(0);
        (self.failures - quiet / (FORGIVEN_EVERY * Timestamp::SECOND)).max(0)
    }
}

/// Whom an attempt is for: a digest, so that no address is kept of those who are no customers. Whoever has the
/// database and a list of addresses can still tell which of them are in it.
#[must_use]
pub fn digest(store: StoreId, email_key: &str) -> [u8; 32] {
    let digest =
        Sha256::new().chain_update(b"custodia sign-in\0").chain_update(store.0.to_be_bytes());
    digest.chain_update(email_key.as_bytes()).finalize().into()
}

/// Seconds of lock after so many failures.
fn lock(failures: i64) -> i64 {
    let beyond = failures - FREE;
    if beyond < 0 { 0 } else { (1 << beyond.min(10)).min(LONGEST) }
}

/// Attempts that no lock follows, and the one that the first lock follows.
const FREE: i64 = 5;

/// The longest lock, in seconds.
const LONGEST: i64 = 900;

/// Failures beyond which the lock does not grow: to be forgiven all takes under four hours.
const MOST_FAILURES: i64 = 15;

/// Seconds of quiet that forgive one failure.
const FORGIVEN_EVERY: i64 = 900;

/// Addresses of one store that are remembered. Past it those go that would be forgotten soonest, which are the
/// ones that failed least.
pub const MOST_KEPT: i64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_free_and_then_each_lock_is_twice_as_long_up_to_a_quarter_of_an_hour() {
        let mut now = Timestamp::from_seconds(1_000_000);
        let mut state = None;
        let mut locks = Vec::new();
        for _ in 0..18 {
            let after = Attempts::begin(state, now).unwrap();
            locks.push((after.locked_until.0 - now.0) / Timestamp::SECOND);
            if after.locked_until > now {
                let refused = Attempts::begin(Some(after), after.locked_until.plus_seconds(-1));
                assert_eq!(refused, Err(Wait(1)));
            }
            now = after.locked_until;
            state = Some(after);
        }
        let expected = [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900];
        assert_eq!(locks, expected);
        let state = state.unwrap();
        assert_eq!(state.forgotten_at, state.locked_until.plus_seconds(15 * 900));
    }

    #[test]
    fn quiet_forgives_one_after_the_other() {
        #[track_caller]
        fn check(quiet: i64, expected: i64) {
            let at = Timestamp::from_seconds(1_000_000);
            let before = Attempts { failures: 6, locked_until: at, forgotten_at: at };
            let after = Attempts::begin(Some(before), at.plus_seconds(quiet)).unwrap();
            assert_eq!(after.failures, expected);
        }
        check(0, 7);
        check(899, 7);
        check(900, 6);
        check(4 * 900, 3);
        check(100 * 900, 1);
    }

    #[test]
    fn a_clock_set_back_shuts_nobody_out_for_longer_than_the_longest_lock() {
        let at = Timestamp::from_seconds(1_000_000);
        let before = Attempts { failures: 15, locked_until: at, forgotten_at: at };
        assert_eq!(Attempts::begin(Some(before), at.plus_seconds(-900)), Err(Wait(900)));
        let after = Attempts::begin(Some(before), at.plus_seconds(-901)).unwrap();
        assert_eq!(after.failures, 15);
    }
}
