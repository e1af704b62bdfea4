//! What is malformed, in all the ways it can be: refused in the contract's words, and nothing is changed.

use serde_json::{Value, json};
use testkit::on_each_engine;

use crate::shows;

const V3: &str = "/v3/customers";
const INVALID: &str = "JSON data is missing or invalid";

on_each_engine! {
    /// Contract, "Strings": stored and returned byte for byte; U+0000 is refused.
    async fn texts_come_back_byte_for_byte(service: Service) {
        let texts = [
            "Z\u{351}\u{36b}\u{343}algo",
            "e\u{301} \u{e9}",
            "\u{202e}right to left",
            "tab\tand\nline\r\n",
            "\u{feff}bom",
            "\u{1f468}\u{200d}\u{1f469}",
            "quote \" back \\ slash / ",
            "\u{1}\u{7f}\u{85}",
            "\u{fffd}\u{ffff}\u{10ffff}",
            "  spaces  ",
            "<b>&amp;</b>",
            "'; DROP TABLE customer; --",
            "$1 %s {} ?",
        ];
        for (n, text) in texts.iter().enumerate() {
            let row = json!([{"email": format!("{n}@b.c"), "first_name": text, "last_name": text, "company": text, "notes": text}]);
            let made = service.post("modify", V3, row).await;
            let found = service.get("read", &format!("{V3}?email:in={n}@b.c")).await;
            for customer in [&made.json()["data"][0], &found.json()["data"][0]] {
                for field in ["first_name", "last_name", "company", "notes"] {
                    assert_eq!(customer[field], json!(text), "{field} of {customer}");
                }
            }
            assert_eq!(
                service.get("read", &format!("/v2/customers/{}", made.ids()[0])).await.json()["notes"],
                json!(text)
            );
        }
    }

    async fn a_nul_in_a_text_is_refused(service: Service) {
        service.crowd(1).await;
        let before = service.dump().await;
        let answer = service
            .post(
                "modify",
                V3,
                json!([{"email": "a\u{0}@b.c", "first_name": "A", "last_name": "B"}]),
            )
            .await;
        shows(&answer, "nul in a text");
        answer.refused(422, INVALID, &json!({"0.email": "error.expected.text.without.nul"}));
        for field in
            ["email", "first_name", "last_name", "company", "phone", "notes", "tax_exempt_category"]
        {
            let answer = service.put("modify", V3, json!([{"id": 1, field: "a\u{0}b"}])).await;
            answer.refused(
                422,
                INVALID,
                &json!({format!("0.{field}"): "error.expected.text.without.nul"}),
            );
            let answer = service.put("modify", "/v2/customers/1", json!({field: "a\u{0}b"})).await;
            answer.declined(400, &format!("The field '{field}' is invalid."));
        }
        let password = json!([{"id": 1, "authentication": {"new_password": "hunter\u{0}22"}}]);
        assert_eq!(service.put("modify", V3, password).await.status, 422);
        let consent = json!({"allow": ["essential\u{0}"], "deny": []});
        assert_eq!(service.put("modify", "/v3/customers/1/consent", consent).await.status, 422);
        // A member's name is not kept, so it may hold one.
        assert_eq!(service.put("modify", V3, json!([{"id": 1, "a\u{0}b": 1}])).await.status, 200);
        assert_eq!(service.dump().await, before);
    }

    async fn a_nul_in_a_query_is_refused(service: Service) {
        for name in
            ["email:in", "name:like", "sort", "include", "after", "page", "date_created:min", "foo"]
        {
            let answer = service.get("read", &format!("{V3}?{name}=a%00b")).await;
            answer.refused(
                422,
                &format!("Query parameter \"{name}\" value may not contain U+0000."),
                &json!({}),
            );
        }
        assert_eq!(service.get("read", "/v3/customers?fo%00o=1").await.status, 422);
        assert_eq!(service.get("read", "/v2/customers?fo%00o=1").await.status, 400);
    }

    async fn lone_surrogates_and_bytes_that_are_no_utf8_are_no_json(service: Service) {
        service.crowd(1).await;
        let before = service.dump().await;
        let bodies: [&[u8]; 6] = [
            br#"[{"id":1,"company":"\ud800"}]"#,
            br#"[{"id":1,"company":"\udc00\ud800"}]"#,
            br#"[{"id":1,"company":"\ud83d \ude00"}]"#,
            b"[{\"id\":1,\"company\":\"\xff\"}]",
            b"[{\"id\":1,\"company\":\"\xc0\xaf\"}]",
            b"[{\"id\":1,\"company\":\"\xed\xa0\x80\"}]",
        ];
        for body in bodies {
            let answer = service.ask("PUT", V3).token("modify").text(body).send().await;
            answer.refused(422, INVALID, &json!({}));
        }
        // A pair of surrogates is one letter.
        let pair = service
            .ask("PUT", V3)
            .token("modify")
            .text(br#"[{"id":1,"company":"\ud83d\ude00"}]"#.as_slice())
            .send()
            .await;
        assert_eq!(pair.json()["data"][0]["company"], "\u{1f600}");
        service.put("modify", V3, json!([{"id": 1, "company": ""}])).await;
        assert_ne!(service.dump().await, before);
    }

    async fn a_query_or_path_that_is_no_utf8_is_no_fault_of_ours(service: Service) {
        service.crowd(1).await;
        for path in [
            "/v3/customers?name:like=%FF%FE",
            "/v2/customers?first_name=%C0%AF",
            "/v3/customers?%FF=1",
            "/v3/customers?id:in=%",
            "/v3/customers?name:in=%zz",
            "/v3/customers?=",
            "/v3/customers?&&&",
            "/v3/customers?id:in[]",
            "/v3/customers?[]=1",
            "/v3/customers?id:in[0]=1",
            "/v2/customers?email[]=a",
            "/stores/%FF/v3/customers",
            "/stores/%00/v3/customers",
            "/stores//v3/customers",
            "/v3/customers/%2F/consent",
            "/v3/customers/1%2Fconsent",
            "/v3/./customers",
            "/v3/../v2/customers",
        ] {
            let answer = service.get("read", path).await;
            assert!(answer.status < 500, "{answer}");
        }
    }

    async fn numbers_of_any_size_are_read_or_refused(service: Service) {
        service.crowd(1).await;
        let before = service.dump().await;
        for number in [
            "1e400",
            "-1e400",
            "123456789012345678901234567890",
            "9223372036854775808",
            "18446744073709551616",
            "1e-400",
            "2147483648",
            "-2147483649",
            "1.0000000000000001",
            "1E+2",
            "-0",
            "0.1e1",
        ] {
            for member in
                ["id", "customer_group_id", "origin_channel_id", "channel_ids", "first_name"]
            {
                let body = format!(
                    r#"[{{"email":"x@b.c","first_name":"A","last_name":"B","{member}":{number}}}]"#
                );
                let answer = service.ask("PUT", V3).token("modify").text(body).send().await;
                assert_eq!(answer.status, 422, "{answer}");
            }
            for member in ["customer_group_id", "store_credit"] {
                let body = format!(r#"{{"{member}":{number}}}"#);
                let answer =
                    service.ask("PUT", "/v2/customers/1").token("modify").text(body).send().await;
                assert!(answer.status < 500, "{answer}");
            }
        }
        service.put("modify", "/v2/customers/1", json!({"store_credit": 0})).await;
        let after = service.dump().await;
        assert_eq!(
            after.lines().filter(|line| line.starts_with("store:")).count(),
            before.lines().filter(|line| line.starts_with("store:")).count()
        );
    }

    async fn of_a_member_written_twice_the_last_counts(service: Service) {
        let body = r#"[{"email":"a@b.c","first_name":"A","last_name":"B","email":"b@b.c"}]"#;
        let answer = service.ask("POST", V3).token("modify").text(body).send().await;
        assert_eq!(answer.json()["data"][0]["email"], "b@b.c");
    }

    async fn whatever_sql_is_written_into_texts_stays_text(service: Service) {
        service.crowd(2).await;
        for text in [
            "' OR '1'='1",
            "\" OR 1=1 --",
            "%",
            "_",
            "\\",
            "1); DELETE FROM customer; --",
            "$1",
            "?1",
        ] {
            let encoded = text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"));
            for query in ["email:in", "name:in", "company:in", "phone:in"] {
                assert_eq!(
                    service.get("read", &format!("{V3}?{query}={encoded}")).await.ids(),
                    [0; 0],
                    "{query}={text}"
                );
            }
            assert_eq!(
                service.get("read", &format!("/v2/customers?email={encoded}")).await.status,
                204
            );
        }
        assert_eq!(service.get("read", V3).await.ids(), [2, 1]);
    }

    /// clients.md: node-bigcommerce rejects a success that has one.
    async fn a_success_never_has_an_error_member(service: Service) {
        service.crowd(2).await;
        for answer in [
            service.get("read", V3).await,
            service.put("modify", V3, json!([{"id": 1, "company": "X"}])).await,
            service.get("read", "/v3/customers/1/consent").await,
            service.get("read", "/v2/customers").await,
            service.get("read", "/v2/customers/1").await,
        ] {
            assert!(
                !names(&answer.json()).iter().any(|name| name == "error" || name == "errors"),
                "{answer}"
            );
        }
    }
}

fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| [vec![name.clone()], names(value)].concat())
            .collect(),
        Value::Array(items) => items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}
