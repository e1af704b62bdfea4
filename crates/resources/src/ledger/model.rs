use std::{collections::BTreeMap, fmt};

use kernel::{AccountId, ChannelId, CustomerId, Timestamp};
use ledger::{
    leaf::{Commitment, Leaf, Person, Salt},
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

impl Head {
    /// How many leaves there are. No tree has fewer than none, whatever the database says.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        u64::try_from(self.size).unwrap_or(0)
    }
}

/// What a receipt of a declaration is made from, beside the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its place in the ledger; none while it has none.
    pub leaf: Option<i64>,
    /// What opens the commitment there.
    pub salt: Option<[u8; 32]>,
    /// What names the session in which the shopper declared it; empty where somebody else did.
    pub session: String,
    /// Of the policy that was shown; empty where none was named.
    pub policy_sha256: String,
}

/// A declaration as it lies in the database, which may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub customer: CustomerId,
    /// Of the customer's declarations, from 1.
    pub sequence: i64,
    /// What names the session in which the shopper declared it; empty where somebody else did.
    pub session: String,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub declared_at: Timestamp,
    pub source: String,
    /// The API account that made it; 0 where a shopper did.
    pub declared_by: AccountId,
    /// 0 where none was said.
    pub channel: ChannelId,
    /// Empty where none was said.
    pub locale: String,
    pub gpc: bool,
    /// In hexadecimal digits; empty where none was named.
    pub policy_sha256: String,
    /// Its place in the tree; none until it has one.
    pub leaf: Option<i64>,
    /// Whether the customer has gone.
    pub detached: bool,
}

/// A declaration with what its leaf is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub entry: Entry,
    /// What opens its leaf.
    pub salt: Vec<u8>,
    /// The leaf of its place; `None` where there is none.
    pub json: Option<String>,
    /// Whether its customer is there.
    pub is_somebodys: bool,
}

/// What the store knows that declarations name.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub store_hash: String,
    /// The client ids of API accounts.
    pub clients: BTreeMap<AccountId, String>,
    /// The digests of policies, by the SHA-256 of their texts.
    pub policies: BTreeMap<String, Commitment>,
}

/// How many declarations a customer has, by the customer's row and by what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub customer: CustomerId,
    /// By the customer's row.
    pub said: i64,
    /// That are kept.
    pub kept: i64,
    /// The numbers of the first and the last of those; 0 where there is none.
    pub first: i64,
    pub last: i64,
}

impl Entry {
    /// What the ledger keeps of it for good, with a commitment that this salt opens.
    #[must_use]
    pub fn to_leaf(&self, known: &Known, salt: &Salt) -> Leaf {
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        Leaf {
            version: 1,
            store_hash: known.store_hash.clone(),
            declared_at: self.declared_at.0,
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            source: self.source.clone(),
            client_id: known.clients.get(&self.declared_by).cloned(),
            channel_id: (self.channel != ChannelId(0)).then_some(self.channel.0),
            locale: said(&self.locale),
            gpc: self.gpc,
            policy: known.policies.get(&self.policy_sha256).copied(),
            person: self.person().commitment(salt),
        }
    }

    fn person(&self) -> Person {
        let session = (!self.session.is_empty()).then(|| self.session.clone());
        Person { customer_id: self.customer.0, sequence: self.sequence, session }
    }
}

/// What was found of a store's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many leaves there are.
    pub leaves: u64,
    /// How many of them are of declarations that are kept, and were held to those. The others' customers have gone.
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
    /// There is no such customer, and a declaration of theirs; or it is marked as one of a customer who has gone, and the
    /// customer is there.
    Stray { customer: CustomerId, sequence: i64 },
    /// A later declaration of the same customer has a leaf before this one's, or an earlier one has none.
    Order { customer: CustomerId, sequence: i64 },
    /// A customer's declarations are not those from the first to the one that the customer's row counts.
    Count(Count),
    /// The text that is kept of the policy of this version is not the one that was registered.
    Policy(String),
}

impl Kept {
    /// The first thing of it that is not as it should be. What waits for its leaf is held to nothing.
    #[must_use]
    pub fn damage(&self, known: &Known) -> Option<Damage> {
        let Entry { customer, sequence, detached, .. } = self.entry;
        // Who goes leaves behind only what waits for its leaf, and that is marked.
        if self.is_somebodys == detached || (detached && self.entry.leaf.is_some()) {
            return Some(Damage::Stray { customer, sequence });
        }
        let leaf = self.entry.leaf?;
        let part = match self.json.as_ref().map(|json| Leaf::read(json.as_bytes())) {
            None => Some("the number of the leaf"),
            Some(None) => Some("the leaf"),
            Some(Some(there)) => self.differs(known, &there),
        };
        part.map(|part| Damage::Declaration { customer, sequence, leaf, part })
    }

    fn differs(&self, known: &Known, leaf: &Leaf) -> Option<&'static str> {
        let salt = <[u8; 32]>::try_from(&self.salt[..]).map_or(Salt::new([0; 32]), Salt::new);
        let made = self.entry.to_leaf(known, &salt);
        let names_known = self.entry.policy_sha256.is_empty() == made.policy.is_none();
        let parts = [
            ("store_hash", made.store_hash == leaf.store_hash),
            ("allow", made.allow == leaf.allow),
            ("deny", made.deny == leaf.deny),
            ("declared_at", made.declared_at == leaf.declared_at),
            ("source", made.source == leaf.source),
            ("declared_by", made.client_id == leaf.client_id),
            ("channel_id", made.channel_id == leaf.channel_id),
            ("locale", made.locale == leaf.locale),
            ("gpc", made.gpc == leaf.gpc),
            ("policy", names_known && made.policy == leaf.policy),
            ("salt", made.person == leaf.person),
        ];
        parts.into_iter().find(|(_, agrees)| !agrees).map(|(part, _)| part)
    }
}

impl Entry {
    /// Whether it follows this one as the sequencer makes leaves: a customer's in their order.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        self.customer != before.customer
            || match (before.leaf, self.leaf) {
                (Some(before), Some(leaf)) => before < leaf,
                (_, None) => true,
                (None, Some(_)) => false,
            }
    }
}

impl Count {
    /// Whether they are numbered from 1, each once, up to as many as the row says.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let Self { said, kept, first, last, .. } = *self;
        said == kept && last == kept && first == i64::from(kept > 0)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(fault) => fault.fmt(f),
            Self::Declaration { customer, sequence, leaf, part: "salt" } => write!(
                f,
                "declaration {sequence} of customer {}: its salt does not open leaf {leaf} to this declaration",
                customer.0
            ),
            Self::Declaration { customer, sequence, leaf, part } => write!(
                f,
                "declaration {sequence} of customer {}: {part} is not what leaf {leaf} says",
                customer.0
            ),
            Self::Stray { customer, sequence } => write!(
                f,
                "declaration {sequence} of customer {}: the customer is not there, or has not gone, as it should be",
                customer.0
            ),
            Self::Order { customer, sequence } => write!(
                f,
                "declaration {sequence} of customer {}: an earlier one of theirs has no leaf, or one further on",
                customer.0
            ),
            Self::Count(Count { customer, said, kept, first, last }) => write!(
                f,
                "customer {} has declared {said} times, and {kept} declarations are kept, numbered {first} to {last}",
                customer.0
            ),
            Self::Policy(version) => {
                write!(f, "policy {version}: its text has another SHA-256 than was registered")
            }
        }
    }
}
