use kernel::{AddressId, CustomerId, FormFieldId};

/// A change, as its audit line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done: `customer.created`.
    pub action: &'static str,
    /// To whom.
    pub subject: i64,
    /// Names of the fields that changed, separated by spaces.
    pub fields: String,
}

impl Change {
    /// A customer was made.
    #[must_use]
    pub fn customer_created(id: CustomerId) -> Self {
        Self { action: "customer.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a customer were changed.
    #[must_use]
    pub fn customer_updated(id: CustomerId, fields: &[&'static str]) -> Self {
        Self { action: "customer.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A customer was deleted.
    #[must_use]
    pub fn customer_deleted(id: CustomerId) -> Self {
        Self { action: "customer.deleted", subject: id.0, fields: String::new() }
    }

    /// A form field was defined, or its definition changed.
    #[must_use]
    pub fn form_field_defined(id: FormFieldId) -> Self {
        Self { action: "form_field.defined", subject: id.0, fields: String::new() }
    }

    /// A form field and every value of it were deleted.
    #[must_use]
    pub fn form_field_deleted(id: FormFieldId) -> Self {
        Self { action: "form_field.deleted", subject: id.0, fields: String::new() }
    }

    /// An address was made.
    #[must_use]
    pub fn address_created(id: AddressId) -> Self {
        Self { action: "address.created", subject: id.0, fields: String::new() }
    }

    /// Fields of an address were changed.
    #[must_use]
    pub fn address_updated(id: AddressId, fields: &[&'static str]) -> Self {
        Self { action: "address.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// An address was deleted, and its customer stays.
    #[must_use]
    pub fn address_deleted(id: AddressId) -> Self {
        Self { action: "address.deleted", subject: id.0, fields: String::new() }
    }

    /// A customer's consent was declared.
    #[must_use]
    pub fn consent_declared(id: CustomerId) -> Self {
        Self { action: "consent.declared", subject: id.0, fields: String::new() }
    }
}
