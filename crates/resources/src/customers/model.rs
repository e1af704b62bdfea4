use std::{collections::BTreeSet, fmt};

use kernel::{
    ChannelId, CustomerId, GroupId, Money, Result, Timestamp, Violations, check_email, fold,
};

/// A person or company with an account at a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    /// As it was written; compared without case.
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub company: String,
    pub phone: String,
    pub notes: String,
    pub tax_exempt_category: String,
    /// 0 is no group.
    pub group: GroupId,
    /// Empty for a customer that the API made.
    pub registration_ip_address: String,
    /// Whether they want product reviews and abandoned carts by e-mail.
    pub accepts_review_emails: bool,
    pub store_credit: Money,
    /// The channel that made the customer. Never changes.
    pub origin_channel: ChannelId,
    pub access: Access,
    pub force_password_reset: bool,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// Which channels let a customer sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Every channel that allows global logins.
    #[default]
    Global,
    /// Just these, and there is at least one.
    Channels(BTreeSet<ChannelId>),
}

/// What a request says of a customer: every field it names, and no other. It has been checked.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    // Invariant: every field that is there keeps its rule.
    said: Said,
}

/// What a request says of a customer, unchecked.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub company: Option<String>,
    pub phone: Option<String>,
    pub notes: Option<String>,
    pub tax_exempt_category: Option<String>,
    pub group: Option<GroupId>,
    pub registration_ip_address: Option<String>,
    pub accepts_review_emails: Option<bool>,
    pub store_credit: Option<Money>,
    pub origin_channel: Option<ChannelId>,
    pub access: Option<Access>,
    pub force_password_reset: Option<bool>,
    pub password: Option<Password>,
}

/// A password on its way to being hashed. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Changes {
    /// Check what was said. Faults are named by field, in the domain's words.
    pub fn new(said: Said) -> Result<Self> {
        let mut faults = Violations::default();
        if let Some(email) = &said.email
            && let Err(rule) = check_email(email)
        {
            faults.add("email", rule);
        }
        let texts = [
            ("first_name", &said.first_name, 1, 100),
            ("last_name", &said.last_name, 1, 100),
            ("company", &said.company, 0, 255),
            ("phone", &said.phone, 0, 50),
            ("tax_exempt_category", &said.tax_exempt_category, 0, 255),
            ("registration_ip_address", &said.registration_ip_address, 0, LONGEST_ADDRESS),
        ];
        for (field, text, least, most) in texts {
            if text.as_ref().is_some_and(|text| !(least..=most).contains(&text.chars().count())) {
                faults.add(field, format!("must be {least} to {most} characters long"));
            }
        }
        if said.notes.as_ref().is_some_and(|notes| notes.len() > MOST_NOTES) {
            faults.add("notes", format!("must be at most {MOST_NOTES} bytes long"));
        }
        if said.group.is_some_and(|group| group.0 < 0) {
            // Whether there is such a group is asked where it is held: customers::standing.
            faults.add("customer_group_id", "no such customer group");
        }
        if said.store_credit.is_some_and(|credit| !(Money(0)..=MOST_CREDIT).contains(&credit)) {
            faults.add("store_credit", "must be an amount from 0 to 9999999999.9999");
        }
        if said.origin_channel.is_some_and(|channel| channel.0 < 1) {
            faults.add("origin_channel_id", "must be the number of a channel");
        }
        if let Some(Access::Channels(channels)) = &said.access
            && (!(1..=MOST_CHANNELS).contains(&channels.len())
                || channels.iter().any(|channel| channel.0 < 1))
        {
            faults.add(
                "channel_ids",
                format!("must be 1 to {MOST_CHANNELS} numbers of channels, or null for all"),
            );
        }
        if let Some(Password(password)) = &said.password
            && let Err(rule) = check_password(password)
        {
            faults.add("password", rule);
        }
        faults.or(Self { said })
    }

    /// Whether the password is to change, and to what.
    #[must_use]
    pub fn password(&self) -> Option<&Password> {
        self.said.password.as_ref()
    }

    /// Which group they put the customer into, if they say so; 0 is none.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        self.said.group
    }

    /// Every channel they name.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        let access = match &self.said.access {
            Some(Access::Channels(channels)) => Some(channels),
            Some(Access::Global) | None => None,
        };
        self.said.origin_channel.into_iter().chain(access.into_iter().flatten().copied())
    }

    /// The same, for an account that signs in on this channel alone.
    #[must_use]
    pub fn bound_to(self, channel: ChannelId) -> Self {
        let access = Some(Access::Channels([channel].into()));
        Self { said: Said { access, ..self.said } }
    }

    /// Whether they could give the customer an address that another has: the e-mail, or who meets whom.
    #[must_use]
    pub fn touch_identity(&self) -> bool {
        self.said.email.is_some() || self.said.access.is_some()
    }
}

impl Customer {
    /// A new customer. The wire has seen to it that e-mail and names are there.
    #[must_use]
    pub fn new(id: CustomerId, changes: &Changes, at: Timestamp) -> Self {
        let mut customer = Self {
            id,
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            company: String::new(),
            phone: String::new(),
            notes: String::new(),
            tax_exempt_category: String::new(),
            group: GroupId(0),
            registration_ip_address: String::new(),
            accepts_review_emails: false,
            store_credit: Money(0),
            origin_channel: changes.said.origin_channel.unwrap_or(DEFAULT_STOREFRONT),
            access: Access::Global,
            force_password_reset: false,
            created_at: at,
            modified_at: at,
        };
        customer.apply(changes);
        customer
    }

    /// Take over what was said; the names of the fields that are different now. A new password counts as
    /// different whatever it was before. The origin channel never changes.
    pub fn apply(&mut self, changes: &Changes) -> Vec<&'static str> {
        let said = &changes.said;
        let mut different = Vec::new();
        let mut put = |field, differs: bool| {
            if differs {
                different.push(field);
            }
        };
        put("email", replace(&mut self.email, said.email.as_ref()));
        put("first_name", replace(&mut self.first_name, said.first_name.as_ref()));
        put("last_name", replace(&mut self.last_name, said.last_name.as_ref()));
        put("company", replace(&mut self.company, said.company.as_ref()));
        put("phone", replace(&mut self.phone, said.phone.as_ref()));
        put("notes", replace(&mut self.notes, said.notes.as_ref()));
        put(
            "tax_exempt_category",
            replace(&mut self.tax_exempt_category, said.tax_exempt_category.as_ref()),
        );
        put("customer_group_id", replace(&mut self.group, said.group.as_ref()));
        let ip = said.registration_ip_address.as_ref();
        put("registration_ip_address", replace(&mut self.registration_ip_address, ip));
        put(
            "accepts_review_emails",
            replace(&mut self.accepts_review_emails, said.accepts_review_emails.as_ref()),
        );
        put("store_credit", replace(&mut self.store_credit, said.store_credit.as_ref()));
        put("channel_ids", replace(&mut self.access, said.access.as_ref()));
        put(
            "force_password_reset",
            replace(&mut self.force_password_reset, said.force_password_reset.as_ref()),
        );
        put("password", said.password.is_some());
        different
    }

    /// What the address is compared by.
    #[must_use]
    pub fn email_key(&self) -> String {
        fold(&self.email)
    }

    /// Whether two accounts of a store may not both exist: one address, and a channel that would have to
    /// guess which of them signs in (ruling 16). `open` are the channels that allow global logins.
    #[must_use]
    pub fn clashes_with(&self, other: &Self, open: &BTreeSet<ChannelId>) -> bool {
        self.id != other.id
            && self.email_key() == other.email_key()
            && self.access.meets(&other.access, open)
    }
}

impl Access {
    /// Whether this channel lets the customer sign in; `is_open` says whether it allows global logins.
    #[must_use]
    pub fn admits(&self, channel: ChannelId, is_open: bool) -> bool {
        match self {
            Self::Global => is_open,
            Self::Channels(channels) => channels.contains(&channel),
        }
    }

    /// Whether some channel would let both sign in. Two with global access meet also while no channel is open
    /// to them: one may become so.
    #[must_use]
    pub fn meets(&self, other: &Self, open: &BTreeSet<ChannelId>) -> bool {
        match (self, other) {
            (Self::Global, Self::Global) => true,
            (Self::Global, Self::Channels(channels)) | (Self::Channels(channels), Self::Global) => {
                !channels.is_disjoint(open)
            }
            (Self::Channels(left), Self::Channels(right)) => !left.is_disjoint(right),
        }
    }
}

fn replace<T: Clone + PartialEq>(field: &mut T, said: Option<&T>) -> bool {
    let Some(value) = said.filter(|value| *value != field) else { return false };
    field.clone_from(value);
    true
}

/// Ruling 17, with a bound that no person meets.
fn check_password(password: &str) -> Result<(), &'static str> {
    let has = |kind: fn(char) -> bool| password.chars().any(kind);
    let long_enough = (7..=1000).contains(&password.chars().count());
    if long_enough && has(char::is_alphabetic) && has(char::is_numeric) {
        Ok(())
    } else {
        Err("must be at least 7 characters long, with at least one letter and one digit")
    }
}

/// Channel 1: every store's first.
pub const DEFAULT_STOREFRONT: ChannelId = ChannelId(1);

const MOST_CREDIT: Money = Money(99_999_999_999_999);
const MOST_CHANNELS: usize = 250;

/// Characters of an internet address as text: IPv6 with an address of IPv4 at its end. Published are 30, which most
/// addresses of IPv6 are longer than.
const LONGEST_ADDRESS: usize = 45;

/// Bytes of notes on one customer, so that a page of 250 has a bound.
const MOST_NOTES: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    fn access(channels: &[i64]) -> Access {
        if channels.is_empty() {
            return Access::Global;
        }
        Access::Channels(channels.iter().copied().map(ChannelId).collect())
    }

    #[test]
    fn accounts_meet_where_a_channel_lets_both_in() {
        #[track_caller]
        fn check(one: &[i64], other: &[i64], expected: bool) {
            let open = [1, 4].map(ChannelId).into();
            assert_eq!(access(one).meets(&access(other), &open), expected);
            assert_eq!(access(other).meets(&access(one), &open), expected);
        }
        check(&[], &[4], true);
        check(&[], &[], true);
        check(&[], &[1], true);
        check(&[], &[2], false);
        check(&[1, 2], &[2, 3], true);
        check(&[1], &[2], false);
    }

    #[test]
    fn what_breaks_a_rule_is_named_by_field() {
        #[track_caller]
        fn check(said: Said, expected: &[&str]) {
            let broken = match Changes::new(said) {
                Ok(_) => Vec::new(),
                Err(kernel::Error::Invalid(faults)) => faults.into_map().into_keys().collect(),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(broken, expected);
        }
        let email = |email: &str| Said { email: Some(email.to_owned()), ..Said::default() };
        for good in ["a@b", "Nina.Ni@nina.co", "ü@ü"] {
            check(email(good), &[]);
        }
        for bad in ["", "a", "a@", "@b", "a@b@c", "a b@c", "a@b\n"] {
            check(email(bad), &["email"]);
        }
        check(email(&format!("{}@b", "a".repeat(248))), &[]);
        check(email(&format!("{}@b", "a".repeat(249))), &["email"]);
        let password = |password: &str| Said {
            password: Some(Password(password.to_owned())),
            ..Said::default()
        };
        check(password("abcdef1"), &[]);
        for bad in ["abcde1", "abcdefg", "1234567"] {
            check(password(bad), &["password"]);
        }
        let mut said = Said {
            first_name: Some(String::new()),
            phone: Some("5".repeat(51)),
            ..Said::default()
        };
        said.store_credit = Some(Money(-1));
        said.access = Some(Access::Channels(BTreeSet::new()));
        check(said, &["channel_ids", "first_name", "phone", "store_credit"]);
    }

    #[test]
    fn only_what_differs_counts_as_changed() {
        let said =
            Said { email: Some("a@b".into()), first_name: Some("Ada".into()), ..Said::default() };
        let changes = Changes::new(said).unwrap();
        let mut customer = Customer::new(CustomerId(1), &changes, Timestamp(5));
        assert_eq!(customer.apply(&changes), Vec::<&str>::new());
        let said = Said {
            first_name: Some("Eva".into()),
            origin_channel: Some(ChannelId(9)),
            ..Said::default()
        };
        assert_eq!(customer.apply(&Changes::new(said).unwrap()), ["first_name"]);
        assert_eq!(customer.origin_channel, DEFAULT_STOREFRONT);
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password("hunter22".into())), "Password(…)");
    }
}
