//! Stored instruments: shown by the published operation, set by our own.

use serde_json::{Value, json};
use testkit::{Answer, Service, at_once, on_each_engine};

use crate::shows;

const LIST: &str = "/v3/customers/1/stored-instruments";

fn at(customer: i64, token: &str) -> String {
    format!("/stores/acme/custodia/customers/{customer}/stored-instruments/{token}")
}

fn card(is_default: bool) -> Value {
    json!({
        "type": "stored_card", "is_default": is_default, "brand": "VISA", "expiry_month": 1, "expiry_year": 2030,
        "issuer_identification_number": "411111", "last_4": "1111",
        "billing_address": {
            "first_name": "John", "last_name": "Doe", "email": "example@email.com", "company": "Test Company",
            "address1": "1 Sample Street", "address2": "Apt 1", "city": "Las Vegas", "postal_code": "90854",
            "state_or_province": "Nevada", "state_or_province_code": "NV", "country_code": "US", "phone": "101-192-0293",
        },
    })
}

fn paypal(is_default: bool) -> Value {
    json!({"type": "stored_paypal_account", "is_default": is_default, "email": "a@b.c"})
}

async fn put(service: &Service, token: &str, body: Value) -> Answer {
    let answer = service.put("modify", &at(1, token), body).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer
}

async fn defaults(service: &Service) -> Vec<String> {
    let listed = service.get("read", LIST).await.json();
    let rows = listed.as_array().unwrap().iter().filter(|row| row["is_default"] == true);
    rows.map(|row| row["token"].as_str().unwrap().to_owned()).collect()
}

on_each_engine! {
    async fn instruments_are_a_bare_array_of_the_published_shapes(service: Service) {
        service.crowd(1).await;
        let none = service.get("read", LIST).await;
        none.is_just("[]");
        shows(&none, "none");
        let made = put(&service, "84596", card(true)).await;
        shows(&made, "card");
        service.set_seconds(1);
        put(&service, "2", json!({"type": "stored_bank_account", "masked_account_number": "12XXX56", "issuer": "DE001"})).await;
        service.set_seconds(2);
        put(&service, "1", paypal(false)).await;
        let all = service.get("read", LIST).await;
        shows(&all, "one of each");
        all.is_just(concat!(
            r#"[{"type":"stored_card","token":"84596","is_default":true,"brand":"VISA","expiry_month":1,"expiry_year":2030,"issuer_identification_number":"411111","last_4":"1111","billing_address":{"first_name":"John","last_name":"Doe","email":"example@email.com","company":"Test Company","address1":"1 Sample Street","address2":"Apt 1","city":"Las Vegas","postal_code":"90854","state_or_province":"Nevada","state_or_province_code":"NV","country_code":"US","phone":"101-192-0293"}},"#,
            r#"{"type":"stored_bank_account","token":"2","is_default":false,"masked_account_number":"12XXX56","issuer":"DE001"},"#,
            r#"{"type":"stored_paypal_account","token":"1","is_default":false,"email":"a@b.c"}]"#,
        ));
        let before = service.dump().await;
        assert_eq!(put(&service, "84596", card(true)).await.body, made.body);
        assert_eq!(service.dump().await, before, "a change of nothing");
    }

    async fn another_default_takes_over_and_each_change_of_it_has_the_published_event(
        service: Service,
    ) {
        service.crowd(1).await;
        let told = async || {
            let events = service.events().await;
            assert!(events[1..].iter().all(|event| event == r#"store/customer/payment/instrument/default/updated {"type":"customer","id":1}"#));
            events.len() - 1
        };
        put(&service, "1", card(false)).await;
        assert_eq!(told().await, 0);
        put(&service, "2", card(true)).await;
        assert_eq!((told().await, defaults(&service).await), (1, vec!["2".to_owned()]));
        put(&service, "1", paypal(true)).await;
        assert_eq!((told().await, defaults(&service).await), (2, vec!["1".to_owned()]));
        put(&service, "2", paypal(false)).await;
        assert_eq!(told().await, 2);
        let gone = service.delete("modify", &at(1, "1")).await;
        shows(&gone, "gone");
        assert_eq!((gone.status, told().await), (204, 3));
        service.delete("modify", &at(1, "2")).await;
        assert_eq!(told().await, 3);
        assert_eq!(service.audit().await[1..], [
            "stored_instrument.put 1 []", "stored_instrument.put 1 []", "stored_instrument.put 1 []",
            "stored_instrument.put 1 []", "stored_instrument.deleted 1 []", "stored_instrument.deleted 1 []",
        ]);
    }

    async fn of_instruments_made_the_default_at_once_one_is_left(service: Service) {
        service.crowd(1).await;
        for _ in 0..4 {
            let requests = (0..8).map(|n| {
                let service = service.clone();
                async move { service.put("modify", &at(1, &n.to_string()), card(true)).await.status }
            });
            assert_eq!(at_once(requests).await, [200; 8]);
            assert_eq!(defaults(&service).await.len(), 1);
            service.put("modify", &at(1, "9"), paypal(true)).await;
        }
    }

    async fn each_fault_of_an_instrument_is_told_and_changes_nothing(service: Service) {
        service.crowd(1).await;
        let before = service.dump().await;
        let with = |member: &str, value: Value| {
            let mut body = card(false);
            body[member] = value;
            body
        };
        let (shape, failed) = ("JSON data is missing or invalid", "Update stored instrument failed.");
        for (body, title, errors) in [
            (json!([]), shape, json!({"obj": "error.expected.jsobject"})),
            (json!({"type": "stored_coins"}), shape, json!({"type": "error.expected.validenumvalue", "brand": "error.path.missing", "expiry_month": "error.path.missing", "expiry_year": "error.path.missing", "last_4": "error.path.missing"})),
            (json!({"type": "stored_paypal_account"}), shape, json!({"email": "error.path.missing"})),
            (json!({"type": "stored_bank_account"}), shape, json!({"masked_account_number": "error.path.missing"})),
            (with("billing_address", json!({"city": 1})), shape, json!({"billing_address.city": "error.expected.jsstring"})),
            (with("expiry_year", json!(1e300)), shape, json!({"expiry_year": "error.expected.int"})),
            (with("brand", json!("a\u{0}")), shape, json!({"brand": "error.expected.text.without.nul"})),
            (with("last_4", json!("4111111111111111")), failed, json!({"last_4": "must be four digits"})),
            (with("issuer_identification_number", json!("4111111111111111")), failed, json!({"issuer_identification_number": "must be at most eight digits"})),
            (with("expiry_month", json!(13)), failed, json!({"expiry_month": "must be 1 to 12"})),
        ] {
            service.put("modify", &at(1, "7"), body).await.refused(422, title, &errors);
        }
        let token = service.put("modify", &at(1, "a%20b"), card(true)).await;
        token.refused(422, failed, &json!({"token": "must be 1 to 128 letters, digits, or any of -_.:"}));
        let unknown = service.get("read", "/v3/customers/99/stored-instruments").await;
        unknown.refused(404, "The resource at that URL is not found.", &json!({}));
        shows(&unknown, "unknown customer");
        assert_eq!(service.put("modify", &at(99, "7"), card(true)).await.status, 404);
        assert_eq!(service.delete("modify", &at(1, "7")).await.status, 404);
        assert_eq!(service.delete("modify", &at(1, "%00")).await.status, 400);
        assert_eq!(service.get("read", "/v3/customers/abc/stored-instruments").await.status, 400);
        assert_eq!(service.dump().await, before);
    }

    async fn instruments_have_scopes_of_their_own(service: Service) {
        service.crowd(1).await;
        service.hire("customers", "acme", &["store_v2_customers"]).await;
        service.hire("cards", "acme", &["store_stored_payment_instruments"]).await;
        assert_eq!(service.get("customers", LIST).await.status, 403);
        assert_eq!(service.put("customers", &at(1, "7"), card(true)).await.status, 403);
        assert_eq!(service.put("cards", &at(1, "7"), card(true)).await.status, 200);
        assert_eq!(service.get("cards", LIST).await.status, 200);
        assert_eq!(service.put("read", &at(1, "7"), card(true)).await.status, 403);
    }

    async fn instruments_go_with_their_customer_and_no_other_store_sees_them(service: Service) {
        service.crowd(2).await;
        let theirs = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        service.post("other", "/stores/zenith/v3/customers", theirs).await;
        let path = "/stores/zenith/custodia/customers/1/stored-instruments/7";
        service.put("other", path, card(true)).await;
        service.get("read", LIST).await.is_just("[]");
        for id in [1, 2] {
            service.put("modify", &at(id, "7"), card(true)).await;
        }
        service.delete("modify", "/v3/customers?id:in=1").await;
        assert_eq!(service.number("SELECT COUNT(*) FROM stored_instrument").await, 2);
        service.delete("modify", "/v2/customers/2").await;
        assert_eq!(service.number("SELECT COUNT(*) FROM stored_instrument").await, 1);
        assert_eq!(service.get("other", "/stores/zenith/v3/customers/1/stored-instruments").await.json()[0]["token"], "7");
    }

    async fn a_customer_has_a_hundred_instruments_at_most(service: Service) {
        service.crowd(1).await;
        for n in 0..99 {
            put(&service, &n.to_string(), paypal(false)).await;
        }
        let requests = (100..106).map(|n| {
            let service = service.clone();
            async move { service.put("modify", &at(1, &n.to_string()), paypal(false)).await.status }
        });
        let won = at_once(requests).await.into_iter().filter(|status| *status == 200).count();
        assert_eq!(won, 1);
        put(&service, "5", card(true)).await;
        let full = service.put("modify", &at(1, "200"), card(true)).await;
        let rule = json!({"token": "a customer has at most 100 stored instruments"});
        full.refused(422, "Update stored instrument failed.", &rule);
        shows(&full, "one too many");
    }
}
