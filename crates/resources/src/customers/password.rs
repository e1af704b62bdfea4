//! How passwords are kept: argon2id, 19 MiB, two passes, one lane (OWASP's first choice); PHC strings.

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, Version};
use kernel::{Chance, Error, Result, StoreId};
use rest::{App, labour::Queued};

use super::{foreign_hash::ForeignHash, model::Password};

/// Hash a password on the machine's spare threads; it takes some 20 ms of a processor. Refused where too much is
/// to be done: see [`Labour::queue`](rest::Labour::queue).
pub async fn hash(app: &App, store: StoreId, password: Password) -> Result<String> {
    let salt = salt(&*app.chance);
    app.labour.run(store, move || hash_with(&password, &salt)).await?
}

/// What came of checking a password. Without `Debug`: nothing prints a hash.
pub struct Checked {
    pub is_right: bool,
    /// Our own hash of a password that was right against one from elsewhere.
    pub rehashed: Option<String>,
}

/// Check a password against what is kept; nothing (or the empty text) is right against no password.
///
/// Whatever is kept, one argon2id of our own cost is computed: where no password is set, or there is no such
/// customer, it takes as long. Only against a hash from elsewhere is there more to do, until the first success.
pub async fn check(app: &App, queued: Queued, kept: String, password: Password) -> Result<Checked> {
    let salt = salt(&*app.chance);
    queued.run(move || check_with(&kept, &password, salt)).await?
}

fn check_with(kept: &str, password: &Password, fresh: [u8; 16]) -> Result<Checked> {
    let own = own_salt(kept);
    let is_foreign_right = own.is_none()
        && ForeignHash::parse(kept).is_ok_and(|hash| hash.is_of(password.0.as_bytes()));
    let made = hash_with(password, own.as_deref().unwrap_or(&fresh))?;
    if own.is_some() {
        return Ok(Checked { is_right: is_same(&made, kept), rehashed: None });
    }
    Ok(Checked { is_right: is_foreign_right, rehashed: is_foreign_right.then_some(made) })
}

/// The salt of a hash that was made as we make them.
fn own_salt(kept: &str) -> Option<Vec<u8>> {
    if !kept.starts_with(OWN) {
        return None;
    }
    let hash = PasswordHash::new(kept).ok()?;
    let is_own = hash.hash.is_some_and(|hash| hash.as_bytes().len() == 32);
    Some(AsRef::<[u8]>::as_ref(&hash.salt.filter(|_| is_own)?).to_vec())
}

/// Compared in a time that does not tell where they differ.
fn is_same(made: &str, kept: &str) -> bool {
    match (PasswordHash::new(made), PasswordHash::new(kept)) {
        (Ok(made), Ok(kept)) => made.hash.is_some() && made.hash == kept.hash,
        _ => false,
    }
}

fn salt(chance: &dyn Chance) -> [u8; 16] {
    let mut salt = [0; 16];
    chance.fill(&mut salt);
    salt
}

fn hash_with(Password(password): &Password, salt: &[u8]) -> Result<String> {
    let params =
        Params::new(19 * 1024, 2, 1, None).map_err(|error| Error::internal(error.to_string()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), salt);
    Ok(hash.map_err(|error| Error::internal(error.to_string()))?.to_string())
}

/// How every hash of ours begins.
const OWN: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier as _;

    use super::*;

    #[test]
    fn a_hash_is_a_phc_string_that_knows_its_password() {
        let text = hash_with(&Password("correct horse 1".into()), &[1; 16]).unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let hash = PasswordHash::new(&text).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse 1", &hash).is_ok());
        assert!(Argon2::default().verify_password(b"correct horse 2", &hash).is_err());
    }

    #[test]
    fn a_password_is_checked_against_whatever_is_kept() {
        #[track_caller]
        fn check(kept: &str, password: &str, is_right: bool, is_rehashed: bool) {
            let checked = check_with(kept, &Password(password.into()), [2; 16]).unwrap();
            assert_eq!((checked.is_right, checked.rehashed.is_some()), (is_right, is_rehashed));
        }
        let own = hash_with(&Password("hunter22".into()), &[1; 16]).unwrap();
        check(&own, "hunter22", true, false);
        check(&own, "hunter2", false, false);
        let foreign = "$2b$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa";
        check(foreign, "hunter22", true, true);
        check(foreign, "hunter2", false, false);
        check("", "hunter22", false, false);
        check("", "", false, false);
        // As ours begin, and not whole.
        check(OWN, "hunter22", false, false);
    }
}
