//! How passwords are kept: argon2id, 19 MiB, two passes, one lane (OWASP's first choice); PHC strings.

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use kernel::{Chance, Error, Result};
use rest::App;

use super::model::Password;

/// Hash a password on the machine's spare threads; it takes some 20 ms of a processor.
pub async fn hash(app: &App, password: Password) -> Result<String> {
    let salt = salt(&*app.chance);
    app.labour.run(move || hash_with(&password, &salt)).await?
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

#[cfg(test)]
mod tests {
    use argon2::{PasswordHash, PasswordVerifier as _};

    use super::*;

    #[test]
    fn a_hash_is_a_phc_string_that_knows_its_password() {
        let text = hash_with(&Password("correct horse 1".into()), &[1; 16]).unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let hash = PasswordHash::new(&text).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse 1", &hash).is_ok());
        assert!(Argon2::default().verify_password(b"correct horse 2", &hash).is_err());
    }
}
