//! Everything at once, while webhooks are delivered by the server and by a worker beside it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    authors::Author,
    database::Database,
    http::Client,
    place::{Account, Engine, Place, soaking, succeeded},
    receivers::{Manner, Receiver},
    running::{LONGEST, Server, until},
    webhooks::{ALLOW, TRIAL, deliverer},
};

on_each_engine! {
    fn nobody_fails_or_waits_in_a_circle_while_webhooks_are_delivered(place: Place) {
        let [account, doomed] = ["acme", "doomed"].map(|hash| place.store(hash));
        place.run(&["store", "domain", "add", "acme", "acme.example"]);
        let receivers = [("127.0.0.1", Manner::Takes), ("127.0.0.2", Manner::RefusesAThird)]
            .map(|(host, manner)| Receiver::listen(host, manner));
        let server = Server::start(place, &ALLOW);
        let worker = deliverer(place, &TRIAL);
        for account in [&account, &doomed] {
            let mut client = server.client(account);
            for receiver in &receivers {
                for scope in ["store/customer/*", "store/metafield/*", "store/subscriber/*", CONSENT] {
                    let hook = json!({"scope": scope, "destination": receiver.url("/hook")});
                    assert_eq!(client.post("/v3/hooks", &hook).expect("an answer").status, 200);
                }
            }
        }
        let (acknowledged, quota, stop) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX), AtomicBool::new(false));
        let erased = Mutex::new(Vec::new());
        let database = place.database();
        let doomed_id = database.number("SELECT store_id FROM store WHERE hash = 'doomed'");
        thread::scope(|scope| {
            let _stop = Stop(&stop);
            for (number, account) in [&account, &account, &doomed, &doomed].into_iter().enumerate() {
                let (acknowledged, quota, stop) = (&acknowledged, &quota, &stop);
                let client = server.client(account);
                let name = format!("author-{number}");
                let mut author = Author { client, name, acknowledged, quota, stop, told: Vec::new(), may_be_shut_out: number > 1 };
                scope.spawn(move || author.write().expect("an answer"));
            }
            for number in 0..2 {
                let (client, stop, erased) = (server.client(&account), &stop, &erased);
                scope.spawn(move || erase_people(client, number, stop, erased));
            }
            let stopped = &stop;
            scope.spawn(|| sign_up(&server, &account, stopped));
            thread::sleep(Duration::from_secs(if soaking() { 60 } else { 4 }));
            until(LONGEST, || erased.lock().unwrap_or_else(PoisonError::into_inner).len() >= 10);
            // A store goes, with deliveries of it on their way and some that failed.
            assert!(database.number(&format!("SELECT count(*) FROM delivery WHERE store_id = {doomed_id}")) > 0);
            succeeded(&mut place.custodia(&["store", "delete", "doomed"]));
            thread::sleep(Duration::from_secs(1));
        });
        let erased = erased.into_inner().unwrap_or_else(PoisonError::into_inner);
        let heard: u64 = receivers.iter().map(Receiver::arrivals).sum();
        println!("{:?}: {} events acknowledged, {} customers erased, {heard} deliveries", place.engine,
            acknowledged.load(Ordering::Relaxed), erased.len());
        assert!(heard > 100, "{heard}");
        // No consent of whoever was erased is told of any more, and nothing is left of the store that went.
        let list = erased.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let consent = format!("scope = '{CONSENT}' AND subject IN ({list})");
        until(LONGEST, || database.number(&format!("SELECT count(*) FROM outbox WHERE {consent}")) == 0);
        assert_eq!(database.number(&format!("SELECT count(*) FROM event WHERE {consent}")), 0);
        until(LONGEST, || orphans(&database) == 0);
        for table in tables(&database, place.engine) {
            let left = database.number(&format!("SELECT count(*) FROM {table} WHERE store_id = {doomed_id}"));
            assert_eq!(left, 0, "{table}");
        }
        if place.engine == Engine::Postgres {
            // What the statistics have of the sessions that ended.
            let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
            let logs = [server.stop(), worker.stop()];
            thread::sleep(Duration::from_millis(500));
            let counted = database.number(deadlocks);
            println!("{counted} deadlocks");
            assert_eq!(counted, 0, "{logs:?}");
        } else {
            for process in [server, worker] {
                process.stop();
            }
        }
    }
}

const CONSENT: &str = "custodia/customer/consent/updated";

/// Tells all to stop, however the scope ends.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Deliveries and attempts without their event.
fn orphans(database: &Database) -> i64 {
    ["delivery", "delivery_attempt"]
        .map(|table| {
            database.number(&format!(
                "SELECT count(*) FROM {table} t WHERE NOT EXISTS
                     (SELECT 1 FROM event e WHERE e.store_id = t.store_id AND e.event_id = t.event_id)"
            ))
        })
        .iter()
        .sum()
}

/// Whatever has rows of stores.
fn tables(database: &Database, engine: Engine) -> Vec<String> {
    let query = match engine {
        Engine::Sqlite => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'store_id' WHERE m.type = 'table'"
        }
        Engine::Postgres => {
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'store_id' AND table_schema = current_schema()"
        }
    };
    let tables: Vec<String> =
        database.rows(query).into_iter().map(|mut row| row.remove(0)).collect();
    assert!(tables.len() > 20, "{tables:?}");
    tables
}

/// Customers who declare, subscribe, and are erased at once.
fn erase_people(mut client: Client, number: usize, stop: &AtomicBool, erased: &Mutex<Vec<i64>>) {
    let mut ask = |method: &str, path: &str, body: Value| {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = client.ask(method, path, &text).expect("an answer");
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    };
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let email = format!("erased-{number}-{round}@example.com");
        let person = json!([{"email": email, "first_name": "A", "last_name": "B"}]);
        let made = ask("POST", "/v3/customers", person);
        let id = made["data"][0]["id"].as_i64().expect("an id");
        ask("POST", "/v3/customers/subscribers", json!({"email": email}));
        for allow in [json!([]), json!(["essential"])] {
            ask("PUT", &format!("/v3/customers/{id}/consent"), json!({"allow": allow, "deny": []}));
        }
        let field = json!({"namespace": "n", "key": "k", "value": "v", "permission_set": "write"});
        ask("POST", &format!("/v3/customers/{id}/metafields"), field);
        if round % 2 == 0 {
            // So that some of it is on its way.
            thread::sleep(Duration::from_millis(30));
        }
        ask("POST", &format!("/custodia/customers/{id}/erasure"), json!({}));
        erased.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }
}

/// Shoppers, each from nowhere in particular: too many from one place are taken for spam, and that is no failure.
fn sign_up(server: &Server, account: &Account, stop: &AtomicBool) {
    let mut client = server.client(account);
    let begun = Instant::now();
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let form = json!({"firstName": "A", "lastName": "B", "email": format!("shopper-{round}@example.com"),
            "password": "difference engine 2", "acceptsMarketingEmails": true})
        .to_string();
        let head = format!(
            "POST /api/storefront/customers HTTP/1.1\r\nHost: acme.example\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        client.write(head.as_bytes()).expect("it listens");
        let answer = client.answer().expect("an answer");
        assert!(answer.status < 500, "{}", answer.text());
        assert!(round > 0 || answer.status == 204, "{} {}", answer.status, answer.text());
        thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() > Duration::from_secs(1));
}
