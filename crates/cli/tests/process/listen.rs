//! `custodia hooks listen`

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    place::{Account, Engine, Place, failed},
    running::{LONGEST, Server, signal, until},
};

on_each_engine! {
    fn events_and_deliveries_are_printed_live_and_each_once(place: Place) {
        let account = place.store("acme");
        place.store("zenith");
        let server = Server::start(place, &["--webhook-allow", "127.0.0.0/8"]);
        let [told, elsewhere] = ["acme", "zenith"].map(|store| listener(place, store, &["--json"]));
        let read = listener(place, "acme", &[]);
        let mut client = server.client(&account);
        // Nothing listens there: the outcome is a fault.
        let hook = json!({"scope": "store/customer/created", "destination": "http://127.0.0.1:9/hook", "is_active": true});
        let made = client.post("/v3/hooks", &hook).expect("an answer");
        assert_eq!(made.status, 200, "{}", made.text());
        let id = make_customer(&server, &account);
        let changed = client.put("/v3/customers", &json!([{"id": id, "first_name": "Ada"}])).expect("an answer");
        assert_eq!(changed.status, 200, "{}", changed.text());
        until(LONGEST, || told.output().lines().count() >= 4 && read.output().lines().count() >= 4);
        server.stop();
        // A moment, in which nothing is printed again.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let mut lines: Vec<Value> = told.output().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        lines.retain(|line| line["scope"] != "store/hook/deliveryException");
        let outcome = lines.remove(lines.iter().position(|line| line["hook"] == json!(1)).expect("an outcome"));
        let data = json!({"type": "customer", "id": id});
        assert_eq!((&lines[0]["scope"], &lines[0]["data"]), (&json!("store/customer/created"), &data));
        assert_eq!((&lines[1]["scope"], &lines[1]["data"]), (&json!("store/customer/updated"), &data), "which no webhook wants");
        assert_eq!(outcome["event"], lines[0]["event"]);
        assert_eq!((&outcome["attempt"], &outcome["status"], &outcome["fault"]), (&json!(1), &Value::Null, &json!("connection")));
        assert_eq!(outcome["destination"], json!("http://127.0.0.1:9/hook"));
        let text = read.output();
        assert!(text.contains(&format!("  store/customer/updated  {{\"type\":\"customer\",\"id\":{id}}}\n")), "{text}");
        assert!(text.contains("  -> http://127.0.0.1:9/hook  connection  "), "{text}");
        assert_eq!(elsewhere.output(), "", "of another store nothing");
        for mut listener in [told, read, elsewhere] {
            signal("INT", listener.pid());
            let status = listener.wait(LONGEST);
            assert!(status.success(), "{status}: {}", listener.log());
        }
        let left = "SELECT (SELECT count(*) FROM listener) + (SELECT count(*) FROM heard)";
        assert_eq!(place.database().number(left), 0);
    }
}

#[test]
fn who_reads_no_more_ends_it_and_an_unknown_store_is_named() {
    let place = Place::new(Engine::Sqlite);
    let account = place.store("acme");
    let words = failed(&mut place.custodia(&["hooks", "listen", "--store", "nowhere"]));
    assert!(words.contains("nowhere"), "{words}");
    let server = Server::start(&place, &[]);
    let mut command: Command = place.custodia(&["hooks", "listen", "--store", "acme"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("it starts");
    until(LONGEST, || place.database().number("SELECT count(*) FROM listener") == 1);
    drop(child.stdout.take());
    make_customer(&server, &account);
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{status}");
    assert_eq!(place.database().number("SELECT count(*) FROM listener"), 0);
}

/// `custodia hooks listen`, once it does.
fn listener(place: &Place, store: &str, options: &[&str]) -> Server {
    let mut command = place.custodia(&["hooks", "listen", "--store", store]);
    command.args(options);
    let name = format!("listen-{store}{}", options.len());
    let listener = Server::spawn(command, 0, &place.path(&name));
    until(LONGEST, || listener.log().contains("Listening"));
    listener
}

fn make_customer(server: &Server, account: &Account) -> i64 {
    let person = json!([{"email": "ada@example.com", "first_name": "A", "last_name": "B"}]);
    let answer = server.client(account).post("/v3/customers", &person).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"][0]["id"].as_i64().expect("an id")
}
