use kernel::{ChannelId, CustomerId};

/// Something that happened which a webhook may tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A customer was made.
    CustomerCreated(CustomerId),
    /// A customer was changed (not its addresses).
    CustomerUpdated(CustomerId),
    /// A customer was deleted.
    CustomerDeleted(CustomerId),
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
            | Self::DefaultInstrumentUpdated(id)
            | Self::CustomerAccessUpdated(id, _) => id.0,
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
