use serde_json::{Value, json};
use testkit::{Service, at_once, on_each_engine};

use crate::{robust::sound, shows};

const ATTRIBUTES: &str = "/v3/customers/attributes";
const VALUES: &str = "/v3/customers/attribute-values";
const CUSTOMERS: &str = "/v3/customers";
const INVALID: &str = "JSON data is missing or invalid";
const UPSERT: &str = "Upsert customer attribute values failed.";

fn value(customer: i64, attribute: i64, value: &str) -> Value {
    json!({"customer_id": customer, "attribute_id": attribute, "value": value})
}

/// Customers 1 to `customers`, and the attributes 1 Nickname, 2 Age and 3 Joined.
async fn with_people(service: &Service, customers: i64) {
    service.crowd(customers).await;
    let rows = json!([
        {"name": "Nickname", "type": "string"},
        {"name": "Age", "type": "number"},
        {"name": "Joined", "type": "date"},
    ]);
    assert_eq!(service.post("modify", ATTRIBUTES, rows).await.ids(), [1, 2, 3]);
}

async fn put(service: &Service, rows: Value) {
    let answer = service.put("modify", VALUES, rows).await;
    assert_eq!(answer.status, 200, "{answer}");
}

on_each_engine! {
    async fn values_are_set_and_answered_in_the_order_asked(service: Service) {
        with_people(&service, 2).await;
        let events = service.events().await;
        let before = service.get("read", CUSTOMERS).await.json();
        service.set_seconds(60);
        let rows = json!([value(2, 2, "36"), value(1, 1, "Ada"), value(1, 3, "2024-06-01")]);
        let answer = service.put("modify", VALUES, rows).await;
        shows(&answer, "three");
        let listed = service.get("read", VALUES).await;
        shows(&listed, "three");
        assert_eq!(listed.ids().len(), 3);
        assert_eq!(service.events().await, events);
        assert_eq!(service.get("read", CUSTOMERS).await.json(), before, "the customers stay as they were");
        let lines = service.audit().await;
        assert_eq!(lines[lines.len() - 2..], ["attribute_values.set 1 [1 3]", "attribute_values.set 2 [2]"]);
    }

    async fn a_value_that_is_there_is_changed_and_keeps_its_id(service: Service) {
        with_people(&service, 1).await;
        put(&service, json!([value(1, 1, "Ada"), value(1, 2, "36")])).await;
        service.set_seconds(60);
        let answer = service.put("modify", VALUES, json!([value(1, 1, "Countess"), value(1, 2, "36"), value(1, 3, "")])).await;
        shows(&answer, "one new");
        let data = answer.json()["data"].clone();
        assert_eq!(answer.ids(), [1, 2, 3]);
        assert_eq!(data[0]["date_created"], "2024-06-01T12:00:00Z");
        assert_eq!(data[0]["date_modified"], "2024-06-01T12:01:00Z");
        assert_eq!(data[1]["date_modified"], "2024-06-01T12:00:00Z", "the same again changes nothing");
        assert_eq!(service.audit().await.pop().unwrap(), "attribute_values.set 1 [1 3]");
        let before = service.dump().await;
        put(&service, json!([value(1, 1, "Countess")])).await;
        assert_eq!(service.dump().await, before);
    }

    async fn of_two_rows_for_one_value_the_later_counts(service: Service) {
        with_people(&service, 1).await;
        let answer = service.put("modify", VALUES, json!([value(1, 1, "a"), value(1, 1, "b")])).await;
        assert_eq!(answer.ids(), [1, 1]);
        assert_eq!(answer.json()["data"][0]["attribute_value"], "b");
        assert_eq!(service.number("SELECT COUNT(*) FROM attribute_value").await, 1);
    }

    async fn a_value_must_fit_the_type_of_its_attribute(service: Service) {
        with_people(&service, 1).await;
        let before = service.dump().await;
        let number = service.put("modify", VALUES, json!([value(1, 1, "x"), value(1, 2, "young")])).await;
        shows(&number, "no number");
        number.refused(422, UPSERT, &json!({"1.value": "must be a number"}));
        let date = service.put("modify", VALUES, json!([value(1, 3, "yesterday")])).await;
        date.refused(422, UPSERT, &json!({"0.value": "must be a date in ISO 8601"}));
        let long = service.put("modify", VALUES, json!([value(1, 1, &"a".repeat(256))])).await;
        long.refused(422, UPSERT, &json!({"0.value": "must be at most 255 characters long"}));
        assert_eq!(service.dump().await, before);
        put(&service, json!([value(1, 1, &"ü".repeat(255)), value(1, 2, "-1.5e3"), value(1, 3, "2024-06-01T10:00:00Z")])).await;
    }

    async fn an_empty_value_fits_every_type(service: Service) {
        with_people(&service, 1).await;
        put(&service, json!([value(1, 1, ""), value(1, 2, ""), value(1, 3, "")])).await;
    }

    async fn every_fault_of_a_value_is_told_and_nothing_is_changed(service: Service) {
        with_people(&service, 2).await;
        let before = service.dump().await;
        let shapes = [
            (json!([{}]), json!({"0.attribute_id": "error.path.missing", "0.customer_id": "error.path.missing", "0.value": "error.path.missing"})),
            (json!([{"customer_id": "1", "attribute_id": 1.5, "value": 5}]), json!({"0.attribute_id": "error.expected.int", "0.customer_id": "error.expected.jsnumber", "0.value": "error.expected.jsstring"})),
            (json!([value(1, 1, "a"), {"customer_id": 1, "attribute_id": 1, "value": null}]), json!({"1.value": "error.expected.jsstring"})),
            (json!({}), json!({"obj": "error.expected.jsarray"})),
        ];
        for (sent, errors) in shapes {
            service.put("modify", VALUES, sent).await.refused(422, INVALID, &errors);
        }
        let customer = service.put("modify", VALUES, json!([value(1, 1, "a"), value(9, 1, "b")])).await;
        shows(&customer, "unknown customer");
        customer.refused(422, UPSERT, &json!({"1.customer_id": "invalid customer ID"}));
        let attribute = service.put("modify", VALUES, json!([value(1, 9, "a")])).await;
        shows(&attribute, "unknown attribute");
        attribute.refused(422, UPSERT, &json!({"0.attribute_id": "invalid attribute ID"}));
        let nothing = service.put("modify", VALUES, json!([])).await;
        nothing.is_just(r#"{"data":[],"meta":{}}"#);
        assert_eq!(service.dump().await, before);
    }

    /// Ruling 3.
    async fn values_of_at_most_ten_customers_are_set_at_once(service: Service) {
        with_people(&service, 11).await;
        let eleven: Vec<Value> = (1..=11).map(|customer| value(customer, 1, "x")).collect();
        let answer = service.put("modify", VALUES, json!(eleven)).await;
        shows(&answer, "eleven customers");
        answer.refused(422, "Max batch size allowed is 10", &json!({}));
        let thirty: Vec<Value> = (1..=10).flat_map(|id| [value(id, 1, "x"), value(id, 2, "1"), value(id, 3, "")]).collect();
        put(&service, json!(thirty)).await;
        let many = service.put("modify", VALUES, Value::from(vec![value(1, 1, "x"); 501])).await;
        many.refused(422, "Max batch size allowed is 500", &json!({}));
    }

    async fn values_are_listed_with_links_and_without_cursors(service: Service) {
        let empty = service.get("read", VALUES).await;
        shows(&empty, "empty");
        assert_eq!(empty.json()["meta"]["pagination"]["total_pages"], 0);
        with_people(&service, 1).await;
        put(&service, json!([value(1, 1, "a"), value(1, 2, "1"), value(1, 3, "")])).await;
        let second = service.get("read", &format!("{VALUES}?limit=1&page=2&customer_id:in=1")).await;
        shows(&second, "second page");
        assert_eq!(second.ids(), [2]);
        for name in ["before", "after", "id:in", "sort"] {
            assert_eq!(service.get("read", &format!("{VALUES}?{name}=1")).await.status, 422, "{name}");
        }
    }

    async fn every_filter_of_values_narrows(service: Service) {
        with_people(&service, 3).await;
        put(&service, json!([value(1, 1, "a"), value(2, 1, "b")])).await;
        service.set_seconds(10);
        put(&service, json!([value(2, 2, "5"), value(3, 1, "c")])).await;
        service.set_seconds(20);
        put(&service, json!([value(1, 1, "z")])).await;
        for (query, expected) in [
            ("customer_id:in=2,3", vec![2, 3, 4]),
            ("customer_id:in=3,1,1", vec![1, 4]),
            ("attribute_id:in=2", vec![3]),
            ("attribute_id:in=1&customer_id:in=2", vec![2]),
            ("name=nickNAME", vec![1, 2, 4]),
            ("name=Nick", vec![]),
            ("date_created=2024-06-01T12:00:10Z", vec![3, 4]),
            ("date_created:min=2024-06-01T12:00:01Z&name=age", vec![3]),
            ("date_created:max=2024-06-01T12:00:00Z", vec![1, 2]),
            ("date_modified=2024-06-01", vec![1, 2, 3, 4]),
            ("date_modified:min=2024-06-01T12:00:11Z", vec![1]),
            ("date_modified:max=1717243200", vec![2]),
            ("customer_id:in=2147483648", vec![]),
        ] {
            let answer = service.get("read", &format!("{VALUES}?{query}")).await;
            assert_eq!((answer.status, answer.ids()), (200, expected.clone()), "{query}");
            assert_eq!(answer.json()["meta"]["pagination"]["total"], expected.len(), "{query}");
        }
        assert_eq!(service.get("read", &format!("{VALUES}?customer_id:in=x")).await.status, 422);
    }

    async fn values_are_deleted_by_their_ids_and_unknown_ones_are_passed_over(service: Service) {
        with_people(&service, 2).await;
        put(&service, json!([value(1, 1, "a"), value(1, 2, "1"), value(2, 1, "b")])).await;
        let events = service.events().await;
        let answer = service.delete("modify", &format!("{VALUES}?id:in=1,3,99")).await;
        shows(&answer, "two of three");
        assert_eq!(service.get("read", VALUES).await.ids(), [2]);
        let lines = service.audit().await;
        assert_eq!(lines[lines.len() - 2..], ["attribute_values.deleted 1 [1]", "attribute_values.deleted 2 [1]"]);
        assert_eq!(service.events().await, events);
        let before = service.dump().await;
        for (query, status) in [("", 204), ("?id:in=99", 204), ("?id:in=", 422), ("?customer_id:in=1", 422)] {
            assert_eq!(service.delete("modify", &format!("{VALUES}{query}")).await.status, status, "{query}");
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_customer_that_is_deleted_takes_its_values_with_it(service: Service) {
        with_people(&service, 4).await;
        let rows: Vec<Value> = (1..=4).map(|customer| value(customer, 1, "x")).collect();
        put(&service, json!(rows)).await;
        service.delete("modify", "/v3/customers?id:in=1").await;
        service.delete("modify", "/v2/customers/2").await;
        let left = service.get("read", VALUES).await;
        assert_eq!(left.ids(), [3, 4]);
        service.delete("modify", "/v2/customers").await;
        assert_eq!(service.get("read", VALUES).await.ids(), Vec::<i64>::new());
        sound(&service).await;
    }

    async fn customers_are_listed_with_their_attributes_when_asked(service: Service) {
        with_people(&service, 2).await;
        put(&service, json!([value(1, 1, "Ada"), value(1, 2, "36")])).await;
        let answer = service.get("read", &format!("{CUSTOMERS}?include=attributes")).await;
        shows(&answer, "with attributes");
        let data = answer.json()["data"].clone();
        assert_eq!((&data[0]["attribute_count"], &data[0]["attributes"]), (&json!(0), &json!([])));
        assert_eq!(data[1]["attribute_count"], 2);
        let plain = service.get("read", CUSTOMERS).await.json();
        assert!(plain["data"][1].get("attributes").is_none() && plain["data"][1].get("attribute_count").is_none());
        let empty = service.get("read", &format!("{CUSTOMERS}?include=attributes,storecredit&id:in=99")).await;
        assert_eq!(empty.status, 200);
        let by_cursor = service.get("read", &format!("{CUSTOMERS}?include=attributes&after=eyJpZCI6Mn0")).await;
        assert_eq!(by_cursor.json()["data"][0]["attributes"][1]["attribute_value"], "36");
    }

    async fn of_more_than_ten_values_ten_are_shown_with_their_customer_and_all_are_counted(service: Service) {
        service.crowd(1).await;
        let attributes: Vec<Value> = (1..=12).map(|n| json!({"name": format!("a{n}"), "type": "string"})).collect();
        assert_eq!(service.post("modify", ATTRIBUTES, json!(attributes)).await.status, 200);
        let rows: Vec<Value> = (1..=12).map(|attribute| value(1, attribute, "x")).collect();
        put(&service, json!(rows)).await;
        let customer = service.get("read", &format!("{CUSTOMERS}?include=attributes")).await.json()["data"][0].clone();
        assert_eq!((&customer["attribute_count"], customer["attributes"].as_array().unwrap().len()), (&json!(12), 10));
    }

    async fn a_customer_is_made_with_its_attributes_and_they_are_echoed_only_where_they_were_sent(service: Service) {
        with_people(&service, 1).await;
        let sent = json!([
            {"email": "a@b.c", "first_name": "A", "last_name": "B",
                "attributes": [{"attribute_id": 2, "attribute_value": "36"}, {"attribute_id": 1, "attribute_value": "Ada"}]},
            {"email": "b@b.c", "first_name": "A", "last_name": "B"},
            {"email": "c@b.c", "first_name": "A", "last_name": "B", "attributes": []},
            {"email": "d@b.c", "first_name": "A", "last_name": "B", "attributes": null},
        ]);
        let answer = service.post("modify", CUSTOMERS, sent).await;
        shows(&answer, "with attributes");
        let data = answer.json()["data"].clone();
        assert_eq!(data[0]["attributes"][0]["attribute_value"], "36");
        assert!(data[1].get("attributes").is_none() && data[3].get("attribute_count").is_none());
        assert_eq!((&data[2]["attribute_count"], &data[2]["attributes"]), (&json!(0), &json!([])));
        assert_eq!(service.get("read", &format!("{VALUES}?customer_id:in=2")).await.ids(), [1, 2]);
        // A later PUT does not show them, nor change them.
        let changed = service.put("modify", CUSTOMERS, json!([{"id": 2, "company": "X", "attributes": [{"attribute_id": 2}]}])).await;
        assert!(changed.json()["data"][0].get("attributes").is_none());
        assert_eq!(service.get("read", VALUES).await.ids(), [1, 2]);
    }

    async fn a_fault_in_the_attributes_of_a_new_customer_names_its_place_and_nothing_is_made(service: Service) {
        with_people(&service, 1).await;
        let before = service.dump().await;
        let ask = async |attributes: Value| {
            let rows = json!([
                {"email": "a@b.c", "first_name": "A", "last_name": "B"},
                {"email": "b@b.c", "first_name": "A", "last_name": "B", "attributes": attributes},
            ]);
            service.post("modify", CUSTOMERS, rows).await
        };
        let good = json!({"attribute_id": 1, "attribute_value": "x"});
        for (sent, path, word) in [
            (json!([good, {"attribute_id": 2}]), "1.attributes.1.attribute_value", "error.path.missing"),
            (json!([{"attribute_value": "x"}]), "1.attributes.0.attribute_id", "error.path.missing"),
            (json!([good, {"attribute_id": 2, "attribute_value": 5}]), "1.attributes.1.attribute_value", "error.expected.jsstring"),
            (json!([5]), "1.attributes.0", "error.expected.jsobject"),
            (json!("x"), "1.attributes", "error.expected.jsarray"),
            (Value::from(vec![good.clone(); 11]), "1.attributes", "error.maxLength"),
        ] {
            ask(sent).await.refused(422, INVALID, &json!({path: word}));
        }
        for (sent, path, rule) in [
            (json!([good, {"attribute_id": 2, "attribute_value": "old"}]), "1.attributes.1.attribute_value", "must be a number"),
            (json!([{"attribute_id": 9, "attribute_value": "x"}]), "1.attributes.0.attribute_id", "invalid attribute ID"),
            (json!([good, good]), "1.attributes.1.attribute_id", "is given twice"),
        ] {
            let answer = ask(sent).await;
            answer.refused(422, "Create customers failed.", &json!({path: rule}));
            if rule == "must be a number" {
                shows(&answer, "attribute of another type");
            }
        }
        assert_eq!(service.dump().await, before);
    }

    async fn values_set_at_once_are_one_for_a_customer_and_an_attribute(service: Service) {
        with_people(&service, 3).await;
        for round in 0..6 {
            let requests = (0..12_i64).map(|n| {
                let service = service.clone();
                let rows: Vec<Value> = (1..=3).map(|customer| value(customer, 1 + (round % 3), &format!("{}", n * 10))).collect();
                let rows = if n % 2 == 0 { rows } else { rows.into_iter().rev().collect() };
                async move { service.put("modify", VALUES, json!(rows)).await }
            });
            for answer in at_once(requests).await {
                assert!(matches!(answer.status, 200 | 422), "{answer}");
                assert_eq!(answer.status == 422, round % 3 == 2, "only numbers are no dates: {answer}");
            }
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM attribute_value").await, 6);
        let kinds = service.texts("SELECT DISTINCT value FROM attribute_value WHERE attribute_id = 1").await;
        assert_eq!(kinds.len(), 1, "each request is kept whole: {kinds:?}");
        sound(&service).await;
    }

    async fn no_value_outlives_a_customer_that_is_deleted_meanwhile(service: Service) {
        with_people(&service, 1).await;
        for round in 0..10_i64 {
            let id = service.made(json!([{"email": format!("{round}@b.c"), "first_name": "A", "last_name": "B"}])).await[0];
            let requests = (0..4_i64).map(|n| {
                let service = service.clone();
                async move {
                    match n {
                        0 => service.delete("modify", &format!("{CUSTOMERS}?id:in={id}")).await,
                        1 => service.delete("modify", &format!("{VALUES}?id:in={}", round + 1)).await,
                        _ => service.put("modify", VALUES, json!([value(1, 2, "1"), value(id, 1, "x")])).await,
                    }
                }
            });
            for answer in at_once(requests).await {
                assert!(matches!(answer.status, 200 | 204 | 422), "{answer}");
            }
            sound(&service).await;
        }
    }

    async fn values_of_one_store_are_none_of_anothers(service: Service) {
        with_people(&service, 2).await;
        put(&service, json!([value(1, 1, "a"), value(2, 1, "b")])).await;
        let zenith = "/stores/zenith/v3/customers/attribute-values";
        let rows = json!([{"email": "z@b.c", "first_name": "Z", "last_name": "Z"}]);
        assert_eq!(service.post("other", "/stores/zenith/v3/customers", rows).await.ids(), [1]);
        let before = service.texts("SELECT value FROM attribute_value ORDER BY value_id").await;
        assert_eq!(service.put("other", zenith, json!([value(1, 1, "mine")])).await.status, 422);
        assert_eq!(service.put("other", zenith, json!([value(2, 1, "mine")])).await.status, 422);
        let nested = json!([{"email": "y@b.c", "first_name": "Z", "last_name": "Z", "attributes": [{"attribute_id": 1, "attribute_value": "x"}]}]);
        assert_eq!(service.post("other", "/stores/zenith/v3/customers", nested).await.status, 422);
        service.delete("other", &format!("{zenith}?id:in=1,2")).await;
        service.delete("other", "/stores/zenith/v3/customers?id:in=1,2").await;
        assert_eq!(service.get("other", &format!("{zenith}?customer_id:in=1,2&name=Nickname")).await.json()["meta"]["pagination"]["total"], 0);
        assert_eq!(service.texts("SELECT value FROM attribute_value ORDER BY value_id").await, before);
    }
}
