use std::fmt;

use kernel::{AccountId, ChannelId, CustomerId, Timestamp};
use ledger::{
    leaf::{Leaf, Person, Salt},
    recount::Fault,
};

/// The head of a store's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub store_hash: String,
    /// How many leaves there are.
    pub size: i64,
    /// The signed head of a tree of this size; empty while there is none.
    pub checkpoint: String,
    pub signed_at: Timestamp,
}

/// What a receipt of a declaration is made from, beside the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its place in the ledger; none while it has none.
    pub leaf: Option<i64>,
    /// What opens the commitment there.
    pub salt: Option<[u8; 32]>,
    /// Of the policy that was shown; empty where none was named.
    pub policy_sha256: String,
}

/// A declaration that is no leaf yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub customer: CustomerId,
    /// Of the customer's declarations, from 1.
    pub sequence: i64,
    /// Names of the categories that are allowed.
    pub allow: Vec<&'static str>,
    /// Names of those that are refused.
    pub deny: Vec<&'static str>,
    pub declared_at: Timestamp,
    /// The name of the door through which it came.
    pub source: String,
    /// The API account that made it.
    pub declared_by: AccountId,
    pub channel: Option<ChannelId>,
    /// Empty where none was said.
    pub locale: String,
    /// In hexadecimal digits; empty where none was named.
    pub policy_sha256: String,
    /// Whether the customer has gone meanwhile.
    pub detached: bool,
}

impl Pending {
    /// What the ledger keeps of it for good, with a commitment that this salt opens. `client_id` is that of the API
    /// account that made it.
    #[must_use]
    pub fn leaf(&self, store_hash: &str, client_id: Option<&str>, salt: &Salt) -> Leaf {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        Leaf {
            version: 1,
            store_hash: store_hash.to_owned(),
            declared_at: self.declared_at.0,
            allow: names(&self.allow),
            deny: names(&self.deny),
            source: self.source.clone(),
            client_id: client_id.map(str::to_owned),
            channel_id: self.channel.map(|channel| channel.0),
            locale: said(&self.locale),
            policy_sha256: said(&self.policy_sha256),
            person: Person { customer_id: self.customer.0 }.commitment(salt),
        }
    }
}

/// A declaration that is a leaf, as it is kept, which may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    pub customer: CustomerId,
    /// Of the customer's declarations, from 1.
    pub sequence: i64,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub declared_at: Timestamp,
    pub source: String,
    pub declared_by: AccountId,
    /// 0 where none was said.
    pub channel_id: i64,
    pub locale: String,
    pub policy_sha256: String,
    /// Its place in the tree.
    pub leaf: i64,
    pub salt: Vec<u8>,
    /// The leaf of that place; `None` where there is none.
    pub json: Option<String>,
}

/// What was found of a store's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many leaves there are.
    pub leaves: u64,
    /// How many declarations that are kept were held to their leaves.
    pub declarations: u64,
    /// All that is wrong; empty when all is as it should be.
    pub damages: Vec<Damage>,
}

/// What is wrong with a ledger that is kept in a database, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// With the tree.
    Tree(Fault),
    /// With a declaration: this of it is not what its leaf says.
    Declaration { customer: CustomerId, sequence: i64, leaf: i64, part: &'static str },
}

impl Declared {
    /// The first thing of it that is not what its leaf says. `client_id` is that of the API account that made it.
    #[must_use]
    pub fn damage(&self, client_id: Option<&str>) -> Option<Damage> {
        let part = match self.json.as_ref().map(|json| Leaf::read(json.as_bytes())) {
            None => Some("the number of the leaf"),
            Some(None) => Some("the leaf"),
            Some(Some(leaf)) => self.differs(client_id, &leaf),
        };
        let Self { customer, sequence, leaf, .. } = *self;
        part.map(|part| Damage::Declaration { customer, sequence, leaf, part })
    }

    fn differs(&self, client_id: Option<&str>, leaf: &Leaf) -> Option<&'static str> {
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        let salt = <[u8; 32]>::try_from(&self.salt[..]).map(Salt::new);
        let person = Person { customer_id: self.customer.0 };
        let parts = [
            ("allow", self.allow == leaf.allow),
            ("deny", self.deny == leaf.deny),
            ("declared_at", self.declared_at == leaf.declared_at()),
            ("source", self.source == leaf.source),
            ("declared_by", client_id == leaf.client_id.as_deref()),
            ("channel_id", (self.channel_id != 0).then_some(self.channel_id) == leaf.channel_id),
            ("locale", said(&self.locale) == leaf.locale),
            ("policy_sha256", said(&self.policy_sha256) == leaf.policy_sha256),
            ("salt", salt.is_ok_and(|salt| person.commitment(&salt) == leaf.person)),
        ];
        parts.into_iter().find(|(_, agrees)| !agrees).map(|(part, _)| part)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(fault) => fault.fmt(f),
            Self::Declaration { customer, sequence, leaf, part: "salt" } => write!(
                f,
                "declaration {sequence} of customer {}: its salt does not open leaf {leaf} to this customer",
                customer.0
            ),
            Self::Declaration { customer, sequence, leaf, part } => write!(
                f,
                "declaration {sequence} of customer {}: {part} is not what leaf {leaf} says",
                customer.0
            ),
        }
    }
}
