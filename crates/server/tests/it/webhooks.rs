//! Deliveries: what arrives, in which order, how often, and what happens when it does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use delivery::Profile;
use serde_json::{Value, json};
use testkit::{NOON, Service, at_once, on_each_engine};
use tokio::time::{Instant, sleep, timeout};

use crate::receiver::Receiver;

const NOW: Duration = Duration::ZERO;

/// Let an account of acme subscribe; it is made where there is none of this name. The webhook's number.
pub(crate) async fn subscribe(service: &Service, who: &str, scope: &str, destination: &str) -> i64 {
    subscribe_at(service, "acme", who, scope, destination).await
}

/// Do something while webhooks are delivered: every event of acme, to somebody who refuses each third.
pub(crate) async fn while_delivering<T>(service: &Service, doing: impl Future<Output = T>) -> T {
    let mut count = 0;
    let receiver = Receiver::answering(move |_| {
        count += 1;
        (if count % 3 == 0 { 500 } else { 200 }, Duration::from_millis(3))
    });
    let receiver = receiver.await;
    for scope in ["store/*", "custodia/customer/consent/updated"] {
        subscribe(service, "listener", scope, &receiver.url()).await;
    }
    // Without the block, or it would soon send nothing.
    let worker = service.worker_with(Profile::trial(None, false), Duration::from_secs(10));
    let done = tokio::select! {
        () = worker.keep(std::future::pending()) => unreachable!(),
        done = doing => done,
    };
    // The clock stands still: what was refused is not tried again.
    worker.pass().await.expect("delivered");
    assert!(!receiver.heard().is_empty(), "or nothing was shown");
    for table in ["delivery", "delivery_attempt"] {
        let of_nothing = format!(
            "SELECT COUNT(*) FROM {table} t WHERE NOT EXISTS
                 (SELECT 1 FROM event e WHERE e.store_id = t.store_id AND e.event_id = t.event_id)"
        );
        assert_eq!(service.number(&of_nothing).await, 0, "{table}");
    }
    assert_eq!(service.number("SELECT COUNT(*) FROM outbox").await, 0, "all were told");
    done
}

async fn subscribe_at(
    service: &Service,
    store: &str,
    who: &str,
    scope: &str,
    destination: &str,
) -> i64 {
    let of_store = format!("(SELECT store_id FROM store WHERE hash = '{store}')");
    let known = format!("SELECT COUNT(*) FROM hook_owner WHERE name = '{who}'");
    service.meddle("CREATE TABLE IF NOT EXISTS hook_owner (name TEXT, account_id BIGINT)").await;
    if service.number(&known).await == 0 {
        let client_id = service.hire(who, store, &["store_v2_customers"]).await;
        service
            .meddle(&format!(
                "INSERT INTO hook_owner (name, account_id)
                 SELECT '{who}', account_id FROM account WHERE client_id = '{client_id}'"
            ))
            .await;
    }
    let number = service.number("SELECT COUNT(*) + 1 AS n FROM hook").await;
    let domain = destination.split('/').nth(2).and_then(|it| it.split(':').next()).expect("a host");
    let at = NOON.0;
    service
        .meddle(&format!(
            "INSERT INTO hook (store_id, hook_id, account_id, scope, destination, domain, headers, is_active,
                 events_history_enabled, created_at, updated_at, delivered_at)
             SELECT {of_store}, {number}, account_id, '{scope}', '{destination}', '{domain}', NULL, TRUE, FALSE,
                 {at}, {at}, {at}
             FROM hook_owner WHERE name = '{who}'"
        ))
        .await;
    number
}

async fn is_active(service: &Service, hook: i64) -> bool {
    let active = format!("SELECT COUNT(*) FROM hook WHERE hook_id = {hook} AND is_active = TRUE");
    service.number(&active).await == 1
}

/// Nothing waits, and nothing is left of what waited.
async fn is_quiet(service: &Service) -> bool {
    let mut left = 0;
    for table in ["outbox", "delivery", "delivery_lane"] {
        left += service.number(&format!("SELECT COUNT(*) FROM {table}")).await;
    }
    left == 0
}

async fn rename(service: &Service, customer: i64, name: &str) {
    let rows = json!([{"id": customer, "first_name": name}]);
    let answer = service.put("modify", "/v3/customers", rows).await;
    assert_eq!(answer.status, 200, "{answer}");
}

on_each_engine! {
    async fn an_event_arrives_as_it_was_recorded_under_a_signature_that_its_account_can_check(service: Service) {
        let receiver = Receiver::willing().await;
        let hook = subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.meddle(&format!("UPDATE hook SET headers = 'X-Own: of-the-owner\n' WHERE hook_id = {hook}")).await;
        service.crowd(1).await;
        service.set_seconds(3);
        assert_eq!(service.deliver().await, 1);
        let heard = &receiver.heard()[0];
        let store = service.number("SELECT store_id FROM store WHERE hash = 'acme'").await;
        let id = heard.header("webhook-id");
        assert!(id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        let body = format!(
            r#"{{"producer":"stores/acme","hash":"{id}","created_at":1717243200,"store_id":"{store}","scope":"store/customer/created","data":{{"type":"customer","id":1}}}}"#
        );
        assert_eq!((heard.path.as_str(), heard.body.as_str()), ("/hook", body.as_str()));
        assert_eq!(heard.header("content-type"), "application/json");
        assert_eq!(heard.header("user-agent"), "custodia/0.0.0");
        assert_eq!(heard.header("webhook-timestamp"), "1717243203", "when it was sent");
        assert_eq!(heard.header("x-own"), "of-the-owner");
        let client = service.texts("SELECT a.client_id AS line FROM account a JOIN hook_owner o ON o.account_id = a.account_id").await;
        let secret = service.secret("acme", &client[0]).await;
        let signed = format!("{id}.1717243203.{body}");
        assert_eq!(heard.header("webhook-signature"), format!("v1,{}", hmac(&secret, &signed)));
        assert!(is_quiet(&service).await);
        let kept = service.texts("SELECT CAST(attempt AS TEXT) || ' ' || CAST(status AS TEXT) || ' ' || fault || '|' || answer AS line FROM delivery_attempt").await;
        assert_eq!(kept, ["1 200 |ok"]);
        assert!(!service.dump().await.contains(&secret), "the secret is nowhere");
    }

    async fn an_event_goes_to_whom_it_concerns_and_to_nobody_else(service: Service) {
        let receiver = Receiver::willing().await;
        for (who, scope) in [("one", "store/customer/created"), ("two", "store/customer/*"), ("three", "store/subscriber/*"),
            ("four", "store/*"), ("five", "custodia/customer/consent/updated")] {
            subscribe(&service, who, scope, &format!("{}/{who}", receiver.url())).await;
        }
        let paused = subscribe(&service, "one", "store/customer/created", &format!("{}/paused", receiver.url())).await;
        service.meddle(&format!("UPDATE hook SET is_active = FALSE WHERE hook_id = {paused}")).await;
        subscribe_at(&service, "zenith", "elsewhere", "store/*", &format!("{}/zenith", receiver.url())).await;
        service.crowd(1).await;
        service.put("modify", "/v3/customers/1/consent", json!({"allow": ["essential"], "deny": []})).await;
        service.post("modify", "/v3/customers/subscribers", json!({"email": "s@example.com", "first_name": "S", "last_name": "B"})).await;
        service.deliver().await;
        let told: BTreeSet<String> = receiver.take().iter().map(|heard| format!("{} {}", heard.path, heard.line())).collect();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        assert_eq!(told, [
            "/hook/five custodia/customer/consent/updated 1",
            "/hook/four store/customer/created 1",
            "/hook/four store/subscriber/created 1",
            "/hook/one store/customer/created 1",
            "/hook/three store/subscriber/created 1",
            "/hook/two store/customer/created 1",
        ]);
        // And the other store's own go there alone.
        let row = json!([{"email": "z@example.com", "first_name": "Z", "last_name": "Z"}]);
        service.post("other", "/stores/zenith/v3/customers", row).await;
        service.deliver().await;
        let told: Vec<String> = receiver.take().iter().map(|heard| format!("{} {}", heard.path, heard.json()["producer"])).collect();
        assert_eq!(told, ["/hook/zenith \"stores/zenith\""]);
        assert!(is_quiet(&service).await);
    }

    async fn what_never_arrives_is_tried_at_the_published_times_and_then_its_webhook_is_inactive(service: Service) {
        let receiver = Receiver::answering(|_| (503, NOW)).await;
        let told = Receiver::willing().await;
        let hook = subscribe(&service, "app", "store/customer/created", &receiver.url()).await;
        subscribe(&service, "app", "store/hook/deliveryException", &told.url()).await;
        let stranger = Receiver::willing().await;
        subscribe(&service, "stranger", "store/hook/deliveryException", &stranger.url()).await;
        service.crowd(1).await;
        let mut now = 0;
        for pause in [60, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 50_400, 86_400] {
            service.deliver().await;
            assert_eq!(receiver.take().len(), 1, "at {now}");
            now += pause;
            service.set_seconds(now - 1);
            service.deliver().await;
            assert_eq!(receiver.take().len(), 0, "a second before {now}");
            service.set_seconds(now);
        }
        assert_eq!(now, 173_040);
        assert!(is_active(&service, hook).await);
        service.deliver().await;
        let last = receiver.take();
        assert_eq!(last.len(), 1);
        assert!(!is_active(&service, hook).await);
        let names = service.texts("SELECT hash AS line FROM event WHERE scope = 'store/customer/created'").await;
        assert_eq!(names, [last[0].header("webhook-id")], "all had the same name");
        assert_eq!(service.number(&format!("SELECT COUNT(*) FROM delivery_attempt WHERE hook_id = {hook} AND status = 503")).await, 12);
        assert!(is_quiet(&service).await);
        let dead = service.texts("SELECT CAST(hook_id AS TEXT) || ' ' || CAST(failures AS TEXT) || ' ' || CAST(attempts AS TEXT) || ' ' || CAST(died_at AS TEXT) AS line FROM dead_letter").await;
        assert_eq!(dead, [format!("{hook} 12 12 {}", NOON.plus_seconds(now).0)]);
        let line = service.audit().await.pop().expect("lines");
        assert!(line.contains("hook.deactivated") && line.contains("is_active"), "{line}");
        // Its account was told: of failures once in ten minutes, and of the end.
        let codes: Vec<Value> = told.take().iter().map(|heard| heard.json()["data"]["error_code"].clone()).collect();
        let (failures, end) = codes.split_at(codes.len() - 1);
        assert_eq!(end, [json!(90002)]);
        assert!(failures.iter().all(|code| *code == json!(90001)) && failures.len() == 8, "{codes:?}");
        assert!(stranger.heard().is_empty(), "and nobody else");
        // What happens from now on it does not hear of.
        service.made(json!([{"email": "later@example.com", "first_name": "L", "last_name": "L"}])).await;
        service.deliver().await;
        assert!(receiver.heard().is_empty() && is_quiet(&service).await);
    }

    async fn a_customers_events_keep_their_order_until_one_fails(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_millis(5))).await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(3).await;
        for round in 0..8 {
            for customer in 1..=3 {
                rename(&service, customer, &format!("Name{round}")).await;
            }
        }
        let expected = service.texts("SELECT data || scope AS line FROM outbox WHERE subject = 2 ORDER BY event_id").await;
        let (one, two) = (service.worker(), service.beside().await.worker());
        let (one, two) = tokio::join!(one.pass(), two.pass());
        assert_eq!(one.expect("delivered") + two.expect("delivered"), 27);
        let heard = receiver.take();
        let of_two: Vec<String> = heard.iter().map(crate::receiver::Heard::json).filter(|body| body["data"]["id"] == 2)
            .map(|body| format!("{}{}", body["data"], body["scope"].as_str().unwrap_or_default())).collect();
        let order = |line: &String| line.replace(r#""id":2,"type":"customer""#, r#""type":"customer","id":2"#);
        assert_eq!(of_two.iter().map(order).collect::<Vec<_>>(), expected);
        // The first fails: the next goes, and the first comes after it.
        let is_first = AtomicBool::new(true);
        receiver.answer(move |_| if is_first.swap(false, Ordering::SeqCst) { (500, NOW) } else { (200, NOW) });
        rename(&service, 1, "First").await;
        service.set_seconds(1);
        rename(&service, 1, "Second").await;
        service.deliver().await;
        let heard = receiver.take();
        assert_eq!(heard.len(), 2);
        service.set_seconds(61);
        service.deliver().await;
        let again = receiver.take();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].header("webhook-id"), heard[0].header("webhook-id"));
        assert_eq!(again[0].body, heard[0].body, "to the byte");
        assert_ne!(again[0].header("webhook-signature"), heard[0].header("webhook-signature"), "signed anew");
    }

    async fn one_subject_has_one_delivery_on_its_way_and_a_destination_a_few(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_millis(20))).await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(1).await;
        for round in 0..10 {
            rename(&service, 1, &format!("Name{round}")).await;
        }
        let workers = [service.worker(), service.beside().await.worker()];
        at_once(workers.map(|worker| async move { worker.pass().await.expect("delivered") })).await;
        assert_eq!((receiver.take().len(), receiver.most_at_once()), (11, 1));
        service.made((2..=10).map(|n| json!({"email": format!("d{n}@example.com"), "first_name": "A", "last_name": "B"})).collect()).await;
        service.deliver().await;
        assert_eq!(receiver.take().len(), 9);
        assert!((2..=16).contains(&receiver.most_at_once()), "{}", receiver.most_at_once());
    }

    async fn a_slow_destination_and_a_dead_one_delay_no_other(service: Service) {
        let slow = Receiver::answering(|_| (200, Duration::from_secs(9))).await;
        let quick = Receiver::willing().await;
        for n in 0..3 {
            subscribe(&service, "slow", "store/customer/*", &format!("{}/{n}", slow.url())).await;
            // Nobody listens there.
            subscribe(&service, "dead", "store/customer/*", &format!("http://127.0.0.2:9/{n}")).await;
        }
        subscribe(&service, "quick", "store/customer/*", &quick.url()).await;
        service.meddle(&format!("UPDATE hook SET domain = 'quick' WHERE destination = '{}'", quick.url())).await;
        service.crowd(100).await;
        let worker = service.worker();
        let begun = Instant::now();
        let done = async {
            while quick.heard().len() < 100 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let delivering = worker.keep(std::future::pending());
        tokio::select! {
            () = delivering => unreachable!(),
            done = timeout(Duration::from_secs(8), done) => done.expect("nobody waits for the slow one"),
        }
        let heard = quick.heard();
        let last = heard.iter().map(|heard| heard.at).max().expect("some");
        println!("the last of 100 after {:?}", last - begun);
        assert_eq!(heard.iter().map(|heard| heard.body.clone()).collect::<BTreeSet<_>>().len(), 100);
        assert!(slow.most_at_once() <= 16);
    }

    /// However many hang, their letters take no room from those that arrive, and little from one of which nothing is known.
    async fn hundreds_of_hanging_destinations_delay_no_other(service: Service) {
        let hanging = Receiver::answering(|_| (200, Duration::from_secs(9))).await;
        let quick = Receiver::willing().await;
        for n in 0..300 {
            subscribe(&service, "slow", "store/customer/created", &format!("{}/{n}", hanging.url())).await;
        }
        service.meddle("UPDATE hook SET domain = 'host-' || hook_id").await;
        subscribe(&service, "quick", "store/customer/updated", &quick.url()).await;
        service.meddle(&format!("UPDATE hook SET domain = 'quick' WHERE destination = '{}'", quick.url())).await;
        service.crowd(4).await;
        let worker = service.worker_with(Profile::published(), Duration::from_secs(10));
        let changes = async {
            while hanging.most_at_once() < 16 {
                sleep(Duration::from_millis(20)).await;
            }
            for n in 1..=20_usize {
                let begun = Instant::now();
                rename(&service, i64::try_from(n % 4 + 1).expect("small"), &format!("N{n}")).await;
                while quick.heard().len() < n {
                    sleep(Duration::from_millis(5)).await;
                }
                assert!(begun.elapsed() < Duration::from_secs(3), "change {n} took {:?}", begun.elapsed());
            }
        };
        tokio::select! {
            () = worker.keep(std::future::pending()) => unreachable!(),
            done = timeout(Duration::from_secs(30), changes) => done.expect("nobody waits for those that hang"),
        }
        assert_eq!(hanging.most_at_once(), 16, "of one account");
    }

    async fn what_happened_before_a_webhook_was_made_is_not_told_to_it(service: Service) {
        service.set_seconds(-60);
        service.crowd(1).await;
        service.set_seconds(0);
        let receiver = Receiver::willing().await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        rename(&service, 1, "Grace").await;
        service.deliver().await;
        assert_eq!(receiver.lines(), ["store/customer/updated 1"]);
        assert!(is_quiet(&service).await);
    }

    /// Whose owner has just repaired it is not given up for what failed before.
    async fn a_webhook_that_is_changed_while_its_last_attempt_fails_stays_active(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "app", "store/customer/created", &receiver.url()).await;
        service.crowd(1).await;
        let mut seconds = 0;
        for pause in [0, 60, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 50_400] {
            seconds += pause;
            service.set_seconds(seconds);
            service.deliver().await;
        }
        let at = NOON.0 + (seconds + 80_000) * 1_000_000;
        service.meddle(&format!("UPDATE hook SET updated_at = {at} WHERE hook_id = {hook}")).await;
        service.set_seconds(seconds + 86_400);
        service.deliver().await;
        assert!(is_active(&service, hook).await);
        receiver.answer(|_| (200, NOW));
        service.set_seconds(seconds + 86_400 + 60);
        service.deliver().await;
        assert_eq!(receiver.heard().len(), 13);
        assert!(is_quiet(&service).await);
    }

    /// Where much waits for a destination that is dead, none of it reaches the ladder's end.
    async fn a_webhook_at_which_nothing_arrives_for_48_hours_is_given_up(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(1).await;
        service.deliver().await;
        service.set_seconds(173_039);
        service.made(json!([{"email": "z@example.com", "first_name": "Z", "last_name": "Z"}])).await;
        service.deliver().await;
        assert!(is_active(&service, hook).await);
        service.set_seconds(173_041);
        rename(&service, 1, "Grace").await;
        service.deliver().await;
        assert!(!is_active(&service, hook).await);
    }

    async fn any_number_of_workers_send_nothing_twice(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_millis(2))).await;
        for who in ["one", "two"] {
            subscribe(&service, who, "store/customer/created", &format!("{}/{who}", receiver.url())).await;
        }
        service.crowd(120).await;
        let mut workers = vec![service.worker(), service.worker()];
        for seed in 11..14 {
            workers.push(service.beside_drawing(seed).await.worker());
        }
        let attempts = at_once(workers.into_iter().map(|worker| async move { worker.pass().await.expect("delivered") })).await;
        println!("{attempts:?}");
        service.deliver().await;
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for heard in receiver.heard() {
            *times.entry(format!("{} {}", heard.path, heard.header("webhook-id"))).or_default() += 1;
        }
        assert_eq!(times.len(), 240);
        assert!(times.values().all(|count| *count == 1));
        assert!(is_quiet(&service).await);
    }

    async fn two_and_then_four_workers_keep_each_customers_order(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_millis(1))).await;
        for who in ["one", "two"] {
            subscribe(&service, who, "store/customer/*", &format!("{}/{who}", receiver.url())).await;
        }
        service.crowd(20).await;
        for count in [2_u64, 4] {
            for round in 0..4 {
                let all: Vec<Value> =
                    (1..=20).map(|id| json!({"id": id, "first_name": format!("Name{count}{round}")})).collect();
                for rows in all.chunks(10) {
                    assert_eq!(service.put("modify", "/v3/customers", json!(rows)).await.status, 200);
                }
            }
            let mut workers = vec![service.worker()];
            for other in 1..count {
                // Or an event of one would have the name of another's.
                workers.push(service.beside_drawing(10 * count + other).await.worker());
            }
            at_once(workers.into_iter().map(|worker| async move { worker.pass().await.expect("delivered") })).await;
            service.deliver().await;
            assert!(is_quiet(&service).await);
        }
        let happened = service.texts("SELECT hash AS line FROM event ORDER BY event_id").await;
        assert_eq!(happened.len(), 20 * 9);
        let mut told: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for heard in receiver.heard() {
            let at = happened.iter().position(|hash| hash == heard.header("webhook-id")).expect("it happened");
            told.entry((heard.path.clone(), heard.json()["data"]["id"].to_string())).or_default().push(at);
        }
        assert_eq!(told.len(), 2 * 20);
        for ((path, customer), told) in told {
            assert_eq!(told.len(), 9, "{path} {customer}: each once");
            assert!(told.is_sorted(), "{path} {customer}: {told:?}");
        }
    }

    async fn what_a_dead_worker_had_is_sent_again_when_its_lease_has_run_out(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_secs(30))).await;
        subscribe(&service, "app", "store/customer/created", &receiver.url()).await;
        service.crowd(1).await;
        let dying = service.worker();
        let _ = timeout(Duration::from_millis(500), dying.pass()).await;
        assert_eq!(receiver.heard().len(), 1);
        receiver.answer(|_| (200, NOW));
        service.set_seconds(19);
        assert_eq!(service.deliver().await, 0, "somebody still has it");
        service.set_seconds(20);
        assert_eq!(service.deliver().await, 1);
        let heard = receiver.take();
        assert_eq!(heard[0].body, heard[1].body);
        assert!(is_quiet(&service).await);
    }

    async fn who_records_too_late_changes_nothing(service: Service) {
        let receiver = Receiver::answering(|_| (500, Duration::from_millis(700))).await;
        subscribe(&service, "app", "store/customer/created", &receiver.url()).await;
        service.crowd(1).await;
        let slow = service.worker();
        let hurried = async {
            while receiver.heard().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
            receiver.answer(|_| (200, NOW));
            service.set_seconds(21);
            assert_eq!(service.deliver().await, 1);
        };
        let (attempts, ()) = tokio::join!(slow.pass(), hurried);
        assert_eq!(attempts.expect("delivered"), 1);
        assert!(is_quiet(&service).await, "it arrived, whatever the first one says");
        assert_eq!(service.number("SELECT COUNT(*) FROM delivery_attempt").await, 1);
        assert_eq!(service.number("SELECT status FROM delivery_attempt").await, 200);
    }

    async fn a_domain_to_which_too_little_arrives_is_blocked_for_three_minutes(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let told = Receiver::willing().await;
        let hook = subscribe(&service, "app", "store/customer/created", &receiver.url()).await;
        subscribe(&service, "app", "store/hook/deliveryException", &told.url()).await;
        service.meddle(&format!("UPDATE hook SET domain = 'told' WHERE destination = '{}'", told.url())).await;
        service.crowd(130).await;
        service.deliver().await;
        let blocked = "SELECT blocked_until FROM delivery_domain WHERE domain = '127.0.0.1'";
        assert_eq!(service.number(blocked).await, NOON.plus_seconds(180).0);
        let tried = receiver.take().len();
        assert!((100..=130).contains(&tried), "{tried}");
        let codes: BTreeSet<String> = told.take().iter().map(|heard| format!("{} {}", heard.json()["data"]["id"], heard.json()["data"]["error_code"])).collect();
        assert_eq!(codes, [format!("{hook} 90001"), format!("{hook} 90003")].into());
        // Neither the retries nor what is new go out, from whichever worker.
        receiver.answer(|_| (200, NOW));
        service.set_seconds(179);
        assert_eq!(service.beside().await.deliver().await, 0);
        service.set_seconds(180);
        assert_eq!(service.deliver().await, 130);
        assert!(is_quiet(&service).await);
        assert!(is_active(&service, hook).await);
    }

    async fn what_waits_for_somebody_who_is_gone_is_dropped(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let gone = subscribe(&service, "gone", "store/customer/*", &receiver.url()).await;
        let paused = subscribe(&service, "paused", "store/customer/*", &receiver.url()).await;
        subscribe(&service, "revoked", "store/customer/*", &receiver.url()).await;
        service.crowd(10).await;
        service.deliver().await;
        assert_eq!(service.number("SELECT COUNT(*) FROM delivery").await, 30);
        service.meddle(&format!("DELETE FROM hook WHERE hook_id = {gone}")).await;
        service.meddle(&format!("UPDATE hook SET is_active = FALSE WHERE hook_id = {paused}")).await;
        service.meddle("UPDATE account SET revoked_at = 1 WHERE account_id = (SELECT account_id FROM hook_owner WHERE name = 'revoked')").await;
        receiver.take();
        service.set_seconds(60);
        assert_eq!(service.deliver().await, 0);
        assert!(receiver.heard().is_empty() && is_quiet(&service).await);
        // Only who is still there, and inactive, may ask for it again.
        let dead = service.texts("SELECT CAST(hook_id AS TEXT) || ' ' || CAST(failures AS TEXT) || ' ' || CAST(attempts AS TEXT) || ' ' || CAST(died_at AS TEXT) AS line FROM dead_letter").await;
        assert_eq!(dead, vec![format!("{paused} 1 1 {}", NOON.plus_seconds(60).0); 10]);
    }

    async fn what_is_on_its_way_to_a_webhook_that_becomes_inactive_is_no_dead_letter_yet(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_millis(300))).await;
        let hook = subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(1).await;
        let sending = service.worker();
        let paused = async {
            while receiver.heard().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
            service.meddle(&format!("UPDATE hook SET is_active = FALSE WHERE hook_id = {hook}")).await;
            // Another one looks after it, as if the next was due.
            rename(&service, 1, "Second").await;
            service.deliver().await;
            assert_eq!(service.number("SELECT COUNT(*) FROM dead_letter").await, 0);
        };
        let (sent, ()) = tokio::join!(sending.pass(), paused);
        sent.expect("delivered");
        assert!(is_quiet(&service).await);
        assert_eq!(service.number("SELECT COUNT(*) FROM dead_letter").await, 0);
        assert_eq!(service.number("SELECT COUNT(*) FROM delivery_attempt WHERE status = 200").await, 1);
    }

    async fn dead_letters_of_whoever_is_gone_are_dropped_within_the_hour(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let mut hooks = Vec::new();
        for who in ["stays", "gone", "revoked"] {
            hooks.push(subscribe(&service, who, "store/customer/*", &receiver.url()).await);
        }
        service.crowd(3).await;
        service.deliver().await;
        service.meddle("UPDATE hook SET is_active = FALSE").await;
        service.set_seconds(60);
        service.deliver().await;
        let of = |table: &str| format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(service.number(&of("dead_letter")).await, 9);
        service.meddle(&format!("DELETE FROM hook WHERE hook_id = {}", hooks[1])).await;
        service.meddle("UPDATE account SET revoked_at = 1 WHERE account_id = (SELECT account_id FROM hook_owner WHERE name = 'revoked')").await;
        service.set_seconds(3600);
        service.worker().tidy_up().await.expect("swept");
        assert_eq!(service.number(&of("dead_letter")).await, 3);
        assert_eq!(service.number(&of(&format!("dead_letter WHERE hook_id = {}", hooks[0]))).await, 3);
        assert_eq!(service.number(&of("delivery_attempt")).await, 6, "what came of the others' is history");
        assert_eq!(service.number(&of(&format!("delivery_attempt WHERE hook_id = {}", hooks[1]))).await, 0);
    }

    async fn history_goes_back_as_far_as_its_operator_chose_and_a_dead_letters_from_when_it_died(service: Service) {
        let receiver = Receiver::willing().await;
        let settings = rest::Settings { webhook_history: 2, ..rest::Settings::default() };
        let service = service.with(settings).await;
        let dying = Receiver::answering(|_| (500, NOW)).await;
        subscribe(&service, "one", "store/customer/*", &receiver.url()).await;
        let hook = subscribe(&service, "two", "store/customer/*", &dying.url()).await;
        service.crowd(2).await;
        service.deliver().await;
        let day = 86_400;
        // One customer's event arrives elsewhere at last; the other's is given up a day later.
        service.set_seconds(60);
        let is_first = AtomicBool::new(true);
        dying.answer(move |_| if is_first.swap(false, Ordering::SeqCst) { (200, NOW) } else { (500, NOW) });
        service.deliver().await;
        service.set_seconds(day);
        service.meddle(&format!("UPDATE hook SET is_active = FALSE WHERE hook_id = {hook}")).await;
        service.deliver().await;
        let counts = async || {
            let mut counts = Vec::new();
            for table in ["event", "delivery_attempt", "dead_letter"] {
                counts.push(service.number(&format!("SELECT COUNT(*) FROM {table}")).await);
            }
            counts
        };
        service.set_seconds(2 * day);
        service.worker().tidy_up().await.expect("swept");
        assert_eq!(counts().await, [2, 6, 1], "to the moment");
        service.set_seconds(2 * day + 3600);
        service.worker().tidy_up().await.expect("swept");
        assert_eq!(counts().await, [1, 3, 1], "a dead letter keeps its event, and what came of it");
        service.set_seconds(3 * day);
        service.worker().tidy_up().await.expect("swept");
        assert_eq!(counts().await, [1, 3, 1], "a day and 59 minutes after it died");
        service.set_seconds(3 * day + 3600);
        service.worker().tidy_up().await.expect("swept");
        assert_eq!(counts().await, [0, 0, 0]);
    }

    async fn attempts_are_tallied_by_the_hour(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let hook = subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(3).await;
        service.deliver().await;
        receiver.answer(|_| (200, NOW));
        service.set_seconds(60);
        service.deliver().await;
        service.set_seconds(3600);
        rename(&service, 1, "Later").await;
        service.deliver().await;
        let tallies = "SELECT CAST(hook_id AS TEXT) || ' ' || CAST(begun_at AS TEXT) || ' ' || CAST(arrived AS TEXT) || ' ' || CAST(failed AS TEXT) AS line FROM delivery_hour ORDER BY begun_at";
        let hour = |at: i64, arrived: i64, failed: i64| format!("{hook} {} {arrived} {failed}", NOON.plus_seconds(at).0);
        assert_eq!(service.texts(tallies).await, [hour(0, 3, 3), hour(3600, 1, 0)]);
        service.set_seconds(25 * 3600 + 1);
        service.worker().tidy_up().await.expect("swept");
        assert_eq!(service.texts(tallies).await, [hour(3600, 1, 0)]);
    }

    async fn nothing_arrives_for_90_days_and_the_webhook_is_inactive(service: Service) {
        let receiver = Receiver::willing().await;
        let quiet = subscribe(&service, "app", "store/subscriber/*", &receiver.url()).await;
        let busy = subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        let day = 86_400;
        service.set_seconds(50 * day);
        service.crowd(1).await;
        service.deliver().await;
        service.set_seconds(90 * day - 1);
        service.worker().tidy_up().await.expect("swept");
        assert!(is_active(&service, quiet).await);
        service.set_seconds(90 * day + 3600);
        service.worker().tidy_up().await.expect("swept");
        assert!(!is_active(&service, quiet).await && is_active(&service, busy).await);
        let lines = service.audit().await;
        assert_eq!(lines.iter().filter(|line| line.contains("hook.deactivated")).count(), 1, "{lines:?}");
        assert_eq!(service.number("SELECT COUNT(*) FROM event").await, 0, "what is a week old is forgotten");
        assert_eq!(service.number("SELECT COUNT(*) FROM delivery_attempt").await, 0);
    }

    async fn whoever_is_erased_takes_the_consents_events_along(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        subscribe(&service, "app", "custodia/customer/consent/updated", &receiver.url()).await;
        service.crowd(2).await;
        for customer in [1, 2] {
            service.set_seconds(customer);
            let path = format!("/v3/customers/{customer}/consent");
            service.put("modify", &path, json!({"allow": ["essential"], "deny": []})).await;
        }
        service.deliver().await;
        // One more of theirs is still new.
        service.meddle("UPDATE delivery_lane SET due_at = 4102444800000000").await;
        service.set_seconds(5);
        service.put("modify", "/v3/customers/1/consent", json!({"allow": [], "deny": []})).await;
        service.deliver().await;
        let app = service.app();
        let store = access::stores::find(&app.db, "acme").await.expect("a store");
        resources::ledger::sequencer::sequence(app, store.id).await.expect("the ledger grows");
        assert_eq!(service.number("SELECT COUNT(*) FROM event").await, 3);
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        for table in ["event", "delivery_attempt", "delivery"] {
            let theirs = format!("SELECT COUNT(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM consent_declaration d WHERE d.event_id = t.event_id)");
            assert_eq!(service.number(&theirs).await, 0, "{table}");
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM event").await, 1, "the other's");
        assert_eq!(service.number("SELECT COUNT(*) FROM delivery_lane WHERE subject = 1 AND due_at > 0").await, 0);
        receiver.answer(|_| (200, NOW));
        service.set_seconds(86_400);
        service.deliver().await;
        service.meddle("UPDATE delivery_lane SET due_at = 0").await;
        service.deliver().await;
        assert!(is_quiet(&service).await);
    }

    async fn whoever_is_erased_takes_along_what_was_told_and_what_died_of_consents_and_metafields(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        let willing = Receiver::willing().await;
        for (who, scope) in [("one", "custodia/customer/consent/updated"), ("two", "store/metafield/*"), ("three", "store/*")] {
            subscribe(&service, who, scope, &receiver.url()).await;
            subscribe(&service, who, scope, &format!("{}/{who}", willing.url())).await;
        }
        service.crowd(2).await;
        for customer in [1, 2] {
            service.set_seconds(customer);
            service.put("modify", &format!("/v3/customers/{customer}/consent"), json!({"allow": ["essential"], "deny": []})).await;
            let field = json!({"namespace": "n", "key": format!("secret{customer}"), "value": "v", "permission_set": "read"});
            let path = format!("/v3/customers/{customer}/metafields");
            assert_eq!(service.post("modify", &path, field).await.status, 200);
        }
        service.deliver().await;
        // Some died, of a webhook that is there and of one that is gone; the others wait.
        service.meddle("UPDATE hook SET is_active = FALSE WHERE hook_id IN (1, 3)").await;
        service.set_seconds(100);
        service.deliver().await;
        service.meddle("DELETE FROM hook WHERE hook_id = 3").await;
        assert_eq!(service.number("SELECT COUNT(*) FROM dead_letter").await, 4);
        assert!(service.dump().await.contains("secret1"));
        let app = service.app();
        let store = access::stores::find(&app.db, "acme").await.expect("a store");
        resources::ledger::sequencer::sequence(app, store.id).await.expect("the ledger grows");
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        let dump = service.dump().await;
        assert!(!dump.contains("secret1") && dump.contains("secret2"));
        // What is left tells of the other, or that there were customers.
        let left = service.texts("SELECT scope || ' ' || CAST(subject AS TEXT) AS line FROM event ORDER BY scope, subject").await;
        assert_eq!(left, ["custodia/customer/consent/updated 2", "store/customer/created 1", "store/customer/created 2", "store/metafield/created 2"]);
        for table in ["delivery", "dead_letter", "delivery_attempt"] {
            let orphans = format!("SELECT COUNT(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.event_id = t.event_id)");
            assert_eq!(service.number(&orphans).await, 0, "{table}");
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM dead_letter").await, 2);
        receiver.answer(|_| (200, NOW));
        service.set_seconds(86_400);
        service.deliver().await;
        assert!(is_quiet(&service).await);
    }

    async fn whoever_is_erased_while_a_letter_is_on_its_way_leaves_no_attempt_behind(service: Service) {
        let receiver = Receiver::answering(|_| (500, Duration::from_millis(300))).await;
        subscribe(&service, "app", "custodia/customer/consent/updated", &receiver.url()).await;
        service.crowd(1).await;
        service.put("modify", "/v3/customers/1/consent", json!({"allow": ["essential"], "deny": []})).await;
        let worker = service.worker();
        let erased = async {
            while receiver.heard().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        };
        let (sent, ()) = tokio::join!(worker.pass(), erased);
        assert_eq!(sent.expect("delivered"), 1);
        assert_eq!(service.number("SELECT COUNT(*) FROM delivery_attempt").await, 0);
        service.deliver().await;
        assert!(is_quiet(&service).await);
    }

    async fn a_store_that_is_deleted_leaves_no_delivery_behind(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        let paused = subscribe(&service, "paused", "store/customer/*", &receiver.url()).await;
        service.crowd(30).await;
        service.deliver().await;
        service.meddle(&format!("UPDATE hook SET is_active = FALSE WHERE hook_id = {paused}")).await;
        service.set_seconds(60);
        service.deliver().await;
        assert_eq!(service.number("SELECT COUNT(*) FROM dead_letter").await, 30);
        let worker = service.worker();
        let app = service.app();
        let deleted = resources::stores::ops::delete(&app.db, &*app.clock, "acme");
        tokio::select! {
            () = worker.keep(std::future::pending()) => unreachable!(),
            done = deleted => done.expect("deleted"),
        }
        let left = service.dump().await;
        for table in ["delivery", "delivery_lane", "delivery_attempt", "delivery_hour", "dead_letter", "event", "outbox", "hook", "delivery_domain", "delivery_tally"] {
            assert!(!left.lines().any(|line| line.starts_with(&format!("{table}: "))), "{table}");
        }
    }

    async fn a_store_is_deleted_while_it_is_written_to_and_its_deliveries_are_on_their_way(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_millis(30))).await;
        for scope in ["store/*", "custodia/customer/consent/updated"] {
            subscribe(&service, "app", scope, &receiver.url()).await;
        }
        service.crowd(40).await;
        let id = service.number("SELECT store_id FROM store WHERE hash = 'acme'").await.to_string();
        let app = service.app();
        let doing = async {
            while receiver.heard().len() < 8 {
                sleep(Duration::from_millis(2)).await;
            }
            let writing = (0..24).map(|n| {
                let service = service.clone();
                async move {
                    let path = format!("/v3/customers/{}/consent", n + 1);
                    let answers = [
                        service.post("modify", "/v3/customers", json!([{"email": format!("late{n}@b.c"), "first_name": "A", "last_name": "B"}])).await,
                        service.put("modify", &path, json!({"allow": ["essential"], "deny": []})).await,
                        service.delete("modify", &format!("/v3/customers?id:in={}", n + 1)).await,
                    ];
                    for answer in answers {
                        assert!(answer.status < 500, "{answer}");
                    }
                }
            });
            let (_, deleted) = tokio::join!(at_once(writing), resources::stores::ops::delete(&app.db, &*app.clock, "acme"));
            deleted.expect("deleted");
            // What was on its way lands, and finds nothing.
            sleep(Duration::from_millis(300)).await;
        };
        let worker = service.worker();
        tokio::select! {
            () = worker.keep(std::future::pending()) => unreachable!(),
            () = doing => {}
        }
        let dump = service.dump().await;
        let left: Vec<&str> = dump.lines().filter(|line| line.contains(&id)).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    async fn a_webhook_that_hears_of_failures_tells_nobody_of_its_own(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        subscribe(&service, "app", "store/hook/deliveryException", &receiver.url()).await;
        service.crowd(1).await;
        assert_eq!(service.deliver().await, 2);
        let mut lines = receiver.lines();
        lines.sort();
        assert_eq!(lines, ["store/customer/created 1", "store/hook/deliveryException 1"]);
        assert_eq!(receiver.heard()[1].json()["data"], json!({"type": "webhook", "id": 1, "error_code": 90001,
            "message": "The delivery failed and will be tried again."}));
    }

    async fn an_event_whose_number_was_drawn_twice_is_an_event_of_its_own(service: Service) {
        let receiver = Receiver::willing().await;
        subscribe(&service, "app", "store/customer/created", &receiver.url()).await;
        service.crowd(1).await;
        service.deliver().await;
        service.meddle(
            "INSERT INTO outbox (store_id, event_id, scope, subject, data, created_at)
             SELECT store_id, event_id, scope, 7, '{\"type\":\"customer\",\"id\":7}', created_at FROM event",
        ).await;
        service.deliver().await;
        assert_eq!(receiver.lines(), ["store/customer/created 1", "store/customer/created 7"]);
        assert!(is_quiet(&service).await);
    }

    async fn a_busy_destination_keeps_nobody_else_waiting(service: Service) {
        let busy = Receiver::answering(|_| (200, Duration::from_millis(10))).await;
        let other = Receiver::willing().await;
        subscribe(&service, "busy", "store/customer/created", &busy.url()).await;
        let hook = subscribe(&service, "second", "store/subscriber/created", &other.url()).await;
        service.meddle(&format!("UPDATE hook SET domain = 'other' WHERE hook_id = {hook}")).await;
        service.crowd(400).await;
        let worker = service.worker();
        let done = async {
            while busy.heard().is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
            let row = json!({"email": "s@example.com", "first_name": "S", "last_name": "B"});
            service.post("modify", "/v3/customers/subscribers", row).await;
            while other.heard().is_empty() || busy.heard().len() < 400 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = worker.keep(std::future::pending()) => unreachable!(),
            done = timeout(Duration::from_secs(30), done) => done.expect("all hear"),
        }
        let first = other.heard()[0].at;
        let before = busy.heard().iter().filter(|heard| heard.at < first).count();
        println!("{before} of 400 came before it");
        assert!(before < 400, "{before}");
    }

    async fn a_redirect_is_a_failure(service: Service) {
        let receiver = Receiver::answering(|_| (307, NOW)).await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(1).await;
        assert_eq!(service.deliver().await, 1);
        assert_eq!(service.number("SELECT due_at FROM delivery").await, NOON.plus_seconds(60).0);
    }

    async fn a_trial_leaves_alone_what_it_may_not_send(service: Service) {
        let receiver = Receiver::answering(|_| (500, NOW)).await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(1).await;
        let rungs = vec!["1s".parse().expect("a pause")];
        let worker = service.worker_with(Profile::trial(Some(rungs), false), Duration::from_secs(1));
        assert_eq!(worker.pass().await.expect("delivered"), 1);
        assert_eq!(service.number("SELECT due_at FROM delivery").await, NOON.plus_seconds(1).0);
        service.set_seconds(1);
        assert_eq!(worker.pass().await.expect("delivered"), 1);
        assert!(!is_active(&service, 1).await, "the ladder has one rung");
    }

    async fn a_worker_that_stops_waits_for_what_is_on_its_way(service: Service) {
        let receiver = Receiver::answering(|_| (200, Duration::from_millis(600))).await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        service.crowd(1).await;
        let heard = async {
            while receiver.heard().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        service.worker().keep(heard).await;
        assert!(is_quiet(&service).await, "it was recorded");
    }

    async fn a_worker_hears_at_once_of_what_its_server_was_asked(service: Service) {
        let receiver = Receiver::willing().await;
        subscribe(&service, "app", "store/customer/*", &receiver.url()).await;
        let worker = service.worker();
        let asked = async {
            // Past the first look, and before the next one.
            sleep(Duration::from_millis(300)).await;
            service.crowd(1).await;
            let since = Instant::now();
            while receiver.heard().is_empty() {
                sleep(Duration::from_millis(2)).await;
            }
            since.elapsed()
        };
        tokio::select! {
            () = worker.keep(std::future::pending()) => unreachable!(),
            took = timeout(Duration::from_secs(5), asked) => println!("heard after {:?}", took.expect("soon")),
        }
    }
}

/// HMAC-SHA256 in Base64, as Standard Webhooks has it.
pub(crate) fn hmac(key: &str, text: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use sha2::{Digest as _, Sha256};

    let key = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.as_bytes().to_vec() };
    let pad = |with: u8| -> Vec<u8> {
        (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ with).collect()
    };
    let inner = Sha256::digest([pad(0x36), text.as_bytes().to_vec()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    BASE64_STANDARD.encode(outer)
}
