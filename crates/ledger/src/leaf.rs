//! What the tree holds of a declaration: its leaf.
//!
//! A leaf is canonical JSON (RFC 8785) of what was declared and how. Whom it is about stands in it only as a
//! commitment: HMAC-SHA256 of that part, under 32 random bytes of its own. Whoever has the salt and the part can show
//! that they belong to the leaf; without the salt the commitment tells nothing, not even to who guesses right.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::{Chance, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::tree::{self, Hash};

/// What a commitment is made under; when it is destroyed, nobody can open the commitment any more.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

/// Whom a declaration is about: the part of a leaf that can be erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The customer's id in the store.
    pub customer_id: i64,
    /// Which of the customer's declarations it is, from 1.
    pub sequence: i64,
    /// What names the session in which the shopper declared it; absent where somebody else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// The policy that was shown, with all that a receipt says of it. A leaf has the digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// How to reach the controller.
    pub contact: String,
    /// Who has to answer for what is done with the data.
    pub controller: String,
    /// Since when the policy holds: RFC 3339 in UTC.
    pub effective_at: String,
    /// The SHA-256 of the text, in hexadecimal digits.
    pub sha256: String,
    /// As the store names the policy.
    pub version: String,
    /// How to take consent back.
    pub withdrawal: String,
}

/// Canonical JSON (RFC 8785) of what has its members in their order, and texts and whole numbers below 2^53 alone: then
/// it is what `serde_json` writes, which a test holds to a library for it that takes ten times as long.
fn canonical(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and whole numbers can be said in JSON")
}

/// What is known of a declaration for good. No two have the same commitment, so no two leaves are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Names of the categories that are allowed.
    pub allow: Vec<String>,
    /// The channel on which the shopper was asked; absent where that was not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<i64>,
    /// The client id of the API account that made it; absent where a shopper did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// When, in microseconds since 1970.
    pub declared_at: i64,
    /// Names of those that are refused.
    pub deny: Vec<String>,
    /// The browser said that its user does not want to be followed (`Sec-GPC: 1`); absent where it did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gpc: bool,
    /// The language in which the shopper was asked, as BCP 47 has it; absent where that was not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The commitment to the person.
    pub person: Commitment,
    /// The digest of the policy that was shown; absent where none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Commitment>,
    /// Through which door it came: `management_api`, `storefront`, `browser_signal` or `import`.
    pub source: String,
    /// The store's hash, as in the API's paths.
    pub store_hash: String,
    /// Of this layout: 1.
    pub version: u8,
}

/// What stands for a part that is not shown: 32 bytes, in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment(pub [u8; 32]);

impl Leaf {
    /// Its bytes, which are what is hashed.
    ///
    /// # Panics
    ///
    /// Never: a leaf has texts and whole numbers alone, which every JSON can say.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical(self)
    }

    /// What these bytes say; `None` where they are no leaf. They may say it in other bytes than [`Self::to_bytes`].
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Its hash in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        tree::leaf_hash(&self.to_bytes())
    }

    /// When it was declared.
    #[must_use]
    pub fn declared_at(&self) -> Timestamp {
        Timestamp(self.declared_at)
    }
}

/// This is no leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a leaf")]
pub struct NotALeaf;

/// From its JSON.
impl FromStr for Leaf {
    type Err = NotALeaf;

    fn from_str(json: &str) -> Result<Self, NotALeaf> {
        serde_json::from_str(json).map_err(|_| NotALeaf)
    }
}

impl Person {
    /// The commitment to this person.
    ///
    /// # Panics
    ///
    /// Never: a key of 32 bytes fits, and the part is numbers alone.
    #[must_use]
    pub fn commitment(&self, salt: &Salt) -> Commitment {
        let part = canonical(self);
        let mac = Hmac::<Sha256>::new_from_slice(&salt.0).expect("a key of any length fits");
        Commitment(mac.chain_update(part).finalize().into_bytes().into())
    }
}

impl Terms {
    /// SHA-256 of them in canonical JSON (RFC 8785). No salt: a policy is public.
    ///
    /// # Panics
    ///
    /// Never: texts can be said in JSON.
    #[must_use]
    pub fn digest(&self) -> Commitment {
        Commitment(Sha256::digest(canonical(self)).into())
    }
}

impl Salt {
    /// A new one, 32 random bytes.
    #[must_use]
    pub fn draw(chance: &dyn Chance) -> Self {
        let mut salt = [0; 32];
        chance.fill(&mut salt);
        Self(salt)
    }

    /// From the bytes that were kept.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be kept, apart from the leaf.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Never the salt itself.
impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes_of(&String::deserialize(deserializer)?, |text| STANDARD.decode(text).ok())
            .map(Self)
            .ok_or_else(|| D::Error::custom("a salt is 32 bytes in Base64"))
    }
}

impl Serialize for Commitment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&kernel::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Commitment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes_of(&String::deserialize(deserializer)?, from_hex)
            .map(Self)
            .ok_or_else(|| D::Error::custom("a commitment is 64 hexadecimal digits"))
    }
}

fn bytes_of(text: &str, read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<[u8; 32]> {
    read(text)?.try_into().ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use kernel::SeededChance;

    use super::*;

    fn leaf(person: Commitment) -> Leaf {
        Leaf {
            version: 1,
            store_hash: "shop".to_owned(),
            declared_at: 1_700_000_000_000_001,
            allow: vec!["essential".to_owned()],
            deny: vec!["targeting".to_owned()],
            source: "management_api".to_owned(),
            client_id: None,
            channel_id: Some(1),
            locale: Some("de-DE".to_owned()),
            gpc: false,
            policy: None,
            person,
        }
    }

    #[test]
    fn a_leaf_is_canonical_json_and_reads_back() {
        let leaf = leaf(Commitment([0xab; 32]));
        let bytes = leaf.to_bytes();
        let commitment = "ab".repeat(32);
        let expected = format!(
            r#"{{"allow":["essential"],"channel_id":1,"declared_at":1700000000000001,"deny":["targeting"],"locale":"de-DE","person":"{commitment}","source":"management_api","store_hash":"shop","version":1}}"#
        );
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        let read: Leaf = expected.parse().unwrap();
        assert_eq!(read, leaf);
        assert_eq!(expected.replace("locale", "place").parse::<Leaf>(), Err(NotALeaf));
        assert_eq!(read.hash(), leaf.hash());
    }

    #[test]
    fn members_stand_in_canonical_order_and_texts_are_escaped_as_rfc_8785_has_it() {
        let odd: String =
            (0..0x300).filter_map(char::from_u32).chain("€😀\u{feff}".chars()).collect();
        let mut leaf = leaf(Commitment([0xab; 32]));
        leaf.allow.push(odd.clone());
        (leaf.gpc, leaf.policy) = (true, Some(terms().digest()));
        (leaf.client_id, leaf.locale) = (Some(odd.clone()), Some(odd.clone()));
        leaf.declared_at = (1 << 53) - 1;
        let person = Person { session: Some(odd.clone()), customer_id: i32::MAX.into(), ..PERSON };
        let terms = Terms { controller: odd, ..terms() };
        assert_eq!(canonical(&leaf), serde_json_canonicalizer::to_vec(&leaf).unwrap());
        assert_eq!(canonical(&person), serde_json_canonicalizer::to_vec(&person).unwrap());
        assert_eq!(canonical(&terms), serde_json_canonicalizer::to_vec(&terms).unwrap());
    }

    #[test]
    fn what_is_said_beside_the_lists_is_said_where_it_is() {
        let mut leaf = leaf(Commitment([0xab; 32]));
        (leaf.gpc, leaf.policy) = (true, Some(terms().digest()));
        let text = String::from_utf8(leaf.to_bytes()).unwrap();
        assert!(text.contains(r#""gpc":true,"locale":"de-DE","person":"#), "{text}");
        assert_eq!(text.parse::<Leaf>(), Ok(leaf));
    }

    fn terms() -> Terms {
        Terms {
            contact: "privacy@acme.example".to_owned(),
            controller: "Acme".to_owned(),
            effective_at: "2024-06-01T00:00:00Z".to_owned(),
            sha256: "ab".repeat(32),
            version: "2024-06".to_owned(),
            withdrawal: "In the account.".to_owned(),
        }
    }

    /// Python's `hashlib` over the text as it stands here.
    #[test]
    fn a_policys_digest_is_that_of_its_canonical_terms() {
        let text = format!(
            r#"{{"contact":"privacy@acme.example","controller":"Acme","effective_at":"2024-06-01T00:00:00Z","sha256":"{}","version":"2024-06","withdrawal":"In the account."}}"#,
            "ab".repeat(32)
        );
        assert_eq!(terms().digest().0, <[u8; 32]>::from(Sha256::digest(text)));
    }

    const PERSON: Person = Person { customer_id: 5, sequence: 1, session: None };

    #[test]
    fn a_commitment_opens_with_its_salt_and_its_person_alone() {
        let chance = SeededChance::new(1);
        let (salt, other) = (Salt::draw(&chance), Salt::draw(&chance));
        let commitment = PERSON.commitment(&salt);
        assert_eq!(PERSON.commitment(&salt), commitment);
        assert_ne!(PERSON.commitment(&other), commitment);
        for other in [
            Person { customer_id: 6, ..PERSON },
            Person { sequence: 2, ..PERSON },
            Person { session: Some("5".to_owned()), ..PERSON },
        ] {
            assert_ne!(other.commitment(&salt), commitment);
        }
        assert_eq!(format!("{salt:?}"), "Salt(..)");
    }

    /// RFC 4231 has no key of 32 bytes with such a text; this one is Python's `hmac`.
    #[test]
    fn a_commitment_is_hmac_sha256_of_the_canonical_part() {
        let commitment = PERSON.commitment(&Salt::new([1; 32]));
        assert_eq!(
            kernel::hex(&commitment.0),
            "2f85f0497da82e686b1d8d9471230201086fbe6949f1afa632aaa14c20cbbe30"
        );
    }

    #[test]
    fn what_is_no_commitment_and_no_salt_is_refused() {
        for text in ["", "ab", &"AB".repeat(32), &"ab".repeat(33), &"zz".repeat(32)] {
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<Commitment>(&json).is_err(), "{text}");
            assert!(serde_json::from_str::<Salt>(&json).is_err(), "{text}");
        }
    }
}
