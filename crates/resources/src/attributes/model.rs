use std::str::FromStr;

use kernel::{AttributeId, Result, Timestamp, Violations, WhenFilter, fold};

/// Something that may be said of every customer of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub id: AttributeId,
    /// As it was written; of one store no two are the same without case.
    pub name: String,
    /// Never changes: a value that fits one kind need not fit another (published).
    pub kind: Kind,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// What values of an attribute look like. They are texts all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Text,
    /// A decimal number.
    Number,
    /// A date, or a date and a time, as ISO 8601 writes it.
    Date,
}

/// An attribute to be made. It has been checked.
#[derive(Clone, Debug)]
pub struct Draft {
    // Invariant: 1 to 255 characters.
    name: String,
    kind: Kind,
}

/// The most attributes of one store (published).
pub const MOST: usize = 50;

impl Draft {
    /// Check what is said of a new attribute.
    pub fn new(name: String, kind: Kind) -> Result<Self> {
        check_name(&name).or(Self { name, kind })
    }
}

/// What a request says of an attribute that there is. It has been checked.
#[derive(Clone, Debug)]
pub struct Changes {
    // Invariant: 1 to 255 characters.
    name: String,
    /// The kind, which may only be said again.
    pub kind: Option<Kind>,
}

impl Changes {
    /// Check what is said.
    pub fn new(name: String, kind: Option<Kind>) -> Result<Self> {
        check_name(&name).or(Self { name, kind })
    }
}

fn check_name(name: &str) -> Violations {
    let mut faults = Violations::default();
    if !(1..=LONGEST).contains(&name.chars().count()) {
        faults.add("name", format!("must be 1 to {LONGEST} characters long"));
    }
    faults
}

impl Attribute {
    /// A new attribute.
    #[must_use]
    pub fn new(id: AttributeId, draft: &Draft, at: Timestamp) -> Self {
        let Draft { name, kind } = draft.clone();
        Self { id, name, kind, created_at: at, modified_at: at }
    }

    /// Take over what was said; whether anything is different now.
    pub fn apply(&mut self, changes: &Changes) -> bool {
        let differs = self.name != changes.name;
        self.name.clone_from(&changes.name);
        differs
    }

    /// What the name is compared by.
    #[must_use]
    pub fn name_key(&self) -> String {
        fold(&self.name)
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Text, Self::Number, Self::Date];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Date => "date",
        }
    }

    /// Whether an attribute of this kind may have the value, or the rule that it breaks.
    ///
    /// Nothing at all fits every kind: the published length begins at 0 whatever the kind.
    pub fn check(self, value: &str) -> Result<(), &'static str> {
        if value.chars().count() > LONGEST {
            return Err("must be at most 255 characters long");
        }
        match self {
            _ if value.is_empty() => Ok(()),
            Self::Text => Ok(()),
            Self::Number if is_number(value) => Ok(()),
            Self::Number => Err("must be a number"),
            Self::Date if is_date(value) => Ok(()),
            Self::Date => Err("must be a date in ISO 8601"),
        }
    }
}

/// Digits with at most one point, a sign before and an exponent after them if need be.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(before, after)| (before, Some(after)));
    let unsigned = |text: &'_ str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = unsigned(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    let has_digits = whole.len() + fraction.len() > 0;
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = unsigned(exponent);
        !digits.is_empty() && all_digits(&digits)
    });
    has_digits && all_digits(whole) && all_digits(fraction) && exponent_fits
}

/// The forms of a date that begin with a year of four digits; filters understand more than these.
fn is_date(text: &str) -> bool {
    let begins_with_a_year = text.len() >= 10
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
        && text.as_bytes()[4] == b'-';
    begins_with_a_year && text.trim() == text && WhenFilter::parse(text).is_some()
}

/// There is no kind of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownKind)
    }
}

/// How many characters a name has at most, and a value (published).
const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_fits_the_kind_of_its_attribute() {
        #[track_caller]
        fn check(kind: Kind, value: &str, fits: bool) {
            assert_eq!(kind.check(value).is_ok(), fits, "{kind:?} {value}");
        }
        for kind in Kind::ALL {
            check(kind, "", true);
            check(kind, &"1".repeat(256), false);
        }
        check(Kind::Text, &"ü".repeat(255), true);
        for number in ["0", "-1", "+1.50", ".5", "5.", "1e9", "1.5E-3", "007"] {
            check(Kind::Number, number, true);
            check(Kind::Text, number, true);
        }
        for not in
            ["one", "1,5", "1 000", " 1", "0x1", "NaN", "inf", "-", ".", "e5", "1e", "1e+", "--1"]
        {
            check(Kind::Number, not, false);
        }
        for date in [
            "2024-06-01",
            "2024-06-01T12:00:00",
            "2024-06-01T12:00:00Z",
            "2024-06-01T12:00:00+02:00",
        ] {
            check(Kind::Date, date, true);
        }
        for not in [
            "today",
            "1717243200",
            "01.06.2024",
            "2024-13-01",
            "2024-02-30",
            "2024-06",
            "2024-06-01 ",
            "é024-06-01",
        ] {
            check(Kind::Date, not, false);
        }
    }

    #[test]
    fn a_name_has_1_to_255_characters() {
        for (name, fits) in
            [("", false), ("a", true), (&*"ü".repeat(255), true), (&*"a".repeat(256), false)]
        {
            assert_eq!(Draft::new(name.to_owned(), Kind::Text).is_ok(), fits, "{name}");
            assert_eq!(Changes::new(name.to_owned(), None).is_ok(), fits, "{name}");
        }
    }
}
