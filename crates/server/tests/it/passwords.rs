use futures_util::FutureExt as _;
use kernel::StoreId;
use rest::labour::MOST_OF_STORE;
use serde_json::{Value, json};
use testkit::{Answer, Service, on_each_engine};

const V3: &str = "/v3/customers";

fn person(email: &str, authentication: &Value) -> Value {
    json!({"email": email, "first_name": "A", "last_name": "B", "authentication": authentication})
}

async fn hashes(service: &Service) -> Vec<String> {
    service.texts("SELECT password_hash FROM customer ORDER BY customer_id").await
}

on_each_engine! {
    async fn a_password_is_kept_as_argon2id_with_a_salt_of_its_own(service: Service) {
        let row = |n: u32| person(&format!("{n}@b.c"), &json!({"new_password": "hunter22"}));
        service
            .made(
                json!([row(1), row(2), {"email": "none@b.c", "first_name": "A", "last_name": "B"}]),
            )
            .await;
        let mut v2 = json!({"email": "4@b.c", "first_name": "A", "last_name": "B"});
        v2["_authentication"] = json!({"password": "hunter22"});
        assert_eq!(service.post("modify", "/v2/customers", v2).await.status, 201);
        let kept = hashes(&service).await;
        for at in [0, 1, 3] {
            assert!(kept[at].starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept[at]);
        }
        assert!(kept[0] != kept[1] && kept[0] != kept[3] && kept[1] != kept[3]);
        assert_eq!(kept[2], "");
    }

    async fn a_password_and_its_hash_are_in_no_answer(service: Service) {
        let said = json!({"new_password": "hunter22", "force_password_reset": true});
        let sent = json!([person("a@b.c", &said)]);
        let mut answers = vec![service.post("modify", V3, sent).await];
        answers.push(
            service
                .put(
                    "modify",
                    V3,
                    json!([{"id": 1, "authentication": {"new_password": "hunter22x"}}]),
                )
                .await,
        );
        answers.push(
            service
                .put("modify", V3, json!([{"id": 1, "authentication": {"new_password": "hunter"}}]))
                .await,
        );
        for confirmed in ["hunter22y", "no"] {
            let said = json!({"password": "hunter22y", "password_confirmation": confirmed});
            let sent = json!({"_authentication": said});
            answers.push(service.put("modify", "/v2/customers/1", sent).await);
        }
        for path in ["/v3/customers?include=storecredit", "/v2/customers", "/v2/customers/1"] {
            answers.push(service.get("modify", path).await);
        }
        for answer in answers {
            let all = format!("{:?} {}", answer.headers, answer.text());
            assert!(answer.status < 500, "{answer}");
            assert!(
                !all.contains("hunter")
                    && !all.contains("argon2")
                    && !all.contains("_authentication\""),
                "{answer}"
            );
        }
    }

    async fn a_new_password_replaces_the_old_one_and_is_told_by_its_field_alone(service: Service) {
        service.crowd(2).await;
        service.set_seconds(60);
        let answer = service
            .put("modify", V3, json!([{"id": 1, "authentication": {"new_password": "hunter22"}}]))
            .await;
        assert_eq!(answer.json()["data"][0]["date_modified"], "2024-06-01T12:01:00Z");
        let first = hashes(&service).await;
        service
            .put("modify", "/v2/customers/1", json!({"_authentication": {"password": "hunter23"}}))
            .await;
        let second = hashes(&service).await;
        assert!(first[0] != second[0] && second[0].starts_with("$argon2id$"));
        assert_eq!(second[1], "", "nobody else's");
        assert_eq!(
            service.audit().await[2..],
            ["customer.updated 1 [password]", "customer.updated 1 [password]"]
        );
    }

    async fn a_put_without_a_password_leaves_the_old_one(service: Service) {
        service.made(json!([person("a@b.c", &json!({"new_password": "hunter22"}))])).await;
        let before = hashes(&service).await;
        service.put("modify", V3, json!([{"id": 1, "company": "X", "authentication": {"force_password_reset": true}}])).await;
        service
            .put("modify", V3, json!([{"id": 1, "authentication": {"new_password": null}}]))
            .await;
        service
            .put("modify", "/v2/customers/1", json!({"_authentication": null, "phone": "1"}))
            .await;
        service.put("modify", "/v2/customers/1", json!({"_authentication": {}})).await;
        assert_eq!(hashes(&service).await, before);
    }

    async fn a_refused_batch_sets_no_password(service: Service) {
        service.crowd(2).await;
        let sent = json!([{"id": 1, "authentication": {"new_password": "hunter22"}}, {"id": 2, "email": "c1@example.com"}]);
        assert_eq!(service.put("modify", V3, sent).await.status, 422);
        assert_eq!(hashes(&service).await, ["", ""]);
    }

    async fn letters_and_digits_of_any_script_make_a_password(service: Service) {
        service.crowd(1).await;
        for (password, status) in [
            ("пароль123", 200),
            ("密码密码密码1", 200),
            ("pass word 1", 200),
            ("1234567a", 200),
            ("\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}", 422),
        ] {
            let answer = service
                .put("modify", V3, json!([{"id": 1, "authentication": {"new_password": password}}]))
                .await;
            assert_eq!(answer.status, status, "{password}");
        }
    }

    /// Hashing one takes a processor for some 20 ms: whoever comes when half a minute of it waits is told so at once.
    async fn when_too_many_passwords_wait_for_their_hash_it_is_503_and_nothing_changes(service: Service) {
        service.made(json!([person("a@b.c", &json!({"new_password": "hunter22"}))])).await;
        let before = service.dump().await;
        let (opened, gate) = std::sync::mpsc::channel::<()>();
        let gate = std::sync::Arc::new(std::sync::Mutex::new(gate));
        let mut waiting = Vec::new();
        loop {
            let gate = std::sync::Arc::clone(&gate);
            let wait = move || {
                let _ = gate.lock().unwrap().recv();
            };
            // Of many stores: one may not fill it.
            let store = StoreId(i64::try_from(waiting.len() / MOST_OF_STORE).unwrap());
            let mut work = Box::pin(service.app().labour.run(store, wait));
            match work.as_mut().now_or_never() {
                None => waiting.push(work),
                Some(refused) => {
                    assert!(matches!(refused, Err(kernel::Error::Unavailable(_))));
                    break;
                }
            }
        }
        assert!(waiting.len() > 1_000, "{} may wait", waiting.len());
        let new = || json!([person("b@b.c", &json!({"new_password": "hunter22"}))]);
        let change = || json!([{"id": 1, "company": "X", "authentication": {"new_password": "hunter23"}}]);
        let tried = json!({"email": "a@b.c", "password": "hunter22"});
        let refused = |answer: Answer| {
            answer.refused(503, "Service Unavailable", &json!({}));
            assert_eq!(answer.header("x-retry-after"), "1");
        };
        refused(service.post("modify", V3, new()).await);
        refused(service.put("modify", V3, change()).await);
        let v2 = json!({"_authentication": {"password": "hunter23"}, "company": "X"});
        let v2 = service.put("modify", "/v2/customers/1", v2).await;
        v2.declined(503, "The service is unavailable.");
        assert_eq!(v2.header("x-retry-after"), "1");
        assert!(service.dump().await == before, "something has changed");
        refused(service.post("modify", "/v3/customers/validate-credentials", tried).await);
        let without = service.put("modify", V3, json!([{"id": 1, "company": "Y"}])).await;
        assert_eq!(without.status, 200, "who sets no password waits for nobody: {without}");
        drop(opened);
        for done in futures_util::future::join_all(waiting).await {
            done.expect("it waited and was done");
        }
        assert_eq!(service.post("modify", V3, new()).await.status, 200);
        assert_eq!(service.put("modify", V3, change()).await.status, 200);
    }
}
