//! `/custodia/hooks/{id}/`: what became of deliveries, and once more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use rest::Settings;
use serde_json::{Value, json};
use testkit::{Answer, NOON, Service, at_once, on_each_engine};
use tokio::time::sleep;

use crate::{receiver::Receiver, shows};

const NOW: Duration = Duration::ZERO;

/// The same service, whose webhooks may lead to this machine.
async fn open(service: &Service) -> Service {
    let webhook_allow = vec!["127.0.0.0/8".parse().expect("a range")];
    service.with(Settings { webhook_allow, ..Settings::default() }).await
}

/// Subscribe over the wire; the webhook's number.
async fn subscribe(service: &Service, token: &str, scope: &str, to: &Receiver) -> i64 {
    let store = if token == "other" { "zenith" } else { "acme" };
    let wish = json!({"scope": scope, "destination": to.url()});
    let answer = service.post(token, &format!("/stores/{store}/v3/hooks"), wish).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["data"]["id"].as_i64().expect("an id")
}

fn of(hook: i64, rest: &str) -> String {
    format!("/stores/acme/custodia/hooks/{hook}/{rest}")
}

/// Ask for something that needs no body.
async fn press(service: &Service, path: &str) -> Answer {
    service.ask("POST", path).token("modify").send().await
}

async fn ask_again(service: &Service, path: &str, body: Value) -> (i64, bool) {
    let answer = if body.is_null() {
        press(service, path).await
    } else {
        service.post("modify", path, body).await
    };
    assert_eq!(answer.status, 200, "{answer}");
    let data = &answer.json()["data"];
    (data["replayed"].as_i64().expect("a number"), data["is_more"].as_bool().expect("whether"))
}

async fn listed(service: &Service, path: &str) -> Vec<Value> {
    let answer = service.get("modify", path).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["data"].as_array().expect("a list").clone()
}

fn members(rows: &[Value], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

async fn number(service: &Service, of: &str) -> i64 {
    service.number(&format!("SELECT COUNT(*) FROM {of}")).await
}

/// Have this many events die of a webhook that was made inactive, and make it active again.
async fn die(service: &Service, hook: i64, count: i64) {
    service.crowd(count).await;
    service.deliver().await;
    let path = format!("/v3/hooks/{hook}");
    assert_eq!(service.put("modify", &path, json!({"is_active": false})).await.status, 200);
    service.set_seconds(200_000);
    service.deliver().await;
    assert_eq!(number(service, &format!("dead_letter WHERE hook_id = {hook} AND store_id = (SELECT store_id FROM store WHERE hash = 'acme')")).await, count);
    assert_eq!(service.put("modify", &path, json!({"is_active": true})).await.status, 200);
}

#[track_caller]
fn is_unknown(answer: &Answer, hook: i64) {
    let title = answer.json()["title"].clone();
    assert_eq!(
        (answer.status, title),
        (404, json!(format!("Webhook with id [{hook}] not found"))),
        "{answer}"
    );
}

on_each_engine! {
    async fn what_became_of_each_event_is_listed_the_newest_first(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::willing().await;
        let hook = subscribe(&service, "modify", "store/customer/*", &receiver).await;
        service.set_seconds(1);
        service.crowd(1).await;
        service.deliver().await;
        receiver.answer(|_| (500, NOW));
        service.set_seconds(2);
        service.put("modify", "/v3/customers", json!([{"id": 1, "first_name": "New"}])).await;
        service.deliver().await;
        service.meddle("UPDATE delivery_attempt SET took = 12345").await;
        // As the receiver sees them, wherever their names were drawn.
        for (n, name) in [(1, "created"), (2, "updated")] {
            service.meddle(&format!("UPDATE event SET hash = '{}', body = 'as sent' WHERE scope = 'store/customer/{name}'", n.to_string().repeat(40))).await;
        }
        let answer = service.get("modify", &of(hook, "deliveries")).await;
        shows(&answer, "one arrived one fails");
        assert_eq!(members(&listed(&service, &of(hook, "deliveries")).await, "status"), ["failing", "arrived"]);
        let one = service.get("modify", &of(hook, &format!("deliveries/{}", "2".repeat(40)))).await;
        shows(&one, "failing");
        let unknown = service.get("modify", &of(hook, &format!("deliveries/{}", "3".repeat(40)))).await;
        shows(&unknown, "unknown event");
        for (filter, expected) in [
            ("status=failing", &["failing"][..]), ("status=arrived", &["arrived"]), ("status=dead", &[]), ("status=waiting", &[]),
            ("scope=store/customer/created", &["arrived"]), ("since=2024-06-01T12:00:02Z", &["failing"]),
            ("until=2024-06-01T12:00:01Z", &["arrived"]), ("since=2024-06-01T12:00:01Z&until=2024-06-01T12:00:02Z", &["failing", "arrived"]),
        ] {
            let found = listed(&service, &of(hook, &format!("deliveries?{filter}"))).await;
            assert_eq!(members(&found, "status"), expected, "{filter}");
        }
        for refused in ["status=lost", "page=2", "before=eyJpZCI6MX0", "after=x", "limit=0", "since=soon"] {
            let answer = service.get("modify", &of(hook, &format!("deliveries?{refused}"))).await;
            assert_eq!(answer.status, 422, "{answer}");
        }
    }

    async fn a_list_of_deliveries_is_walked_by_cursor_and_misses_none(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::willing().await;
        let hook = subscribe(&service, "modify", "store/customer/*", &receiver).await;
        for n in 0..7 {
            service.set_seconds(n);
            let row = json!([{"email": format!("w{n}@example.com"), "first_name": "A", "last_name": "B"}]);
            service.made(row).await;
            let _ = receiver.take();
            if n == 3 {
                receiver.answer(|_| (500, NOW));
            }
            service.deliver().await;
        }
        let (mut subjects, mut query) = (Vec::new(), "?limit=3".to_owned());
        loop {
            let answer = service.get("modify", &of(hook, &format!("deliveries{query}"))).await.json();
            subjects.extend(members(answer["data"].as_array().expect("a list"), "subject"));
            match answer["meta"]["cursor_pagination"]["links"]["next"].as_str() {
                Some(next) => next.clone_into(&mut query),
                None => break,
            }
        }
        assert_eq!(subjects, [7, 6, 5, 4, 3, 2, 1]);
    }

    async fn what_arrived_is_sent_again_under_its_name_and_its_attempts_are_numbered_on(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::willing().await;
        let hook = subscribe(&service, "modify", "store/customer/created", &receiver).await;
        service.crowd(1).await;
        service.deliver().await;
        let first = receiver.take().remove(0);
        // As long as any other, and the same on every run.
        let event = "1".repeat(40);
        service.meddle(&format!("UPDATE event SET hash = '{event}'")).await;
        let again = of(hook, &format!("deliveries/{event}/replay"));
        receiver.answer(|_| (500, NOW));
        service.set_seconds(60);
        let answer = press(&service, &again).await;
        shows(&answer, "arrived");
        assert_eq!(answer.json(), json!({"data": {"replayed": 1, "is_more": false}, "meta": {}}), "{answer}");
        // Twice asked for is once.
        assert_eq!(ask_again(&service, &again, Value::Null).await, (1, false));
        assert_eq!(members(&listed(&service, &of(hook, "deliveries")).await, "status"), ["waiting"]);
        assert_eq!(service.deliver().await, 1);
        let second = receiver.take().remove(0);
        assert_eq!((second.header("webhook-id"), &second.body), (event.as_str(), &first.body));
        // It climbs the ladder from its first rung, and is due at once when it is asked for again.
        assert_eq!(service.number("SELECT due_at FROM delivery").await, NOON.plus_seconds(120).0);
        assert_eq!(ask_again(&service, &again, Value::Null).await, (1, false));
        receiver.answer(|_| (200, NOW));
        assert_eq!(service.deliver().await, 1);
        let whole = service.get("modify", &of(hook, &format!("deliveries/{event}"))).await.json();
        let attempts = whole["data"]["attempts"].as_array().expect("attempts").clone();
        assert_eq!(members(&attempts, "number"), [1, 2, 3]);
        assert_eq!(members(&attempts, "status"), [200, 500, 200]);
        assert_eq!((&whole["data"]["status"], &whole["data"]["body"]), (&json!("arrived"), &json!(first.body)));
        assert_eq!(number(&service, "delivery").await + number(&service, "delivery_lane").await, 0);
        let lines = service.audit().await;
        assert_eq!(lines.iter().filter(|line| line.contains("hook.replayed")).count(), 3, "{lines:?}");
    }

    async fn dead_letters_are_listed_and_redriven_each_once_however_often_they_are_asked_for(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "modify", "store/customer/created", &receiver).await;
        die(&service, hook, 450).await;
        let dead = listed(&service, &of(hook, "dead-letters?limit=250")).await;
        assert_eq!(dead.len(), 250);
        assert!(dead.iter().all(|row| row["status"] == "dead" && row["died_at"].is_string() && row["next_attempt_at"].is_null()), "{}", dead[0]);
        receiver.answer(|_| (200, NOW));
        receiver.take();
        assert_eq!(ask_again(&service, &of(hook, "dead-letters/redrive"), Value::Null).await, (450, false));
        assert_eq!(ask_again(&service, &of(hook, "dead-letters/redrive"), Value::Null).await, (0, false));
        assert_eq!(service.deliver().await, 450);
        let names: BTreeSet<String> = receiver.take().iter().map(|heard| heard.header("webhook-id").to_owned()).collect();
        assert_eq!(names.len(), 450);
        assert_eq!(number(&service, "dead_letter").await + number(&service, "delivery").await + number(&service, "delivery_lane").await, 0);
        assert!(service.number("SELECT MAX(attempt) FROM delivery_attempt").await >= 1);
    }

    async fn what_failed_since_then_is_replayed_and_nothing_else(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "modify", "store/customer/*", &receiver).await;
        for n in 1..=3 {
            service.set_seconds(n * 10);
            service.made(json!([{"email": format!("f{n}@example.com"), "first_name": "A", "last_name": "B"}])).await;
            service.deliver().await;
        }
        // The first is dead since then, the second waits for its rung as the third does.
        service.meddle(
            "INSERT INTO dead_letter (store_id, hook_id, event_id, subject, failures, attempts, died_at)
             SELECT store_id, hook_id, event_id, subject, failures, attempts, due_at FROM delivery WHERE subject = 1",
        ).await;
        service.meddle("DELETE FROM delivery WHERE subject = 1").await;
        let path = of(hook, "replay");
        let refused = service.post("modify", &path, json!({})).await;
        shows(&refused, "no moment");
        assert_eq!(ask_again(&service, &path, json!({"since": "2024-06-01T13:00:00Z"})).await, (0, false));
        service.set_seconds(31);
        let answer = service.post("modify", &path, json!({"since": "2024-06-01T12:00:30Z"})).await;
        shows(&answer, "two");
        assert_eq!(members(&listed(&service, &of(hook, "deliveries")).await, "status"), ["waiting", "failing", "waiting"]);
        assert_eq!(ask_again(&service, &path, json!({"since": "1717243230"})).await, (0, false), "they have not failed since");
        receiver.answer(|_| (200, NOW));
        receiver.take();
        assert_eq!(service.deliver().await, 2);
        assert_eq!(ask_again(&service, &path, json!({"since": "2024-06-01"})).await, (1, false));
        assert_eq!(service.deliver().await, 1);
    }

    async fn an_inactive_webhook_takes_nothing_again_until_it_is_active(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "modify", "store/customer/*", &receiver).await;
        die(&service, hook, 2).await;
        service.put("modify", &format!("/v3/hooks/{hook}"), json!({"is_active": false})).await;
        service.meddle("UPDATE event SET hash = '000000000000000000000000000000000000000' || CAST(subject AS TEXT)").await;
        service.meddle("UPDATE delivery_attempt SET took = 12345").await;
        shows(&service.get("modify", &of(hook, "dead-letters")).await, "two");
        let event = listed(&service, &of(hook, "dead-letters")).await[0]["id"].as_str().expect("a name").to_owned();
        let before = service.dump().await;
        let answer = press(&service, &of(hook, "dead-letters/redrive")).await;
        shows(&answer, "inactive");
        assert_eq!(answer.status, 409, "{answer}");
        for (path, body) in [("replay".to_owned(), json!({"since": "2024-06-01"})), (format!("deliveries/{event}/replay"), Value::Null)] {
            assert_eq!(service.post("modify", &of(hook, &path), body).await.status, 409, "{path}");
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_webhooks_counts_tell_what_waits_fails_and_died_and_of_the_last_hours(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "modify", "store/customer/*", &receiver).await;
        service.crowd(3).await;
        service.deliver().await;
        service.set_seconds(60);
        service.meddle("UPDATE delivery SET failures = 0 WHERE subject = 1").await;
        service.meddle(
            "INSERT INTO dead_letter (store_id, hook_id, event_id, subject, failures, attempts, died_at)
             SELECT store_id, hook_id, event_id, subject, failures, attempts, due_at FROM delivery WHERE subject = 2",
        ).await;
        service.meddle("DELETE FROM delivery WHERE subject = 2").await;
        let answer = service.get("modify", &of(hook, "counts")).await;
        shows(&answer, "one of each");
        let counts = answer.json()["data"].clone();
        for name in ["waiting", "failing", "dead"] {
            assert_eq!(counts[name], json!({"count": 1, "is_more": false}), "{name}");
        }
        assert_eq!(counts["hours"][23], json!({"begun_at": "2024-06-01T12:00:00Z", "arrived": 0, "failed": 3}));
    }

    async fn a_blocked_domain_is_shown_to_the_account_whose_webhooks_lead_there(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::willing().await;
        subscribe(&service, "modify", "store/customer/*", &receiver).await;
        subscribe(&service, "read", "store/customer/*", &receiver).await;
        service.meddle("UPDATE hook SET domain = 'elsewhere.example' WHERE hook_id = 2").await;
        let until = NOON.plus_seconds(180).0;
        service.meddle(&format!(
            "INSERT INTO delivery_domain (store_id, domain, blocked_until, told_at)
             SELECT store_id, '127.0.0.1', {until}, 0 FROM store WHERE hash IN ('acme', 'zenith')"
        )).await;
        service.set_clock(kernel::Timestamp(NOON.0 + 500_000));
        let blocked = async |token: &str| service.get(token, "/v3/hooks/admin").await.json()["data"]["blocked_domains"].clone();
        assert_eq!(blocked("modify").await, json!([{"destination": "https://127.0.0.1", "time_left": 180, "reasons": []}]));
        assert_eq!(blocked("read").await, json!([]));
        service.set_seconds(180);
        assert_eq!(blocked("modify").await, json!([]));
    }

    async fn deliveries_are_their_own_accounts_and_no_other_reads_or_replays_them(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let mine = subscribe(&service, "modify", "store/customer/*", &receiver).await;
        let neighbours = subscribe(&service, "read", "store/customer/*", &receiver).await;
        let theirs = subscribe(&service, "other", "store/customer/*", &receiver).await;
        assert_eq!(mine, theirs, "each store counts its own");
        let row = json!([{"email": "z@example.com", "first_name": "Z", "last_name": "Z"}]);
        service.post("other", "/stores/zenith/v3/customers", row).await;
        die(&service, mine, 2).await;
        let events = async |store: &str, hook: i64| service.texts(&format!(
            "SELECT e.hash AS line FROM event e JOIN store s ON s.store_id = e.store_id WHERE s.hash = '{store}' AND {hook} > 0 ORDER BY e.event_id"
        )).await;
        let (ours, zeniths) = (events("acme", mine).await, events("zenith", theirs).await);
        let paths = |hook: i64, event: &str| [
            ("GET", of(hook, "deliveries")), ("GET", of(hook, &format!("deliveries/{event}"))), ("GET", of(hook, "dead-letters")), ("GET", of(hook, "counts")),
            ("POST", of(hook, &format!("deliveries/{event}/replay"))), ("POST", of(hook, "replay")), ("POST", of(hook, "dead-letters/redrive")),
        ];
        let before = service.dump().await;
        let ask = async |token: &str, method: &str, path: &str| {
            let ask = service.ask(method, path).token(token);
            if method == "POST" { ask.json(json!({"since": "2024-01-01"})).send().await } else { ask.send().await }
        };
        for (token, hook) in [("scopeless", mine), ("read", mine), ("modify", neighbours), ("modify", 99)] {
            for (method, path) in paths(hook, &ours[0]) {
                is_unknown(&ask(token, method, &path).await, hook);
            }
        }
        // Another store's event is none of this webhook's, also where both have its number.
        for (method, path) in [("GET", format!("deliveries/{}", zeniths[0])), ("POST", format!("deliveries/{}/replay", zeniths[0]))] {
            let answer = ask("modify", method, &of(mine, &path)).await;
            assert_eq!(answer.status, 404, "{answer}");
        }
        assert_eq!(service.dump().await, before);
        let zenith = service.dump_of("zenith").await;
        assert_eq!(listed(&service, &of(mine, "deliveries")).await.len(), 2);
        assert_eq!(ask_again(&service, &of(mine, "dead-letters/redrive"), Value::Null).await, (2, false));
        assert_eq!(ask_again(&service, &of(mine, "replay"), json!({"since": "2024-01-01"})).await, (0, false));
        assert_eq!(service.dump_of("zenith").await, zenith);
        assert_eq!(number(&service, &format!("delivery WHERE hook_id = {neighbours} AND failures = 0")).await, 0, "nor the neighbour's");
    }

    async fn a_redrive_that_cannot_be_written_down_moves_nothing(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "modify", "store/customer/created", &receiver).await;
        die(&service, hook, 5).await;
        let before = number(&service, "dead_letter").await;
        service.meddle("ALTER TABLE audit RENAME TO audit_away").await;
        let answer = press(&service, &of(hook, "dead-letters/redrive")).await;
        assert!(answer.status >= 500, "{answer}");
        service.meddle("ALTER TABLE audit_away RENAME TO audit").await;
        assert_eq!((number(&service, "dead_letter").await, number(&service, "delivery").await, number(&service, "delivery_lane").await), (before, 0, 0));
        let answer = press(&service, &of(hook, "dead-letters/redrive")).await;
        shows(&answer, "five");
        assert_eq!(answer.json()["data"], json!({"replayed": 5, "is_more": false}));
    }

    async fn redrives_at_once_while_a_worker_delivers_lose_none_and_send_none_twice_at_a_time(service: Service) {
        let service = open(&service).await;
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "modify", "store/customer/created", &receiver).await;
        die(&service, hook, 300).await;
        receiver.take();
        receiver.answer(|_| (200, Duration::from_millis(2)));
        let beside = open(&service).await;
        let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
        let workers = [service.worker(), beside.worker()];
        let deliver = async {
            while !is_over.load(Ordering::SeqCst) {
                for worker in &workers {
                    worker.pass().await.expect("delivered");
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        let redrive = async {
            let redrives = (0..16).map(|_| {
                let service = service.clone();
                async move { press(&service, &of(hook, "dead-letters/redrive")).await }
            });
            for answer in at_once(redrives).await {
                assert_eq!(answer.status, 200, "{answer}");
                let moved = answer.json()["data"]["replayed"].as_u64().expect("a number");
                asked.fetch_add(usize::try_from(moved).expect("few"), Ordering::SeqCst);
            }
            is_over.store(true, Ordering::SeqCst);
        };
        tokio::join!(deliver, redrive);
        service.deliver().await;
        assert_eq!(asked.load(Ordering::SeqCst), 300, "each was taken by one of them");
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for heard in receiver.take() {
            *times.entry(heard.header("webhook-id").to_owned()).or_default() += 1;
        }
        assert_eq!(times.len(), 300);
        assert!(times.values().all(|count| *count == 1), "{times:?}");
        assert_eq!(number(&service, "dead_letter").await + number(&service, "delivery").await + number(&service, "delivery_lane").await, 0);
    }
}
