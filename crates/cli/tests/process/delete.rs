//! `store delete` of a large store, while a server answers for another.

use std::{
    process::{Child, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    database::Database,
    http::Client,
    place::{Engine, Place, soaking},
    running::{LONGEST, until},
};

#[test]
fn a_large_store_goes_unnoticed_by_the_others_on_sqlite() {
    a_large_store_goes_unnoticed_by_the_others(&Place::alone(Engine::Sqlite));
}

#[test]
fn a_large_store_goes_unnoticed_by_the_others_on_postgres() {
    a_large_store_goes_unnoticed_by_the_others(&Place::alone(Engine::Postgres));
}

fn a_large_store_goes_unnoticed_by_the_others(place: &Place) {
    let customers = if soaking() { 1_000_000 } else { 100_000 };
    let [large, small] = ["large", "small"].map(|hash| place.store(hash));
    let database = place.database();
    seed(&database, place.engine, customers);
    let server = place.serve_only();
    let id = settle(&mut server.client(&small));
    // Its declaration becomes a leaf by itself, once.
    let sequenced = "SELECT count(*) FROM ledger WHERE store_hash = 'small' AND size = 1";
    until(LONGEST, || database.number(sequenced) == 1);
    let before = rows_of(&database, place.engine, "small");
    let large_id = database.number("SELECT store_id FROM store WHERE hash = 'large'");

    let asked = Asked::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| asked.ask(server.client(&small), id));
        }
        let stop = StopAsking(&asked);
        thread::sleep(Duration::from_secs(1));
        asked.p99();
        thread::sleep(Duration::from_secs(3));
        let quiet = asked.p99();

        // Interrupted without warning, it leaves the rest to the next time.
        let mut client = server.client(&large);
        assert_eq!(client.get("/v2/time").expect("an answer").status, 200);
        let mut deletion = delete(place);
        until(LONGEST, || database.number("SELECT count(*) FROM store WHERE deleted_at <> 0") == 1);
        let refused = until(LONGEST, || client.get("/v2/time").expect("an answer").status == 401);
        assert!(refused < Duration::from_secs(1), "{refused:?}");
        let left = || {
            database.number(&format!("SELECT count(*) FROM customer WHERE store_id = {large_id}"))
        };
        until(LONGEST, || left() < customers - 2_000);
        deletion.kill().expect("it runs");
        deletion.wait().expect("it ends");
        assert!(left() > 0, "it was interrupted");
        assert!(place.run(&["store", "list"]).contains("being deleted"));

        let since = Instant::now();
        let mut deletion = delete(place);
        let status = deletion.wait().expect("it ends");
        let took = since.elapsed();
        assert!(status.success());
        let busy = asked.p99();
        drop(stop);
        println!("{:?}: p99 {quiet:?}, then {busy:?}; deleted in {took:?}", place.engine);
        assert!(busy < quiet + Duration::from_millis(20), "p99 {quiet:?}, then {busy:?}");
    });

    for table in tables(&database, place.engine) {
        let left =
            database.number(&format!("SELECT count(*) FROM {table} WHERE store_id = {large_id}"));
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(rows_of(&database, place.engine, "small"), before);
    assert_eq!(database.rows("SELECT hash FROM store"), [["small"]]);
    // The hash is free, and what is made under it is another store.
    let again = place.store("large");
    assert_eq!(
        server.client(&again).get("/v2/customers/count").expect("an answer").json()["count"],
        0
    );
    server.stop();
}

fn delete(place: &Place) -> Child {
    let mut command = place.custodia(&["store", "delete", "large"]);
    command.stdout(Stdio::null()).spawn().expect("it starts")
}

/// How long each answer took since somebody wanted to know.
#[derive(Default)]
struct Asked {
    times: Mutex<Vec<Duration>>,
    ended: AtomicBool,
}

impl Asked {
    /// Ask for a consent every two milliseconds.
    fn ask(&self, mut client: Client, id: i64) {
        let path = format!("/v3/customers/{id}/consent");
        while !self.ended.load(Ordering::Relaxed) {
            let since = Instant::now();
            let answer = client.get(&path).expect("an answer");
            let took = since.elapsed();
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.times.lock().expect("no panic").push(took);
            thread::sleep(Duration::from_millis(2).saturating_sub(took));
        }
    }

    /// Of the answers since it was last asked.
    fn p99(&self) -> Duration {
        let mut times = std::mem::take(&mut *self.times.lock().expect("no panic"));
        assert!(times.len() >= 100, "{} answers are too few to tell", times.len());
        times.sort();
        times[times.len() * 99 / 100]
    }
}

/// Lets those who ask end, also when a test fails.
struct StopAsking<'a>(&'a Asked);

impl Drop for StopAsking<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

/// A customer who has declared something.
fn settle(client: &mut Client) -> i64 {
    let row = json!({"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron"});
    let made = client.post("/v3/customers", &json!([row])).expect("an answer").json();
    let id = made["data"][0]["id"].as_i64().expect("an id");
    let body = json!({"allow": ["essential"], "deny": ["targeting"]});
    let declared = client.put(&format!("/v3/customers/{id}/consent"), &body).expect("an answer");
    assert_eq!(declared.status, 200);
    id
}

/// Fill the large store with customers, each with a declaration, an event and two audit lines.
fn seed(database: &Database, engine: Engine, customers: i64) {
    let store = "(SELECT store_id FROM store WHERE hash = 'large')";
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {customers})"
    );
    database.run(&format!(
        "BEGIN;
         INSERT INTO customer (store_id, customer_id, email, first_name, last_name, company, phone, notes,
             tax_exempt_category, customer_group_id, registration_ip_address, accepts_review_emails, store_credit,
             origin_channel_id, channel_ids, password_hash, force_password_reset, email_key, name_key,
             first_name_key, last_name_key, company_key, date_created, date_modified, declarations)
         {numbers}
         SELECT {store}, i, 'customer-' || i || '@example.com', 'Ada', 'Byron', 'Analytical Engines', '555-0100',
             '', '', 0, '', FALSE, 0, 1, NULL, '', FALSE, 'customer-' || i || '@example.com', 'ada byron', 'ada',
             'byron', 'analytical engines', 1759320000000000 + i, 1759320000000000 + i, 1 FROM n;
         INSERT INTO consent_declaration
             (store_id, customer_id, sequence, allow, deny, declared_at, source, declared_by)
         {numbers}
         SELECT {store}, i, 1, 'essential', 'targeting', 1759320000000000 + i, 'management_api', 1 FROM n;
         INSERT INTO outbox (store_id, event_id, scope, subject, data, created_at)
         {numbers}
         SELECT {store}, i, 'store/customer/created', i, '{{}}', 1759320000000000 + i FROM n;
         INSERT INTO audit (store_id, audit_id, account_id, request_id, action, subject, fields, at)
         {numbers}
         SELECT {store}, 2 * i, 1, 'seed', 'customer.created', i, '', 1759320000000000 + i FROM n;
         INSERT INTO audit (store_id, audit_id, account_id, request_id, action, subject, fields, at)
         {numbers}
         SELECT {store}, 2 * i + 1, 1, 'seed', 'consent.declared', i, '', 1759320000000000 + i FROM n;
         UPDATE counter SET last = {customers}, live = {customers} WHERE store_id = {store};
         COMMIT;"
    ));
    database.run(match engine {
        Engine::Sqlite => "PRAGMA wal_checkpoint(TRUNCATE)",
        Engine::Postgres => "VACUUM ANALYZE",
    });
}

/// Every table whose rows belong to stores.
fn tables(database: &Database, engine: Engine) -> Vec<String> {
    let rows = database.rows(match engine {
        Engine::Sqlite => {
            "SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c ON c.name = 'store_id'
             WHERE t.type = 'table' ORDER BY t.name"
        }
        Engine::Postgres => {
            "SELECT table_name FROM information_schema.columns
             WHERE column_name = 'store_id' AND table_schema = 'public' ORDER BY table_name"
        }
    });
    let tables: Vec<_> = rows.into_iter().map(|mut row| row.remove(0)).collect();
    assert!(tables.len() >= 7, "{tables:?}");
    tables
}

/// All that a store has, table by table.
fn rows_of(database: &Database, engine: Engine, hash: &str) -> Vec<Vec<Vec<String>>> {
    let rows = |table: &String| {
        database.rows(&format!(
            "SELECT * FROM {table} WHERE store_id = (SELECT store_id FROM store WHERE hash = '{hash}')"
        ))
    };
    tables(database, engine).iter().map(rows).collect()
}
