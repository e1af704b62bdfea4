use std::sync::Arc;

use kernel::{AccountId, Grants, Timestamp};

use crate::Store;

/// An API account: what a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number; the author of what it changes.
    pub id: AccountId,
    /// The public half of its credentials.
    pub client_id: String,
    /// The store it may call, and no other.
    pub store: Arc<Store>,
    /// What it may do there.
    pub grants: Grants,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether its token has been taken back.
    pub revoked: bool,
}

/// The secrets of a new account, shown once and never again.
///
/// `Debug` does not print them.
pub struct Credentials {
    /// 31 lower-case letters and digits; not a secret.
    pub client_id: String,
    /// 64 hexadecimal digits: signs webhooks and login tokens. Kept sealed.
    pub client_secret: String,
    /// 31 lower-case letters and digits: the `X-Auth-Token`. Kept only as its SHA-256.
    pub access_token: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
