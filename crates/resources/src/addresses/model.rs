use std::str::FromStr;

use kernel::{AddressId, CustomerId, Result, Violations, fold};
use sha2::{Digest as _, Sha256};

use super::countries::{COUNTRIES, OTHER_NAMES, STATES};

/// Where a customer can be reached by post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub id: AddressId,
    /// Whose it is. Never changes.
    pub customer: CustomerId,
    pub details: Details,
}

/// What an address says. It keeps its rules; two of one customer are never the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    pub first_name: String,
    pub last_name: String,
    pub company: String,
    pub phone: String,
    pub kind: Kind,
    pub address1: String,
    pub address2: String,
    pub city: String,
    pub country: Country,
    /// A known name where the country has a list of them, and any text elsewhere (ruling 18).
    pub state_or_province: String,
    pub postal_code: String,
}

/// What stands at an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A home. What an address is of which nothing else is said.
    #[default]
    Residential,
    /// A business.
    Commercial,
}

/// A country of ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    code: &'static str,
    name: &'static str,
}

/// A country as a request names it, looked up or not to be found.
#[derive(Clone, Debug)]
pub enum Named {
    /// By its alpha-2 code, in capitals.
    Code(String),
    /// By its name, without case.
    Name(String),
}

/// What a request says of an address: every field it names, and no other. It has been checked, but for what
/// only the whole address can tell.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    // Invariant: every field that is there keeps its rule, and `country` is what `said.country` names.
    said: Said,
    country: Option<Country>,
}

/// What a request says of an address, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub company: Option<String>,
    pub phone: Option<String>,
    pub kind: Option<Kind>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub country: Option<Named>,
    pub state_or_province: Option<String>,
    pub postal_code: Option<String>,
}

/// The addresses that a customer shows of itself: the first few, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Embedded {
    pub addresses: Vec<Address>,
    pub count: i64,
}

/// So many addresses a customer shows at most, or can be made with (published).
pub const MOST_EMBEDDED: usize = 10;

impl Changes {
    /// Check what was said. Faults are named by field, in the domain's words.
    pub fn new(said: Said) -> Result<Self> {
        let mut faults = Violations::default();
        let texts = [
            ("first_name", &said.first_name, 1, 255),
            ("last_name", &said.last_name, 1, 255),
            ("company", &said.company, 0, 255),
            ("phone", &said.phone, 0, 50),
            // Published without a bound; a page of 250 needs one.
            ("address1", &said.address1, 0, 255),
            ("address2", &said.address2, 0, 255),
            ("city", &said.city, 0, 100),
            ("state_or_province", &said.state_or_province, 0, 100),
            ("postal_code", &said.postal_code, 0, 30),
        ];
        for (field, text, least, most) in texts {
            if text.as_ref().is_some_and(|text| !(least..=most).contains(&text.chars().count())) {
                faults.add(field, format!("must be {least} to {most} characters long"));
            }
        }
        let country = said.country.as_ref().and_then(Named::country);
        if let (Some(named), None) = (&said.country, country) {
            faults.add("country", named.rule());
        }
        faults.or(Self { said, country })
    }
}

impl Details {
    /// A whole address from what was said. The wire has seen to it that the country is there.
    pub fn new(changes: &Changes) -> Result<Self> {
        let country = changes.country;
        let country = country.ok_or_else(|| kernel::Error::invalid("country", "must be there"))?;
        let nothing = Self {
            first_name: String::new(),
            last_name: String::new(),
            company: String::new(),
            phone: String::new(),
            kind: Kind::default(),
            address1: String::new(),
            address2: String::new(),
            city: String::new(),
            country,
            state_or_province: String::new(),
            postal_code: String::new(),
        };
        nothing.with(changes)
    }

    /// What this becomes by the changes; refused where the whole would break a rule.
    pub fn with(&self, changes: &Changes) -> Result<Self> {
        let said = changes.said.clone();
        let is = |said: Option<String>, was: &String| said.unwrap_or_else(|| was.clone());
        let whole = Self {
            first_name: is(said.first_name, &self.first_name),
            last_name: is(said.last_name, &self.last_name),
            company: is(said.company, &self.company),
            phone: is(said.phone, &self.phone),
            kind: said.kind.unwrap_or(self.kind),
            address1: is(said.address1, &self.address1),
            address2: is(said.address2, &self.address2),
            city: is(said.city, &self.city),
            country: changes.country.unwrap_or(self.country),
            state_or_province: is(said.state_or_province, &self.state_or_province),
            postal_code: is(said.postal_code, &self.postal_code),
        };
        if whole.country.has_state(&whole.state_or_province) {
            return Ok(whole);
        }
        let rule =
            format!("must be the full name of a state or province of {}", whole.country.name);
        Err(kernel::Error::invalid("state_or_province", rule))
    }

    /// The names of the fields in which another differs.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.fields().into_iter().zip(other.fields());
        pairs.filter(|(left, right)| left.1 != right.1).map(|((name, _), _)| name).collect()
    }

    /// What two addresses of one customer never share: a digest of every field, each with its length before
    /// it, so that no text can pass for the end of another.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (_, text) in self.fields() {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }

    /// The fields that make up an address (published), with the customer's id. Their order is part of every
    /// identity that is kept, so it never changes.
    fn fields(&self) -> [(&'static str, &str); 11] {
        [
            ("first_name", &self.first_name),
            ("last_name", &self.last_name),
            ("company", &self.company),
            ("phone", &self.phone),
            ("address_type", self.kind.name()),
            ("address1", &self.address1),
            ("address2", &self.address2),
            ("city", &self.city),
            ("country", self.country.code),
            ("state_or_province", &self.state_or_province),
            ("postal_code", &self.postal_code),
        ]
    }
}

impl Kind {
    /// As the wires and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Residential => "residential",
            Self::Commercial => "commercial",
        }
    }
}

/// There is no kind of address of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    /// Without case: the control panel's `RESIDENTIAL` came back as `residential` (observed.md 4.3).
    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        [Self::Residential, Self::Commercial]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
            .ok_or(UnknownKind)
    }
}

impl Country {
    /// The country of an alpha-2 code, in capitals.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        let at = COUNTRIES.binary_search_by_key(&code, |(code, _)| code).ok()?;
        let (code, name) = COUNTRIES[at];
        Some(Self { code, name })
    }

    /// The country of this name, without case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let key = fold(name);
        let usual = COUNTRIES.iter().find(|(_, name)| fold(name) == key).map(|(code, _)| code);
        let other = || OTHER_NAMES.iter().find(|(name, _)| fold(name) == key).map(|(_, code)| code);
        usual.or_else(other).and_then(|code| Self::of_code(code))
    }

    /// Its alpha-2 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.code
    }

    /// Its usual English name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether an address in it may name this state (ruling 18). Known names are compared without case.
    fn has_state(self, state: &str) -> bool {
        let Some((_, states)) = STATES.iter().find(|(code, _)| *code == self.code) else {
            return true;
        };
        let key = fold(state);
        states.iter().any(|known| fold(known) == key)
    }
}

impl Named {
    fn country(&self) -> Option<Country> {
        match self {
            Self::Code(code) => Country::of_code(code),
            Self::Name(name) => Country::of_name(name),
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::Code(_) => "must be a country's code of ISO 3166-1 alpha-2",
            Self::Name(_) => "must be a country's name in full",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn said(code: &str, state: &str) -> Said {
        Said {
            country: Some(Named::Code(code.to_owned())),
            state_or_province: Some(state.to_owned()),
            ..Said::default()
        }
    }

    /// The fields at fault.
    fn broken<T>(result: Result<T>) -> Vec<String> {
        match result {
            Ok(_) => Vec::new(),
            Err(kernel::Error::Invalid(faults)) => faults.into_map().into_keys().collect(),
            Err(error) => panic!("{error}"),
        }
    }

    fn details(code: &str, state: &str) -> Details {
        Details::new(&Changes::new(said(code, state)).unwrap()).unwrap()
    }

    #[test]
    fn countries_are_in_order_and_every_name_means_one() {
        assert_eq!(COUNTRIES.len(), 249);
        assert!(COUNTRIES.is_sorted_by(|left, right| left.0 < right.0));
        let names = COUNTRIES.iter().map(|(_, name)| name);
        let names: BTreeSet<String> =
            names.chain(OTHER_NAMES.iter().map(|(name, _)| name)).map(|name| fold(name)).collect();
        assert_eq!(names.len(), COUNTRIES.len() + OTHER_NAMES.len());
        let codes = OTHER_NAMES.iter().map(|(_, code)| code);
        for code in codes.chain(STATES.iter().map(|(code, _)| code)) {
            assert!(Country::of_code(code).is_some(), "{code}");
        }
        for (code, name) in COUNTRIES {
            assert_eq!(Country::of_name(name), Country::of_code(code));
        }
    }

    #[test]
    fn a_country_is_found_by_its_code_in_capitals_and_by_its_name_without_case() {
        assert_eq!(Country::of_code("AU").unwrap().name(), "Australia");
        assert_eq!(Country::of_name("united STATES").unwrap().code(), "US");
        assert_eq!(Country::of_name("United States of America").unwrap().code(), "US");
        assert_eq!(Country::of_name("CÔTE D'IVOIRE").unwrap().code(), "CI");
        for not in ["us", "USA", "XX", "", "U"] {
            assert_eq!(Country::of_code(not), None, "{not}");
        }
        assert_eq!(Country::of_name("US"), None);
    }

    #[test]
    fn where_states_are_listed_one_must_be_named_in_full() {
        #[track_caller]
        fn check(code: &str, state: &str, is_valid: bool) {
            let result = Details::new(&Changes::new(said(code, state)).unwrap());
            let expected: &[&str] = if is_valid { &[] } else { &["state_or_province"] };
            assert_eq!(broken(result), expected, "{code} {state}");
        }
        for (code, state) in
            [("US", "Texas"), ("US", "texas"), ("CA", "Québec"), ("AU", "Victoria")]
        {
            check(code, state, true);
        }
        for (code, state) in [("US", "TX"), ("US", ""), ("US", " "), ("CA", "ON"), ("AU", "Texas")]
        {
            check(code, state, false);
        }
        for state in ["", " ", "BY", "Bavaria"] {
            check("DE", state, true);
        }
    }

    #[test]
    fn the_state_is_judged_by_the_whole_address() {
        let texas = details("US", "Texas");
        let change = |said| Changes::new(said).unwrap();
        let to_germany = Said { country: Some(Named::Name("Germany".into())), ..Said::default() };
        assert_eq!(texas.with(&change(to_germany)).unwrap().country.code(), "DE");
        let to_canada = Said { country: Some(Named::Code("CA".into())), ..Said::default() };
        assert_eq!(broken(texas.with(&change(to_canada))), ["state_or_province"]);
        let bavaria = Said { state_or_province: Some("Bavaria".into()), ..Said::default() };
        assert_eq!(broken(texas.with(&change(bavaria))), ["state_or_province"]);
        assert_eq!(texas.with(&Changes::default()).unwrap(), texas);
    }

    #[test]
    fn what_breaks_a_rule_is_named_by_field() {
        let long = |count: usize| Some("é".repeat(count));
        let good = Said {
            first_name: long(255),
            last_name: long(1),
            company: long(255),
            phone: long(50),
            address1: long(255),
            address2: long(0),
            city: long(100),
            state_or_province: long(100),
            postal_code: long(30),
            ..Said::default()
        };
        assert_eq!(broken(Changes::new(good)), [""; 0]);
        let bad = Said {
            first_name: long(0),
            last_name: long(256),
            company: long(256),
            phone: long(51),
            address1: long(256),
            address2: long(256),
            city: long(101),
            country: Some(Named::Code("XX".into())),
            state_or_province: long(101),
            postal_code: long(31),
            kind: None,
        };
        let fields = [
            "address1",
            "address2",
            "city",
            "company",
            "country",
            "first_name",
            "last_name",
            "phone",
            "postal_code",
            "state_or_province",
        ];
        assert_eq!(broken(Changes::new(bad)), fields);
        assert_eq!(broken(Details::new(&Changes::default())), ["country"]);
    }

    #[test]
    fn every_field_makes_an_address_another_one() {
        let one = details("DE", "");
        let text = || Some("x".to_owned());
        let others = [
            Said { first_name: text(), ..Said::default() },
            Said { last_name: text(), ..Said::default() },
            Said { company: text(), ..Said::default() },
            Said { phone: text(), ..Said::default() },
            Said { kind: Some(Kind::Commercial), ..Said::default() },
            Said { address1: text(), ..Said::default() },
            Said { address2: text(), ..Said::default() },
            Said { city: text(), ..Said::default() },
            Said { country: Some(Named::Code("AT".into())), ..Said::default() },
            Said { state_or_province: text(), ..Said::default() },
            Said { postal_code: text(), ..Said::default() },
        ];
        let mut identities = BTreeSet::from([one.identity()]);
        for said in others {
            let other = one.with(&Changes::new(said).unwrap()).unwrap();
            assert_eq!(one.differing(&other).len(), 1);
            identities.insert(other.identity());
        }
        assert_eq!(identities.len(), 12);
        assert_eq!(one.identity(), one.clone().identity());
        assert!(one.differing(&one).is_empty());
    }

    #[test]
    fn a_kind_is_known_without_case() {
        assert_eq!("RESIDENTIAL".parse(), Ok(Kind::Residential));
        assert_eq!("commercial".parse(), Ok(Kind::Commercial));
        assert_eq!("other".parse::<Kind>(), Err(UnknownKind));
    }
}
