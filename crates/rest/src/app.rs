use std::{ops::Deref, sync::Arc, time::Duration};

use access::{Seal, Tokens, rate::Limiter};
use kernel::{Chance, Clock, EventIds, Network};
use sql::Db;

use crate::{Labour, Sheet, Shelf, Shown, Turns, Undone};

/// What every handler may reach. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub chance: Arc<dyn Chance>,
    /// Numbers for events and audit lines.
    pub event_ids: EventIds,
    /// What secrets are sealed with.
    pub seal: Seal,
    /// Who may call.
    pub tokens: Tokens,
    /// How much they may call.
    pub limiter: Limiter,
    /// Where work goes that would keep an async worker from its other requests.
    pub labour: Labour,
    /// Who does what one at a time.
    pub turns: Turns,
    /// What is left to be done in the background.
    pub undone: Undone,
    /// The stores in which something was changed, of which webhooks may tell.
    pub changed: Undone,
    /// Pages that were written before.
    pub shelf: Shelf,
    /// What an operator may choose.
    pub settings: Settings,
}

/// What an operator may choose about the service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where callers reach the service, without a slash at the end; V2 bodies link to it.
    pub public_url: String,
    /// The longest request body, in bytes (ruling 33).
    pub body_limit: usize,
    /// How long a request's body may take to arrive.
    pub body_patience: Duration,
    /// Whether requests come through a proxy that adds to `X-Forwarded-For` where they came from; else that header is
    /// not looked at.
    pub behind_proxy: bool,
    /// Where webhooks may go besides https on port 443: to addresses in these ranges any port and plain http will do.
    pub webhook_allow: Vec<Network>,
    /// How many days it is kept what came of webhooks.
    pub webhook_history: i64,
    /// How many bytes of memory are for pages that were written before; 0 for none. `PostgreSQL` uses none.
    pub shelf_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "https://api.bigcommerce.com".to_owned(),
            body_limit: 1 << 20,
            body_patience: Duration::from_secs(30),
            behind_proxy: false,
            webhook_allow: Vec::new(),
            webhook_history: 7,
            shelf_bytes: 16 << 20,
        }
    }
}

impl Settings {
    /// Whether callers reach the service over TLS, wherever that ends.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        let scheme = self.public_url.get(..8).unwrap_or_default();
        scheme.eq_ignore_ascii_case("https://")
    }
}

impl App {
    /// Put the parts together, and read who may call.
    pub async fn new(
        db: Db,
        seal: Seal,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        settings: Settings,
    ) -> kernel::Result<Self> {
        Ok(Self(Arc::new(Parts {
            event_ids: EventIds::new(&*chance),
            tokens: Tokens::load(db.clone()).await?,
            limiter: Limiter::default(),
            labour: Labour::default(),
            turns: Turns::default(),
            undone: Undone::default(),
            changed: Undone::default(),
            shelf: Shelf::new(settings.shelf_bytes),
            seal,
            db,
            clock,
            chance,
            settings,
        })))
    }
}

impl App {
    /// A page: as it was written before if it can be shown again, or as `write` writes it.
    pub async fn sheet<E>(
        &self,
        shown: Shown,
        write: impl AsyncFnOnce() -> Result<Sheet, E>,
    ) -> Result<Sheet, E> {
        self.shelf.sheet(&self.db, shown, write).await
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
