//! Who was erased is gone from the files, the tables and the log of a server that runs on, and the receipt that they kept
//! still holds.

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use access::jwt;
use kernel::{Chance as _, Clock as _, SystemChance, SystemClock};
use ledger::{
    leaf::Leaf,
    receipt::{Purpose, Receipt},
};
use serde_json::{Value, json};

use crate::{
    database::Database,
    http::Client,
    place::{Account, Engine, Place, bare, failed, soaking, succeeded},
    running::{LONGEST, Server, until},
};

/// Each folded, of every kind of value one that is nobody else's.
const NEEDLES: [&str; 6] = [
    "zuzana.u@person.example",
    "zuzunmistakable",
    "þorunnmistakable",
    "777123987",
    "unverkennbar",
    "203.0.113.77",
];

on_each_engine! {
    fn nothing_of_an_erased_customer_is_left_in_the_files_or_the_log(place: Place) {
        let account = shop(place);
        let server = place.serve();
        let mut client = server.client(&account);
        let id = zuzana(&mut client, &account, server.port);
        // So many others that pages are split and merged around this one.
        others(&mut client, 0..40);
        client.put(&format!("/v2/customers/{id}"), &json!({"notes": "Unverkennbar".repeat(700)})).expect("an answer");
        others(&mut client, 40..60);
        let [kept, second] = [1, 2].map(|sequence| receipt(&mut client, id, sequence));
        let export = place.run(&["consent", "export", "--store", "acme"]);
        assert_eq!(found(place), NEEDLES, "or nothing would be proved");

        let erased = client.post(&format!("/custodia/customers/{id}/erasure"), &json!({}));
        assert_eq!(erased.expect("an answer").status, 204);
        // At once, and with the server running.
        assert_eq!(found(place), [""; 0]);
        assert_eq!(among(&server.log()), [""; 0]);
        let after = place.run(&["consent", "export", "--store", "acme"]);
        let leaves = |export: &str| export.lines().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(leaves(&after), leaves(&export), "the leaves stay");
        assert_eq!(among(&after), [""; 0]);
        place.run(&["consent", "verify", "--store", "acme"]);

        let key = place.run(&["consent", "keys"]);
        let verify = |receipt: &Value| {
            fs::write(place.path("receipt.json"), receipt.to_string()).expect("a file");
            let mut command = bare(&place.path(""));
            command.args(["consent", "verify", "receipt.json", "--key", key.trim()]);
            command
        };
        for kept in [&kept, &second] {
            let told = succeeded(&mut verify(kept));
            assert!(told.starts_with("The receipt holds."), "{told}");
        }
        let reason = failed(&mut verify(&with_the_salt_of(&kept, &second)));
        assert!(reason.contains("the commitment does not open to this person"), "{reason}");
        for sequence in 1..=2 {
            let path = format!("/custodia/customers/{id}/consent/{sequence}/receipt");
            assert_eq!(client.get(&path).expect("an answer").status, 404, "there is no other");
        }
        assert_eq!(among(&server.stop()), [""; 0]);
        assert_eq!(found(place), [""; 0]);
    }

    fn an_operator_erases_a_customer_while_a_server_runs(place: Place) {
        let account = shop(place);
        let server = place.serve();
        let mut client = server.client(&account);
        let id = zuzana(&mut client, &account, server.port);
        others(&mut client, 0..20);
        assert_eq!(found(place), NEEDLES, "or nothing would be proved");
        let erase = |store: &str, id: i64| place.custodia(&["customer", "erase", "--store", store, &id.to_string()]);

        let reason = failed(&mut erase("nobody", id));
        assert!(reason.contains("there is no store nobody"), "{reason}");
        let reason = failed(&mut erase("acme", 99_999));
        assert!(reason.contains("there is no customer 99999"), "{reason}");
        assert_eq!(found(place), NEEDLES);

        assert_eq!(succeeded(&mut erase("acme", id)), format!("erased customer {id} of store acme\n"));
        assert_eq!(client.get(&format!("/v2/customers/{id}")).expect("an answer").status, 404);
        assert_eq!(found(place), [""; 0]);
        let database = place.database();
        assert_eq!(database.number("SELECT COUNT(*) FROM consent_declaration"), 0);
        let line = "SELECT account_id, subject FROM audit WHERE action = 'customer.erased'";
        assert_eq!(database.rows(line), [["0".to_owned(), id.to_string()]]);
        let reason = failed(&mut erase("acme", id));
        assert!(reason.contains(&format!("there is no customer {id}")), "{reason}");
        place.run(&["consent", "verify", "--store", "acme"]);
        assert_eq!(among(&server.stop()), [""; 0]);
        // And without a server.
        let id = place.database().number("SELECT MIN(customer_id) FROM customer");
        succeeded(&mut erase("acme", id));
    }

    fn a_kill_in_the_middle_leaves_each_customer_whole_or_gone_whole(place: Place) {
        let account = shop(place);
        let mut gone = 0;
        for round in 0..if soaking() { 50 } else { 8 } {
            let server = place.serve_only();
            let ids = settle(&mut server.client(&account), round);
            let acknowledged = erase_until_killed(server, &account, &ids);
            let server = place.serve_only();
            let database = place.database();
            // What was under way when the server died may end meanwhile; all that follows sees one instant.
            database.run(match place.engine {
                Engine::Sqlite => "BEGIN",
                Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            });
            for (at, id) in ids.iter().enumerate() {
                let is_there = whole_or_gone(&database, round, at, *id);
                assert!(!(is_there && at < acknowledged), "customer {id} was erased");
                gone += usize::from(!is_there);
            }
            database.run("COMMIT");
            // Whatever was declared becomes a leaf, and those of who is gone go.
            until(LONGEST, || database.number("SELECT COUNT(*) FROM consent_declaration WHERE detached") == 0);
            until(LONGEST, || database.number("SELECT COUNT(*) FROM consent_declaration WHERE leaf IS NULL") == 0);
            server.stop();
            place.run(&["consent", "verify", "--store", "acme"]);
            let leaves = database.number("SELECT COUNT(*) FROM ledger_leaf");
            assert_eq!(leaves, i64::from(round + 1) * i64::try_from(3 * CROWD).expect("few"), "none twice, none lost");
        }
        assert!(gone > 0);
        println!("{:?}: {gone} were erased", place.engine);
    }
}

#[test]
fn a_server_that_starts_removes_what_was_deleted_before_it_was_killed() {
    let place = Place::new(Engine::Sqlite);
    let account = place.store("acme");
    let server = place.serve();
    let mut client = server.client(&account);
    let row = json!([{"email": "zuzana.u@person.example", "first_name": "A", "last_name": "B"}]);
    let made = client.post("/v3/customers", &row).expect("an answer").json();
    let path = format!("/v3/customers?id:in={}", made["data"][0]["id"]);
    assert_eq!(client.ask("DELETE", &path, "").expect("an answer").status, 204);
    assert_eq!(found(&place), [NEEDLES[0]], "it is no erasure, and nobody has looked at the log");
    server.kill();
    let server = place.serve();
    until(LONGEST, || found(&place).is_empty());
    server.stop();
}

#[test]
fn a_reader_in_the_way_delays_an_erasures_answer_a_little_and_the_files_until_it_ends() {
    let place = Place::new(Engine::Sqlite);
    let account = shop(&place);
    let server = place.serve();
    let mut client = server.client(&account);
    let id = zuzana(&mut client, &account, server.port);
    let reader = place.database();
    reader.run("BEGIN");
    assert_eq!(reader.number("SELECT COUNT(*) FROM customer"), 1);
    let since = Instant::now();
    let erased = client.post(&format!("/custodia/customers/{id}/erasure"), &json!({}));
    assert_eq!(erased.expect("an answer").status, 204);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    assert_eq!(found(&place), NEEDLES, "the reader could still read it");
    assert_eq!(reader.number("SELECT COUNT(*) FROM customer"), 1);
    assert_eq!(client.get("/v2/customers/count").expect("an answer").json()["count"], 0);
    // The command line has no better luck, and says so.
    others(&mut client, 0..1);
    let other = client.get("/v2/customers").expect("an answer").json()[0]["id"].to_string();
    let told = place.run(&["customer", "erase", "--store", "acme", &other]);
    assert!(told.contains("The log beside it still has older pages"), "{told}");
    reader.run("COMMIT");
    let took = until(Duration::from_secs(45), || found(&place).is_empty());
    println!("gone {took:?} after the reader's end");
    server.stop();
}

on_each_engine! {
    /// Beside a server that reads and writes.
    fn a_vacuum_loses_nothing_and_leaves_nothing_of_what_was_deleted(place: Place) {
        let account = shop(place);
        let server = place.serve();
        let mut client = server.client(&account);
        let id = zuzana(&mut client, &account, server.port);
        others(&mut client, 0..60);
        assert_eq!(client.ask("DELETE", &format!("/v2/customers/{id}"), "").expect("an answer").status, 204);
        assert_eq!(client.ask("DELETE", "/v3/customers/subscribers", "").expect("an answer").status, 204);
        let database = place.database();
        let rows = || [database.rows("SELECT * FROM customer ORDER BY customer_id"), database.rows("SELECT * FROM audit ORDER BY audit_id")];
        let before = rows();
        let told = thread::scope(|scope| {
            scope.spawn(|| others(&mut server.client(&account), 60..70));
            place.run(&["vacuum"])
        });
        if place.engine == Engine::Sqlite {
            assert_eq!(told, "The file was written anew.\n");
            assert_eq!(database.rows("PRAGMA integrity_check"), [["ok"]]);
        }
        assert_eq!(found(place), [""; 0]);
        for (before, after) in before.iter().zip(rows()) {
            assert_eq!(before[..], after[..before.len()]);
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM customer"), 700);
        server.stop();
        if place.engine == Engine::Sqlite {
            // A server that takes events out of its outbox frees pages again.
            place.run(&["vacuum"]);
            assert_eq!(database.rows("PRAGMA freelist_count"), [["0"]]);
        }
    }
}

/// A store with a storefront, and an account that may do everything there.
fn shop(place: &Place) -> Account {
    place.run(&["store", "create", "acme"]);
    place.run(&["store", "domain", "add", "acme", "shop.example"]);
    let scopes = "store_v2_customers,store_stored_payment_instruments";
    let printed = place.run(&["account", "create", "--store", "acme", "--scope", scopes, "--json"]);
    Account::read("acme", &printed)
}

/// A customer who has something of everything, with unmistakable values, and has declared twice; her number.
fn zuzana(client: &mut Client, account: &Account, port: u16) -> i64 {
    let fields = json!([{"name": "pet", "type": "text"}, {"name": "door", "type": "text", "for": "address"}]);
    assert_eq!(client.put("/custodia/form-fields", &fields).expect("an answer").status, 200);
    let address = json!({"first_name": "Zuzunmistakable", "last_name": "Þorunnmistakable", "address1": "Unverkennbar 7",
        "city": "Unverkennbar", "postal_code": "777123987", "country_code": "DE", "phone": "777123987",
        "form_fields": [{"name": "door", "value": "Unverkennbar"}]});
    let row = json!([{"email": "Zuzana.U@person.example", "first_name": "Zuzunmistakable",
        "last_name": "Þorunnmistakable", "phone": "777123987", "notes": "Unverkennbar".repeat(500),
        "form_fields": [{"name": "pet", "value": "Unverkennbar"}], "addresses": [address]}]);
    let made = client.post("/v3/customers", &row).expect("an answer").json();
    let id = made["data"][0]["id"].as_i64().expect("an id");
    let metafield = json!({"namespace": "Unverkennbar", "key": "zuzana.u@person.example", "value": "777123987",
        "description": "Unverkennbar", "permission_set": "write"});
    let paypal = json!({"type": "stored_paypal_account", "is_default": true, "email": "zuzana.u@person.example"});
    for (method, path, body) in [
        (
            "PUT",
            format!("/v2/customers/{id}"),
            json!({"registration_ip_address": "203.0.113.77", "company": "Unverkennbar"}),
        ),
        (
            "POST",
            "/v3/customers/subscribers".to_owned(),
            json!({"email": "zuzana.u@person.example", "first_name": "Zuzunmistakable", "last_name": "Þorunnmistakable"}),
        ),
        (
            "POST",
            "/v3/wishlists".to_owned(),
            json!({"customer_id": id, "name": "Unverkennbar", "items": [{"product_id": 1}]}),
        ),
        (
            "POST",
            "/v3/customers/attributes".to_owned(),
            json!([{"name": "shoe", "type": "string"}]),
        ),
        (
            "PUT",
            "/v3/customers/attribute-values".to_owned(),
            json!([{"customer_id": id, "attribute_id": 1, "value": "Unverkennbar"}]),
        ),
        ("POST", format!("/v3/customers/{id}/metafields"), metafield),
        ("PUT", format!("/custodia/customers/{id}/stored-instruments/777123987"), paypal),
        (
            "POST",
            "/v3/customers/validate-credentials".to_owned(),
            json!({"email": "zuzana.u@person.example", "password": "wrong"}),
        ),
        (
            "PUT",
            format!("/v3/customers/{id}/consent"),
            json!({"allow": ["essential"], "deny": ["targeting"]}),
        ),
        (
            "PUT",
            format!("/v3/customers/{id}/consent"),
            json!({"allow": ["essential"], "deny": ["targeting"]}),
        ),
        // What is refused says it to the log in no other way.
        ("POST", "/v3/customers".to_owned(), row.clone()),
        (
            "GET",
            "/v3/customers?email:in=zuzana.u@person.example&name:in=Zuzunmistakable".to_owned(),
            Value::Null,
        ),
        ("GET", "/v3/customers?zuzana.u%40person.example=777123987".to_owned(), Value::Null),
        ("PUT", format!("/v2/customers/{id}"), json!({"email": "Unverkennbar 203.0.113.77"})),
    ] {
        let answer = client.ask(method, &path, &body.to_string()).expect("an answer");
        assert!(
            matches!(answer.status, 200 | 201 | 400 | 422),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let claims = json!({"iss": account.client_id, "iat": SystemClock.now().seconds(), "jti": "Unverkennbar",
        "operation": "customer_login", "store_hash": "acme", "customer_id": id});
    let token = jwt::sign(&claims, &account.client_secret).expect("a token");
    let mut browser = Client::connect(port, account).expect("it accepts");
    let request = format!("GET /login/token/{token} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    browser.write(request.as_bytes()).expect("sent");
    assert_eq!(browser.answer().expect("an answer").status, 302);
    id
}

/// Ten other customers for each of these numbers.
fn others(client: &mut Client, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let row = |m| {
            json!({"email": format!("c{n}-{m}@example.com"), "first_name": "An", "last_name": "Other",
                "notes": "x".repeat(300)})
        };
        let rows: Vec<Value> = (0..10).map(row).collect();
        assert_eq!(client.post("/v3/customers", &rows.into()).expect("an answer").status, 200);
    }
}

/// What the person keeps of one declaration, as the server gave it to them.
fn receipt(client: &mut Client, id: i64, sequence: i64) -> Value {
    let path = format!("/custodia/customers/{id}/consent/{sequence}/receipt");
    let answer = client.get(&path).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// What somebody would try who has one receipt and wants to open another leaf, which the ledger shows to everybody.
fn with_the_salt_of(kept: &Value, other: &Value) -> Value {
    let mut forged = other.clone();
    forged["evidence"]["salt"] = kept["evidence"]["salt"].clone();
    let leaf: Leaf = serde_json::from_value(other["evidence"]["leaf"].clone()).expect("a leaf");
    forged["purposes"] = serde_json::to_value(Purpose::of(&leaf)).expect("JSON");
    assert!(serde_json::from_value::<Receipt>(forged.clone()).is_ok(), "it has a receipt's form");
    forged
}

/// The needles that are left: in every byte of the files, or in every row that a dump would have.
fn found(place: &Place) -> Vec<&'static str> {
    match place.engine {
        Engine::Sqlite => {
            // By another process: to close a file gives up the locks that this one has on it, as a reader here may.
            let mut cat = Command::new("cat");
            cat.args(
                ["custodia.db", "custodia.db-wal", "custodia.db-shm"].map(|name| place.path(name)),
            );
            let bytes = cat.stderr(Stdio::null()).output().expect("it starts").stdout;
            assert!(bytes.len() > 100_000, "{}", bytes.len());
            among(&String::from_utf8_lossy(&bytes))
        }
        Engine::Postgres => {
            let database = place.database();
            let tables = database.rows(
                "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'",
            );
            assert!(tables.len() > 20, "{tables:?}");
            let rows = tables.iter().flat_map(|table| {
                let table = &table[0];
                database.rows(&format!("SELECT t::text FROM {table} t")).into_iter().flatten()
            });
            among(&rows.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The needles in a text: in any case, and in every form that something here writes texts in.
fn among(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let is_in = |needle: &&str| {
        let (mut percent, mut json, mut hex) = (String::new(), String::new(), String::new());
        for byte in needle.bytes() {
            let _ = write!(hex, "{byte:02x}");
            if byte.is_ascii_alphanumeric() || byte == b'.' {
                percent.push(char::from(byte));
            } else {
                let _ = write!(percent, "%{byte:02x}");
            }
        }
        for c in needle.chars() {
            if c.is_ascii() {
                json.push(c);
            } else {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
        }
        let wide: String = needle.chars().flat_map(|c| [c, '\0']).collect();
        [(*needle).to_owned(), percent, json, hex, wide].iter().any(|form| text.contains(form))
    };
    NEEDLES.into_iter().filter(is_in).collect()
}

/// So many customers, each a subscriber as well, with an address and three declarations.
fn settle(client: &mut Client, round: u32) -> Vec<i64> {
    let make = |at| {
        let email = format!("r{round}-{at}@person.example");
        let address = json!({"first_name": "A", "last_name": "B", "address1": "Weg 7", "city": "Ulm",
            "postal_code": "89073", "country_code": "DE"});
        let row =
            json!([{"email": email, "first_name": "A", "last_name": "B", "addresses": [address]}]);
        let made = client.post("/v3/customers", &row).expect("an answer").json();
        let id = made["data"][0]["id"].as_i64().expect("an id");
        let subscriber = client.post("/v3/customers/subscribers", &json!({"email": email}));
        assert_eq!(subscriber.expect("an answer").status, 200);
        for _ in 0..3 {
            let body = json!({"allow": [], "deny": ["targeting"]});
            let declared = client.put(&format!("/v3/customers/{id}/consent"), &body);
            assert_eq!(declared.expect("an answer").status, 200);
        }
        id
    };
    (0..CROWD).map(make).collect()
}

/// Erase one after another until the server is killed; how many were acknowledged.
fn erase_until_killed(server: Server, account: &Account, ids: &[i64]) -> usize {
    let done = AtomicUsize::new(0);
    let mut client = server.client(account);
    thread::scope(|scope| {
        scope.spawn(|| {
            for id in ids {
                let erased = client.post(&format!("/custodia/customers/{id}/erasure"), &json!({}));
                let Ok(answer) = erased else { return };
                assert_eq!(answer.status, 204, "{}", answer.text());
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        let until_then = SystemChance.number() as usize % (CROWD - 1);
        until(LONGEST, || done.load(Ordering::SeqCst) >= until_then);
        thread::sleep(Duration::from_micros(u64::from(SystemChance.number() % 20_000)));
        server.kill();
    });
    done.into_inner()
}

/// Whether a customer of a crowd is there with all that is theirs, or nothing of it; the declarations that the ledger
/// has not yet may still be there, but nobody's.
fn whole_or_gone(database: &Database, round: u32, at: usize, id: i64) -> bool {
    let count = |table: &str, of: &str| {
        database.number(&format!("SELECT COUNT(*) FROM {table} WHERE {of}"))
    };
    let of_customer = format!("customer_id = {id}");
    let declared = count("consent_declaration", &format!("{of_customer} AND NOT detached"));
    assert!(
        [0, 3].contains(&declared),
        "customer {id} of round {round} has {declared} declarations"
    );
    let parts = [
        count("customer", &of_customer),
        count("customer_address", &of_customer),
        count("subscriber", &format!("email_key = 'r{round}-{at}@person.example'")),
        declared / 3,
        1 - count("audit", &format!("action = 'customer.erased' AND subject = {id}")),
        1 - count("outbox", &format!("scope = 'store/customer/deleted' AND subject = {id}")),
    ];
    assert!(parts == [1; 6] || parts == [0; 6], "customer {id} of round {round}: {parts:?}");
    parts == [1; 6]
}

/// How many customers each round has.
const CROWD: usize = 12;
