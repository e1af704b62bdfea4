//! What is sent: the body as it was recorded, and the headers of Standard Webhooks.

use std::fmt;

use access::Secrets;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::{StoreId, Timestamp};
use sha2::Sha256;

/// An event as its subscribers are told of it. Without `Debug` that would show what its headers hold.
pub(crate) struct Letter {
    /// Where it goes.
    pub(crate) destination: String,
    /// What the webhook's owner wants to be sent along.
    pub(crate) headers: Vec<(String, String)>,
    /// The event's hash.
    pub(crate) id: String,
    /// When it is sent, in seconds since 1970.
    pub(crate) sent_at: i64,
    /// What proves who sent it.
    pub(crate) signature: String,
    pub(crate) body: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The body of an event, to the byte: every delivery of it repeats these.
pub(crate) fn body(
    store: (StoreId, &str),
    hash: &str,
    created_at: Timestamp,
    scope: &str,
    data: &str,
) -> String {
    let (id, store_hash) = store;
    format!(
        r#"{{"producer":"stores/{store_hash}","hash":"{hash}","created_at":{},"store_id":"{}","scope":"{scope}","data":{data}}}"#,
        created_at.seconds(),
        id.0
    )
}

/// The signatures of Standard Webhooks, one for each of the account's client secrets that is valid.
pub(crate) fn signature(secrets: &Secrets, id: &str, sent_at: i64, body: &str) -> String {
    let signed = |secret: &str| signed(secret, id, sent_at, body);
    secrets.valid().map(signed).collect::<Vec<_>>().join(" ")
}

/// One of them, keyed by the bytes of the secret.
fn signed(secret: &str, id: &str, sent_at: i64, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length will do");
    mac.update(format!("{id}.{sent_at}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_one_that_was_recorded() {
        let recorded = r#"{"producer":"stores/8jbhprizry","hash":"64d346b71e4c02453da81c5d97cec8063a6e7a4d","created_at":1786447828,"store_id":"1003502318","scope":"store/product/updated","data":{"type":"product","id":180}}"#;
        let store = (StoreId(1_003_502_318), "8jbhprizry");
        let hash = "64d346b71e4c02453da81c5d97cec8063a6e7a4d";
        let created_at = Timestamp(1_786_447_828_999_999);
        let data = r#"{"type":"product","id":180}"#;
        assert_eq!(body(store, hash, created_at, "store/product/updated", data), recorded);
    }

    /// The example of the Standard Webhooks libraries, whose key is `MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw` in Base64.
    #[test]
    fn a_signature_is_the_one_that_standard_webhooks_has() {
        let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        let expected = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(BASE64_STANDARD.encode(mac.finalize().into_bytes()), expected);
        // And ours is that, under a key that is a text.
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
        mac.update(b"id.7.{}");
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        let secrets = |former: Option<&str>| Secrets {
            current: "s3cret".to_owned(),
            former: former.map(str::to_owned),
        };
        assert_eq!(signature(&secrets(None), "id", 7, "{}"), expected);
        let mut mac = Hmac::<Sha256>::new_from_slice(b"0ld").unwrap();
        mac.update(b"id.7.{}");
        let both = format!("{expected} v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(signature(&secrets(Some("0ld")), "id", 7, "{}"), both);
    }
}
