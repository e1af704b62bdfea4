use std::{ops::Deref, sync::Arc};

use kernel::{AccountId, Chance, Grants, hex};

use crate::{Account, Author, Quirk, Store};

/// Somebody whose token was recognised on the store it belongs to. Whoever holds one has been let in.
#[derive(Clone, Debug)]
pub struct Caller {
    author: Author,
    known: Arc<Account>,
}

impl Caller {
    /// Let an account in for one request.
    #[must_use]
    pub fn new(known: Arc<Account>, request: RequestId) -> Self {
        let author = Author { store: known.store.id, account: known.id, request };
        Self { author, known }
    }

    /// The operator, at the command line: nobody's account, so that the author of what they change is number 0.
    #[must_use]
    pub fn operator(store: Store, request: RequestId) -> Self {
        let account = Account {
            id: AccountId(0),
            client_id: String::new(),
            grants: Grants::default(),
            created_at: store.created_at,
            store: Arc::new(store),
            revoked: false,
        };
        Self::new(Arc::new(account), request)
    }

    /// The store's name in paths.
    #[must_use]
    pub fn store_hash(&self) -> &str {
        &self.known.store.hash
    }

    /// The public half of the account's credentials: what owns metafields, and what webhooks go by.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.known.client_id
    }

    /// Whether the store shows this oddity.
    #[must_use]
    pub fn has(&self, quirk: Quirk) -> bool {
        self.known.store.quirks.has(quirk)
    }
}

impl Deref for Caller {
    type Target = Author;

    fn deref(&self) -> &Author {
        &self.author
    }
}

/// 32 lower-case hexadecimal digits that name one request, as the real service's `x-request-id` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Draw a new one.
    #[must_use]
    pub fn draw(chance: &dyn Chance) -> Self {
        let mut bytes = [0; 16];
        chance.fill(&mut bytes);
        Self(bytes)
    }

    /// The digits.
    #[must_use]
    pub fn digits(&self) -> String {
        hex(&self.0)
    }
}
