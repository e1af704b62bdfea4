//! SIGKILL in the middle of many writers: what was acknowledged is there, and all that is there is whole.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use kernel::{Chance as _, SystemChance};
use serde_json::{Value, json};

use crate::{
    database::Database,
    http::{Answer, Client},
    place::{Account, Engine, Place, soaking},
    running::{LONGEST, until},
};

on_each_engine! {
    fn whatever_was_acknowledged_survives_a_kill_and_nothing_is_half_there(place: Place) {
        let account = place.store("acme");
        let settled = settle(place, &account);
        let mut told = Told::default();
        for round in 0..if soaking() { 100 } else { 20 } {
            told.add(write_until_killed(place, &account, round, &settled));
            check(place, &told);
        }
        let (batches, declarations) = (told.batches.len(), told.declarations.len());
        println!("{:?}: {batches} batches and {declarations} declarations", place.engine);
        // And the last of them is found by the server itself.
        let server = place.serve_only();
        let last = told.declarations.last().expect("one");
        let found = server.client(&account).get(&format!("/v3/customers/{}/consent", last.customer));
        assert_eq!(found.expect("an answer").status, 200);
    }
}

/// Or the test above would prove nothing.
#[test]
fn each_kind_of_damage_would_be_noticed() {
    let place = Place::new(Engine::Sqlite);
    let account = place.store("acme");
    let settled = settle(&place, &account);
    let told = write_until_killed(&place, &account, 0, &settled);
    check(&place, &told);
    let database = place.database();
    let one = told.batches[0].ids[0];
    let declared = told.declarations[0].customer;
    for damage in [
        format!("DELETE FROM customer WHERE customer_id = {one}"),
        format!("DELETE FROM outbox WHERE subject = {one}"),
        format!("DELETE FROM audit WHERE subject = {one} AND action = 'customer.created'"),
        format!("UPDATE customer SET company = 'x of 1' WHERE customer_id = {one}"),
        format!("UPDATE customer SET declarations = declarations + 1 WHERE customer_id = {one}"),
        format!("DELETE FROM consent_declaration WHERE customer_id = {declared}"),
        format!("DELETE FROM audit WHERE subject = {declared} AND action = 'consent.declared'"),
        format!("DELETE FROM outbox WHERE subject = {declared} AND scope = 'custodia/customer/consent/updated'"),
        "UPDATE consent_declaration SET sequence = sequence + 1000000".to_owned(),
        "UPDATE counter SET live = live + 1".to_owned(),
        "UPDATE counter SET last = 1".to_owned(),
        "INSERT INTO outbox VALUES ((SELECT min(store_id) FROM store), 1, 'store/customer/created', 1, '', 1)".to_owned(),
        "INSERT INTO audit VALUES ((SELECT min(store_id) FROM store), 1, 1, 'x', 'consent.declared', 1, '', 1)".to_owned(),
    ] {
        database.run(&format!("BEGIN; {damage}"));
        let found = catch_unwind(AssertUnwindSafe(|| {
            all_that_is_there_is_whole(&database);
        }));
        assert!(found.is_err(), "unnoticed: {damage}");
        database.run("ROLLBACK");
    }
    // A batch that is gone without a trace was told of all the same, and so was a declaration.
    for gone in [
        format!("customer_id = {one}; DELETE FROM audit WHERE subject = {one}"),
        "customer_id < 0; DELETE FROM audit WHERE action = 'consent.declared'".to_owned(),
    ] {
        database.run(&format!("BEGIN; DELETE FROM customer WHERE {gone}"));
        let found = catch_unwind(AssertUnwindSafe(|| all_that_was_told_is_there(&database, &told)));
        assert!(found.is_err(), "unnoticed: {gone}");
        database.run("ROLLBACK");
    }
}

/// What servers acknowledged.
#[derive(Default)]
struct Told {
    batches: Vec<Batch>,
    declarations: Vec<Declaration>,
}

/// Customers of one request.
struct Batch {
    request: String,
    mark: String,
    ids: Vec<i64>,
}

struct Declaration {
    request: String,
    customer: i64,
    /// Which of the customer's it is, and what it allows: known where only one writer declares.
    told: Option<(i64, &'static str)>,
}

impl Told {
    fn add(&mut self, more: Self) {
        self.batches.extend(more.batches);
        self.declarations.extend(more.declarations);
    }
}

/// A customer for each writer, and the last one for all of them.
fn settle(place: &Place, account: &Account) -> Vec<i64> {
    let server = place.serve_only();
    let mut client = server.client(account);
    let make = |writer| {
        let rows =
            json!([customer(&format!("writer-{writer}@example.com"), &format!("{writer} of 1"))]);
        ids(&client.post("/v3/customers", &rows).expect("an answer"))[0]
    };
    let settled = (0..=WRITERS).map(make).collect();
    server.stop();
    settled
}

/// One round: a server, 64 writers, and an end without warning. Every fifth time they write so much that SQLite's log is
/// copied into its file, and it comes within moments of the copying's beginning.
fn write_until_killed(place: &Place, account: &Account, round: u32, settled: &[i64]) -> Told {
    let server = place.serve_only();
    let heard = AtomicBool::new(false);
    // A soak has more rounds, but no longer file.
    let is_much = round % 5 == 4 && round < 20;
    thread::scope(|scope| {
        let begin = |number| {
            let heard = &heard;
            let client = server.client(account);
            let shared = settled[WRITERS];
            scope.spawn(move || {
                let notes = if is_much { "x".repeat(60_000) } else { String::new() };
                let mut writer = Writer { client, heard, notes, told: Told::default() };
                // They stop when there is no answer.
                let _ = if number % 2 == 0 {
                    writer.make(&format!("r{round}-w{number}"), shared)
                } else {
                    writer.declare(settled[number], shared)
                };
                writer.told
            })
        };
        let writers: Vec<_> = (0..WRITERS).map(begin).collect();
        until(LONGEST, || heard.load(Ordering::Relaxed));
        if is_much && place.engine == Engine::Sqlite {
            // The file itself is written to by nothing but copying.
            let file = place.path("custodia.db");
            let written = || file.metadata().and_then(|file| file.modified()).expect("a file");
            let before = written();
            until(LONGEST, || written() > before);
            thread::sleep(Duration::from_millis(u64::from(SystemChance.number() % 20)));
        } else {
            thread::sleep(Duration::from_millis(50 + u64::from(SystemChance.number() % 250)));
        }
        server.kill();
        let mut told = Told::default();
        for writer in writers {
            told.add(writer.join().expect("a writer ends"));
        }
        told
    })
}

/// Writes for as long as there are answers, and notes them.
struct Writer<'h> {
    client: Client,
    /// Whether anybody had an answer.
    heard: &'h AtomicBool,
    /// What stands beside each customer.
    notes: String,
    told: Told,
}

impl Writer<'_> {
    /// Batches of customers, two declarations of the first of each, and one of the customer who is everybody's.
    fn make(&mut self, name: &str, shared: i64) -> io::Result<()> {
        for batch in 0.. {
            let size = 2 + batch % 2;
            let mark = format!("{name}-b{batch} of {size}");
            let email = |row| format!("{name}-b{batch}-{row}@example.com");
            let row = |row| {
                let mut row = customer(&email(row), &mark);
                row["notes"] = json!(self.notes);
                row
            };
            let rows: Vec<_> = (0..size).map(row).collect();
            let answer = self.client.post("/v3/customers", &rows.into());
            let answer = self.acknowledged(answer)?;
            let ids = ids(&answer);
            assert_eq!(i64::try_from(ids.len()), Ok(size));
            let first = ids[0];
            self.told.batches.push(Batch { request: answer.request_id(), mark, ids });
            self.put(first, Some((1, "analytics")))?;
            self.put(shared, None)?;
            self.put(first, Some((2, "targeting")))?;
        }
        Ok(())
    }

    /// Declarations of one's own customer, and now and then of everybody's.
    fn declare(&mut self, own: i64, shared: i64) -> io::Result<()> {
        for count in 0.. {
            self.put(if count % 8 == 7 { shared } else { own }, None)?;
        }
        Ok(())
    }

    fn put(&mut self, customer: i64, told: Option<(i64, &'static str)>) -> io::Result<()> {
        let allow = told.map_or("essential", |(_, allow)| allow);
        let body = json!({"allow": [allow], "deny": ["functional"]});
        let answer = self.client.put(&format!("/v3/customers/{customer}/consent"), &body);
        let request = self.acknowledged(answer)?.request_id();
        self.told.declarations.push(Declaration { request, customer, told });
        Ok(())
    }

    /// An answer that was heard to its end. There is none but yes: nothing here may be refused.
    fn acknowledged(&self, answer: io::Result<Answer>) -> io::Result<Answer> {
        let answer = answer?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.heard.store(true, Ordering::Relaxed);
        Ok(answer)
    }
}

fn customer(email: &str, mark: &str) -> Value {
    json!({"email": email, "first_name": "Ada", "last_name": "Byron", "company": mark})
}

/// Of the customers that an answer shows.
fn ids(answer: &Answer) -> Vec<i64> {
    let body = answer.json();
    let data = body["data"].as_array().expect("customers");
    data.iter().map(|made| made["id"].as_i64().expect("an id")).collect()
}

fn check(place: &Place, told: &Told) {
    let database = match place.engine {
        Engine::Sqlite => {
            // A copy: to mend the file itself is left to the next server.
            for suffix in ["", "-wal"] {
                let from = place.path(&format!("custodia.db{suffix}"));
                fs::copy(from, place.path(&format!("copy.db{suffix}"))).expect("a copy");
            }
            let _ = fs::remove_file(place.path("copy.db-shm"));
            Database::open(&format!("sqlite:{}", place.path("copy.db").display()))
        }
        Engine::Postgres => place.database(),
    };
    // What was under way when the server died may end meanwhile; all that follows sees one instant.
    database.run(match place.engine {
        Engine::Sqlite => "BEGIN",
        Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ",
    });
    all_that_was_told_is_there(&database, told);
    all_that_is_there_is_whole(&database);
    if place.engine == Engine::Sqlite {
        assert_eq!(database.rows("PRAGMA integrity_check"), [["ok"]]);
    }
}

fn all_that_was_told_is_there(database: &Database, told: &Told) {
    let mut lines: HashMap<String, Vec<(String, i64)>> = HashMap::new();
    for row in database.rows("SELECT request_id, action, subject FROM audit ORDER BY audit_id") {
        let [request, action, subject] = row.try_into().expect("three columns");
        lines.entry(request).or_default().push((action, number(&subject)));
    }
    let customers: HashMap<_, _> = database
        .rows("SELECT customer_id, company FROM customer")
        .into_iter()
        .map(|row| (number(&row[0]), row[1].clone()))
        .collect();
    for batch in &told.batches {
        for id in &batch.ids {
            assert_eq!(customers.get(id), Some(&batch.mark), "customer {id} was acknowledged");
        }
        let mut subjects: Vec<_> = lines.get(&batch.request).cloned().unwrap_or_default();
        subjects.sort();
        let mut expected: Vec<_> =
            batch.ids.iter().map(|id| ("customer.created".to_owned(), *id)).collect();
        expected.sort();
        assert_eq!(subjects, expected, "the audit lines of {}", batch.request);
    }

    let declared: HashMap<_, _> = database
        .rows("SELECT customer_id, sequence, allow FROM consent_declaration")
        .into_iter()
        .map(|row| ((number(&row[0]), number(&row[1])), row[2].clone()))
        .collect();
    for Declaration { request, customer, told } in &told.declarations {
        let line = [("consent.declared".to_owned(), *customer)];
        assert_eq!(lines.get(request).map(Vec::as_slice), Some(&line[..]), "of {request}");
        if let Some((sequence, allow)) = told {
            let found = declared.get(&(*customer, *sequence)).map(String::as_str);
            assert_eq!(found, Some(*allow), "customer {customer}, declaration {sequence}");
        }
    }
}

fn all_that_is_there_is_whole(database: &Database) {
    for row in database.rows("SELECT company, count(*) FROM customer GROUP BY company") {
        let (_, size) = row[0].split_once(" of ").expect("a mark");
        assert_eq!(size, row[1], "batch {}", row[0]);
    }
    let customers = database.numbers("SELECT customer_id FROM customer ORDER BY customer_id");
    let emails = database.rows("SELECT email_key FROM customer");
    assert_eq!(emails.iter().collect::<HashSet<_>>().len(), customers.len(), "e-mails are unique");

    // Equal lists: each has exactly one, and there is none beyond them.
    let events = database.numbers(
        "SELECT subject FROM outbox WHERE scope = 'store/customer/created' ORDER BY subject",
    );
    assert_same(&events, &customers, "the events of the customers");
    let lines = database
        .numbers("SELECT subject FROM audit WHERE action = 'customer.created' ORDER BY subject");
    assert_same(&lines, &customers, "the audit lines of the customers");

    let declared =
        database.numbers("SELECT customer_id FROM consent_declaration ORDER BY customer_id");
    let lines = database
        .numbers("SELECT subject FROM audit WHERE action = 'consent.declared' ORDER BY subject");
    assert_same(&lines, &declared, "the audit lines of the declarations");
    let events = database.numbers(
        "SELECT subject FROM outbox WHERE scope = 'custodia/customer/consent/updated' ORDER BY subject",
    );
    assert_same(&events, &declared, "the events of the declarations");
    assert_eq!(number_of(database, "outbox"), customers.len() + declared.len());
    assert_eq!(number_of(database, "audit"), customers.len() + declared.len());

    // Numbers are unique, so a first of 1 and a last that is their count leave no gap.
    let broken = database.rows(
        "SELECT c.customer_id, c.declarations, d.first, d.last, d.numbers
         FROM customer c LEFT JOIN
             (SELECT customer_id, min(sequence) AS first, max(sequence) AS last, count(*) AS numbers
              FROM consent_declaration GROUP BY customer_id) d ON d.customer_id = c.customer_id
         WHERE NOT (c.declarations = 0 AND d.numbers IS NULL)
           AND NOT (coalesce(d.first, 0) = 1 AND d.last = d.numbers AND d.numbers = c.declarations)",
    );
    assert_eq!(broken, [[""; 0]; 0], "the numbers of declarations");

    let counter = database.rows("SELECT live, last FROM counter WHERE name = 'customer'");
    assert_eq!(counter[0][0], customers.len().to_string(), "the count of customers");
    assert!(number(&counter[0][1]) >= *customers.last().expect("one"), "the last number given out");
}

/// Equal lists, in order; else, where they part.
#[track_caller]
fn assert_same(found: &[i64], expected: &[i64], what: &str) {
    let parts = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let at = parts.unwrap_or(found.len().min(expected.len()));
    let [found, expected] = [found, expected].map(|list| (list.len(), list.get(at)));
    assert_eq!(found, expected, "{what}: how many, and where the lists part");
    assert_eq!(parts, None, "{what}");
}

fn number_of(database: &Database, table: &str) -> usize {
    let rows = database.number(&format!("SELECT count(*) FROM {table}"));
    usize::try_from(rows).expect("a count")
}

#[track_caller]
fn number(text: &str) -> i64 {
    text.parse().expect("a number")
}

const WRITERS: usize = 64;
