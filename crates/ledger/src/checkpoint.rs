//! The signed head of a tree: a C2SP checkpoint (tlog-checkpoint) in a C2SP signed note, signed with Ed25519.

use std::{fmt, str::FromStr};

use ed25519_dalek::SigningKey as Ed25519;
use signed_note::{
    Note, Signer as _, StandardSigner, StandardVerifier, Verifier as _, VerifierList,
};
use tlog_tiles::{checkpoint, tlog};

use crate::tree::Hash;

/// What a checkpoint says of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which tree: the name of the key, `/`, the hash of the store.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The hash over all of them.
    pub root: Hash,
}

/// What an installation signs with.
pub struct SigningKey(StandardSigner, PublicKey);

/// What a stranger checks with: a name and an Ed25519 key, as `NAME+ID+KEY` (C2SP signed-note).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey(String);

/// Why a checkpoint does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is no checkpoint at all.
    #[error("not a checkpoint")]
    Malformed,
    /// None of the keys has signed it.
    #[error("not signed with a key that is known")]
    Unsigned,
    /// The signature of a key that is known does not hold.
    #[error("the signature does not hold")]
    Forged,
}

/// This is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: NAME+ID+KEY is expected")]
pub struct NotAKey;

impl Head {
    /// Sign it. The text ends with the line of the signature.
    ///
    /// # Panics
    ///
    /// For an origin that is empty or has control characters, which no name of a store has.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let head = checkpoint::Checkpoint::new(&self.origin, self.size, tlog::Hash(self.root), "")
            .expect("an origin is not empty");
        let mut note = Note::new(&head.to_bytes(), &[]).expect("a head is plain text");
        note.add_sigs(&[&key.0]).expect("a key that was made signs");
        String::from_utf8(note.to_bytes()).expect("a note is UTF-8")
    }

    /// Whether it is the head of this store's tree.
    #[must_use]
    pub fn is_of(&self, store_hash: &str) -> bool {
        self.origin.rsplit_once('/').is_some_and(|(_, store)| store == store_hash)
    }

    /// Read what one of these keys has signed.
    pub fn read(checkpoint: &str, keys: &[PublicKey]) -> Result<Self, CheckpointError> {
        let note =
            Note::from_bytes(checkpoint.as_bytes()).map_err(|_| CheckpointError::Malformed)?;
        let verifiers = keys.iter().map(|key| Box::new(key.verifier()) as _).collect();
        note.verify(&VerifierList::new(verifiers)).map_err(|error| match error {
            signed_note::NoteError::UnverifiedNote => CheckpointError::Unsigned,
            _ => CheckpointError::Forged,
        })?;
        let head = checkpoint::Checkpoint::from_bytes(note.text())
            .map_err(|_| CheckpointError::Malformed)?;
        Ok(Self { origin: head.origin().to_owned(), size: head.size(), root: head.hash().0 })
    }
}

impl SigningKey {
    /// The key of this seed, under this name. `None` for a name with white space or `+` in it, or without
    /// anything.
    #[must_use]
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Self> {
        if !signed_note::is_key_name_valid(name) {
            return None;
        }
        let public = Ed25519::from_bytes(seed).verifying_key();
        let public = PublicKey(signed_note::new_ed25519_verifier_key(name, &public));
        let text = encoded(name, seed, public.verifier().key_id());
        StandardSigner::new(&text).ok().map(|signer| Self(signer, public))
    }

    /// What checks its signatures.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.1
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }
}

/// As the library reads a key.
fn encoded(name: &str, seed: &[u8; 32], id: u32) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    const ED25519: u8 = 1;
    let key = STANDARD.encode([&[ED25519], &seed[..]].concat());
    format!("PRIVATE+KEY+{name}+{id:08x}+{key}")
}

impl PublicKey {
    fn verifier(&self) -> StandardVerifier {
        StandardVerifier::new(&self.0).expect("a public key was read as one")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }

    /// As `NAME+ID+KEY`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim();
        StandardVerifier::new(text).map(|_| Self(text.to_owned())).map_err(|_| NotAKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Its name, and nothing that could sign.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::new("custodia.example", &[seed; 32]).unwrap()
    }

    fn head() -> Head {
        Head { origin: "custodia.example/shop".to_owned(), size: 3, root: [7; 32] }
    }

    #[test]
    fn a_head_is_read_by_who_knows_the_key() {
        let signed = head().sign(&key(1));
        let text = "custodia.example/shop\n3\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n\u{2014} custodia.example ";
        assert!(signed.starts_with(text), "{signed}");
        let keys = [key(1).public().clone(), key(2).public().clone()];
        assert_eq!(Head::read(&signed, &keys), Ok(head()));
        assert_eq!(Head::read(&signed, &keys[1..]), Err(CheckpointError::Unsigned));
        assert_eq!(Head::read(&signed, &[]), Err(CheckpointError::Unsigned));
    }

    #[test]
    fn a_change_of_any_character_is_noticed() {
        let signed = head().sign(&key(1));
        let keys = [key(1).public().clone()];
        for at in (0..signed.len()).filter(|at| signed.is_char_boundary(*at)) {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'B' { b'C' } else { b'B' };
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Head::read(&changed, &keys).is_err(), "{at}: {changed}");
        }
        for end in (0..signed.len()).filter(|end| signed.is_char_boundary(*end)) {
            assert!(Head::read(&signed[..end], &keys).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_public_key_is_text_that_reads_back() {
        let public = key(1).public().clone();
        assert_eq!(public.to_string().parse(), Ok(public.clone()));
        assert!(public.as_str().starts_with("custodia.example+"));
        for text in ["", "custodia.example", "a+b+c", &public.as_str().replace("example", "other")]
        {
            assert_eq!(text.parse::<PublicKey>(), Err(NotAKey), "{text}");
        }
        for name in ["", "a b", "a+b"] {
            assert!(SigningKey::new(name, &[1; 32]).is_none(), "{name}");
        }
        assert_eq!(format!("{:?}", key(1)), r#"SigningKey("custodia.example")"#);
    }
}
