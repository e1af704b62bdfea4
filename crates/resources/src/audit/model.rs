use kernel::{AttributeId, CustomerId, MetafieldId};

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

    /// A customer attribute was made.
    #[must_use]
    pub fn attribute_created(id: AttributeId) -> Self {
        Self { action: "attribute.created", subject: id.0, fields: String::new() }
    }

    /// A customer attribute was renamed.
    #[must_use]
    pub fn attribute_updated(id: AttributeId) -> Self {
        Self { action: "attribute.updated", subject: id.0, fields: "name".to_owned() }
    }

    /// A customer attribute was deleted, and every customer's value of it.
    #[must_use]
    pub fn attribute_deleted(id: AttributeId) -> Self {
        Self { action: "attribute.deleted", subject: id.0, fields: String::new() }
    }

    /// A customer's values of these attributes were set; the fields are the attributes' ids.
    #[must_use]
    pub fn attribute_values_set(id: CustomerId, attributes: &[AttributeId]) -> Self {
        Self { action: "attribute_values.set", subject: id.0, fields: listed(attributes) }
    }

    /// A customer's values of these attributes were deleted; the fields are the attributes' ids.
    #[must_use]
    pub fn attribute_values_deleted(id: CustomerId, attributes: &[AttributeId]) -> Self {
        Self { action: "attribute_values.deleted", subject: id.0, fields: listed(attributes) }
    }

    /// A metafield was made.
    #[must_use]
    pub fn metafield_created(id: MetafieldId) -> Self {
        Self { action: "metafield.created", subject: id.0, fields: String::new() }
    }

    /// Fields of a metafield were changed.
    #[must_use]
    pub fn metafield_updated(id: MetafieldId, fields: &[&'static str]) -> Self {
        Self { action: "metafield.updated", subject: id.0, fields: fields.join(" ") }
    }

    /// A metafield was deleted, and its customer was not.
    #[must_use]
    pub fn metafield_deleted(id: MetafieldId) -> Self {
        Self { action: "metafield.deleted", subject: id.0, fields: String::new() }
    }

    /// A customer's consent was declared.
    #[must_use]
    pub fn consent_declared(id: CustomerId) -> Self {
        Self { action: "consent.declared", subject: id.0, fields: String::new() }
    }
}

fn listed(attributes: &[AttributeId]) -> String {
    attributes.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(" ")
}
