pub use kernel::Span;
use kernel::{CustomerId, GroupId, Money, Timestamp};

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
