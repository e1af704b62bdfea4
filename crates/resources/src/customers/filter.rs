use kernel::{CustomerId, GroupId, Money, Timestamp, WhenFilter};

/// Which customers are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub ids: Option<Vec<CustomerId>>,
    pub groups: Option<Vec<GroupId>>,
    /// A column, and the values one of which it must hold.
    pub texts: Vec<(Text, Vec<String>)>,
    /// Parts of the name, folded; any of them is enough.
    pub name_parts: Option<Vec<String>>,
    pub store_credit: Option<Money>,
    pub min_id: Option<i64>,
    pub max_id: Option<i64>,
    pub created: Span,
    pub modified: Span,
}

/// A text by which customers are found. Those named `…Key` are compared folded, the others as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    EmailKey,
    /// First name, space, last name.
    NameKey,
    FirstNameKey,
    LastNameKey,
    CompanyKey,
    Phone,
    RegistrationIpAddress,
    TaxExemptCategory,
}

/// A stretch of time; both ends belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// In which order customers are listed; equal keys follow the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub by: Key,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Id,
    Created,
    Modified,
    /// Without case.
    LastName,
}

/// A row's place in an order: its id, and the key that goes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub id: CustomerId,
    pub date: Option<Timestamp>,
}

/// Which part of a list is wanted, at most `limit` rows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// From this row on, counted from 0.
    Offset(i64),
    /// What follows a place.
    After(Place),
    /// What precedes a place.
    Before(Place),
}

impl Span {
    /// `:min`, `:max` and the plain name of a date filter (ruling 13), all that are there.
    #[must_use]
    pub fn new(
        min: Option<WhenFilter>,
        max: Option<WhenFilter>,
        equal: Option<WhenFilter>,
    ) -> Self {
        let from = min.map(|when| when.from).into_iter().chain(equal.map(|when| when.from)).max();
        let to =
            max.map(WhenFilter::last_of_max).into_iter().chain(equal.map(|when| when.to)).min();
        Self { from, to }
    }
}

impl Filter {
    /// Whether nothing narrows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an index leads to the few rows that can match. What is not, may read the whole store.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        let indexed = |(text, _): &(Text, Vec<String>)| {
            matches!(text, Text::EmailKey | Text::NameKey | Text::LastNameKey)
        };
        self.ids.is_some() || self.texts.iter().any(indexed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_takes_in_both_seconds_and_a_bare_max_is_its_midnight() {
        let when = |text: &str| WhenFilter::parse(text);
        let span = Span::new(when("2024-06-01T12:00:00Z"), when("2024-06-01T12:00:00Z"), None);
        assert_eq!(span.to.unwrap().0 - span.from.unwrap().0, 999_999);
        let day = Span::new(None, None, when("2024-06-01"));
        assert_eq!(day.to.unwrap().0 - day.from.unwrap().0, 86_400 * 1_000_000 - 1);
        let until = Span::new(None, when("2024-06-01"), None);
        assert_eq!(until.to.unwrap().0 - day.from.unwrap().0, 999_999);
    }
}
