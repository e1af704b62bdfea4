//! Who waits for whom. SQLite has one writer, for whom everybody waits: PostgreSQL is what counts.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use sql::WriteTx;
use testkit::on_each_engine;
use tokio::{sync::Notify, time::timeout};

use crate::{races::race, robust::sound};

const CUSTOMERS: &str = "/v3/customers";
const ATTRIBUTES: &str = "/v3/customers/attributes";
const VALUES: &str = "/v3/customers/attribute-values";
const METAFIELDS: &str = "/v3/customers/metafields";

/// A method, a path, and what is sent of a customer.
type Case = (&'static str, &'static str, fn(i64) -> Value);

fn value(customer: i64, value: &str) -> Value {
    json!({"customer_id": customer, "attribute_id": 1, "value": value})
}

fn metafield(customer: i64, key: &str) -> Value {
    json!({"resource_id": customer, "namespace": "n", "key": key, "value": "v", "permission_set": "write"})
}

on_each_engine! {
    /// Another transaction holds customer 1, one request waits for it, and meanwhile the same is asked of 2.
    #[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
    async fn who_waits_for_a_customer_keeps_nobody_from_others(service: Service) {
        service.crowd(2).await;
        service.post("modify", ATTRIBUTES, json!([{"name": "a", "type": "string"}])).await;
        assert_eq!(service.put("modify", VALUES, json!([value(1, "x"), value(2, "x")])).await.ids(), [1, 2]);
        let cases: [Case; 3] = [
            ("PUT", VALUES, |id| json!([value(id, "y")])),
            ("POST", METAFIELDS, |id| json!([metafield(id, "k")])),
            ("DELETE", "/v3/customers/attribute-values?id:in=", |id| json!(id)),
        ];
        for (method, path, body) in cases {
            let (held, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let holder = {
                let (db, held, go) = (service.app().db.clone(), held.clone(), go.clone());
                let work = async move |tx: &mut WriteTx| {
                    tx.query("UPDATE customer SET notes = 'held' WHERE customer_id = 1").execute().await?;
                    held.notify_one();
                    go.notified().await;
                    Ok::<_, sql::Error>(())
                };
                tokio::spawn(async move { db.write(work).await })
            };
            held.notified().await;
            let ask = |id: i64| {
                let service = service.clone();
                tokio::spawn(async move {
                    if method == "DELETE" {
                        return service.delete("modify", &format!("{path}{id}")).await;
                    }
                    service.ask(method, path).token("modify").json(body(id)).send().await
                })
            };
            let waiting = ask(1);
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert!(!waiting.is_finished(), "{method} {path}: it waits for its customer");
            let other = ask(2);
            if service.app().db.engine() == "postgres" {
                let other = timeout(Duration::from_secs(5), other).await;
                let other = other.expect("another customer's is not waited for").unwrap();
                assert!(other.status < 300, "{other}");
                assert!(!waiting.is_finished(), "{method} {path}");
            }
            go.notify_one();
            holder.await.unwrap().unwrap();
            let answer = waiting.await.unwrap();
            assert!(answer.status < 300, "{answer}");
        }
        sound(&service).await;
    }

    async fn writers_of_what_customers_own_never_wait_in_a_circle(service: Service) {
        let unforgiving = service.unforgiving().await;
        for round in 0..4_i64 {
            service.post("modify", ATTRIBUTES, json!([{"name": format!("a{round}"), "type": "string"}])).await;
            let attribute = round + 1;
            let rows: Vec<Value> = (0..6).map(|n| json!({"email": format!("{round}.{n}@b.c"), "first_name": "A", "last_name": "B"})).collect();
            let ids = service.made(Value::from(rows)).await;
            let values: Vec<Value> = ids.iter().map(|id| json!({"customer_id": id, "attribute_id": attribute, "value": "x"})).collect();
            let values = service.put("modify", VALUES, Value::from(values)).await.ids();
            let last = ids[5];
            let requests = (0..48_usize).map(|n| {
                let (id, other) = (ids[n % 6], ids[(n * 5 + 2) % 6]);
                let value = |id: i64| json!({"customer_id": id, "attribute_id": attribute, "value": format!("{n}")});
                match n % 8 {
                    0 => ("PUT", VALUES.to_owned(), json!([value(id), value(other)])),
                    1 => ("PUT", VALUES.to_owned(), json!([value(other), value(id)])),
                    2 => ("POST", METAFIELDS.to_owned(), json!([metafield(id, &format!("{n}")), metafield(other, &format!("{n}"))])),
                    3 => ("DELETE", format!("{VALUES}?id:in={},{}", values[n % 6], values[(n + 3) % 6]), Value::Null),
                    4 => ("PUT", CUSTOMERS.to_owned(), json!([{"id": id, "email": format!("{round}.n{n}@b.c")}, {"id": other, "notes": "n"}])),
                    5 if n == 29 => ("DELETE", format!("{ATTRIBUTES}?id:in={attribute}"), Value::Null),
                    5 => ("POST", CUSTOMERS.to_owned(), json!([{"email": format!("{round}.p{n}@b.c"), "first_name": "A", "last_name": "B",
                        "attributes": [{"attribute_id": attribute, "attribute_value": "x"}]}])),
                    6 if n > 20 => ("DELETE", format!("{CUSTOMERS}?id:in={last},{id}"), Value::Null),
                    6 => ("DELETE", METAFIELDS.to_owned(), json!([n, n + 1])),
                    _ => ("PUT", VALUES.to_owned(), json!([value(last), value(id)])),
                }
            });
            race(&unforgiving, requests.collect()).await;
            sound(&service).await;
        }
        unforgiving.app().db.close().await.unwrap();
    }
}
