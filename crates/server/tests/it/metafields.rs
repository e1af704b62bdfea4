use serde_json::{Value, json};
use testkit::{Answer, Service, at_once, on_each_engine};

use crate::{robust::sound, shows};

const OF_ONE: &str = "/v3/customers/1/metafields";
const BATCH: &str = "/v3/customers/metafields";
const INVALID: &str = "JSON data is missing or invalid";
const NOT_THERE: &str = "The resource at that URL is not found.";

fn field(key: &str, permission_set: &str) -> Value {
    json!({"namespace": "Warehouse", "key": key, "value": "4HG", "permission_set": permission_set})
}

fn of(customer: i64, key: &str) -> Value {
    let mut row = field(key, "write");
    row["resource_id"] = json!(customer);
    row
}

/// A metafield of customer 1 that must be made; its id.
async fn made(service: &Service, token: &str, row: Value) -> i64 {
    let answer = service.post(token, OF_ONE, row).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.ids()[0]
}

/// `bob`, another app of acme, and customer 1.
async fn with_bob(service: &Service) {
    service.hire("bob", "acme", &["store_v2_customers"]).await;
    service.crowd(1).await;
}

/// A `DELETE` with a body.
async fn remove(service: &Service, token: &str, ids: Value) -> Answer {
    service.ask("DELETE", BATCH).token(token).json(ids).send().await
}

fn won(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// What metafields say of a body that is no JSON.
#[track_caller]
fn is_no_json(answer: &Answer) {
    let body = answer.json();
    let said = (answer.status, &body["title"], &body["detail"], body.get("errors"));
    assert_eq!(said, (400, &json!("Input is invalid"), &json!("Syntax error"), None), "{answer}");
}

on_each_engine! {
    async fn a_metafield_is_made_read_changed_and_deleted(service: Service) {
        service.crowd(1).await;
        let mut row = field("Location", "app_only");
        row["description"] = json!("Location in the warehouse");
        row["owner_client_id"] = json!("somebody else");
        row["id"] = json!(99);
        let answer = service.post("modify", OF_ONE, row).await;
        shows(&answer, "one");
        assert_eq!(answer.ids(), [1]);
        service.set_seconds(60);
        let read = service.get("modify", &format!("{OF_ONE}/1")).await;
        shows(&read, "one");
        assert_eq!(read.json()["data"], answer.json()["data"][0]);
        let changed = service.put("modify", &format!("{OF_ONE}/1"), json!({"value": "5HG", "description": ""})).await;
        shows(&changed, "one");
        assert_eq!(changed.json()["data"][0]["date_modified"], "2024-06-01T12:01:00+00:00");
        let gone = service.delete("modify", &format!("{OF_ONE}/1")).await;
        shows(&gone, "deleted");
        let lost = service.get("modify", &format!("{OF_ONE}/1")).await;
        shows(&lost, "unknown");
        lost.refused(404, NOT_THERE, &json!({}));
        let lines = service.audit().await;
        assert_eq!(lines[1..], ["metafield.created 1 []", "metafield.updated 1 [value description]", "metafield.deleted 1 []"]);
    }

    /// webhooks.md.
    async fn every_change_of_a_metafield_makes_the_event_that_tells_of_its_name(service: Service) {
        service.crowd(1).await;
        made(&service, "modify", field("a \"b\"", "read")).await;
        service.put("modify", &format!("{OF_ONE}/1"), json!({"key": "c"})).await;
        service.put("modify", &format!("{OF_ONE}/1"), json!({"key": "c"})).await;
        service.delete("modify", &format!("{OF_ONE}/1")).await;
        let event = |what: &str, key: &str| {
            format!(
                r#"store/metafield/{what} {{"type":"metafield","id":1,"metafield":{{"resource_type":"customer","resource_id":"1","namespace":"Warehouse","key":{key}}}}}"#
            )
        };
        assert_eq!(
            service.events().await[1..],
            [event("created", r#""a \"b\"""#), event("updated", r#""c""#), event("deleted", r#""c""#)]
        );
    }

    async fn a_metafield_that_is_changed_to_what_it_is_stays_as_it_is(service: Service) {
        service.crowd(1).await;
        made(&service, "modify", field("k", "read")).await;
        service.set_seconds(60);
        let before = service.dump().await;
        for sent in [json!({}), field("k", "read"), json!({"id": 1, "date_modified": "x", "resource_id": 9})] {
            let answer = service.put("modify", &format!("{OF_ONE}/1?metafieldId=1"), sent).await;
            assert_eq!((answer.status, &answer.json()["data"][0]["date_modified"]), (200, &json!("2024-06-01T12:00:00+00:00")), "{answer}");
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_private_metafield_is_its_owners_alone(service: Service) {
        with_bob(&service).await;
        made(&service, "modify", field("k", "app_only")).await;
        let before = service.dump().await;
        let one = format!("{OF_ONE}/1");
        service.get("bob", &one).await.refused(404, NOT_THERE, &json!({}));
        service.put("bob", &one, json!({"value": "x"})).await.refused(404, NOT_THERE, &json!({}));
        service.delete("bob", &one).await.refused(404, NOT_THERE, &json!({}));
        for path in [OF_ONE, BATCH] {
            let listed = service.get("bob", path).await;
            assert_eq!((listed.ids(), &listed.json()["meta"]["pagination"]["total"]), (vec![], &json!(0)), "{listed}");
            assert_eq!(service.get("modify", path).await.ids(), [1]);
        }
        let errors = |answer: &Answer| answer.json()["errors"][0]["errors"].clone();
        let changed = service.put("bob", BATCH, json!([{"id": 1, "value": "x"}])).await;
        assert_eq!(errors(&changed), json!({"0": "Metafield does not exist"}));
        let deleted = remove(&service, "bob", json!([1])).await;
        assert_eq!(errors(&deleted), json!({"0": "Metafield does not exist"}));
        assert_eq!(service.dump().await, before);
    }

    async fn who_may_only_see_a_metafield_can_neither_change_nor_delete_it(service: Service) {
        with_bob(&service).await;
        made(&service, "modify", field("a", "read")).await;
        made(&service, "modify", field("b", "read_and_sf_access")).await;
        let before = service.dump().await;
        for id in [1, 2] {
            let one = format!("{OF_ONE}/{id}");
            assert_eq!(service.get("bob", &one).await.status, 200);
            let changed = service.put("bob", &one, json!({"value": "x"})).await;
            let deleted = service.delete("bob", &one).await;
            if id == 1 {
                shows(&changed, "of another");
                shows(&deleted, "of another");
            }
            changed.refused(403, "Unauthorized to update", &json!({}));
            deleted.refused(403, "Unauthorized to delete", &json!({}));
        }
        let changed = service.put("bob", BATCH, json!([{"id": 1, "value": "x"}])).await;
        assert_eq!(changed.json()["errors"][0]["errors"], json!({"0": "Unauthorized to update"}));
        assert_eq!(service.dump().await, before);
    }

    async fn what_is_open_to_others_they_change_and_delete_but_say_not_whom_it_is_open_to(service: Service) {
        with_bob(&service).await;
        made(&service, "modify", field("a", "write")).await;
        made(&service, "modify", field("b", "write_and_sf_access")).await;
        for (id, own) in [(1, "write"), (2, "write_and_sf_access")] {
            let one = format!("{OF_ONE}/{id}");
            let closed = service.put("bob", &one, json!({"value": "x", "permission_set": "app_only"})).await;
            closed.refused(403, "Unauthorized to update", &json!({}));
            let changed = service.put("bob", &one, json!({"value": "x", "permission_set": own})).await;
            assert_eq!(changed.json()["data"][0]["value"], "x", "{changed}");
            let owner = service.get("modify", &one).await.json()["data"]["owner_client_id"].clone();
            assert_eq!(changed.json()["data"][0]["owner_client_id"], owner, "it stays its maker's");
        }
        assert_eq!(service.delete("bob", &format!("{OF_ONE}/1")).await.status, 204);
        assert_eq!(remove(&service, "bob", json!([2])).await.status, 200);
        // Its owner may close it.
        made(&service, "modify", field("c", "write")).await;
        assert_eq!(service.put("modify", &format!("{OF_ONE}/3"), json!({"permission_set": "app_only"})).await.status, 200);
        assert_eq!(service.get("bob", &format!("{OF_ONE}/3")).await.status, 404);
    }

    async fn of_one_account_namespace_and_key_a_customer_has_one_metafield(service: Service) {
        with_bob(&service).await;
        made(&service, "modify", field("k", "read")).await;
        made(&service, "modify", field("l", "read")).await;
        let before = service.dump().await;
        let again = service.post("modify", OF_ONE, field("k", "write")).await;
        shows(&again, "name in use");
        again.refused(409, "The metafield conflicts with another of this namespace and key", &json!({}));
        let renamed = service.put("modify", &format!("{OF_ONE}/2"), json!({"key": "k"})).await;
        assert_eq!(renamed.status, 409, "{renamed}");
        let without_numbers = |dump: String| dump.lines().filter(|line| !line.starts_with("counter")).collect::<Vec<_>>().join("\n");
        assert_eq!(without_numbers(service.dump().await), without_numbers(before));
        // Another account, another key, another case: another metafield.
        made(&service, "bob", field("k", "read")).await;
        made(&service, "modify", field("K", "read")).await;
        let mut elsewhere = field("k", "read");
        elsewhere["namespace"] = json!("Shop");
        made(&service, "modify", elsewhere).await;
    }

    async fn a_customer_has_at_most_fifty_metafields_of_all_accounts_together(service: Service) {
        with_bob(&service).await;
        let rows: Vec<Value> = (0..49).map(|n| of(1, &format!("k{n}"))).collect();
        assert_eq!(service.post("modify", BATCH, json!(rows)).await.status, 200);
        made(&service, "bob", field("private", "app_only")).await;
        let full = service.post("modify", OF_ONE, field("more", "read")).await;
        shows(&full, "fifty already");
        full.refused(422, "Create metafield failed.", &json!({"resource_id": "A customer cannot have more than 50 metafields"}));
        let batch = service.post("modify", BATCH, json!([of(1, "more"), of(2, "k")])).await;
        assert_eq!(batch.json()["errors"][0]["errors"], json!({"0": "A customer cannot have more than 50 metafields", "1": "Customer does not exist"}));
        service.delete("modify", &format!("{OF_ONE}/1")).await;
        made(&service, "modify", field("more", "read")).await;
    }

    async fn every_fault_of_a_metafield_is_told_and_nothing_is_kept(service: Service) {
        service.crowd(1).await;
        let missing = service.post("modify", OF_ONE, json!({})).await;
        shows(&missing, "nothing said");
        let needed = "error.path.missing";
        missing.refused(422, INVALID, &json!({"key": needed, "namespace": needed, "permission_set": needed, "value": needed}));
        let before = service.dump().await;
        let wrong = service.post("modify", OF_ONE, json!({"namespace": 1, "key": null, "value": {}, "permission_set": "all", "description": []})).await;
        let text = "error.expected.jsstring";
        wrong.refused(422, INVALID, &json!({"key": text, "namespace": text, "value": text, "description": text, "permission_set": "error.expected.validenumvalue"}));
        let long = service.post("modify", OF_ONE, json!({"namespace": "", "key": "k".repeat(65), "value": "", "permission_set": "read", "description": "d".repeat(256)})).await;
        shows(&long, "lengths");
        assert_eq!((long.status, long.json()["errors"].as_object().unwrap().len()), (422, 4), "{long}");
        assert_eq!(service.post("modify", OF_ONE, json!([])).await.status, 422);
        let value = "v".repeat(65_536);
        assert_eq!(service.post("modify", OF_ONE, json!({"namespace": "n", "key": "k", "value": value, "permission_set": "read"})).await.status, 422);
        assert_eq!(service.dump().await, before);
        made(&service, "modify", json!({"namespace": "n".repeat(64), "key": "k".repeat(64), "value": value[1..], "permission_set": "read", "description": null})).await;
        let before = service.dump().await;
        let put = service.put("modify", &format!("{OF_ONE}/1"), json!({"key": ""})).await;
        put.refused(422, "Update metafield failed.", &json!({"key": "must be 1 to 64 characters long"}));
        assert_eq!(service.dump().await, before);
    }

    /// Ruling 1.
    async fn a_metafield_that_is_no_json_is_a_syntax_error(service: Service) {
        service.crowd(1).await;
        for (method, path) in [("POST", OF_ONE), ("POST", BATCH), ("PUT", BATCH), ("DELETE", BATCH), ("PUT", "/v3/customers/1/metafields/1")] {
            let answer = service.ask(method, path).token("modify").text("{").send().await;
            shows(&answer, "not json");
            is_no_json(&answer);
        }
        let empty = service.ask("DELETE", BATCH).token("modify").send().await;
        is_no_json(&empty);
    }

    async fn an_unknown_customer_has_no_metafields_and_gets_none(service: Service) {
        service.crowd(2).await;
        made(&service, "modify", field("k", "read")).await;
        let before = service.dump().await;
        let listed = service.get("read", "/v3/customers/9/metafields").await;
        shows(&listed, "unknown customer");
        listed.refused(404, NOT_THERE, &json!({}));
        let posted = service.post("modify", "/v3/customers/9/metafields", field("k", "read")).await;
        assert_eq!(posted.status, 404, "{posted}");
        for (customer, id, status) in [("2", "1", 404), ("9", "1", 404), ("1", "x", 400), ("y", "1", 400), ("1", "2147483648", 404), ("1", "0", 404)] {
            let one = format!("/v3/customers/{customer}/metafields/{id}");
            assert_eq!(service.get("read", &one).await.status, status, "{one}");
            assert_eq!(service.put("modify", &one, json!({"value": "x"})).await.status, status, "{one}");
            assert_eq!(service.delete("modify", &one).await.status, status, "{one}");
        }
        let kept = service.dump().await;
        let rows = |dump: &str| dump.lines().filter(|line| !line.starts_with("counter")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rows(&kept), rows(&before));
    }

    async fn the_list_has_links_and_cursors_and_walks_to_the_end_and_back(service: Service) {
        service.crowd(2).await;
        let empty = service.get("read", OF_ONE).await;
        shows(&empty, "empty");
        shows(&service.get("read", BATCH).await, "empty");
        let rows: Vec<Value> = (1..=5).map(|n| of(if n == 3 { 2 } else { 1 }, &format!("k{n}"))).collect();
        assert_eq!(service.post("modify", BATCH, json!(rows)).await.ids(), [1, 2, 3, 4, 5]);
        let first = service.get("read", &format!("{OF_ONE}?limit=2")).await;
        shows(&first, "first page");
        assert_eq!(first.ids(), [1, 2]);
        let second = service.get("read", &format!("{OF_ONE}?limit=2&page=2")).await;
        assert_eq!((second.ids(), second.json()["meta"].get("cursor_pagination")), (vec![4, 5], None));
        for (path, direction, expected) in [(OF_ONE, "asc", vec![1, 2, 4, 5]), (OF_ONE, "desc", vec![5, 4, 2, 1]), (BATCH, "asc", vec![1, 2, 3, 4, 5]), (BATCH, "desc", vec![5, 4, 3, 2, 1])] {
            let mut query = format!("?direction={direction}&limit=2");
            let mut met = Vec::new();
            loop {
                let answer = service.get("read", &format!("{path}{query}")).await;
                met.extend(answer.ids());
                match answer.json()["meta"]["cursor_pagination"]["links"]["next"].as_str() {
                    Some(next) => next.clone_into(&mut query),
                    None => break,
                }
            }
            assert_eq!(met, expected, "{path} {direction}");
            let back = service.get("read", &format!("{path}?direction={direction}&limit=2&before=eyJpZCI6NH0")).await;
            let at = expected.iter().position(|id| *id == 4).unwrap();
            assert_eq!(back.ids(), expected[at.saturating_sub(2)..at], "{back}");
            assert!(back.json()["meta"].get("pagination").is_none());
        }
        for query in ["direction=up", "after=x", "before=eyJpZCI6NH0&after=eyJpZCI6NH0", "sort=id", "resource_id:in=1"] {
            assert_eq!(service.get("read", &format!("{BATCH}?{query}")).await.status, 422, "{query}");
        }
    }

    async fn every_filter_of_metafields_narrows(service: Service) {
        service.crowd(2).await;
        let row = |customer: i64, namespace: &str, key: &str| {
            json!({"resource_id": customer, "namespace": namespace, "key": key, "value": "v", "permission_set": "read"})
        };
        service.post("modify", BATCH, json!([row(1, "n", "a"), row(1, "n", "b"), row(2, "n", "a")])).await;
        service.set_seconds(10);
        service.post("modify", BATCH, json!([row(1, "m", "a"), row(1, "m", "c")])).await;
        service.set_seconds(20);
        service.put("modify", BATCH, json!([{"id": 2, "value": "w"}])).await;
        for (query, of_one, of_all) in [
            ("key=a", vec![1, 4], vec![1, 3, 4]),
            ("key=A", vec![], vec![]),
            ("key:in=b,c", vec![2, 5], vec![2, 5]),
            ("key=a&key:in=a,b", vec![1, 4], vec![1, 3, 4]),
            ("namespace=n", vec![1, 2], vec![1, 2, 3]),
            ("namespace:in=m,x&key=a", vec![4], vec![4]),
            ("namespace=n&namespace:in=m", vec![], vec![]),
            ("date_created:min=2024-06-01T12:00:01Z", vec![4, 5], vec![4, 5]),
            ("date_created:max=2024-06-01T12:00:00", vec![1, 2], vec![1, 2, 3]),
            ("date_modified:min=2024-06-01T12:00:20Z", vec![2], vec![2]),
            ("date_modified:max=2024-06-01T12:00:10Z&direction=desc", vec![5, 4, 1], vec![5, 4, 3, 1]),
        ] {
            for (path, expected) in [(OF_ONE, of_one), (BATCH, of_all)] {
                let answer = service.get("read", &format!("{path}?{query}")).await;
                assert_eq!((answer.status, answer.ids()), (200, expected.clone()), "{path}?{query}");
                assert_eq!(answer.json()["meta"]["pagination"]["total"], expected.len());
            }
        }
        assert_eq!(service.get("read", &format!("{OF_ONE}?date_created=2024-06-01")).await.status, 422, "not published");
    }

    async fn only_the_id_and_the_named_fields_are_shown(service: Service) {
        service.crowd(1).await;
        made(&service, "modify", field("k", "read")).await;
        let answer = service.get("read", &format!("{OF_ONE}?include_fields=key,owner_client_id,key")).await;
        shows(&answer, "two fields");
        let shown: Vec<String> = answer.json()["data"][0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(shown, ["id", "key", "owner_client_id"]);
        let all = service.get("read", &format!("{BATCH}?include_fields=resource_id,key,value,namespace,permission_set,resource_type,description,owner_client_id,date_created,date_modified")).await;
        assert_eq!(all.json()["data"], service.get("read", BATCH).await.json()["data"]);
        let unknown = service.get("read", &format!("{BATCH}?include_fields=key,colour")).await;
        shows(&unknown, "unknown field");
        assert_eq!(unknown.status, 422);
    }

    async fn of_a_batch_each_row_stands_or_falls_alone(service: Service) {
        service.crowd(2).await;
        let whole = service.post("modify", BATCH, json!([of(1, "a"), of(2, "a")])).await;
        shows(&whole, "all made");
        assert_eq!((whole.status, whole.json()["errors"].clone()), (200, json!([])));
        let rows = json!([of(1, "a"), of(9, "a"), of(1, "b"), {"resource_id": 1, "key": 5}, 42, of(2, &"k".repeat(65)), of(2, "b"), of(2, "b")]);
        let part = service.post("modify", BATCH, rows).await;
        shows(&part, "some made");
        assert_eq!((part.status, part.ids().len(), &part.json()["meta"]), (422, 2, &json!({"total": 8, "success": 2, "failed": 6})));
        let failed: Vec<String> = part.json()["errors"][0]["errors"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(failed, ["0", "1", "3", "4", "5", "7"]);
        assert_eq!(service.get("read", BATCH).await.ids().len(), 4);
        let events = service.events().await;
        assert_eq!(events.iter().filter(|line| line.starts_with("store/metafield/created")).count(), 4);
        sound(&service).await;
    }

    async fn of_a_batch_of_changes_each_row_stands_or_falls_alone(service: Service) {
        service.crowd(1).await;
        service.post("modify", BATCH, json!([of(1, "a"), of(1, "b"), of(1, "c")])).await;
        let whole = service.put("modify", BATCH, json!([{"id": 2, "value": "x"}, {"id": 1, "description": "d"}])).await;
        shows(&whole, "all changed");
        assert_eq!((whole.status, whole.ids()), (200, vec![2, 1]));
        // In their order: once `a` is called `d`, `b` may take its name.
        let rows = json!([{"id": 3, "key": "a"}, {"id": 1, "key": "d"}, {"id": 2, "key": "a"}, {"value": "x"}, {"id": 99, "value": "x"}, {"id": 3, "value": ""}]);
        let part = service.put("modify", BATCH, rows).await;
        shows(&part, "some changed");
        assert_eq!((part.status, part.ids()), (422, vec![1, 2]));
        let names = service.texts("SELECT key FROM metafield ORDER BY metafield_id").await;
        assert_eq!(names, ["d", "a", "c"]);
    }

    /// Ruling 36.
    async fn a_batch_of_metafields_is_deleted_by_a_body_of_ids(service: Service) {
        with_bob(&service).await;
        service.post("modify", BATCH, json!([of(1, "a"), of(1, "b"), of(1, "c")])).await;
        made(&service, "bob", field("d", "read")).await;
        let whole = remove(&service, "modify", json!([3, 1, 3])).await;
        shows(&whole, "all deleted");
        assert_eq!(whole.json(), json!({"data": [3, 1], "errors": [], "meta": {"total": 2, "success": 2, "failed": 0}}));
        let part = remove(&service, "modify", json!([2, 4, 99, "x", 1])).await;
        shows(&part, "some deleted");
        assert_eq!((part.status, &part.json()["data"]), (422, &json!([2])));
        assert_eq!(
            part.json()["errors"][0]["errors"],
            json!({"1": "Unauthorized to delete", "2": "Metafield does not exist", "3": "id: error.expected.jsnumber", "4": "Metafield does not exist"})
        );
        assert_eq!(service.get("bob", BATCH).await.ids(), [4]);
        remove(&service, "bob", json!([])).await.is_just(r#"{"data":[],"errors":[],"meta":{"total":0,"success":0,"failed":0}}"#);
        for (method, body) in [("POST", json!({"id": 4})), ("PUT", json!("x")), ("DELETE", json!({"id": 4}))] {
            let refused = service.ask(method, BATCH).token("bob").json(body).send().await;
            assert_eq!((refused.status, &refused.json()["title"]), (400, &json!("Input is invalid")), "{method}");
        }
        remove(&service, "bob", Value::from(vec![4; 251])).await.refused(422, "Max batch size allowed is 250", &json!({}));
        assert_eq!(service.get("bob", BATCH).await.ids(), [4]);
    }

    async fn a_customer_that_is_deleted_takes_its_metafields_with_it_and_only_its_own_event_tells(service: Service) {
        service.crowd(3).await;
        service.post("modify", BATCH, json!([of(1, "a"), of(2, "a"), of(3, "a")])).await;
        service.delete("modify", "/v3/customers?id:in=1").await;
        service.delete("modify", "/v2/customers/2").await;
        assert_eq!(service.get("read", BATCH).await.ids(), [3]);
        service.delete("modify", "/v2/customers").await;
        assert_eq!(service.number("SELECT COUNT(*) FROM metafield").await, 0);
        let told = service.events().await.iter().filter(|line| line.starts_with("store/metafield/deleted")).count();
        assert_eq!(told, 0);
        sound(&service).await;
    }

    async fn of_two_requests_for_one_metafield_exactly_one_wins(service: Service) {
        with_bob(&service).await;
        for round in 0..10 {
            let key = format!("k{round}");
            let renamed = made(&service, "modify", field(&format!("old{round}"), "write")).await;
            let requests = (0..4).map(|n| {
                let (service, key) = (service.clone(), key.clone());
                async move {
                    match n {
                        0 => service.post("modify", BATCH, json!([of(1, &key)])).await,
                        1 => service.put("modify", &format!("{OF_ONE}/{renamed}"), json!({"key": key})).await,
                        2 => service.put("bob", BATCH, json!([{"id": renamed, "key": key}])).await,
                        _ => service.post("modify", OF_ONE, field(&key, "read")).await,
                    }
                }
            });
            let answers = at_once(requests).await;
            for answer in &answers {
                assert!(matches!(answer.status, 200 | 409 | 422), "{answer}");
            }
            // The two PUTs say the same of one metafield: both win, or neither.
            let (posts, puts) = (won(&[answers[0].clone(), answers[3].clone()]), won(&answers[1..3]));
            assert!(matches!((posts, puts), (1, 0) | (0, 2)), "round {round}: {posts} {puts}");
            let all: Vec<Value> = service.get("modify", OF_ONE).await.ids().into_iter().map(Value::from).collect();
            remove(&service, "modify", json!(all)).await;
        }
        sound(&service).await;
    }

    async fn of_two_requests_for_a_customers_fiftieth_metafield_exactly_one_wins(service: Service) {
        with_bob(&service).await;
        let rows: Vec<Value> = (0..49).map(|n| of(1, &format!("k{n}"))).collect();
        assert_eq!(service.post("modify", BATCH, json!(rows)).await.status, 200);
        for round in 0..8 {
            let requests = (0..4).map(|n| {
                let service = service.clone();
                let key = format!("r{round}n{n}");
                async move {
                    match n {
                        0 => service.post("bob", OF_ONE, field(&key, "write")).await,
                        1 => service.post("modify", BATCH, json!([of(1, &key)])).await,
                        _ => service.post("modify", OF_ONE, field(&key, "write")).await,
                    }
                }
            });
            let answers = at_once(requests).await;
            assert_eq!(won(&answers), 1, "round {round}");
            assert_eq!(service.number("SELECT COUNT(*) FROM metafield").await, 50);
            let winner = answers.iter().find(|answer| answer.status == 200).unwrap().ids()[0];
            assert_eq!(remove(&service, "modify", json!([winner])).await.status, 200);
        }
        sound(&service).await;
    }

    async fn no_metafield_outlives_a_customer_that_is_deleted_meanwhile(service: Service) {
        service.crowd(1).await;
        for round in 0..10_i64 {
            let id = service.made(json!([{"email": format!("{round}@b.c"), "first_name": "A", "last_name": "B"}])).await[0];
            let first = service.post("modify", BATCH, json!([of(id, "k"), of(1, &format!("k{round}"))])).await.ids()[0];
            let requests = (0..5).map(|n| {
                let service = service.clone();
                async move {
                    match n {
                        0 => service.delete("modify", &format!("/v3/customers?id:in={id}")).await,
                        1 => remove(&service, "modify", json!([first])).await,
                        2 => service.put("modify", BATCH, json!([{"id": first, "value": "w"}])).await,
                        _ => service.post("modify", BATCH, json!([of(1, &format!("x{n}")), of(id, &format!("k{n}"))])).await,
                    }
                }
            });
            for answer in at_once(requests).await {
                assert!(matches!(answer.status, 200 | 204 | 422), "{answer}");
            }
            sound(&service).await;
        }
    }

    async fn metafields_of_one_store_are_none_of_anothers(service: Service) {
        service.crowd(2).await;
        service.post("modify", BATCH, json!([of(1, "a"), of(2, "a")])).await;
        let zenith = "/stores/zenith/v3/customers";
        let rows = json!([{"email": "z@b.c", "first_name": "Z", "last_name": "Z"}]);
        assert_eq!(service.post("other", zenith, rows).await.ids(), [1]);
        let kept = "SELECT key || ' ' || value AS line FROM metafield WHERE store_id = (SELECT store_id FROM store WHERE hash = 'acme') ORDER BY metafield_id";
        let before = service.texts(kept).await;
        let batch = format!("{zenith}/metafields");
        assert_eq!(service.get("other", &batch).await.json()["meta"]["pagination"]["total"], 0);
        assert_eq!(service.get("other", &format!("{zenith}/1/metafields")).await.ids(), Vec::<i64>::new());
        assert_eq!(service.get("other", &format!("{zenith}/1/metafields/1")).await.status, 404);
        assert_eq!(service.put("other", &format!("{zenith}/1/metafields/1"), json!({"value": "x"})).await.status, 404);
        assert_eq!(service.delete("other", &format!("{zenith}/1/metafields/1")).await.status, 404);
        assert_eq!(service.put("other", &batch, json!([{"id": 1, "value": "x"}])).await.status, 422);
        assert_eq!(service.ask("DELETE", &batch).token("other").json(json!([1, 2])).send().await.status, 422);
        assert_eq!(service.post("other", &batch, json!([of(2, "a")])).await.status, 422, "customer 2 is acme's");
        assert_eq!(service.post("other", &batch, json!([of(1, "a")])).await.ids(), [2]);
        service.delete("other", &format!("{zenith}?id:in=1,2")).await;
        assert_eq!(service.texts(kept).await, before);
    }
}
