use kernel::{AddressId, CustomerId};

/// Something that happened which a webhook may tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A customer was made.
    CustomerCreated(CustomerId),
    /// A customer was changed (not its addresses).
    CustomerUpdated(CustomerId),
    /// A customer was deleted.
    CustomerDeleted(CustomerId),
    /// An address of a customer was made.
    AddressCreated(CustomerId, AddressId),
    /// An address of a customer was changed.
    AddressUpdated(CustomerId, AddressId),
    /// An address of a customer was deleted, and the customer stays.
    AddressDeleted(CustomerId, AddressId),
}

impl Event {
    /// The scope a webhook subscribes to.
    #[must_use]
    pub fn scope(self) -> &'static str {
        match self {
            Self::CustomerCreated(_) => "store/customer/created",
            Self::CustomerUpdated(_) => "store/customer/updated",
            Self::CustomerDeleted(_) => "store/customer/deleted",
            Self::AddressCreated(..) => "store/customer/address/created",
            Self::AddressUpdated(..) => "store/customer/address/updated",
            Self::AddressDeleted(..) => "store/customer/address/deleted",
        }
    }

    /// The customer (or other root) whose events keep their order.
    #[must_use]
    pub fn subject(self) -> i64 {
        match self {
            Self::CustomerCreated(id)
            | Self::CustomerUpdated(id)
            | Self::CustomerDeleted(id)
            | Self::AddressCreated(id, _)
            | Self::AddressUpdated(id, _)
            | Self::AddressDeleted(id, _) => id.0,
        }
    }

    /// The body's `data` member, as recorded (webhooks.md).
    #[must_use]
    pub fn data(self) -> String {
        match self {
            Self::CustomerCreated(id) | Self::CustomerUpdated(id) | Self::CustomerDeleted(id) => {
                format!(r#"{{"type":"customer","id":{}}}"#, id.0)
            }
            // The type is the customer's all the same, and the id is the address's.
            Self::AddressCreated(customer, id)
            | Self::AddressUpdated(customer, id)
            | Self::AddressDeleted(customer, id) => format!(
                r#"{{"type":"customer","id":{},"address":{{"customer_id":{}}}}}"#,
                id.0, customer.0
            ),
        }
    }
}
