use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use kernel::{
    AccountId, Error, HookId, Network, Result, Timestamp, Violations, check_email, public,
};

/// A wish of an API account to be told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub id: HookId,
    /// Who made it. Nobody else sees it, and its secret signs what is sent.
    pub account: AccountId,
    pub scope: EventScope,
    pub destination: Destination,
    /// What else is sent along; `None` where nothing was said of it.
    pub headers: Option<Headers>,
    pub is_active: bool,
    /// Whether it was the server that made it inactive, and not its account.
    pub is_deactivated: bool,
    /// Whether a history of what was sent is wanted.
    pub events_history_enabled: bool,
    pub created_at: Timestamp,
    /// When the account last changed it, or the server made it inactive.
    pub updated_at: Timestamp,
    /// When something last arrived; before that, when it was made or made active again.
    pub delivered_at: Timestamp,
}

/// How a webhook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is sent what it wants.
    Active,
    /// Its account does not want it now.
    Inactive,
    /// The server has given it up.
    Deactivated,
}

/// The scope of events that a webhook wants: that of one event, or a beginning of several with `/*` at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventScope(String);

/// Where a webhook is sent: an address that was found fit, and its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    url: String,
    domain: String,
}

/// What a webhook has sent along, by name as it was written. A value may be a secret: `Debug` shows names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<String, String>);

/// Whom to tell when something is the matter with an account's webhooks. Personal data: `Debug` shows how many.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Emails(Vec<String>);

/// Everything that is known of an account's webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    pub emails: Emails,
    pub hooks: Vec<Hook>,
    /// The domains of theirs to which nothing is sent, and until when.
    pub blocked: Vec<(String, Timestamp)>,
}

/// What a list of webhooks is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub is_active: Option<bool>,
    pub scope: Option<String>,
    pub destination: Option<String>,
}

/// What a request says of a webhook, unchecked: every field it names, and no other.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub scope: Option<String>,
    pub destination: Option<String>,
    /// `Some(None)` takes them away.
    pub headers: Option<Option<BTreeMap<String, String>>>,
    pub is_active: Option<bool>,
    pub events_history_enabled: Option<bool>,
}

/// The same, checked.
#[derive(Clone, Debug)]
pub struct Changes {
    scope: Option<EventScope>,
    destination: Option<Destination>,
    #[expect(clippy::option_option, reason = "as `Said` has it")]
    headers: Option<Option<Headers>>,
    is_active: Option<bool>,
    events_history_enabled: Option<bool>,
}

/// A webhook that is to be made. It has been checked.
#[derive(Clone, Debug)]
pub struct Draft {
    scope: EventScope,
    destination: Destination,
    changes: Changes,
}

impl Said {
    /// Whether it says nothing at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let Self { scope, destination, headers, is_active, events_history_enabled } = self;
        scope.is_none()
            && destination.is_none()
            && headers.is_none()
            && is_active.is_none()
            && events_history_enabled.is_none()
    }
}

impl Changes {
    /// Check what was said. Faults are named by field.
    pub fn new(said: Said, allow: &[Network]) -> Result<Self> {
        let mut faults = Violations::default();
        let scope = said.scope.map(|scope| EventScope::new(&scope));
        let scope = scope.and_then(|scope| noted(&mut faults, "scope", scope));
        let destination = said.destination.map(|url| Destination::new(&url, allow));
        let destination = destination.and_then(|it| noted(&mut faults, "destination", it));
        let headers = said.headers.map(|headers| {
            let headers = headers?;
            let rule = Headers::new(headers);
            rule.map_err(|(name, rule)| faults.add(path_of(name.as_deref()), rule)).ok()
        });
        faults.or(Self {
            scope,
            destination,
            headers,
            is_active: said.is_active,
            events_history_enabled: said.events_history_enabled,
        })
    }
}

impl Draft {
    /// Check what was said, to this scope and destination.
    pub fn new(scope: &str, destination: &str, said: Said, allow: &[Network]) -> Result<Self> {
        let mut faults = Violations::default();
        let scope = noted(&mut faults, "scope", EventScope::new(scope));
        let destination = noted(&mut faults, "destination", Destination::new(destination, allow));
        let changes = match Changes::new(Said { scope: None, destination: None, ..said }, allow) {
            Ok(changes) => Some(changes),
            Err(Error::Invalid(more)) => {
                more.into_map().into_iter().for_each(|(path, rule)| faults.add(path, rule));
                None
            }
            Err(error) => return Err(error),
        };
        match (scope, destination, changes) {
            (Some(scope), Some(destination), Some(changes)) => {
                Ok(Self { scope, destination, changes })
            }
            _ => Err(Error::Invalid(faults)),
        }
    }
}

impl Hook {
    /// A new webhook, active where nothing else is said.
    #[must_use]
    pub fn new(id: HookId, account: AccountId, draft: &Draft, at: Timestamp) -> Self {
        let Draft { scope, destination, changes } = draft;
        Self {
            id,
            account,
            scope: scope.clone(),
            destination: destination.clone(),
            headers: changes.headers.clone().flatten(),
            is_active: changes.is_active.unwrap_or(true),
            is_deactivated: false,
            events_history_enabled: changes.events_history_enabled.unwrap_or(false),
            created_at: at,
            updated_at: at,
            delivered_at: at,
        }
    }

    /// Take over what was said: the names of the fields that are others now.
    pub fn apply(&mut self, changes: &Changes, at: Timestamp) -> Vec<&'static str> {
        let before = self.clone();
        let Changes { scope, destination, headers, is_active, events_history_enabled } = changes;
        self.scope.clone_from(scope.as_ref().unwrap_or(&before.scope));
        self.destination.clone_from(destination.as_ref().unwrap_or(&before.destination));
        self.headers.clone_from(headers.as_ref().unwrap_or(&before.headers));
        self.is_active = is_active.unwrap_or(before.is_active);
        self.events_history_enabled =
            events_history_enabled.unwrap_or(before.events_history_enabled);
        let fields = [
            ("scope", self.scope != before.scope),
            ("destination", self.destination != before.destination),
            ("headers", self.headers != before.headers),
            ("is_active", self.is_active != before.is_active),
            (
                "events_history_enabled",
                self.events_history_enabled != before.events_history_enabled,
            ),
        ];
        let fields: Vec<_> =
            fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect();
        if !fields.is_empty() {
            // A clock that is behind must not turn the date back.
            self.updated_at = at.max(before.updated_at);
        }
        if self.is_active && !before.is_active {
            self.is_deactivated = false;
            self.delivered_at = at.max(before.delivered_at);
        }
        fields
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        match (self.is_active, self.is_deactivated) {
            (true, _) => Status::Active,
            (false, false) => Status::Inactive,
            (false, true) => Status::Deactivated,
        }
    }

    /// Refuse it beside the account's other webhooks: of those that hear when something cannot be delivered an
    /// account has one, and what is wrong with a destination is told at another.
    pub fn check_beside(&self, others: &[Self]) -> Result<()> {
        let mut faults = Violations::default();
        for other in others.iter().filter(|other| other.id != self.id) {
            let is_same = self.destination.is_same(&other.destination);
            match (self.scope.hears_of_failures(), other.scope.hears_of_failures()) {
                (true, true) => faults.add("scope", "may be that of one webhook only"),
                (true, false) if is_same => {
                    faults.add("destination", "must not be that of another webhook");
                }
                (false, true) if is_same => faults
                    .add("destination", format!("must not be that of the webhook for {FAILURES}")),
                _ => {}
            }
        }
        faults.or(())
    }
}

impl EventScope {
    /// A scope that there is, or the beginning of one with `/*` at its end. Those of which this server knows no
    /// event are taken too: apps ask for them along with the others.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_beginning = |beginning: &str| {
            beginning.starts_with("store/")
                && PUBLISHED.iter().any(|known| {
                    known.strip_prefix(beginning).is_some_and(|rest| rest.starts_with('/'))
                })
        };
        let is_known = PUBLISHED.contains(&text) || text == FAILURES || text == CONSENT;
        if is_known || text.strip_suffix("/*").is_some_and(is_beginning) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be a scope that there is")
        }
    }

    /// What the database says was a scope when it was written.
    #[must_use]
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it takes in an event of this scope.
    #[must_use]
    pub fn covers(&self, event: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => event.starts_with(beginning),
            None => self.0 == event,
        }
    }

    /// Whether it is that of what cannot be delivered.
    #[must_use]
    pub fn hears_of_failures(&self) -> bool {
        self.0 == FAILURES
    }
}

impl Destination {
    /// An address of https on port 443; any port, and http, where the host is written as an address, or as
    /// `localhost`, that one of these ranges allows. One that is nobody's to reach is refused here, where it shows; what
    /// a name leads to is looked at when something is sent there.
    pub fn new(url: &str, allow: &[Network]) -> Result<Self, &'static str> {
        if url.len() > LONGEST_URL {
            return Err("must be at most 2048 bytes long");
        }
        let parts = UrlParts::of(url)?;
        let domain = parts.host.to_ascii_lowercase();
        let addresses = addresses(&domain)?;
        let is_in = |range: &Network, it| range.contains(it) || range.contains(public::meant(it));
        let is_allowed = addresses.iter().any(|it| allow.iter().any(|range| is_in(range, *it)));
        if !is_allowed && !parts.is_tls {
            return Err("must be an address of https");
        }
        if !is_allowed && parts.port != 443 {
            return Err("must be on port 443");
        }
        if !is_allowed && !addresses.iter().all(|address| public::is_public(*address)) {
            return Err("must be at a public address");
        }
        Ok(Self { url: url.to_owned(), domain })
    }

    /// What the database says was one when it was written.
    #[must_use]
    pub fn kept(url: String, domain: String) -> Self {
        Self { url, domain }
    }

    /// The address, as it was written.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The host, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether both lead to one place, however each was written.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (UrlParts::of(&self.url), UrlParts::of(&other.url)) {
            (Ok(one), Ok(two)) => {
                // Without a path it is `/` that is asked for.
                let rest = |parts: &UrlParts<'_>| {
                    parts.rest.strip_prefix('/').unwrap_or(parts.rest).to_owned()
                };
                self.domain == other.domain
                    && (one.is_tls, one.port) == (two.is_tls, two.port)
                    && rest(&one) == rest(&two)
            }
            _ => self.url == other.url,
        }
    }
}

/// An address, taken apart.
struct UrlParts<'u> {
    is_tls: bool,
    /// As it was written, with the brackets of an IPv6 address.
    host: &'u str,
    port: u16,
    /// Path and query.
    rest: &'u str,
}

impl<'u> UrlParts<'u> {
    /// Nothing that two readers could read as two places: no name and password, no fragment, no blanks.
    fn of(url: &'u str) -> Result<Self, &'static str> {
        const NOT: &str = "must be an address such as https://example.com/webhooks";
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
        if !url.bytes().all(is_plain) {
            return Err(NOT);
        }
        let (scheme, rest) = url.split_once("://").ok_or(NOT)?;
        let is_tls = scheme.eq_ignore_ascii_case("https");
        if !is_tls && !scheme.eq_ignore_ascii_case("http") {
            return Err("must be an address of https");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('@') {
            return Err("must not hold a name or a password");
        }
        if rest.contains('#') {
            return Err("must not hold a fragment");
        }
        let (host, port) = match authority.rfind(':') {
            // The colons in brackets are those of the address.
            Some(at) if !authority[at..].contains(']') => {
                (&authority[..at], Some(&authority[at + 1..]))
            }
            _ => (authority, None),
        };
        let port = match port {
            None => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            Some(digits) if !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()) => {
                digits
                    .parse()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or("must be on a port that there is")?
            }
            Some(_) => return Err(NOT),
        };
        Ok(Self { is_tls, host, port, rest })
    }
}

/// The addresses that a host is by how it is written: its own where it is one, those of this machine for
/// `localhost`, none for every other name.
fn addresses(host: &str) -> Result<Vec<IpAddr>, &'static str> {
    const NOT: &str = "must have a host";
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(NOT)?;
        return inner.parse().map(|address| vec![IpAddr::V6(address)]).map_err(|_| NOT);
    }
    if let Ok(address) = host.parse() {
        return Ok(vec![IpAddr::V4(address)]);
    }
    if host == "localhost" {
        return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // `127.1`, `0x7f.1` and `2130706433` are addresses to some readers and names to others.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
    if host.len() > 253 || is_number || !host.split('.').all(is_label) {
        return Err(NOT);
    }
    Ok(Vec::new())
}

impl Headers {
    /// Check them: names and values that HTTP has, none that the server sets itself, so many and no more. The
    /// error has the name of the header at fault, where it may be told.
    pub fn new(headers: BTreeMap<String, String>) -> Result<Self, (Option<String>, &'static str)> {
        if headers.len() > MOST_HEADERS {
            return Err((None, "must be at most 50"));
        }
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > LARGEST_HEADERS {
            return Err((None, "must be at most 4096 bytes long in all"));
        }
        let mut seen = Vec::new();
        for (name, value) in &headers {
            let known = name.to_ascii_lowercase();
            if name.is_empty() || !name.bytes().all(is_of_token) {
                return Err((None, "must have names of letters, digits and -"));
            }
            let told = || Some(name.clone());
            if is_own_header(&known) {
                return Err((told(), "is set by this server"));
            }
            if seen.contains(&known) {
                return Err((told(), "is there twice"));
            }
            seen.push(known);
            let is_fit = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
            if value.trim_matches([' ', '\t']) != value || !value.bytes().all(is_fit) {
                return Err((
                    told(),
                    "must be of ASCII characters, with none but visible ones at both ends",
                ));
            }
        }
        Ok(Self(headers))
    }

    /// Names, as they were written, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As the database keeps them: a line each.
    #[must_use]
    pub fn to_lines(&self) -> String {
        let mut lines = String::new();
        for (name, value) in self.iter() {
            lines.extend([name, ": ", value, "\n"]);
        }
        lines
    }

    /// What the database keeps, read back. `None` is no such lines.
    #[must_use]
    pub fn from_lines(lines: &str) -> Option<Self> {
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.to_owned()))
        };
        lines.split_terminator('\n').map(header).collect::<Option<_>>().map(Self)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Headers").field(&self.0.keys()).finish()
    }
}

impl Emails {
    /// Check them. Faults are named by their place.
    pub fn new(emails: Vec<String>) -> Result<Self> {
        let mut faults = Violations::default();
        if emails.len() > MOST_EMAILS {
            faults.add("emails", "must be at most 10");
            return Err(Error::Invalid(faults));
        }
        for (at, email) in emails.iter().enumerate() {
            if let Err(rule) = check_email(email) {
                faults.add(format!("emails.{at}"), rule);
            }
        }
        faults.or(Self(emails))
    }

    /// In the order in which they were said.
    #[must_use]
    pub fn into_inner(self) -> Vec<String> {
        self.0
    }

    /// As the database keeps them: a line each, as no address has a line feed.
    #[must_use]
    pub fn to_lines(&self) -> String {
        self.0.iter().flat_map(|email| [email, "\n"]).collect()
    }

    /// What the database keeps, read back.
    #[must_use]
    pub fn from_lines(lines: &str) -> Self {
        Self(lines.split_terminator('\n').map(str::to_owned).collect())
    }
}

impl fmt::Debug for Emails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emails({})", self.0.len())
    }
}

impl Filter {
    /// Whether it lets a webhook through.
    #[must_use]
    pub fn takes(&self, hook: &Hook) -> bool {
        let Self { is_active, scope, destination } = self;
        is_active.is_none_or(|is_active| is_active == hook.is_active)
            && scope.as_ref().is_none_or(|scope| scope == hook.scope.as_str())
            && destination.as_ref().is_none_or(|url| url == hook.destination.url())
    }
}

/// The value, or `None` and its fault noted.
fn noted<T>(faults: &mut Violations, field: &str, checked: Result<T, &'static str>) -> Option<T> {
    checked.map_err(|rule| faults.add(field, rule)).ok()
}

fn path_of(header: Option<&str>) -> String {
    header.map_or("headers".to_owned(), |name| format!("headers.{name}"))
}

/// What names of headers are made of (RFC 9110 5.6.2).
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Webhooks of one account: as many as the longest page has.
pub const MOST_HOOKS: i64 = 250;

/// Addresses that are told of an account's webhooks.
const MOST_EMAILS: usize = 10;

/// Headers of one webhook, and bytes of their names and values.
const MOST_HEADERS: usize = 50;
const LARGEST_HEADERS: usize = 4_096;

const LONGEST_URL: usize = 2_048;

/// Whether a header, by its name in lower case, is the server's to set: no webhook has it.
#[must_use]
pub fn is_own_header(name: &str) -> bool {
    OWN_HEADERS.contains(&name) || OWN_BEGINNINGS.iter().any(|it| name.starts_with(it))
}

/// Headers that are what the connection and the body make them.
const OWN_HEADERS: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Headers that begin so are the server's, too: what signs, and what is said to proxies.
const OWN_BEGINNINGS: [&str; 2] = ["webhook-", "proxy-"];

/// What is told of when something cannot be delivered. Its scope has no beginning that others share.
pub const FAILURES: &str = "store/hook/deliveryException";

/// Ours. Only who names it is told.
const CONSENT: &str = "custodia/customer/consent/updated";

/// Every published scope of an event, also of those that happen in no part of a store that this server has.
const PUBLISHED: [&str; 49] = [
    "store/app/uninstalled",
    "store/cart/abandoned",
    "store/cart/converted",
    "store/cart/couponApplied",
    "store/cart/created",
    "store/cart/deleted",
    "store/cart/lineItem/created",
    "store/cart/lineItem/deleted",
    "store/cart/lineItem/updated",
    "store/cart/updated",
    "store/category/created",
    "store/category/deleted",
    "store/category/updated",
    "store/channel/created",
    "store/channel/updated",
    "store/customer/address/created",
    "store/customer/address/deleted",
    "store/customer/address/updated",
    "store/customer/channel/login/access/updated",
    "store/customer/created",
    "store/customer/deleted",
    "store/customer/payment/instrument/default/updated",
    "store/customer/updated",
    "store/information/updated",
    "store/metafield/created",
    "store/metafield/deleted",
    "store/metafield/updated",
    "store/order/archived",
    "store/order/created",
    "store/order/message/created",
    "store/order/refund/created",
    "store/order/statusUpdated",
    "store/order/updated",
    "store/product/created",
    "store/product/deleted",
    "store/product/inventory/order/updated",
    "store/product/inventory/updated",
    "store/product/updated",
    "store/shipment/created",
    "store/shipment/deleted",
    "store/shipment/updated",
    "store/sku/created",
    "store/sku/deleted",
    "store/sku/inventory/order/updated",
    "store/sku/inventory/updated",
    "store/sku/updated",
    "store/subscriber/created",
    "store/subscriber/deleted",
    "store/subscriber/updated",
];

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hooks.example.com/in?a=1";

    fn hook(id: i64, scope: &str, url: &str) -> Hook {
        let draft = Draft::new(scope, url, Said::default(), &[]).unwrap();
        Hook::new(HookId(id), AccountId(1), &draft, Timestamp(5))
    }

    #[track_caller]
    fn fields_at_fault<T: fmt::Debug>(checked: Result<T>) -> Vec<String> {
        let Err(Error::Invalid(faults)) = checked else { panic!("refused: {checked:?}") };
        faults.into_map().into_keys().collect()
    }

    #[test]
    fn a_wildcard_takes_all_below_it_and_nothing_beside() {
        let scope = |text| EventScope::new(text).unwrap();
        let customers = scope("store/customer/*");
        assert!(customers.covers("store/customer/created"));
        assert!(customers.covers("store/customer/address/created"));
        assert!(!customers.covers("store/customers/created"));
        assert!(!customers.covers("custodia/customer/consent/updated"));
        assert!(!scope("store/customer/address/*").covers("store/customer/created"));
        assert!(!scope("store/customer/created").covers("store/customer/created/x"));
        for known in ["store/order/*", "store/cart/lineItem/*", "store/order/created", FAILURES] {
            scope(known);
        }
        for unknown in [
            "",
            "*",
            "store/*",
            "/*",
            "store//*",
            "store/customer",
            "store/customer/",
            "store/cust*",
            "store/customer/created/*",
            "store/hook/*",
            "custodia/*",
            "custodia/customer/consent/*",
            "STORE/customer/created",
            "store/customer/created ",
            "store/customer/**",
            "*/*",
        ] {
            assert!(EventScope::new(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_destination_is_https_on_443_at_a_host() {
        for (url, domain) in [
            ("https://example.com", "example.com"),
            ("https://Hooks.Example.COM:443/a?b=c%20d", "hooks.example.com"),
            ("HTTPS://a_b.example/", "a_b.example"),
            ("https://xn--bcher-kva.example?x", "xn--bcher-kva.example"),
            ("https://93.184.216.34/", "93.184.216.34"),
            ("https://[2606:4700::1111]:443/", "[2606:4700::1111]"),
            ("https://[2A00:1450::5]/", "[2a00:1450::5]"),
            ("https://[::ffff:93.184.216.34]/", "[::ffff:93.184.216.34]"),
        ] {
            let destination = Destination::new(url, &[]).unwrap();
            assert_eq!((destination.url(), destination.domain()), (url, domain));
        }
        let long = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
        assert!(Destination::new(&long(2_048), &[]).is_ok());
        for url in [
            long(2_049).as_str(),
            "",
            "https://",
            "https:///path",
            "https://:443/",
            "example.com",
            "//example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://example.com:8443/",
            "https://example.com:/",
            "https://example.com:0443x/",
            "https://example.com:0/",
            "https://example.com:65979/",
            "https://user@example.com/",
            "https://user:secret@example.com/",
            "https://example.com/#part",
            "https://exa mple.com/",
            "https://example.com/\n",
            "https://example.com\\@evil.example/",
            "https://bücher.example/",
            "https://example..com/",
            "https://example.com./",
            "https://-a.example/",
            "https://2130706433/",
            "https://127.1/",
            "https://0x7f.0x1/",
            "https://1.2.3.4.5/",
            "https://[::1/",
            "https://::1/",
            "https://[1.2.3.4]/",
            "https://[fe80::1%25eth0]/",
            "https://exa%6dple.com/",
            "http://localhost/",
            "http://127.0.0.1:8080/",
        ] {
            assert!(Destination::new(url, &[]).is_err(), "{url}");
        }
    }

    #[test]
    fn a_destination_that_is_written_as_an_address_is_a_public_one() {
        for host in [
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "10.1.2.3",
            "192.0.2.1",
            "169.254.169.254",
            "[::1]",
            "[fd00:ec2::254]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::1]",
            "[2001:db8::1]",
        ] {
            let refused = Destination::new(&format!("https://{host}/hook"), &[]);
            assert_eq!(refused.unwrap_err(), "must be at a public address", "{host}");
        }
        let allow = ["10.0.0.0/8".parse().unwrap()];
        for host in ["10.1.2.3", "[::ffff:10.0.0.1]", "[64:ff9b::10.0.0.1]"] {
            Destination::new(&format!("https://{host}/hook"), &allow).expect("allowed");
        }
    }

    #[test]
    fn where_the_operator_allows_more_any_port_and_http_will_do() {
        let allow = ["127.0.0.0/8", "10.1.0.0/16", "::1/128"].map(|range| range.parse().unwrap());
        for url in [
            "http://127.0.0.1:8080/in",
            "http://localhost/",
            "https://LOCALHOST:9443/",
            "http://10.1.2.3:1/",
            "http://[::1]:3000/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(Destination::new(url, &allow).is_ok(), "{url}");
        }
        for url in [
            "http://10.2.0.1/",
            "http://example.com/",
            "https://example.com:8443/",
            "http://localhost.example/",
            "ftp://127.0.0.1/",
            "http://u@127.0.0.1/",
            "http://[::2]/",
            "http://127.0.0.1.example/",
        ] {
            assert!(Destination::new(url, &allow).is_err(), "{url}");
        }
        assert!(Destination::new("http://localhost/", &["::1".parse().unwrap()]).is_ok());
        assert!(Destination::new("http://localhost/", &["10.0.0.0/8".parse().unwrap()]).is_err());
    }

    #[test]
    fn headers_are_those_of_http_and_not_the_servers() {
        let one = |name: &str, value: &str| {
            Headers::new(BTreeMap::from([(name.to_owned(), value.to_owned())]))
        };
        for (name, value) in [
            ("X-Key", "s3cret: a, b"),
            ("authorization", "Basic YQ=="),
            ("x", ""),
            ("X_a.b", "a\tb"),
        ] {
            let headers = one(name, value).unwrap();
            assert_eq!(headers.iter().collect::<Vec<_>>(), [(name, value)]);
            assert_eq!(Headers::from_lines(&headers.to_lines()), Some(headers));
        }
        for (name, value) in [
            ("", "a"),
            ("a b", "c"),
            ("a:", "b"),
            ("ä", "b"),
            ("x", "a\r\nb: c"),
            ("x", "\u{7f}"),
            ("x", "ä"),
            ("x", " a"),
            ("x", "a\t"),
            ("Content-Type", "a"),
            ("HOST", "a"),
            ("Webhook-Signature", "a"),
            ("webhook-id", "a"),
            ("Transfer-Encoding", "chunked"),
            ("proxy-authorization", "a"),
            ("content-length", "1"),
            ("connection", "close"),
        ] {
            assert!(one(name, value).is_err(), "{name}: {value:?}");
        }
        let many = |count: usize| (0..count).map(|at| (format!("x-{at}"), String::new())).collect();
        assert!(Headers::new(many(50)).is_ok());
        assert!(Headers::new(many(51)).is_err());
        assert!(one("x", &"a".repeat(4_095)).is_ok());
        assert!(one("x", &"a".repeat(4_096)).is_err());
        let twice =
            [("X-A", "1"), ("x-a", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert!(Headers::new(BTreeMap::from(twice)).is_err());
        assert_eq!(Headers::from_lines(""), Some(Headers::default()));
        assert!(!format!("{:?}", one("x", "hush").unwrap()).contains("hush"));
    }

    #[test]
    fn every_fault_of_a_draft_is_told_by_its_field() {
        let headers = BTreeMap::from([("Host".to_owned(), "a".to_owned())]);
        let said = Said { headers: Some(Some(headers)), ..Said::default() };
        let faults = fields_at_fault(Draft::new("x", "y", said, &[]));
        assert_eq!(faults, ["destination", "headers.Host", "scope"]);
        assert!(Said::default().is_nothing());
        assert!(!Said { headers: Some(None), ..Said::default() }.is_nothing());
    }

    #[test]
    fn only_what_differs_counts_and_who_is_made_active_again_begins_anew() {
        let mut hook = hook(1, "store/customer/*", URL);
        let change = |said| Changes::new(said, &[]).unwrap();
        let active = |is_active| change(Said { is_active: Some(is_active), ..Said::default() });
        let same =
            Said { destination: Some(URL.to_owned()), headers: Some(None), ..Said::default() };
        assert_eq!(hook.apply(&change(same), Timestamp(7)), [""; 0]);
        assert_eq!((hook.updated_at, hook.delivered_at), (Timestamp(5), Timestamp(5)));
        assert_eq!(hook.apply(&active(false), Timestamp(8)), ["is_active"]);
        assert_eq!((hook.status(), hook.delivered_at), (Status::Inactive, Timestamp(5)));
        hook.is_deactivated = true;
        assert_eq!(hook.status(), Status::Deactivated);
        assert_eq!(hook.apply(&active(true), Timestamp(9)), ["is_active"]);
        assert_eq!((hook.status(), hook.delivered_at), (Status::Active, Timestamp(9)));
        assert!(!hook.is_deactivated);
        let empty = Said { headers: Some(Some(BTreeMap::new())), ..Said::default() };
        assert_eq!(hook.apply(&change(empty), Timestamp(3)), ["headers"]);
        assert_eq!(hook.updated_at, Timestamp(9), "no clock turns it back");
    }

    #[test]
    fn what_hears_of_failures_is_alone_with_its_scope_and_its_destination() {
        let others = [hook(1, "store/customer/*", URL), hook(2, "store/order/*", URL)];
        hook(3, "store/customer/*", URL).check_beside(&others).expect("the same twice");
        hook(3, FAILURES, "https://hooks.example.com/other")
            .check_beside(&others)
            .expect("another");
        for same in [URL, "https://HOOKS.example.com:443/in?a=1"] {
            assert_eq!(
                fields_at_fault(hook(3, FAILURES, same).check_beside(&others)),
                ["destination"]
            );
        }
        let bare = [hook(1, "store/customer/*", "https://example.com")];
        assert!(hook(3, FAILURES, "https://example.com/").check_beside(&bare).is_err());
        let others = [hook(1, FAILURES, URL)];
        assert_eq!(
            fields_at_fault(hook(2, "store/customer/*", URL).check_beside(&others)),
            ["destination"]
        );
        let elsewhere = hook(2, FAILURES, "https://example.org/");
        assert_eq!(fields_at_fault(elsewhere.check_beside(&others)), ["scope"]);
        hook(1, FAILURES, URL).check_beside(&others).expect("itself");
    }

    #[test]
    fn addresses_to_tell_are_checked_each_and_bounded() {
        let emails =
            |texts: &[&str]| Emails::new(texts.iter().map(|it| (*it).to_owned()).collect());
        let kept = emails(&["a@example.com", "b@example.com"]).unwrap();
        assert_eq!(Emails::from_lines(&kept.to_lines()), kept);
        assert_eq!(Emails::from_lines(""), Emails::default());
        assert_eq!(
            fields_at_fault(emails(&["a@example.com", "b", "a\n@example.com"])),
            ["emails.1", "emails.2"]
        );
        assert!(emails(&["a@example.com"; 10]).is_ok());
        assert_eq!(fields_at_fault(emails(&["a@example.com"; 11])), ["emails"]);
        assert!(!format!("{kept:?}").contains("example"));
    }
}
