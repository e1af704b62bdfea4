//! What a person keeps of a declaration, and a stranger checks without asking anybody.
//!
//! Its structure follows ISO/IEC TS 27560: who controls the data, for which purposes, under which policy, when, and how
//! to withdraw. `evidence` has what proves it: the leaf as the tree has it, the opening of its commitment, the proof
//! that the leaf is in the tree, and the checkpoint that the controller signed. What the first part says in words has
//! to be what the leaf says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    checkpoint::{CheckpointError, Head, PublicKey},
    leaf::{Leaf, Person, Salt, Terms},
    tree::{self, Hash},
};

/// A receipt, as JSON has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`SCHEMA`].
    pub schema: String,
    /// Who has to answer for it.
    pub controller: Controller,
    /// Whom it is about.
    pub subject: Person,
    /// When it was declared: RFC 3339 in UTC, with microseconds.
    pub declared_at: String,
    /// What was decided, each purpose once.
    pub purposes: Vec<Purpose>,
    /// What the person was shown; absent where nothing was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// How to take it back: as the policy says, else [`WITHDRAWAL`].
    pub withdrawal: String,
    /// What proves it.
    pub evidence: Evidence,
}

/// Who has to answer for what is done with the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// The store's hash, as in the API's paths.
    pub store_hash: String,
    /// As the policy names them; empty where none was named.
    pub name: String,
    /// How to reach them; empty where none was named.
    pub contact: String,
}

/// One purpose, and whether the person agreed to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// The category's name.
    pub category: String,
    /// Whether the person allowed it; refused else.
    pub allowed: bool,
}

/// The policy that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its version, as the store names it.
    pub version: String,
    /// The SHA-256 of its text, in hexadecimal digits.
    pub sha256: String,
    /// Since when it holds: RFC 3339 in UTC.
    pub effective_at: String,
}

/// What a stranger needs to check the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The leaf, as the tree has it.
    pub leaf: Leaf,
    /// What opens its commitment.
    pub salt: Salt,
    /// Its place in the tree, from 0.
    pub index: u64,
    /// The proof that it is there (RFC 6962, 2.1.1), each hash in Base64.
    pub proof: Vec<Step>,
    /// The signed head of the tree.
    pub checkpoint: String,
}

/// One hash of a proof, in Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(pub Hash);

/// What of a receipt does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is of a structure that is not known here.
    #[error("the receipt is not of the schema {SCHEMA}")]
    Schema,
    /// The signature.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is that of another store's tree.
    #[error("the checkpoint is of {0}, which is not this store's tree")]
    Origin(String),
    /// The proof.
    #[error("leaf {0} is not in the tree that the checkpoint signs")]
    NotInTree(u64),
    /// The opening.
    #[error("the commitment does not open to this person")]
    Person,
    /// A part that is in words says something else than the leaf.
    #[error("{0} is not what the leaf says")]
    Words(&'static str),
}

/// The one structure that there is.
pub const SCHEMA: &str = "custodia/receipt/1";

/// How to take consent back, where no policy says it.
pub const WITHDRAWAL: &str =
    "Change your choice where the store asked for it, or tell the store that you withdraw it.";

impl Receipt {
    /// Check all of it against the keys of who signed it. What the checkpoint says of the tree.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<Head, Fault> {
        let Evidence { leaf, salt, index, proof, checkpoint } = &self.evidence;
        if self.schema != SCHEMA || leaf.version != 1 {
            return Err(Fault::Schema);
        }
        let head = Head::read(checkpoint, keys)?;
        if !head.is_of(&leaf.store_hash) {
            return Err(Fault::Origin(head.origin));
        }
        let proof: Vec<Hash> = proof.iter().map(|step| step.0).collect();
        if !tree::is_leaf_of(head.size, &head.root, *index, &leaf.hash(), &proof) {
            return Err(Fault::NotInTree(*index));
        }
        if self.subject.commitment(salt) != leaf.person {
            return Err(Fault::Person);
        }
        let words = [
            ("controller", self.controller.store_hash == leaf.store_hash),
            ("declared_at", self.declared_at == leaf.declared_at().to_rfc3339_micros()),
            ("purposes", self.purposes == Purpose::of(leaf)),
            ("policy", self.terms().map(|terms| terms.digest()) == leaf.policy),
            ("controller", self.policy.is_some() || self.controller.is_unnamed()),
            ("withdrawal", self.policy.is_some() || self.withdrawal == WITHDRAWAL),
        ];
        match words.into_iter().find(|(_, agrees)| !agrees) {
            Some((words, _)) => Err(Fault::Words(words)),
            None => Ok(head),
        }
    }

    /// What it says of the policy; `None` where none was named.
    fn terms(&self) -> Option<Terms> {
        let Policy { version, sha256, effective_at } = self.policy.clone()?;
        let Controller { name: controller, contact, .. } = self.controller.clone();
        let withdrawal = self.withdrawal.clone();
        Some(Terms { contact, controller, effective_at, sha256, version, withdrawal })
    }
}

impl Controller {
    /// Whether nothing but the store is said.
    fn is_unnamed(&self) -> bool {
        self.name.is_empty() && self.contact.is_empty()
    }
}

impl Purpose {
    /// The purposes of a leaf: first those that are allowed.
    #[must_use]
    pub fn of(leaf: &Leaf) -> Vec<Self> {
        let purpose =
            |allowed| move |category: &String| Self { category: category.clone(), allowed };
        leaf.allow.iter().map(purpose(true)).chain(leaf.deny.iter().map(purpose(false))).collect()
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes =
            STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        let hash =
            bytes.try_into().map_err(|_| D::Error::custom("a hash is 32 bytes in Base64"))?;
        Ok(Self(hash))
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;
    use crate::{checkpoint::SigningKey, tree::Tree};

    fn key() -> SigningKey {
        SigningKey::new("custodia.example", &[1; 32]).unwrap()
    }

    /// The receipt of leaf 3 of 7.
    fn receipt() -> Receipt {
        let at = Timestamp(1_700_000_000_000_001);
        let salt = Salt::new([9; 32]);
        let subject = Person { customer_id: 5, sequence: 2, session: None };
        let terms = Terms {
            contact: "privacy@shop.example".to_owned(),
            controller: "Shop Ltd".to_owned(),
            effective_at: "2023-01-01T00:00:00Z".to_owned(),
            sha256: "ab".repeat(32),
            version: "3".to_owned(),
            withdrawal: "Write to us.".to_owned(),
        };
        let leaf = Leaf {
            version: 1,
            store_hash: "shop".to_owned(),
            declared_at: at.0,
            allow: vec!["essential".to_owned()],
            deny: vec!["targeting".to_owned()],
            source: "management_api".to_owned(),
            client_id: Some("client".to_owned()),
            channel_id: None,
            locale: None,
            gpc: false,
            policy: Some(terms.digest()),
            person: subject.commitment(&salt),
        };
        let mut tree = Tree::default();
        for other in 0..7_u8 {
            tree.append(if other == 3 { leaf.hash() } else { [other; 32] }).unwrap();
        }
        let proof = tree.prove_leaf(3).unwrap().into_iter().map(Step).collect();
        let root = tree.root().unwrap();
        let head = Head { origin: "custodia.example/shop".to_owned(), size: 7, root };
        Receipt {
            schema: SCHEMA.to_owned(),
            controller: Controller {
                store_hash: "shop".to_owned(),
                name: terms.controller,
                contact: terms.contact,
            },
            subject,
            declared_at: at.to_rfc3339_micros(),
            purposes: Purpose::of(&leaf),
            policy: Some(Policy {
                version: terms.version,
                sha256: terms.sha256,
                effective_at: terms.effective_at,
            }),
            withdrawal: terms.withdrawal,
            evidence: Evidence { leaf, salt, index: 3, proof, checkpoint: head.sign(&key()) },
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Receipt), expected: &Fault) {
        let mut receipt = receipt();
        change(&mut receipt);
        assert_eq!(receipt.verify(&[key().public().clone()]).as_ref(), Err(expected));
    }

    #[test]
    fn a_receipt_holds_by_itself_also_after_a_journey_as_json() {
        let json = serde_json::to_string_pretty(&receipt()).unwrap();
        let read: Receipt = serde_json::from_str(&json).unwrap();
        assert_eq!(read.verify(&[key().public().clone()]).map(|head| head.size), Ok(7));
        let stranger = SigningKey::new("custodia.example", &[2; 32]).unwrap();
        let unsigned = Err(Fault::Checkpoint(CheckpointError::Unsigned));
        assert_eq!(read.verify(&[stranger.public().clone()]), unsigned);
    }

    #[test]
    fn whatever_is_changed_is_named() {
        check(|it| it.schema.push('0'), &Fault::Schema);
        check(
            |it| it.evidence.checkpoint = it.evidence.checkpoint.replace("\n7\n", "\n8\n"),
            &Fault::Checkpoint(CheckpointError::Forged),
        );
        check(|it| it.evidence.index = 4, &Fault::NotInTree(3 + 1));
        check(|it| it.evidence.leaf.declared_at += 1, &Fault::NotInTree(3));
        check(|it| it.evidence.proof.truncate(1), &Fault::NotInTree(3));
        check(|it| it.subject.customer_id = 6, &Fault::Person);
        check(|it| it.evidence.salt = Salt::new([8; 32]), &Fault::Person);
        check(|it| it.controller.store_hash.push('2'), &Fault::Words("controller"));
        check(
            |it| it.declared_at = "2023-01-01T00:00:00Z".to_owned(),
            &Fault::Words("declared_at"),
        );
        check(|it| it.purposes[1].allowed = true, &Fault::Words("purposes"));
        check(|it| it.subject.sequence = 1, &Fault::Person);
        check(|it| it.policy = None, &Fault::Words("policy"));
        check(|it| it.policy.as_mut().unwrap().version.push('1'), &Fault::Words("policy"));
        check(|it| it.policy.as_mut().unwrap().effective_at.push('1'), &Fault::Words("policy"));
        check(|it| it.controller.name.push('.'), &Fault::Words("policy"));
        check(|it| it.controller.contact.push('.'), &Fault::Words("policy"));
        check(|it| it.withdrawal.push('.'), &Fault::Words("policy"));
    }

    #[test]
    fn without_a_policy_nobody_is_named() {
        let mut receipt = receipt();
        receipt.evidence.leaf.policy = None;
        (receipt.policy, receipt.withdrawal) = (None, WITHDRAWAL.to_owned());
        (receipt.controller.name, receipt.controller.contact) = (String::new(), String::new());
        let mut tree = Tree::default();
        tree.append(receipt.evidence.leaf.hash()).unwrap();
        let origin = "custodia.example/shop".to_owned();
        let head = Head { origin, size: 1, root: tree.root().unwrap() };
        (receipt.evidence.index, receipt.evidence.proof) = (0, Vec::new());
        receipt.evidence.checkpoint = head.sign(&key());
        let verify =
            |receipt: &Receipt| receipt.verify(&[key().public().clone()]).map(|it| it.size);
        assert_eq!(verify(&receipt), Ok(1));
        let mut named = receipt.clone();
        named.controller.name.push('.');
        assert_eq!(verify(&named), Err(Fault::Words("controller")));
        receipt.withdrawal.push('.');
        assert_eq!(verify(&receipt), Err(Fault::Words("withdrawal")));
    }

    #[test]
    fn the_tree_of_another_store_proves_nothing() {
        let other = Head { origin: "custodia.example/other".to_owned(), size: 7, root: [0; 32] };
        check(
            |it| it.evidence.checkpoint = other.sign(&key()),
            &Fault::Origin("custodia.example/other".to_owned()),
        );
    }
}
