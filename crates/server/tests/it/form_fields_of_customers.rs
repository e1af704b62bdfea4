//! `form_fields` in the bodies of customers, V3 and V2.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::{
    form_fields::{defined, one_of_each},
    shows,
};

const ALL: &str = "/v3/customers";
const INVALID: &str = "JSON data is missing or invalid";

fn person(email: &str, form_fields: &Value) -> Value {
    json!({"email": email, "first_name": "A", "last_name": "B", "form_fields": form_fields})
}

fn size(value: &str) -> Value {
    json!([{"name": "shirt_size", "value": value}])
}

/// The published example's field, and a list of numbers.
async fn with_a_form(service: &Service) {
    let size = json!({"name": "shirt_size", "type": "picklist", "choices": ["Small", "Large"]});
    defined(service, json!([size, {"name": "age", "type": "numbers"}])).await;
}

/// The keys of a body's first row, in order.
fn last_key(text: &str) -> String {
    let row = text.split_once("}],\"meta\"").unwrap().0;
    row.rsplit_once(",\"form_fields\":").map_or_else(String::new, |(_, rest)| rest.to_owned() + "}")
}

on_each_engine! {
    async fn a_post_takes_values_and_echoes_them_at_the_end_where_they_were_sent(service: Service) {
        with_a_form(&service).await;
        let answer = service
            .post("modify", ALL, json!([person("a@b.c", &size("Large")), person("b@b.c", &Value::Null)]))
            .await;
        shows(&answer, "with form fields");
        let data = &answer.json()["data"];
        assert_eq!(data[0]["form_fields"], json!([{"customer_id": 1, "name": "shirt_size", "value": "Large"}]));
        assert_eq!(data[1].get("form_fields"), None, "not sent, not echoed");
        let empty = service.post("modify", ALL, json!([person("c@b.c", &json!([]))])).await;
        assert_eq!(last_key(&empty.text()), "[]}", "{empty}");
        assert_eq!(service.events().await.len(), 3, "one event for each customer");
    }

    async fn a_put_sets_what_it_names_and_leaves_the_rest(service: Service) {
        with_a_form(&service).await;
        let both = json!([{"name": "age", "value": 33}, {"name": "shirt_size", "value": "Large"}]);
        service.made(json!([person("a@b.c", &both)])).await;
        service.set_seconds(60);
        let answer = service.put("modify", ALL, json!([{"id": 1, "form_fields": size("Small")}])).await;
        shows(&answer, "form fields");
        assert_eq!(
            answer.json()["data"][0]["form_fields"],
            json!([{"customer_id": 1, "name": "shirt_size", "value": "Small"}, {"customer_id": 1, "name": "age", "value": 33}])
        );
        assert_eq!(answer.json()["data"][0]["date_modified"], "2024-06-01T12:01:00Z");
        assert_eq!(service.audit().await.last().unwrap(), "customer.updated 1 [form_fields]");
        assert_eq!(service.events().await.len(), 1, "no first value, no event");
        let plain = service.put("modify", ALL, json!([{"id": 1, "company": "X"}])).await;
        assert_eq!(plain.json()["data"][0].get("form_fields"), None, "not sent, not echoed");
    }

    async fn a_put_of_the_same_values_changes_nothing(service: Service) {
        with_a_form(&service).await;
        service.made(json!([person("a@b.c", &size("Large"))])).await;
        service.set_seconds(60);
        let before = service.dump().await;
        for row in [json!({"id": 1, "form_fields": size("Large")}), json!({"id": 1, "form_fields": []})] {
            assert_eq!(service.put("modify", ALL, json!([row])).await.status, 200);
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_change_of_fields_and_values_is_one_event(service: Service) {
        with_a_form(&service).await;
        service.made(json!([person("a@b.c", &json!([]))])).await;
        let rows = json!([
            {"id": 1, "company": "X", "form_fields": size("Large")},
            {"id": 1, "form_fields": size("Small")},
        ]);
        let answer = service.put("modify", ALL, rows).await;
        for row in answer.json()["data"].as_array().unwrap() {
            assert_eq!(row["form_fields"][0]["value"], "Small", "{answer}");
        }
        assert_eq!(service.events().await.len(), 2);
        assert_eq!(service.audit().await.last().unwrap(), "customer.updated 1 [company form_fields]");
    }

    async fn included_values_come_last_and_only_where_they_are_asked_for(service: Service) {
        with_a_form(&service).await;
        service.made(json!([person("a@b.c", &size("Large")), person("b@b.c", &json!([]))])).await;
        let listed = service.get("read", "/v3/customers?include=formfields").await;
        shows(&listed, "with form fields");
        let data = listed.json()["data"].clone();
        assert_eq!(data[0]["form_fields"], json!([]));
        assert_eq!(data[1]["form_fields"], json!([{"customer_id": 1, "name": "shirt_size", "value": "Large"}]));
        assert_eq!(last_key(&listed.text()), r#"[{"customer_id":1,"name":"shirt_size","value":"Large"}]}"#);
        let plain = service.get("read", ALL).await;
        assert_eq!(plain.json()["data"][1].get("form_fields"), None);
        let none = service.get("read", "/v3/customers?include=formfields&id:in=99").await;
        assert_eq!(none.ids(), [0; 0]);
    }

    async fn a_value_that_cannot_be_is_told_by_its_path_and_nothing_is_kept(service: Service) {
        with_a_form(&service).await;
        service.made(json!([person("a@b.c", &json!([]))])).await;
        let before = service.dump().await;
        let unknown = json!([{"name": "age", "value": 1}, {"name": "shoe", "value": 1}, {"name": "age", "value": "x"}]);
        let broken = json!({"0.form_fields.1.name": "no such customer form field", "0.form_fields.2.value": "must be a number"});
        let made = service.post("modify", ALL, json!([person("new@b.c", &unknown)])).await;
        shows(&made, "unknown form field");
        made.refused(422, "Create customers failed.", &broken);
        let put = service.put("modify", ALL, json!([{"id": 1, "company": "X", "form_fields": unknown}])).await;
        put.refused(422, "Update customers failed.", &broken);
        for (form_fields, path, word) in [
            (json!("x"), "0.form_fields", "error.expected.jsarray"),
            (json!({}), "0.form_fields", "error.expected.jsarray"),
            (json!([1]), "0.form_fields.0", "error.expected.jsobject"),
            (json!([{"value": "x"}]), "0.form_fields.0.name", "error.path.missing"),
            (json!([{"name": "age"}]), "0.form_fields.0.value", "error.path.missing"),
            (json!([{"name": "age", "value": null}]), "0.form_fields.0.value", "error.expected.formfieldvalue"),
            (json!([{"name": "age", "value": [[]]}]), "0.form_fields.0.value.0", "error.expected.jsstring"),
        ] {
            let answer = service.post("modify", ALL, json!([person("new@b.c", &form_fields)])).await;
            answer.refused(422, INVALID, &json!({path: word}));
            let answer = service.put("modify", ALL, json!([{"id": 1, "form_fields": form_fields}])).await;
            answer.refused(422, INVALID, &json!({path: word}));
        }
        assert_eq!(service.dump().await, before, "also no number was used up");
    }

    async fn many_thousand_items_are_no_fault_of_the_server(service: Service) {
        with_a_form(&service).await;
        let many = |name: &str| Value::from(vec![json!({"name": name, "value": ""}); 20_000]);
        let names: Vec<Value> = (0..5_000).map(|n| json!({"name": format!("f{n}"), "value": ""})).collect();
        assert_eq!(service.post("modify", ALL, json!([person("a@b.c", &many("age"))])).await.status, 200);
        assert_eq!(service.post("modify", ALL, json!([person("b@b.c", &json!(names))])).await.status, 422);
    }

    async fn a_customer_may_be_made_without_a_required_field(service: Service) {
        defined(&service, json!([{"name": "a", "type": "text", "required": true}])).await;
        service.made(json!([person("a@b.c", &Value::Null), person("b@b.c", &json!([]))])).await;
        let sent = json!({"email": "c@b.c", "first_name": "A", "last_name": "B"});
        assert_eq!(service.post("modify", "/v2/customers", sent).await.status, 201);
    }

    async fn v2_shows_values_as_texts_and_null_where_there_are_none(service: Service) {
        one_of_each(&service).await;
        let all = json!([
            {"name": "text", "value": "a/b"}, {"name": "numbers", "value": 12.5},
            {"name": "checkboxes", "value": ["S", "L"]}, {"name": "date", "value": "2024-05-14"},
        ]);
        service.made(json!([person("a@b.c", &all), person("b@b.c", &Value::Null)])).await;
        let one = service.get("read", "/v2/customers/1").await;
        shows(&one, "with form fields");
        let texts = json!([
            {"name": "text", "value": "a/b"}, {"name": "numbers", "value": "12.5"},
            {"name": "date", "value": "2024-05-14"}, {"name": "checkboxes", "value": "S, L"},
        ]);
        assert_eq!(one.json()["form_fields"], texts);
        let listed = service.get("read", "/v2/customers").await.json();
        assert_eq!((&listed[0]["form_fields"], &listed[1]["form_fields"]), (&texts, &Value::Null));
        let changed = service.put("modify", "/v2/customers/1", json!({"company": "X"})).await;
        assert_eq!(changed.json()["form_fields"], texts);
        let made = json!({"email": "c@b.c", "first_name": "A", "last_name": "B"});
        assert_eq!(service.post("modify", "/v2/customers", made).await.json()["form_fields"], Value::Null);
    }

    /// Ruling 22 and observed.md 8.3.
    async fn in_v2_values_may_be_sent_back_and_others_are_refused_in_the_recorded_words(
        service: Service,
    ) {
        one_of_each(&service).await;
        let all = json!([{"name": "numbers", "value": 12.5}, {"name": "checkboxes", "value": ["S", "L"]}]);
        service.made(json!([person("a@b.c", &all)])).await;
        service.set_seconds(60);
        let before = service.dump().await;
        let whole = service.get("read", "/v2/customers/1").await.json();
        let answer = service.put("modify", "/v2/customers/1", whole.clone()).await;
        assert_eq!((answer.status, answer.json()), (200, whole), "{answer}");
        for same in [json!(null), json!([]), json!([{"name": "numbers", "value": "12.5"}])] {
            let answer = service.put("modify", "/v2/customers/1", json!({"form_fields": same})).await;
            assert_eq!(answer.status, 200, "{answer}");
        }
        let other = json!({"company": "X", "form_fields": [{"name": "numbers", "value": "13"}]});
        let answer = service.put("modify", "/v2/customers/1", other.clone()).await;
        shows(&answer, "other form fields");
        answer.declined(400, "The field 'name' is invalid.");
        let unknown = json!({"form_fields": [{"name": "x", "value": null}]});
        service.put("modify", "/v2/customers/1", unknown).await.declined(400, "The field 'name' is invalid.");
        for unreadable in [json!("x"), json!([1]), json!([{}]), json!([{"name": "numbers", "value": 12.5}])] {
            let answer = service.put("modify", "/v2/customers/1", json!({"form_fields": unreadable})).await;
            answer.declined(400, "The field 'form_fields' is invalid.");
        }
        service.put("modify", "/v2/customers/99", other).await.declined(404, "The requested resource was not found.");
        assert_eq!(service.dump().await, before);
        let ignored = json!({"email": "b@b.c", "first_name": "A", "last_name": "B", "form_fields": [{"name": "x"}]});
        let made = service.post("modify", "/v2/customers", ignored).await;
        assert_eq!((made.status, made.json()["form_fields"].clone()), (201, Value::Null), "{made}");
    }
}
