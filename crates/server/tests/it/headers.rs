use serde_json::json;
use testkit::on_each_engine;

use crate::shows;

const RATE: [&str; 4] = [
    "x-rate-limit-requests-left",
    "x-rate-limit-time-reset-ms",
    "x-rate-limit-requests-quota",
    "x-rate-limit-time-window-ms",
];

on_each_engine! {
    /// clients.md: the official Python client calls `int()` on all four once the first is there.
    async fn every_routed_and_authenticated_answer_has_the_four_rate_headers(service: Service) {
        service.crowd(1).await;
        for (method, path, status) in [
            ("GET", "/v3/customers", 200),
            ("GET", "/v3/customers?foo=1", 422),
            ("PUT", "/v3/customers", 422),
            ("DELETE", "/v3/customers", 204),
            ("GET", "/v2/customers/99", 404),
            ("GET", "/v2/customers?min_id=9", 204),
            ("GET", "/v3/customers/x/consent", 400),
        ] {
            let answer = service.ask(method, path).token("modify").send().await;
            assert_eq!(answer.status, status, "{answer}");
            for name in RATE {
                let value = answer.header(name);
                assert!(
                    value.parse::<i32>().is_ok_and(|value| value > 0),
                    "{name} {value}: {answer}"
                );
            }
            assert_eq!(answer.header("x-rate-limit-time-window-ms"), "30000");
        }
    }

    /// observed.md 3.
    async fn v2_has_two_headers_that_v3_never_has(service: Service) {
        service.crowd(1).await;
        let v2 = service.get("read", "/v2/customers/1").await;
        assert_eq!(
            (v2.header("x-bc-store-version"), v2.header("x-bc-apilimit-remaining")),
            ("7.6.0", "20000")
        );
        let v3 = service.get("read", "/v3/customers").await;
        assert_eq!(
            (v3.header("x-bc-store-version"), v3.header("x-bc-apilimit-remaining")),
            ("", "")
        );
    }

    async fn every_answer_has_a_request_id_of_its_own_and_says_what_it_varies_by(service: Service) {
        let mut seen = std::collections::BTreeSet::new();
        for (path, token) in [
            ("/v3/customers", "read"),
            ("/v3/customers", ""),
            ("/v3/nothing", ""),
            ("/v2/customers", "read"),
            ("/time", ""),
            ("/healthz", ""),
        ] {
            let answer = service.get(token, path).await;
            let id = answer.header("x-request-id").to_owned();
            assert!(
                id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
                "{answer}"
            );
            assert!(seen.insert(id), "twice: {answer}");
            assert_eq!(answer.header("vary"), "Accept-Encoding");
            assert_eq!(
                answer.header("strict-transport-security"),
                "max-age=31536000; includeSubDomains"
            );
        }
    }

    async fn the_request_id_is_in_the_audit_line(service: Service) {
        let rows = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        let answer = service.post("modify", "/v3/customers", rows).await;
        assert_eq!(
            service.texts("SELECT request_id FROM audit").await,
            [answer.header("x-request-id")]
        );
    }

    async fn json_is_said_without_a_charset(service: Service) {
        for path in ["/v3/customers", "/v2/customers/count", "/v3/customers?foo=1"] {
            assert_eq!(service.get("read", path).await.header("content-type"), "application/json");
        }
    }

    /// clients.md: never deflate.
    async fn gzip_is_offered_and_nothing_else(service: Service) {
        service.crowd(20).await;
        let plain = service.get("read", "/v3/customers").await;
        assert!(plain.body.len() > 1024);
        let encoded = async |accept: &str| {
            service
                .ask("GET", "/v3/customers")
                .token("read")
                .header("Accept-Encoding", accept)
                .send()
                .await
        };
        for accept in ["gzip", "deflate, gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.5", "*"] {
            let answer = encoded(accept).await;
            let expected =
                if accept == "*" { ["gzip", ""].as_slice() } else { ["gzip"].as_slice() };
            assert!(
                expected.contains(&answer.header("content-encoding")),
                "{accept}: {:?}",
                answer.headers
            );
            assert_eq!(answer.headers.get_all("vary").iter().count(), 1, "{:?}", answer.headers);
            if answer.header("content-encoding") == "gzip" {
                assert_eq!(answer.body[..2], [0x1f, 0x8b]);
                let length = u32::try_from(plain.body.len()).unwrap().to_le_bytes();
                assert_eq!(
                    answer.body[answer.body.len() - 4..],
                    length,
                    "as long as the plain one"
                );
            }
        }
        for accept in ["deflate", "br", "identity", "zstd, deflate", "gzip;q=0", ""] {
            let answer = encoded(accept).await;
            assert_eq!((answer.status, answer.header("content-encoding")), (200, ""), "{accept}");
            assert_eq!(answer.body, plain.body);
        }
    }

    async fn head_is_get_without_a_body(service: Service) {
        service.crowd(1).await;
        for path in [
            "/v3/customers",
            "/v3/customers/1/consent",
            "/v2/customers",
            "/v2/customers/1",
            "/v2/customers/99",
            "/v2/customers/count",
            "/v2/time",
            "/time",
        ] {
            let get = service.get("read", path).await;
            let head = service.ask("HEAD", path).token("read").send().await;
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
            for name in
                ["content-type", "last-modified", "x-bc-store-version", "vary", "content-length"]
            {
                assert_eq!(head.header(name), get.header(name), "{path} {name}");
            }
        }
        let refused = service.ask("HEAD", "/v3/customers").send().await;
        assert_eq!((refused.status, refused.body.len()), (401, 0));
    }

    async fn x_auth_client_and_other_credentials_are_ignored(service: Service) {
        let answer = service
            .ask("GET", "/v3/customers")
            .token("read")
            .header("X-Auth-Client", "garbage")
            .header("Authorization", "Bearer x")
            .send()
            .await;
        assert_eq!(answer.status, 200);
        let without = service
            .ask("GET", "/v3/customers")
            .header("X-Auth-Client", "read")
            .header("Authorization", "Bearer read")
            .send()
            .await;
        assert_eq!(without.status, 401);
    }

    async fn the_refusals_of_the_door_are_these_to_the_byte(service: Service) {
        shows(&service.get("", "/v3/customers").await, "no token");
        shows(
            &service.ask("GET", "/v3/customers").header("X-Auth-Token", "").send().await,
            "empty token",
        );
        shows(&service.get("nobody", "/v3/customers").await, "unknown token");
        shows(&service.get("other", "/v3/customers").await, "token of another store");
        shows(&service.get("scopeless", "/v3/customers").await, "scope missing");
        shows(
            &service
                .ask("GET", "/v3/customers")
                .token("read")
                .header("Accept", "text/html")
                .send()
                .await,
            "accepts no json",
        );
        shows(&service.post("read", "/v3/customers", json!([])).await, "read only");
        shows(
            &service
                .ask("POST", "/v3/customers")
                .token("modify")
                .header("Content-Type", "text/plain")
                .text("x")
                .send()
                .await,
            "not said to be json",
        );
        shows(
            &service.ask("POST", "/v3/customers").token("modify").text("{").send().await,
            "not json",
        );
        shows(&service.get("", "/v2/customers").await, "no token");
        shows(&service.get("nobody", "/v2/customers").await, "unknown token");
        shows(&service.get("other", "/v2/customers").await, "token of another store");
        shows(&service.get("scopeless", "/v2/customers").await, "scope missing");
        shows(&service.get("read", "/v2/customers?foo=1").await, "unknown filter");
        shows(
            &service
                .ask("POST", "/v2/customers")
                .token("modify")
                .header("Content-Type", "text/plain")
                .text("x")
                .send()
                .await,
            "not said to be json",
        );
        shows(
            &service.ask("POST", "/v2/customers").token("modify").text("{").send().await,
            "not json",
        );
        shows(
            &service
                .ask("GET", "/v2/customers")
                .token("read")
                .header("Accept", "application/xml")
                .send()
                .await,
            "accepts no json",
        );
    }

    async fn a_token_that_is_no_text_has_not_the_correct_format(service: Service) {
        let answer =
            service.ask("GET", "/v3/customers").header("X-Auth-Token", "t\u{f6}ken").send().await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (401, "X-Auth-Token header should have correct format")
        );
    }

    /// Ruling 31: these are JSON.
    async fn whoever_accepts_json_among_others_gets_it(service: Service) {
        for accept in [
            "*/*",
            "application/*",
            "application/json",
            "application/json;q=0.5",
            "text/html, application/json",
            "APPLICATION/JSON",
            "text/html, */*;q=0.1",
            "",
        ] {
            let answer = service
                .ask("GET", "/v3/customers")
                .token("read")
                .header("Accept", accept)
                .send()
                .await;
            assert_eq!(answer.status, 200, "{accept}");
        }
    }

    /// Ruling 32 and clients.md.
    async fn the_type_of_a_body_that_is_not_there_does_not_matter(service: Service) {
        service.crowd(1).await;
        for kind in ["undefined", "text/plain", "application/xml", "", "multipart/form-data"] {
            for (method, path, status) in [
                ("GET", "/v3/customers", 200),
                ("GET", "/v2/customers/1", 200),
                ("DELETE", "/v3/customers", 204),
                ("POST", "/v3/customers", 422),
                ("PUT", "/v3/customers/1/consent", 422),
                ("POST", "/v2/customers", 400),
            ] {
                let answer = service
                    .ask(method, path)
                    .token("modify")
                    .header("Content-Type", kind)
                    .send()
                    .await;
                assert_eq!(answer.status, status, "{kind} {method} {path}: {answer}");
            }
        }
    }

    async fn json_has_several_names_and_may_go_unnamed(service: Service) {
        for (n, kind) in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/vnd.api+json",
        ]
        .into_iter()
        .enumerate()
        {
            let body = json!([{"email": format!("{n}@b.c"), "first_name": "A", "last_name": "B"}])
                .to_string();
            let answer = service
                .ask("POST", "/v3/customers")
                .token("modify")
                .header("Content-Type", kind)
                .text(body)
                .send()
                .await;
            assert_eq!(answer.status, 200, "{kind}: {answer}");
        }
        let body =
            json!([{"email": "unnamed@b.c", "first_name": "A", "last_name": "B"}]).to_string();
        assert_eq!(
            service.ask("POST", "/v3/customers").token("modify").text(body).send().await.status,
            200
        );
    }
}
