//! One line a request, and nothing in it of what people said or who they are.

use std::time::Duration;

use serde_json::Value;

use crate::{
    place::{Account, Engine, Place},
    running::{LONGEST, Server, until},
};

on_each_engine! {
    fn each_request_is_one_line_without_anything_personal_or_secret(place: Place) {
        let account = place.store("acme");
        let server = Server::start(place, &["--log", "debug"]);
        let told = talk(&server, &account);
        let log = server.stop();
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {line}")))
            .collect();
        for (request, method, route, status) in &told {
            let of_it: Vec<_> = lines.iter().filter(|line| line["request_id"] == **request).collect();
            assert_eq!(of_it.len(), 1, "{route}: {of_it:?}");
            let line = of_it[0];
            assert_eq!(line["route"], *route);
            assert_eq!(line["method"], *method);
            assert_eq!(line["status"], *status);
            assert!(line["micros"].as_u64().is_some_and(|micros| micros > 0), "{line}");
            assert!(line["timestamp"].is_string(), "{line}");
        }
        let answered = lines.iter().filter(|line| line["request_id"].is_string()).count();
        assert_eq!(answered, told.len(), "a line for each request and for nothing else");

        let server_password = place.address.rsplit_once('@').map(|(user, _)| user.to_owned());
        let secrets = [&account.token, &account.client_secret, "geheim", "GEHEIM", "%67eheim", "Z2VoZWlt"];
        for secret in secrets.into_iter().chain(server_password.as_deref()) {
            assert!(!log.contains(secret), "{secret} in the log");
        }
    }

    fn a_request_whose_caller_went_away_is_one_line_and_nothing_of_it_is_kept(place: Place) {
        let account = place.store("acme");
        let server = Server::start(place, &["--log", "debug"]);
        let database = place.database();
        // The request waits for this, and its caller does not.
        database.run(match place.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN; LOCK TABLE counter",
        });
        let mut client = server.client(&account);
        let row = r#"[{"email": "geheim@example.com", "first_name": "Geheim", "last_name": "geheim"}]"#;
        let head = client.head("POST", "/v3/customers", row.len());
        client.write(format!("{head}{row}").as_bytes()).expect("it is taken");
        std::thread::sleep(Duration::from_millis(300));
        assert!(!server.log().contains("request_id"), "it is not answered: {}", server.log());
        drop(client);
        until(LONGEST, || server.log().contains("abandoned"));
        database.run("ROLLBACK");
        let answered = server.client(&account).get("/v3/customers").expect("an answer");
        assert_eq!(answered.json()["data"], serde_json::json!([]));
        let log = server.stop();
        let line = |line| serde_json::from_str::<Value>(line).expect("JSON");
        let lines: Vec<Value> = log.lines().map(line).filter(|it| it["request_id"].is_string()).collect();
        let [abandoned, other] = lines.as_slice() else { panic!("a line each: {log}") };
        assert_eq!(other["request_id"], answered.request_id());
        assert_eq!((&abandoned["message"], &abandoned["level"]), (&"abandoned".into(), &"INFO".into()));
        assert_eq!(abandoned["route"], "/stores/{store_hash}/v3/customers");
        assert_eq!(abandoned["method"], "POST");
        assert_eq!(abandoned["status"], Value::Null, "there was none");
        assert!(abandoned["request_id"].as_str().is_some_and(|id| id.len() == 32), "{abandoned}");
        assert!(abandoned["micros"].as_u64().is_some_and(|micros| micros > 100_000), "{abandoned}");
        for secret in ["geheim", "Geheim", &account.token] {
            assert!(!log.contains(secret), "{secret} in the log");
        }
    }
}

/// Requests that carry `geheim` wherever a request can carry anything; each with what its line must say.
fn talk(server: &Server, account: &Account) -> Vec<(String, &'static str, &'static str, u16)> {
    const CUSTOMERS: &str = "/stores/{store_hash}/v3/customers";
    const HOOKS: &str = "/stores/{store_hash}/v3/hooks";
    const V2_CUSTOMER: &str = "/stores/{store_hash}/v2/customers/{customer_id}";
    let row =
        r#"{"email": "geheim@example.com", "first_name": "Geheim geheim", "last_name": "geheim"}"#;
    let with_password = r#"[{"email": "other@geheim.example", "first_name": "geheim", "last_name": "x",
        "authentication": {"force_password_reset": false, "new_password": "geheim123456A"}}]"#;
    let twice = format!("[{row}]");
    let asked: &[(&'static str, &str, &str, &'static str, u16)] = &[
        ("POST", "/v3/customers", &twice, CUSTOMERS, 200),
        ("POST", "/v3/customers", &twice, CUSTOMERS, 422),
        ("POST", "/v3/customers", with_password, CUSTOMERS, 200),
        ("POST", "/v3/customers", r#"[{"email": "geheim"#, CUSTOMERS, 422),
        ("POST", "/v3/customers", r#"[{"email": "geheim"}]"#, CUSTOMERS, 422),
        ("GET", "/v3/customers?email:in=geheim@example.com", "", CUSTOMERS, 200),
        ("GET", "/v3/customers?geheim=1", "", CUSTOMERS, 422),
        ("GET", "/v3/customers?name:like=%67eheim", "", CUSTOMERS, 200),
        (
            "GET",
            "/v2/customers?email=geheim@example.com",
            "",
            "/stores/{store_hash}/v2/customers",
            200,
        ),
        ("GET", "/v2/customers/geheim", "", V2_CUSTOMER, 0),
        ("GET", "/v2/geheim@example.com/geheim", "", "(none)", 404),
        (
            "PUT",
            "/v3/customers/1/consent",
            r#"{"allow": ["geheim"], "deny": []}"#,
            "/stores/{store_hash}/v3/customers/{customer_id}/consent",
            422,
        ),
        (
            "POST",
            "/v3/hooks",
            r#"{"scope": "store/customer/*", "destination": "https://geheim.example/geheim",
                "headers": {"X-Geheim": "geheim"}}"#,
            HOOKS,
            200,
        ),
        (
            "POST",
            "/v3/hooks",
            r#"{"scope": "geheim", "destination": "https://geheim:geheim@geheim.example", "headers": {"Host": "geheim"}}"#,
            HOOKS,
            422,
        ),
        ("GET", "/v3/hooks?destination=https://geheim.example/geheim", "", HOOKS, 200),
        (
            "PUT",
            "/v3/hooks/admin",
            r#"{"emails": ["geheim@example.com"]}"#,
            "/stores/{store_hash}/v3/hooks/admin",
            204,
        ),
    ];
    let mut told = Vec::new();
    for (method, path, body, route, expected) in asked {
        let answer = server.client(account).ask(method, path, body).expect("an answer");
        if *expected != 0 {
            assert_eq!(answer.status, *expected, "{method} {path}: {}", answer.text());
        }
        told.push((answer.request_id(), *method, *route, answer.status));
    }
    // Tokens that are refused are no less secret.
    for (store, token, status) in [("acme", "geheim", 401), ("geheim", account.token.as_str(), 403)]
    {
        let stranger =
            Account { store: store.to_owned(), token: token.to_owned(), ..account.clone() };
        let answer = server.client(&stranger).get("/v3/customers").expect("an answer");
        assert_eq!(answer.status, status);
        told.push((answer.request_id(), "GET", CUSTOMERS, status));
    }
    told
}
