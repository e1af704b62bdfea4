//! What happens at once. SQLite has one writer, which hides every race: PostgreSQL is what counts here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kernel::{StoreId, SystemClock};
use resources::{
    counters::rows::{Counter, hold, share, take},
    stores,
};
use serde_json::{Value, json};
use sql::WriteTx;
use testkit::{Answer, Service, at_once, on_each_engine};
use tokio::sync::Notify;

use crate::robust::sound;

const V3: &str = "/v3/customers";
const DELETED: &str =
    "SELECT COUNT(DISTINCT subject) FROM outbox WHERE scope = 'store/customer/deleted'";

fn person(email: &str) -> Value {
    json!({"email": email, "first_name": "A", "last_name": "B"})
}

/// Send all of these at once: method, path, body.
pub(crate) async fn race(
    service: &Service,
    requests: Vec<(&'static str, String, Value)>,
) -> Vec<Answer> {
    let send = |(method, path, body): (&'static str, String, Value)| {
        let service = service.clone();
        async move {
            let ask = service.ask(method, &path).token("modify");
            let ask = if body.is_null() { ask } else { ask.json(body) };
            ask.send().await
        }
    };
    let answers = at_once(requests.into_iter().map(send)).await;
    for answer in &answers {
        assert!(answer.status < 500, "{answer}");
    }
    answers
}

pub(crate) fn won(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| matches!(answer.status, 200 | 201)).count()
}

on_each_engine! {
    async fn of_two_posts_for_one_address_exactly_one_wins(service: Service) {
        for n in 0..15 {
            let spelt = [format!("r{n}@example.com"), format!("R{n}@Example.com")];
            let requests = vec![
                ("POST", V3.to_owned(), json!([person(&spelt[0])])),
                ("POST", V3.to_owned(), json!([person(&spelt[1])])),
            ];
            assert_eq!(won(&race(&service, requests).await), 1, "round {n}");
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM customer").await, 15);
        sound(&service).await;
    }

    async fn of_many_posts_for_one_address_in_both_versions_exactly_one_wins(service: Service) {
        for n in 0..4 {
            let email = format!("r{n}@example.com");
            let requests = (0..24).map(|at| match at % 2 {
                0 => (
                    "POST",
                    V3.to_owned(),
                    json!([person(&format!("own{n}.{at}@example.com")), person(&email)]),
                ),
                _ => ("POST", "/v2/customers".to_owned(), person(&email)),
            });
            assert_eq!(won(&race(&service, requests.collect()).await), 1, "round {n}");
        }
        sound(&service).await;
    }

    async fn of_a_post_and_a_put_for_one_address_exactly_one_wins(service: Service) {
        service.crowd(1).await;
        for n in 0..15 {
            let email = format!("r{n}@example.com");
            let requests = vec![
                ("POST", V3.to_owned(), json!([person(&email)])),
                ("PUT", V3.to_owned(), json!([{"id": 1, "email": email}])),
                ("PUT", "/v2/customers/1".to_owned(), json!({"email": email})),
            ];
            let answers = race(&service, requests).await;
            let (post, puts) = (won(&answers[..1]), won(&answers[1..]));
            assert!(matches!((post, puts), (1, 0) | (0, 2)), "round {n}: {post} {puts}");
        }
        sound(&service).await;
    }

    async fn of_many_puts_for_one_address_exactly_one_wins(service: Service) {
        service.crowd(10).await;
        for n in 0..6 {
            let email = format!("r{n}@example.com");
            let requests =
                (1..=10).map(|id| ("PUT", V3.to_owned(), json!([{"id": id, "email": email}])));
            assert_eq!(won(&race(&service, requests.collect()).await), 1, "round {n}");
        }
        sound(&service).await;
    }

    async fn of_two_accounts_with_one_address_only_one_can_move_to_where_both_would_meet(
        service: Service,
    ) {
        for n in 0..8 {
            let email = format!("r{n}@example.com");
            let mut rows = [person(&email), person(&email)];
            rows[0]["channel_ids"] = json!([2]);
            rows[1]["channel_ids"] = json!([3]);
            let ids = service.made(json!(rows)).await;
            let requests = ids
                .iter()
                .map(|id| ("PUT", V3.to_owned(), json!([{"id": id, "channel_ids": [4]}])));
            assert_eq!(won(&race(&service, requests.collect()).await), 1, "round {n}");
        }
    }

    /// Both versions count in one row.
    async fn posts_at_once_to_an_empty_store_get_numbers_of_their_own(service: Service) {
        let requests = (0..30).map(|n| {
            (
                "POST",
                V3.to_owned(),
                json!([person(&format!("{n}a@b.c")), person(&format!("{n}b@b.c"))]),
            )
        });
        let answers = race(&service, requests.collect()).await;
        let mut ids: Vec<i64> = answers.iter().flat_map(Answer::ids).collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=60).collect::<Vec<_>>());
        for answer in &answers {
            assert_eq!(answer.ids()[1], answer.ids()[0] + 1, "a batch's numbers are in a row");
        }
        assert_eq!(service.number("SELECT live FROM counter WHERE name = 'customer' AND store_id = (SELECT store_id FROM store WHERE hash = \'acme\')").await, 60);
        assert_eq!(service.number("SELECT last FROM counter WHERE name = 'customer' AND store_id = (SELECT store_id FROM store WHERE hash = \'acme\')").await, 60);
        sound(&service).await;
    }

    #[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
    async fn whoever_holds_a_counter_waits_for_those_who_count(service: Service) {
        let store = StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await);
        let (made, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let has_held = Arc::new(AtomicBool::new(false));
        let maker = {
            let (db, made, go) = (service.app().db.clone(), made.clone(), go.clone());
            tokio::spawn(async move {
                let work = async |tx: &mut WriteTx| {
                    take(tx, store, Counter::Customer, 1).await?.expect("the store is there");
                    made.notify_one();
                    go.notified().await;
                    Ok::<_, sql::Error>(())
                };
                db.write(work).await
            })
        };
        made.notified().await;
        let holder = {
            let (db, has_held) = (service.app().db.clone(), has_held.clone());
            tokio::spawn(async move {
                let work = async |tx: &mut WriteTx| {
                    hold(tx, store, Counter::Customer).await?.expect("the store is there");
                    has_held.store(true, Ordering::SeqCst);
                    Ok::<_, sql::Error>(())
                };
                db.write(work).await
            })
        };
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(!has_held.load(Ordering::SeqCst), "two hold what only one may");
        go.notify_one();
        maker.await.unwrap().unwrap();
        holder.await.unwrap().unwrap();
        assert_eq!(service.number("SELECT last FROM counter WHERE name = 'customer' AND store_id = (SELECT store_id FROM store WHERE hash = \'acme\')").await, 1);
    }

    /// Who makes something in a store that is being deleted holds one counter and then shares another: it waits for
    /// nobody who waits for it.
    #[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
    async fn a_store_is_deleted_beside_who_holds_two_of_its_counters(service: Service) {
        let unforgiving = service.unforgiving().await;
        let store = StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await);
        let (held, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let maker = {
            let (db, held, go) = (unforgiving.app().db.clone(), held.clone(), go.clone());
            tokio::spawn(async move {
                let work = async |tx: &mut WriteTx| {
                    hold(tx, store, Counter::Customer).await?.expect("the store is there");
                    held.notify_one();
                    go.notified().await;
                    share(tx, store, Counter::Channel).await
                };
                db.write(work).await
            })
        };
        held.notified().await;
        let deleter = {
            let db = unforgiving.app().db.clone();
            tokio::spawn(async move { stores::ops::delete(&db, &SystemClock, "acme").await })
        };
        // On SQLite nothing is deleted beside who writes.
        let races = service.app().db.engine() == "postgres";
        let channel = format!("SELECT COUNT(*) FROM counter WHERE name = 'channel' AND store_id = {}", store.0);
        let until = Instant::now() + Duration::from_secs(20);
        while races && service.number(&channel).await > 0 {
            assert!(Instant::now() < until, "it keeps one counter while it waits for another");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The customers' counter is next, by its name.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!deleter.is_finished(), "a counter that is held is not deleted");
        go.notify_one();
        assert_eq!(maker.await.unwrap().unwrap().is_none(), races, "it finds the channels' counter deleted");
        deleter.await.unwrap().unwrap();
        assert_eq!(service.number(&format!("SELECT COUNT(*) FROM counter WHERE store_id = {}", store.0)).await, 0);
        unforgiving.app().db.close().await.unwrap();
    }

    async fn forty_declarations_at_once_are_all_kept_and_numbered(service: Service) {
        service.crowd(1).await;
        let requests = (0..40).map(|n| {
            let lists = if n % 2 == 0 {
                json!({"allow": ["analytics"], "deny": []})
            } else {
                json!({"allow": [], "deny": ["analytics"]})
            };
            ("PUT", "/v3/customers/1/consent".to_owned(), lists)
        });
        assert_eq!(won(&race(&service, requests.collect()).await), 40);
        let kept = service
            .texts(
                "SELECT CAST(sequence AS TEXT) AS line FROM consent_declaration ORDER BY sequence",
            )
            .await;
        assert_eq!(kept, (1..=40).map(|n: i64| n.to_string()).collect::<Vec<_>>());
        let last = service.history(1).await.pop().unwrap();
        let current = service.get("read", "/v3/customers/1/consent").await.json();
        assert_eq!(
            last.contains("allow [analytics]"),
            current["allow"] == json!(["analytics"]),
            "{last} {current}"
        );
        sound(&service).await;
    }

    async fn deletions_of_the_same_customers_at_once_are_told_once(service: Service) {
        service.crowd(20).await;
        let list = |ids: &mut dyn Iterator<Item = i64>| {
            ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
        };
        let requests = (0..12).map(|n| match n % 4 {
            0 => ("DELETE", format!("{V3}?id:in={}", list(&mut (1..=20))), Value::Null),
            1 => ("DELETE", format!("{V3}?id:in={}", list(&mut (1..=20).rev())), Value::Null),
            2 => ("DELETE", "/v2/customers".to_owned(), Value::Null),
            _ => ("DELETE", format!("/v2/customers/{n}"), Value::Null),
        });
        race(&service, requests.collect()).await;
        assert_eq!(
            service
                .number("SELECT COUNT(*) FROM outbox WHERE scope = 'store/customer/deleted'")
                .await,
            20
        );
        assert_eq!(service.number(DELETED).await, 20);
        assert_eq!(service.number("SELECT live FROM counter WHERE name = 'customer' AND store_id = (SELECT store_id FROM store WHERE hash = \'acme\')").await, 0);
        sound(&service).await;
    }

    async fn batches_in_opposite_orders_do_not_stand_in_each_others_way(service: Service) {
        service.crowd(10).await;
        for n in 0..3 {
            let requests = (0..24).map(|at| {
                let ids: Vec<i64> = if at % 2 == 0 { (1..=10).collect() } else { (1..=10).rev().collect() };
                let rows = ids.iter().map(|id| match at % 4 {
                    0 | 1 => json!({"id": id, "company": format!("{n} {at}")}),
                    _ => json!({"id": id, "notes": format!("{n} {at}"), "email": format!("c{id}@example.com")}),
                });
                ("PUT", V3.to_owned(), rows.collect())
            });
            assert_eq!(won(&race(&service, requests.collect()).await), 24);
        }
        let companies = service.texts("SELECT DISTINCT company FROM customer").await;
        assert_eq!(companies.len(), 1, "each batch is kept whole: {companies:?}");
        sound(&service).await;
    }

    /// Each writer reads the customer, changes one field and writes them all.
    async fn changes_of_different_fields_at_once_are_all_kept(service: Service) {
        service.crowd(2).await;
        let fields =
            ["company", "phone", "notes", "tax_exempt_category", "first_name", "last_name"];
        for round in 0..6 {
            let requests = fields.iter().enumerate().flat_map(|(at, field)| {
                let value = format!("{round}");
                let v3 = ("PUT", V3.to_owned(), json!([{"id": 1, *field: value}]));
                let v2 = ("PUT", "/v2/customers/2".to_owned(), json!({*field: value}));
                if at % 2 == 0 { [v3, v2] } else { [v2, v3] }
            });
            assert_eq!(won(&race(&service, requests.collect()).await), 12);
            for customer in service.get("read", V3).await.json()["data"].as_array().unwrap() {
                for field in fields {
                    assert_eq!(
                        customer[field],
                        round.to_string(),
                        "{field} was lost in round {round}: {customer}"
                    );
                }
            }
        }
        sound(&service).await;
    }

    async fn everything_at_once_stays_sound(service: Service) {
        service.crowd(10).await;
        for round in 0..3 {
            let requests = (0..60_i64).map(|n| {
                let id = n % 10 + 1;
                match n % 8 {
                    0 => ("POST", V3.to_owned(), json!([person(&format!("{round}x{}@b.c", n % 16)), person(&format!("{round}y{n}@b.c"))])),
                    1 => ("PUT", V3.to_owned(), json!([{"id": id, "email": format!("{round}x{}@b.c", n % 16)}])),
                    2 => ("PUT", V3.to_owned(), json!([{"id": 11 - id, "company": format!("{n}")}, {"id": id, "phone": format!("{n}")}])),
                    3 => ("PUT", format!("/v3/customers/{id}/consent"), json!({"allow": ["essential"], "deny": []})),
                    4 => ("DELETE", format!("{V3}?id:in={},{}", 10 + round * 7 + id, 3 + round), Value::Null),
                    5 => ("PUT", format!("/v2/customers/{id}"), json!({"notes": format!("{n}"), "email": format!("{round}x{}@b.c", n % 16)})),
                    6 => ("DELETE", format!("/v2/customers/{}", 20 + n), Value::Null),
                    _ => ("GET", format!("{V3}?limit=5&sort=last_name:asc&email:in=c{id}@example.com"), Value::Null),
                }
            });
            race(&service, requests.collect()).await;
            sound(&service).await;
        }
    }

    async fn a_list_is_one_instant_however_much_is_written_beside_it(service: Service) {
        service.crowd(10).await;
        let requests = (0..40).map(|n| match n % 2 {
            // Ten are made or ten deleted, always whole.
            0 => (
                "POST",
                V3.to_owned(),
                Value::from((0..10).map(|at| person(&format!("{n}.{at}@b.c"))).collect::<Vec<_>>()),
            ),
            _ => ("GET", format!("{V3}?limit=250"), Value::Null),
        });
        for answer in race(&service, requests.collect()).await {
            if answer.path.contains("limit") {
                let body = answer.json();
                let total = body["meta"]["pagination"]["total"].as_u64().unwrap();
                assert_eq!(
                    (total % 10, total),
                    (0, answer.ids().len() as u64),
                    "{total} of {}",
                    answer.ids().len()
                );
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
    async fn a_deletion_by_filter_leaves_alone_who_matches_no_longer(service: Service) {
        let mut row = person("a@b.c");
        row["phone"] = json!("111");
        service.made(json!([row])).await;
        let (changed, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let changer = {
            let (db, changed, go) = (service.app().db.clone(), changed.clone(), go.clone());
            tokio::spawn(async move {
                let work = async |tx: &mut WriteTx| {
                    tx.query("UPDATE customer SET phone = '222'").execute().await?;
                    changed.notify_one();
                    go.notified().await;
                    Ok::<_, sql::Error>(())
                };
                db.write(work).await
            })
        };
        changed.notified().await;
        let deleter = {
            let service = service.clone();
            tokio::spawn(async move { service.delete("modify", "/v2/customers?phone=111").await })
        };
        tokio::time::sleep(Duration::from_millis(150)).await;
        go.notify_one();
        changer.await.unwrap().unwrap();
        assert_eq!(deleter.await.unwrap().status, 204);
        assert_eq!(service.number("SELECT COUNT(*) FROM customer").await, 1);
        sound(&service).await;
    }
}
