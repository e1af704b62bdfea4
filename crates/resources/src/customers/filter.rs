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

/// A row's place in an order: the key it is ordered by, and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub id: CustomerId,
    pub key: PlaceKey,
}

/// What stands before the id in a place; which of them, the order says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceKey {
    /// Ordered by the id alone.
    Id,
    /// Ordered by a date.
    Date(Timestamp),
    /// Ordered by the last name, folded.
    LastName(String),
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

impl Span {
    /// What is left of it from `from` on.
    #[must_use]
    pub fn not_before(self, from: Timestamp) -> Self {
        Self { from: Some(self.from.map_or(from, |known| known.max(from))), ..self }
    }

    /// What is left of it up to `to`.
    #[must_use]
    pub fn not_after(self, to: Timestamp) -> Self {
        Self { to: Some(self.to.map_or(to, |known| known.min(to))), ..self }
    }
}

impl Filter {
    /// Whether nothing narrows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it names its rows so closely that they are found first and ordered afterwards. Otherwise they
    /// are read in their order, and those that do not match are passed over.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.names_few() || self.has(&[Text::NameKey, Text::LastNameKey])
    }

    /// Whether it can match no more than a few rows, however large the store.
    #[must_use]
    pub fn names_few(&self) -> bool {
        self.ids.is_some() || self.has(&[Text::EmailKey])
    }

    fn has(&self, texts: &[Text]) -> bool {
        self.texts.iter().any(|(text, _)| texts.contains(text))
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
