use kernel::{StoreId, Timestamp};

use crate::{Plan, Quirks};

/// A tenant, named on the wire by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Its number, which opens every key of its rows.
    pub id: StoreId,
    /// Its name in every path: `/stores/{hash}/…`.
    pub hash: String,
    /// How much its API accounts may send.
    pub plan: Plan,
    /// Which oddities it shows.
    pub quirks: Quirks,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether its rows are being removed; nobody is let in any more.
    pub deleted: bool,
}

/// Whether a text can be a store's hash: 1 to 64 letters, digits, `-` or `_`, so that it needs no escape in
/// a path and no quotes in a shell.
#[must_use]
pub fn is_store_hash(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    matches!(text.len(), 1..=64) && text.bytes().all(fits) && !text.starts_with('-')
}
