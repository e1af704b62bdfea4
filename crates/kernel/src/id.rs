//! Identifiers. Each is its own type, so a store can never be passed for a customer.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Chance, Timestamp};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }
    )+};
}

id! {
    /// One tenant. Ten decimal digits, drawn at random when the store is made; webhook bodies show it.
    StoreId,
    /// A customer within a store: numbered per store from 1, never used twice.
    CustomerId,
    /// An address of a customer, within a store: numbered per store from 1, never used twice.
    AddressId,
    /// An API account (client id, client secret, access token); recorded as the author of every change.
    AccountId,
    /// A sales channel within a store. Channel 1 is the default storefront.
    ChannelId,
    /// A customer group within a store; 0 on the wire is "none".
    GroupId,
    /// A subscriber to a store's newsletters: numbered per store from 1, never used twice.
    SubscriberId,
    /// A wishlist within a store: numbered per store from 1, never used twice.
    WishlistId,
    /// An item of a wishlist: numbered per store from 1, never used twice.
    WishlistItemId,
    /// A form field that a store has defined: numbered per store from 1, never used twice.
    FormFieldId,
    /// A segment within a store, as rows refer to it: in the order of making. The wire shows a UUID.
    SegmentNumber,
    /// A shopper profile within a store, as rows refer to it: in the order of making. The wire shows a UUID.
    ProfileNumber,
    /// A customer attribute within a store: what may be said of every customer.
    AttributeId,
    /// The value of one attribute for one customer, within a store.
    AttributeValueId,
    /// A metafield within a store: what an app keeps beside a customer.
    MetafieldId,
    /// A webhook within a store: numbered per store from 1, never used twice.
    HookId,
}

/// Draws the 64-bit, time-ordered numbers of events and audit lines.
///
/// The upper bits are microseconds since 2020 (enough until 2091), the lower 12 a number this process drew
/// when it started. Within a process no number is given twice: a second draw in the same microsecond takes
/// the next one. Two processes meet only if they drew one number of 4096, and then only where they write to
/// one store in one microsecond; the later transaction then fails whole.
#[derive(Debug)]
pub struct EventIds {
    process: i64,
    last: AtomicI64,
}

impl EventIds {
    /// A source with a process number of its own.
    #[must_use]
    pub fn new(chance: &dyn Chance) -> Self {
        Self { process: i64::from(chance.number() & 0xfff), last: AtomicI64::new(0) }
    }

    /// The next number, no earlier than `now` and larger than all before it.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> i64 {
        let previous = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.0.max(last + 1)));
        let last = previous.unwrap_or_else(|last| last);
        ((now.0.max(last + 1) - EPOCH.0) << 12) | self.process
    }

    /// The lowest number that something from this moment on may have.
    #[must_use]
    pub fn earliest(at: Timestamp) -> i64 {
        at.0.saturating_sub(EPOCH.0).clamp(0, i64::MAX >> 12) << 12
    }

    /// So many of the next numbers.
    #[must_use]
    pub fn several(&self, now: Timestamp, count: usize) -> Vec<i64> {
        (0..count).map(|_| self.next(now)).collect()
    }

    /// A number for an event and one for an audit line.
    #[must_use]
    pub fn pair(&self, now: Timestamp) -> (i64, i64) {
        (self.next(now), self.next(now))
    }

    /// The same for each of so many rows.
    #[must_use]
    pub fn pairs(&self, now: Timestamp, rows: usize) -> Vec<(i64, i64)> {
        (0..rows).map(|_| self.pair(now)).collect()
    }
}

/// 1 January 2020.
const EPOCH: Timestamp = Timestamp::from_seconds(1_577_836_800);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededChance;

    #[test]
    fn event_ids_never_repeat_and_keep_the_order_of_time() {
        let ids = EventIds::new(&SeededChance::new(7));
        let at = Timestamp::from_seconds(1_700_000_000);
        let first = ids.next(at);
        let second = ids.next(at);
        let earlier = ids.next(Timestamp(at.0 - 5));
        let later = ids.next(Timestamp(at.0 + 1_000_000));
        assert!(first < second && second < earlier && earlier < later);
        assert!(first > 0, "fits in 63 bits");
        assert!((EventIds::earliest(at)..EventIds::earliest(Timestamp(at.0 + 1))).contains(&first));
        for wild in [i64::MIN, 0, i64::MAX] {
            assert!(EventIds::earliest(Timestamp(wild)) >= 0, "{wild}");
        }
    }
}
