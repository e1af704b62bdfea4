//! The commands, beside a server that runs.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    http::{Client, probe},
    place::{Account, Engine, Place, bare, failed, of_database, succeeded},
    running::{LONGEST, Server, free_port, until},
};

on_each_engine! {
    fn two_servers_start_on_an_empty_database_at_once(place: Place) {
        let mut servers = [Server::begin(place, &[]), Server::begin(place, &[])];
        for server in &mut servers {
            server.wait_until_it_answers();
            assert!(server.is_ready());
        }
        // What one acknowledges the other shows.
        let account = place.store("acme");
        let [mut one, mut other] = servers.each_ref().map(|server| server.client(&account));
        let id = make_customer(&mut one);
        assert_eq!(other.get(&format!("/v2/customers/{id}")).expect("an answer").status, 200);
        for server in servers {
            server.stop();
        }
    }

    fn four_processes_migrate_an_empty_database_at_once(place: Place) {
        let begun = [(); 4].map(|()| {
            place.custodia(&["migrate"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
        });
        let mut applied = String::new();
        for child in begun {
            let output = child.expect("it starts").wait_with_output().expect("it ends");
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{words}");
            applied.push_str(&String::from_utf8_lossy(&output.stdout));
        }
        assert_eq!(applied.matches("applied 0001_init").count(), 1, "{applied}");
        assert_eq!(place.run(&["migrate"]), "The database is up to date.\n");
    }

    /// A change behind the server's back is seen at once when nothing is kept, and soon when something is.
    fn whoever_keeps_no_answers_shows_none_that_another_process_made_old(place: Place) {
        let account = place.store("acme");
        let none = Server::start(place, &["--cache-bytes", "0"]);
        let some = Server::start(place, &["--cache-bytes", "65536"]);
        let id = make_customer(&mut none.client(&account));
        let path = format!("/v2/customers/{id}");
        let notes = |client: &mut Client| client.get(&path).expect("an answer").json()["notes"].clone();
        let rows = place.database();
        let mut clients = [&none, &some].map(|server| server.client(&account));
        let mut late = 0;
        for said in 1..=8 {
            let said = said.to_string();
            for client in &mut clients {
                (0..3).for_each(|_| drop(notes(client)));
            }
            rows.run(&format!("UPDATE customer SET notes = '{said}' WHERE customer_id = {id}"));
            late += usize::from(notes(&mut clients[1]) != *said);
            assert_eq!(notes(&mut clients[0]), *said);
            until(LONGEST, || notes(&mut clients[1]) == *said);
        }
        let is_kept = place.engine == Engine::Sqlite;
        assert_eq!(late > 0, is_kept, "{late} of 8 were late: is anything kept?");
    }

    fn an_accounts_secret_is_replaced_beside_a_server_and_is_in_no_log(place: Place) {
        let account = place.store("acme");
        let server = Server::start(place, &[]);
        let rotate = |options: &[&str]| {
            let mut arguments = vec!["account", "rotate", account.client_id.as_str()];
            arguments.extend(options);
            place.run(&arguments)
        };
        let printed: Value = serde_json::from_str(&rotate(&["--grace", "7d", "--json"])).expect("JSON");
        let second = printed["client_secret"].as_str().expect("a secret").to_owned();
        assert_ne!(second, account.client_secret);
        assert_eq!(printed["client_id"], account.client_id.as_str());
        assert!(printed["former_valid_until"].as_str().is_some_and(|until| until.ends_with('Z')), "{printed}");
        // The server knows at once: who has the new one may replace it there.
        let body = serde_json::json!({"client_secret": second, "grace_seconds": 0});
        let answer = server.client(&account).post("/custodia/accounts/secret", &body).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let third = answer.json()["data"]["client_secret"].as_str().expect("a secret").to_owned();
        let text = rotate(&[]);
        assert!(text.contains("The secret before is valid until ") && text.contains("shown this once"), "{text}");
        assert!(rotate(&["--grace", "0"]).contains("The secret before is not valid any more."));
        let words = failed(&mut place.custodia(&["account", "rotate", "nobody"]));
        assert!(words.contains("nobody"), "{words}");
        let words = failed(&mut place.custodia(&["account", "rotate", &account.client_id, "--grace", "31d"]));
        assert!(words.contains("30 days"), "{words}");
        let log = server.stop();
        for secret in [&account.client_secret, &second, &third] {
            assert!(!log.contains(secret.as_str()), "a secret is in the log");
        }
        let lines = "SELECT count(*) FROM audit WHERE action = 'account.secret_rotated'";
        assert_eq!(place.database().number(lines), 4);
    }

    fn webhooks_go_by_http_to_the_ranges_that_the_operator_allows(place: Place) {
        let hook = |url: &str| format!(r#"{{"scope": "store/customer/*", "destination": "{url}"}}"#);
        let local = hook("http://localhost:3000/in");
        let asked = |options: &[&str]| {
            let account = place.store(if options.is_empty() { "strict" } else { "open" });
            let server = Server::start(place, options);
            let answer = server.client(&account).ask("POST", "/v3/hooks", &local).expect("an answer");
            server.stop();
            answer.status
        };
        assert_eq!(asked(&[]), 422);
        assert_eq!(asked(&["--webhook-allow", "10.0.0.0/8,127.0.0.0/8"]), 200);
        failed(&mut place.custodia(&["serve", "--webhook-allow", "10.0.0.0/33"]));
    }

    fn an_account_works_at_once_and_a_revoked_one_is_refused_within_a_second(place: Place) {
        let server = place.serve();
        let account = place.store("acme");
        let mut client = server.client(&account);
        assert_eq!(status(&mut client), 200, "at once");
        // By now the server knows it by heart, and does not ask the database.
        sleep(Duration::from_millis(600));
        assert_eq!(status(&mut client), 200);
        let printed = place.run(&["account", "revoke", &account.client_id]);
        let revoked = Instant::now();
        assert_eq!(printed, format!("revoked {}\n", account.client_id));
        until(LONGEST, || status(&mut client) == 401);
        println!("{:?}: refused {:?} after the command's end", place.engine, revoked.elapsed());
        assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
        let listed = place.run(&["account", "list", "--store", "acme"]);
        assert!(listed.contains("revoked"), "{listed}");
        assert!(!listed.contains(&account.token), "the token is shown once");
    }

    fn quirks_take_effect_within_a_second(place: Place) {
        let account = place.store("acme");
        let server = place.serve();
        let mut client = server.client(&account);
        let id = make_customer(&mut client);
        let mut created = || {
            let answer = client.get(&format!("/v2/customers/{id}")).expect("an answer");
            answer.json()["date_created"].as_str().expect("a date").to_owned()
        };
        assert!(created().contains("+0000"), "as recorded");
        let shown = place.run(&["store", "quirks", "acme", "v2_published_formats=on"]);
        assert_eq!(shown, "consent_time_of_call=off\nv2_published_formats=on\nhonour_gpc=off\n");
        until(Duration::from_secs(1), || !created().contains("+0000"));
        place.run(&["store", "quirks", "acme", "v2_published_formats=off"]);
        until(Duration::from_secs(1), || created().contains("+0000"));

        let mut client = server.client(&account);
        let mut updated = || {
            let path = format!("/v3/customers/{id}/consent");
            client.get(&path).expect("an answer").json()["updated_at"].clone()
        };
        let before = updated();
        sleep(Duration::from_millis(1100));
        assert_eq!(updated(), before, "consent's time stays");
        let shown = place.run(&["store", "quirks", "acme", "faithful"]);
        assert_eq!(shown, "consent_time_of_call=on\nv2_published_formats=off\nhonour_gpc=off\n");
        until(Duration::from_secs(1), || updated() != before);
        failed(&mut place.custodia(&["store", "quirks", "acme", "nonsense=on"]));
        failed(&mut place.custodia(&["store", "quirks", "acme", "nonsense"]));
    }

    fn a_domain_is_one_stores_and_can_be_taken_from_it(place: Place) {
        for hash in ["acme", "zenith"] {
            place.run(&["store", "create", hash]);
        }
        let printed = place.run(&["store", "domain", "add", "acme", "Shop.Example"]);
        assert_eq!(printed, "shop.example leads to store acme, channel 1\n");
        place.run(&["store", "domain", "add", "acme", "another.example"]);
        let listed = place.run(&["store", "domain", "list", "acme"]);
        let shown: Vec<_> = listed.lines().map(|line| line.rsplit_once('\t').unwrap().0).collect();
        assert_eq!(shown, ["another.example\t1", "shop.example\t1"]);

        let refused = |arguments: &[&str], words: &str| {
            let reason = failed(&mut place.custodia(&[&["store", "domain"], arguments].concat()));
            assert!(reason.contains(words), "{reason}");
        };
        for hash in ["acme", "zenith"] {
            refused(&["add", hash, "shop.example"], "a store has the domain shop.example already");
        }
        refused(&["add", "nobody", "a.example"], "there is no store nobody");
        refused(&["add", "acme", "a.example", "--channel", "7"], "store acme has no such channel");
        refused(&["add", "acme", "shop.example:443"], "without a port");
        refused(&["remove", "zenith", "shop.example"], "store zenith has no such domain");
        refused(&["list", "nobody"], "there is no store nobody");

        place.run(&["store", "domain", "remove", "acme", "SHOP.example"]);
        place.run(&["store", "domain", "add", "zenith", "shop.example"]);
        // A store that goes leaves its domains to others.
        place.run(&["store", "delete", "zenith"]);
        assert_eq!(place.database().number("SELECT COUNT(*) FROM store_domain"), 1);
        place.run(&["store", "domain", "add", "acme", "shop.example"]);
    }

    fn json_is_exactly_one_object_of_three_members(place: Place) {
        place.run(&["store", "create", "acme"]);
        let arguments = ["account", "create", "--store", "acme", "--scope", "store_v2_customers"];
        let printed = place.run(&[&arguments[..], &["--json"]].concat());
        let object: Value = serde_json::from_str(&printed).expect("one JSON text, and nothing else");
        let names: Vec<_> = object.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(names, ["access_token", "client_id", "client_secret"]);
        assert!(object.as_object().expect("an object").values().all(|it| it.as_str() != Some("")));
        let reason = failed(&mut place.custodia(&["account", "create", "--store", "acme", "--scope", "x"]));
        assert!(reason.contains("there is no scope x"), "{reason}");
        let reason = failed(&mut place.custodia(&["account", "create", "--store", "no", "--scope", "store_v2_customers"]));
        assert!(reason.contains("there is no store no"), "{reason}");
        let reason = failed(&mut place.custodia(&["store", "create", "acme"]));
        assert!(reason.contains("there is already a store acme"), "{reason}");
    }

    fn options_stand_before_or_after_the_command_or_in_variables(place: Place) {
        let here = || bare(&place.path(""));
        let (option, address) = ("--database", place.address.as_str());
        succeeded(here().args([option, address, "store", "create", "before"]));
        succeeded(here().args(["store", option, address, "create", "between"]));
        succeeded(here().args(["store", "create", "after", option, address]));
        succeeded(here().env("CUSTODIA_DATABASE", address).args(["store", "create", "variable"]));
        let listed = place.run(&["store", "list"]);
        let hashes: Vec<_> = listed.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(hashes, ["after", "before", "between", "variable"]);

        let printed = succeeded(
            here()
                .args(["account", "create"])
                .env("CUSTODIA_DATABASE", address)
                .env("CUSTODIA_STORE", "after")
                .env("CUSTODIA_SCOPE", "store_v2_customers_read_only")
                .env("CUSTODIA_JSON", "true"),
        );
        let account = Account::read("after", &printed);
        let port = free_port();
        let mut command = here();
        command
            .arg("serve")
            .env("CUSTODIA_DATABASE", address)
            .env("CUSTODIA_LISTEN", format!("127.0.0.1:{port}"))
            .env("CUSTODIA_PUBLIC_URL", "https://shop.example/")
            .env("CUSTODIA_LOG", "off");
        let mut server = Server::spawn(command, port, &place.path("variables"));
        server.wait_until_it_answers();
        let answer = server.client(&account).get("/v2/store").expect("an answer");
        assert_eq!(answer.json()["secure_url"], "https://shop.example");
        assert_eq!(server.stop(), "", "nothing is logged");
    }

    fn a_server_that_accepts_a_connection_serves(place: Place) {
        for _ in 0..3 {
            let server = Server::begin(place, &[]);
            let since = Instant::now();
            let status = loop {
                match probe(server.port, "/readyz") {
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                    answer => break answer,
                }
                assert!(since.elapsed() < LONGEST, "{}", server.log());
            };
            assert_eq!(status.expect("the first connection is answered"), 200);
            server.stop();
        }
    }

    fn a_port_in_use_is_named_and_the_command_fails(place: Place) {
        let server = place.serve();
        let address = format!("127.0.0.1:{}", server.port);
        let reason = failed(&mut place.custodia(&["serve", "--listen", &address]));
        let last = reason.lines().last().expect("a reason");
        assert!(last.starts_with("custodia: ") && last.contains(&address), "{reason}");
        assert!(last.contains("in use"), "{reason}");
        assert!(server.is_ready(), "the first one serves on");
    }

    fn a_database_that_is_newer_is_refused(place: Place) {
        place.run(&["migrate"]);
        place.database().run(
            "INSERT INTO schema_migration (name, sha256, applied_at) VALUES ('9999_future', 'x', 0)",
        );
        for command in [&["serve"][..], &["migrate"], &["store", "list"]] {
            let reason = failed(&mut place.custodia(command));
            assert!(reason.contains("newer than this custodia"), "{reason}");
            assert!(reason.contains("9999_future"), "{reason}");
        }
    }

    fn a_key_file_of_another_installation_is_refused(place: Place) {
        place.store("acme");
        let other = place.path("other.key");
        let other = other.to_str().expect("a path");
        let create = ["account", "create", "--store", "acme", "--scope", "store_v2_customers"];
        let create = [&create[..], &["--secret-key-file", other]].concat();
        let reason = failed(&mut place.custodia(&create));
        assert!(reason.contains("not this installation's"), "{reason}");
        assert!(!Path::new(other).exists(), "none is made where there should be one");
        fs::write(other, "ab".repeat(32)).expect("a file");
        let reason = failed(&mut place.custodia(&create));
        assert!(reason.contains("not this installation's"), "{reason}");
        let accounts = place.run(&["account", "list", "--store", "acme"]);
        assert_eq!(accounts.lines().count(), 1, "{accounts}");
    }

    fn secrets_and_data_are_for_their_owner_alone(place: Place) {
        let account = place.store("acme");
        let server = place.serve();
        make_customer(&mut server.client(&account));
        let files: &[&str] = match place.engine {
            Engine::Sqlite => {
                &["custodia.db", "custodia.db-wal", "custodia.db-shm", "custodia.key"]
            }
            Engine::Postgres => &["custodia.key"],
        };
        for name in files {
            let mode = fs::metadata(place.path(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name}");
        }
    }

    fn doctor_tells_no_secret(place: Place) {
        let account = place.store("acme");
        let mut told = place.run(&["doctor"]);
        let applied = format!("{} applied, 0 pending", resources::SCHEMA.len());
        assert!(told.contains(&applied), "{told}");
        let mut secrets = vec![account.token, account.client_secret, account.client_id];
        secrets.push(fs::read_to_string(place.path("custodia.key")).expect("a key"));
        if place.engine == Engine::Postgres {
            // With a password in the address, right or wrong.
            let address = with_password(&place.address);
            let output = bare(&place.path("")).args(["doctor", "--database", &address]).output();
            let output = output.expect("it starts");
            told.push_str(&String::from_utf8_lossy(&output.stdout));
            told.push_str(&String::from_utf8_lossy(&output.stderr));
            assert!(told.contains("127.0.0.1"), "{told}");
            secrets.push(password(&address));
            let nowhere = address.replace("127.0.0.1", "127.0.0.2");
            told.push_str(&failed(bare(&place.path("")).args(["doctor", "--database", &nowhere])));
        }
        for secret in secrets {
            assert!(!told.contains(secret.trim()), "{secret} in {told}");
        }
    }
}

/// Sent to every process that asks, so they are no secrets: but no help shows what variables hold.
#[test]
fn help_shows_no_secret_of_a_variable() {
    let place = Place::new(Engine::Sqlite);
    for command in [&["--help"][..], &["serve", "--help"], &["dev", "--help"]] {
        let help = succeeded(
            bare(&place.path(""))
                .args(command)
                .env("CUSTODIA_DATABASE", "postgres://me:geheim@db/shop")
                .env("CUSTODIA_TOKEN", "geheim"),
        );
        assert!(!help.contains("geheim"), "{help}");
    }
}

/// The test server's own password, or one that it does not ask for.
fn with_password(address: &str) -> String {
    let (user, place) = address.rsplit_once('@').expect("a user");
    let scheme = user.find("://").expect("a scheme") + 3;
    if user[scheme..].contains(':') { address.to_owned() } else { format!("{user}:geheim@{place}") }
}

fn password(address: &str) -> String {
    let (user, _) = address.rsplit_once('@').expect("a user");
    user.rsplit_once(':').expect("a password").1.to_owned()
}

#[test]
fn an_address_keeps_its_options_when_its_database_changes() {
    let server = "postgres://me:pw@127.0.0.1:5432/postgres?sslmode=disable";
    assert_eq!(of_database(server, "x"), "postgres://me:pw@127.0.0.1:5432/x?sslmode=disable");
    assert_eq!(of_database("postgres://me@db:1/a", "x"), "postgres://me@db:1/x");
    assert_eq!(password(&with_password("postgres://me@db:1/a")), "geheim");
    assert_eq!(password(server), "pw");
}

fn status(client: &mut Client) -> u16 {
    client.get("/v2/time").expect("an answer").status
}

fn make_customer(client: &mut Client) -> i64 {
    let row =
        serde_json::json!({"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron"});
    let answer = client.post("/v3/customers", &serde_json::json!([row])).expect("an answer");
    answer.json()["data"][0]["id"].as_i64().expect("an id")
}
