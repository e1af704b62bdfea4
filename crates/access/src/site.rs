use std::{fmt, str::FromStr, sync::Arc};

use kernel::{ChannelId, Timestamp};

use crate::Store;

/// A storefront: where a domain leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What shoppers call it by.
    pub domain: Domain,
    /// The store that sells there.
    pub store: Arc<Store>,
    /// The store's channel that it belongs to.
    pub channel: ChannelId,
    /// When it was given to the store.
    pub added_at: Timestamp,
}

/// The name of a host, in lower case, without a port and without a dot at its end: at most 253 letters, digits,
/// `-` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// A text is no domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDomain;

impl Domain {
    /// The domain of a `Host`, with or without a port.
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let name = match host.rsplit_once(':') {
            Some((name, port)) if is_port(port) => name,
            _ => host,
        };
        name.parse().ok()
    }

    /// Its letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = NoDomain;

    fn from_str(text: &str) -> Result<Self, NoDomain> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            matches!(label.len(), 1..=63)
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= 253 && text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NoDomain)
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NoDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a host's name, such as shop.example, without a port")
    }
}

impl std::error::Error for NoDomain {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, expected: Option<&str>) {
        assert_eq!(Domain::of_host(host).as_ref().map(Domain::as_str), expected, "{host}");
    }

    #[test]
    fn a_host_is_read_without_its_port_and_without_case() {
        check("shop.example", Some("shop.example"));
        check("Shop.EXAMPLE:8443", Some("shop.example"));
        check("shop.example.", Some("shop.example"));
        check("localhost:80", Some("localhost"));
        check("127.0.0.1:80", Some("127.0.0.1"));
        check("xn--bcher-kva.example", Some("xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_name_of_a_host_leads_nowhere() {
        for host in
            ["", ".", "a..b", "-a", "a-", "a b", "a/b", "a@b", "bücher.example", "[::1]:80", "a:b"]
        {
            check(host, None);
        }
        check(&"a".repeat(64), None);
        check(&format!("{}a", "a.".repeat(127)), None);
    }
}
