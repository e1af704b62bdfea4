//! How much may be sent: rate plans, requests at once, sizes.

use access::Plan;
use serde_json::json;
use testkit::{Answer, at_once, on_each_engine};

use crate::shows;

const ALL: &str = "/stores/standard/v3/customers";

fn rate(answer: &Answer) -> [&str; 4] {
    [
        answer.header("x-rate-limit-requests-left"),
        answer.header("x-rate-limit-time-reset-ms"),
        answer.header("x-rate-limit-requests-quota"),
        answer.header("x-rate-limit-time-window-ms"),
    ]
}

on_each_engine! {
    /// Ruling 23, and observed.md 3 for the values.
    async fn the_standard_plan_counts_down_from_150_in_a_window_that_the_first_request_opens(
        service: Service,
    ) {
        service.sell("standard", Plan::Standard).await;
        assert_eq!(rate(&service.get("standard", ALL).await), ["149", "30000", "150", "30000"]);
        service.set_clock(kernel::Timestamp(testkit::NOON.0 + 29_510_000));
        assert_eq!(rate(&service.get("standard", ALL).await), ["148", "490", "150", "30000"]);
        service.set_seconds(30);
        assert_eq!(rate(&service.get("standard", ALL).await), ["149", "30000", "150", "30000"]);
    }

    async fn the_pro_plan_has_450(service: Service) {
        service.sell("professional", Plan::Pro).await;
        let answer = service.get("professional", "/stores/professional/v3/customers").await;
        assert_eq!(rate(&answer), ["449", "30000", "450", "30000"]);
    }

    /// Ruling 4.
    async fn past_the_quota_it_is_429_until_the_window_opens_anew(service: Service) {
        service.sell("standard", Plan::Standard).await;
        for n in 0..150 {
            // A refused request counts too.
            let path = if n % 2 == 0 { ALL } else { "/stores/standard/v2/customers?foo=1" };
            assert_ne!(service.get("standard", path).await.status, 429);
        }
        service.set_clock(kernel::Timestamp(testkit::NOON.0 + 12_345_000));
        let before = service.dump().await;
        let answer = service.get("standard", ALL).await;
        answer.refused(429, "Too many requests", &json!({}));
        assert_eq!(rate(&answer), ["0", "17655", "150", "30000"]);
        assert_eq!(answer.header("x-retry-after"), "18");
        let snapshot = Answer { path: "/v3/customers".to_owned(), ..answer };
        shows(&snapshot, "too many requests");
        let v2 = service.get("standard", "/stores/standard/v2/customers").await;
        v2.declined(429, "Too many requests");
        assert_eq!(
            (rate(&v2)[0], v2.header("x-retry-after"), v2.header("x-bc-store-version")),
            ("0", "18", "7.6.0")
        );
        let row = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        assert_eq!(service.post("standard", ALL, row).await.status, 429);
        assert_eq!(service.dump().await, before);
        service.set_clock(kernel::Timestamp(testkit::NOON.0 + 29_999_900));
        assert_eq!(service.get("standard", ALL).await.header("x-retry-after"), "1");
        service.set_seconds(30);
        assert_eq!(service.get("standard", ALL).await.status, 200);
    }

    async fn what_is_not_let_in_takes_nothing_off_the_quota(service: Service) {
        service.sell("standard", Plan::Standard).await;
        for (path, token) in [
            ("/stores/standard/v3/nothing", "standard"),
            (ALL, ""),
            (ALL, "nobody"),
            (ALL, "modify"),
            ("/stores/acme/v3/customers", "standard"),
        ] {
            let answer = service.get(token, path).await;
            assert!(answer.status >= 400);
            assert_eq!(rate(&answer), [""; 4], "{answer}");
        }
        assert_eq!(rate(&service.get("standard", ALL).await)[0], "149");
    }

    async fn who_is_recognised_and_lacks_the_scope_reads_the_four_headers_and_is_counted(
        service: Service,
    ) {
        service.sell("standard", Plan::Standard).await;
        service.hire("unscoped", "standard", &[]).await;
        for n in 0..151 {
            let answer = service.get("unscoped", ALL).await;
            assert_eq!(answer.status, 403, "the scope comes before the limit");
            assert_eq!(rate(&answer)[0], (149 - n).max(0).to_string());
        }
    }

    async fn accounts_of_one_store_count_apart(service: Service) {
        service.sell("standard", Plan::Standard).await;
        service.hire("second", "standard", &["store_v2_customers_read_only"]).await;
        service.get("standard", ALL).await;
        assert_eq!(rate(&service.get("standard", ALL).await)[0], "148");
        assert_eq!(rate(&service.get("second", ALL).await)[0], "149");
    }

    async fn without_a_limit_the_quota_is_told_and_never_reached(service: Service) {
        for _ in 0..200 {
            let answer = service.get("read", "/v3/customers").await;
            assert_eq!(
                (answer.status, rate(&answer)),
                (200, ["2147483647", "30000", "2147483647", "30000"])
            );
        }
    }

    /// Ruling 24: three at once for `PUT /v3/customers`, on plans that have limits.
    async fn on_a_limited_plan_a_fourth_put_at_once_is_429(service: Service) {
        service.sell("standard", Plan::Standard).await;
        let row = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        service.post("standard", ALL, row).await;
        // Hashing keeps each busy long enough to meet the others.
        let slow =
            |n: u32| json!([{"id": 1, "authentication": {"new_password": format!("password{n}")}}]);
        let put = |n| {
            let service = service.clone();
            async move { service.put("standard", ALL, slow(n)).await }
        };
        let answers = at_once((0..12).map(put)).await;
        let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
        let served = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(served + refused.len(), 12);
        assert!(served >= 3 && !refused.is_empty(), "{served} were served");
        for answer in refused {
            answer.refused(429, "Too many requests", &json!({}));
            assert_eq!(answer.header("x-retry-after"), "1");
        }
        assert_eq!(put(99).await.status, 200, "a place is free again");
    }

    async fn without_a_limit_there_may_be_any_number_of_puts_at_once(service: Service) {
        service.crowd(1).await;
        let put = |n| {
            let service = service.clone();
            let row =
                json!([{"id": 1, "authentication": {"new_password": format!("password{n}")}}]);
            async move { service.put("modify", "/v3/customers", row).await.status }
        };
        assert_eq!(at_once((0..12).map(put)).await, [200; 12]);
    }

    /// Ruling 33.
    async fn a_body_above_a_mebibyte_is_413_and_one_of_a_mebibyte_is_read(service: Service) {
        let before = service.dump().await;
        let fill = |bytes: usize| format!("{}{}", " ".repeat(bytes - 2), "[]");
        for (bytes, v3, v2) in [(1 << 20, 200, 400), ((1 << 20) + 1, 413, 413), (5 << 20, 413, 413)]
        {
            for (path, status) in [("/v3/customers", v3), ("/v2/customers", v2)] {
                let answer =
                    service.ask("POST", path).token("modify").text(fill(bytes)).send().await;
                assert_eq!(answer.status, status, "{path} {bytes}: {}", answer.text());
            }
        }
        let announced = service
            .ask("POST", "/v3/customers")
            .token("modify")
            .header("Content-Length", "99999999999")
            .text("[]");
        assert_eq!(announced.send().await.status, 413);
        assert_eq!(service.dump().await, before);
    }

    /// Ruling 33.
    async fn nesting_deeper_than_32_is_422(service: Service) {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let title = |answer: &Answer| answer.json()["errors"].clone();
        for (depth, errors) in [
            (32, json!({"0": "error.expected.jsobject", })),
            (33, json!({})),
            (127, json!({})),
            (128, json!({})),
            (100_000, json!({})),
        ] {
            let answer = service
                .ask("POST", "/v3/customers")
                .token("modify")
                .text(nested(depth))
                .send()
                .await;
            assert_eq!(answer.status, 422);
            assert_eq!(title(&answer), errors, "{depth}");
            let v2 = format!(r#"{{"email":"a@b.c","notes":{}}}"#, nested(depth));
            assert_eq!(
                service.ask("POST", "/v2/customers").token("modify").text(v2).send().await.status,
                400
            );
        }
        let inside = format!(
            r#"[{{"email":"a@b.c","first_name":"A","last_name":"B","ignored":{}}}]"#,
            nested(31)
        );
        let answer = service.ask("POST", "/v3/customers").token("modify").text(inside).send().await;
        answer.refused(422, "JSON data is missing or invalid", &json!({}));
    }

    async fn texts_of_the_greatest_length_are_kept_whole(service: Service) {
        let wide = "\u{1f600}".repeat(100);
        let email = format!("{}@{}", "\u{e9}".repeat(124), "\u{e9}".repeat(125));
        let notes = "n\u{e9}\u{1f600}".repeat(65_534 / 7);
        let made = service
            .made(json!([{"email": email, "first_name": wide, "last_name": wide, "notes": notes,
            "company": "\u{1f600}".repeat(255), "phone": "\u{1f600}".repeat(50)}]))
            .await;
        assert_eq!(made, [1]);
        let row = service.get("read", "/v3/customers").await.json()["data"][0].clone();
        assert_eq!(
            (row["email"].as_str(), row["notes"].as_str()),
            (Some(email.as_str()), Some(notes.as_str()))
        );
        let found = service
            .get("read", &format!("/v3/customers?name:in={}", utf8(&format!("{wide} {wide}"))))
            .await;
        assert_eq!(found.ids(), [1]);
    }
}

/// Percent-encoded, whatever it is.
fn utf8(text: &str) -> String {
    text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"))
}
