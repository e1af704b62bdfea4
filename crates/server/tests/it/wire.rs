//! What only a connection shows.

use std::time::{Duration, Instant};

use rest::Settings;
use server::Bounds;
use testkit::{Service, Wire, on_each_engine};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Send a request with this head and body, and read what comes back until the connection closes.
async fn say(wire: &Wire, head: &str, body: &str) -> String {
    let request =
        format!("{}\r\nHost: x\r\nConnection: close\r\n\r\n{body}", head.replace('\n', "\r\n"));
    String::from_utf8_lossy(&wire.send(request).await).into_owned()
}

fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The status of the answer to this head, however long it is: it is taken whole, and the answer comes whole.
async fn asked(wire: &Wire, head: &str) -> String {
    let mut connection = wire.connect().await;
    for part in head.as_bytes().chunks(20_000) {
        connection.write_all(part).await.expect("the head is taken");
        sleep(Duration::from_millis(2)).await;
    }
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.expect("the connection is closed and not reset");
    status(&String::from_utf8_lossy(&answer)).split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Ask whether the server lives, and keep the connection.
async fn ask(connection: &mut TcpStream) {
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
}

/// Whether that is answered within a while.
async fn is_answered(connection: &mut TcpStream, within: Duration) -> bool {
    let mut answer = [0; 512];
    let Ok(read) = timeout(within, connection.read(&mut answer)).await else { return false };
    answer[..read.unwrap()].ends_with(b"ok")
}

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(10);
const MODIFY: &str = "X-Auth-Token: modify";

on_each_engine! {
    async fn an_answer_is_http_with_a_date_and_the_recorded_headers(service: Service) {
        let wire = Wire::open(&service);
        let answer =
            say(&wire, &format!("GET /stores/acme/v3/customers HTTP/1.1\n{MODIFY}"), "").await;
        assert_eq!(status(&answer), "HTTP/1.1 200 OK");
        for line in [
            "content-type: application/json\r\n",
            "date: ",
            " GMT\r\n",
            "vary: Accept-Encoding\r\n",
            "x-rate-limit-time-window-ms: 30000\r\n",
        ] {
            assert!(answer.contains(line), "{line}: {answer}");
        }
        assert!(!answer.to_lowercase().contains("\r\nserver:"), "{answer}");
        wire.stop().await;
    }

    async fn a_deletion_needs_no_length_and_may_have_one_of_0(service: Service) {
        service.crowd(2).await;
        let wire = Wire::open(&service);
        for (id, length) in [
            (1, ""),
            (2, "\nContent-Length: 0"),
            (3, "\nContent-Length: 0\nContent-Type: application/json"),
            (4, "\nContent-Type: undefined"),
        ] {
            let answer = say(
                &wire,
                &format!("DELETE /stores/acme/v3/customers?id:in={id} HTTP/1.1\n{MODIFY}{length}"),
                "",
            )
            .await;
            assert_eq!(status(&answer), "HTTP/1.1 204 No Content", "{answer}");
            assert_eq!(body(&answer), "");
        }
        wire.stop().await;
    }

    async fn a_request_without_a_body_may_say_any_type(service: Service) {
        let wire = Wire::open(&service);
        for kind in ["undefined", "application/json", "text/plain"] {
            let answer = say(
                &wire,
                &format!(
                    "GET /stores/acme/v2/customers/count HTTP/1.1\n{MODIFY}\nContent-Type: {kind}"
                ),
                "",
            )
            .await;
            assert_eq!((status(&answer), body(&answer)), ("HTTP/1.1 200 OK", r#"{"count":0}"#));
        }
        wire.stop().await;
    }

    async fn head_sends_the_length_and_nothing_of_the_body(service: Service) {
        let wire = Wire::open(&service);
        let answer =
            say(&wire, &format!("HEAD /stores/acme/v2/customers/count HTTP/1.1\n{MODIFY}"), "")
                .await;
        assert_eq!((status(&answer), body(&answer)), ("HTTP/1.1 200 OK", ""));
        assert!(answer.contains("content-length: 11\r\n"), "{answer}");
        wire.stop().await;
    }

    async fn a_body_in_chunks_is_read_up_to_the_limit(service: Service) {
        let wire = Wire::open(&service);
        let head = format!(
            "POST /stores/acme/v3/customers HTTP/1.1\n{MODIFY}\nContent-Type: application/json\nTransfer-Encoding: chunked"
        );
        let row = r#"[{"email":"a@b.c","first_name":"A","last_name":"B"}]"#;
        let (first, second) = row.split_at(20);
        let chunks =
            format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
        assert_eq!(status(&say(&wire, &head, &chunks).await), "HTTP/1.1 200 OK");
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let answer = say(&wire, &head, &format!("{}0\r\n\r\n", chunk.repeat(17))).await;
        assert!(status(&answer).contains("413"), "{}", status(&answer));
        wire.stop().await;
    }

    /// Ruling 33: refused before it is read whole.
    async fn a_body_announced_too_long_is_413_before_it_is_sent(service: Service) {
        let wire = Wire::open(&service);
        let mut connection = wire.connect().await;
        let head = format!(
            "POST /stores/acme/v3/customers HTTP/1.1\r\nHost: x\r\n{MODIFY}\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 24];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer[..12], b"HTTP/1.1 413");
        drop(connection);
        wire.stop().await;
    }

    /// Else the connection is closed under the caller, who hears of that and not of the refusal.
    async fn who_is_refused_while_sending_hears_of_it_and_may_ask_again(service: Service) {
        let wire = Wire::open(&service);
        let mut connection = wire.connect().await;
        for (token, length, expected) in [
            ("nobody", 300_000, "401"),
            ("read", 300_000, "403"),
            ("modify", 300_000, "422"),
            ("modify", 3_000_000, "413"),
            ("read", 0, "403"),
        ] {
            let body = " ".repeat(length);
            let query = if expected == "413" { "" } else { "?foo=1" };
            let head = format!(
                "POST /stores/acme/v3/customers{query} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            for part in body.as_bytes().chunks(20_000) {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                connection.write_all(part).await.unwrap();
            }
            let mut answer = vec![0; 2048];
            let length = connection.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
            assert!(status(&answer).contains(expected), "{answer}");
        }
        drop(connection);
        wire.stop().await;
    }

    async fn one_connection_carries_many_requests(service: Service) {
        let wire = Wire::open(&service);
        let one = format!("GET /stores/acme/v2/time HTTP/1.1\r\nHost: x\r\n{MODIFY}\r\n\r\n");
        let last = format!(
            "GET /stores/acme/v2/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{MODIFY}\r\n\r\n"
        );
        let answers = wire.send(format!("{}{last}", one.repeat(5))).await;
        assert_eq!(String::from_utf8_lossy(&answers).matches(r#"{"time":1717243200}"#).count(), 6);
        wire.stop().await;
    }

    async fn what_is_no_http_is_refused_and_the_server_lives(service: Service) {
        let wire = Wire::open(&service);
        for bytes in [b"nonsense\r\n\r\n".as_slice(), b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /stores/acme/v3/customers?x=\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"] {
            let answer = wire.send(bytes).await;
            assert!(!answer.starts_with(b"HTTP/1.1 5"), "{}", String::from_utf8_lossy(&answer));
        }
        assert_eq!(body(&say(&wire, "GET /healthz HTTP/1.1", "").await), "ok");
        wire.stop().await;
    }

    /// The connection is not closed under a caller who is still sending: it would hear of that and not of the refusal.
    async fn a_head_that_is_too_long_is_refused_in_words(service: Service) {
        let wire = Wire::open(&service);
        for (length, expected) in [(60_000, "200"), (200_000, "431"), (1_000_000, "431")] {
            let head = format!(
                "GET /stores/acme/v2/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{MODIFY}\r\nX-Filler: {}\r\n\r\n",
                "a".repeat(length)
            );
            assert_eq!(asked(&wire, &head).await, expected, "{length} bytes of headers");
        }
        for (length, expected) in [(60_000, "422"), (70_000, "414"), (1_000_000, "431")] {
            let head = format!(
                "GET /stores/acme/v3/customers?x={} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{MODIFY}\r\n\r\n",
                "a".repeat(length)
            );
            assert_eq!(asked(&wire, &head).await, expected, "{length} bytes of query");
        }
        wire.stop().await;
    }

    async fn past_the_most_connections_others_wait_until_one_is_done(service: Service) {
        let wire = Wire::within(&service, Bounds { connections: 2, ..Bounds::default() });
        let (mut first, mut second) = (wire.connect().await, wire.connect().await);
        for served in [&mut first, &mut second] {
            ask(served).await;
            assert!(is_answered(served, LONG).await);
        }
        let mut third = wire.connect().await;
        ask(&mut third).await;
        assert!(!is_answered(&mut third, SHORT).await, "two are there already");
        ask(&mut second).await;
        assert!(is_answered(&mut second, LONG).await, "who is there is served");
        drop(first);
        assert!(is_answered(&mut third, LONG).await, "one has gone");
        drop((second, third));
        wire.stop().await;
    }

    async fn connections_that_say_nothing_keep_nobody_out_for_long(service: Service) {
        let wire = Wire::within(&service, Bounds { connections: 4, idle: SHORT });
        let mut silent = Vec::new();
        // From before the first: on a busy machine the silence of some is over before all have come.
        let since = Instant::now();
        for _ in 0..20 {
            silent.push(wire.connect().await);
        }
        let mut last = wire.connect().await;
        ask(&mut last).await;
        assert!(is_answered(&mut last, LONG).await);
        assert!(since.elapsed() >= 5 * SHORT, "it waited for twenty, four at a time");
        for mut connection in silent {
            let mut nothing = [0; 1];
            assert_eq!(connection.read(&mut nothing).await.unwrap(), 0, "closed");
        }
        drop(last);
        wire.stop().await;
    }

    /// However the time is spent: each byte in time does not make the whole so.
    async fn a_body_that_does_not_arrive_in_time_is_408_and_nothing_is_kept(service: Service) {
        let hasty = service.with(Settings { body_patience: SHORT, ..Settings::default() }).await;
        let wire = Wire::open(&hasty);
        let row = r#"{"email":"a@b.c","first_name":"A","last_name":"B"}"#;
        for (path, words) in [
            ("v3/customers", r#""title":"The request body did not arrive""#),
            ("v2/customers", r#""message":"The request body did not arrive.""#),
        ] {
            let mut connection = wire.connect().await;
            let head = format!(
                "POST /stores/acme/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{MODIFY}\r\nContent-Length: {}\r\n\r\n",
                row.len()
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            for byte in &row.as_bytes()[..20] {
                connection.write_all(&[*byte]).await.unwrap();
                sleep(SHORT / 10).await;
            }
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert_eq!(status(&answer), "HTTP/1.1 408 Request Timeout", "{answer}");
            assert!(body(&answer).contains(words), "{answer}");
        }
        wire.stop().await;
        assert_eq!(service.number("SELECT COUNT(*) FROM customer").await, 0);
    }

    async fn a_stop_waits_for_what_is_in_flight_and_takes_no_more(service: Service) {
        let wire = Wire::open(&service);
        let mut connection = wire.connect().await;
        let row = r#"[{"email":"a@b.c","first_name":"A","last_name":"B"}]"#;
        let head = format!(
            "POST /stores/acme/v3/customers HTTP/1.1\r\nHost: x\r\n{MODIFY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            row.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&row.as_bytes()[..10]).await.unwrap();
        // Long enough for the request to have reached its handler.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let rest = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            connection.write_all(&row.as_bytes()[10..]).await.unwrap();
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (answer, ()) = tokio::join!(rest, wire.stop());
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
        let again: Service = service.beside().await;
        assert_eq!(again.number("SELECT COUNT(*) FROM customer").await, 1);
        again.app().db.close().await.unwrap();
    }
}
