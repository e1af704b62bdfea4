//! Stores do not see each other; tokens are known and forgotten.

use std::time::Duration;

use serde_json::json;
use testkit::{Service, on_each_engine};

const ACME: &str = "/stores/acme/v3/customers";
const ZENITH: &str = "/stores/zenith/v3/customers";

/// Two customers in each store, both with the ids 1 and 2, and a declaration of the first.
async fn twins(service: &Service) {
    for (token, path) in [("modify", ACME), ("other", ZENITH)] {
        let rows = json!([{"email": "a@b.c", "first_name": "A", "last_name": token}, {"email": "b@b.c", "first_name": "B", "last_name": token}]);
        assert_eq!(service.post(token, path, rows).await.ids(), [1, 2]);
        assert_eq!(
            service
                .put(
                    token,
                    &format!("{path}/1/consent"),
                    json!({"allow": ["essential"], "deny": []})
                )
                .await
                .status,
            200
        );
        furnish(service, token, path.trim_end_matches("/customers")).await;
    }
}

/// Something of everything else.
async fn furnish(service: &Service, token: &str, store: &str) {
    for (path, body) in [
        ("/customers/subscribers", json!({"email": "a@b.c"})),
        ("/wishlists", json!({"customer_id": 1, "name": "W", "items": [{"product_id": 1}]})),
        ("/segments", json!([{"name": "S"}])),
        ("/shopper-profiles", json!([{"customer_id": 1}])),
    ] {
        let answer = service.post(token, &format!("{store}{path}"), body).await;
        assert!(matches!(answer.status, 200 | 201), "{answer}");
    }
    let first = async |path: &str| {
        let listed = service.get(token, &format!("{store}{path}")).await.json();
        listed["data"][0]["id"].as_str().expect("an id").to_owned()
    };
    let (segment, profile) = (first("/segments").await, first("/shopper-profiles").await);
    let members = format!("{store}/segments/{segment}/shopper-profiles");
    assert_eq!(service.post(token, &members, json!([profile])).await.status, 201);
}

/// What zenith has, and nothing else.
async fn of_zenith(service: &Service) -> String {
    let id = service
        .texts("SELECT CAST(store_id AS TEXT) AS line FROM store WHERE hash = 'zenith'")
        .await
        .remove(0);
    service.dump().await.lines().filter(|line| line.contains(&id)).collect::<Vec<_>>().join("\n")
}

on_each_engine! {
    async fn what_one_store_does_the_other_does_not_see(service: Service) {
        twins(&service).await;
        let before = of_zenith(&service).await;
        assert!(before.lines().count() >= 8, "{before}");
        service.put("modify", ACME, json!([{"id": 1, "email": "c@b.c", "company": "X"}])).await;
        service
            .put("modify", "/v3/customers/1/consent", json!({"allow": [], "deny": ["essential"]}))
            .await;
        service.put("modify", "/v2/customers/2", json!({"notes": "n"})).await;
        service.delete("modify", "/v3/customers?id:in=1").await;
        service.delete("modify", "/v2/customers").await;
        service
            .post("modify", ACME, json!([{"email": "d@b.c", "first_name": "D", "last_name": "D"}]))
            .await;
        assert_eq!(of_zenith(&service).await, before);
        let listed = service.get("other", ZENITH).await;
        assert_eq!(listed.ids(), [2, 1]);
        assert_eq!(listed.json()["data"][0]["last_name"], "other");
        assert_eq!(
            service.get("other", "/stores/zenith/v2/customers/count").await.json(),
            json!({"count": 2})
        );
        assert_eq!(
            service.get("other", "/stores/zenith/v3/customers/1/consent").await.json()["allow"],
            json!(["essential"])
        );
    }

    async fn one_address_may_be_used_in_each_store(service: Service) {
        twins(&service).await;
        let clash = service
            .post("other", ZENITH, json!([{"email": "A@b.c", "first_name": "A", "last_name": "A"}]))
            .await;
        assert_eq!(clash.status, 422);
    }

    async fn a_link_and_a_cursor_name_no_row_of_another_store(service: Service) {
        twins(&service).await;
        service.crowd(3).await;
        // {"id":5} is a customer of acme alone.
        assert_eq!(
            service.get("read", "/v3/customers?after=eyJpZCI6NX0&sort=last_name:asc").await.status,
            200
        );
        let answer =
            service.get("other", &format!("{ZENITH}?after=eyJpZCI6NX0&sort=last_name:asc")).await;
        assert_eq!(answer.status, 422, "{answer}");
        let url =
            service.get("other", "/stores/zenith/v2/customers/1").await.json()["addresses"]["url"]
                .clone();
        assert_eq!(url, "https://api.bigcommerce.com/stores/zenith/v2/customers/1/addresses");
    }

    async fn a_new_token_is_known_at_once_also_elsewhere(service: Service) {
        let elsewhere = service.beside().await;
        service.hire("fresh", "acme", &["store_v2_customers_read_only"]).await;
        assert_eq!(service.get("fresh", ACME).await.status, 200);
        assert_eq!(elsewhere.get("fresh", ACME).await.status, 200);
        elsewhere.app().db.close().await.unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "the watch runs as long as its server")]
    async fn a_revoked_token_is_unknown_at_once_here_and_elsewhere_within_a_second(
        service: Service,
    ) {
        let client = service.hire("fleeting", "acme", &["store_v2_customers"]).await;
        let elsewhere = service.beside().await;
        let watched = elsewhere.app().clone();
        let watch = tokio::spawn(async move { watched.tokens.watch().await });
        assert_eq!(elsewhere.get("fleeting", ACME).await.status, 200);
        access::accounts::revoke(&service.app().db, &kernel::SystemClock, &client).await.unwrap();
        service.app().tokens.refresh().await.unwrap();
        assert_eq!(service.get("fleeting", ACME).await.status, 401);
        let forgotten = async {
            while elsewhere.get("fleeting", ACME).await.status != 401 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), forgotten)
            .await
            .expect("unknown within a second");
        assert_eq!(elsewhere.get("read", ACME).await.status, 200, "the others stay");
        watch.abort();
        elsewhere.app().db.close().await.unwrap();
    }

    async fn a_revoked_token_is_refused_in_the_words_of_an_unknown_one(service: Service) {
        let client = service.hire("fleeting", "acme", &["store_v2_customers"]).await;
        access::accounts::revoke(&service.app().db, &kernel::SystemClock, &client).await.unwrap();
        service.app().tokens.refresh().await.unwrap();
        service.get("fleeting", "/v3/customers").await.refused(401, "Unauthorized", &json!({}));
        service.get("fleeting", "/v2/customers").await.declined(401, "Unauthorized");
        assert!(
            access::accounts::revoke(&service.app().db, &kernel::SystemClock, &client)
                .await
                .is_err(),
            "only once"
        );
    }

    async fn a_deleted_store_lets_nobody_in_and_leaves_nothing_behind(service: Service) {
        twins(&service).await;
        service.crowd(20).await;
        let (id, before) = (
            service
                .texts("SELECT CAST(store_id AS TEXT) AS line FROM store WHERE hash = 'acme'")
                .await
                .remove(0),
            of_zenith(&service).await,
        );
        resources::stores::ops::delete(&service.app().db, &kernel::SystemClock, "acme")
            .await
            .unwrap();
        service.app().tokens.refresh().await.unwrap();
        assert_eq!(service.get("modify", ACME).await.status, 401);
        assert!(!service.dump().await.contains(&id), "{}", service.dump().await);
        assert_eq!(of_zenith(&service).await, before);
        assert_eq!(service.get("other", ZENITH).await.ids(), [2, 1]);
        service.sell("acme", access::Plan::Unlimited).await;
        assert_eq!(service.get("acme", ACME).await.ids(), [0; 0], "its name is free again");
    }

    /// Its body was still on the way, or its token not yet forgotten.
    async fn a_write_let_in_before_its_store_was_deleted_leaves_nothing(service: Service) {
        twins(&service).await;
        resources::stores::ops::delete(&service.app().db, &kernel::SystemClock, "acme")
            .await
            .unwrap();
        let before = service.dump().await;
        let person = json!({"email": "late@b.c", "first_name": "A", "last_name": "B"});
        for (method, path, body) in [
            ("POST", "/v3/customers", json!([person])),
            ("PUT", "/v3/customers", json!([{"id": 1, "email": "late@b.c"}])),
            ("PUT", "/v3/customers", json!([{"id": 1, "company": "late"}])),
            ("PUT", "/v3/customers/1/consent", json!({"allow": [], "deny": []})),
            ("DELETE", "/v3/customers?id:in=1", json!(null)),
            ("POST", "/v2/customers", person),
            ("PUT", "/v2/customers/1", json!({"company": "late"})),
            ("DELETE", "/v2/customers/1", json!(null)),
            ("DELETE", "/v2/customers", json!(null)),
            ("POST", "/v3/customers/subscribers", json!({"email": "late@b.c"})),
            ("PUT", "/v3/customers/subscribers/1", json!({"first_name": "late"})),
            ("DELETE", "/v3/customers/subscribers/1", json!(null)),
            ("DELETE", "/v3/customers/subscribers", json!(null)),
            ("POST", "/v3/wishlists", json!({"customer_id": 1, "name": "late"})),
            ("PUT", "/v3/wishlists/1", json!({"name": "late", "items": []})),
            ("POST", "/v3/wishlists/1/items", json!({"items": [{"product_id": 1}]})),
            ("DELETE", "/v3/wishlists/1", json!(null)),
            ("POST", "/v3/segments", json!([{"name": "late"}])),
            ("POST", "/v3/shopper-profiles", json!([{"customer_id": 1}])),
        ] {
            let answer = service.ask(method, path).token("modify").json(body).send().await;
            assert!(answer.status < 500, "{answer}");
            assert!(answer.status >= 400 || answer.status == 204, "{answer}");
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_closed_store_lets_nobody_in_while_its_rows_are_being_removed(service: Service) {
        twins(&service).await;
        access::stores::close(&service.app().db, &kernel::SystemClock, "acme").await.unwrap();
        service.app().tokens.refresh().await.unwrap();
        for (token, path) in [("modify", ACME), ("read", "/stores/acme/v2/customers")] {
            assert_eq!(service.get(token, path).await.status, 401);
        }
        let taken = resources::stores::ops::create(
            &service.app().db,
            &kernel::SystemClock,
            &kernel::SystemChance,
            "acme",
            access::Plan::Unlimited,
        )
        .await;
        assert!(taken.is_err(), "the name is not free yet");
        resources::stores::ops::delete(&service.app().db, &kernel::SystemClock, "acme")
            .await
            .unwrap();
        assert_eq!(service.number("SELECT COUNT(*) FROM store").await, 1);
    }
}
