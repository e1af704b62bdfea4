//! `custodia dev`: what somebody meets who has configured nothing.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    place::{Account, Engine, Place, bare, failed, succeeded},
    running::{LONGEST, Server, free_port, until},
};

#[test]
fn dev_starts_with_nothing_configured_and_what_it_prints_works() {
    let place = Place::new(Engine::Sqlite);
    let temporary = place.path("temporary");
    let server = dev(&place, &[]);
    let printed = server.output();
    assert!(printed.contains("`demo`"), "{printed}");
    let account = account(&printed);
    let page = server.client(&account).get("/v3/customers?limit=250").expect("an answer").json();
    assert_eq!(page["data"].as_array().map(Vec::len), Some(50));
    assert_eq!(
        setting(&printed, "BIGCOMMERCE_API_URL"),
        format!("http://127.0.0.1:{}", server.port)
    );

    let answers = try_what_is_printed(&printed);
    assert_eq!(answers.len(), 3, "{printed}");
    assert_eq!(answers[0]["data"].as_array().map(Vec::len), Some(3));
    let names: Vec<_> = answers[1].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(names, ["allow", "deny", "updated_at"]);
    assert_eq!(answers[2]["id"], 1);

    assert_eq!(entries(&temporary).len(), 1, "the data is in a directory of its own");
    server.stop();
    assert_eq!(entries(&temporary), [] as [PathBuf; 0], "and gone with the server");
    assert!(!place.path("custodia.db").exists() && !place.path(".local").exists());
}

#[test]
fn a_webhook_of_dev_may_go_to_this_machine() {
    let place = Place::new(Engine::Sqlite);
    let server = dev(&place, &[]);
    let account = account(&server.output());
    for (url, status) in
        [("http://localhost:3000/", 200), ("http://[::1]:1/", 200), ("http://10.0.0.1/", 422)]
    {
        let hook = format!(r#"{{"scope": "store/customer/*", "destination": "{url}"}}"#);
        let answer = server.client(&account).ask("POST", "/v3/hooks", &hook).expect("an answer");
        assert_eq!(answer.status, status, "{url}");
    }
    server.stop();
}

#[test]
fn the_same_seed_gives_the_same_people_and_another_gives_others() {
    let place = Place::new(Engine::Sqlite);
    let one = everybody(&dev(&place, &["--seed", "7"]));
    let same = everybody(&dev(&place, &["--seed", "7"]));
    let other = everybody(&dev(&place, &["--seed", "8"]));
    assert_eq!(one.len(), 100);
    assert_eq!(one, same);
    assert_ne!(one, other);
    let declared = one[50..].iter().filter(|consent| consent["allow"] != Value::Array(Vec::new()));
    assert!(declared.count() > 20, "most have answered the banner");
}

#[test]
fn dev_keeps_what_it_is_told_to_and_resets_when_asked() {
    let place = Place::new(Engine::Sqlite);
    let file = place.path("kept.db");
    let keep = ["--keep", file.to_str().expect("a path")];
    let options = [&keep[..], &["--token", "mine"]].concat();
    let count = |server: &Server, token: &str| {
        let account = Account { token: token.to_owned(), ..account(&server.output()) };
        let body = server.client(&account).get("/v2/customers/count").expect("an answer").json();
        body["count"].as_i64().expect("a count")
    };

    let server = dev(&place, &options);
    assert_eq!(setting(&server.output(), "BIGCOMMERCE_ACCESS_TOKEN"), "mine");
    let mut client = server.client(&account(&server.output()));
    let deleted = client.ask("DELETE", "/v3/customers?id:in=1,2,3", "").expect("an answer");
    assert_eq!(deleted.status, 204);
    server.stop();
    assert_eq!(fs::metadata(&file).expect("it is kept").permissions().mode() & 0o777, 0o600);

    let server = dev(&place, &options);
    assert_eq!(count(&server, "mine"), 47, "kept, and the token can be given out again");
    server.stop();
    // Killed, it keeps as well.
    let server = dev(&place, &keep);
    let first = account(&server.output()).token;
    assert_eq!(count(&server, "mine"), 47);
    server.kill();
    let server = dev(&place, &keep);
    assert_eq!(count(&server, &first), 47);
    server.stop();
    let server = dev(&place, &[&options[..], &["--reset"]].concat());
    assert_eq!(count(&server, "mine"), 50);
    let stranger = Account { token: first, ..account(&server.output()) };
    let answer = server.client(&stranger).get("/v2/time").expect("an answer");
    assert_eq!(answer.status, 401, "it was forgotten too");
    server.stop();
    failed(&mut command(&place, free_port(), &["--reset"]));
}

#[test]
fn dev_speaks_tls_under_an_authority_that_is_made_once_and_can_vouch_for_nothing_else() {
    let place = Place::new(Engine::Sqlite);
    let directory = place.path(".local/share/custodia");
    let server = dev(&place, &["--tls"]);
    let printed = server.output();
    let authority = directory.join("ca.pem");
    assert!(printed.contains("127.0.0.1 api.bigcommerce.com"), "{printed}");
    assert!(printed.contains(&format!("NODE_EXTRA_CA_CERTS={}", authority.display())), "{printed}");
    assert_eq!(try_what_is_printed(&printed).len(), 3, "with --cacert {printed}");
    asks_as_api_bigcommerce_com(&server, &authority, &account(&printed));
    // Without the authority nobody believes it.
    failed(curl().arg(format!("https://localhost:{}/healthz", server.port)));
    server.stop();

    let key = directory.join("ca.key");
    assert_eq!(fs::metadata(&key).expect("a key").permissions().mode() & 0o777, 0o600);
    let before = [&authority, &key].map(|path| fs::read(path).expect("a file"));
    let server = dev(&place, &["--tls"]);
    assert_eq!(before, [&authority, &key].map(|path| fs::read(path).expect("a file")));
    asks_as_api_bigcommerce_com(&server, &authority, &account(&server.output()));
    server.stop();

    let told =
        succeeded(openssl().arg("x509").arg("-in").arg(&authority).args(["-noout", "-text"]));
    assert!(told.contains("Name Constraints: critical"), "{told}");
    for name in ["bigcommerce.com", "api.bigcommerce.com", "localhost"] {
        vouch(&place, &directory, name).expect("what it is for");
    }
    for name in ["example.com", "bigcommerce.com.example.com", "notbigcommerce.com", "com"] {
        let reason = vouch(&place, &directory, name).expect_err(name);
        assert!(reason.contains("permitted subtree violation"), "{reason}");
    }
}

/// `custodia dev` on a free port, once it answers.
fn dev(place: &Place, options: &[&str]) -> Server {
    let port = free_port();
    let name = place.path(&format!("dev-{port}"));
    let mut server = Server::spawn(command(place, port, options), port, &name);
    server.wait_until_it_answers();
    // The port is taken before all is printed; an empty line ends that.
    until(LONGEST, || server.output().ends_with("\n\n"));
    server
}

fn command(place: &Place, port: u16, options: &[&str]) -> Command {
    let mut command = bare(&place.path(""));
    let temporary = place.path("temporary");
    fs::create_dir_all(&temporary).expect("a directory");
    command.env("TMPDIR", temporary);
    command.args(["dev", "--port", &port.to_string()]).args(options);
    command
}

/// The account that is printed for an `.env` file.
fn account(printed: &str) -> Account {
    Account {
        store: setting(printed, "BIGCOMMERCE_STORE_HASH"),
        client_id: setting(printed, "BIGCOMMERCE_CLIENT_ID"),
        client_secret: setting(printed, "BIGCOMMERCE_CLIENT_SECRET"),
        token: setting(printed, "BIGCOMMERCE_ACCESS_TOKEN"),
    }
}

fn setting(printed: &str, name: &str) -> String {
    let value = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{name} in {printed}")).to_owned()
}

/// The answers to the curl lines, given to a shell as they are.
fn try_what_is_printed(printed: &str) -> Vec<Value> {
    let lines = printed.lines().filter(|line| line.starts_with("curl "));
    let answer = |line: &str| {
        // Fails where curl alone would print an error's body and be content.
        let line = line.replacen("curl ", "curl --silent --show-error --fail ", 1);
        let answer = succeeded(Command::new("sh").arg("-c").arg(line));
        serde_json::from_str(&answer).expect("JSON")
    };
    lines.map(answer).collect()
}

/// All customers, then the consents of each.
fn everybody(server: &Server) -> Vec<Value> {
    let mut client = server.client(&account(&server.output()));
    let page = client.get("/v3/customers?limit=250&sort=date_created:asc").expect("an answer");
    let mut all = page.json()["data"].as_array().expect("customers").clone();
    for number in 0..all.len() {
        let path = format!("/v3/customers/{}/consent", all[number]["id"]);
        all.push(client.get(&path).expect("an answer").json());
    }
    all
}

fn asks_as_api_bigcommerce_com(server: &Server, authority: &Path, account: &Account) {
    let port = server.port;
    for (host, resolve) in [
        ("localhost", None),
        ("127.0.0.1", None),
        ("api.bigcommerce.com", Some(format!("api.bigcommerce.com:{port}:127.0.0.1"))),
    ] {
        let mut curl = curl();
        curl.arg("--cacert").arg(authority);
        if let Some(resolve) = resolve {
            curl.args(["--resolve", &resolve]);
        }
        curl.args(["--header", &format!("X-Auth-Token: {}", account.token)]);
        curl.arg(format!("https://{host}:{port}/stores/{}/v2/customers/count", account.store));
        let body: Value = serde_json::from_str(&succeeded(&mut curl)).expect("JSON");
        assert_eq!(body["count"], 50, "{host}");
    }
}

fn curl() -> Command {
    let mut curl = Command::new("curl");
    // Nothing that this machine trusts, and no proxy.
    for name in ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy"] {
        curl.env_remove(name);
    }
    curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]);
    curl
}

fn openssl() -> Command {
    Command::new("openssl")
}

/// Sign a certificate for this name with the authority's key, as a thief of it would; whether it is believed.
fn vouch(place: &Place, directory: &Path, name: &str) -> Result<(), String> {
    let [key, request, leaf] = ["leaf.key", "leaf.csr", "leaf.pem"].map(|file| place.path(file));
    let subject =
        ["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")];
    succeeded(
        openssl()
            .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(subject)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&request),
    );
    succeeded(
        openssl()
            .args([
                "x509",
                "-req",
                "-days",
                "1",
                "-set_serial",
                "7",
                "-copy_extensions",
                "copy",
                "-in",
            ])
            .arg(&request)
            .arg("-CA")
            .arg(directory.join("ca.pem"))
            .arg("-CAkey")
            .arg(directory.join("ca.key"))
            .arg("-out")
            .arg(&leaf),
    );
    let verified = openssl()
        .args(["verify", "-CAfile"])
        .arg(directory.join("ca.pem"))
        .arg(&leaf)
        .output()
        .expect("openssl, which this test needs");
    let words = [verified.stdout, verified.stderr].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    if verified.status.success() { Ok(()) } else { Err(words) }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
