//! `/v3/hooks` and `/v2/hooks`: who wants to be told of what, and where. Nothing is delivered here.

use rest::Settings;
use serde_json::{Value, json};
use testkit::{Answer, NOON, Service, at_once, on_each_engine};

use crate::{
    races::{race, won},
    shows,
};

const ALL: &str = "/v3/hooks";
const ADMIN: &str = "/v3/hooks/admin";
const INVALID: &str = "JSON data is missing or invalid";
const URL: &str = "https://hooks.example.com/in";
const FAILURES: &str = "store/hook/deliveryException";

fn wish(scope: &str, destination: &str) -> Value {
    json!({"scope": scope, "destination": destination})
}

/// Make a webhook that must be made, as this account; the whole of it.
async fn hooked(service: &Service, token: &str, hook: Value) -> Value {
    let answer = service.post(token, ALL, hook).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["data"].clone()
}

/// Three of `modify`: 1 with headers, 2 for orders, 3 inactive.
async fn three(service: &Service) {
    let mut first = wish("store/customer/*", URL);
    first["headers"] = json!({"X-Shared-Key": "hush"});
    let mut third = wish("store/customer/created", "https://other.example/in");
    third["is_active"] = json!(false);
    for hook in [first, wish("store/order/*", URL), third] {
        hooked(service, "modify", hook).await;
    }
}

/// A table's rows of webhooks, past the service.
async fn kept(service: &Service, column: &str) -> Vec<String> {
    let select = format!(
        "SELECT COALESCE(CAST({column} AS TEXT), 'NULL') AS line FROM hook ORDER BY store_id, hook_id"
    );
    service.texts(&select).await
}

fn emails(answer: &Answer) -> Value {
    answer.json()["data"]["emails"].clone()
}

on_each_engine! {
    /// The order of members is that of V2's recording; the published example has others in it.
    async fn a_webhook_is_made_and_answered_200_with_its_account_and_store(service: Service) {
        let client = service.hire("app", "acme", &[]).await;
        let sent = json!({"scope": "store/customer/*", "destination": "https://Hooks.Example.com:443/in?a=1",
            "headers": {"X-Shared-Key": "hush", "authorization": "Basic aHVzaA=="}, "id": 9, "client_id": "x", "z": 1});
        let answer = service.post("app", ALL, sent).await;
        assert_eq!(answer.status, 200, "{answer}");
        let expected = format!(
            r#"{{"data":{{"id":1,"client_id":"{client}","store_hash":"acme","scope":"store/customer/*","destination":"https://Hooks.Example.com:443/in?a=1","headers":{{"X-Shared-Key":"hush","authorization":"Basic aHVzaA=="}},"is_active":true,"events_history_enabled":false,"created_at":1717243200,"updated_at":1717243200}},"meta":{{}}}}"#
        );
        assert_eq!(answer.text(), expected);
        let read = service.get("app", "/v3/hooks/1").await;
        assert_eq!((read.status, &read.body), (200, &answer.body));
        assert_eq!(kept(&service, "domain").await, ["hooks.example.com"]);
        assert_eq!(kept(&service, "delivered_at").await, [NOON.0.to_string()]);
        assert_eq!(service.audit().await, ["hook.created 1 []"]);
        assert_eq!(service.events().await, Vec::<String>::new(), "no event tells of webhooks");
    }

    async fn headers_are_null_when_nothing_was_said_of_them(service: Service) {
        let made = service.post("modify", ALL, json!({"scope": "store/subscriber/*", "destination": URL, "is_active": false, "events_history_enabled": true, "headers": null})).await;
        shows(&made, "without headers");
        assert_eq!(made.json()["data"]["headers"], Value::Null);
        let read = service.get("modify", "/v3/hooks/1").await;
        shows(&read, "read");
        assert_eq!(read.body, made.body);
        let empty = hooked(&service, "modify", json!({"scope": "store/subscriber/*", "destination": URL, "headers": {}})).await;
        assert_eq!(empty["headers"], json!({}));
        assert_eq!(kept(&service, "headers").await, ["NULL", ""]);
    }

    /// webhooks.md: the words end in a dot.
    async fn what_is_missing_is_named_with_a_dot_at_the_end(service: Service) {
        let missing = "error.path.missing.";
        let answer = service.post("modify", ALL, json!({"scope": "store/customer/created"})).await;
        shows(&answer, "without a destination");
        answer.refused(422, INVALID, &json!({"destination": missing}));
        let answer = service.post("modify", ALL, json!({"destination": null})).await;
        answer.refused(422, INVALID, &json!({"destination": missing, "scope": missing}));
        let answer = service.put("modify", ADMIN, json!({})).await;
        shows(&answer, "without emails");
        answer.refused(422, INVALID, &json!({"emails": missing}));
    }

    async fn what_cannot_be_a_webhook_is_refused_field_by_field_and_nothing_is_kept(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        let unknown = service.post("modify", ALL, wish("store/nothing/created", URL)).await;
        shows(&unknown, "unknown scope");
        let many: Value = (0..51).map(|at| (format!("x-{at}"), json!(""))).collect::<serde_json::Map<_, _>>().into();
        for (field, member, value) in [
            ("scope", "scope", json!("store/nothing/created")),
            ("scope", "scope", json!("store/*")),
            ("scope", "scope", json!("*")),
            ("scope", "scope", json!("")),
            ("scope", "scope", json!("custodia/*")),
            ("scope", "scope", json!("store/hook/*")),
            ("scope", "scope", json!("store/customer/created ")),
            ("scope", "scope", json!(1)),
            ("destination", "destination", json!("http://hooks.example.com/")),
            ("destination", "destination", json!("https://hooks.example.com:8443/")),
            ("destination", "destination", json!("https://user:secret@hooks.example.com/")),
            ("destination", "destination", json!("https://")),
            ("destination", "destination", json!("http://localhost:3000/")),
            ("destination", "destination", json!("https://10.0.0.1/")),
            ("destination", "destination", json!("https://hooks.example.com/\r\nx: y")),
            ("destination", "destination", json!("https://hooks.example.com/\u{0}")),
            ("destination", "destination", json!(format!("https://hooks.example.com/{}", "a".repeat(2_048)))),
            ("destination", "destination", json!(["https://hooks.example.com/"])),
            ("headers", "headers", json!("x: y")),
            ("headers", "headers", json!([])),
            ("headers", "headers", many),
            ("headers", "headers", json!({"x": "a".repeat(4_096)})),
            ("headers", "headers", json!({"a b": "c"})),
            ("headers", "headers", json!({"": "c"})),
            ("headers.x", "headers", json!({"x": 1})),
            ("headers.x", "headers", json!({"x": null})),
            ("headers.x", "headers", json!({"x": "a\r\nhost: evil"})),
            ("headers.x", "headers", json!({"x": "ü"})),
            ("headers.Content-Type", "headers", json!({"Content-Type": "text/plain"})),
            ("headers.webhook-signature", "headers", json!({"webhook-signature": "v1,x"})),
            ("headers.HOST", "headers", json!({"HOST": "evil.example"})),
            ("headers.transfer-encoding", "headers", json!({"transfer-encoding": "chunked"})),
            ("is_active", "is_active", json!("true")),
            ("is_active", "is_active", json!(1)),
            ("events_history_enabled", "events_history_enabled", json!("no")),
        ] {
            let mut body = wish("store/customer/created", URL);
            body[member] = value.clone();
            for answer in [
                service.post("modify", ALL, body.clone()).await,
                service.put("modify", "/v3/hooks/1", json!({member: value.clone()})).await,
            ] {
                let told = answer.json();
                assert_eq!((answer.status, told["title"].as_str()), (422, Some(INVALID)), "{answer}");
                let fields: Vec<&String> = told["errors"].as_object().unwrap().keys().collect();
                assert_eq!(fields, [field], "{answer}");
            }
            let v2 = service.post("modify", "/v2/hooks", body).await;
            assert_eq!((v2.status, v2.json()[0]["status"].as_i64()), (400, Some(400)), "{v2}");
        }
        for body in [json!([]), json!("x"), json!(null), json!([wish("store/customer/created", URL)])] {
            assert_eq!(service.post("modify", ALL, body.clone()).await.status, 422);
            assert_eq!(service.put("modify", "/v3/hooks/1", body).await.status, 422);
        }
        assert_eq!(service.dump().await, before);
    }

    /// Apps register these along with those that are fired here.
    async fn every_published_scope_is_taken_and_ours_too(service: Service) {
        for scope in [
            "store/order/*", "store/order/created", "store/cart/lineItem/*", "store/product/inventory/updated",
            "store/app/uninstalled", "store/information/updated", "store/customer/*", "store/customer/address/*",
            "store/customer/channel/login/access/updated", "store/customer/payment/instrument/default/updated",
            "store/metafield/*", "store/subscriber/deleted", "custodia/customer/consent/updated",
        ] {
            assert_eq!(hooked(&service, "modify", wish(scope, URL)).await["scope"], scope);
        }
    }

    async fn webhooks_are_listed_oldest_first_and_narrowed_by_every_published_filter(service: Service) {
        let empty = service.get("modify", ALL).await;
        shows(&empty, "empty");
        three(&service).await;
        let listed = service.get("modify", ALL).await;
        shows(&listed, "all");
        assert_eq!(listed.ids(), [1, 2, 3]);
        let page = service.get("modify", &format!("{ALL}?limit=2&page=2")).await;
        shows(&page, "second page");
        assert_eq!(page.ids(), [3]);
        for (query, ids) in [
            ("is_active=true", vec![1, 2]),
            ("is_active=false", vec![3]),
            ("scope=store/order/*", vec![2]),
            ("scope=store/order", vec![]),
            ("destination=https%3A%2F%2Fhooks.example.com%2Fin", vec![1, 2]),
            ("destination=https://hooks.example.com", vec![]),
            ("destination=https://hooks.example.com/in&scope=store/customer/*&is_active=true", vec![1]),
            ("limit=1&is_active=true&page=2", vec![2]),
            ("page=9", vec![]),
        ] {
            assert_eq!(service.get("modify", &format!("{ALL}?{query}")).await.ids(), ids, "{query}");
        }
        for query in ["is_active=x", "is_active=", "limit=0", "page=x", "id:in=1", "after=x", "scope=%00"] {
            assert_eq!(service.get("modify", &format!("{ALL}?{query}")).await.status, 422, "{query}");
        }
    }

    async fn an_unknown_webhook_is_404_in_the_published_words_and_what_is_no_number_400(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        let active = json!({"is_active": true});
        let read = service.get("modify", "/v3/hooks/99").await;
        shows(&read, "unknown");
        let written = service.put("modify", "/v3/hooks/99", active.clone()).await;
        shows(&written, "unknown");
        let deleted = service.delete("modify", "/v3/hooks/99").await;
        shows(&deleted, "unknown");
        for answer in [read, written, deleted] {
            answer.refused(404, "Webhook with id [99] not found", &json!({}));
        }
        for id in ["0", "-1", "2147483648"] {
            assert_eq!(service.get("modify", &format!("{ALL}/{id}")).await.status, 404, "{id}");
        }
        let keys = service.get("modify", "/v3/hooks/signing-keys").await;
        keys.refused(400, "Input is invalid", &json!({}));
        assert_eq!(service.delete("modify", ADMIN).await.text(), "The route is not found, check the URL");
        assert_eq!(service.dump().await, before);
    }

    async fn a_put_changes_what_it_names_and_the_rest_stays(service: Service) {
        three(&service).await;
        service.set_seconds(60);
        let changed = service.put("modify", "/v3/hooks/1", json!({"scope": "store/customer/address/*", "destination": "https://new.example/"})).await;
        shows(&changed, "changed");
        let hook = changed.json()["data"].clone();
        assert_eq!((&hook["scope"], &hook["headers"]), (&json!("store/customer/address/*"), &json!({"X-Shared-Key": "hush"})));
        assert_eq!((&hook["created_at"], &hook["updated_at"]), (&json!(1_717_243_200), &json!(1_717_243_260)));
        assert_eq!(kept(&service, "domain").await[0], "new.example");
        service.set_seconds(120);
        let bare = service.put("modify", "/v3/hooks/1", json!({"headers": null})).await.json()["data"].clone();
        assert_eq!((&bare["headers"], &bare["updated_at"]), (&Value::Null, &json!(1_717_243_320)));
        let audit = service.audit().await;
        assert_eq!(audit[3..], ["hook.updated 1 [scope destination]", "hook.updated 1 [headers]"]);
        // What changes nothing leaves no trace, also when the whole of it is sent back.
        let before = service.dump().await;
        service.set_seconds(180);
        for body in [bare.clone(), json!({"is_active": true}), json!({"headers": null})] {
            let same = service.put("modify", "/v3/hooks/1", body).await;
            assert_eq!((same.status, &same.json()["data"]), (200, &bare), "{same}");
        }
        assert_eq!(service.dump().await, before);
    }

    /// Published: "At least one field is required to perform an update."
    async fn a_put_that_names_nothing_is_422(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        let nothing = service.put("modify", "/v3/hooks/1", json!({})).await;
        shows(&nothing, "nothing named");
        nothing.refused(422, INVALID, &json!({}));
        for body in [json!({"id": 1}), json!({"scope": null, "is_active": null})] {
            service.put("modify", "/v3/hooks/1", body).await.refused(422, INVALID, &json!({}));
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_webhook_that_was_deactivated_is_made_active_again_and_begins_anew(service: Service) {
        three(&service).await;
        // As whoever delivers does it.
        service.meddle("UPDATE hook SET is_active = FALSE, is_deactivated = TRUE WHERE hook_id = 1").await;
        let status = async || {
            let hooks = service.get("modify", ADMIN).await.json()["data"]["hooks_list"].clone();
            hooks.as_array().unwrap().iter().map(|hook| hook["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(status().await, ["deactivated", "active", "inactive"]);
        service.set_seconds(90);
        let renamed = service.put("modify", "/v3/hooks/1", json!({"scope": "store/customer/created"})).await;
        assert_eq!(renamed.json()["data"]["is_active"], false);
        assert_eq!(status().await[0], "deactivated");
        let active = service.put("modify", "/v3/hooks/1", json!({"is_active": true})).await;
        assert_eq!((active.status, &active.json()["data"]["is_active"]), (200, &json!(true)));
        assert_eq!(status().await, ["active", "active", "inactive"]);
        let delivered = [90, 0, 0].map(|seconds| NOON.plus_seconds(seconds).0.to_string());
        assert_eq!(kept(&service, "delivered_at").await, delivered);
    }

    /// 200 and not 204, as published.
    async fn a_deleted_webhook_is_answered_as_it_was(service: Service) {
        three(&service).await;
        let read = service.get("modify", "/v3/hooks/2").await;
        let gone = service.delete("modify", "/v3/hooks/2").await;
        shows(&gone, "deleted");
        assert_eq!((gone.status, &gone.body), (200, &read.body));
        assert_eq!(service.get("modify", "/v3/hooks/2").await.status, 404);
        assert_eq!(service.delete("modify", "/v3/hooks/2").await.status, 404);
        assert_eq!(service.get("modify", ALL).await.ids(), [1, 3]);
        assert_eq!(service.audit().await[3..], ["hook.deleted 2 []"]);
        assert_eq!(hooked(&service, "modify", wish("store/order/*", URL)).await["id"], 4, "no number comes back");
    }

    async fn no_other_account_of_the_store_sees_or_changes_a_webhook(service: Service) {
        three(&service).await;
        service.put("modify", ADMIN, json!({"emails": ["ada@example.com"]})).await;
        let before = service.dump().await;
        for token in ["scopeless", "read"] {
            assert_eq!(service.get(token, ALL).await.ids(), [0; 0]);
            assert_eq!(service.get(token, "/v2/hooks").await.status, 204);
            let admin = service.get(token, ADMIN).await;
            assert_eq!(admin.json()["data"], json!({"emails": [], "hooks_list": [], "blocked_domains": []}));
            for version in ["v2", "v3"] {
                let one = format!("/{version}/hooks/1");
                assert_eq!(service.get(token, &one).await.status, 404);
                assert_eq!(service.put(token, &one, json!({"is_active": false})).await.status, 404);
                assert_eq!(service.delete(token, &one).await.status, 404);
            }
        }
        assert_eq!(service.dump().await, before);
        // Their own are numbered on, and beside these no rule holds.
        let own = hooked(&service, "scopeless", wish(FAILURES, URL)).await;
        assert_eq!(own["id"], 4);
        service.put("scopeless", ADMIN, json!({"emails": []})).await;
        assert_eq!(service.get("modify", ALL).await.ids(), [1, 2, 3]);
        assert_eq!(emails(&service.get("modify", ADMIN).await), json!(["ada@example.com"]));
    }

    async fn webhooks_of_another_store_are_not_there(service: Service) {
        three(&service).await;
        service.put("modify", ADMIN, json!({"emails": ["ada@example.com"]})).await;
        let acme = service.dump_of("acme").await;
        let theirs = |path: &str| format!("/stores/zenith/v3/hooks{path}");
        assert_eq!(service.get("other", &theirs("")).await.ids(), [0; 0]);
        assert_eq!(service.get("other", &theirs("/1")).await.status, 404);
        assert_eq!(service.delete("other", &theirs("/1")).await.status, 404);
        assert_eq!(service.put("other", &theirs("/1"), json!({"is_active": false})).await.status, 404);
        let made = service.post("other", &theirs(""), wish("store/customer/*", URL)).await;
        assert_eq!((&made.json()["data"]["id"], &made.json()["data"]["store_hash"]), (&json!(1), &json!("zenith")));
        assert_eq!(service.put("other", &theirs("/admin"), json!({"emails": ["z@example.com"]})).await.status, 204);
        assert_eq!(service.dump_of("acme").await, acme);
        assert_eq!(service.get("other", &theirs("/admin")).await.json()["data"]["hooks_list"].as_array().unwrap().len(), 1);
    }

    async fn the_same_scope_and_destination_may_be_there_twice(service: Service) {
        let one = hooked(&service, "modify", wish("store/customer/*", URL)).await;
        let two = hooked(&service, "modify", wish("store/customer/*", URL)).await;
        assert_ne!(one["id"], two["id"]);
        assert_eq!(service.get("modify", ALL).await.ids(), [1, 2]);
    }

    async fn an_account_has_one_webhook_for_failures_at_a_destination_of_its_own(service: Service) {
        three(&service).await;
        let same = service.post("modify", ALL, wish(FAILURES, "https://HOOKS.example.com:443/in")).await;
        shows(&same, "failures told where they happen");
        same.refused(422, INVALID, &json!({"destination": "must not be that of another webhook"}));
        hooked(&service, "modify", wish(FAILURES, "https://failures.example/in")).await;
        let second = service.post("modify", ALL, wish(FAILURES, "https://failures.example/other")).await;
        shows(&second, "a second for failures");
        second.refused(422, INVALID, &json!({"scope": "may be that of one webhook only"}));
        let beside = "must not be that of the webhook for store/hook/deliveryException";
        let before = service.dump().await;
        for (method, path, body, errors) in [
            ("POST", ALL, wish("store/customer/*", "https://failures.example/in"), json!({"destination": beside})),
            ("PUT", "/v3/hooks/1", json!({"destination": "https://failures.example/in"}), json!({"destination": beside})),
            ("PUT", "/v3/hooks/3", json!({"scope": FAILURES}), json!({"scope": "may be that of one webhook only"})),
            ("PUT", "/v3/hooks/4", json!({"destination": URL}), json!({"destination": "must not be that of another webhook"})),
        ] {
            let answer = service.ask(method, path).token("modify").json(body).send().await;
            answer.refused(422, INVALID, &errors);
        }
        assert_eq!(service.dump().await, before);
        // Once it is gone, another may be it.
        service.delete("modify", "/v3/hooks/4").await;
        assert_eq!(service.put("modify", "/v3/hooks/3", json!({"scope": FAILURES})).await.status, 200);
    }

    async fn of_many_who_make_the_webhook_for_failures_at_once_one_does(service: Service) {
        for round in 0..8 {
            let all = (0..6).map(|n| ("POST", ALL.to_owned(), wish(FAILURES, &format!("https://f{n}.example/"))));
            let answers = race(&service, all.collect()).await;
            assert_eq!(won(&answers), 1);
            let count = service.number("SELECT COUNT(*) FROM hook").await;
            assert_eq!(count, 1);
            // And none of an account's others comes to its destination meanwhile.
            let id = answers.iter().find_map(|answer| answer.json()["data"]["id"].as_i64()).unwrap();
            let made = hooked(&service, "modify", wish("store/order/*", "https://plain.example/")).await;
            let to = json!({"destination": format!("https://meet{round}.example/")});
            let both = [id, made["id"].as_i64().unwrap()].map(|id| ("PUT", format!("{ALL}/{id}"), to.clone()));
            assert_eq!(won(&race(&service, both.to_vec()).await), 1);
            service.meddle("DELETE FROM hook").await;
        }
    }

    async fn an_account_has_at_most_250_webhooks_also_when_many_are_made_at_once(service: Service) {
        hooked(&service, "modify", wish("store/customer/*", URL)).await;
        let columns = "account_id, scope, destination, domain, headers, is_active, is_deactivated, events_history_enabled, created_at, updated_at, delivered_at";
        let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
        service
            .meddle(&format!(
                "INSERT INTO hook (store_id, hook_id, {columns})
                 SELECT store_id, 1000 + a.d * 100 + b.d * 10 + c.d, {columns}
                 FROM hook, {digits} AS a, {digits} AS b, {digits} AS c WHERE a.d * 100 + b.d * 10 + c.d < 245"
            ))
            .await;
        let ten = (0..10).map(|_| ("POST", ALL.to_owned(), wish("store/customer/*", URL)));
        let answers = race(&service, ten.collect()).await;
        assert_eq!(won(&answers), 4);
        let over = service.post("modify", ALL, wish("store/customer/*", URL)).await;
        shows(&over, "too many");
        over.refused(422, INVALID, &json!({"webhooks": "must be at most 250 in all"}));
        assert_eq!(service.number("SELECT COUNT(*) FROM hook").await, 250);
        assert_eq!(service.get("modify", &format!("{ALL}?limit=250")).await.ids().len(), 250);
        let admin = service.get("modify", ADMIN).await.json();
        assert_eq!(admin["data"]["hooks_list"].as_array().unwrap().len(), 250, "all on one page");
        assert_eq!(admin["meta"]["pagination"], json!({"total": 250, "count": 250, "per_page": 250, "current_page": 1, "total_pages": 1}));
        hooked(&service, "scopeless", wish("store/customer/*", URL)).await;
    }

    async fn whom_to_tell_is_kept_in_place_of_who_was_before(service: Service) {
        let nobody = service.get("modify", ADMIN).await;
        shows(&nobody, "nothing");
        let kept = service.put("modify", ADMIN, json!({"emails": ["webhooks@example.com", "Ada@example.com"]})).await;
        shows(&kept, "kept");
        assert_eq!((kept.status, kept.body.len()), (204, 0));
        three(&service).await;
        let both = service.get("modify", ADMIN).await;
        shows(&both, "both");
        assert_eq!(emails(&both), json!(["webhooks@example.com", "Ada@example.com"]));
        let inactive = service.get("modify", &format!("{ADMIN}?is_active=false")).await.json();
        assert_eq!((&inactive["data"]["hooks_list"][0]["id"], &inactive["meta"]["pagination"]["total"]), (&json!(3), &json!(1)));
        assert_eq!(service.get("modify", &format!("{ADMIN}?page=1")).await.status, 422);
        let before = service.dump().await;
        assert_eq!(service.put("modify", ADMIN, json!({"emails": ["webhooks@example.com", "Ada@example.com"]})).await.status, 204);
        let bad = service.put("modify", ADMIN, json!({"emails": ["a@example.com", "b"]})).await;
        shows(&bad, "no address");
        bad.refused(422, INVALID, &json!({"emails.1": "must be an e-mail address"}));
        for emails in [json!("a@example.com"), json!([1]), json!(vec!["a@example.com"; 11]), json!(["a\n@example.com"]), json!([null])] {
            assert_eq!(service.put("modify", ADMIN, json!({"emails": emails})).await.status, 422);
        }
        assert_eq!(service.dump().await, before);
        assert_eq!(service.put("modify", ADMIN, json!({"emails": []})).await.status, 204);
        assert_eq!(emails(&service.get("modify", ADMIN).await), json!([]));
        let told: Vec<String> = service.audit().await.into_iter().filter(|line| line.starts_with("hook_notification")).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|line| line.ends_with("[emails]")), "{told:?}");
    }

    async fn addresses_said_at_once_are_those_of_one_request(service: Service) {
        let said: Vec<Value> = (0..8).map(|n| json!([format!("a{n}@example.com"), format!("b{n}@example.com")])).collect();
        let all = said.iter().map(|emails| ("PUT", ADMIN.to_owned(), json!({"emails": emails})));
        for answer in race(&service, all.collect()).await {
            assert_eq!(answer.status, 204, "{answer}");
        }
        assert!(said.contains(&emails(&service.get("modify", ADMIN).await)));
    }

    /// Recorded in 2018, but for the values.
    async fn v2_answers_201_and_bare_objects(service: Service) {
        let empty = service.get("modify", "/v2/hooks").await;
        shows(&empty, "none");
        assert_eq!((empty.status, empty.body.len()), (204, 0));
        let made = service.post("modify", "/v2/hooks", wish("store/customer/*", URL)).await;
        shows(&made, "made");
        assert_eq!(made.status, 201);
        let members = "\"headers\":null,\"is_active\":true,\"created_at\":1717243200,\"updated_at\":1717243200}";
        assert!(made.text().ends_with(members), "{made}");
        let listed = service.get("modify", "/v2/hooks").await;
        shows(&listed, "one");
        assert_eq!((listed.status, listed.text()), (200, format!("[{}]", made.text())));
        let read = service.get("modify", "/v2/hooks/1").await;
        shows(&read, "read");
        assert_eq!((read.status, &read.body), (200, &made.body));
        // Whole objects are sent back.
        let mut whole = read.json();
        whole["is_active"] = json!(false);
        whole["headers"] = json!({"X-Shared-Key": "hush"});
        let changed = service.put("modify", "/v2/hooks/1", whole).await;
        shows(&changed, "changed");
        assert_eq!((changed.status, &changed.json()["is_active"]), (200, &json!(false)));
        let v3 = service.get("modify", "/v3/hooks/1").await.json()["data"].clone();
        assert_eq!((&v3["is_active"], &v3["headers"]), (&json!(false), &json!({"X-Shared-Key": "hush"})));
        let bare = service.put("modify", "/v2/hooks/1", json!({"headers": null})).await;
        assert_eq!(bare.json()["headers"], Value::Null);
        for (query, ids) in [("is_active=false", vec![1]), ("is_active=true", vec![]), ("scope=store/customer/*&limit=1", vec![1]), ("page=2", vec![])] {
            assert_eq!(service.get("modify", &format!("/v2/hooks?{query}")).await.ids(), ids, "{query}");
        }
        let gone = service.delete("modify", "/v2/hooks/1").await;
        shows(&gone, "deleted");
        assert_eq!((gone.status, gone.body.len()), (204, 0));
    }

    async fn v2_refuses_in_its_own_words(service: Service) {
        let refused = service.post("modify", "/v2/hooks", json!({"scope": "store/customer/*"})).await;
        shows(&refused, "without a destination");
        refused.declined(400, "The field 'destination' is required.");
        service.post("modify", "/v2/hooks", json!({"destination": URL})).await.declined(400, "The field 'scope' is required.");
        service.post("modify", "/v2/hooks", wish("store/nothing", URL)).await.declined(400, "The field 'scope' is invalid.");
        let other = service.post("modify", "/v2/hooks", json!({"scope": "store/customer/*", "destination": URL, "x": 1})).await;
        other.declined(400, "The field 'x' is not supported by this resource.");
        let unknown = service.get("modify", "/v2/hooks/99").await;
        shows(&unknown, "unknown");
        for answer in [
            unknown,
            service.get("modify", "/v2/hooks/x").await,
            service.put("modify", "/v2/hooks/99", json!({"is_active": true})).await,
            service.delete("modify", "/v2/hooks/99").await,
        ] {
            answer.declined(404, "The requested resource was not found.");
        }
        let wrong = service.put("modify", "/v2/hooks/99", json!({"is_active": "x"})).await;
        shows(&wrong, "no boolean");
        wrong.declined(400, "The field 'is_active' is invalid.");
        assert_eq!(kept(&service, "scope").await, Vec::<String>::new());
    }

    /// Where it shows; what a name leads to is looked at whenever something is sent there (`delivery::post`).
    async fn a_destination_that_is_no_public_address_is_refused_by_every_operation(service: Service) {
        hooked(&service, "modify", wish("store/customer/*", URL)).await;
        let before = service.dump().await;
        for (kind, hosts) in [
            ("loopback", &["127.0.0.1", "127.255.255.255", "[::1]", "localhost", "LocalHost"][..]),
            ("private", &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"]),
            ("link-local", &["169.254.169.254", "[fe80::1]"]),
            ("this network", &["0.0.0.0", "0.1.2.3", "[::]"]),
            ("multicast and broadcast", &["224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "[ff02::1]"]),
            ("documentation and benchmarks", &["192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "[2001:db8::1]"]),
            ("local IPv6", &["[fc00::1]", "[fd00:ec2::254]", "[fec0::1]"]),
            ("IPv4 in IPv6", &["[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[::ffff:0:10.0.0.1]"]),
            ("NAT64", &["[64:ff9b::7f00:1]", "[64:ff9b:1::10.0.0.1]"]),
            ("tunnels", &["[2002:7f00:1::1]", "[2001:0:7f00:1::1]"]),
            ("numbers", &["2130706433", "0x7f000001", "017700000001", "0"]),
            ("octal", &["0177.0.0.1", "0251.0376.0251.0376"]),
            ("hexadecimal", &["0x7f.1", "0x7f.0x0.0x0.0x1"]),
            ("parts left out", &["127.1", "127.0.1", "10.1"]),
            ("a dot at the end", &["127.0.0.1.", "localhost.", "hooks.example.com."]),
            ("a name before it", &["hooks.example.com@127.0.0.1", "user:secret@hooks.example.com"]),
            ("a port after it", &["127.0.0.1:443", "10.0.0.1:8443", "hooks.example.com:80"]),
        ] {
            for host in hosts {
                let url = format!("https://{host}/hook");
                for answer in [
                    service.post("modify", ALL, wish("store/order/*", &url)).await,
                    service.put("modify", "/v3/hooks/1", json!({"destination": url})).await,
                    service.post("modify", "/v2/hooks", wish("store/order/*", &url)).await,
                    service.put("modify", "/v2/hooks/1", json!({"destination": url})).await,
                ] {
                    assert!([400, 422].contains(&answer.status), "{kind}: {host}: {answer}");
                    assert!(answer.text().contains("destination"), "{kind}: {host}: {answer}");
                }
            }
        }
        assert_eq!(service.dump().await, before);
        let refused = service.post("modify", ALL, wish("store/order/*", "https://10.0.0.1/")).await;
        shows(&refused, "private");
        hooked(&service, "modify", wish("store/order/*", "https://93.184.216.34/hook")).await;
        hooked(&service, "modify", wish("store/order/*", "https://[2606:4700::1111]/hook")).await;
    }

    /// Ruling 30.
    async fn the_operator_may_allow_more_destinations(service: Service) {
        let webhook_allow = vec!["127.0.0.0/8".parse().unwrap(), "10.1.0.0/16".parse().unwrap()];
        let open = service.with(Settings { webhook_allow, ..Settings::default() }).await;
        let local = ["http://localhost:3000/in", "http://127.0.0.1/", "https://10.1.2.3:9443/"];
        for url in local {
            assert_eq!(service.post("modify", ALL, wish("store/customer/*", url)).await.status, 422, "{url}");
            hooked(&open, "modify", wish("store/customer/*", url)).await;
        }
        for url in ["http://10.2.0.1/", "http://hooks.example.com/", "https://hooks.example.com:8443/", "http://[::1]/"] {
            assert_eq!(open.post("modify", ALL, wish("store/customer/*", url)).await.status, 422, "{url}");
        }
        // The other process gives events the same numbers in the same second.
        service.set_seconds(60);
        // What was allowed once is still there, and only a destination that is named is judged.
        let renamed = service.put("modify", "/v3/hooks/1", json!({"scope": "store/order/*"})).await;
        assert_eq!((renamed.status, &renamed.json()["data"]["destination"]), (200, &json!(local[0])), "{renamed}");
    }

    async fn webhooks_go_with_their_store_also_one_that_is_made_meanwhile(service: Service) {
        three(&service).await;
        service.put("modify", ADMIN, json!({"emails": ["ada@example.com"]})).await;
        let making = (0..4).map(|_| {
            let service = service.clone();
            async move {
                let made = service.post("modify", ALL, wish("store/customer/*", URL)).await;
                assert!(made.status < 500, "{made}");
            }
        });
        let app = service.app().clone();
        let (_, deleted) = tokio::join!(at_once(making), async move {
            resources::stores::ops::delete(&app.db, &*app.clock, "acme").await
        });
        deleted.expect("the store is deleted");
        for table in ["hook", "hook_notification"] {
            assert_eq!(service.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
        }
    }

    /// The headers' values may be secrets, and addresses are persons'.
    async fn the_audit_names_fields_and_never_what_is_in_them(service: Service) {
        three(&service).await;
        service.put("modify", "/v3/hooks/1", json!({"headers": {"X-Shared-Key": "hush hush"}})).await;
        service.put("modify", ADMIN, json!({"emails": ["ada@example.com"]})).await;
        let audit = service.audit().await.join("\n");
        for secret in ["hush", "Shared", "example", "ada"] {
            assert!(!audit.contains(secret), "{audit}");
        }
    }

    async fn a_webhook_of_an_account_whose_token_was_taken_back_stays(service: Service) {
        let client = service.hire("app", "acme", &[]).await;
        hooked(&service, "app", wish("store/customer/*", URL)).await;
        access::accounts::revoke(&service.app().db, &*service.app().clock, &client).await.expect("revoked");
        service.app().tokens.refresh().await.expect("the accounts are read");
        assert_eq!(service.get("app", ALL).await.status, 401);
        assert_eq!(kept(&service, "is_active").await.len(), 1);
        assert_eq!(service.get("modify", ALL).await.ids(), [0; 0]);
    }
}
