use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use kernel::{Chance, hex};
use sha2::{Digest as _, Sha256};

/// Seals client secrets under the installation's key, which never enters the database.
///
/// XChaCha20-Poly1305 with a random nonce of 24 bytes before the sealed text; what a secret belongs to is
/// authenticated with it, so that one account's secret cannot be moved to another.
///
/// It also vouches for texts that somebody else keeps, under a key that follows from the installation's and is used for
/// nothing else.
#[derive(Clone)]
pub struct Seal {
    cipher: XChaCha20Poly1305,
    vouching: Hmac<Sha256>,
    check: String,
}

/// Why a key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file could not be read or made.
    #[error("the key file {0}: {1}")]
    File(PathBuf, io::Error),
    /// The file holds something else than 64 hexadecimal digits.
    #[error("the key file {0} does not hold 64 hexadecimal digits")]
    NotAKey(PathBuf),
    /// The file belongs to another installation.
    #[error(
        "the key file {0} is not this installation's; give the right one with --secret-key-file \
         (CUSTODIA_SECRET_KEY_FILE)"
    )]
    WrongKey(PathBuf),
    /// A sealed text is not ours, or was changed.
    #[error("a sealed secret cannot be opened")]
    Broken,
}

impl Seal {
    /// Read the key file.
    pub fn open(path: &Path) -> Result<Self, SealError> {
        let mut text = String::new();
        let file = |error| SealError::File(path.to_owned(), error);
        fs::File::open(path).map_err(file)?.take(200).read_to_string(&mut text).map_err(file)?;
        let key = from_hex(text.trim()).ok_or_else(|| SealError::NotAKey(path.to_owned()))?;
        Ok(Self::new(&key))
    }

    /// Make a key file that is not there yet, readable by its owner alone, and read it back: when two
    /// processes make it at once, both use the one that came first.
    pub fn make(path: &Path, chance: &dyn Chance) -> Result<Self, SealError> {
        let mut key = [0; 32];
        chance.fill(&mut key);
        let file = |error| SealError::File(path.to_owned(), error);
        // Written beside and linked into place, so that nobody ever reads half a key.
        let draft = path.with_extension(format!("{}.tmp", hex(&key[..4])));
        write_private(&draft, &hex(&key)).map_err(file)?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft).map_err(file)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(file(error)),
            _ => Self::open(path),
        }
    }

    /// With the key itself.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let check =
            hex(&Sha256::new().chain_update(b"custodia key check\0").chain_update(key).finalize()
                [..16]);
        let derived = keyed(key).chain_update(b"custodia vouching\0").finalize().into_bytes();
        let vouching = keyed(&derived);
        Self { cipher: XChaCha20Poly1305::new(key.into()), vouching, check }
    }

    /// A digest that tells this key from another, and tells nothing else of it.
    #[must_use]
    pub fn check(&self) -> &str {
        &self.check
    }

    /// Seal a text that belongs to `owner`.
    ///
    /// # Panics
    ///
    /// For a text of more than 256 GiB, which the cipher cannot seal.
    #[must_use]
    pub fn seal(&self, owner: &str, text: &str, chance: &dyn Chance) -> Vec<u8> {
        let mut nonce = [0; 24];
        chance.fill(&mut nonce);
        let payload = Payload { msg: text.as_bytes(), aad: owner.as_bytes() };
        let sealed =
            self.cipher.encrypt(&nonce.into(), payload).expect("a short text can always be sealed");
        [&nonce[..], &sealed].concat()
    }

    /// Open what was sealed for `owner`.
    pub fn unseal(&self, owner: &str, sealed: &[u8]) -> Result<String, SealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(SealError::Broken)?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        let text = self.cipher.decrypt(nonce.into(), payload).map_err(|_| SealError::Broken)?;
        String::from_utf8(text).map_err(|_| SealError::Broken)
    }
}

impl Seal {
    /// What shows later that this text came from here, and about what: 64 hexadecimal digits.
    #[must_use]
    pub fn vouch(&self, about: &str, text: &str) -> String {
        hex(&self.vouched(about, text).finalize().into_bytes())
    }

    /// Whether a text came from here, and about this. It takes a time that does not tell how much of it is right.
    #[must_use]
    pub fn is_vouched(&self, about: &str, text: &str, proof: &str) -> bool {
        from_hex(proof).is_some_and(|proof| self.vouched(about, text).verify_slice(&proof).is_ok())
    }

    fn vouched(&self, about: &str, text: &str) -> Hmac<Sha256> {
        // What it is about has no such byte, so that no two pairs are the same bytes.
        self.vouching.clone().chain_update(about).chain_update(b"\0").chain_update(text)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// 32 bytes from 64 hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use kernel::SeededChance;

    use super::*;

    #[test]
    fn a_secret_opens_only_for_its_owner_and_unchanged() {
        let chance = SeededChance::new(1);
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal("client-a", "hush", &chance);
        assert_eq!(seal.unseal("client-a", &sealed).unwrap(), "hush");
        assert!(seal.unseal("client-b", &sealed).is_err());
        let mut bent = sealed.clone();
        *bent.last_mut().unwrap() ^= 1;
        assert!(seal.unseal("client-a", &bent).is_err());
        assert!(seal.unseal("client-a", &sealed[..10]).is_err());
        assert!(Seal::new(&[8; 32]).unseal("client-a", &sealed).is_err());
    }

    #[test]
    fn a_text_is_vouched_for_as_it_was_and_about_what_it_was() {
        let seal = Seal::new(&[7; 32]);
        let proof = seal.vouch("consent 1", "yes");
        assert!(seal.is_vouched("consent 1", "yes", &proof));
        assert!(!seal.is_vouched("consent 2", "yes", &proof));
        assert!(!seal.is_vouched("consent 1", "yes!", &proof));
        assert!(!seal.is_vouched("consent 1yes", "", &proof));
        assert!(!Seal::new(&[8; 32]).is_vouched("consent 1", "yes", &proof));
        for bent in ["", &proof[1..], &proof.replace(&proof[..1], "g"), &proof.repeat(2)] {
            assert!(!seal.is_vouched("consent 1", "yes", bent), "{bent}");
        }
    }

    #[test]
    fn a_key_file_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("custodia-seal-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        let chance = SeededChance::new(2);
        let first = Seal::make(&path, &chance).unwrap();
        let second = Seal::make(&path, &chance).unwrap();
        assert_eq!(first.check(), second.check());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(matches!(Seal::open(&path), Err(SealError::NotAKey(_))));
        fs::remove_file(&path).unwrap();
    }
}
