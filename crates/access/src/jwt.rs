//! Signed statements between this installation and an app, as JSON Web Tokens: HS256 under the client secret of the
//! app's API account, and nothing else.
//!
//! Times are left to the caller, who has a clock: neither `exp` nor `iat` is looked at here.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error as JwtError, ErrorKind},
    signature::{Error as SignatureError, Signer, Verifier},
};
use kernel::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// Sign a statement.
pub fn sign<T: Serialize>(claims: &T, secret: &str) -> Result<String> {
    // Whoever came first has installed the same one.
    let _ = HS256.install_default();
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).map_err(Error::internal)
}

/// What a token states, if this secret signed it, with HS256. `None` for any other token, also one that says it
/// needs no signature.
#[must_use]
pub fn proven<T: DeserializeOwned>(token: &str, secret: &str) -> Option<T> {
    let _ = HS256.install_default();
    let mut validation = Validation::new(Algorithm::HS256);
    // A login token has no `exp`; and what times there are, the crate would hold against the machine's clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::decode(token, &key, &validation).ok().map(|token| token.claims)
}

/// What a token states, whoever made it: to be asked whose secret it has to be proven with, and nothing else.
#[must_use]
pub fn unproven<T: DeserializeOwned>(token: &str) -> Option<T> {
    jsonwebtoken::dangerous::insecure_decode_claims(token).ok()
}

/// The one algorithm there is. The crate's own choices bring RSA and elliptic curves along.
static HS256: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Key::new(key.as_bytes())?)),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Key::new(key.try_get_as_bytes()?)?)),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Key(Hmac<Sha256>);

impl Key {
    fn new(secret: &[u8]) -> std::result::Result<Self, JwtError> {
        let mac = Hmac::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?;
        Ok(Self(mac))
    }
}

impl Signer<Vec<u8>> for Key {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Key {
    /// In a time that does not tell how much of the signature is right.
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Key {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Key {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Said {
        iss: String,
    }

    /// The example of jwt.io: `{"sub":"1234567890","name":"John Doe","iat":1516239022}`.
    const ELSEWHERE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

    #[test]
    fn what_one_secret_signed_no_other_proves() {
        let said = Said { iss: "app".to_owned() };
        let token = sign(&said, "hush").unwrap();
        assert_eq!(proven::<Said>(&token, "hush"), Some(said));
        assert_eq!(proven::<Said>(&token, "hushed"), None);
        assert_eq!(proven::<Said>(&token, ""), None);
        for bent in [&token[..token.len() - 1], &token[1..], &format!("{token}A"), "a.b", "", "..."]
        {
            assert_eq!(proven::<Said>(bent, "hush"), None, "{bent}");
        }
    }

    #[test]
    fn a_token_from_elsewhere_is_proven() {
        #[derive(Deserialize)]
        struct Example {
            iat: i64,
        }
        assert_eq!(proven::<Example>(ELSEWHERE, "your-256-bit-secret").unwrap().iat, 1_516_239_022);
    }

    #[test]
    fn another_algorithm_proves_nothing_also_where_the_signature_is_right() {
        // {"alg":"none"}, {"alg":"None"}, {"alg":"HS512"}, {"alg":"RS256"}: then {"iss":"app"}.
        let heads = [
            "eyJhbGciOiJub25lIn0",
            "eyJhbGciOiJOb25lIn0",
            "eyJhbGciOiJIUzUxMiJ9",
            "eyJhbGciOiJSUzI1NiJ9",
        ];
        for head in heads {
            for signature in ["", "AAAA", ELSEWHERE.rsplit('.').next().unwrap()] {
                let token = format!("{head}.eyJpc3MiOiJhcHAifQ.{signature}");
                assert_eq!(proven::<Said>(&token, "hush"), None, "{token}");
            }
        }
    }
}
