//! SIGTERM: accept no more, finish what is in flight, and end well.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    place::{Engine, Place, succeeded},
    running::{LONGEST, Server, until},
};

on_each_engine! {
    fn a_request_in_flight_is_finished_and_nothing_else_is_waited_for(place: Place) {
        let account = place.store("acme");
        let mut server = place.serve();
        // Connections that say nothing: one that was of use, one that never was, and one that began to.
        let mut idle = server.client(&account);
        assert_eq!(idle.get("/v2/time").expect("an answer").status, 200);
        let mut silent = TcpStream::connect(("127.0.0.1", server.port)).expect("it accepts");
        let mut half = TcpStream::connect(("127.0.0.1", server.port)).expect("it accepts");
        half.write_all(b"GET /time HTTP/1.1\r\nHo").expect("it listens");

        let body = r#"[{"email": "slow@example.com", "first_name": "Ada", "last_name": "Byron"}]"#;
        let (first, rest) = body.as_bytes().split_at(20);
        let mut slow = server.client(&account);
        let head = slow.head("POST", "/v3/customers", body.len());
        slow.write(&[head.as_bytes(), first].concat()).expect("it listens");
        sleep(Duration::from_millis(100));
        server.terminate();
        until(LONGEST, || TcpStream::connect(("127.0.0.1", server.port)).is_err());
        sleep(Duration::from_millis(300));
        slow.write(rest).expect("it still listens");
        let answer = slow.answer().expect("what was begun is finished");
        assert_eq!(answer.status, 200, "{}", answer.text());

        let since = Instant::now();
        let status = server.wait(LONGEST);
        println!("{:?}: ended {:?} after the last answer", place.engine, since.elapsed());
        assert_eq!(status.code(), Some(0), "{}", server.log());
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        assert_eq!(silent.read(&mut [0; 1]).expect("closed, not reset"), 0);
        let kept = place.database().number("SELECT count(*) FROM customer");
        assert_eq!(kept, 1);
    }

    fn a_server_that_nobody_talks_to_ends_at_once(place: Place) {
        let account = place.store("acme");
        let mut server = place.serve();
        let mut idle: Vec<_> = (0..8).map(|_| server.client(&account)).collect();
        for client in &mut idle {
            client.get("/v2/time").expect("an answer");
        }
        let since = Instant::now();
        server.terminate();
        assert_eq!(server.wait(LONGEST).code(), Some(0));
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        // And leaves everything in one file.
        if place.engine == Engine::Sqlite {
            assert!(!place.path("custodia.db-wal").exists(), "the log was taken in");
        }
    }
}

#[test]
fn a_server_that_speaks_tls_ends_as_soon() {
    let place = Place::new(Engine::Sqlite);
    let [certificate, key] = ["tls.pem", "tls.key"].map(|name| place.path(name));
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().expect("a path"));
    succeeded(Command::new("openssl").args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        key,
        "-out",
        certificate,
    ]));
    let mut server = Server::start(&place, &["--tls-cert", certificate, "--tls-key", key]);
    let url = format!("https://localhost:{}/readyz", server.port);
    let curl =
        ["--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert", certificate, &url];
    assert_eq!(succeeded(Command::new("curl").args(curl)), "ready");
    // One that never says what it wants, and one that never was to.
    let mut silent = TcpStream::connect(("127.0.0.1", server.port)).expect("it accepts");
    sleep(Duration::from_millis(100));
    let since = Instant::now();
    server.terminate();
    assert_eq!(server.wait(LONGEST).code(), Some(0), "{}", server.log());
    println!("TLS: ended after {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert_eq!(silent.read(&mut [0; 1]).unwrap_or(0), 0);
}
