//! Who listens to a store hears its events and their deliveries, and changes none.

use kernel::{SeededChance, Timestamp};
use resources::listeners::{
    model::{Heard, Listener},
    ops,
};
use serde_json::json;
use testkit::{NOON, Service, on_each_engine};

use crate::{receiver::Receiver, webhooks::subscribe};

async fn listen(service: &Service, store: &str, seed: u64) -> Listener {
    let app = service.app();
    let store = access::stores::find(&app.db, store).await.expect("a store").id;
    ops::begin(&app.db, &*app.clock, &SeededChance::new(seed), store).await.expect("a listener")
}

/// What was heard since, a line each.
async fn lines(service: &Service, listener: Listener) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let some = ops::take(&service.app().db, listener).await.expect("notes");
        if some.is_empty() {
            return lines;
        }
        lines.extend(some.iter().map(line));
    }
}

fn line(heard: &Heard) -> String {
    let Heard { scope, data, at, told, .. } = heard;
    match told {
        None => format!("{} {scope} {data}", at.seconds() - NOON.seconds()),
        Some(told) => {
            let outcome = told.status.map_or_else(|| told.fault.clone(), |it| it.to_string());
            let path = told.destination.rsplit('/').next().unwrap_or_default();
            format!("{} {}: {outcome} ({})", at.seconds() - NOON.seconds(), path, told.attempt)
        }
    }
}

async fn rename(service: &Service, name: &str) {
    let answer =
        service.put("modify", "/v3/customers", json!([{"id": 1, "first_name": name}])).await;
    assert_eq!(answer.status, 200, "{answer}");
}

async fn number(service: &Service, table: &str) -> i64 {
    service.number(&format!("SELECT COUNT(*) FROM {table}")).await
}

const UPDATED: &str = r#"store/customer/updated {"type":"customer","id":1}"#;

on_each_engine! {
    async fn events_are_heard_also_where_no_webhook_wants_them_while_somebody_listens(service: Service) {
        service.crowd(1).await;
        service.deliver().await;
        assert_eq!(number(&service, "event").await, 0);
        let (one, two) = (listen(&service, "acme", 1).await, listen(&service, "acme", 2).await);
        let elsewhere = listen(&service, "zenith", 3).await;
        rename(&service, "Ada").await;
        service.set_seconds(2);
        service.put("modify", "/v3/customers/1/consent", json!({"allow": ["essential"], "deny": []})).await;
        service.deliver().await;
        let expected = [format!("0 {UPDATED}"), r#"2 custodia/customer/consent/updated {"type":"customer","id":1}"#.to_owned()];
        for listener in [one, two] {
            assert_eq!(lines(&service, listener).await, expected);
            assert_eq!(lines(&service, listener).await, [""; 0], "each is heard once");
        }
        assert_eq!(lines(&service, elsewhere).await, [""; 0], "of another store nothing");
        for table in ["delivery", "delivery_lane", "delivery_attempt", "heard"] {
            assert_eq!(number(&service, table).await, 0, "{table}");
        }
        for listener in [one, two, elsewhere] {
            ops::end(&service.app().db, listener).await.expect("ended");
        }
        assert_eq!(number(&service, "listener").await, 0);
        rename(&service, "Augusta").await;
        service.deliver().await;
        assert_eq!((number(&service, "event").await, number(&service, "heard").await), (2, 0));
    }

    async fn what_became_of_each_delivery_is_heard_after_its_event(service: Service) {
        let receiver = Receiver::answering(|heard| (if heard.path.ends_with("bad") { 500 } else { 204 }, std::time::Duration::ZERO)).await;
        for way in ["good", "bad"] {
            subscribe(&service, way, "store/customer/updated", &format!("{}/{way}", receiver.url())).await;
        }
        service.crowd(1).await;
        service.deliver().await;
        let listener = listen(&service, "acme", 1).await;
        rename(&service, "Ada").await;
        assert_eq!(service.deliver().await, 2);
        let mut heard = lines(&service, listener).await;
        assert!(heard[3].contains(r#"store/hook/deliveryException {"type":"webhook","id":2"#), "{heard:?}");
        heard.truncate(3);
        heard[1..].sort();
        assert_eq!(heard, [format!("0 {UPDATED}"), "0 bad: 500 (1)".to_owned(), "0 good: 204 (1)".to_owned()]);
        // A later attempt is heard too, also by who began after the event.
        service.set_seconds(60);
        ops::renew(&service.app().db, &*service.app().clock, listener).await.expect("renewed");
        let late = listen(&service, "acme", 2).await;
        assert_eq!(service.deliver().await, 1);
        for listener in [listener, late] {
            assert_eq!(lines(&service, listener).await, ["60 bad: 500 (2)"]);
        }
        // And what was sent is what is sent without anybody listening.
        assert_eq!(receiver.lines(), ["store/customer/updated 1"; 3]);
        assert_eq!(number(&service, "delivery").await, 1);
    }

    async fn a_listener_that_was_killed_costs_nothing_after_its_time(service: Service) {
        service.crowd(1).await;
        service.deliver().await;
        let listener = listen(&service, "acme", 1).await;
        let until = NOON.plus_seconds(Listener::PATIENCE);
        service.set_clock(Timestamp(until.0 - 1));
        rename(&service, "Ada").await;
        service.deliver().await;
        assert_eq!((number(&service, "event").await, number(&service, "heard").await), (1, 1));
        service.set_clock(until);
        rename(&service, "Augusta").await;
        service.deliver().await;
        assert_eq!((number(&service, "event").await, number(&service, "heard").await), (1, 1), "nobody is there");
        service.worker().tidy_up().await.expect("tidy");
        assert_eq!(number(&service, "listener").await, 1, "it may only be late");
        service.set_clock(until.plus_seconds(Listener::PATIENCE));
        service.worker().tidy_up().await.expect("tidy");
        assert_eq!((number(&service, "listener").await, number(&service, "heard").await), (0, 0));
        // A note that nobody will take goes in an hour.
        service.meddle(&format!("INSERT INTO heard (store_id, listener_id, event_id, hook_id, attempt, at)
            SELECT store_id, 7, 7, 0, 0, {} FROM store WHERE hash = 'acme'", NOON.0)).await;
        service.worker().tidy_up().await.expect("tidy");
        assert_eq!(number(&service, "heard").await, 1);
        service.set_seconds(3600);
        service.worker().tidy_up().await.expect("tidy");
        assert_eq!(number(&service, "heard").await, 0);
        let app = service.app();
        let renewed = ops::renew(&app.db, &*app.clock, listener).await;
        assert!(matches!(renewed, Err(kernel::Error::NotFound("listener"))));
    }

    async fn nothing_is_heard_of_an_event_that_went_with_its_customer(service: Service) {
        service.crowd(1).await;
        service.deliver().await;
        let listener = listen(&service, "acme", 1).await;
        service.put("modify", "/v3/customers/1/consent", json!({"allow": ["essential"], "deny": []})).await;
        service.deliver().await;
        assert_eq!(number(&service, "heard").await, 1);
        let erased = service.post("modify", "/stores/acme/custodia/customers/1/erasure", json!({})).await;
        assert!(erased.status < 300, "{erased}");
        service.deliver().await;
        assert_eq!(lines(&service, listener).await, [r#"0 store/customer/deleted {"type":"customer","id":1}"#]);
        assert_eq!(number(&service, "heard").await, 0);
    }

    async fn nobody_listens_to_a_store_that_is_gone(service: Service) {
        let listener = listen(&service, "acme", 1).await;
        let app = service.app();
        let store = access::stores::find(&app.db, "acme").await.expect("a store").id;
        service.crowd(1).await;
        service.deliver().await;
        resources::stores::ops::delete(&app.db, &*app.clock, "acme").await.expect("deleted");
        assert_eq!((number(&service, "listener").await, number(&service, "heard").await), (0, 0));
        assert!(ops::renew(&app.db, &*app.clock, listener).await.is_err());
        assert!(ops::begin(&app.db, &*app.clock, &SeededChance::new(2), store).await.is_err());
    }
}
