//! Settings of customers, of the store and of a channel.

use serde_json::{Value, json};
use testkit::{Service, at_once, on_each_engine};

use crate::{races::race, robust::sound, shows};

const STORES: &str = "/v3/customers/settings";
const FIRST: &str = "/v3/customers/settings/channels/1";
const SECOND: &str = "/v3/customers/settings/channels/2";
const V3: &str = "/v3/customers";
const FAILED: &str = "Update customer settings failed.";

async fn with_channel_2(service: &Service) {
    let made = service.put("modify", "/stores/acme/custodia/channels/2", json!({})).await;
    assert_eq!(made.status, 200, "{made}");
}

async fn grouped(service: &Service, count: i64) {
    for n in 1..=count {
        let made =
            service.post("modify", "/v2/customer_groups", json!({"name": format!("G{n}")})).await;
        assert_eq!(made.json()["id"], n);
    }
}

fn default_group(group: Option<i64>) -> Value {
    json!({"customer_group_settings": {"default_customer_group_id": group}})
}

/// The group of a customer made on this channel that names none.
async fn joined(service: &Service, email: &str, channel: i64) -> Value {
    let row =
        json!({"email": email, "first_name": "A", "last_name": "B", "origin_channel_id": channel});
    let made = service.post("modify", V3, json!([row])).await;
    made.json()["data"][0]["customer_group_id"].clone()
}

on_each_engine! {
    async fn before_anything_is_set_the_store_has_its_defaults_and_a_channel_inherits(
        service: Service,
    ) {
        with_channel_2(&service).await;
        let store = service.get("read", STORES).await;
        store.is_just(
            r#"{"data":{"privacy_settings":{"ask_shopper_for_tracking_consent":false,"policy_url":"","ask_shopper_for_tracking_consent_on_checkout":false},"customer_group_settings":{"guest_customer_group_id":0,"default_customer_group_id":0}},"meta":{}}"#,
        );
        shows(&store, "at the start");
        let first = service.get("read", FIRST).await;
        first.is_just(
            r#"{"data":{"privacy_settings":{"ask_shopper_for_tracking_consent":null,"policy_url":null,"ask_shopper_for_tracking_consent_on_checkout":null},"customer_group_settings":{"guest_customer_group_id":null,"default_customer_group_id":null},"allow_global_logins":true},"meta":{}}"#,
        );
        shows(&first, "of the first channel");
        assert_eq!(service.get("read", SECOND).await.json()["data"]["allow_global_logins"], false);
    }

    async fn what_is_set_is_read_back_and_what_is_not_named_stays(service: Service) {
        with_channel_2(&service).await;
        grouped(&service, 2).await;
        let whole = json!({
            "privacy_settings": {"ask_shopper_for_tracking_consent": true, "policy_url": "https://example.com/policy", "ask_shopper_for_tracking_consent_on_checkout": true},
            "customer_group_settings": {"guest_customer_group_id": 1, "default_customer_group_id": 2},
            "allow_global_logins": true,
        });
        let store = service.put("modify", STORES, whole.clone()).await;
        shows(&store, "set whole");
        assert_eq!(service.get("read", STORES).await.body, store.body);
        assert_eq!(store.json()["data"]["allow_global_logins"], Value::Null);
        let channel = service.put("modify", SECOND, whole.clone()).await;
        shows(&channel, "set whole");
        assert_eq!((channel.status, &channel.json()["data"]), (200, &whole));
        let part = json!({"privacy_settings": {"policy_url": ""}, "allow_global_logins": false});
        let after = service.put("modify", SECOND, part).await.json();
        assert_eq!(after["data"]["privacy_settings"], json!({"ask_shopper_for_tracking_consent": true, "policy_url": "", "ask_shopper_for_tracking_consent_on_checkout": true}));
        assert_eq!(after["data"]["allow_global_logins"], false);
        let before = service.dump().await;
        assert_eq!(service.put("modify", SECOND, after["data"].clone()).await.json(), after);
        assert_eq!(service.put("modify", STORES, json!({})).await.body, store.body);
        assert_eq!(service.dump().await, before);
        assert_eq!(
            service.audit().await[3..],
            [
                "settings.updated 0 [ask_for_consent policy_url ask_at_checkout guest_group default_group]",
                "settings.updated 2 [ask_for_consent policy_url ask_at_checkout guest_group default_group global_logins]",
                "settings.updated 2 [policy_url global_logins]",
            ]
        );
        assert!(service.events().await.is_empty());
    }

    async fn null_takes_a_channels_own_value_back(service: Service) {
        grouped(&service, 1).await;
        let initial = service.get("read", FIRST).await;
        let whole = json!({
            "privacy_settings": {"ask_shopper_for_tracking_consent": true, "policy_url": "x"},
            "customer_group_settings": {"guest_customer_group_id": 1, "default_customer_group_id": 0},
            "allow_global_logins": false,
        });
        service.put("modify", FIRST, whole).await;
        let one = json!({"privacy_settings": {"policy_url": null}, "customer_group_settings": null});
        let after = service.put("modify", FIRST, one).await.json();
        assert_eq!(after["data"]["privacy_settings"]["ask_shopper_for_tracking_consent"], true);
        assert_eq!(after["data"]["privacy_settings"]["policy_url"], Value::Null);
        assert_eq!(after["data"]["customer_group_settings"], json!({"guest_customer_group_id": null, "default_customer_group_id": null}));
        assert_eq!(after["data"]["allow_global_logins"], false);
        let all = json!({"privacy_settings": null, "allow_global_logins": null});
        assert_eq!(service.put("modify", FIRST, all).await.body, initial.body);
    }

    async fn each_fault_of_settings_is_told_and_changes_nothing(service: Service) {
        service.post("other", "/stores/zenith/v2/customer_groups", json!({"name": "Theirs"})).await;
        let before = service.dump().await;
        let shape = "JSON data is missing or invalid";
        let gone = "no such customer group";
        for (body, title, errors) in [
            (json!([]), shape, json!({"obj": "error.expected.jsobject"})),
            (json!({"privacy_settings": []}), shape, json!({"privacy_settings": "error.expected.jsobject"})),
            (json!({"privacy_settings": {"policy_url": 1}}), shape, json!({"privacy_settings.policy_url": "error.expected.jsstring"})),
            (json!({"privacy_settings": {"ask_shopper_for_tracking_consent": "yes"}}), shape, json!({"privacy_settings.ask_shopper_for_tracking_consent": "error.expected.jsboolean"})),
            (json!({"privacy_settings": {"policy_url": "x".repeat(2049)}}), FAILED, json!({"privacy_settings.policy_url": "must be at most 2048 characters long"})),
            (json!({"customer_group_settings": {"guest_customer_group_id": "1"}}), shape, json!({"customer_group_settings.guest_customer_group_id": "error.expected.jsnumber"})),
            (json!({"customer_group_settings": {"guest_customer_group_id": 1, "default_customer_group_id": -1}}), FAILED, json!({"customer_group_settings.guest_customer_group_id": gone, "customer_group_settings.default_customer_group_id": gone})),
        ] {
            for path in [STORES, FIRST] {
                service.put("modify", path, body.clone()).await.refused(422, title, &errors);
            }
        }
        let logins = json!({"allow_global_logins": 1});
        service.put("modify", FIRST, logins).await.refused(422, shape, &json!({"allow_global_logins": "error.expected.jsboolean"}));
        for id in ["99", "0", "2147483648"] {
            let path = format!("{STORES}/channels/{id}");
            assert_eq!(service.get("read", &path).await.status, 404);
            assert_eq!(service.put("modify", &path, json!({})).await.status, 404);
        }
        shows(&service.get("read", &format!("{STORES}/channels/99")).await, "unknown channel");
        shows(&service.put("modify", &format!("{STORES}/channels/99"), json!({})).await, "unknown channel");
        shows(&service.put("modify", STORES, default_group(Some(9))).await, "unknown group");
        assert_eq!(service.dump().await, before);
    }

    async fn a_new_customer_joins_the_group_of_its_channel_else_of_the_store_else_the_default(
        service: Service,
    ) {
        with_channel_2(&service).await;
        grouped(&service, 3).await;
        assert_eq!(joined(&service, "a@b.c", 2).await, 0);
        service.put("modify", "/v2/customer_groups/1", json!({"is_default": true})).await;
        assert_eq!(joined(&service, "b@b.c", 2).await, 1);
        service.put("modify", STORES, default_group(Some(2))).await;
        assert_eq!(joined(&service, "c@b.c", 2).await, 2);
        service.put("modify", SECOND, default_group(Some(3))).await;
        assert_eq!(joined(&service, "d@b.c", 2).await, 3);
        assert_eq!(joined(&service, "e@b.c", 1).await, 2);
        service.put("modify", SECOND, default_group(Some(0))).await;
        assert_eq!(joined(&service, "f@b.c", 2).await, 0, "a channel may say none");
        service.put("modify", SECOND, default_group(None)).await;
        assert_eq!(joined(&service, "g@b.c", 2).await, 2);
        service.put("modify", STORES, default_group(Some(0))).await;
        assert_eq!(joined(&service, "h@b.c", 2).await, 1);
    }

    async fn what_names_a_group_that_is_deleted_names_none(service: Service) {
        grouped(&service, 2).await;
        let both = |group: i64| json!({"customer_group_settings": {"guest_customer_group_id": group, "default_customer_group_id": group}});
        service.put("modify", STORES, both(1)).await;
        service.put("modify", FIRST, both(2)).await;
        service.delete("modify", "/v2/customer_groups/1").await;
        assert_eq!(service.get("read", STORES).await.json()["data"]["customer_group_settings"], both(0)["customer_group_settings"]);
        assert_eq!(service.get("read", FIRST).await.json()["data"]["customer_group_settings"], both(2)["customer_group_settings"]);
        assert_eq!(joined(&service, "a@b.c", 1).await, 2);
    }

    async fn no_settings_name_a_group_that_goes_while_they_are_changed(service: Service) {
        for round in 1..=10_i64 {
            let made = service.post("modify", "/v2/customer_groups", json!({"name": "G"})).await;
            assert_eq!(made.json()["id"], round);
            service.put("modify", STORES, default_group(Some(round))).await;
            let requests = (0..9_i64).map(|n| {
                let service = service.clone();
                async move {
                    match n {
                        4 => service.delete("modify", &format!("/v2/customer_groups/{round}")).await,
                        5 | 8 => service.put("modify", FIRST, default_group(Some(round))).await,
                        _ => service.put("modify", STORES, json!({"privacy_settings": {"policy_url": format!("{round} {n}")}})).await,
                    }
                }
            });
            for answer in at_once(requests).await {
                assert!(answer.status < 500, "{answer}");
            }
            let left = "SELECT COUNT(*) FROM customer_settings WHERE default_group_id <> 0 OR guest_group_id <> 0";
            assert_eq!(service.number(left).await, 0, "round {round}");
        }
    }

    /// Ruling 16, by each channel's own setting.
    async fn which_accounts_may_share_an_address_follows_from_who_lets_everybody_in(
        service: Service,
    ) {
        let row = |channels: Value| json!([{"email": "a@b.c", "first_name": "A", "last_name": "B", "channel_ids": channels}]);
        service.made(row(json!([2]))).await;
        service.put("modify", SECOND, json!({"allow_global_logins": true})).await;
        assert_eq!(service.post("modify", V3, row(json!(null))).await.status, 422);
        service.put("modify", SECOND, json!({"allow_global_logins": false})).await;
        service.made(row(json!(null))).await;
        let before = service.dump().await;
        let refused = service.put("modify", SECOND, json!({"allow_global_logins": true})).await;
        let rule = json!({"allow_global_logins": "accounts with one address would meet on this channel"});
        refused.refused(422, FAILED, &rule);
        shows(&refused, "accounts would meet");
        assert_eq!(service.dump().await, before);
        service.put("modify", FIRST, json!({"allow_global_logins": false})).await;
        service.made(row(json!([1]))).await;
        assert_eq!(service.put("modify", FIRST, json!({"allow_global_logins": null})).await.status, 422);
    }

    async fn a_channel_can_open_as_soon_as_nobody_would_meet_on_it(service: Service) {
        let opens = async || {
            sound(&service).await;
            let answer = service.put("modify", SECOND, json!({"allow_global_logins": true})).await;
            if answer.status == 200 {
                service.put("modify", SECOND, json!({"allow_global_logins": false})).await;
            }
            answer.status == 200
        };
        let row = |email: &str, channels: Value| json!({"email": email, "first_name": "A", "last_name": "B", "channel_ids": channels});
        // The same request brings both.
        let both = json!([row("a@b.c", json!([2, 3])), row("A@b.c", json!(null)), row("c@b.c", json!([2]))]);
        assert_eq!(service.made(both).await, [1, 2, 3]);
        assert!(!opens().await);
        for (change, expected) in [
            (json!([{"id": 1, "email": "b@b.c"}]), true),
            (json!([{"id": 2, "email": "b@b.c"}]), false),
            (json!([{"id": 1, "channel_ids": [3]}]), true),
            (json!([{"id": 1, "channel_ids": [4, 2], "company": "X"}]), false),
            (json!([{"id": 2, "channel_ids": [1]}]), true),
            (json!([{"id": 2, "channel_ids": null}, {"id": 3, "email": "x@b.c"}]), false),
            (json!([{"id": 1, "email": "c@b.c"}]), true),
            (json!([{"id": 1, "email": "b@b.c"}]), false),
        ] {
            let answer = service.put("modify", V3, change.clone()).await;
            assert_eq!(answer.status, 200, "{answer}");
            assert_eq!(opens().await, expected, "{change}");
        }
        service.delete("modify", "/v2/customers/2").await;
        assert!(opens().await, "who had access everywhere is gone");
        service.made(json!([row("b@b.c", json!(null))])).await;
        assert!(!opens().await);
        service.delete("modify", &format!("{V3}?id:in=1")).await;
        assert!(opens().await, "who was bound is gone");
    }

    async fn who_would_meet_is_known_whatever_happens_at_once(service: Service) {
        with_channel_2(&service).await;
        service.put("modify", FIRST, json!({"allow_global_logins": false})).await;
        for round in 0..3_i64 {
            let requests = (0..40_i64).map(|n| {
                let channels = match n % 3 {
                    0 => json!(null),
                    1 => json!([2]),
                    _ => json!([3, 4]),
                };
                let row = json!({"email": format!("{}@b.c", n % 4), "first_name": "A", "last_name": "B", "channel_ids": channels});
                let id = round * 10 + n % 9 + 1;
                match n % 5 {
                    0 | 1 => ("POST", V3.to_owned(), json!([row])),
                    2 => ("PUT", V3.to_owned(), json!([{"id": id, "email": format!("{}@b.c", n % 3)}])),
                    3 => ("PUT", V3.to_owned(), json!([{"id": id, "channel_ids": channels}])),
                    _ if n == 39 => ("PUT", SECOND.to_owned(), json!({"allow_global_logins": n % 2 == 0})),
                    _ => ("DELETE", format!("{V3}?id:in={id}"), Value::Null),
                }
            });
            race(&service, requests.collect()).await;
            let meetings = "SELECT COUNT(*) FROM customer_meeting";
            let expected = "SELECT COUNT(*) FROM (SELECT DISTINCT c.store_id, h.channel_id, c.customer_id FROM customer c
                JOIN customer g ON g.store_id = c.store_id AND g.email_key = c.email_key AND g.channel_ids IS NULL
                JOIN channel h ON h.store_id = c.store_id AND (' ' || c.channel_ids || ' ') LIKE '% ' || CAST(h.channel_id AS TEXT) || ' %') AS m";
            assert_eq!(service.number(meetings).await, service.number(expected).await, "round {round}");
        }
    }

    async fn a_channel_does_not_open_while_an_account_that_would_meet_another_is_made(
        service: Service,
    ) {
        with_channel_2(&service).await;
        for n in 0..8 {
            let row = |channels: Value| json!([{"email": format!("{n}@b.c"), "first_name": "A", "last_name": "B", "channel_ids": channels}]);
            service.put("modify", SECOND, json!({"allow_global_logins": false})).await;
            service.made(row(json!([2]))).await;
            let send = [
                ("PUT", SECOND, json!({"allow_global_logins": true})),
                ("POST", V3, row(json!(null))),
            ];
            let answers = at_once(send.map(|(method, path, body)| {
                let service = service.clone();
                async move { service.ask(method, path).token("modify").json(body).send().await }
            }))
            .await;
            let won = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!(won, 1, "round {n}");
            service.put("modify", SECOND, json!({"allow_global_logins": false})).await;
            service.delete("modify", "/v2/customers").await;
        }
    }

    async fn changes_of_different_settings_at_once_are_all_kept(service: Service) {
        grouped(&service, 5).await;
        for round in 1..=5_i64 {
            let parts = [
                json!({"privacy_settings": {"policy_url": format!("{round}")}}),
                json!({"customer_group_settings": {"guest_customer_group_id": round}}),
                json!({"customer_group_settings": {"default_customer_group_id": round}}),
                json!({"privacy_settings": {"ask_shopper_for_tracking_consent": round % 2 == 0}}),
                json!({"allow_global_logins": round % 2 == 1}),
            ];
            let answers = at_once(parts.map(|body| {
                let service = service.clone();
                async move { service.put("modify", FIRST, body).await }
            }))
            .await;
            assert!(answers.iter().all(|answer| answer.status == 200));
            let now = service.get("read", FIRST).await.json()["data"].clone();
            assert_eq!(now, json!({
                "privacy_settings": {"ask_shopper_for_tracking_consent": round % 2 == 0, "policy_url": format!("{round}"), "ask_shopper_for_tracking_consent_on_checkout": null},
                "customer_group_settings": {"guest_customer_group_id": round, "default_customer_group_id": round},
                "allow_global_logins": round % 2 == 1,
            }));
        }
    }

    async fn no_settings_of_one_store_show_in_another(service: Service) {
        with_channel_2(&service).await;
        service.put("modify", STORES, json!({"privacy_settings": {"policy_url": "x"}})).await;
        let theirs = "/stores/zenith/v3/customers/settings";
        assert_eq!(service.get("other", theirs).await.json()["data"]["privacy_settings"]["policy_url"], "");
        assert_eq!(service.get("other", &format!("{theirs}/channels/2")).await.status, 404);
        service.put("other", theirs, json!({"privacy_settings": {"policy_url": "y"}})).await;
        assert_eq!(service.get("read", STORES).await.json()["data"]["privacy_settings"]["policy_url"], "x");
    }
}
