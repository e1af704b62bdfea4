use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use kernel::Timestamp;

use crate::rate::{Allowance, Window};

/// The visitors of one store's storefronts, in a window that the first of them opens and all share. Nobody is
/// remembered for longer than it lasts, and no more of them than may come in it.
#[derive(Debug)]
pub(crate) struct Crowd {
    window: Window,
    each: HashMap<Origin, u32>,
}

/// How often visitors may come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// All of them together.
    pub(crate) all: u32,
    pub(crate) each: u32,
    /// In so many milliseconds.
    pub(crate) window_ms: i64,
}

/// Where a visitor comes from, as far as one can be told from another: an address of IPv4, or the half of one of IPv6
/// that names a network, since whoever has one address there has them all. Those of whom it is not known are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Origin(Option<IpAddr>);

impl Crowd {
    /// Nobody has come yet.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { window: Window::new(now), each: HashMap::new() }
    }

    /// Take one visit off what this visitor has, and off what all have. `Err` when either has none left; then nothing
    /// is taken, so that who has used up their own leaves the others theirs.
    pub(crate) fn take(
        &mut self,
        address: Option<IpAddr>,
        bounds: Bounds,
        now: Timestamp,
    ) -> Result<Allowance, Allowance> {
        if self.window.renew(bounds.window_ms, now) {
            self.each = HashMap::new();
        }
        let origin = Origin::of(address);
        let taken = self.each.get(&origin).copied().unwrap_or_default();
        if taken >= bounds.each {
            return Err(self.window.spent(bounds.each, bounds.window_ms, now));
        }
        let allowance = self.window.take(bounds.all, bounds.window_ms, now)?;
        self.each.insert(origin, taken + 1);
        Ok(allowance)
    }
}

impl Origin {
    fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Ipv6Addr::from_bits(network).into()
            }
            address @ IpAddr::V4(_) => address,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const BOUNDS: Bounds = Bounds { all: 5, each: 3, window_ms: 1_000 };

    #[test]
    fn who_has_used_up_their_own_leaves_the_others_theirs() {
        let mut crowd = Crowd::new(START);
        let mut take = |address: &str, ms: i64| {
            crowd.take(address.parse().ok(), BOUNDS, Timestamp(START.0 + ms * 1_000))
        };
        for _ in 0..3 {
            assert!(take("192.0.2.1", 0).is_ok());
        }
        for _ in 0..9 {
            assert_eq!(take("192.0.2.1", 1).unwrap_err().reset_ms, 999);
        }
        assert!(take("192.0.2.2", 1).is_ok());
        assert!(take("", 1).is_ok());
        // Five in all.
        assert_eq!(take("192.0.2.3", 999).unwrap_err().retry_after_seconds(), 1);
        assert!(take("192.0.2.1", 1_000).is_ok());
        assert!(take("192.0.2.1", -60_000).is_ok(), "a clock set back opens a new window");
    }

    #[test]
    fn no_more_are_remembered_than_may_come() {
        let mut crowd = Crowd::new(START);
        for host in 0..100 {
            let _ = crowd.take(Some([192, 0, 2, host].into()), BOUNDS, START);
        }
        assert_eq!(crowd.each.len(), 5);
        let later = START.plus_seconds(1);
        assert!(crowd.take(None, BOUNDS, later).is_ok());
        assert_eq!(crowd.each.len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_visitor_and_ipv4_is_itself_however_written() {
        #[track_caller]
        fn check(one: &str, other: &str, expected: bool) {
            let origin = |text: &str| Origin::of(text.parse().ok());
            assert_eq!(origin(one) == origin(other), expected, "{one} {other}");
        }
        check("2001:db8::1", "2001:db8::ffff:0:0:1", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("", "192.0.2.2", false);
    }
}
