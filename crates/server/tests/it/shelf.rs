//! What is kept in memory is never shown when it is older than what anybody was already shown.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
};

use kernel::{Chance as _, SeededChance};
use serde_json::json;
use testkit::{Answer, Service, at_once, on_each_engine};

/// What anybody was already shown of something that only grows.
#[derive(Default)]
struct Witness(AtomicI64);

impl Witness {
    /// What an answer must not fall behind: looked at before the question is asked.
    fn before(&self) -> i64 {
        self.0.load(SeqCst)
    }

    /// An answer showed this much.
    fn sees(&self, before: i64, shown: i64) -> Result<(), String> {
        if shown < before {
            return Err(format!("{shown} was shown after {before}"));
        }
        self.0.fetch_max(shown, SeqCst);
        Ok(())
    }
}

/// Customers, and what was shown of them: the number in their notes, and when they last declared, in seconds.
struct Shop {
    customers: Vec<i64>,
    notes: Vec<Witness>,
    declared: Vec<Witness>,
    is_over: AtomicBool,
}

impl Shop {
    async fn open(service: &Service, count: i64) -> Arc<Self> {
        let row = |n: i64| json!({"email": format!("{n}@example.com"), "first_name": "A", "last_name": "B", "notes": "0"});
        let mut customers = Vec::new();
        for n in 0..count {
            customers.extend(service.made(json!([row(n)])).await);
        }
        let witnesses = || customers.iter().map(|_| Witness::default()).collect();
        let (notes, declared) = (witnesses(), witnesses());
        Arc::new(Self { notes, declared, is_over: AtomicBool::default(), customers })
    }

    /// Read one thing of one customer, or all of them in a list.
    async fn read(&self, service: &Service, which: usize, page: Page) -> Result<(), String> {
        let id = self.customers[which];
        let (witness, path) = match page {
            Page::Notes => (&self.notes[which], format!("/v2/customers/{id}")),
            Page::Consent => (&self.declared[which], format!("/v3/customers/{id}/consent")),
            Page::List => return self.read_all(service).await,
        };
        let before = witness.before();
        let answer = service.get("read", &path).await;
        witness.sees(before, shown(&answer)).map_err(|why| format!("{path}: {why}"))
    }

    async fn read_all(&self, service: &Service) -> Result<(), String> {
        let before: Vec<i64> = self.notes.iter().map(Witness::before).collect();
        let answer = service.get("read", "/v3/customers?limit=250").await;
        assert_eq!(answer.status, 200, "{answer}");
        let body = answer.json();
        let rows = body["data"].as_array().expect("a list");
        for ((id, witness), before) in self.customers.iter().zip(&self.notes).zip(before) {
            let row = rows.iter().find(|row| row["id"] == *id);
            let notes = row.map_or(GONE, |row| number(&row["notes"]));
            witness.sees(before, notes).map_err(|why| format!("{id} in the list: {why}"))?;
        }
        Ok(())
    }

    /// Change a customer again and again, and then delete it; look at it in between.
    async fn write(&self, at: &Servers, which: usize, times: i64) -> Result<(), String> {
        let (id, service) = (self.customers[which], &at.writes);
        for n in 1..=times {
            service.set_seconds(self.declared[which].before() + 1);
            let said = json!({"allow": ["essential"], "deny": []});
            let declared =
                service.put("modify", &format!("/v3/customers/{id}/consent"), said).await;
            self.declared[which].sees(0, shown(&declared))?;
            let noted = service
                .put("modify", &format!("/v2/customers/{id}"), json!({"notes": n.to_string()}))
                .await;
            self.notes[which].sees(0, shown(&noted))?;
            self.read(&at.reads, which, Page::drawn(n.unsigned_abs())).await?;
        }
        let gone = service.delete("modify", &format!("/v2/customers/{id}")).await;
        assert_eq!(gone.status, 204, "{gone}");
        self.notes[which].sees(0, GONE)?;
        self.declared[which].sees(0, GONE)
    }

    /// Eight write, 56 read, all of the same sixteen customers: the first who was shown less than somebody was before, if
    /// any was.
    async fn try_out(self: Arc<Self>, at: Servers) -> Result<(), String> {
        let writers = (0..8).map(|writer| {
            let (at, shop) = (at.clone(), Arc::clone(&self));
            async move {
                let mut written = shop.write(&at, writer, 20).await;
                if written.is_ok() {
                    written = shop.write(&at, writer + 8, 20).await;
                }
                shop.is_over.store(true, SeqCst);
                written
            }
        });
        let readers = (0..56).map(|reader| {
            let (at, shop) = (at.clone(), Arc::clone(&self));
            async move {
                let chance = SeededChance::new(reader);
                while !shop.is_over.load(SeqCst) {
                    let drawn = chance.number();
                    let which = usize::try_from(drawn % 16).expect("small");
                    // What is answered from memory waits for nothing, and would let nobody else run.
                    tokio::task::yield_now().await;
                    let page = Page::drawn(u64::from(drawn / 16));
                    let read = shop.read(&at.reads, which, page).await;
                    if read.is_err() {
                        shop.is_over.store(true, SeqCst);
                        return read;
                    }
                }
                Ok(())
            }
        });
        let tasks =
            writers.map(|it| Box::pin(it) as Task).chain(readers.map(|it| Box::pin(it) as Task));
        at_once(tasks.collect::<Vec<_>>()).await.into_iter().collect()
    }
}

/// One who writes or reads; why the trial is over where it found something.
type Task = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Who is asked to change something, and who is asked what there is.
#[derive(Clone)]
struct Servers {
    writes: Service,
    reads: Service,
}

#[derive(Clone, Copy, Debug)]
enum Page {
    Notes,
    Consent,
    List,
}

impl Page {
    fn drawn(number: u64) -> Self {
        [Self::Notes, Self::Consent, Self::List][usize::try_from(number % 3).expect("small")]
    }
}

/// More than anything: who is deleted is not shown again.
const GONE: i64 = i64::MAX;

fn shown(answer: &Answer) -> i64 {
    let body = answer.json();
    match (answer.status, body["updated_at"].as_str()) {
        (200, Some(at)) => kernel::WhenFilter::parse(at).expect("a time").from.seconds(),
        (200, None) => number(&body["notes"]),
        (404, _) => GONE,
        _ => panic!("{answer}"),
    }
}

fn number(notes: &serde_json::Value) -> i64 {
    notes.as_str().and_then(|notes| notes.parse().ok()).expect("a number")
}

#[test]
fn a_witness_notices_what_goes_back_in_time() {
    let witness = Witness::default();
    let early = witness.before();
    witness.sees(witness.before(), 3).unwrap();
    witness.sees(witness.before(), 3).unwrap();
    // Who asked before anybody was shown more may be shown less.
    witness.sees(early, 2).unwrap();
    assert!(witness.sees(witness.before(), 2).is_err());
    witness.sees(witness.before(), GONE).unwrap();
    assert!(witness.sees(witness.before(), 4).is_err());
}

on_each_engine! {
    async fn nobody_is_shown_less_than_anybody_was(service: Service) {
        let shop = Shop::open(&service, 16).await;
        shop.try_out(Servers { writes: service.clone(), reads: service }).await.unwrap();
    }

    /// The same trial of a cache that is broken: all changes are made by another server, and this one is never told to
    /// look whether there is one, so its marks never move. It must be found out. On `PostgreSQL` nothing is kept, and
    /// it does not matter which server is asked.
    async fn a_cache_whose_marks_never_move_is_found_out(service: Service) {
        let other = service.beside_drawing(7).await;
        let shop = Shop::open(&other, 16).await;
        let is_kept = service.app().db.marks().is_some();
        assert_eq!(is_kept, service.app().db.engine() == "sqlite");
        assert!(service.app().settings.shelf_bytes > 0);
        let tried = shop.try_out(Servers { writes: other.clone(), reads: service }).await;
        other.app().db.close().await.unwrap();
        match tried {
            Ok(()) => assert!(!is_kept, "nobody noticed"),
            Err(why) => assert!(is_kept && why.contains("was shown after"), "{why}"),
        }
    }

    /// The token comes before the shelf.
    async fn what_is_kept_is_shown_to_nobody_who_may_not_see_it(service: Service) {
        let app = service.app().clone();
        let [id] = service.made(json!([{"email": "a@example.com", "first_name": "A", "last_name": "B"}])).await[..] else {
            panic!("one")
        };
        let paths = [format!("/v2/customers/{id}"), format!("/v3/customers/{id}/consent")];
        let are_shown_to = async |token: &'static str, status: u16| {
            for path in &paths {
                for _ in 0..3 {
                    let answer = service.get("read", path).await;
                    assert_eq!(answer.status, 200, "{answer}");
                }
                let answer = service.get(token, path).await;
                assert_eq!(answer.status, status, "{token}: {answer}");
            }
        };
        let scopes = ["store_v2_customers_read_only"];
        let client = service.hire("revoked", "acme", &scopes).await;
        are_shown_to("revoked", 200).await;
        access::accounts::revoke(&app.db, &*app.clock, &client).await.unwrap();
        app.tokens.refresh().await.unwrap();
        are_shown_to("revoked", 401).await;

        let client = service.hire("demoted", "acme", &scopes).await;
        are_shown_to("demoted", 200).await;
        service.meddle(&format!("UPDATE account SET scopes = '' WHERE client_id = '{client}'")).await;
        service.meddle("UPDATE installation SET access_revision = access_revision + 1").await;
        app.tokens.refresh().await.unwrap();
        are_shown_to("demoted", 403).await;
        are_shown_to("scopeless", 403).await;
        are_shown_to("other", 403).await;
        for path in &paths {
            let elsewhere = service.get("other", &format!("/stores/zenith{path}")).await;
            assert_eq!(elsewhere.status, 404, "{elsewhere}");
        }

        // The rows of the store are still there when its tokens are unknown.
        access::stores::close(&app.db, &*app.clock, "acme").await.unwrap();
        app.tokens.refresh().await.unwrap();
        for path in &paths {
            assert_eq!(service.get("read", path).await.status, 401);
        }
    }

    /// A list is kept under the query that asked for it, and only where it shows nothing but customers.
    async fn a_list_is_shown_again_until_a_customer_is_made_changed_or_deleted(service: Service) {
        let row = |name: &str| json!({"email": format!("{name}@example.com"), "first_name": "A", "last_name": "B"});
        let ids = service.made(json!([row("a"), row("b")])).await;
        let list = async |query: &str| {
            let mut answers = Vec::new();
            for _ in 0..3 {
                answers.push(service.get("read", &format!("/v3/customers?{query}")).await.json());
            }
            assert!(answers[0] == answers[1] && answers[1] == answers[2], "{query}");
            answers.swap_remove(0)
        };
        let company = async |query: &str| list(query).await["data"][0]["company"].clone();
        let total = async || list("limit=1").await["meta"]["pagination"]["total"].clone();
        assert_eq!((company("").await, total().await), (json!(""), json!(2)));
        service.put("modify", "/v3/customers", json!([{"id": ids[1], "company": "C"}])).await;
        for query in ["sort=date_created:desc&limit=1", "id:in=2", "company:in=C", "email:in=b@example.com"] {
            assert_eq!(company(query).await, "C", "{query}");
        }
        // The links are the caller's own.
        for query in ["limit=1&sort=date_created:asc", "sort=date_created:asc&limit=1"] {
            let next = list(query).await["meta"]["cursor_pagination"]["links"]["next"].clone();
            assert!(next.as_str().is_some_and(|next| next.contains(query)), "{query}: {next}");
        }
        service.made(json!([row("c")])).await;
        assert_eq!(total().await, 3);
        service.delete("modify", &format!("/v3/customers?id:in={}", ids[0])).await;
        assert_eq!(total().await, 2);
        assert_eq!(list(&format!("id:in={}", ids[0])).await["data"], json!([]));
        // Addresses change under no mark of their own.
        let with = format!("id:in={}&include=addresses", ids[1]);
        assert_eq!(list(&with).await["data"][0]["address_count"], 0);
        let address = json!([{"customer_id": ids[1], "first_name": "A", "last_name": "B", "address1": "1 Way", "city": "X",
            "country_code": "US", "state_or_province": "Texas", "postal_code": "1"}]);
        assert_eq!(service.post("modify", "/v3/customers/addresses", address).await.status, 200);
        assert_eq!(list(&with).await["data"][0]["address_count"], 1);
    }

    /// What another process does to the same file is seen as soon as its revoked tokens are; until then every page that was
    /// kept is shown as it was.
    async fn what_another_process_writes_is_seen(service: Service) {
        let [id] = service.made(json!([{"email": "a@example.com", "first_name": "A", "last_name": "B"}])).await[..] else {
            panic!("one")
        };
        let pages = [
            (format!("/v2/customers/{id}"), "/notes"),
            ("/v3/customers?limit=250".to_owned(), "/data/0/notes"),
            (format!("/v3/customers/{id}/consent"), "/allow/0"),
        ];
        let shown = async || {
            let mut shown = Vec::new();
            for (path, place) in &pages {
                let body = service.get("read", path).await.json();
                shown.push(body.pointer(place).and_then(|it| it.as_str()).unwrap_or_default().to_owned());
            }
            shown
        };
        for _ in 0..3 {
            assert_eq!(shown().await, ["", "", ""]);
        }
        let other = service.beside_drawing(7).await;
        let write = async |notes: &str, allow: &str| {
            other.put("modify", &pages[0].0, json!({"notes": notes})).await;
            other.put("modify", &pages[2].0, json!({"allow": [allow], "deny": []})).await;
        };
        write("1", "essential").await;
        if service.app().db.marks().is_some() {
            assert_eq!(shown().await, ["", "", ""], "kept");
        }
        service.app().db.notice_others().await.unwrap();
        for _ in 0..3 {
            assert_eq!(shown().await, ["1", "1", "essential"]);
        }
        // Or as soon as this process writes anything itself.
        write("2", "targeting").await;
        service.post("modify", "/v3/customers/attributes", json!([{"name": "n", "type": "string"}])).await;
        assert_eq!(shown().await, ["2", "2", "targeting"]);
        other.app().db.close().await.unwrap();
    }
}
