use std::fmt::Write as _;

use kernel::{AddressId, ChannelId, CustomerId, HookId, MetafieldId, SubscriberId};

/// Something that happened which a webhook may tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
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
    /// A customer's consent was declared. No published event tells of it: only who names this one gets it.
    ConsentUpdated(CustomerId),
    /// A metafield was made.
    MetafieldCreated(MetafieldName<'a>),
    /// A metafield was changed.
    MetafieldUpdated(MetafieldName<'a>),
    /// A metafield was deleted, and its customer was not.
    MetafieldDeleted(MetafieldName<'a>),
    /// Something is the matter with a webhook. Only its own account is told.
    DeliveryFailed(HookId, Exception),
}

/// What is the matter with a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// An attempt failed, and there will be another.
    WillRetry,
    /// No attempt is left; it is inactive now.
    GivenUp,
    /// Too little arrives at its domain, to which nothing is sent for a while.
    Blocked,
}

/// What an event tells of a metafield: never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetafieldName<'a> {
    pub id: MetafieldId,
    pub customer: CustomerId,
    pub namespace: &'a str,
    pub key: &'a str,
}

impl Event<'_> {
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
            Self::ConsentUpdated(_) => "custodia/customer/consent/updated",
            Self::MetafieldCreated(_) => "store/metafield/created",
            Self::MetafieldUpdated(_) => "store/metafield/updated",
            Self::MetafieldDeleted(_) => "store/metafield/deleted",
            Self::DeliveryFailed(..) => "store/hook/deliveryException",
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
            | Self::ConsentUpdated(id)
            | Self::CustomerAccessUpdated(id, _) => id.0,
            Self::SubscriberCreated(id)
            | Self::SubscriberUpdated(id)
            | Self::SubscriberDeleted(id) => id.0,
            Self::MetafieldCreated(name)
            | Self::MetafieldUpdated(name)
            | Self::MetafieldDeleted(name) => name.customer.0,
            Self::DeliveryFailed(hook, _) => hook.0,
        }
    }

    /// The body's `data` member, as recorded (webhooks.md).
    #[must_use]
    pub fn data(&self) -> String {
        match self {
            Self::CustomerCreated(id)
            | Self::CustomerUpdated(id)
            | Self::CustomerDeleted(id)
            | Self::ConsentUpdated(id)
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
            Self::MetafieldCreated(name)
            | Self::MetafieldUpdated(name)
            | Self::MetafieldDeleted(name) => name.data(),
            Self::DeliveryFailed(hook, exception) => {
                let (code, message) = exception.told();
                format!(
                    r#"{{"type":"webhook","id":{},"error_code":{code},"message":"{message}"}}"#,
                    hook.0
                )
            }
        }
    }
}

impl Exception {
    /// The published code, in our words.
    fn told(self) -> (u32, &'static str) {
        match self {
            Self::WillRetry => (90001, "The delivery failed and will be tried again."),
            Self::GivenUp => (90002, "Every attempt failed; the webhook is inactive now."),
            Self::Blocked => (
                90003,
                "Too few deliveries arrive at this domain; it is blocked for three minutes.",
            ),
        }
    }
}

impl MetafieldName<'_> {
    fn data(self) -> String {
        let (namespace, key) = (quoted(self.namespace), quoted(self.key));
        format!(
            r#"{{"type":"metafield","id":{},"metafield":{{"resource_type":"customer","resource_id":"{}","namespace":{namespace},"key":{key}}}}}"#,
            self.id.0, self.customer.0
        )
    }
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metafields_event_is_json_whatever_its_names_hold() {
        let name = MetafieldName {
            id: MetafieldId(10),
            customer: CustomerId(32),
            namespace: "a\"b\\c",
            key: "d\n\u{1f}ü",
        };
        let expected = r#"{"type":"metafield","id":10,"metafield":{"resource_type":"customer","resource_id":"32","namespace":"a\"b\\c","key":"d\u000a\u001fü"}}"#;
        assert_eq!(Event::MetafieldCreated(name).data(), expected);
    }
}
