use kernel::{AccountId, StoreId};

use crate::RequestId;

/// Who stands behind what a request changes: in which store, and in whose name its audit lines are written. Whoever
/// was let in is one, a [`Caller`](crate::Caller) or a [`Visitor`](crate::Visitor), and so is the server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Author {
    /// The store acted in; every statement on their behalf is bound to it.
    pub store: StoreId,
    /// The API account; [`Self::SHOPPER`] where a shopper acts without one.
    pub account: AccountId,
    /// The request, as answer, log and audit line name it.
    pub request: RequestId,
}

impl Author {
    /// No API account: a shopper's own doing.
    pub const SHOPPER: AccountId = AccountId(0);

    /// Nobody asked for it: what the server does by itself, under a number of its own. It has no API account either.
    #[must_use]
    pub fn server(store: StoreId, request: RequestId) -> Self {
        Self { store, account: AccountId(0), request }
    }

    /// The same request, done because an API account says so.
    #[must_use]
    pub fn on_the_word_of(self, account: AccountId) -> Self {
        Self { account, ..self }
    }
}
