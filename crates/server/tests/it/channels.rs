//! Our own channels, and what customers say of channels.

use serde_json::{Value, json};
use testkit::{Service, at_once, on_each_engine};

use crate::{robust::sound, shows};

const ALL: &str = "/stores/acme/custodia/channels";
const V3: &str = "/v3/customers";

fn person(email: &str, more: &Value) -> Value {
    let mut row = json!({"email": email, "first_name": "A", "last_name": "B"});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

async fn known(service: &Service) -> Vec<i64> {
    service.get("read", ALL).await.ids()
}

on_each_engine! {
    async fn every_store_has_channel_1_from_the_start(service: Service) {
        let listed = service.get("read", ALL).await;
        listed.is_just(r#"{"data":[{"id":1,"name":"Channel 1","type":"storefront","date_created":"2024-06-01T12:00:00Z"}],"meta":{}}"#);
        shows(&listed, "at the start");
    }

    async fn a_channel_is_put_and_put_again(service: Service) {
        let path = "/stores/acme/custodia/channels/7";
        let made = service.put("modify", path, json!({"name": "Till", "type": "pos"})).await;
        made.is_just(r#"{"data":{"id":7,"name":"Till","type":"pos","date_created":"2024-06-01T12:00:00Z"},"meta":{}}"#);
        shows(&made, "made");
        let before = service.dump().await;
        assert_eq!(service.put("modify", path, json!({"type": "pos"})).await.body, made.body);
        assert_eq!(service.dump().await, before);
        service.put("modify", path, json!({"name": "Fair"})).await.is_just(
            r#"{"data":{"id":7,"name":"Fair","type":"pos","date_created":"2024-06-01T12:00:00Z"},"meta":{}}"#,
        );
        assert_eq!(known(&service).await, [1, 7]);
        assert_eq!(service.audit().await, ["channel.added 7 []", "channel.updated 7 [name]"]);
        assert!(service.events().await.is_empty());
    }

    async fn each_fault_of_a_channel_is_told(service: Service) {
        let before = service.dump().await;
        let path = "/stores/acme/custodia/channels/7";
        let shape = "JSON data is missing or invalid";
        for (body, title, errors) in [
            (json!({"name": 1}), shape, json!({"name": "error.expected.jsstring"})),
            (json!({"type": "shop"}), shape, json!({"type": "error.expected.validenumvalue"})),
            (json!({"name": "a\u{0}"}), shape, json!({"name": "error.expected.text.without.nul"})),
            (json!([]), shape, json!({"obj": "error.expected.jsobject"})),
            (json!({"name": ""}), "Update channel failed.", json!({"name": "must be 1 to 255 characters long"})),
        ] {
            service.put("modify", path, body).await.refused(422, title, &errors);
        }
        for (id, status) in [("0", 404), ("abc", 400), ("2147483648", 404)] {
            let path = format!("{ALL}/{id}");
            assert_eq!(service.put("modify", &path, json!({})).await.status, status);
        }
        assert_eq!(service.dump().await, before);
    }

    /// The gentlest rule: apps that work today name channels of which this server was never told.
    async fn a_channel_that_a_customer_names_for_the_first_time_becomes_one_of_the_store(
        service: Service,
    ) {
        let rows = json!([
            person("a@b.c", &json!({"origin_channel_id": 9, "channel_ids": [3, 1]})),
            person("b@b.c", &json!({"channel_ids": [4, 3]})),
        ]);
        service.made(rows).await;
        assert_eq!(known(&service).await, [1, 3, 4, 9]);
        service.put("modify", V3, json!([{"id": 1, "channel_ids": [12]}])).await;
        assert_eq!(known(&service).await, [1, 3, 4, 9, 12]);
        // Refused rows open nothing.
        let clash = json!([person("a@b.c", &json!({"channel_ids": [12, 77]}))]);
        assert_eq!(service.post("modify", V3, clash).await.status, 422);
        assert_eq!(known(&service).await, [1, 3, 4, 9, 12]);
        assert_eq!(service.audit().await[..1], ["channel.added 3 []"]);
        assert_eq!(service.get("other", "/stores/zenith/custodia/channels").await.ids(), [1]);
    }

    async fn a_store_has_a_thousand_channels_at_most_also_when_they_are_named_at_once(
        service: Service,
    ) {
        for n in 0..3 {
            let channels: Vec<i64> = (2 + n * 240..2 + (n + 1) * 240).collect();
            service.made(json!([person(&format!("{n}@b.c"), &json!({"channel_ids": channels}))])).await;
        }
        let requests = (0..6_i64).map(|n| {
            let service = service.clone();
            async move {
                let channels: Vec<i64> = (10_000 * (n + 1)..10_000 * (n + 1) + 100).collect();
                let row = person(&format!("r{n}@b.c"), &json!({"channel_ids": channels}));
                service.post("modify", V3, json!([row])).await
            }
        });
        let answers = at_once(requests).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((won, known(&service).await.len()), (2, 921));
        let lost = answers.iter().find(|answer| answer.status != 200).unwrap();
        let rule = json!({"0.channel_ids": "a store has at most 1000 channels"});
        lost.refused(422, "Create customers failed.", &rule);
        for n in 0..79 {
            let path = format!("{ALL}/{}", 500_000 + n);
            assert_eq!(service.put("modify", &path, json!({})).await.status, 200);
        }
        let one_more = service.put("modify", &format!("{ALL}/600000"), json!({})).await;
        let rule = json!({"channel_id": "a store has at most 1000 channels"});
        one_more.refused(422, "Update channel failed.", &rule);
        shows(&one_more, "one too many");
        sound(&service).await;
    }

    async fn one_new_channel_named_by_many_at_once_is_added_once(service: Service) {
        for round in 2..6_i64 {
            let requests = (0..10_i64).map(|n| {
                let service = service.clone();
                async move {
                    if n % 5 == 4 {
                        let path = format!("{ALL}/{round}");
                        return service.put("modify", &path, json!({})).await;
                    }
                    let row = person(&format!("{round}.{n}@b.c"), &json!({"channel_ids": [round, 100 + round]}));
                    service.post("modify", V3, json!([row])).await
                }
            });
            for answer in at_once(requests).await {
                assert_eq!(answer.status, 200, "{answer}");
            }
        }
        assert_eq!(known(&service).await, [1, 2, 3, 4, 5, 102, 103, 104, 105]);
        assert_eq!(service.number("SELECT live FROM counter WHERE name = 'channel' ORDER BY live DESC").await, 9);
    }

    /// Published: only when the API changes `channel_ids`.
    async fn a_change_of_channel_ids_has_an_event_of_its_own(service: Service) {
        service.made(json!([person("a@b.c", &json!({"channel_ids": [1]})), person("b@b.c", &json!({}))])).await;
        assert_eq!(service.events().await.len(), 2);
        service.put("modify", V3, json!([{"id": 1, "channel_ids": [2, 1]}, {"id": 2, "company": "X"}])).await;
        service.put("modify", V3, json!([{"id": 1, "channel_ids": [1, 2]}])).await;
        service.put("modify", V3, json!([{"id": 1, "channel_ids": null}])).await;
        assert_eq!(
            service.events().await[2..],
            [
                r#"store/customer/updated {"type":"customer","id":1}"#,
                r#"store/customer/updated {"type":"customer","id":2}"#,
                r#"store/customer/channel/login/access/updated {"customer_id":1,"channel_ids":[1,2]}"#,
                r#"store/customer/updated {"type":"customer","id":1}"#,
                r#"store/customer/channel/login/access/updated {"customer_id":1,"channel_ids":null}"#,
            ]
        );
    }
}
