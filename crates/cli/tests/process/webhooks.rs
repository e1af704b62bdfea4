//! Webhooks, with workers that are killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, sleep},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    place::{Account, Engine, Place, failed},
    running::{LONGEST, Server, free_port, until},
};

on_each_engine! {
    fn no_event_is_lost_when_workers_are_killed_and_only_what_they_had_is_sent_twice(place: Place) {
        let account = place.store("acme");
        let receiver = Receiver::listen(Duration::from_millis(60));
        subscribe(place, &account, &receiver.url());
        // The first kill takes a server that delivers.
        let server = Server::start(place, &ALLOW);
        make_customers(&server, &account, 0..25);
        until(LONGEST, || receiver.heard().len() >= 40);
        server.kill();
        let known = receiver.heard().len();
        // The second one a worker of its own, beside a server that does not deliver.
        let server = Server::start(place, &["--no-deliver"]);
        make_customers(&server, &account, 25..50);
        let worker = deliverer(place);
        until(LONGEST, || receiver.heard().len() >= known + 40);
        worker.kill();
        let workers = [deliverer(place), deliverer(place)];
        let database = place.database();
        let waiting = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery)";
        // Longer than a lease of those that were killed.
        let took = until(Duration::from_mins(1), || database.number(waiting) == 0);
        for worker in workers {
            worker.stop();
        }
        server.stop();
        let customers: BTreeSet<i64> = database.numbers("SELECT customer_id FROM customer").into_iter().collect();
        assert_eq!(customers.len(), 500);
        let mut times: BTreeMap<String, (i64, u32)> = BTreeMap::new();
        for body in receiver.heard().iter() {
            let hash = body["hash"].as_str().expect("a hash").to_owned();
            times.entry(hash).or_insert((body["data"]["id"].as_i64().expect("an id"), 0)).1 += 1;
        }
        let told: BTreeSet<i64> = times.values().map(|(customer, _)| *customer).collect();
        assert_eq!(told, customers, "nobody is missing");
        assert_eq!(times.len(), 500, "each under one name");
        let twice = times.values().filter(|(_, count)| *count > 1).count();
        println!("{:?}: all had arrived {took:?} after the second kill, {twice} of 500 twice", place.engine);
        assert!(times.values().all(|(_, count)| *count <= 2) && twice <= 32, "{twice}");
    }
}

#[test]
fn a_trial_is_refused_where_nothing_is_allowed() {
    let place = Place::new(Engine::Sqlite);
    for options in [["--ladder", "1s,2s"], ["--block", "off"]] {
        let words = failed(place.custodia(&["deliver"]).args(options));
        assert!(words.contains("--webhook-allow"), "{words}");
    }
    let words =
        failed(&mut place.custodia(&["deliver", "--ladder", "1d", "--webhook-allow", "::1"]));
    assert!(words.contains("1d"), "{words}");
}

#[test]
fn a_worker_alone_ends_when_it_is_told_to() {
    let place = Place::new(Engine::Sqlite);
    place.store("acme");
    let worker = deliverer(&place);
    let log = worker.stop();
    assert!(log.contains("stopped"), "{log}");
}

/// `custodia deliver`, once it does.
fn deliverer(place: &Place) -> Server {
    let mut command: Command = place.custodia(&["deliver"]);
    command.args(ALLOW);
    let port = free_port();
    let worker = Server::spawn(command, port, &place.path(&format!("deliver-{port}")));
    until(LONGEST, || worker.log().contains("delivering"));
    worker
}

const ALLOW: [&str; 2] = ["--webhook-allow", "127.0.0.0/8"];

fn subscribe(place: &Place, account: &Account, destination: &str) {
    place.database().run(&format!(
        "INSERT INTO hook (store_id, hook_id, account_id, scope, destination, domain, headers, is_active,
             events_history_enabled, created_at, updated_at, delivered_at)
         SELECT store_id, 1, account_id, 'store/customer/created', '{destination}', '127.0.0.1', NULL, TRUE, FALSE,
             created_at, created_at, created_at
         FROM account WHERE client_id = '{}'",
        account.client_id
    ));
}

/// Ten for each of these.
fn make_customers(server: &Server, account: &Account, tens: std::ops::Range<i64>) {
    let mut client = server.client(account);
    for ten in tens {
        let person = |n: i64| json!({"email": format!("c{ten}-{n}@example.com"), "first_name": "A", "last_name": "B"});
        let rows: Vec<Value> = (0..10).map(person).collect();
        let answer = client.post("/v3/customers", &Value::from(rows)).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// Takes whatever it is told, in its time.
struct Receiver {
    port: u16,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn listen(patience: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, heard) = (stream.expect("a connection"), Arc::clone(&shared));
                thread::spawn(move || take(stream, patience, &heard));
            }
        });
        Self { port, heard }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    fn heard(&self) -> MutexGuard<'_, Vec<Value>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request; what it says counts as heard when the answer goes out.
fn take(mut stream: TcpStream, patience: Duration, heard: &Mutex<Vec<Value>>) -> Option<()> {
    let mut bytes = Vec::new();
    let body = loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str::<Value>(body)
        {
            break body;
        }
    };
    sleep(patience);
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(body);
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()
}
