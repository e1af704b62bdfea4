use std::{net::IpAddr, str::FromStr};

/// A range of addresses, as an operator writes it: `10.0.0.0/8`, `::1/128`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no range of addresses, such as 10.0.0.0/8 or ::1/128")]
pub struct NotNetwork;

impl Network {
    /// Whether the address is in the range. An IPv4 address that is written as one of IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let alike = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        alike >= self.bits
    }
}

impl FromStr for Network {
    type Err = NotNetwork;

    fn from_str(text: &str) -> Result<Self, NotNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotNetwork)?;
        // A range of IPv4 has one way to be written.
        if address.to_canonical() != address {
            return Err(NotNetwork);
        }
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= most).ok_or(NotNetwork)?
            }
            Some(_) => return Err(NotNetwork),
        };
        Ok(Self { address, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, inside: &[&str], outside: &[&str]) {
        let range: Network = range.parse().unwrap();
        for address in inside {
            assert!(range.contains(address.parse().unwrap()), "{address}");
        }
        for address in outside {
            assert!(!range.contains(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_range_holds_what_begins_as_it_does() {
        check(
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.1.2", "::ffff:10.1.1.1"],
            &["11.0.0.0", "::1", "::a00:1"],
        );
        check("127.0.0.1", &["127.0.0.1"], &["127.0.0.2"]);
        check("::1/128", &["::1"], &["::2", "127.0.0.1"]);
        check("fd00::/8", &["fd12::1"], &["fe80::1"]);
        check("0.0.0.0/0", &["1.2.3.4"], &["::1"]);
        check("192.168.1.77/24", &["192.168.1.1"], &["192.168.2.77"]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "a/8",
            "/8",
            "::ffff:10.0.0.0/104",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotNetwork), "{text}");
        }
    }
}
