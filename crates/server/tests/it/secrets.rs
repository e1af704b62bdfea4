//! Client secrets that are replaced, and what either signs meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};

use access::{Grace, RequestId, accounts, jwt};
use kernel::{SeededChance, SystemClock, Timestamp};
use rest::Caller;
use serde_json::{Value, json};
use testkit::{Answer, NOON, Service, at_once, on_each_engine};

use crate::{
    receiver::Receiver,
    shows,
    storefront::{App, cookie, current, login, opened, refused},
    webhooks::{hmac, subscribe},
};

const SECRET: &str = "/stores/acme/custodia/accounts/secret";
const DAY: i64 = 86_400;

/// Have the account of a token replace its secret. The new one.
async fn rotated(service: &Service, token: &str, secret: &str, grace: i64) -> String {
    let answer = rotate(service, token, secret, grace).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["data"]["client_secret"].as_str().expect("a secret").to_owned()
}

async fn rotate(service: &Service, token: &str, secret: &str, grace: i64) -> Answer {
    let body = json!({"client_secret": secret, "grace_seconds": grace});
    service.post(token, SECRET, body).await
}

/// An account of acme that subscribed to customers: its secret.
async fn subscriber(service: &Service, receiver: &Receiver) -> String {
    subscribe(service, "app", "store/customer/*", &receiver.url()).await;
    let client = "SELECT a.client_id AS line FROM account a JOIN hook_owner o ON o.account_id = a.account_id";
    service.secret("acme", &service.texts(client).await[0]).await
}

/// What the next letter is signed with, of these secrets.
async fn signed_with(service: &Service, receiver: &Receiver, secrets: &[&str]) -> Vec<usize> {
    // Another name each time: a change of nothing is none.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("Ada {}", NEXT.fetch_add(1, Ordering::Relaxed));
    let renamed =
        service.put("modify", "/v3/customers", json!([{"id": 1, "first_name": name}])).await;
    assert_eq!(renamed.status, 200, "{renamed}");
    assert_eq!(service.deliver().await, 1);
    let heard = receiver.take().remove(0);
    let signed = format!(
        "{}.{}.{}",
        heard.header("webhook-id"),
        heard.header("webhook-timestamp"),
        heard.body
    );
    let of = |signature: &str| {
        secrets.iter().position(|secret| signature == format!("v1,{}", hmac(secret, &signed)))
    };
    heard.header("webhook-signature").split(' ').map(|it| of(it).expect("a known secret")).collect()
}

async fn former_kept(service: &Service) -> i64 {
    service.number("SELECT COUNT(*) FROM account WHERE former_secret IS NOT NULL").await
}

on_each_engine! {
    async fn a_secret_is_replaced_and_the_new_one_shown_this_once(service: Service) {
        let client_id = service.hire("app", "acme", &["store_v2_customers_read_only"]).await;
        let old = service.secret("acme", &client_id).await;
        let answer = service.post("app", SECRET, json!({"client_secret": old})).await;
        shows(&answer, "within a day");
        let body = answer.json();
        let new = body["data"]["client_secret"].as_str().expect("a secret").to_owned();
        assert!(new.len() == 64 && new != old && new.bytes().all(|it| it.is_ascii_hexdigit()), "{new}");
        assert_eq!((&body["data"]["client_id"], &body["data"]["former_valid_until"]), (&json!(client_id), &json!("2024-06-02T12:00:00Z")));
        assert_eq!(service.secret("acme", &client_id).await, new);
        let account = service.number(&format!("SELECT account_id FROM account WHERE client_id = '{client_id}'")).await;
        assert_eq!(service.audit().await, [format!("account.secret_rotated {account} [client_secret]")]);
        assert!(service.events().await.is_empty());
        let kept = service.dump().await;
        assert!(!kept.contains(&old) && !kept.contains(&new), "sealed");
        // The token is the same, and so are the other accounts' secrets.
        assert_eq!(service.get("app", "/v3/customers").await.status, 200);
        let at_once = rotate(&service, "app", &new, 0).await;
        assert_eq!(at_once.json()["data"]["former_valid_until"], Value::Null);
    }

    async fn a_secret_is_not_replaced_by_who_does_not_know_it(service: Service) {
        let client_id = service.hire("app", "acme", &["store_v2_customers"]).await;
        let old = service.secret("acme", &client_id).await;
        let new = rotated(&service, "app", &old, DAY).await;
        let other = service.hire("neighbour", "acme", &["store_v2_customers"]).await;
        let others = service.secret("acme", &other).await;
        let before = service.dump().await;
        let accounts = service.texts("SELECT client_id || ' ' || CAST(former_until AS TEXT) AS line FROM account ORDER BY account_id").await;
        let title = "Rotate client secret failed.";
        let told = json!({"client_secret": "is not the account's client secret"});
        // Not with a neighbour's, nor with none, nor with the one before, although that still signs.
        for said in [others.as_str(), "", &old, &new[1..], &new.to_uppercase(), "é"] {
            rotate(&service, "app", said, DAY).await.refused(422, title, &told);
        }
        shows(&rotate(&service, "app", &old, DAY).await, "another secret");
        rotate(&service, "neighbour", &new, DAY).await.refused(422, title, &told);
        let unread = "JSON data is missing or invalid";
        for (body, errors) in [
            (json!({}), json!({"client_secret": "error.path.missing"})),
            (json!({"client_secret": 7}), json!({"client_secret": "error.expected.jsstring"})),
            (json!({"client_secret": new, "grace_seconds": -1}), json!({"grace_seconds": "error.expected.seconds.of.at.most.30.days"})),
            (json!({"client_secret": new, "grace_seconds": 30 * DAY + 1}), json!({"grace_seconds": "error.expected.seconds.of.at.most.30.days"})),
            (json!({"client_secret": new, "grace_seconds": "1d"}), json!({"grace_seconds": "error.expected.jsnumber"})),
        ] {
            service.post("app", SECRET, body).await.refused(422, unread, &errors);
        }
        // Another store's account has no way to it, whatever it knows.
        let answer = service.ask("POST", "/stores/zenith/custodia/accounts/secret").token("app").json(json!({"client_secret": new})).send().await;
        assert_eq!(answer.status, 403, "{answer}");
        assert_eq!(service.dump().await, before);
        assert_eq!(service.texts("SELECT client_id || ' ' || CAST(former_until AS TEXT) AS line FROM account ORDER BY account_id").await, accounts);
        assert_eq!(rotate(&service, "app", &new, 30 * DAY).await.status, 200);
    }

    async fn until_the_grace_is_over_a_letter_is_signed_twice(service: Service) {
        let receiver = Receiver::willing().await;
        let old = subscriber(&service, &receiver).await;
        service.crowd(1).await;
        service.deliver().await;
        receiver.take();
        assert_eq!(signed_with(&service, &receiver, &[&old]).await, [0]);
        let new = rotated(&service, "app", &old, 2 * DAY).await;
        // Also by a worker that was there before, of another process.
        assert_eq!(signed_with(&service.beside().await, &receiver, &[&new, &old]).await, [0, 1]);
        let until = NOON.plus_seconds(2 * DAY);
        service.set_clock(Timestamp(until.0 - 1));
        assert_eq!(signed_with(&service, &receiver, &[&new, &old]).await, [0, 1]);
        service.set_clock(until);
        assert_eq!(signed_with(&service, &receiver, &[&new, &old]).await, [0]);
        // And where there is no grace, at once.
        let newest = rotated(&service, "app", &new, 0).await;
        service.set_clock(until.plus_seconds(1));
        assert_eq!(signed_with(&service, &receiver, &[&newest, &new]).await, [0]);
    }

    async fn replaced_twice_within_a_grace_only_the_latest_former_secret_is_valid(service: Service) {
        let receiver = Receiver::willing().await;
        let first = subscriber(&service, &receiver).await;
        service.crowd(1).await;
        service.deliver().await;
        receiver.take();
        let second = rotated(&service, "app", &first, DAY).await;
        service.set_seconds(1);
        let third = rotated(&service, "app", &second, 60).await;
        assert_eq!(signed_with(&service, &receiver, &[&third, &second, &first]).await, [0, 1]);
        service.set_seconds(61);
        assert_eq!(signed_with(&service, &receiver, &[&third, &second, &first]).await, [0]);
    }

    async fn until_the_grace_is_over_the_former_secret_signs_shoppers_in(service: Service) {
        let app = opened(&service).await;
        let new = rotated(&service, "app", &app.secret, 20).await;
        let renewed = App { client_id: app.client_id.clone(), secret: new };
        let words = "The link does not come from an app";
        service.set_clock(Timestamp(NOON.plus_seconds(20).0 - 1));
        for (name, of) in [("one", &app), ("two", &renewed)] {
            let shopper = login(&service, &of.token(name, json!({}))).await;
            assert_eq!(shopper.status, 302, "{shopper}");
            // An app is told who is signed in under the new one alone.
            let told = current(&service, of, &cookie(&shopper)).await.text();
            assert!(jwt::proven::<Value>(&told, &renewed.secret).is_some());
            assert!(jwt::proven::<Value>(&told, &app.secret).is_none());
        }
        // A token is used once, under whichever it is signed.
        assert_eq!(login(&service, &renewed.token("one", json!({}))).await.status, 403);
        service.set_clock(NOON.plus_seconds(20));
        refused(&login(&service, &app.token("three", json!({}))).await, words);
        assert_eq!(login(&service, &renewed.token("three", json!({}))).await.status, 302);
    }

    async fn of_those_who_replace_one_secret_at_once_one_does(service: Service) {
        let client_id = service.hire("app", "acme", &["store_v2_customers"]).await;
        let old = service.secret("acme", &client_id).await;
        let answers = at_once((0..8).map(|_| {
            let (service, old) = (service.clone(), old.clone());
            async move { rotate(&service, "app", &old, DAY).await }
        }))
        .await;
        let (done, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((done.len(), others.len()), (1, 7));
        assert!(others.iter().all(|answer| answer.status == 422), "{}", others[0]);
        let shown = &done[0].json()["data"]["client_secret"];
        assert_eq!(shown, &json!(service.secret("acme", &client_id).await));
        assert_eq!(service.audit().await.len(), 1);
    }

    async fn a_former_secret_is_wiped_when_its_time_is_over(service: Service) {
        for name in ["one", "two"] {
            let client_id = service.hire(name, "acme", &["store_v2_customers"]).await;
            let old = service.secret("acme", &client_id).await;
            rotated(&service, name, &old, if name == "one" { 60 } else { DAY }).await;
        }
        assert_eq!(former_kept(&service).await, 2);
        service.set_clock(Timestamp(NOON.plus_seconds(60).0 - 1));
        service.worker().tidy_up().await.expect("tidy");
        assert_eq!(former_kept(&service).await, 2);
        service.set_seconds(60);
        service.worker().tidy_up().await.expect("tidy");
        assert_eq!(former_kept(&service).await, 1);
        // A rotation without a grace leaves none.
        let left = service.texts("SELECT client_id AS line FROM account WHERE former_secret IS NOT NULL").await;
        let present = service.secret("acme", &left[0]).await;
        rotated(&service, "two", &present, 0).await;
        assert_eq!(former_kept(&service).await, 0);
    }

    async fn an_operator_replaces_the_secret_of_an_app_that_has_lost_it(service: Service) {
        let client_id = service.hire("app", "acme", &["store_v2_customers"]).await;
        let old = service.secret("acme", &client_id).await;
        let app = service.app();
        let account = accounts::find(&app.db, &client_id).await.expect("an account");
        let operator = Caller::operator((*account.store).clone(), RequestId::draw(&SeededChance::new(7)));
        let rotate = async || resources::accounts::ops::rotate(app, &operator, account.id, None, Grace::DAY).await;
        let rotation = rotate().await.expect("rotated");
        assert_ne!(rotation.secret, old);
        assert_eq!(service.secret("acme", &client_id).await, rotation.secret);
        assert_eq!(service.texts("SELECT CAST(account_id AS TEXT) || ' ' || action AS line FROM audit").await, ["0 account.secret_rotated"]);
        // Nobody replaces that of a revoked account.
        accounts::revoke(&app.db, &SystemClock, &client_id).await.expect("revoked");
        assert!(matches!(rotate().await, Err(kernel::Error::NotFound("account"))));
        assert!(matches!(accounts::find(&app.db, &client_id).await, Err(kernel::Error::NotFound("account"))));
        assert!(matches!(accounts::find(&app.db, "nobody").await, Err(kernel::Error::NotFound("account"))));
    }
}
