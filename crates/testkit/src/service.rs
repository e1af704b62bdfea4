use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use access::{Plan, Seal, accounts};
use axum::{
    body::Body,
    http::{Request, Response},
};
use delivery::{Guard, Post, Profile, System, Worker, roots};
use kernel::{ChannelId, Clock as _, Grants, SeededChance, SetClock, Timestamp};
use resources::stores::ops as stores;
use rest::{App, Settings};
use serde_json::Value;
use sql::Db;
use tower::{ServiceExt as _, util::BoxCloneService};

use crate::{Answer, Ask};

/// When every test begins: 2024-06-01T12:00:00Z.
pub const NOON: Timestamp = Timestamp::from_seconds(1_717_243_200);

/// One running service. Stores `acme` and `zenith`; the actors are tokens of their own names:
///
/// | token | may |
/// |---|---|
/// | `modify` | change and read customers of acme, and their instruments |
/// | `read` | read customers of acme, and their instruments |
/// | `scopeless` | nothing in particular at acme |
/// | `other` | change and read customers of zenith, and their instruments |
#[derive(Clone)]
pub struct Service(Arc<Inside>);

struct Inside {
    app: App,
    clock: Arc<SetClock>,
    door: Mutex<Door>,
    address: String,
    key_file: PathBuf,
}

type Door = BoxCloneService<Request<Body>, Response<server::Answer>, std::convert::Infallible>;

impl Service {
    /// Make the database, its stores and actors, and open the door.
    pub(crate) async fn begin(address: &str, key_file: PathBuf) -> Self {
        let db = Db::connect(address).await.expect("the database opens");
        sql::migrate(&db, resources::SCHEMA, NOON).await.expect("the schema is laid");
        let clock = Arc::new(SetClock::new(NOON));
        // Not the service's own: one more actor must not change every request id of every snapshot.
        let chance = SeededChance::new(1);
        Seal::make(&key_file, &chance).expect("a key");
        for hash in ["acme", "zenith"] {
            stores::create(&db, &*clock, &chance, hash, Plan::Unlimited).await.expect("a store");
        }
        let service = Self::open(db, clock, address, key_file, Settings::default(), 2).await;
        for (token, store, scopes) in ACTORS {
            service.hire(token, store, scopes).await;
        }
        service
    }

    /// The same database, as another process would serve it.
    pub async fn beside(&self) -> Self {
        self.with(Settings::default()).await
    }

    /// The same, and it draws numbers of its own, as other processes do: the seed is above 3.
    pub async fn beside_drawing(&self, seed: u64) -> Self {
        let Inside { clock, address, key_file, .. } = &*self.0;
        let db = Db::connect(address).await.expect("the database opens");
        let settings = Settings::default();
        Self::open(db, Arc::clone(clock), address, key_file.clone(), settings, seed).await
    }

    /// The same, as its operator chose.
    pub async fn with(&self, settings: Settings) -> Self {
        let Inside { clock, address, key_file, .. } = &*self.0;
        let db = Db::connect(address).await.expect("the database opens");
        Self::open(db, Arc::clone(clock), address, key_file.clone(), settings, 2).await
    }

    /// As [`Self::beside`], but no deadlock is broken there and tried again: who waits in a circle is refused in
    /// the end. On PostgreSQL only a superuser may ask for that.
    pub async fn unforgiving(&self) -> Self {
        let address = match self.0.app.db.engine() {
            "postgres" => format!("{}%20-cdeadlock_timeout%3D1h", self.0.address),
            _ => self.0.address.clone(),
        };
        let db = Db::connect(&address).await.expect("the database opens");
        // Its own numbers for events: both may write at once.
        let (clock, key_file) = (Arc::clone(&self.0.clock), self.0.key_file.clone());
        Self::open(db, clock, &address, key_file, Settings::default(), 3).await
    }

    async fn open(
        db: Db,
        clock: Arc<SetClock>,
        address: &str,
        key_file: PathBuf,
        settings: Settings,
        seed: u64,
    ) -> Self {
        let chance = Arc::new(SeededChance::new(seed));
        let seal = Seal::open(&key_file).expect("a key");
        let app =
            App::new(db, seal, clock.clone(), chance, settings).await.expect("an application");
        let door = Mutex::new(BoxCloneService::new(server::service(app.clone())));
        Self(Arc::new(Inside { app, clock, door, address: address.to_owned(), key_file }))
    }

    /// Make an account whose token is `token`; its client id.
    pub async fn hire(&self, token: &str, store: &str, scopes: &[&str]) -> String {
        let chance = SeededChance::new(token.bytes().map(u64::from).sum());
        self.hire_by(&chance, token, store, scopes).await
    }

    async fn hire_by(
        &self,
        chance: &SeededChance,
        token: &str,
        store: &str,
        scopes: &[&str],
    ) -> String {
        let grants = Grants::from_names(scopes.iter().copied()).expect("published scopes");
        let seal = Seal::open(self.key_file()).expect("a key");
        let (_, credentials) = accounts::create(
            &self.0.app.db,
            &*self.0.clock,
            chance,
            &seal,
            store,
            grants,
            Some(token),
        )
        .await
        .expect("an account");
        self.app().tokens.refresh().await.expect("the accounts are read");
        credentials.client_id
    }

    /// Let shoppers find a store at this domain, on this channel.
    pub async fn open_shop(&self, store: &str, domain: &str, channel: i64) {
        let domain = domain.parse().expect("a domain");
        let channel = ChannelId(channel);
        stores::add_domain(&self.0.app.db, &*self.0.clock, store, &domain, channel)
            .await
            .expect("a free domain");
        self.app().tokens.refresh().await.expect("the domains are read");
    }

    /// The client secret of an account.
    pub async fn secret(&self, store: &str, client_id: &str) -> String {
        let Inside { app, .. } = &*self.0;
        let store = access::stores::find(&app.db, store).await.expect("a store");
        let holder =
            accounts::key_holder(&app.db, &app.seal, store.id, client_id, app.clock.now()).await;
        holder.expect("the database answers").expect("an account").secrets.current
    }

    /// Make a store with a plan, and in it an account that may change customers, of the store's name.
    pub async fn sell(&self, hash: &str, plan: Plan) {
        let chance = SeededChance::new(hash.len() as u64 + 1000);
        stores::create(&self.0.app.db, &*self.0.clock, &chance, hash, plan).await.expect("a store");
        self.hire(hash, hash, &["store_v2_customers"]).await;
    }

    /// Make this many stores, `store1` and so on, each with a customer and an account of the store's name that may change
    /// it.
    pub async fn open_stores(&self, count: u64) {
        for n in 1..=count {
            let (hash, chance) = (format!("store{n}"), SeededChance::new(1_000_000 + n));
            // An account's id has the time in it, and no more than a byte by chance.
            self.set_clock(Timestamp(self.0.clock.now().0 + 1));
            let made =
                stores::create(&self.0.app.db, &*self.0.clock, &chance, &hash, Plan::Unlimited);
            made.await.expect("a store");
            self.hire_by(&chance, &hash, &hash, &["store_v2_customers"]).await;
            let row = serde_json::json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
            let answer = self.post(&hash, &format!("/stores/{hash}/v3/customers"), row).await;
            assert_eq!(answer.ids(), [1], "{answer}");
        }
    }

    /// What the handlers reach.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// Where client secrets' key is kept.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.0.key_file
    }

    /// Move the clock to so many seconds after noon.
    pub fn set_seconds(&self, seconds: i64) {
        self.0.clock.set(NOON.plus_seconds(seconds));
    }

    /// Move the clock.
    pub fn set_clock(&self, at: Timestamp) {
        self.0.clock.set(at);
    }

    /// Begin a request, without any header. A path that begins with `/v2` or `/v3` is acme's.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.clone(), method, path)
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask("GET", path).token(token).send().await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.ask("POST", path).token(token).json(body).send().await
    }

    pub async fn put(&self, token: &str, path: &str, body: Value) -> Answer {
        self.ask("PUT", path).token(token).json(body).send().await
    }

    pub async fn delete(&self, token: &str, path: &str) -> Answer {
        self.ask("DELETE", path).token(token).send().await
    }

    /// Make V3 customers that must be made; their ids.
    pub async fn made(&self, rows: Value) -> Vec<i64> {
        let answer = self.post("modify", "/v3/customers", rows).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.ids()
    }

    /// Make this many customers, ten at a time: `c1@example.com` and so on, named `First1` `Last1`.
    pub async fn crowd(&self, count: i64) {
        let person = |n: i64| {
            serde_json::json!({"email": format!("c{n}@example.com"), "first_name": format!("First{n}"),
                "last_name": format!("Last{n}")})
        };
        let all: Vec<Value> = (1..=count).map(person).collect();
        for rows in all.chunks(10) {
            self.made(Value::from(rows.to_vec())).await;
        }
    }

    /// Who delivers this service's webhooks, also to this machine.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.worker_with(Profile::published(), Duration::from_secs(10))
    }

    /// The same, as patient as this.
    #[must_use]
    pub fn worker_with(&self, profile: Profile, patience: Duration) -> Worker {
        let allowed = vec!["127.0.0.0/8".parse().expect("a range")];
        let post = Post::new(Guard::allowing(allowed), Arc::new(System::default()), roots());
        Worker::new(self.0.app.clone(), profile, post.within(patience))
    }

    /// Deliver all that can be delivered now: how many attempts that took.
    pub async fn deliver(&self) -> usize {
        self.worker().pass().await.expect("webhooks are delivered")
    }

    pub(crate) async fn pass(&self, request: Request<Body>) -> Response<server::Answer> {
        let door = self.0.door.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match door.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    pub(crate) async fn close(&self) {
        self.0.app.db.close().await.expect("the database closes");
    }
}

/// Run all of these at once, each as a task of its own; what they give, in order.
#[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
pub async fn at_once<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await.expect("a task ends"));
    }
    outputs
}

const ACTORS: [(&str, &str, &[&str]); 4] = [
    ("modify", "acme", &["store_v2_customers", "store_stored_payment_instruments"]),
    (
        "read",
        "acme",
        &["store_v2_customers_read_only", "store_stored_payment_instruments_read_only"],
    ),
    ("scopeless", "acme", &[]),
    ("other", "zenith", &["store_v2_customers", "store_stored_payment_instruments"]),
];
