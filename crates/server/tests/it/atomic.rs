//! Every write leaves its audit line and its event, in its own transaction, or leaves nothing.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

const V3: &str = "/v3/customers";
const ADDRESSES: &str = "/v3/customers/addresses";

fn person(email: &str) -> Value {
    json!({"email": email, "first_name": "Grace-the-first", "last_name": "Hopper-the-last"})
}

fn address(customer: i64) -> Value {
    json!({"customer_id": customer, "first_name": "Grace-the-first", "last_name": "Hopper-the-last",
        "address1": "Street-of-hers 1", "city": "City-of-hers", "state_or_province": "",
        "postal_code": "Code-of-hers", "country_code": "DE", "phone": "555-0199"})
}

fn event(what: &str, id: i64) -> String {
    format!(r#"store/customer/{what} {{"type":"customer","id":{id}}}"#)
}

on_each_engine! {
    async fn each_write_leaves_its_event_and_its_audit_line_and_no_other(service: Service) {
        service.post("modify", V3, json!([person("a@b.c"), person("b@b.c")])).await;
        service.post("modify", "/v2/customers", person("c@b.c")).await;
        service
            .put(
                "modify",
                V3,
                json!([{"id": 2, "email": "d@b.c", "phone": "5"}, {"id": 1, "company": ""}]),
            )
            .await;
        service
            .put(
                "modify",
                "/v2/customers/3",
                json!({"store_credit": "7", "_authentication": {"force_reset": true}}),
            )
            .await;
        service.put("modify", "/v3/customers/1/consent", json!({"allow": [], "deny": []})).await;
        let declared = r#"custodia/customer/consent/updated {"type":"customer","id":1}"#.to_owned();
        assert_eq!(service.events().await.last(), Some(&declared));
        assert_eq!(service.audit().await.last().map(String::as_str), Some("consent.declared 1 []"));
        service.delete("modify", "/v2/customers/3").await;
        service.delete("modify", "/v3/customers?id:in=2,99").await;
        service.delete("modify", "/v2/customers?max_id=1").await;
        let events = [
            event("created", 1),
            event("created", 2),
            event("created", 3),
            event("updated", 2),
            event("updated", 3),
            event("deleted", 3),
            event("deleted", 2),
            event("deleted", 1),
        ];
        assert_eq!(service.events().await, events);
        let audit = [
            "customer.created 1 []",
            "customer.created 2 []",
            "customer.created 3 []",
            "customer.updated 2 [email phone]",
            "customer.updated 3 [force_password_reset store_credit]",
            // Of somebody who has gone: docs/consent.md.
            "consent.declared 0 []",
            "customer.deleted 3 []",
            "customer.deleted 2 []",
            "customer.deleted 1 []",
        ];
        assert_eq!(service.audit().await, audit);
    }

    async fn an_audit_line_knows_who_and_when_and_in_which_request(service: Service) {
        service.set_seconds(5);
        let answer = service.post("modify", V3, json!([person("a@b.c"), person("b@b.c")])).await;
        let lines = service.texts("SELECT a.request_id || ' ' || CAST(a.at AS TEXT) || ' ' || c.scopes AS line
             FROM audit a JOIN account c ON c.account_id = a.account_id AND c.store_id = a.store_id ORDER BY a.audit_id").await;
        let line = format!("{} 1717243205000000 store_v2_customers store_stored_payment_instruments", answer.header("x-request-id"));
        assert_eq!(lines, [line.clone(), line]);
        let at = service.texts("SELECT CAST(created_at AS TEXT) || ' ' || CAST(subject AS TEXT) AS line FROM outbox ORDER BY event_id").await;
        assert_eq!(at, ["1717243205000000 1", "1717243205000000 2"]);
    }

    async fn what_is_refused_leaves_nothing(service: Service) {
        service.crowd(3).await;
        let before = service.dump().await;
        for (method, path, body, status) in [
            ("POST", V3, json!([person("new@b.c"), person("c1@example.com")]), 422),
            ("POST", V3, json!([person("new@b.c"), {"email": "x@b.c"}]), 422),
            ("POST", V3, json!([person("new@b.c"), person("no address")]), 422),
            ("PUT", V3, json!([{"id": 1, "company": "X"}, {"id": 99}]), 422),
            (
                "PUT",
                V3,
                json!([{"id": 1, "company": "X"}, {"id": 2, "email": "c3@example.com"}]),
                422,
            ),
            ("PUT", V3, json!([{"id": 1, "company": "X"}, {"id": 2, "first_name": ""}]), 422),
            ("POST", "/v2/customers", person("c1@example.com"), 400),
            ("PUT", "/v2/customers/1", json!({"company": "X", "email": "c2@example.com"}), 400),
            ("PUT", "/v2/customers/99", json!({"company": "X"}), 404),
            ("DELETE", "/v2/customers/99", json!(null), 404),
            ("POST", "/v3/customers/addresses", json!([address(1), address(99)]), 422),
            ("PUT", "/v3/customers/addresses", json!([{"id": 1}]), 422),
            ("PUT", "/v2/customers/1/addresses/1", json!({"city": "X"}), 404),
            ("DELETE", "/v2/customers/1/addresses/1", json!(null), 404),
            ("DELETE", "/v2/customers/99/addresses", json!(null), 404),
            ("PUT", "/v3/customers/99/consent", json!({"allow": [], "deny": []}), 404),
        ] {
            let answer = service.ask(method, path).token("modify").json(body).send().await;
            assert_eq!(answer.status, status, "{answer}");
        }
        assert_eq!(service.dump().await, before, "also no number was used up");
    }

    /// A change cannot be kept without the line that tells of it, whichever is written last.
    async fn when_event_or_audit_line_cannot_be_written_neither_is_the_change(service: Service) {
        service.crowd(3).await;
        service
            .put("modify", "/v3/customers/1/consent", json!({"allow": ["essential"], "deny": []}))
            .await;
        service.post("modify", ADDRESSES, json!([address(1)])).await;
        for table in ["audit", "outbox"] {
            let before = service.dump().await;
            service.meddle(&format!("ALTER TABLE {table} RENAME TO away")).await;
            for (method, path, body) in [
                ("POST", V3, json!([person("new@b.c"), person("new2@b.c")])),
                ("PUT", V3, json!([{"id": 1, "company": "X"}, {"id": 2, "email": "y@b.c"}])),
                ("DELETE", "/v3/customers?id:in=1,2", json!(null)),
                ("POST", "/v2/customers", person("new@b.c")),
                ("PUT", "/v2/customers/1", json!({"company": "X"})),
                ("DELETE", "/v2/customers/1", json!(null)),
                ("DELETE", "/v2/customers", json!(null)),
                ("PUT", "/v3/customers/1/consent", json!({"allow": [], "deny": []})),
                ("POST", ADDRESSES, json!([address(2), address(3)])),
                ("PUT", ADDRESSES, json!([{"id": 1, "city": "X"}])),
                ("DELETE", "/v3/customers/addresses?id:in=1", json!(null)),
                ("PUT", "/v2/customers/1/addresses/1", json!({"city": "X"})),
                ("DELETE", "/v2/customers/1/addresses/1", json!(null)),
                ("DELETE", "/v2/customers/1/addresses", json!(null)),
            ] {
                let answer = service.ask(method, path).token("modify").json(body).send().await;
                assert_eq!(answer.status, 500, "{answer}");
                assert!(!answer.text().contains(table), "the cause is not shown: {answer}");
            }
            service.meddle(&format!("ALTER TABLE away RENAME TO {table}")).await;
            assert_eq!(service.dump().await, before);
        }
        service.made(json!([person("new@b.c")])).await;
    }

    async fn audit_and_outbox_hold_no_personal_data(service: Service) {
        let secret = json!({"email": "grace.hopper@navy.example", "first_name": "Grace-the-first", "last_name": "Hopper-the-last",
            "company": "Company-of-hers", "phone": "555-0199", "notes": "Note-on-her", "tax_exempt_category": "Tax-of-hers"});
        let mut v3 = secret.clone();
        v3["authentication"] = json!({"new_password": "Password-of-hers-1"});
        service.made(json!([v3])).await;
        let change: serde_json::Map<String, Value> = secret
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                (name.clone(), json!(format!("Changed.{}", value.as_str().unwrap())))
            })
            .collect();
        let mut change = Value::Object(change);
        service.put("modify", "/v2/customers/1", change.clone()).await;
        change["id"] = json!(1);
        change["authentication"] =
            json!({"new_password": "Password-of-hers-2", "force_password_reset": true});
        service.put("modify", V3, json!([change])).await;
        service.post("modify", ADDRESSES, json!([address(1)])).await;
        service.put("modify", ADDRESSES, json!([{"id": 1, "city": "City-of-hers-2"}])).await;
        service.delete("modify", "/v3/customers/addresses?id:in=1").await;
        service.delete("modify", "/v2/customers/1").await;
        let kept = service.dump().await;
        let told: Vec<&str> = kept.lines().filter(|line| !line.starts_with("customer:")).collect();
        for word in [
            "grace",
            "hopper",
            "Company-of",
            "555",
            "Note-on",
            "Tax-of",
            "Password-of",
            "Street-of",
            "City-of",
            "Code-of",
            "navy",
            "argon2",
        ] {
            assert!(
                !told.iter().any(|line| line.to_lowercase().contains(&word.to_lowercase())),
                "{word} is in {told:?}"
            );
        }
        assert!(told.iter().filter(|line| line.starts_with("audit:")).count() == 7, "{told:?}");
        assert_eq!(kept.lines().filter(|line| line.starts_with("customer:")).count(), 0);
    }

    async fn numbers_of_events_and_audit_lines_follow_time_and_never_repeat(service: Service) {
        for second in 0..3 {
            service.set_seconds(second);
            let rows: Vec<Value> = (0..10).map(|n| person(&format!("{second}.{n}@b.c"))).collect();
            service.made(json!(rows)).await;
        }
        assert_eq!(
            service
                .texts("SELECT CAST(subject AS TEXT) AS line FROM outbox ORDER BY event_id")
                .await,
            (1..=30).map(|id: i64| id.to_string()).collect::<Vec<_>>()
        );
        assert_eq!(service.number("SELECT COUNT(DISTINCT event_id) FROM outbox").await, 30);
        assert_eq!(service.number("SELECT COUNT(DISTINCT audit_id) FROM audit").await, 30);
    }

    async fn the_count_that_is_kept_is_the_count_there_is(service: Service) {
        service.crowd(12).await;
        service.delete("modify", "/v3/customers?id:in=1,2,99").await;
        service.delete("modify", "/v2/customers/3").await;
        service.delete("modify", "/v2/customers?min_id=11").await;
        assert_eq!(
            service.number("SELECT live FROM counter WHERE name = 'customer' AND store_id = (SELECT store_id FROM store WHERE hash = \'acme\')").await,
            service.number("SELECT COUNT(*) FROM customer").await
        );
        assert_eq!(service.get("read", "/v2/customers/count").await.json(), json!({"count": 7}));
        assert_eq!(service.get("read", V3).await.json()["meta"]["pagination"]["total"], 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_cannot_write() {
    testkit::run(testkit::Engine::Sqlite, async |service: Service| {
        let deleted: sql::Result<Vec<(i64,)>> = service
            .app()
            .db
            .read(async |tx| tx.query("DELETE FROM store RETURNING store_id").fetch_all().await)
            .await;
        assert!(deleted.is_err());
    })
    .await;
}
