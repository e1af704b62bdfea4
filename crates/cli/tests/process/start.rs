//! How soon it answers, and how little it takes.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    http::probe,
    place::{Engine, Place},
    running::Server,
};

#[test]
fn it_answers_soon_and_takes_little_memory_while_idle() {
    let place = Place::alone(Engine::Sqlite);
    let account = place.store("acme");
    let server = place.serve();
    let mut client = server.client(&account);
    for count in 0..200 {
        let email = format!("{count}@example.com");
        let row = json!({"email": email, "first_name": "Ada", "last_name": "Byron"});
        client.post("/v3/customers", &json!([row])).expect("an answer");
    }
    server.stop();

    let mut times = Vec::new();
    for _ in 0..5 {
        let since = Instant::now();
        let server = Server::begin(&place, &[]);
        while probe(server.port, "/readyz").ok() != Some(200) {
            assert!(since.elapsed() < Duration::from_secs(20), "{}", server.log());
            sleep(Duration::from_micros(500));
        }
        times.push(since.elapsed());
        server.stop();
    }
    times.sort();
    let server = place.serve();
    assert_eq!(server.client(&account).get("/v3/customers").expect("an answer").status, 200);
    sleep(Duration::from_millis(600));
    let memory = resident(&server);
    println!("first answers after {times:?}; {memory} kB resident");
    let (soon, little) = if cfg!(debug_assertions) {
        (Duration::from_secs(1), 30_000)
    } else {
        (Duration::from_millis(50), 20_000)
    };
    assert!(times[2] < soon, "the median of {times:?}");
    assert!(memory < little, "{memory} kB");
}

/// Kilobytes.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
