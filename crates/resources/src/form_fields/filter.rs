use kernel::{AddressId, CustomerId, FormFieldId};

use super::model::Kind;

/// Where a value stands in the list of all: by the form it was given on, then by its field (observed.md 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub session: i64,
    pub field: FormFieldId,
}

/// Which values are meant. What is not named does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Values of the customer's own, and of none of its addresses.
    pub customer: Option<CustomerId>,
    pub address: Option<AddressId>,
    /// Of the field, as written.
    pub name: Option<String>,
    pub kind: Option<Kind>,
}

impl Filter {
    /// Whether it can match no more than the values of one owner.
    #[must_use]
    pub fn names_owner(&self) -> bool {
        self.customer.is_some() || self.address.is_some()
    }
}
