//! Credentials, the lock that follows failures, and passwords that other systems hashed.

use kernel::StoreId;
use resources::customers::rows::exchange_password;
use rest::{
    labour::{self, QUEUE},
    turns::MOST_OF_STORE,
};
use serde_json::{Value, json};
use testkit::{Answer, Service, at_once, on_each_engine};

use crate::shows;

const V3: &str = "/v3/customers";
const VALIDATE: &str = "/v3/customers/validate-credentials";
const V2: &str = "/v2/customers/1/validate";
const RIGHT: &str = "hunter22";
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa";

async fn with_a_customer(service: &Service) {
    service.made(json!([person("Ada@Example.com", &json!(null))])).await;
}

fn person(email: &str, channels: &Value) -> Value {
    json!({"email": email, "first_name": "A", "last_name": "B", "channel_ids": channels,
        "authentication": {"new_password": RIGHT}})
}

async fn tried(service: &Service, email: &str, password: &str) -> Answer {
    service.post("modify", VALIDATE, json!({"email": email, "password": password})).await
}

async fn on_channel(service: &Service, email: &str, channel: i64) -> Value {
    let body = json!({"email": email, "password": RIGHT, "channel_id": channel});
    service.post("modify", VALIDATE, body).await.json()
}

async fn hash_of(service: &Service, id: i64) -> String {
    service
        .texts(&format!("SELECT password_hash FROM customer WHERE customer_id = {id}"))
        .await
        .remove(0)
}

fn put_hash(id: i64) -> String {
    format!("/stores/acme/custodia/customers/{id}/password-hash")
}

async fn remembered(service: &Service) -> i64 {
    service.number("SELECT COUNT(*) FROM sign_in_attempt").await
}

/// As [`crate::robust::sound`] does for others.
async fn counted(service: &Service) {
    let acme = "store_id = (SELECT store_id FROM store WHERE hash = 'acme')";
    let live = format!("SELECT live FROM counter WHERE name = 'sign_in' AND {acme}");
    let there = format!("SELECT COUNT(*) FROM sign_in_attempt WHERE {acme}");
    assert_eq!(service.number(&live).await, service.number(&there).await);
}

on_each_engine! {
    async fn credentials_are_valid_or_not_in_a_bare_object(service: Service) {
        with_a_customer(&service).await;
        // All but how many were ever remembered.
        let kept = async || {
            let dump = service.dump().await;
            dump.lines().filter(|line| !line.contains("|sign_in|")).map(str::to_owned).collect::<Vec<_>>()
        };
        let before = kept().await;
        let right = tried(&service, "ada@example.COM", RIGHT).await;
        right.is_just(r#"{"is_valid":true,"customer_id":1}"#);
        shows(&right, "valid");
        assert_eq!(kept().await, before, "a success leaves nothing behind");
        let wrong = tried(&service, "ada@example.com", "hunter23").await;
        wrong.is_just(r#"{"is_valid":false}"#);
        shows(&wrong, "not valid");
        let unknown = tried(&service, "nobody@example.com", RIGHT).await;
        assert_eq!((unknown.status, &unknown.body), (200, &wrong.body));
        for email in ["", "no address", "a@b@c"] {
            assert_eq!(tried(&service, email, RIGHT).await.body, wrong.body);
        }
        assert_eq!(tried(&service, "ada@example.com", "").await.body, wrong.body);
        assert_eq!(tried(&service, "ada@example.com", &"x".repeat(100_000)).await.body, wrong.body);
        let v2 = service.post("modify", V2, json!({"password": RIGHT})).await;
        v2.is_just(r#"{"success":true}"#);
        shows(&v2, "right");
        let v2 = service.post("modify", V2, json!({"password": "x"})).await;
        v2.is_just(r#"{"success":false}"#);
        shows(&v2, "wrong");
        assert_eq!(service.audit().await.len(), 1, "a check changes no customer");
        counted(&service).await;
    }

    async fn each_fault_of_credentials_is_told(service: Service) {
        with_a_customer(&service).await;
        let before = service.dump().await;
        let title = "JSON data is missing or invalid";
        for (body, errors) in [
            (json!({}), json!({"email": "error.path.missing", "password": "error.path.missing"})),
            (json!({"email": 1, "password": null}), json!({"email": "error.expected.jsstring", "password": "error.expected.jsstring"})),
            (json!({"email": "a@b.c", "password": "x", "channel_id": "1"}), json!({"channel_id": "error.expected.jsnumber"})),
            (json!({"email": "a@b.c", "password": "x", "channel_id": 1e300}), json!({"channel_id": "error.expected.int"})),
            (json!({"email": "a@b.c\u{0}", "password": "x"}), json!({"email": "error.expected.text.without.nul"})),
            (json!([]), json!({"obj": "error.expected.jsobject"})),
        ] {
            service.post("modify", VALIDATE, body).await.refused(422, title, &errors);
        }
        shows(&service.post("modify", VALIDATE, json!({})).await, "nothing said");
        service.post("modify", V2, json!({})).await.declined(400, "The field 'password' is required.");
        service.post("modify", V2, json!({"password": 1})).await.declined(400, "The field 'password' is invalid.");
        let unknown = service.post("modify", "/v2/customers/99/validate", json!({"password": RIGHT})).await;
        unknown.declined(404, "The requested resource was not found.");
        shows(&unknown, "unknown customer");
        assert_eq!(service.dump().await, before);
    }

    async fn a_check_is_the_same_work_whether_there_is_such_an_account_or_not(service: Service) {
        with_a_customer(&service).await;
        service.made(json!([{"email": "none@b.c", "first_name": "A", "last_name": "B"}])).await;
        let begun = || service.app().labour.begun();
        for (email, password) in [
            ("ada@example.com", RIGHT),
            ("ada@example.com", "wrong"),
            ("nobody@example.com", RIGHT),
            ("none@b.c", RIGHT),
            ("none@b.c", ""),
            ("no address", "x"),
        ] {
            let before = begun();
            assert_eq!(tried(&service, email, password).await.status, 200);
            assert_eq!(begun() - before, 1, "{email} {password}");
        }
        for path in [V2, "/v2/customers/2/validate", "/v2/customers/99/validate"] {
            let before = begun();
            service.post("modify", path, json!({"password": "x"})).await;
            assert_eq!(begun() - before, 1, "{path}");
        }
    }

    async fn the_channel_decides_which_account_is_checked(service: Service) {
        service.made(json!([person("a@b.c", &json!([2])), person("a@b.c", &json!([3, 4])), person("g@b.c", &json!(null))])).await;
        assert_eq!(on_channel(&service, "a@b.c", 2).await, json!({"is_valid": true, "customer_id": 1}));
        assert_eq!(on_channel(&service, "a@b.c", 4).await, json!({"is_valid": true, "customer_id": 2}));
        for channel in [1, 99, 0, -1] {
            assert_eq!(on_channel(&service, "a@b.c", channel).await, json!({"is_valid": false}));
        }
        // Until now the fourth failure: a success forgets them.
        assert_eq!(on_channel(&service, "a@b.c", 3).await["customer_id"], 2);
        assert_eq!(on_channel(&service, "g@b.c", 1).await["customer_id"], 3);
        assert_eq!(on_channel(&service, "g@b.c", 2).await["is_valid"], false);
        let path = "/v3/customers/settings/channels/2";
        service.put("modify", path, json!({"allow_global_logins": true})).await;
        assert_eq!(on_channel(&service, "g@b.c", 2).await["customer_id"], 3);
        let path = "/v3/customers/settings/channels/1";
        service.put("modify", path, json!({"allow_global_logins": false})).await;
        assert_eq!(on_channel(&service, "g@b.c", 1).await["is_valid"], false);
        // Without a channel: who has access everywhere.
        assert_eq!(tried(&service, "g@b.c", RIGHT).await.json()["customer_id"], 3);
        assert_eq!(tried(&service, "a@b.c", RIGHT).await.json(), json!({"is_valid": false}));
    }

    async fn no_account_of_another_store_is_checked_and_no_failure_counted_there(service: Service) {
        with_a_customer(&service).await;
        let theirs = "/stores/zenith/v3/customers/validate-credentials";
        let body = json!({"email": "ada@example.com", "password": RIGHT});
        for _ in 0..5 {
            service.post("other", theirs, body.clone()).await.is_just(r#"{"is_valid":false}"#);
        }
        assert_eq!(service.post("other", theirs, body).await.status, 429);
        tried(&service, "ada@example.com", RIGHT).await.is_just(r#"{"is_valid":true,"customer_id":1}"#);
        let v2 = service.post("other", "/stores/zenith/v2/customers/1/validate", json!({"password": RIGHT})).await;
        assert_eq!(v2.status, 404);
    }

    async fn after_five_failures_a_lock_grows_known_address_or_not_and_passes(service: Service) {
        with_a_customer(&service).await;
        for email in ["ada@example.com", "nobody@example.com"] {
            service.set_seconds(0);
            for n in 0..5 {
                assert_eq!(tried(&service, email, "wrong").await.status, 200, "{n}");
            }
            let begun = service.app().labour.begun();
            let locked = tried(&service, email, RIGHT).await;
            assert_eq!((locked.status, locked.header("x-retry-after")), (429, "1"));
            locked.refused(429, "Too many requests", &json!({}));
            if email.starts_with("ada") {
                shows(&locked, "locked");
                let v2 = service.post("modify", V2, json!({"password": RIGHT})).await;
                v2.declined(429, "Too many requests");
                assert_eq!(v2.header("x-retry-after"), "1");
                shows(&v2, "locked");
            }
            assert_eq!(service.app().labour.begun(), begun, "a lock costs no hash");
            assert_eq!(tried(&service, &email.to_uppercase(), "x").await.status, 429, "without case");
            let mut at = 1;
            for lock in [2, 4, 8] {
                service.set_seconds(at);
                assert_eq!(tried(&service, email, "wrong").await.status, 200);
                let locked = tried(&service, email, RIGHT).await;
                assert_eq!(locked.header("x-retry-after"), lock.to_string());
                service.set_seconds(at + lock - 1);
                assert_eq!(tried(&service, email, RIGHT).await.header("x-retry-after"), "1");
                at += lock;
            }
        }
        tried(&service, "else@example.com", "x").await.is_just(r#"{"is_valid":false}"#);
        service.set_seconds(20);
        tried(&service, "ada@example.com", RIGHT).await.is_just(r#"{"is_valid":true,"customer_id":1}"#);
        for _ in 0..4 {
            assert_eq!(tried(&service, "ada@example.com", "wrong").await.status, 200, "forgotten");
        }
        counted(&service).await;
    }

    async fn what_is_remembered_of_failures_is_a_digest_that_outlives_a_restart_and_decays(
        service: Service,
    ) {
        for _ in 0..5 {
            tried(&service, "ada@example.com", "wrong").await;
        }
        assert!(!service.dump().await.contains("ada@"), "no address is kept");
        let beside = service.beside().await;
        assert_eq!(tried(&beside, "ada@example.com", "wrong").await.status, 429);
        assert_eq!(remembered(&service).await, 1);
        // Five quarters of an hour forgive five, and the next who fails sweeps.
        service.set_seconds(5 * 900 + 1);
        tried(&service, "other@example.com", "wrong").await;
        assert_eq!(remembered(&service).await, 1);
        for _ in 0..5 {
            assert_eq!(tried(&service, "ada@example.com", "wrong").await.status, 200);
        }
        counted(&service).await;
    }

    async fn many_attempts_at_once_are_no_way_around_the_lock(service: Service) {
        with_a_customer(&service).await;
        let beside = service.beside().await;
        for email in ["ada@example.com", "nobody@example.com"] {
            let requests = (0..30).map(|n| {
                let service = if n % 2 == 0 { service.clone() } else { beside.clone() };
                async move { tried(&service, email, "wrong").await.status }
            });
            let let_in = at_once(requests).await.into_iter().filter(|status| *status == 200).count();
            assert_eq!(let_in, 5, "{email}");
        }
        counted(&service).await;
    }

    async fn what_an_overloaded_server_refuses_is_nobodys_failure(service: Service) {
        with_a_customer(&service).await;
        let of = |n: usize| StoreId(i64::try_from(n / labour::MOST_OF_STORE).unwrap());
        let full: Vec<_> = (0..QUEUE).map(|n| service.app().labour.queue(of(n)).unwrap()).collect();
        for email in ["ada@example.com", "nobody@example.com"] {
            let refused = tried(&service, email, "wrong").await;
            refused.refused(503, "Service Unavailable", &json!({}));
        }
        for path in [V2, "/v2/customers/99/validate"] {
            let refused = service.post("modify", path, json!({"password": "wrong"})).await;
            refused.declined(503, "The service is unavailable.");
        }
        assert_eq!(remembered(&service).await, 0);
        drop(full);
        tried(&service, "ada@example.com", RIGHT).await.is_just(r#"{"is_valid":true,"customer_id":1}"#);
        counted(&service).await;
    }

    async fn a_store_whose_passwords_pile_up_is_told_to_wait_and_another_is_not(service: Service) {
        with_a_customer(&service).await;
        let store = StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await);
        let queue = || service.app().labour.queue(store).unwrap();
        let full: Vec<_> = (0..labour::MOST_OF_STORE).map(|_| queue()).collect();
        let refused = tried(&service, "ada@example.com", RIGHT).await;
        refused.refused(429, "Too many requests", &json!({}));
        assert_eq!(refused.header("x-retry-after"), "1");
        let unknown = service.post("modify", "/v2/customers/99/validate", json!({"password": "x"})).await;
        assert_eq!((unknown.status, unknown.header("x-retry-after")), (429, "1"));
        let new = service.post("modify", V3, json!([person("new@b.c", &json!(null))])).await;
        assert_eq!((new.status, new.header("x-retry-after")), (429, "1"), "{new}");
        let other = service.post("other", "/stores/zenith/v3/customers", json!([person("new@b.c", &json!(null))])).await;
        assert_eq!(other.status, 200, "{other}");
        drop(full);
        assert_eq!(remembered(&service).await, 0);
        tried(&service, "ada@example.com", RIGHT).await.is_just(r#"{"is_valid":true,"customer_id":1}"#);
    }

    async fn a_store_whose_sign_ins_pile_up_waits_and_another_does_not(service: Service) {
        with_a_customer(&service).await;
        let store = StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await);
        let mut turns = Vec::new();
        for n in 0..MOST_OF_STORE {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&n.to_be_bytes());
            turns.push(service.app().turns.take(store, digest).await.unwrap());
        }
        let refused = tried(&service, "ada@example.com", RIGHT).await;
        refused.refused(429, "Too many requests", &json!({}));
        assert_eq!(refused.header("x-retry-after"), "1");
        assert_eq!(remembered(&service).await, 0);
        let theirs = "/stores/zenith/v3/customers/validate-credentials";
        let body = json!({"email": "ada@example.com", "password": RIGHT});
        service.post("other", theirs, body).await.is_just(r#"{"is_valid":false}"#);
        turns.pop();
        tried(&service, "ada@example.com", RIGHT).await.is_just(r#"{"is_valid":true,"customer_id":1}"#);
    }

    async fn accounts_of_one_address_share_its_failures(service: Service) {
        service.made(json!([person("a@b.c", &json!([2])), person("a@b.c", &json!([3]))])).await;
        for n in 0..5 {
            let body = json!({"email": "a@b.c", "password": "wrong", "channel_id": 2 + n % 2});
            assert_eq!(service.post("modify", VALIDATE, body).await.status, 200);
        }
        for id in [1, 2] {
            let path = format!("/v2/customers/{id}/validate");
            assert_eq!(service.post("modify", &path, json!({"password": RIGHT})).await.status, 429);
        }
    }

    async fn what_failed_for_a_customer_is_forgotten_with_it(service: Service) {
        let people = ["a", "b", "c", "d"].map(|name| person(&format!("{name}@b.c"), &json!(null)));
        service.made(json!(people)).await;
        service.made(json!([person("e@b.c", &json!([2])), person("E@B.c", &json!([3]))])).await;
        for email in ["a@b.c", "b@b.c", "c@b.c", "d@b.c", "e@b.c", "nobody@b.c"] {
            assert_eq!(tried(&service, email, "wrong").await.status, 200);
        }
        assert_eq!(remembered(&service).await, 6);
        service.delete("modify", "/stores/acme/v3/customers?id:in=1,99").await;
        assert_eq!(remembered(&service).await, 5);
        service.delete("modify", "/v2/customers/2").await;
        assert_eq!(remembered(&service).await, 4);
        service.delete("modify", "/v2/customers?max_id=3").await;
        assert_eq!(remembered(&service).await, 3);
        // Another account has the address.
        service.delete("modify", "/v2/customers/5").await;
        assert_eq!(remembered(&service).await, 3);
        service.delete("modify", "/v2/customers").await;
        assert_eq!(remembered(&service).await, 1, "nobody's");
        counted(&service).await;
    }

    async fn who_signs_in_while_being_deleted_waits_in_no_circle(service: Service) {
        let unforgiving = service.unforgiving().await;
        for round in 0..3_i64 {
            service.made(Value::from((0..8).map(|n| json!({"email": format!("r{round}.{n}@b.c"), "first_name": "A", "last_name": "B"})).collect::<Vec<_>>())).await;
            let last = service.number("SELECT MAX(customer_id) FROM customer").await;
            for id in last - 7..=last {
                service.put("modify", &put_hash(id), json!({"password_hash": BCRYPT})).await;
                tried(&service, &format!("r{round}.{}@b.c", id - last + 7), "wrong").await;
            }
            let requests = (0..16_i64).map(|n| {
                let service = unforgiving.clone();
                async move {
                    match n % 4 {
                        0 => service.delete("modify", &format!("{V3}?id:in={},{}", last - n / 2, last - 7 + n / 2)).await.status,
                        1 => tried(&service, &format!("r{round}.{}@b.c", n / 2), "wrong").await.status,
                        _ => tried(&service, &format!("r{round}.{}@b.c", n / 2), RIGHT).await.status,
                    }
                }
            });
            for status in at_once(requests).await {
                assert!(status < 500, "{status}");
            }
            counted(&service).await;
        }
        unforgiving.app().db.close().await.unwrap();
    }

    async fn many_who_are_right_at_once_are_all_let_in(service: Service) {
        with_a_customer(&service).await;
        let requests = (0..12).map(|_| {
            let service = service.clone();
            async move { tried(&service, "ada@example.com", RIGHT).await.json()["is_valid"] == true }
        });
        assert_eq!(at_once(requests).await, [true; 12]);
        assert_eq!(remembered(&service).await, 0);
        counted(&service).await;
    }

    async fn a_store_remembers_ten_thousand_addresses_and_forgets_those_that_failed_least(
        service: Service,
    ) {
        for _ in 0..5 {
            tried(&service, "ada@example.com", "wrong").await;
        }
        service.meddle(
            "INSERT INTO sign_in_attempt (store_id, subject, failures, locked_until, forgotten_at)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
             SELECT store_id, 'x' || CAST(i AS TEXT), 1, 1717243200000000, 1717244100000000
             FROM n CROSS JOIN store WHERE hash = 'acme'",
        )
        .await;
        service.meddle("UPDATE counter SET live = 10000 WHERE name = 'sign_in' AND store_id = (SELECT store_id FROM store WHERE hash = 'acme')").await;
        for n in 0..3 {
            tried(&service, &format!("{n}@example.com"), "wrong").await;
        }
        assert_eq!(remembered(&service).await, 10_000);
        assert_eq!(tried(&service, "ada@example.com", "wrong").await.status, 429);
        counted(&service).await;
    }

    async fn a_hash_from_elsewhere_is_checked_and_hashed_anew_at_its_first_use(service: Service) {
        service.crowd(4).await;
        let hashes = [
            BCRYPT,
            "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$ueBbYQVkDHSR2wInfuEbu55EoAdDx3ozbiXKophExIU",
            "$pbkdf2-sha512$i=1000,l=64$MDEyMzQ1Njc4OWFiY2RlZg$Xg4EL7+rA8+/LUT63Xnyx+M07DB00Ik0jgihW+CwUKZ/i0YJ7ls5kTqGHv6FnbyBgjbhv/S9rJboL4EAjFPYtw",
            "$pbkdf2$i=1000,l=20$MDEyMzQ1Njc4OWFiY2RlZg$KwthxV9WuFwB/bguLKmJmXZCg0c",
        ];
        for (id, hash) in (1..).zip(hashes) {
            let email = format!("c{id}@example.com");
            let answer = service.put("modify", &put_hash(id), json!({"password_hash": hash})).await;
            assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{answer}");
            if id == 1 {
                shows(&answer, "taken");
            }
            assert_eq!(tried(&service, &email, "hunter23").await.json()["is_valid"], false);
            assert_eq!(hash_of(&service, id).await, hash);
            let begun = service.app().labour.begun();
            assert_eq!(tried(&service, &email, RIGHT).await.json()["customer_id"], id);
            assert_eq!(service.app().labour.begun() - begun, 1);
            let ours = hash_of(&service, id).await;
            assert!(ours.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{ours}");
            assert_eq!(tried(&service, &email, RIGHT).await.json()["customer_id"], id);
            assert_eq!(hash_of(&service, id).await, ours);
        }
        let lines = service.audit().await;
        assert_eq!(lines[4..6], ["customer.updated 1 [password]", "customer.password_rehashed 1 []"]);
        assert_eq!(service.events().await[4], r#"store/customer/updated {"type":"customer","id":1}"#);
        assert_eq!(service.events().await.len(), 8, "hashing anew is no news");
    }

    async fn the_same_hash_again_changes_nothing_and_a_fault_is_told(service: Service) {
        service.crowd(1).await;
        service.put("modify", &put_hash(1), json!({"password_hash": BCRYPT})).await;
        service.set_seconds(60);
        let before = service.dump().await;
        assert_eq!(service.put("modify", &put_hash(1), json!({"password_hash": BCRYPT})).await.status, 204);
        let shape = "JSON data is missing or invalid";
        let title = "Update password hash failed.";
        let cost = BCRYPT.replace("$04$", "$14$");
        for (body, title, errors) in [
            (json!({}), shape, json!({"password_hash": "error.path.missing"})),
            (json!({"password_hash": 1}), shape, json!({"password_hash": "error.expected.jsstring"})),
            (json!({"password_hash": RIGHT}), title, json!({"password_hash": "must be a bcrypt hash, or an argon2 or PBKDF2 hash as a PHC string"})),
            (json!({"password_hash": cost}), title, json!({"password_hash": "must have a bcrypt cost of 4 to 13"})),
        ] {
            service.put("modify", &put_hash(1), body).await.refused(422, title, &errors);
        }
        shows(&service.put("modify", &put_hash(1), json!({"password_hash": cost})).await, "too costly");
        assert_eq!(service.put("modify", &put_hash(99), json!({"password_hash": BCRYPT})).await.status, 404);
        let theirs = "/stores/zenith/custodia/customers/1/password-hash";
        assert_eq!(service.put("other", theirs, json!({"password_hash": BCRYPT})).await.status, 404);
        assert_eq!(service.dump().await, before);
    }

    /// The password is changed while the old one is being checked.
    async fn hashing_anew_does_not_overwrite_a_password_changed_meanwhile(service: Service) {
        service.crowd(1).await;
        let store = service.number("SELECT store_id FROM store WHERE hash = 'acme'").await;
        let late = async |tx: &mut sql::WriteTx| {
            exchange_password(tx, kernel::StoreId(store), kernel::CustomerId(1), BCRYPT, "late").await
        };
        assert!(!service.app().db.write(late).await.unwrap(), "it is not what was checked");
        assert_eq!(hash_of(&service, 1).await, "");
        for round in 0..6 {
            service.put("modify", &put_hash(1), json!({"password_hash": BCRYPT})).await;
            let sign_in = {
                let service = service.clone();
                async move { tried(&service, "c1@example.com", RIGHT).await.status }
            };
            let change = {
                let service = service.clone();
                let password = format!("changed{round}");
                async move {
                    let row = json!([{"id": 1, "authentication": {"new_password": password}}]);
                    service.put("modify", V3, row).await.status
                }
            };
            let futures: [std::pin::Pin<Box<dyn Future<Output = u16> + Send>>; 2] =
                [Box::pin(sign_in), Box::pin(change)];
            assert_eq!(at_once(futures).await, [200, 200]);
            let now = tried(&service, "c1@example.com", &format!("changed{round}")).await;
            assert_eq!(now.json()["customer_id"], 1, "round {round}");
        }
    }
}
