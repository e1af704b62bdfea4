use std::{fmt::Write as _, net::IpAddr};

use kernel::{Chance, ChannelId, CustomerId, Timestamp, hex};
use sha2::{Digest as _, Sha256};

/// A session: who is signed in, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub customer: CustomerId,
    pub channel: ChannelId,
    pub begun_at: Timestamp,
    /// From then on it is none.
    pub expires_at: Timestamp,
}

/// What a login token states. Its signature has been checked, and nothing else.
#[derive(Clone, Debug)]
pub struct Statement {
    pub issued_at: i64,
    pub expires_at: Option<i64>,
    pub name: String,
    pub operation: String,
    pub store_hash: String,
    pub customer: i64,
    pub channel: Option<i64>,
    pub address: Option<String>,
    pub destination: Option<String>,
}

/// A login token that holds for this visitor, now, if it was not used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginToken {
    /// What it is known by once it has been used: the digest of its `jti`.
    pub digest: [u8; 32],
    /// When it need not be remembered any more, because it is too old in any case.
    pub forgotten_at: Timestamp,
    pub customer: CustomerId,
    pub channel: ChannelId,
    pub destination: Destination,
}

/// Why somebody is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no login token.
    Unreadable,
    /// It was not signed by an app of this store.
    Unproven,
    /// It was made too long ago, or by a clock that is ahead.
    Expired,
    OtherStore,
    OtherAddress,
    /// The page to go to is not on this storefront.
    Away,
    UnknownCustomer,
    /// The customer may not sign in on this channel.
    NoAccess,
    Used,
}

impl LoginToken {
    /// Hold a statement against the moment, the storefront and the visitor.
    pub fn new(
        said: &Statement,
        store_hash: &str,
        channel: ChannelId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if said.operation != "customer_login" || said.name.is_empty() {
            return Err(Refusal::Unreadable);
        }
        if said.store_hash != store_hash {
            return Err(Refusal::OtherStore);
        }
        let age = now.seconds().saturating_sub(said.issued_at);
        let is_over = said.expires_at.is_some_and(|at| at <= now.seconds());
        if !(-LIFE..=LIFE).contains(&age) || is_over {
            return Err(Refusal::Expired);
        }
        if let Some(expected) = &said.address {
            let expected: Option<IpAddr> = expected.trim().parse().ok();
            let is_theirs =
                expected.map(|it| it.to_canonical()) == address.map(|it| it.to_canonical());
            if expected.is_none() || !is_theirs {
                return Err(Refusal::OtherAddress);
            }
        }
        let destination = match said.destination.as_deref() {
            None | Some("") => Destination::default(),
            Some(path) => Destination::new(path).ok_or(Refusal::Away)?,
        };
        Ok(Self {
            digest: Sha256::digest(said.name.as_bytes()).into(),
            forgotten_at: Timestamp::from_seconds(said.issued_at).plus_seconds(2 * LIFE),
            customer: CustomerId(said.customer),
            channel: said.channel.map_or(channel, ChannelId),
            destination,
        })
    }
}

/// Where a shopper goes after signing in: a path on the storefront they are at, fit for a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination(String);

impl Default for Destination {
    /// As published.
    fn default() -> Self {
        Self("/account.php".to_owned())
    }
}

impl Destination {
    /// A path that begins with `/`. What a browser would take for another host is refused: a second `/`, a `\`, and
    /// the control characters that browsers leave out.
    #[must_use]
    pub fn new(path: &str) -> Option<Self> {
        let is_path =
            path.starts_with('/') && !path.starts_with("//") && path.len() <= LONGEST_PATH;
        if !is_path || path.contains('\\') || path.chars().any(char::is_control) {
            return None;
        }
        let mut text = String::with_capacity(path.len());
        for byte in path.bytes() {
            if byte.is_ascii_graphic() {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        Some(Self(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Refusal {
    /// What the shopper is told. It repeats nothing of what was sent.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Unreadable => {
                "The link is not complete. Please open it again as it was given to you."
            }
            Self::Unproven => "The link does not come from an app that this store knows.",
            Self::Expired => {
                "The link has expired. Please ask for a new one: it can be used for half a minute."
            }
            Self::OtherStore => "The link is for another store.",
            Self::OtherAddress => "The link was made for another internet address than yours.",
            Self::Away => "The link leads away from this store.",
            Self::UnknownCustomer => "There is no such account at this store.",
            Self::NoAccess => "The account may not sign in here.",
            Self::Used => "The link has been used already. Please ask for a new one.",
        }
    }
}

impl Session {
    /// From now on, for a week.
    #[must_use]
    pub fn new(customer: CustomerId, channel: ChannelId, now: Timestamp) -> Self {
        Self { customer, channel, begun_at: now, expires_at: now.plus_seconds(SESSION) }
    }
}

/// A new key for a session. It goes to the browser and is kept nowhere else.
#[must_use]
pub fn draw_key(chance: &dyn Chance) -> String {
    let mut key = [0; 32];
    chance.fill(&mut key);
    hex(&key)
}

/// Seconds for which a session lasts: a week.
pub const SESSION: i64 = 7 * 86_400;

/// Seconds for which a login token holds, before and after the moment that it names.
const LIFE: i64 = 30;

const LONGEST_PATH: usize = 2_048;

/// What a session is found by.
#[must_use]
pub fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// What a session is called where something is told of it: it opens nothing.
#[must_use]
pub fn session_name(key: &str) -> String {
    hex(&digest(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_717_243_200);

    fn said() -> Statement {
        Statement {
            issued_at: NOW.seconds(),
            expires_at: None,
            name: "n".to_owned(),
            operation: "customer_login".to_owned(),
            store_hash: "acme".to_owned(),
            customer: 1,
            channel: None,
            address: None,
            destination: None,
        }
    }

    #[track_caller]
    fn check(said: &Statement, expected: Result<(), Refusal>) {
        let here = "192.0.2.1".parse().ok();
        let token = LoginToken::new(said, "acme", ChannelId(1), here, NOW);
        assert_eq!(token.map(|_| ()), expected, "{said:?}");
    }

    #[test]
    fn a_token_holds_for_half_a_minute_before_and_after() {
        for (seconds, expected) in [(0, Ok(())), (30, Ok(())), (31, Err(Refusal::Expired))] {
            check(&Statement { issued_at: NOW.seconds() - seconds, ..said() }, expected);
            check(&Statement { issued_at: NOW.seconds() + seconds, ..said() }, expected);
        }
        for issued_at in [i64::MIN, i64::MAX, 0] {
            check(&Statement { issued_at, ..said() }, Err(Refusal::Expired));
        }
        let over = Some(NOW.seconds());
        check(&Statement { expires_at: over, ..said() }, Err(Refusal::Expired));
        check(&Statement { expires_at: over.map(|at| at + 1), ..said() }, Ok(()));
    }

    #[test]
    fn a_used_token_is_remembered_for_as_long_as_it_would_hold() {
        let late = Statement { issued_at: NOW.seconds() + 30, ..said() };
        let token = LoginToken::new(&late, "acme", ChannelId(1), None, NOW).unwrap();
        assert!(token.forgotten_at > Timestamp::from_seconds(late.issued_at + LIFE));
    }

    #[test]
    fn an_address_that_is_named_has_to_be_the_visitors() {
        for (address, expected) in [
            ("192.0.2.1", Ok(())),
            ("::ffff:192.0.2.1", Ok(())),
            ("192.0.2.2", Err(Refusal::OtherAddress)),
            ("", Err(Refusal::OtherAddress)),
            ("nonsense", Err(Refusal::OtherAddress)),
        ] {
            check(&Statement { address: Some(address.to_owned()), ..said() }, expected);
        }
        let named = Statement { address: Some("192.0.2.1".to_owned()), ..said() };
        let nowhere = LoginToken::new(&named, "acme", ChannelId(1), None, NOW);
        assert_eq!(nowhere, Err(Refusal::OtherAddress));
    }

    #[test]
    fn only_paths_of_this_storefront_are_gone_to() {
        #[track_caller]
        fn check(path: &str, expected: Option<&str>) {
            assert_eq!(
                Destination::new(path).as_ref().map(Destination::as_str),
                expected,
                "{path:?}"
            );
        }
        check("/", Some("/"));
        check("/shop-all/?a=b&c=d#e", Some("/shop-all/?a=b&c=d#e"));
        check("/a//b", Some("/a//b"));
        check("/ä b", Some("/%C3%A4%20b"));
        let away = [
            "//evil.example",
            "///evil.example",
            "https://evil.example",
            "evil.example",
            "javascript:alert(1)",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nX: y",
            "/a\u{0}",
            "\t//evil.example",
            " /a",
            "/\u{85}/a",
        ];
        for path in away {
            check(path, None);
        }
        check(&format!("/{}", "a".repeat(LONGEST_PATH)), None);
    }
}
