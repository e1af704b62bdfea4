use std::str::FromStr;

use kernel::{ChannelId, Result, SubscriberId, Timestamp, Violations, check_email, fold};

/// Somebody who wants a store's newsletters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    pub id: SubscriberId,
    /// As it was written; compared without case, and no two subscribers of a store have the same.
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    /// Where they subscribed.
    pub source: String,
    /// The order with which they subscribed.
    pub order: Option<i64>,
    pub channel: ChannelId,
    pub consents: Consents,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// What a subscriber may want to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Newsletters.
    MarketingNewsletter,
    /// A reminder of what they left in the cart.
    AbandonedCart,
}

/// A set of purposes, listed newsletters first. Empty is unsubscribed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consents(u8);

/// What a request says of a subscriber: every field it names, and no other. It has been checked.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    // Invariant: every field that is there keeps its rule.
    said: Said,
}

/// What a request says of a subscriber, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub source: Option<String>,
    pub order: Option<Option<i64>>,
    pub channel: Option<ChannelId>,
    pub consents: Option<Consents>,
}

impl Changes {
    /// Check what was said. Faults are named by field.
    pub fn new(said: Said) -> Result<Self> {
        let mut faults = Violations::default();
        if let Some(email) = &said.email
            && let Err(rule) = check_email(email)
        {
            faults.add("email", rule);
        }
        let texts = [
            ("first_name", &said.first_name),
            ("last_name", &said.last_name),
            ("source", &said.source),
        ];
        for (field, text) in texts {
            if text.as_ref().is_some_and(|text| text.chars().count() > 255) {
                faults.add(field, "must be 0 to 255 characters long");
            }
        }
        if said.order.flatten().is_some_and(|order| order < 1) {
            faults.add("order_id", "must be the number of an order, or null");
        }
        if said.channel.is_some_and(|channel| channel.0 < 1) {
            faults.add("channel_id", "must be the number of a channel");
        }
        faults.or(Self { said })
    }

    /// Whether they could give the subscriber an address that another has.
    #[must_use]
    pub fn touch_email(&self) -> bool {
        self.said.email.is_some()
    }
}

impl Subscriber {
    /// A new subscriber. The wire has seen to it that an e-mail is there. What is not said is as recorded:
    /// from the storefront, of channel 1, for the newsletter (observed.md 4.4).
    #[must_use]
    pub fn new(id: SubscriberId, changes: &Changes, at: Timestamp) -> Self {
        let mut subscriber = Self {
            id,
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            source: "storefront".to_owned(),
            order: None,
            channel: ChannelId(1),
            consents: [Purpose::MarketingNewsletter].into_iter().collect(),
            created_at: at,
            modified_at: at,
        };
        subscriber.apply(changes);
        subscriber
    }

    /// Take over what was said; the names of the fields that are different now.
    pub fn apply(&mut self, changes: &Changes) -> Vec<&'static str> {
        let said = &changes.said;
        let different = [
            ("email", replace(&mut self.email, said.email.as_ref())),
            ("first_name", replace(&mut self.first_name, said.first_name.as_ref())),
            ("last_name", replace(&mut self.last_name, said.last_name.as_ref())),
            ("source", replace(&mut self.source, said.source.as_ref())),
            ("order_id", replace(&mut self.order, said.order.as_ref())),
            ("channel_id", replace(&mut self.channel, said.channel.as_ref())),
            ("consents", replace(&mut self.consents, said.consents.as_ref())),
        ];
        different.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }

    /// What the address is compared by.
    #[must_use]
    pub fn email_key(&self) -> String {
        fold(&self.email)
    }
}

fn replace<T: Clone + PartialEq>(field: &mut T, said: Option<&T>) -> bool {
    let Some(value) = said.filter(|value| *value != field) else { return false };
    field.clone_from(value);
    true
}

impl Consents {
    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let wanted = Purpose::ALL.into_iter().filter(|purpose| self.0 & purpose.bit() != 0);
        wanted.map(Purpose::name).collect()
    }
}

impl FromIterator<Purpose> for Consents {
    fn from_iter<I: IntoIterator<Item = Purpose>>(purposes: I) -> Self {
        Self(purposes.into_iter().fold(0, |set, purpose| set | purpose.bit()))
    }
}

impl Purpose {
    const ALL: [Self; 2] = [Self::MarketingNewsletter, Self::AbandonedCart];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MarketingNewsletter => "marketing_newsletter",
            Self::AbandonedCart => "abandoned_cart",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// There is no purpose of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPurpose;

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(name: &str) -> Result<Self, UnknownPurpose> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name).ok_or(UnknownPurpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_rule_is_named_by_field() {
        let said = Said {
            email: Some("nobody".to_owned()),
            first_name: Some("a".repeat(255)),
            last_name: Some("a".repeat(256)),
            source: Some("ü".repeat(256)),
            order: Some(Some(0)),
            channel: Some(ChannelId(0)),
            consents: None,
        };
        let Err(kernel::Error::Invalid(faults)) = Changes::new(said) else { panic!("refused") };
        let fields: Vec<String> = faults.into_map().into_keys().collect();
        assert_eq!(fields, ["channel_id", "email", "last_name", "order_id", "source"]);
    }

    #[test]
    fn only_what_differs_counts_as_changed() {
        let said = Said { email: Some("a@b".to_owned()), order: Some(Some(7)), ..Said::default() };
        let changes = Changes::new(said).unwrap();
        let mut subscriber = Subscriber::new(SubscriberId(1), &changes, Timestamp(5));
        assert_eq!(subscriber.consents.names(), ["marketing_newsletter"]);
        assert_eq!(subscriber.apply(&changes), Vec::<&str>::new());
        let said = Said {
            order: Some(None),
            consents: Some(Consents::default()),
            channel: Some(ChannelId(1)),
            ..Said::default()
        };
        assert_eq!(subscriber.apply(&Changes::new(said).unwrap()), ["order_id", "consents"]);
    }

    #[test]
    fn consents_collapse_and_newsletters_come_first() {
        let all = ["abandoned_cart", "marketing_newsletter", "abandoned_cart"];
        let set: Consents = all.iter().map(|name| name.parse::<Purpose>().unwrap()).collect();
        assert_eq!(set.names(), ["marketing_newsletter", "abandoned_cart"]);
        assert_eq!("sms".parse::<Purpose>(), Err(UnknownPurpose));
    }
}
