//! Where nothing may be sent. It is asked of the address that is connected to, after names were looked up, so that no
//! way of writing an address gets by it, and no answer of a name server that changes in between.

use std::net::SocketAddr;

use kernel::{Network, public};

use crate::model::Fault;

/// Says where connections may go.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allowed: Vec<Network>,
    only_allowed: bool,
}

impl Guard {
    /// Public addresses by https on port 443; those in these ranges on any port, and by http.
    #[must_use]
    pub fn allowing(allowed: Vec<Network>) -> Self {
        Self { allowed, only_allowed: false }
    }

    /// The same, and nothing outside the ranges.
    #[must_use]
    pub fn only(self) -> Self {
        Self { only_allowed: true, ..self }
    }

    /// Whether nothing outside the ranges is reached.
    pub(crate) fn is_only(&self) -> bool {
        self.only_allowed
    }

    /// Whether a connection may go there.
    pub(crate) fn admit(&self, address: SocketAddr, is_https: bool) -> Result<(), Fault> {
        let meant = public::meant(address.ip());
        if self.allowed.iter().any(|range| range.contains(meant) || range.contains(address.ip())) {
            return Ok(());
        }
        if self.only_allowed {
            return Err(Fault::OutsideTrial);
        }
        let is_public = public::is_public(meant) && is_https && address.port() == 443;
        if is_public { Ok(()) } else { Err(Fault::Forbidden) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], expected: Result<(), Fault>) {
        for text in addresses {
            let address = SocketAddr::new(text.parse().expect("an address"), 443);
            assert_eq!(Guard::default().admit(address, true), expected, "{text}");
        }
    }

    #[test]
    fn what_anybody_may_have_is_reached() {
        check(
            &[
                "1.1.1.1",
                "93.184.216.34",
                "100.63.255.255",
                "100.128.0.0",
                "172.32.0.1",
                "2606:4700::1111",
            ],
            Ok(()),
        );
        check(&["2001:4860:4860::8888", "2a00:1450::5", "3fff:1000::1"], Ok(()));
    }

    #[test]
    fn private_addresses_are_refused() {
        check(
            &["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
            Err(Fault::Forbidden),
        );
        check(
            &["100.64.0.1", "100.100.100.200", "fc00::1", "fd00:ec2::254"],
            Err(Fault::Forbidden),
        );
    }

    #[test]
    fn loopback_is_refused() {
        check(
            &["127.0.0.1", "127.255.0.9", "::1", "0.0.0.0", "0.1.2.3", "::"],
            Err(Fault::Forbidden),
        );
    }

    #[test]
    fn link_local_and_what_clouds_tell_their_machines_are_refused() {
        check(
            &[
                "169.254.0.1",
                "169.254.169.254",
                "168.63.129.16",
                "192.0.0.192",
                "fe80::1",
                "fec0::1",
            ],
            Err(Fault::Forbidden),
        );
    }

    #[test]
    fn what_is_nobodys_address_is_refused() {
        check(
            &[
                "224.0.0.1",
                "239.1.2.3",
                "240.0.0.1",
                "255.255.255.255",
                "192.0.2.1",
                "198.51.100.7",
            ],
            Err(Fault::Forbidden),
        );
        check(&["203.0.113.9", "198.18.0.1", "192.88.99.1", "2001:db8::1"], Err(Fault::Forbidden));
        check(&["ff02::1", "3fff::1", "4000::1", "100::1", "5f00::1"], Err(Fault::Forbidden));
    }

    #[test]
    fn an_ipv4_address_in_ipv6s_clothes_is_taken_for_what_it_is() {
        check(
            &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"],
            Err(Fault::Forbidden),
        );
        check(&["::ffff:93.184.216.34"], Ok(()));
        // Compatible ones, which nobody uses any more.
        check(&["::127.0.0.1", "::93.184.216.34"], Err(Fault::Forbidden));
    }

    #[test]
    fn an_ipv4_address_behind_nat64_is_taken_for_what_it_is() {
        check(
            &["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1"],
            Err(Fault::Forbidden),
        );
        check(&["64:ff9b::93.184.216.34"], Ok(()));
        check(&["64:ff9b:1::93.184.216.34"], Err(Fault::Forbidden));
    }

    #[test]
    fn tunnels_that_carry_an_ipv4_address_are_refused() {
        check(&["2002:7f00:1::1", "2002:a00:1::1", "2001:0:7f00:1::1"], Err(Fault::Forbidden));
    }

    #[test]
    fn a_public_address_is_reached_by_https_on_443_alone() {
        let guard = Guard::default();
        let at = |port| SocketAddr::from(([93, 184, 216, 34], port));
        assert_eq!(guard.admit(at(443), true), Ok(()));
        assert_eq!(guard.admit(at(443), false), Err(Fault::Forbidden));
        assert_eq!(guard.admit(at(80), false), Err(Fault::Forbidden));
        assert_eq!(guard.admit(at(8443), true), Err(Fault::Forbidden));
    }

    #[test]
    fn a_range_that_is_allowed_is_reached_on_any_port_and_nothing_else_is() {
        let allowed = vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let guard = Guard::allowing(allowed);
        let admit = |text: &str| guard.admit(text.parse().unwrap(), false);
        assert_eq!(admit("127.0.0.1:8080"), Ok(()));
        assert_eq!(admit("[::ffff:127.0.0.1]:8080"), Ok(()));
        assert_eq!(admit("[fd00::7]:80"), Ok(()));
        assert_eq!(admit("[::1]:8080"), Err(Fault::Forbidden));
        assert_eq!(admit("10.0.0.1:8080"), Err(Fault::Forbidden));
        assert_eq!(guard.admit("93.184.216.34:443".parse().unwrap(), true), Ok(()));
        let only = guard.clone().only();
        assert_eq!(only.admit("127.0.0.1:8080".parse().unwrap(), false), Ok(()));
        let outside = only.admit("93.184.216.34:443".parse().unwrap(), true);
        assert_eq!(outside, Err(Fault::OutsideTrial));
        assert_eq!(only.admit("10.0.0.1:443".parse().unwrap(), true), Err(Fault::OutsideTrial));
    }
}
