use kernel::{AddressId, CustomerId};

/// Which addresses are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub ids: Option<Vec<AddressId>>,
    pub customers: Option<Vec<CustomerId>>,
    /// First name, space, last name, folded; one of them.
    pub names: Option<Vec<String>>,
    /// Folded; one of them.
    pub companies: Option<Vec<String>>,
}

impl Filter {
    /// Whether nothing narrows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it can match no more than a few rows, however large the store.
    #[must_use]
    pub fn names_few(&self) -> bool {
        self.ids.is_some() || self.customers.is_some()
    }
}
