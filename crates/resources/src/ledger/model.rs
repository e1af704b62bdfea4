use kernel::{AccountId, ChannelId, CustomerId, Timestamp};
use ledger::{
    leaf::{Leaf, Person, Salt},
    tree::Hash,
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

/// The proof that a tree is the beginning of a later one (RFC 6962, 2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many leaves the earlier one has.
    pub from: u64,
    /// How many the later one has.
    pub to: u64,
    pub proof: Vec<Hash>,
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
