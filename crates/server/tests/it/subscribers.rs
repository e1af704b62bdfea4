//! `/v3/customers/subscribers`.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::{races::race, shows};

const ALL: &str = "/v3/customers/subscribers";
const INVALID: &str = "JSON data is missing or invalid";
const CONFLICT: &str = "The subscriber was in conflict with another subscriber.";
const NOT_FOUND: &str = "The resource at that URL is not found.";

/// Make a subscriber that must be made; its id.
async fn subscribed(service: &Service, subscriber: Value) -> i64 {
    let answer = service.post("modify", ALL, subscriber).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["data"]["id"].as_i64().unwrap()
}

/// Four subscribers, a minute apart from noon on, who differ in everything.
async fn four(service: &Service) {
    let rows = [
        json!({"email": "Ada@Example.com", "first_name": "Ada", "last_name": "Lovelace"}),
        json!({"email": "bob@example.com", "first_name": "Bob", "last_name": "Bobson", "source": "order", "order_id": 77}),
        json!({"email": "eve@example.com", "first_name": "Ève", "last_name": "Lovelace", "source": "custom"}),
        json!({"email": "joe@example.com", "consents": [], "channel_id": 3}),
    ];
    for (minute, row) in (0..).zip(rows) {
        service.set_seconds(60 * minute);
        subscribed(service, row).await;
    }
}

/// Three subscribers more than one transaction deletes.
async fn many(service: &Service) {
    for n in 1..=103 {
        subscribed(
            service,
            json!({"email": format!("s{n}@example.com"), "last_name": format!("L{}", n % 2)}),
        )
        .await;
    }
}

/// What must hold however the rows came to be.
async fn sound(service: &Service) {
    let acme = "store_id = (SELECT store_id FROM store WHERE hash = 'acme')";
    let there = service.number(&format!("SELECT COUNT(*) FROM subscriber WHERE {acme}")).await;
    let live = format!("SELECT live FROM counter WHERE {acme} AND name = 'subscriber'");
    assert_eq!(service.number(&live).await, there, "the count that is kept");
    let twice =
        "SELECT COUNT(*) FROM (SELECT email_key FROM subscriber GROUP BY store_id, email_key
        HAVING COUNT(*) > 1) AS twice";
    assert_eq!(service.number(twice).await, 0, "an address subscribes once");
    for what in ["created", "updated", "deleted"] {
        let events = format!(
            "SELECT COUNT(*) FROM outbox WHERE {acme} AND scope = 'store/subscriber/{what}'"
        );
        let lines =
            format!("SELECT COUNT(*) FROM audit WHERE {acme} AND action = 'subscriber.{what}'");
        assert_eq!(service.number(&events).await, service.number(&lines).await, "{what}");
    }
}

on_each_engine! {
    /// Recorded (observed.md 4.4), but for the values.
    async fn a_subscriber_with_an_address_alone_has_the_recorded_defaults(service: Service) {
        let answer = service
            .post("modify", ALL, json!({"email": "Test@Example.com", "first_name": "Test", "last_name": "User"}))
            .await;
        answer.is_just(
            r#"{"data":{"id":1,"email":"Test@Example.com","first_name":"Test","last_name":"User","source":"storefront","order_id":null,"date_created":"2024-06-01T12:00:00+00:00","date_modified":"2024-06-01T12:00:00+00:00","channel_id":1,"consents":["marketing_newsletter"]},"meta":{}}"#,
        );
        shows(&answer, "defaults");
        let read = service.get("read", "/v3/customers/subscribers/1").await;
        assert_eq!(read.body, answer.body);
        shows(&read, "read");
        assert_eq!(service.events().await, [r#"store/subscriber/created {"type":"subscriber","id":1}"#]);
        assert_eq!(service.audit().await, ["subscriber.created 1 []"]);
        let bare = service.post("modify", ALL, json!({"email": "b@b.c"})).await.json();
        assert_eq!((&bare["data"]["first_name"], &bare["data"]["last_name"]), (&json!(""), &json!("")));
    }

    async fn everything_that_can_be_said_of_a_subscriber_is_kept(service: Service) {
        let sent = json!({"email": "a@b.c", "first_name": "A", "last_name": "B", "source": "order", "order_id": 2_147_483_647,
            "channel_id": 7, "consents": ["abandoned_cart", "marketing_newsletter", "abandoned_cart"], "id": 99, "x": [1],
            "date_created": "2000-01-01T00:00:00+00:00"});
        let answer = service.post("modify", ALL, sent).await;
        shows(&answer, "everything said");
        let made = &answer.json()["data"];
        assert_eq!((&made["id"], &made["order_id"]), (&json!(1), &json!(2_147_483_647)));
        assert_eq!(made["consents"], json!(["marketing_newsletter", "abandoned_cart"]));
        assert_eq!(made["date_created"], "2024-06-01T12:00:00+00:00");
    }

    async fn a_change_keeps_what_it_does_not_name_and_tells_of_itself(service: Service) {
        four(&service).await;
        service.set_seconds(3600);
        let answer = service
            .put("modify", "/v3/customers/subscribers/2", json!({"consents": [], "order_id": null}))
            .await;
        shows(&answer, "unsubscribed");
        let after = &answer.json()["data"];
        assert_eq!((&after["consents"], &after["order_id"]), (&json!([]), &json!(null)));
        assert_eq!((&after["email"], &after["source"]), (&json!("bob@example.com"), &json!("order")));
        assert_eq!(after["date_created"], "2024-06-01T12:01:00+00:00");
        assert_eq!(after["date_modified"], "2024-06-01T13:00:00+00:00");
        assert_eq!(service.events().await.last().unwrap(), r#"store/subscriber/updated {"type":"subscriber","id":2}"#);
        assert_eq!(service.audit().await.last().unwrap(), "subscriber.updated 2 [order_id consents]");
        let moved = service.put("modify", "/v3/customers/subscribers/2", json!({"email": "BOB@example.com"})).await;
        assert_eq!(moved.json()["data"]["email"], "BOB@example.com", "its own address in another case");
        sound(&service).await;
    }

    async fn a_subscriber_put_of_nothing_new_makes_no_event_and_leaves_the_date(service: Service) {
        four(&service).await;
        let whole = service.get("read", "/v3/customers/subscribers/3").await.json()["data"].clone();
        service.set_seconds(3600);
        let before = service.dump().await;
        for sent in [whole.clone(), json!({}), json!({"first_name": null, "consents": null, "email": null})] {
            let answer = service.put("modify", "/v3/customers/subscribers/3", sent).await;
            assert_eq!((answer.status, &answer.json()["data"]), (200, &whole), "{answer}");
        }
        assert_eq!(service.dump().await, before);
    }

    async fn an_address_subscribes_once_whatever_its_case(service: Service) {
        four(&service).await;
        let before = service.dump().await;
        let posted = service.post("modify", ALL, json!({"email": "aDA@example.COM"})).await;
        posted.refused(409, CONFLICT, &json!({"email": "email aDA@example.COM already in use"}));
        shows(&posted, "address in use");
        let put = service.put("modify", "/v3/customers/subscribers/2", json!({"email": "ada@example.com", "source": "x"})).await;
        put.refused(409, CONFLICT, &json!({"email": "email ada@example.com already in use"}));
        shows(&put, "address in use");
        assert_eq!(service.dump().await, before);
        service.delete("modify", "/v3/customers/subscribers/1").await;
        assert_eq!(subscribed(&service, json!({"email": "ada@example.com"})).await, 5, "free again, under a new number");
    }

    async fn every_fault_of_a_subscriber_is_told_and_nothing_is_kept(service: Service) {
        four(&service).await;
        let before = service.dump().await;
        let missing = service.post("modify", ALL, json!({"first_name": "A"})).await;
        missing.refused(422, INVALID, &json!({"email": "error.path.missing"}));
        shows(&missing, "no address");
        let broken = service
            .post("modify", ALL, json!({"email": "nobody", "first_name": "a".repeat(256), "order_id": 0, "channel_id": 0}))
            .await;
        shows(&broken, "rules broken");
        let cases = [
            (json!({"email": null}), json!({"email": "error.expected.jsstring"})),
            (json!({"email": 7, "consents": "x"}), json!({"email": "error.expected.jsstring", "consents": "error.expected.jsarray"})),
            (json!({"email": "a@b.c", "consents": ["sms"]}), json!({"consents.0": "error.expected.validenumvalue"})),
            (json!({"email": "a@b.c", "consents": [1]}), json!({"consents.0": "error.expected.jsstring"})),
            (json!({"email": "a@b.c", "order_id": "7"}), json!({"order_id": "error.expected.jsnumber"})),
            (json!({"email": "a@b.c", "order_id": 2_147_483_648_i64}), json!({"order_id": "error.expected.int"})),
            (json!({"email": "a@b.c", "channel_id": 1.5}), json!({"channel_id": "error.expected.int"})),
            (json!({"email": "a\u{0}@b.c"}), json!({"email": "error.expected.text.without.nul"})),
            (json!({"email": "a@b@c"}), json!({"email": "must be an e-mail address"})),
            (json!({"email": "a@b.c", "source": "s".repeat(256)}), json!({"source": "must be 0 to 255 characters long"})),
            (json!({"email": "a@b.c", "last_name": {}}), json!({"last_name": "error.expected.jsstring"})),
            (json!([{"email": "a@b.c"}]), json!({"obj": "error.expected.jsobject"})),
            (json!("a@b.c"), json!({"obj": "error.expected.jsobject"})),
        ];
        for (sent, errors) in cases {
            service.post("modify", ALL, sent.clone()).await.refused(422, INVALID, &errors);
            if sent["email"] != json!(null) || sent.is_array() {
                let put = service.put("modify", "/v3/customers/subscribers/1", sent).await;
                put.refused(422, INVALID, &errors);
            }
        }
        let put = service.put("modify", "/v3/customers/subscribers/1", json!({"order_id": -1})).await;
        put.refused(422, INVALID, &json!({"order_id": "must be the number of an order, or null"}));
        shows(&put, "rule broken");
        assert_eq!(service.dump().await, before);
    }

    async fn subscribers_are_listed_oldest_first_with_links(service: Service) {
        let empty = service.get("read", ALL).await;
        shows(&empty, "empty");
        assert_eq!(empty.json()["meta"]["pagination"]["total_pages"], 0);
        four(&service).await;
        let page = service.get("read", &format!("{ALL}?limit=2&page=2")).await;
        shows(&page, "second page");
        assert_eq!(page.ids(), [3, 4]);
        assert_eq!(service.get("read", ALL).await.ids(), [1, 2, 3, 4]);
        let beyond = service.get("read", &format!("{ALL}?page=9")).await.json();
        assert_eq!((&beyond["data"], &beyond["meta"]["pagination"]["current_page"]), (&json!([]), &json!(9)));
        assert_eq!(service.get("read", &format!("{ALL}?limit=1&page=100000")).await.ids(), [0; 0]);
    }

    async fn every_filter_of_subscribers_narrows(service: Service) {
        four(&service).await;
        service.set_seconds(86_400 * 2);
        service.put("modify", "/v3/customers/subscribers/1", json!({"channel_id": 2})).await;
        let cases: [(&str, &[i64]); 28] = [
            ("email=ADA@example.com", &[1]),
            ("email=ada", &[]),
            ("email=", &[]),
            ("first_name=E%CC%80VE", &[3]),
            ("last_name=lovelace", &[1, 3]),
            ("last_name=Lovelace&first_name=ada", &[1]),
            ("last_name=", &[4]),
            ("source=storefront", &[1, 4]),
            ("source=Storefront", &[]),
            ("source=order", &[2]),
            ("source=custom&last_name=lovelace", &[3]),
            ("order_id=77", &[2]),
            ("order_id=78", &[]),
            ("order_id=9223372036854775807", &[]),
            ("id=2", &[2]),
            ("id:in=4,2,2,99", &[2, 4]),
            ("id:in=1,2&id=2", &[2]),
            ("id:in=1&id=2", &[]),
            ("id:in=9223372036854775807,-1", &[]),
            ("date_created=2024-06-01T12:01:00", &[2]),
            ("date_created=2024-06-01", &[1, 2, 3, 4]),
            ("date_created:min=2024-06-01T12:02:00Z", &[3, 4]),
            ("date_created:max=2024-06-01T12:01:00%2B00:00", &[1, 2]),
            ("date_created:min=2024-06-01T12:01:00&date_created:max=2024-06-01T12:02:00", &[2, 3]),
            ("date_modified:min=2024-06-02", &[1]),
            ("date_modified=2024-06-01&source=storefront", &[4]),
            ("date_modified:max=2024-06-01", &[]),
            ("date_modified:min=2024-06-02&email=ada@example.com&source=storefront&id:in=1,2", &[1]),
        ];
        for (query, expected) in cases {
            let answer = service.get("read", &format!("{ALL}?{query}")).await;
            assert_eq!(answer.ids(), expected, "{answer}");
            assert_eq!(answer.json()["meta"]["pagination"]["total"], json!(expected.len()), "{answer}");
        }
        let narrowed = service.get("read", &format!("{ALL}?last_name=lovelace&limit=1")).await;
        shows(&narrowed, "by last name");
    }

    async fn what_is_no_filter_of_subscribers_is_refused(service: Service) {
        for (query, title) in [
            ("id=x", r#"Query parameter "id" value may contain only integer values. For input string: "x"."#),
            ("id:in=", r#"Query parameter "id:in" value may contain only integer values. For input string: ""."#),
            ("order_id=1,2", r#"Query parameter "order_id" value may contain only integer values. For input string: "1,2"."#),
            ("date_created:min=soon", r#"Query parameter "date_created:min" value may contain only dates. For input string: "soon"."#),
            ("limit=0", r#"Query parameter "limit" value may contain only positive integers. For input string: "0"."#),
            ("after=eyJpZCI6MX0", "The filter(s): after are not valid filter parameter(s)."),
            ("email:in=a@b.c&sort=id", "The filter(s): email:in, sort are not valid filter parameter(s)."),
        ] {
            let answer = service.get("read", &format!("{ALL}?{query}")).await;
            answer.refused(422, title, &json!({}));
        }
        let ids = vec!["1"; 1001].join(",");
        assert_eq!(service.get("read", &format!("{ALL}?id:in={ids}")).await.status, 413);
    }

    async fn an_unknown_subscriber_is_404_and_its_deletion_204(service: Service) {
        four(&service).await;
        let before = service.dump().await;
        let read = service.get("read", "/v3/customers/subscribers/99").await;
        read.refused(404, NOT_FOUND, &json!({}));
        shows(&read, "unknown");
        let put = service.put("modify", "/v3/customers/subscribers/99", json!({"email": "ada@example.com"})).await;
        put.refused(404, NOT_FOUND, &json!({}));
        shows(&put, "unknown");
        let gone = service.delete("modify", "/v3/customers/subscribers/99").await;
        assert_eq!((gone.status, gone.text().as_str()), (204, ""));
        for (id, status) in [("0", 404), ("2147483648", 404), ("x", 400), ("1.0", 400), ("%00", 400)] {
            for method in ["GET", "PUT", "DELETE"] {
                let path = format!("/v3/customers/subscribers/{id}");
                let answer = service.ask(method, &path).token("modify").json(json!({})).send().await;
                assert_eq!(answer.status, status, "{answer}");
            }
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_subscriber_is_deleted_and_told_of_once(service: Service) {
        four(&service).await;
        let answer = service.delete("modify", "/v3/customers/subscribers/2").await;
        shows(&answer, "deleted");
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
        service.delete("modify", "/v3/customers/subscribers/2").await;
        assert_eq!(service.get("read", ALL).await.ids(), [1, 3, 4]);
        let deleted = r#"store/subscriber/deleted {"type":"subscriber","id":2}"#;
        assert_eq!(service.events().await.iter().filter(|event| *event == deleted).count(), 1);
        sound(&service).await;
    }

    /// Ruling 15.
    async fn deletion_without_a_filter_takes_every_subscriber_past_one_transaction(service: Service) {
        many(&service).await;
        let answer = service.delete("modify", ALL).await;
        shows(&answer, "all");
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
        assert_eq!(service.number("SELECT COUNT(*) FROM subscriber").await, 0);
        assert_eq!(service.get("read", ALL).await.json()["meta"]["pagination"]["total"], 0);
        assert_eq!(subscribed(&service, json!({"email": "s1@example.com"})).await, 104, "no number twice");
        sound(&service).await;
    }

    async fn deletion_with_a_filter_takes_just_what_matches(service: Service) {
        for (query, left) in [
            ("last_name=lovelace", vec![2, 4]),
            ("email=ADA@example.com", vec![2, 3, 4]),
            ("first_name=%C3%A8ve", vec![1, 2, 4]),
            ("source=storefront", vec![2, 3]),
            ("order_id=77", vec![1, 3, 4]),
            ("date_created=2024-06-01T12:01:00", vec![1, 3, 4]),
            ("date_modified=2024-06-01", vec![]),
            ("last_name=lovelace&source=custom", vec![1, 2, 4]),
            ("email=", vec![1, 2, 3, 4]),
            ("source=nowhere", vec![1, 2, 3, 4]),
        ] {
            service.meddle("DELETE FROM subscriber").await;
            service.meddle("UPDATE counter SET last = 0, live = 0 WHERE name = 'subscriber'").await;
            four(&service).await;
            let answer = service.delete("modify", &format!("{ALL}?{query}")).await;
            assert_eq!(answer.status, 204, "{answer}");
            assert_eq!(service.get("read", ALL).await.ids(), left, "{query}");
        }
    }

    async fn a_filtered_deletion_of_subscribers_goes_on_past_one_transaction(service: Service) {
        many(&service).await;
        service.meddle("UPDATE subscriber SET last_name_key = 'l0' WHERE subscriber_id > 1").await;
        service.delete("modify", &format!("{ALL}?last_name=L0")).await;
        assert_eq!(service.get("read", ALL).await.ids(), [1]);
        sound(&service).await;
    }

    /// A filter that the list knows and the deletion does not must not delete everybody.
    async fn a_deletion_with_a_filter_it_does_not_know_deletes_nobody(service: Service) {
        four(&service).await;
        let before = service.dump().await;
        for query in ["id:in=1", "id=1", "date_created:min=2024-06-01", "date_modified:max=2024-06-01", "limit=1", "emial=x", "order_id=x", "date_created=x"] {
            let answer = service.delete("modify", &format!("{ALL}?{query}")).await;
            assert_eq!(answer.status, 422, "{answer}");
        }
        let answer = service.delete("modify", &format!("{ALL}?id:in=1")).await;
        shows(&answer, "unknown filter");
        assert_eq!(service.dump().await, before);
    }

    /// Ruling 25.
    async fn a_subscriber_outlives_the_customer_of_the_same_address(service: Service) {
        service.crowd(1).await;
        subscribed(&service, json!({"email": "c1@example.com"})).await;
        service.delete("modify", "/v3/customers?id:in=1").await;
        service.delete("modify", "/v2/customers").await;
        assert_eq!(service.get("read", ALL).await.ids(), [1]);
    }

    async fn stores_do_not_see_each_others_subscribers(service: Service) {
        four(&service).await;
        let zenith = "/stores/zenith/v3/customers/subscribers";
        assert_eq!(service.get("other", zenith).await.ids(), [0; 0]);
        for query in ["?id:in=1,2", "?email=ada@example.com", "?date_created:min=2020-01-01", "?source=storefront", "?last_name=lovelace"] {
            assert_eq!(service.get("other", &format!("{zenith}{query}")).await.json()["meta"]["pagination"]["total"], 0);
        }
        let before = service.dump().await;
        assert_eq!(service.get("other", &format!("{zenith}/1")).await.status, 404);
        assert_eq!(service.put("other", &format!("{zenith}/1"), json!({"first_name": "X"})).await.status, 404);
        service.delete("other", &format!("{zenith}/1")).await;
        service.delete("other", zenith).await;
        service.delete("other", &format!("{zenith}?email=ada@example.com")).await;
        assert_eq!(service.dump().await, before);
        let made = service.post("other", zenith, json!({"email": "ada@example.com"})).await;
        assert_eq!(made.json()["data"]["id"], 1, "{made}");
        service.delete("modify", ALL).await;
        assert_eq!(service.get("other", zenith).await.ids(), [1]);
    }

    async fn of_many_subscriptions_of_one_address_exactly_one_wins(service: Service) {
        let own = subscribed(&service, json!({"email": "own@example.com"})).await;
        for n in 0..10 {
            let requests = (0..4).map(|at| {
                let email = if at % 2 == 0 { format!("r{n}@example.com") } else { format!("R{n}@Example.com") };
                match at {
                    3 => ("PUT", format!("{ALL}/{own}"), json!({"email": email})),
                    _ => ("POST", ALL.to_owned(), json!({"email": email})),
                }
            });
            let statuses: Vec<u16> = race(&service, requests.collect()).await.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "round {n}: {statuses:?}");
            assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "round {n}: {statuses:?}");
        }
        sound(&service).await;
    }

    async fn everything_at_once_leaves_subscribers_sound(service: Service) {
        let requests = (0..80_i64).map(|n| match n % 5 {
            0 | 1 => ("POST", ALL.to_owned(), json!({"email": format!("x{}@b.c", n % 12)})),
            2 => ("PUT", format!("{ALL}/{}", n % 7 + 1), json!({"email": format!("x{}@b.c", n % 12), "first_name": format!("{n}")})),
            3 => ("DELETE", format!("{ALL}/{}", n % 9 + 1), Value::Null),
            _ => ("DELETE", format!("{ALL}?first_name={}", n - 2), Value::Null),
        });
        race(&service, requests.collect()).await;
        sound(&service).await;
    }
}
