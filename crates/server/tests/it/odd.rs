//! Odd values in the place of each member and each parameter: they are read or refused, and never the server's
//! fault.

use serde_json::{Value, json};
use testkit::on_each_engine;

use crate::robust::sound;

const UUID: &str = "82511e54-4040-40fe-b742-2b25655f205b";

/// What writes, with a body that it reads.
fn writes() -> Vec<(&'static str, String, Value)> {
    let subscriber = json!({"email": "a@b.c", "first_name": "A", "last_name": "B", "source": "order", "order_id": 1, "channel_id": 1, "consents": ["abandoned_cart"]});
    let wishlist = json!({"customer_id": 1, "name": "N", "is_public": true, "items": [{"id": 1, "product_id": 1, "variant_id": 1}]});
    let segment = json!([{"id": UUID, "name": "N", "description": "D"}]);
    vec![
        ("POST", "/v3/customers/subscribers".to_owned(), subscriber.clone()),
        ("PUT", "/v3/customers/subscribers/1".to_owned(), subscriber),
        ("POST", "/v3/wishlists".to_owned(), wishlist.clone()),
        ("PUT", "/v3/wishlists/1".to_owned(), wishlist.clone()),
        ("POST", "/v3/wishlists/1/items".to_owned(), wishlist),
        ("POST", "/v3/segments".to_owned(), segment.clone()),
        ("PUT", "/v3/segments".to_owned(), segment),
        ("POST", "/v3/shopper-profiles".to_owned(), json!([{"customer_id": 1}])),
        ("POST", format!("/v3/segments/{UUID}/shopper-profiles"), json!([UUID])),
    ]
}

/// What takes parameters, with those that it takes.
fn reads() -> Vec<(&'static str, String, &'static [&'static str])> {
    const SUBSCRIBERS: &[&str] = &[
        "email",
        "first_name",
        "last_name",
        "source",
        "order_id",
        "id",
        "id:in",
        "date_created",
        "date_created:min",
        "date_modified:max",
        "page",
        "limit",
    ];
    vec![
        ("GET", "/v3/customers/subscribers".to_owned(), SUBSCRIBERS),
        ("DELETE", "/v3/customers/subscribers".to_owned(), SUBSCRIBERS),
        ("GET", "/v3/wishlists".to_owned(), &["customer_id", "page", "limit"]),
        ("GET", "/v3/segments".to_owned(), &["id:in", "page", "limit"]),
        ("DELETE", "/v3/segments".to_owned(), &["id:in"]),
        ("GET", "/v3/shopper-profiles".to_owned(), &["page", "limit"]),
        ("DELETE", "/v3/shopper-profiles".to_owned(), &["id:in"]),
        ("GET", format!("/v3/segments/{UUID}/shopper-profiles"), &["page", "limit"]),
        ("DELETE", format!("/v3/segments/{UUID}/shopper-profiles"), &["id:in"]),
        ("GET", format!("/v3/shopper-profiles/{UUID}/segments"), &["page", "limit"]),
    ]
}

fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e308),
        json!(i32::MAX),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(""),
        json!("a\u{0}"),
        json!("\u{10ffff}\u{202e}"),
        json!("x".repeat(70_000)),
        json!([]),
        json!([null]),
        json!([[[]]]),
        json!(vec![0; 1_001]),
        json!({}),
        json!({"": {"a": []}}),
    ]
}

/// The body with an odd value in each place, one at a time.
fn odd_bodies(body: &Value) -> Vec<Value> {
    let mut bodies = odd_values();
    match body {
        Value::Object(members) => {
            for (name, member) in members {
                for odd in odd_bodies(member) {
                    let mut body = body.clone();
                    body[name] = odd;
                    bodies.push(body);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                for odd in odd_bodies(item) {
                    let mut body = body.clone();
                    body[at] = odd;
                    bodies.push(body);
                }
            }
        }
        _ => {}
    }
    bodies
}

on_each_engine! {
    async fn an_odd_value_anywhere_in_a_body_is_read_or_refused(service: Service) {
        service.crowd(1).await;
        for (method, path, body) in writes() {
            service.ask(method, &path).token("modify").json(body.clone()).send().await;
            for odd in odd_bodies(&body) {
                let answer = service.ask(method, &path).token("modify").json(odd).send().await;
                assert!(matches!(answer.status, 200 | 201 | 400 | 404 | 409 | 422), "{answer}");
            }
        }
        sound(&service).await;
    }

    async fn an_odd_value_of_any_parameter_is_read_or_refused(service: Service) {
        service.crowd(1).await;
        for (method, path, names) in reads() {
            for name in names {
                for odd in ["", ",", "0", "-1", "1.5", "9223372036854775807", "99999999999999999999", "%00", "%FF", "%F0%9F%98%80",
                    "'", "%25", "2024-06-01", "9999-12-31T23:59:59-12:00", "-9999-01-01", UUID, "NaN"] {
                    for query in [format!("{name}={odd}"), format!("{name}[]={odd}&{name}={odd}"), format!("{name}:in={odd}")] {
                        let answer = service.ask(method, &format!("{path}?{query}")).token("modify").send().await;
                        assert!(matches!(answer.status, 200 | 204 | 404 | 422), "{answer}");
                    }
                }
            }
        }
        sound(&service).await;
    }
}
