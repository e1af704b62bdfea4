use kernel::{AddressId, ChannelId, CustomerId, SubscriberId};

/// Something that happened which a webhook may tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A subscriber was made.
    SubscriberCreated(SubscriberId),
    /// A subscriber was changed.
    SubscriberUpdated(SubscriberId),
    /// A subscriber was deleted.
    SubscriberDeleted(SubscriberId),
    /// The channels that let a customer sign in were changed; `None` is every one that allows global logins.
    CustomerAccessUpdated(CustomerId, Option<Vec<ChannelId>>),
    /// Another of a customer's stored instruments is the default now, or none is.
    DefaultInstrumentUpdated(CustomerId),
}

impl Event {
    /// The scope a webhook subscribes to.
    #[must_use]
    pub fn scope(&self) -> &'static str {
        match self {
            Self::CustomerCreated(_) => "store/customer/created",
            Self::CustomerUpdated(_) => "store/customer/updated",
            Self::CustomerDeleted(_) => "store/customer/deleted",
            Self::AddressCreated(..) => "store/customer/address/created",
            Self::AddressUpdated(..) => "store/customer/address/updated",
            Self::AddressDeleted(..) => "store/customer/address/deleted",
            Self::SubscriberCreated(_) => "store/subscriber/created",
            Self::SubscriberUpdated(_) => "store/subscriber/updated",
            Self::SubscriberDeleted(_) => "store/subscriber/deleted",
            Self::CustomerAccessUpdated(..) => "store/customer/channel/login/access/updated",
            Self::DefaultInstrumentUpdated(_) => {
                "store/customer/payment/instrument/default/updated"
            }
        }
    }

    /// The customer (or other root) whose events keep their order.
    #[must_use]
    pub fn subject(&self) -> i64 {
        match self {
            Self::CustomerCreated(id)
            | Self::CustomerUpdated(id)
            | Self::CustomerDeleted(id)
            | Self::AddressCreated(id, _)
            | Self::AddressUpdated(id, _)
            | Self::AddressDeleted(id, _)
            | Self::DefaultInstrumentUpdated(id)
            | Self::CustomerAccessUpdated(id, _) => id.0,
            Self::SubscriberCreated(id)
            | Self::SubscriberUpdated(id)
            | Self::SubscriberDeleted(id) => id.0,
        }
    }

    /// The body's `data` member, as recorded (webhooks.md).
    #[must_use]
    pub fn data(&self) -> String {
        match self {
            Self::CustomerCreated(id)
            | Self::CustomerUpdated(id)
            | Self::CustomerDeleted(id)
            | Self::DefaultInstrumentUpdated(id) => {
                format!(r#"{{"type":"customer","id":{}}}"#, id.0)
            }
            // The type is the customer's all the same, and the id is the address's.
            Self::AddressCreated(customer, id)
            | Self::AddressUpdated(customer, id)
            | Self::AddressDeleted(customer, id) => format!(
                r#"{{"type":"customer","id":{},"address":{{"customer_id":{}}}}}"#,
                id.0, customer.0
            ),
            Self::SubscriberCreated(id)
            | Self::SubscriberUpdated(id)
            | Self::SubscriberDeleted(id) => {
                format!(r#"{{"type":"subscriber","id":{}}}"#, id.0)
            }
            Self::CustomerAccessUpdated(id, channels) => {
                let channels = channels.as_ref().map_or("null".to_owned(), |channels| {
                    let ids: Vec<String> = channels.iter().map(|id| id.0.to_string()).collect();
                    format!("[{}]", ids.join(","))
                });
                format!(r#"{{"customer_id":{},"channel_ids":{channels}}}"#, id.0)
            }
        }
    }
}
