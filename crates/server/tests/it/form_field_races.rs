//! Values and definitions at once. SQLite has one writer, which hides every race: PostgreSQL is what counts.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use sql::WriteTx;
use testkit::{Answer, Service, on_each_engine};
use tokio::sync::Notify;

use crate::{
    form_fields::{FIELDS, defined},
    races::race,
    robust::sound,
};

const VALUES: &str = "/v3/customers/form-field-values";

fn value(customer: i64, name: &str, value: impl Into<Value>) -> Value {
    json!({"customer_id": customer, "name": name, "value": value.into()})
}

/// Set a value while another transaction, begun before, changes the definition by this statement: what is answered
/// once that has been kept.
#[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
async fn set_while(service: &Service, statement: &'static str, row: Value) -> Answer {
    let (changed, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let other = {
        let (db, changed, go) = (service.app().db.clone(), changed.clone(), go.clone());
        tokio::spawn(async move {
            let work = async |tx: &mut WriteTx| {
                tx.query(statement).execute().await?;
                changed.notify_one();
                go.notified().await;
                Ok::<_, sql::Error>(())
            };
            db.write(work).await
        })
    };
    changed.notified().await;
    let setter = {
        let service = service.clone();
        tokio::spawn(async move { service.put("modify", VALUES, json!([row])).await })
    };
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!setter.is_finished(), "it waits for the definition");
    go.notify_one();
    other.await.unwrap().unwrap();
    setter.await.unwrap()
}

/// What must hold of fields and values however they came to be.
async fn holds(service: &Service) {
    let none = async |select: &str| assert_eq!(service.number(select).await, 0, "{select}");
    none(
        "SELECT COUNT(*) FROM form_value v LEFT JOIN form_field f
          ON f.store_id = v.store_id AND f.field_id = v.field_id WHERE f.field_id IS NULL",
    )
    .await;
    none(
        "SELECT COUNT(*) FROM form_value v LEFT JOIN customer c
          ON c.store_id = v.store_id AND c.customer_id = v.customer_id WHERE c.customer_id IS NULL",
    )
    .await;
    none("SELECT COUNT(*) FROM form_value v LEFT JOIN customer_address a
          ON a.store_id = v.store_id AND a.address_id = v.address_id AND a.customer_id = v.customer_id
          WHERE v.address_id > 0 AND a.address_id IS NULL").await;
    none("SELECT COUNT(*) FROM (SELECT f.field_id FROM form_field f LEFT JOIN form_value v
          ON v.store_id = f.store_id AND v.field_id = f.field_id WHERE f.removed_at = 0
          GROUP BY f.store_id, f.field_id, f.answers HAVING COUNT(v.field_id) <> f.answers) AS miscounted").await;
    none("SELECT COUNT(*) FROM (SELECT customer_id FROM form_value GROUP BY store_id, customer_id, address_id
          HAVING COUNT(DISTINCT session_id) > 1) AS twice").await;
    sound(service).await;
}

on_each_engine! {
    async fn of_requests_that_set_one_value_each_is_told_once_and_one_value_is_left(service: Service) {
        defined(&service, json!([{"name": "a", "type": "text"}, {"name": "b", "type": "text"}])).await;
        service.crowd(2).await;
        for round in 0..6 {
            let requests = (0..12).map(|n| match n % 3 {
                0 => ("PUT", VALUES.to_owned(), json!([value(1, "a", format!("{round}.{n}")), value(2, "b", "x")])),
                1 => ("PUT", VALUES.to_owned(), json!([value(2, "b", format!("{round}.{n}")), value(1, "a", "x")])),
                _ => ("PUT", "/v3/customers".to_owned(),
                    json!([{"id": 1, "form_fields": [{"name": "a", "value": format!("{round}.{n}")}]}])),
            });
            for answer in race(&service, requests.collect()).await {
                assert_eq!(answer.status, 200, "{answer}");
            }
            assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 2);
        }
        holds(&service).await;
    }

    async fn first_values_of_one_customer_given_at_once_share_a_session(service: Service) {
        let rows: Vec<Value> = (0..8).map(|n| json!({"name": format!("f{n}"), "type": "text"})).collect();
        defined(&service, Value::from(rows)).await;
        for round in 1..=6 {
            service.made(json!([{"email": format!("r{round}@b.c"), "first_name": "A", "last_name": "B"}])).await;
            let requests = (0..8).map(|n| ("PUT", VALUES.to_owned(), json!([value(round, &format!("f{n}"), "x")])));
            race(&service, requests.collect()).await;
            assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, round * 8);
        }
        holds(&service).await;
    }

    async fn values_set_at_once_do_not_come_to_more_than_one_customer_may_have(service: Service) {
        const ADDRESSES: &str = "/v3/customers/addresses";
        let rows = |object: &str| (0..12).map(|n| json!({"name": format!("f{n}"), "type": "text", "for": object})).collect::<Value>();
        defined(&service, rows("customer")).await;
        defined(&service, rows("address")).await;
        let home = json!({"first_name": "A", "last_name": "B", "address1": "Weg", "city": "Ulm", "state_or_province": "",
            "postal_code": "", "country_code": "DE"});
        let text = "x".repeat(9_998);
        let small = "x".repeat(4_094);
        for round in 1..=4 {
            let made = json!([{"email": format!("r{round}@b.c"), "first_name": "A", "last_name": "B", "addresses": [home]}]);
            service.made(made).await;
            let requests = (0..12).map(|n| {
                let name = format!("f{n}");
                match n % 4 {
                    0 | 1 => ("PUT", VALUES.to_owned(), json!([value(round, &name, text.clone())])),
                    2 => ("PUT", "/v3/customers".to_owned(), json!([{"id": round, "form_fields": [{"name": name, "value": text}]}])),
                    _ => ("PUT", ADDRESSES.to_owned(), json!([{"id": round, "form_fields": [{"name": name, "value": small}]}])),
                }
            });
            let more = (0..6).map(|n| ("PUT", VALUES.to_owned(), json!([{"address_id": round, "name": format!("f{n}"), "value": small}])));
            for answer in race(&service, requests.chain(more).collect()).await {
                assert!(matches!(answer.status, 200 | 422), "{answer}");
            }
            let sum = |of: &str| format!("SELECT SUM(LENGTH(value) + 2) FROM form_value WHERE customer_id = {round} AND address_id {of} 0");
            // As many as fit, and not one more: six of ten thousand, three or four of four thousand and some.
            assert_eq!(service.number(&sum("=")).await, 60_000);
            let of_address = service.number(&sum(">")).await;
            assert!((12_200..=16_384).contains(&of_address), "{of_address}");
        }
        holds(&service).await;
    }

    async fn who_sets_a_value_waits_for_the_definition_and_takes_it_as_it_is_then(service: Service) {
        let size = json!({"name": "size", "type": "picklist", "choices": ["S", "L"]});
        defined(&service, json!([size])).await;
        service.crowd(1).await;
        let chosen = value(1, "size", "L");
        let late = set_while(&service, "UPDATE form_field SET choices = 'S'", chosen.clone()).await;
        assert_eq!(late.json()["errors"], json!({"0.value": "must be one of the choices of the field"}));
        let late = set_while(&service, "UPDATE form_field SET removed_at = 5", chosen).await;
        assert_eq!(late.json()["errors"], json!({"0.name": "no such customer form field"}));
        assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 0);
    }

    async fn a_field_deleted_while_its_values_are_set_leaves_none_behind(service: Service) {
        service.crowd(4).await;
        for _ in 0..8 {
            let field = defined(&service, json!([{"name": "a", "type": "text"}])).await[0];
            let mut requests: Vec<_> = (1..=4)
                .map(|id| ("PUT", VALUES.to_owned(), json!([value(id, "a", format!("{field}"))])))
                .collect();
            requests.insert(2, ("DELETE", format!("{FIELDS}?id:in={field}"), Value::Null));
            for answer in race(&service, requests).await {
                assert!(matches!(answer.status, 200 | 204 | 422), "{answer}");
            }
            assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 0);
            assert_eq!(service.number("SELECT COUNT(*) FROM form_field").await, 0);
        }
        holds(&service).await;
    }

    async fn choices_taken_away_while_they_are_chosen_are_chosen_before_or_not_at_all(service: Service) {
        service.crowd(4).await;
        let size = |choices: Value| json!([{"name": "size", "type": "picklist", "choices": choices}]);
        for _ in 0..6 {
            defined(&service, size(json!(["S", "L"]))).await;
            let mut requests: Vec<_> =
                (1..=4).map(|id| ("PUT", VALUES.to_owned(), json!([value(id, "size", "L")]))).collect();
            requests.insert(2, ("PUT", FIELDS.to_owned(), size(json!(["S"]))));
            race(&service, requests).await;
            let late = service.put("modify", VALUES, json!([value(1, "size", "L")])).await;
            assert_eq!(late.status, 422, "{late}");
        }
        holds(&service).await;
    }

    async fn an_address_deleted_while_its_values_are_set_leaves_none_behind(service: Service) {
        const ADDRESSES: &str = "/v3/customers/addresses";
        defined(&service, json!([{"name": "door", "type": "text", "for": "address"}])).await;
        service.crowd(2).await;
        let home = |customer: i64, n: usize| json!({"customer_id": customer, "first_name": "A", "last_name": "B", "address1": format!("Weg {n}"),
            "city": "Ulm", "state_or_province": "", "postal_code": "", "country_code": "DE", "form_fields": [{"name": "door", "value": "x"}]});
        for round in 0..6 {
            let made = service.post("modify", ADDRESSES, json!([home(1, round), home(2, round)])).await.ids();
            let (first, second) = (made[0], made[1]);
            let values = |value: String| json!([{"address_id": second, "name": "door", "value": value}, {"address_id": first, "name": "door", "value": value}]);
            let mut requests: Vec<_> = (0..6).map(|n| match n % 3 {
                0 => ("PUT", VALUES.to_owned(), values(format!("{n}"))),
                1 => ("PUT", ADDRESSES.to_owned(), json!([{"id": first, "city": "Bonn", "form_fields": [{"name": "door", "value": format!("{n}")}]}])),
                _ => ("PUT", "/v3/customers".to_owned(), json!([{"id": 1, "company": format!("{round}.{n}")}])),
            }).collect();
            requests.insert(3, ("DELETE", format!("{ADDRESSES}?id:in={first},{second}"), Value::Null));
            race(&service, requests).await;
            assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 0);
        }
        holds(&service).await;
    }

    async fn a_name_defined_by_many_at_once_is_one_field(service: Service) {
        for round in 0..6 {
            let row = json!([{"name": format!("n{round}"), "type": "text"}, {"name": format!("m{round}"), "type": "date"}]);
            let answers = race(&service, vec![("PUT", FIELDS.to_owned(), row); 8]).await;
            for answer in &answers {
                assert_eq!((answer.status, answer.ids()), (200, answers[0].ids()), "{answer}");
            }
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM form_field").await, 12);
    }

    async fn of_fields_defined_at_once_no_form_gets_more_than_fifty(service: Service) {
        let requests = (0..12).map(|n| {
            let rows: Vec<Value> =
                (0..10).map(|at| json!({"name": format!("{n}.{at}"), "type": "text"})).collect();
            ("PUT", FIELDS.to_owned(), Value::from(rows))
        });
        race(&service, requests.collect()).await;
        assert_eq!(service.number("SELECT COUNT(*) FROM form_field").await, 50);
    }

    async fn whatever_happens_at_once_values_and_their_counts_agree(service: Service) {
        let names = ["a", "b", "c"];
        let rows: Vec<Value> = names.iter().map(|name| json!({"name": name, "type": "text"})).collect();
        for round in 0..4_i64 {
            defined(&service, Value::from(rows.clone())).await;
            service.made(Value::from((0..8).map(|n| json!({"email": format!("{round}.{n}@b.c"), "first_name": "A", "last_name": "B",
                "form_fields": [{"name": "a", "value": "x"}]})).collect::<Vec<_>>())).await;
            let last = service.number("SELECT MAX(customer_id) FROM customer").await;
            let requests = (0..32).map(|n: i64| {
                let (id, other) = (last - n % 8, last - (n * 5 + 3) % 8);
                let name = names[usize::try_from(n % 3).unwrap()];
                match n % 8 {
                    0 => ("DELETE", format!("/v3/customers?id:in={id},{other}"), Value::Null),
                    1 => ("PUT", VALUES.to_owned(), json!([value(id, name, ""), value(other, "a", "")])),
                    2 => ("PUT", "/v3/customers".to_owned(), json!([{"id": other, "email": format!("{round}.n{n}@b.c"), "form_fields": [{"name": name, "value": "y"}]}])),
                    3 if n == 19 => ("DELETE", format!("{FIELDS}?id:in={}", round * 3 + 1), Value::Null),
                    3 => ("POST", "/v3/customers".to_owned(), json!([{"email": format!("{round}.p{n}@b.c"), "first_name": "A", "last_name": "B", "form_fields": [{"name": "b", "value": "x"}]}])),
                    4 => ("GET", format!("{VALUES}?limit=3"), Value::Null),
                    _ => ("PUT", VALUES.to_owned(), json!([value(id, name, format!("{n}")), value(other, "b", format!("{n}"))])),
                }
            });
            race(&service, requests.collect()).await;
            holds(&service).await;
        }
    }

    /// In the order of `Counter::ALL`: whoever held a field and then waited for the counter could wait in a circle
    /// with who does it as that says.
    #[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
    async fn who_waits_to_give_a_new_customer_attributes_holds_no_form_field_yet(service: Service) {
        defined(&service, json!([{"name": "a", "type": "text"}])).await;
        let attribute = json!([{"name": "Nickname", "type": "string"}]);
        assert_eq!(service.post("modify", "/v3/customers/attributes", attribute).await.ids(), [1]);
        let (held, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let holder = {
            let (db, held, go) = (service.app().db.clone(), held.clone(), go.clone());
            tokio::spawn(async move {
                let work = async |tx: &mut WriteTx| {
                    let for_update = tx.for_update();
                    let counter = tx.query("SELECT last FROM counter WHERE name = 'attribute_value'");
                    counter.push(for_update).fetch_all::<(i64,)>().await?;
                    held.notify_one();
                    go.notified().await;
                    let free = tx.skip_locked();
                    tx.query("SELECT field_id FROM form_field").push(free).fetch_all::<(i64,)>().await
                };
                db.write(work).await
            })
        };
        held.notified().await;
        let maker = {
            let service = service.clone();
            let new = json!([{"email": "new@b.c", "first_name": "A", "last_name": "B",
                "attributes": [{"attribute_id": 1, "attribute_value": "Bea"}], "form_fields": [{"name": "a", "value": "x"}]}]);
            tokio::spawn(async move { service.post("modify", "/v3/customers", new).await })
        };
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!maker.is_finished(), "it waits for the counter");
        go.notify_one();
        assert_eq!(holder.await.unwrap().unwrap(), [(1,)], "the field is free");
        let made = maker.await.unwrap();
        assert_eq!(made.status, 200, "{made}");
        assert_eq!(service.number("SELECT COUNT(*) FROM attribute_value").await, 1);
        holds(&service).await;
    }
}
