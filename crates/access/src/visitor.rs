use std::{net::IpAddr, sync::Arc};

use kernel::{ChannelId, StoreId};

use crate::{RequestId, Site};

/// Somebody at a storefront, signed in or not. Whoever holds one was let in by the domain they asked.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The store visited; every statement on their behalf is bound to it.
    pub store: StoreId,
    /// The channel that the storefront belongs to.
    pub channel: ChannelId,
    /// Where they are, as far as that is known.
    pub address: Option<IpAddr>,
    /// The request, as answer, log and audit line name it.
    pub request: RequestId,
    site: Arc<Site>,
}

impl Visitor {
    /// Let somebody in for one request.
    #[must_use]
    pub fn new(site: Arc<Site>, address: Option<IpAddr>, request: RequestId) -> Self {
        Self { store: site.store.id, channel: site.channel, address, request, site }
    }

    /// The store's name in paths and tokens.
    #[must_use]
    pub fn store_hash(&self) -> &str {
        &self.site.store.hash
    }
}
