use std::{net::IpAddr, ops::Deref, sync::Arc};

use kernel::ChannelId;

use crate::{Author, Quirk, RequestId, Site};

/// Somebody at a storefront, signed in or not. Whoever holds one was let in by the domain they asked.
#[derive(Clone, Debug)]
pub struct Visitor {
    author: Author,
    /// The channel that the storefront belongs to.
    pub channel: ChannelId,
    /// Where they are, as far as that is known.
    pub address: Option<IpAddr>,
    /// Whether their browser says that they do not want to be followed (Global Privacy Control).
    pub gpc: bool,
    site: Arc<Site>,
}

impl Visitor {
    /// Let somebody in for one request.
    #[must_use]
    pub fn new(site: Arc<Site>, address: Option<IpAddr>, gpc: bool, request: RequestId) -> Self {
        let author = Author { store: site.store.id, account: Author::SHOPPER, request };
        Self { author, channel: site.channel, address, gpc, site }
    }

    /// The store's name in paths and tokens.
    #[must_use]
    pub fn store_hash(&self) -> &str {
        &self.site.store.hash
    }

    /// Whether the store has this switched on.
    #[must_use]
    pub fn has(&self, quirk: Quirk) -> bool {
        self.site.store.quirks.has(quirk)
    }
}

impl Deref for Visitor {
    type Target = Author;

    fn deref(&self) -> &Author {
        &self.author
    }
}
