use serde_json::{Value, json};
use testkit::{Answer, Service, at_once, on_each_engine};

use crate::{robust::sound, shows};

const ATTRIBUTES: &str = "/v3/customers/attributes";
const VALUES: &str = "/v3/customers/attribute-values";
const INVALID: &str = "JSON data is missing or invalid";
const CREATE: &str = "Create customer attributes failed.";
const UPDATE: &str = "Update customer attributes failed.";

fn attribute(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind})
}

/// Attributes 1 to 3, a second apart.
async fn with_three(service: &Service) {
    for (at, (name, kind)) in
        [("Age", "number"), ("Date Joined", "date"), ("Nickname", "string")].into_iter().enumerate()
    {
        service.set_seconds(i64::try_from(at).unwrap());
        let made = service.post("modify", ATTRIBUTES, json!([attribute(name, kind)])).await;
        assert_eq!(made.status, 200, "{made}");
    }
    service.set_seconds(60);
}

async fn names(service: &Service, query: &str) -> Vec<String> {
    let answer = service.get("read", &format!("{ATTRIBUTES}?{query}")).await;
    assert_eq!(answer.status, 200, "{answer}");
    let rows = answer.json()["data"].as_array().unwrap().clone();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

fn won(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

on_each_engine! {
    async fn attributes_are_made_in_a_batch_and_answered_as_published(service: Service) {
        let rows = json!([attribute("Age", "number"), attribute("Date Joined", "date"), attribute("Ä", "string")]);
        let answer = service.post("modify", ATTRIBUTES, rows).await;
        shows(&answer, "three");
        assert_eq!(answer.ids(), [1, 2, 3]);
        assert!(service.events().await.is_empty());
        assert_eq!(
            service.audit().await,
            ["attribute.created 1 []", "attribute.created 2 []", "attribute.created 3 []"]
        );
        let listed = service.get("read", ATTRIBUTES).await;
        shows(&listed, "three");
        assert_eq!(listed.json()["data"], answer.json()["data"]);
    }

    async fn attributes_are_listed_oldest_first_with_numbers_and_neither_links_nor_cursors(service: Service) {
        with_three(&service).await;
        let second = service.get("read", &format!("{ATTRIBUTES}?page=2&limit=2")).await;
        shows(&second, "second page");
        assert_eq!(second.ids(), [3]);
        let expected = json!({"pagination": {"total": 3, "count": 1, "per_page": 2, "current_page": 2, "total_pages": 2}});
        assert_eq!(second.json()["meta"], expected);
        let past = service.get("read", &format!("{ATTRIBUTES}?page=9")).await;
        assert_eq!((past.status, past.ids().len()), (200, 0));
    }

    async fn a_list_of_no_attributes_has_no_page(service: Service) {
        let empty = service.get("read", ATTRIBUTES).await;
        shows(&empty, "empty");
        assert_eq!(empty.json()["meta"]["pagination"]["total_pages"], 0);
    }

    async fn every_filter_of_attributes_narrows(service: Service) {
        with_three(&service).await;
        for (query, expected) in [
            ("name=Date+Joined", vec!["Date Joined"]),
            ("name=dAtE%20joined", vec!["Date Joined"]),
            ("name=Date", vec![]),
            ("name:like=JOIN", vec!["Date Joined"]),
            ("name:like=a", vec!["Age", "Date Joined", "Nickname"]),
            ("name:like=%25", vec![]),
            ("type=string", vec!["Nickname"]),
            ("date_created=2024-06-01T12:00:01Z", vec!["Date Joined"]),
            ("date_created=2024-06-01", vec!["Age", "Date Joined", "Nickname"]),
            ("date_created:min=2024-06-01T12:00:01Z", vec!["Date Joined", "Nickname"]),
            ("date_created:max=1717243200", vec!["Age"]),
            ("date_modified=2024-05-31", vec![]),
            ("date_modified:min=2024-06-01T12:00:02Z", vec!["Nickname"]),
            ("date_modified:max=2024-06-01T12:00:00Z&type=number", vec!["Age"]),
        ] {
            assert_eq!(names(&service, query).await, expected, "{query}");
        }
    }

    /// Measured (observed.md 6), against the published page.
    async fn the_list_of_attributes_refuses_ids_and_cursors(service: Service) {
        with_three(&service).await;
        for name in ["id", "id:in", "before", "after", "sort"] {
            let answer = service.get("read", &format!("{ATTRIBUTES}?{name}=1")).await;
            let title = format!("The filter(s): {name} are not valid filter parameter(s).");
            answer.refused(422, &title, &json!({}));
            if name == "id:in" {
                shows(&answer, "by id");
            }
        }
        let kind = service.get("read", &format!("{ATTRIBUTES}?type=boolean")).await;
        shows(&kind, "no kind");
        assert_eq!(kind.status, 422);
        assert_eq!(service.get("read", &format!("{ATTRIBUTES}?date_created=soon")).await.status, 422);
    }

    async fn every_fault_of_a_new_attribute_is_told_and_nothing_is_made(service: Service) {
        with_three(&service).await;
        let before = service.dump().await;
        let shapes = [
            (json!([{}]), json!({"0.name": "error.path.missing", "0.type": "error.path.missing"})),
            (json!([{"name": 1, "type": null}]), json!({"0.name": "error.expected.jsstring", "0.type": "error.expected.jsstring"})),
            (json!([attribute("a", "string"), attribute("b", "boolean")]), json!({"1.type": "error.expected.validenumvalue"})),
            (json!([42]), json!({"0": "error.expected.jsobject"})),
            (json!({}), json!({"obj": "error.expected.jsarray"})),
            (json!([{"name": "a\u{0}", "type": "string"}]), json!({"0.name": "error.expected.text.without.nul"})),
        ];
        for (sent, errors) in shapes {
            service.post("modify", ATTRIBUTES, sent).await.refused(422, INVALID, &errors);
        }
        let long = service.post("modify", ATTRIBUTES, json!([attribute("a", "date"), attribute(&"a".repeat(256), "date")])).await;
        shows(&long, "name too long");
        long.refused(422, CREATE, &json!({"1.name": "must be 1 to 255 characters long"}));
        let many = service.post("modify", ATTRIBUTES, Value::from(vec![attribute("a", "date"); 251])).await;
        many.refused(422, "Max batch size allowed is 250", &json!({}));
        assert_eq!(service.dump().await, before);
        let nothing = service.post("modify", ATTRIBUTES, json!([])).await;
        nothing.is_just(r#"{"data":[],"meta":{}}"#);
    }

    async fn the_names_of_a_stores_attributes_differ_without_case(service: Service) {
        with_three(&service).await;
        let before = service.dump().await;
        let known = service.post("modify", ATTRIBUTES, json!([attribute("new", "date"), attribute("NICKNAME", "date")])).await;
        shows(&known, "name in use");
        known.refused(422, CREATE, &json!({"1.name": "is already in use"}));
        let twice = service.post("modify", ATTRIBUTES, json!([attribute("new", "date"), attribute("New", "date")])).await;
        twice.refused(422, CREATE, &json!({"1.name": "is already in use"}));
        let renamed = service.put("modify", ATTRIBUTES, json!([{"id": 1, "name": "nickname"}])).await;
        shows(&renamed, "name in use");
        renamed.refused(422, UPDATE, &json!({"0.name": "is already in use"}));
        assert_eq!(service.dump().await, before);
        // What the whole request comes to is what counts.
        let swapped = service.put("modify", ATTRIBUTES, json!([{"id": 1, "name": "Nickname"}, {"id": 3, "name": "Age"}])).await;
        assert_eq!((swapped.status, swapped.ids()), (200, vec![1, 3]), "{swapped}");
        assert_eq!(names(&service, "").await, ["Nickname", "Date Joined", "Age"]);
    }

    async fn an_attribute_is_renamed_and_keeps_its_type(service: Service) {
        with_three(&service).await;
        let audit = service.audit().await.len();
        let answer = service.put("modify", ATTRIBUTES, json!([{"id": 2, "name": "Joined"}, {"id": 1, "name": "Years", "type": "number"}])).await;
        shows(&answer, "two");
        assert_eq!(answer.ids(), [2, 1]);
        assert_eq!(answer.json()["data"][0]["type"], "date");
        assert_eq!(answer.json()["data"][0]["date_modified"], "2024-06-01T12:01:00Z");
        assert_eq!(service.audit().await[audit..], ["attribute.updated 1 [name]", "attribute.updated 2 [name]"]);
        assert!(service.events().await.is_empty());
    }

    async fn a_put_that_says_another_type_is_refused_and_the_same_is_fine(service: Service) {
        with_three(&service).await;
        let before = service.dump().await;
        let other = service.put("modify", ATTRIBUTES, json!([{"id": 2, "name": "new"}, {"id": 1, "name": "Age", "type": "string"}])).await;
        shows(&other, "another type");
        other.refused(422, UPDATE, &json!({"1.type": "cannot be changed"}));
        let same = service.put("modify", ATTRIBUTES, json!([{"id": 1, "name": "Age", "type": "number"}])).await;
        assert_eq!(same.status, 200);
        assert_eq!(service.dump().await, before, "the same again changes nothing");
    }

    async fn every_fault_of_a_renaming_is_told_and_nothing_is_changed(service: Service) {
        with_three(&service).await;
        let before = service.dump().await;
        let shapes = [
            (json!([{"name": "a"}]), json!({"id": "error.path.missing"})),
            (json!([{"id": 1}]), json!({"0.name": "error.path.missing"})),
            (json!([{"id": 1, "name": 5, "type": 5}]), json!({"0.name": "error.expected.jsstring", "0.type": "error.expected.jsstring"})),
            (json!([{"id": 9_999_999_999_i64, "name": "a"}]), json!({"id": "error.expected.int"})),
        ];
        for (sent, errors) in shapes {
            service.put("modify", ATTRIBUTES, sent).await.refused(422, INVALID, &errors);
        }
        let unknown = service.put("modify", ATTRIBUTES, json!([{"id": 1, "name": "a"}, {"id": 9, "name": "b"}])).await;
        shows(&unknown, "unknown id");
        unknown.refused(422, UPDATE, &json!({"1.id": "invalid attribute ID"}));
        let empty = service.put("modify", ATTRIBUTES, json!([{"id": 1, "name": ""}])).await;
        empty.refused(422, UPDATE, &json!({"0.name": "must be 1 to 255 characters long"}));
        assert_eq!(service.dump().await, before);
    }

    async fn an_attribute_that_is_deleted_takes_its_values_with_it(service: Service) {
        with_three(&service).await;
        service.crowd(2).await;
        let values: Vec<Value> = [1, 2].iter().flat_map(|customer| [1, 3].map(|attribute| {
            json!({"customer_id": customer, "attribute_id": attribute, "value": "7"})
        })).collect();
        assert_eq!(service.put("modify", VALUES, json!(values)).await.status, 200);
        let answer = service.delete("modify", &format!("{ATTRIBUTES}?id:in=1,99")).await;
        shows(&answer, "one of two");
        assert_eq!(names(&service, "").await, ["Date Joined", "Nickname"]);
        let left = service.get("read", VALUES).await;
        assert_eq!(left.json()["data"].as_array().unwrap().iter().map(|row| row["attribute_id"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(service.audit().await.pop().unwrap(), "attribute.deleted 1 []");
        // Its number is not given again, and its name is free.
        let again = service.post("modify", ATTRIBUTES, json!([attribute("age", "string")])).await;
        assert_eq!(again.ids(), [4]);
        sound(&service).await;
    }

    async fn an_attributes_deletion_takes_its_values_past_one_transaction(service: Service) {
        with_three(&service).await;
        service
            .meddle(
                "INSERT INTO attribute_value
                     (store_id, value_id, customer_id, attribute_id, value, date_created, date_modified)
                 WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1201)
                 SELECT store_id, n, n, n % 2 + 1, '', 0, 0 FROM numbers, store WHERE hash = 'acme'",
            )
            .await;
        assert_eq!(service.delete("modify", &format!("{ATTRIBUTES}?id:in=1,2")).await.status, 204);
        assert_eq!(service.number("SELECT COUNT(*) FROM attribute_value").await, 0);
        assert_eq!(names(&service, "").await, ["Nickname"]);
    }

    async fn a_deletion_of_attributes_without_ids_or_with_unknown_ones_is_204_and_changes_nothing(service: Service) {
        with_three(&service).await;
        let before = service.dump().await;
        for query in ["", "?id:in=9,2147483648,9223372036854775807"] {
            let answer = service.delete("modify", &format!("{ATTRIBUTES}{query}")).await;
            assert_eq!(answer.status, 204, "{answer}");
        }
        for (query, status) in [("?id:in=", 422), ("?id:in=x", 422), ("?name=Age", 422)] {
            assert_eq!(service.delete("modify", &format!("{ATTRIBUTES}{query}")).await.status, status);
        }
        let ids = (1..=1_001).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(service.delete("modify", &format!("{ATTRIBUTES}?id:in={ids}")).await.status, 413);
        assert_eq!(service.dump().await, before);
    }

    async fn a_store_has_at_most_fifty_attributes(service: Service) {
        let rows: Vec<Value> = (1..=49).map(|n| attribute(&format!("a{n}"), "string")).collect();
        assert_eq!(service.post("modify", ATTRIBUTES, json!(rows)).await.status, 200);
        let before = service.dump().await;
        let two = service.post("modify", ATTRIBUTES, json!([attribute("x", "date"), attribute("y", "date")])).await;
        shows(&two, "one too many");
        two.refused(422, CREATE, &json!({"1.name": "a store cannot have more than 50 customer attributes"}));
        assert_eq!(service.dump().await, before);
        assert_eq!(service.post("modify", ATTRIBUTES, json!([attribute("x", "date")])).await.status, 200);
        assert_eq!(service.post("modify", ATTRIBUTES, json!([attribute("y", "date")])).await.status, 422);
        service.delete("modify", &format!("{ATTRIBUTES}?id:in=1")).await;
        assert_eq!(service.post("modify", ATTRIBUTES, json!([attribute("y", "date")])).await.status, 200);
        // Another store has fifty of its own.
        assert_eq!(service.post("other", "/stores/zenith/v3/customers/attributes", json!([attribute("x", "date")])).await.ids(), [1]);
    }

    async fn of_two_requests_for_the_fiftieth_attribute_exactly_one_wins(service: Service) {
        let rows: Vec<Value> = (1..=49).map(|n| attribute(&format!("a{n}"), "string")).collect();
        assert_eq!(service.post("modify", ATTRIBUTES, json!(rows)).await.status, 200);
        for round in 0..8 {
            let posts = (0..4).map(|n| {
                let service = service.clone();
                async move { service.post("modify", ATTRIBUTES, json!([attribute(&format!("r{round}n{n}"), "date")])).await }
            });
            let answers = at_once(posts).await;
            assert_eq!(won(&answers), 1, "round {round}");
            assert_eq!(service.number("SELECT COUNT(*) FROM attribute").await, 50);
            let winner = answers.iter().find(|answer| answer.status == 200).unwrap().ids()[0];
            service.delete("modify", &format!("{ATTRIBUTES}?id:in={winner}")).await;
        }
        sound(&service).await;
    }

    async fn of_requests_that_give_one_name_at_once_exactly_one_wins(service: Service) {
        with_three(&service).await;
        for round in 0..8 {
            let name = format!("name {round}");
            let posts = (0..3).map(|n| {
                let (service, name) = (service.clone(), name.clone());
                async move {
                    match n {
                        0 => service.put("modify", ATTRIBUTES, json!([{"id": 1, "name": name}])).await,
                        1 => service.put("modify", ATTRIBUTES, json!([{"id": 2, "name": name.to_uppercase()}])).await,
                        _ => service.post("modify", ATTRIBUTES, json!([attribute(&name, "date")])).await,
                    }
                }
            });
            assert_eq!(won(&at_once(posts).await), 1, "round {round}");
        }
        let twice = "SELECT COUNT(*) FROM (SELECT name_key FROM attribute GROUP BY store_id, name_key HAVING COUNT(*) > 1) AS twice";
        assert_eq!(service.number(twice).await, 0);
    }

    /// Published. On a plan without limits there may be any number.
    async fn on_a_limited_plan_attributes_and_values_are_written_three_at_once(service: Service) {
        let limited = |it: &rest::Operation| {
            it.path.contains("/customers/attribute").then(|| (it.method.to_string(), it.at_once))
        };
        let operations = server::router(service.app().clone()).1;
        let mut limits: Vec<_> = operations.iter().filter_map(limited).collect();
        limits.sort();
        let any = |method: &str| (method.to_owned(), None);
        let three = |method: &str| (method.to_owned(), Some(3));
        let expected = [any("DELETE"), any("DELETE"), any("GET"), any("GET"), three("POST"), three("PUT"), three("PUT")];
        assert_eq!(limits, expected);
    }

    async fn no_value_outlives_an_attribute_that_is_deleted_meanwhile(service: Service) {
        service.crowd(4).await;
        for round in 1..=8_i64 {
            let made = service.post("modify", ATTRIBUTES, json!([attribute("fleeting", "string")])).await;
            let id = made.ids()[0];
            assert_eq!(id, round);
            let requests = (0..5_i64).map(|n| {
                let service = service.clone();
                async move {
                    let value = json!({"customer_id": n, "attribute_id": id, "value": "x"});
                    let person = json!([{"email": format!("{id}@b.c"), "first_name": "A", "last_name": "B",
                        "attributes": [{"attribute_id": id, "attribute_value": "y"}]}]);
                    match n {
                        0 => service.delete("modify", &format!("{ATTRIBUTES}?id:in={id}")).await,
                        1 => service.post("modify", "/v3/customers", person).await,
                        _ => service.put("modify", VALUES, json!([value])).await,
                    }
                }
            });
            for answer in at_once(requests).await {
                assert!(matches!(answer.status, 200 | 204 | 422), "{answer}");
            }
            sound(&service).await;
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM attribute_value").await, 0);
    }

    async fn attributes_of_one_store_are_none_of_anothers(service: Service) {
        with_three(&service).await;
        let zenith = "/stores/zenith/v3/customers/attributes";
        assert_eq!(service.get("other", zenith).await.ids(), Vec::<i64>::new());
        assert_eq!(service.post("other", zenith, json!([attribute("Age", "string")])).await.ids(), [1]);
        let before = service.texts("SELECT name || ' ' || kind AS line FROM attribute ORDER BY store_id, attribute_id").await;
        assert_eq!(service.put("other", zenith, json!([{"id": 2, "name": "mine"}])).await.status, 422);
        service.delete("other", &format!("{zenith}?id:in=2,3")).await;
        assert_eq!(service.texts("SELECT name || ' ' || kind AS line FROM attribute ORDER BY store_id, attribute_id").await, before);
        service.delete("other", &format!("{zenith}?id:in=1")).await;
        assert_eq!(names(&service, "").await.len(), 3);
        assert_eq!(service.get("other", zenith).await.json()["meta"]["pagination"]["total"], 0);
    }
}
