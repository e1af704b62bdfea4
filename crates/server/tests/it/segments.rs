//! `/v3/segments`, `/v3/shopper-profiles`, and who is in what.

use std::{sync::Arc, time::Duration};

use kernel::StoreId;
use resources::counters::rows::{Counter, hold};
use serde_json::{Value, json};
use sql::WriteTx;
use testkit::{Answer, Service, on_each_engine};
use tokio::sync::Notify;

use crate::{races::race, shows};

const SEGMENTS: &str = "/v3/segments";
const PROFILES: &str = "/v3/shopper-profiles";
const INVALID: &str = "JSON data is missing or invalid";
const NOT_FOUND: &str = "The resource at that URL is not found.";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The ids of what an answer shows.
fn uuids(answer: &Answer) -> Vec<String> {
    let rows = answer.json()["data"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Make rows that must be made; their ids.
async fn made(service: &Service, path: &str, rows: Value) -> Vec<String> {
    let answer = service.post("modify", path, rows).await;
    assert_eq!(answer.status, 201, "{answer}");
    uuids(&answer)
}

/// Segments of these names; their ids.
async fn segments(service: &Service, names: &[&str]) -> Vec<String> {
    let rows: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    made(service, SEGMENTS, json!(rows)).await
}

/// So many customers, each with a profile; the profiles' ids.
async fn profiles(service: &Service, count: i64) -> Vec<String> {
    service.crowd(count).await;
    let all: Vec<Value> = (1..=count).map(|id| json!({"customer_id": id})).collect();
    let mut ids = Vec::new();
    for rows in all.chunks(50) {
        ids.extend(made(service, PROFILES, json!(rows)).await);
    }
    ids
}

fn members(segment: &str) -> String {
    format!("{SEGMENTS}/{segment}/shopper-profiles")
}

async fn join(service: &Service, segment: &str, profiles: &[String]) {
    let answer = service.post("modify", &members(segment), json!(profiles)).await;
    assert_eq!(answer.status, 201, "{answer}");
}

/// The published envelope of a conflict.
#[track_caller]
fn conflicts(answer: &Answer, title: &str, errors: &Value, rows: usize) {
    let expected = json!({
        "data": [],
        "errors": [{
            "status": 409,
            "title": title,
            "type": "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes",
            "errors": errors,
        }],
        "meta": {"total": rows, "success": 0, "failed": rows},
    });
    assert_eq!((answer.status, answer.json()), (409, expected), "{answer}");
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// What must hold however the rows came to be.
async fn sound(service: &Service) {
    let acme = "store_id = (SELECT store_id FROM store WHERE hash = 'acme')";
    for (table, counter) in [("segment", "segment"), ("shopper_profile", "profile")] {
        let there = format!("SELECT COUNT(*) FROM {table} WHERE {acme}");
        let live = format!("SELECT live FROM counter WHERE {acme} AND name = '{counter}'");
        assert_eq!(service.number(&live).await, service.number(&there).await, "count of {table}");
    }
    for (what, faults) in [
        (
            "a segment's count of members",
            "SELECT COUNT(*) FROM segment s WHERE members <> (SELECT COUNT(*) FROM membership m
                 WHERE m.store_id = s.store_id AND m.segment_number = s.segment_number)",
        ),
        (
            "a membership's segment",
            "SELECT COUNT(*) FROM membership m LEFT JOIN segment s ON s.store_id = m.store_id
                 AND s.segment_number = m.segment_number WHERE s.store_id IS NULL",
        ),
        (
            "a membership's profile",
            "SELECT COUNT(*) FROM membership m LEFT JOIN shopper_profile p ON p.store_id = m.store_id
                 AND p.profile_number = m.profile_number WHERE p.store_id IS NULL",
        ),
        (
            "a profile's customer",
            "SELECT COUNT(*) FROM shopper_profile p LEFT JOIN customer c ON c.store_id = p.store_id
                 AND c.customer_id = p.customer_id WHERE c.store_id IS NULL",
        ),
        (
            "one profile a customer",
            "SELECT COUNT(*) FROM (SELECT customer_id FROM shopper_profile
                 GROUP BY store_id, customer_id HAVING COUNT(*) > 1) AS twice",
        ),
        (
            "one segment a name",
            "SELECT COUNT(*) FROM (SELECT name FROM segment GROUP BY store_id, name HAVING COUNT(*) > 1) AS twice",
        ),
    ] {
        assert_eq!(service.number(faults).await, 0, "{what}");
    }
}

/// So many segments of acme, without a request for each.
async fn fill(service: &Service, count: i64) {
    let store = service.number("SELECT store_id FROM store WHERE hash = 'acme'").await;
    for some in (1..=count).collect::<Vec<_>>().chunks(500) {
        let rows: Vec<String> = some
            .iter()
            .map(|n| {
                format!("({store}, {n}, '00000000-0000-4000-9000-{n:012}', 'S{n}', '', 0, 0, 0)")
            })
            .collect();
        let columns = "store_id, segment_number, segment_id, name, description, members, created_at, updated_at";
        service
            .meddle(&format!("INSERT INTO segment ({columns}) VALUES {}", rows.join(", ")))
            .await;
    }
    let counted = format!(
        "UPDATE counter SET last = {count}, live = {count} WHERE store_id = {store} AND name = 'segment'"
    );
    service.meddle(&counted).await;
}

on_each_engine! {
    async fn segments_are_made_with_random_ids_and_answered_with_201(service: Service) {
        let answer = service
            .post("modify", SEGMENTS, json!([{"name": "My Segment", "description": "Description", "id": NOBODY, "x": 1}, {"name": "Other"}]))
            .await;
        shows(&answer, "two");
        let ids = uuids(&answer);
        let expected = format!(
            r#"{{"data":[{{"id":"{}","name":"My Segment","description":"Description","created_at":"2024-06-01T12:00:00Z","updated_at":"2024-06-01T12:00:00Z"}},{{"id":"{}","name":"Other","description":"","created_at":"2024-06-01T12:00:00Z","updated_at":"2024-06-01T12:00:00Z"}}],"meta":{{}}}}"#,
            ids[0], ids[1]
        );
        assert_eq!((answer.status, answer.text()), (201, expected));
        assert!(ids.iter().all(|id| id.len() == 36 && &id[14..15] == "4" && id != NOBODY), "{ids:?}");
        assert_ne!(ids[0], ids[1]);
        assert_eq!(service.audit().await, ["segment.created 1 []", "segment.created 2 []"]);
        assert_eq!(service.events().await, [""; 0]);
        assert_eq!(service.post("modify", SEGMENTS, json!([])).await.text(), r#"{"data":[],"meta":{}}"#);
        sound(&service).await;
    }

    async fn segments_are_listed_in_the_order_of_making_also_by_id(service: Service) {
        let empty = service.get("read", SEGMENTS).await;
        shows(&empty, "empty");
        let ids = segments(&service, &["b", "a", "c"]).await;
        let page = service.get("read", &format!("{SEGMENTS}?limit=2&page=2")).await;
        shows(&page, "second page");
        assert_eq!(uuids(&page), ids[2..]);
        assert_eq!(uuids(&service.get("read", SEGMENTS).await), ids);
        let some = service.get("read", &format!("{SEGMENTS}?id:in={},{NOBODY},{}&limit=1", ids[2], ids[0].to_uppercase())).await;
        shows(&some, "by id");
        assert_eq!((uuids(&some), &some.json()["meta"]["pagination"]["total"]), (ids[..1].to_vec(), &json!(2)));
        let second = service.get("read", &format!("{SEGMENTS}?id:in={},{}&limit=1&page=2", ids[2], ids[0])).await;
        assert_eq!(uuids(&second), ids[2..]);
        assert_eq!(uuids(&service.get("read", &format!("{SEGMENTS}?page=9000000")).await), [""; 0]);
        let no_uuid = service.get("read", &format!("{SEGMENTS}?id:in=hello")).await;
        no_uuid.refused(422, r#"Query parameter "id:in" value may contain only UUID values. For input string: "hello"."#, &json!({}));
        shows(&no_uuid, "no uuid");
        for query in ["id:in=", "id=1", "name=a", "limit=x", "after=x"] {
            assert_eq!(service.get("read", &format!("{SEGMENTS}?{query}")).await.status, 422, "{query}");
        }
        let many = vec![NOBODY; 1001].join(",");
        assert_eq!(service.get("read", &format!("{SEGMENTS}?id:in={many}")).await.status, 413);
    }

    async fn two_segments_cannot_have_one_name(service: Service) {
        const TITLE: &str = "Cannot have multiple segments with the same name.";
        let ids = segments(&service, &["VIP", "Other"]).await;
        let before = service.dump().await;
        let answer = service.post("modify", SEGMENTS, json!([{"name": "New"}, {"name": "VIP"}])).await;
        conflicts(&answer, TITLE, &json!({}), 2);
        shows(&answer, "name in use");
        let twice = service.post("modify", SEGMENTS, json!([{"name": "New"}, {"name": "New"}])).await;
        conflicts(&twice, TITLE, &json!({}), 2);
        let put = service.put("modify", SEGMENTS, json!([{"id": ids[1], "name": "VIP"}])).await;
        conflicts(&put, TITLE, &json!({}), 1);
        shows(&put, "name in use");
        assert_eq!(service.dump().await, before);
        segments(&service, &["vip"]).await;
        let swapped = service.put("modify", SEGMENTS, json!([{"id": ids[1], "name": "VIP"}, {"id": ids[0], "name": "Other"}])).await;
        assert_eq!(swapped.status, 201, "{swapped}");
        sound(&service).await;
    }

    async fn a_segment_put_changes_what_it_names_and_answers_201(service: Service) {
        let ids = segments(&service, &["a", "b"]).await;
        service.set_seconds(60);
        let answer = service
            .put("modify", SEGMENTS, json!([{"id": ids[1], "description": "changed"}, {"id": ids[0].to_uppercase(), "name": "A", "x": 0}]))
            .await;
        shows(&answer, "two");
        assert_eq!((answer.status, uuids(&answer)), (201, vec![ids[1].clone(), ids[0].clone()]));
        let listed = service.get("read", SEGMENTS).await.json()["data"].clone();
        assert_eq!(listed[0]["name"], "A");
        assert_eq!((&listed[1]["name"], &listed[1]["description"]), (&json!("b"), &json!("changed")));
        assert_eq!(listed[1]["created_at"], "2024-06-01T12:00:00Z");
        assert_eq!(listed[1]["updated_at"], "2024-06-01T12:01:00Z");
        let mut audit = service.audit().await.split_off(2);
        audit.sort();
        assert_eq!(audit, ["segment.updated 1 [name]", "segment.updated 2 [description]"]);
        service.set_seconds(120);
        let before = service.dump().await;
        assert_eq!(service.put("modify", SEGMENTS, listed).await.status, 201);
        assert_eq!(service.put("modify", SEGMENTS, json!([])).await.text(), r#"{"data":[],"meta":{}}"#);
        assert_eq!(service.dump().await, before, "nothing new leaves no trace");
    }

    async fn faults_of_segments_are_400_and_nothing_is_kept(service: Service) {
        let ids = segments(&service, &["a", "b"]).await;
        let before = service.dump().await;
        let missing = service.post("modify", SEGMENTS, json!([{"name": "x"}, {"description": 1}])).await;
        missing.refused(400, INVALID, &json!({"1.name": "error.path.missing", "1.description": "error.expected.jsstring"}));
        shows(&missing, "name missing");
        let broken = service.post("modify", SEGMENTS, json!([{"name": "x"}, {"name": "", "description": "d".repeat(1001)}])).await;
        broken.refused(400, "Create segments failed.", &json!({"1.name": "must be 1 to 255 characters long", "1.description": "must be 0 to 1000 characters long"}));
        for (sent, errors) in [
            (json!({}), json!({"obj": "error.expected.jsarray"})),
            (json!({"name": "x"}), json!({"obj": "error.expected.jsarray"})),
            (json!("x"), json!({"obj": "error.expected.jsarray"})),
            (json!([1]), json!({"0": "error.expected.jsobject"})),
            (json!([{"name": null}]), json!({"0.name": "error.expected.jsstring"})),
            (json!([{"name": "a\u{0}"}]), json!({"0.name": "error.expected.text.without.nul"})),
        ] {
            service.post("modify", SEGMENTS, sent).await.refused(400, INVALID, &errors);
        }
        for (sent, errors) in [
            (json!([{"name": "x"}]), json!({"0.id": "error.path.missing"})),
            (json!([{"id": ids[0]}, {"id": 1, "name": 1}]), json!({"1.id": "error.expected.jsstring", "1.name": "error.expected.jsstring"})),
            (json!([{"id": "x"}]), json!({"0.id": "error.expected.uuid"})),
        ] {
            service.put("modify", SEGMENTS, sent).await.refused(400, INVALID, &errors);
        }
        let rule = service.put("modify", SEGMENTS, json!([{"id": ids[0], "name": ""}])).await;
        rule.refused(400, "Update segments failed.", &json!({"0.name": "must be 1 to 255 characters long"}));
        let unknown = service.put("modify", SEGMENTS, json!([{"id": ids[0], "name": "c"}, {"id": NOBODY}])).await;
        unknown.refused(400, "Update segments failed.", &json!({"1.id": "invalid segment ID"}));
        shows(&unknown, "unknown");
        let many: Vec<Value> = (0..251).map(|n| json!({"name": format!("{n}"), "id": NOBODY})).collect();
        for answer in [service.post("modify", SEGMENTS, json!(many)).await, service.put("modify", SEGMENTS, json!(many)).await] {
            answer.refused(422, "Max batch size allowed is 250", &json!({}));
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_store_has_a_thousand_segments_at_most(service: Service) {
        fill(&service, 998).await;
        let before = service.dump().await;
        let three = json!([{"name": "x"}, {"name": "y"}, {"name": "z"}]);
        let full = service.post("modify", SEGMENTS, three).await;
        full.refused(400, "Create segments failed.", &json!({"segments": "must be at most 1000 in all"}));
        shows(&full, "too many in all");
        assert_eq!(service.dump().await, before);
        let requests = (0..6).map(|n| ("POST", SEGMENTS.to_owned(), json!([{"name": format!("new {n}")}])));
        let answers = race(&service, requests.collect()).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 400)), (2, 4));
        sound(&service).await;
        service.delete("modify", &format!("{SEGMENTS}?id:in=00000000-0000-4000-9000-000000000001")).await;
        segments(&service, &["in its place"]).await;
    }

    async fn a_deleted_segment_leaves_its_profiles_and_their_other_segments(service: Service) {
        let ids = segments(&service, &["a", "b", "c"]).await;
        let people = profiles(&service, 2).await;
        for segment in &ids[..2] {
            join(&service, segment, &people).await;
        }
        let answer = service.delete("modify", &format!("{SEGMENTS}?id:in={},{},{NOBODY}", ids[2], ids[0])).await;
        shows(&answer, "two");
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
        assert_eq!(uuids(&service.get("read", SEGMENTS).await), ids[1..2]);
        assert_eq!(uuids(&service.get("read", PROFILES).await), people);
        assert_eq!(uuids(&service.get("read", &format!("{PROFILES}/{}/segments", people[0])).await), ids[1..2]);
        assert_eq!(service.get("modify", &members(&ids[0])).await.status, 404);
        assert_eq!(service.audit().await.iter().filter(|line| line.starts_with("segment.deleted")).count(), 2);
        sound(&service).await;
        let before = service.dump().await;
        let without = service.delete("modify", SEGMENTS).await;
        shows(&without, "without its filter");
        assert_eq!(without.status, 204);
        service.delete("modify", &format!("{SEGMENTS}?id:in={}", ids[0])).await;
        assert_eq!(service.delete("modify", &format!("{SEGMENTS}?id:in=x")).await.status, 422);
        assert_eq!(service.delete("modify", &format!("{SEGMENTS}?name=b")).await.status, 422);
        assert_eq!(service.dump().await, before);
    }

    async fn a_segment_with_more_members_than_one_transaction_takes_out_is_deleted_whole(service: Service) {
        let ids = segments(&service, &["large", "small"]).await;
        let people = profiles(&service, 1).await;
        for segment in &ids {
            join(&service, segment, &people).await;
        }
        let store = service.number("SELECT store_id FROM store WHERE hash = 'acme'").await;
        for from in (10..12_010).step_by(2_000) {
            let numbers: Vec<i64> = (from..from + 2_000).collect();
            let row = |n: &i64| format!("({store}, {n}, '00000000-0000-4000-9000-{n:012}', {n}, 0)");
            let rows = numbers.iter().map(row).collect::<Vec<_>>().join(", ");
            service.meddle(&format!("INSERT INTO shopper_profile (store_id, profile_number, profile_id, customer_id, created_at) VALUES {rows}")).await;
            let rows = numbers.iter().map(|n| format!("({store}, 1, {n})")).collect::<Vec<_>>().join(", ");
            service.meddle(&format!("INSERT INTO membership (store_id, segment_number, profile_number) VALUES {rows}")).await;
        }
        service.meddle("UPDATE segment SET members = 12001 WHERE segment_number = 1").await;
        let page = service.get("modify", &format!("{}?limit=250&page=48", members(&ids[0]))).await.json();
        assert_eq!((page["data"].as_array().unwrap().len(), &page["meta"]["pagination"]["total"]), (250, &json!(12_001)));
        service.delete("modify", &format!("{SEGMENTS}?id:in={},{}", ids[0], ids[1])).await;
        assert_eq!(uuids(&service.get("read", SEGMENTS).await), [""; 0]);
        assert_eq!(service.number("SELECT COUNT(*) FROM membership").await, 0);
        assert_eq!(service.audit().await.iter().filter(|line| line.starts_with("segment.deleted")).count(), 2);
    }

    async fn profiles_are_made_for_customers_and_listed_in_that_order(service: Service) {
        let empty = service.get("read", PROFILES).await;
        shows(&empty, "empty");
        service.crowd(3).await;
        let answer = service.post("modify", PROFILES, json!([{"customer_id": 3}, {"customer_id": 1, "id": NOBODY}])).await;
        shows(&answer, "two");
        let ids = uuids(&answer);
        let expected = format!(
            r#"{{"data":[{{"id":"{}","customer_id":3,"created_at":"2024-06-01T12:00:00Z","updated_at":"2024-06-01T12:00:00Z"}},{{"id":"{}","customer_id":1,"created_at":"2024-06-01T12:00:00Z","updated_at":"2024-06-01T12:00:00Z"}}],"meta":{{}}}}"#,
            ids[0], ids[1]
        );
        assert_eq!((answer.status, answer.text()), (201, expected));
        assert_eq!(service.audit().await[3..], ["shopper_profile.created 3 []", "shopper_profile.created 1 []"]);
        let page = service.get("read", &format!("{PROFILES}?limit=1&page=2")).await;
        shows(&page, "second page");
        assert_eq!(uuids(&page), ids[1..]);
        assert_eq!(uuids(&service.get("read", &format!("{PROFILES}?page=90000")).await), [""; 0]);
        for query in ["id:in=x", "customer_id=1", "limit=0"] {
            assert_eq!(service.get("read", &format!("{PROFILES}?{query}")).await.status, 422, "{query}");
        }
        assert_eq!(service.post("modify", PROFILES, json!([])).await.text(), r#"{"data":[],"meta":{}}"#);
        sound(&service).await;
    }

    async fn a_customer_has_one_profile_at_most(service: Service) {
        const TITLE: &str = "Unable to create shopper profiles due to conflicts.";
        service.crowd(3).await;
        made(&service, PROFILES, json!([{"customer_id": 1}])).await;
        let before = service.dump().await;
        let answer = service.post("modify", PROFILES, json!([{"customer_id": 2}, {"customer_id": 1}, {"customer_id": 2}])).await;
        let errors = json!({"1": "Shopper profile already exists for customer `1`.", "2": "Shopper profile already exists for customer `2`."});
        conflicts(&answer, TITLE, &errors, 3);
        shows(&answer, "has one");
        assert_eq!(service.dump().await, before);
        let requests = (0..8).map(|n| ("POST", PROFILES.to_owned(), json!([{"customer_id": n % 2 + 2}])));
        let answers = race(&service, requests.collect()).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (2, 6));
        sound(&service).await;
    }

    async fn faults_of_profiles_are_400_and_nothing_is_kept(service: Service) {
        service.crowd(1).await;
        let before = service.dump().await;
        let unknown = service.post("modify", PROFILES, json!([{"customer_id": 1}, {"customer_id": 99}])).await;
        unknown.refused(400, "Create shopper profiles failed.", &json!({"1.customer_id": "invalid customer ID"}));
        shows(&unknown, "unknown customer");
        for (sent, errors) in [
            (json!({"customer_id": 1}), json!({"obj": "error.expected.jsarray"})),
            (json!([{}]), json!({"0.customer_id": "error.path.missing"})),
            (json!([{"customer_id": "1"}]), json!({"0.customer_id": "error.expected.jsnumber"})),
            (json!([{"customer_id": 1e300}]), json!({"0.customer_id": "error.expected.int"})),
            (json!([null]), json!({"0": "error.expected.jsobject"})),
        ] {
            service.post("modify", PROFILES, sent).await.refused(400, INVALID, &errors);
        }
        let many = vec![json!({"customer_id": 1}); 51];
        service.post("modify", PROFILES, json!(many)).await.refused(422, "Max batch size allowed is 50", &json!({}));
        assert_eq!(service.dump().await, before);
    }

    async fn a_deleted_profile_leaves_every_segment(service: Service) {
        let ids = segments(&service, &["a", "b"]).await;
        let people = profiles(&service, 103).await;
        for some in people.chunks(50) {
            join(&service, &ids[0], some).await;
        }
        join(&service, &ids[1], &people[..3]).await;
        let before = service.dump().await;
        let without = service.delete("modify", PROFILES).await;
        shows(&without, "without its filter");
        assert_eq!((without.status, without.text().as_str()), (204, ""));
        assert_eq!(service.delete("modify", &format!("{PROFILES}?id:in={NOBODY}")).await.status, 204);
        assert_eq!(service.delete("modify", &format!("{PROFILES}?id:in=1")).await.status, 422);
        assert_eq!(service.dump().await, before);
        let gone = people[1..].join(",");
        assert_eq!(service.delete("modify", &format!("{PROFILES}?id:in={gone}")).await.status, 204);
        assert_eq!(uuids(&service.get("read", PROFILES).await), people[..1]);
        for segment in &ids {
            assert_eq!(uuids(&service.get("modify", &members(segment)).await), people[..1]);
        }
        assert_eq!(service.audit().await.iter().filter(|line| line.starts_with("shopper_profile.deleted")).count(), 102);
        sound(&service).await;
        made(&service, PROFILES, json!([{"customer_id": 2}])).await;
    }

    async fn profiles_are_put_into_a_segment_and_taken_out_of_it(service: Service) {
        let ids = segments(&service, &["a", "b"]).await;
        let people = profiles(&service, 3).await;
        let answer = service.post("modify", &members(&ids[0]), json!([people[2], people[0], people[2]])).await;
        shows(&answer, "two");
        assert_eq!((answer.status, uuids(&answer)), (201, vec![people[2].clone(), people[0].clone()]));
        assert!(answer.json().get("meta").is_none(), "as published: {answer}");
        join(&service, &ids[1], &people[..1]).await;
        let listed = service.get("modify", &members(&ids[0])).await;
        shows(&listed, "two");
        assert_eq!(uuids(&listed), [people[0].clone(), people[2].clone()]);
        let page = service.get("modify", &format!("{}?limit=1&page=2", members(&ids[0]))).await;
        assert_eq!((uuids(&page), &page.json()["meta"]["pagination"]["total"]), (people[2..].to_vec(), &json!(2)));
        let of = service.get("read", &format!("{PROFILES}/{}/segments", people[0])).await;
        shows(&of, "two");
        assert_eq!(uuids(&of), ids);
        let second = service.get("read", &format!("{PROFILES}/{}/segments?limit=1&page=2", people[0])).await;
        assert_eq!((uuids(&second), &second.json()["meta"]["pagination"]["total"]), (ids[1..].to_vec(), &json!(2)));
        assert_eq!(uuids(&service.get("read", &format!("{PROFILES}/{}/segments", people[1])).await), [""; 0]);
        let removed = service.delete("modify", &format!("{}?id:in={},{},{NOBODY}", members(&ids[0]), people[0], people[1])).await;
        shows(&removed, "removed");
        assert_eq!((removed.status, removed.text().as_str()), (204, ""));
        assert_eq!(uuids(&service.get("modify", &members(&ids[0])).await), people[2..]);
        assert_eq!(service.audit().await[8..], ["segment.joined 1 []", "segment.joined 2 []", "segment.left 1 []"]);
        let before = service.dump().await;
        service.delete("modify", &members(&ids[0])).await;
        service.delete("modify", &format!("{}?id:in={}", members(&ids[0]), people[0])).await;
        assert_eq!(service.post("modify", &members(&ids[0]), json!([])).await.text(), r#"{"data":[]}"#);
        assert_eq!(service.dump().await, before);
        sound(&service).await;
    }

    async fn a_profile_is_in_a_segment_once(service: Service) {
        let ids = segments(&service, &["a"]).await;
        let people = profiles(&service, 3).await;
        join(&service, &ids[0], &people[..1]).await;
        let before = service.dump().await;
        let answer = service.post("modify", &members(&ids[0]), json!([people[1], people[0]])).await;
        let words = format!("Shopper profile `{}` already exists for segment `{}`.", people[0], ids[0]);
        conflicts(&answer, "Unable to add shopper profiles to segment due to conflicts.", &json!({"1": words}), 2);
        shows(&answer, "in it already");
        assert_eq!(service.dump().await, before);
        for round in 0..8 {
            let requests = (0..8).map(|_| ("POST", members(&ids[0]), json!([people[2]])));
            let answers = race(&service, requests.collect()).await;
            assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, 7), "round {round}");
            service.delete("modify", &format!("{}?id:in={}", members(&ids[0]), people[2])).await;
        }
        sound(&service).await;
    }

    async fn faults_of_memberships_are_told_and_nothing_is_kept(service: Service) {
        let ids = segments(&service, &["a"]).await;
        let people = profiles(&service, 1).await;
        let before = service.dump().await;
        let unknown = service.post("modify", &members(&ids[0]), json!([people[0], NOBODY])).await;
        unknown.refused(400, "Add shopper profiles to segment failed.", &json!({"1": "invalid shopper profile ID"}));
        shows(&unknown, "unknown profile");
        for (sent, errors) in [
            (json!({}), json!({"obj": "error.expected.jsarray"})),
            (json!([people[0], "x", 1]), json!({"1": "error.expected.uuid", "2": "error.expected.jsstring"})),
            (json!([{"id": people[0]}]), json!({"0": "error.expected.jsstring"})),
        ] {
            service.post("modify", &members(&ids[0]), sent).await.refused(400, INVALID, &errors);
        }
        let many = vec![people[0].clone(); 51];
        let answer = service.post("modify", &members(&ids[0]), json!(many)).await;
        answer.refused(422, "Max batch size allowed is 50", &json!({}));
        let nowhere = service.get("modify", &members(NOBODY)).await;
        shows(&nowhere, "unknown segment");
        for answer in [
            nowhere,
            service.post("modify", &members(NOBODY), json!([people[0]])).await,
            service.delete("modify", &members(NOBODY)).await,
            service.get("read", &format!("{PROFILES}/{NOBODY}/segments")).await,
        ] {
            answer.refused(404, NOT_FOUND, &json!({}));
        }
        for id in ["1", "x", "%00", "%FF", "00000000-0000-4000-8000-00000000000g"] {
            for (method, path) in [("GET", members(id)), ("POST", members(id)), ("DELETE", members(id)), ("GET", format!("{PROFILES}/{id}/segments"))] {
                let answer = service.ask(method, &path).token("modify").json(json!([])).send().await;
                answer.refused(400, "Input is invalid", &json!({}));
            }
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_profile_is_in_a_thousand_segments_at_most(service: Service) {
        fill(&service, 1_000).await;
        let people = profiles(&service, 2).await;
        let profile = "FROM shopper_profile WHERE customer_id = 1";
        service
            .meddle(&format!(
                "INSERT INTO membership (store_id, segment_number, profile_number)
                 SELECT s.store_id, s.segment_number, (SELECT profile_number {profile}) FROM segment s WHERE s.segment_number < 1000"
            ))
            .await;
        service.meddle("UPDATE segment SET members = 1 WHERE segment_number < 1000").await;
        let last = "00000000-0000-4000-9000-000000001000";
        join(&service, last, &people[..1]).await;
        // No store has more segments; the limit of the store taken away shows that of the profile.
        service.meddle("UPDATE counter SET live = 500 WHERE name = 'segment'").await;
        let more = segments(&service, &["x", "y"]).await;
        let before = service.dump().await;
        let answer = service.post("modify", &members(&more[0]), json!([people[1], people[0]])).await;
        answer.refused(400, "Add shopper profiles to segment failed.", &json!({"1": "must be in at most 1000 segments"}));
        shows(&answer, "too many segments");
        assert_eq!(service.dump().await, before);
        service.delete("modify", &format!("{}?id:in={}", members(last), people[0])).await;
        let held = format!("SELECT COUNT(*) FROM membership WHERE profile_number = (SELECT profile_number {profile})");
        for round in 0..8 {
            let requests = (0..12).map(|n| ("POST", members(&more[n % 2]), json!([people[0]])));
            let answers = race(&service, requests.collect()).await;
            assert_eq!(with_status(&answers, 201), 1, "one place was left in round {round}");
            assert_eq!(service.number(&held).await, 1_000);
            if round < 7 {
                for segment in &more {
                    service.delete("modify", &format!("{}?id:in={}", members(segment), people[0])).await;
                }
            }
        }
        let ids = service.get("read", "/v3/customers?include=segment_ids&id:in=1").await.json();
        assert_eq!(ids["data"][0]["segment_ids"].as_array().unwrap().len(), 1_000);
    }

    async fn a_list_of_customers_includes_profile_and_segments_on_demand(service: Service) {
        let ids = segments(&service, &["a", "b"]).await;
        let people = profiles(&service, 2).await;
        service.made(json!([{"email": "x@b.c", "first_name": "X", "last_name": "X"}])).await;
        for segment in ids.iter().rev() {
            join(&service, segment, &people[..1]).await;
        }
        let both = service.get("read", "/v3/customers?include=shopper_profile_id,segment_ids").await;
        shows(&both, "with profile and segments");
        let rows = both.json()["data"].clone();
        assert_eq!((&rows[0]["shopper_profile_id"], &rows[0]["segment_ids"]), (&json!(null), &json!([])), "of none");
        assert!(rows[0].as_object().unwrap().contains_key("shopper_profile_id"), "null, not absent");
        assert_eq!((&rows[1]["shopper_profile_id"], &rows[1]["segment_ids"]), (&json!(people[1]), &json!([])));
        assert_eq!((&rows[2]["shopper_profile_id"], &rows[2]["segment_ids"]), (&json!(people[0]), &json!(ids)));
        let bare = service.get("read", "/v3/customers?include=storecredit").await.json();
        assert!(bare["data"][2].get("shopper_profile_id").is_none() && bare["data"][2].get("segment_ids").is_none());
        let one = service.get("read", "/v3/customers?include=segment_ids&limit=1&page=3").await.json();
        assert!(one["data"][0].get("shopper_profile_id").is_none());
        assert_eq!(one["data"][0]["segment_ids"], json!(ids));
        let none = service.get("read", "/v3/customers?include=shopper_profile_id,segment_ids&id:in=99").await;
        assert_eq!((none.status, none.ids()), (200, vec![]));
    }

    /// Ruling 25.
    async fn a_customers_profile_goes_with_it_out_of_every_segment(service: Service) {
        let ids = segments(&service, &["a", "b"]).await;
        let people = profiles(&service, 4).await;
        for segment in &ids {
            join(&service, segment, &people).await;
        }
        service.delete("modify", "/v3/customers?id:in=1,2").await;
        assert_eq!(uuids(&service.get("modify", &members(&ids[0])).await), people[2..]);
        assert_eq!(uuids(&service.get("read", PROFILES).await), people[2..]);
        sound(&service).await;
        service.delete("modify", "/v2/customers/3").await;
        sound(&service).await;
        service.delete("modify", "/v2/customers").await;
        assert_eq!(service.get("modify", &members(&ids[1])).await.json()["meta"]["pagination"]["total"], 0);
        assert_eq!(service.number("SELECT COUNT(*) FROM membership").await, 0);
        sound(&service).await;
    }

    async fn stores_do_not_see_each_others_segments_and_profiles(service: Service) {
        let ids = segments(&service, &["a"]).await;
        let people = profiles(&service, 2).await;
        join(&service, &ids[0], &people).await;
        let zenith = "/stores/zenith/v3";
        let person = json!([{"email": "z@b.c", "first_name": "Z", "last_name": "Z"}]);
        assert_eq!(service.post("other", &format!("{zenith}/customers"), person).await.ids(), [1]);
        let own = service.post("other", &format!("{zenith}/segments"), json!([{"name": "a"}])).await;
        let own = uuids(&own).remove(0);
        let its = service.post("other", &format!("{zenith}/shopper-profiles"), json!([{"customer_id": 1}])).await;
        let its = uuids(&its).remove(0);
        let before = service.dump().await;
        for (method, path, body, status) in [
            ("GET", format!("/segments/{}/shopper-profiles", ids[0]), Value::Null, 404),
            ("POST", format!("/segments/{}/shopper-profiles", ids[0]), json!([its]), 404),
            ("POST", format!("/segments/{own}/shopper-profiles"), json!([people[0]]), 400),
            ("DELETE", format!("/segments/{}/shopper-profiles?id:in={}", ids[0], people[0]), Value::Null, 404),
            ("DELETE", format!("/segments/{own}/shopper-profiles?id:in={}", people[0]), Value::Null, 204),
            ("GET", format!("/shopper-profiles/{}/segments", people[0]), Value::Null, 404),
            ("PUT", "/segments".to_owned(), json!([{"id": ids[0], "name": "z"}]), 400),
            ("DELETE", format!("/segments?id:in={}", ids[0]), Value::Null, 204),
            ("DELETE", format!("/shopper-profiles?id:in={}", people[0]), Value::Null, 204),
            ("POST", "/shopper-profiles".to_owned(), json!([{"customer_id": 2}]), 400),
        ] {
            let answer = service.ask(method, &format!("{zenith}{path}")).token("other").json(body).send().await;
            assert_eq!(answer.status, status, "{answer}");
        }
        assert_eq!(service.dump().await, before);
        assert_eq!(uuids(&service.get("other", &format!("{zenith}/segments?id:in={},{own}", ids[0])).await), std::slice::from_ref(&own));
        assert_eq!(uuids(&service.get("other", &format!("{zenith}/shopper-profiles")).await), std::slice::from_ref(&its));
        let listed = service.get("other", &format!("{zenith}/customers?include=shopper_profile_id,segment_ids")).await.json();
        assert_eq!((&listed["data"][0]["shopper_profile_id"], &listed["data"][0]["segment_ids"]), (&json!(its), &json!([])));
        service.delete("modify", "/v3/customers?id:in=1").await;
        assert_eq!(uuids(&service.get("other", &format!("{zenith}/shopper-profiles")).await), [its]);
    }

    /// Ruling 24: ten at once, on plans that have limits.
    #[expect(clippy::disallowed_methods, reason = "a race needs tasks")]
    async fn on_a_limited_plan_an_eleventh_post_of_segments_at_once_is_429(service: Service) {
        service.sell("standard", access::Plan::Standard).await;
        let store = StoreId(service.number("SELECT store_id FROM store WHERE hash = 'standard'").await);
        let (held, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let holder = {
            let (db, held, go) = (service.app().db.clone(), held.clone(), go.clone());
            tokio::spawn(async move {
                let work = async |tx: &mut WriteTx| {
                    hold(tx, store, Counter::Segment).await?.expect("the store is there");
                    held.notify_one();
                    go.notified().await;
                    Ok::<_, sql::Error>(())
                };
                db.write(work).await
            })
        };
        held.notified().await;
        let post = |n: usize| {
            let service = service.clone();
            async move { service.post("standard", "/stores/standard/v3/segments", json!([{"name": format!("{n}")}])).await }
        };
        let posts: Vec<_> = (0..14).map(|n| tokio::spawn(post(n))).collect();
        while posts.iter().filter(|post| post.is_finished()).count() < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        go.notify_one();
        holder.await.unwrap().unwrap();
        let mut answers = Vec::new();
        for post in posts {
            answers.push(post.await.unwrap());
        }
        assert_eq!((with_status(&answers, 201), with_status(&answers, 429)), (10, 4));
    }

    async fn everything_at_once_leaves_segments_sound(service: Service) {
        let ids = segments(&service, &["a", "b", "c"]).await;
        let people = profiles(&service, 12).await;
        let requests = (0..110_i64).map(|n| {
            let (at, other) = (usize::try_from(n).unwrap() % 12, usize::try_from(n * 5 + 3).unwrap() % 12);
            let segment = &ids[usize::try_from(n).unwrap() % 3];
            match n % 11 {
                0 | 1 => ("POST", members(segment), json!([people[at], people[other]])),
                2 => ("POST", members(segment), json!([people[other]])),
                3 => ("DELETE", format!("{}?id:in={},{}", members(segment), people[other], people[at]), Value::Null),
                4 => ("DELETE", format!("{PROFILES}?id:in={},{}", people[at], people[other]), Value::Null),
                5 => ("POST", PROFILES.to_owned(), json!([{"customer_id": at + 1}])),
                6 => ("DELETE", format!("/v3/customers?id:in={},{}", other + 1, at + 1), Value::Null),
                7 => ("PUT", SEGMENTS.to_owned(), json!([{"id": segment, "description": format!("{n}")}])),
                8 if n > 80 => ("DELETE", format!("{SEGMENTS}?id:in={segment}"), Value::Null),
                9 => ("POST", SEGMENTS.to_owned(), json!([{"name": format!("new {}", n % 4)}])),
                _ => ("GET", "/v3/customers?include=shopper_profile_id,segment_ids".to_owned(), Value::Null),
            }
        });
        race(&service, requests.collect()).await;
        sound(&service).await;
    }
}
