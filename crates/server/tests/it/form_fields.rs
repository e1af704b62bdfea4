//! What a store asks on its forms. Nobody has published an operation for it: these are ours.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::shows;

pub(crate) const FIELDS: &str = "/stores/acme/custodia/form-fields";
const INVALID: &str = "JSON data is missing or invalid";
const FAILED: &str = "Define form fields failed.";

/// Define fields of acme that must be taken; their ids.
pub(crate) async fn defined(service: &Service, rows: Value) -> Vec<i64> {
    let answer = service.put("modify", FIELDS, rows).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.ids()
}

/// One field of every kind, for customers, with the ids 1 to 8 and its kind as its name.
pub(crate) async fn one_of_each(service: &Service) {
    let choices = json!(["S", "M", "L"]);
    let row = |kind: &str| match kind {
        "checkboxes" | "radiobuttons" | "picklist" => {
            json!({"name": kind, "type": kind, "choices": choices})
        }
        _ => json!({"name": kind, "type": kind}),
    };
    let rows: Vec<Value> = KINDS.iter().map(|kind| row(kind)).collect();
    assert_eq!(defined(service, Value::from(rows)).await, (1..=8).collect::<Vec<_>>());
}

const KINDS: [&str; 8] =
    ["text", "multiline", "password", "numbers", "date", "checkboxes", "radiobuttons", "picklist"];

on_each_engine! {
    async fn fields_are_defined_listed_and_deleted(service: Service) {
        let answer = service
            .put(
                "modify",
                FIELDS,
                json!([
                    {"name": "shirt_size", "type": "picklist", "for": "customer", "required": true,
                        "choices": ["S", "M", "L"]},
                    {"name": "Special Delivery Instructions", "type": "multiline", "for": "address"},
                ]),
            )
            .await;
        shows(&answer, "two");
        assert_eq!((answer.status, answer.ids()), (200, vec![1, 2]));
        let listed = service.get("read", FIELDS).await;
        shows(&listed, "two");
        assert_eq!(listed.json()["data"], answer.json()["data"]);
        let gone = service.delete("modify", &format!("{FIELDS}?id:in=1,99")).await;
        shows(&gone, "one");
        assert_eq!((gone.status, gone.body.len()), (204, 0));
        assert_eq!(service.get("read", FIELDS).await.ids(), [2]);
        assert_eq!(
            service.audit().await,
            ["form_field.defined 1 []", "form_field.defined 2 []", "form_field.deleted 1 []"]
        );
        assert!(service.events().await.is_empty(), "no event tells of a definition");
        assert_eq!(service.number("SELECT COUNT(*) FROM form_field").await, 1);
    }

    async fn every_published_kind_can_be_defined_and_filtered_by(service: Service) {
        one_of_each(&service).await;
        for (at, kind) in KINDS.iter().enumerate() {
            let listed = service.get("read", &format!("{FIELDS}?type={kind}")).await;
            assert_eq!(listed.ids(), [i64::try_from(at).unwrap() + 1], "{listed}");
        }
        defined(&service, json!([{"name": "door", "type": "text", "for": "address"}])).await;
        assert_eq!(service.get("read", &format!("{FIELDS}?for=address")).await.ids(), [9]);
        let page = service.get("read", &format!("{FIELDS}?for=customer&limit=3&page=2")).await;
        assert_eq!(page.ids(), [4, 5, 6]);
        assert_eq!(page.json()["meta"]["pagination"]["total"], 8);
        for query in ["type=selectbox", "for=order", "limit=0"] {
            let answer = service.get("read", &format!("{FIELDS}?{query}")).await;
            assert_eq!(answer.status, 422, "{answer}");
        }
    }

    async fn a_name_is_one_fields_on_each_form_and_is_compared_as_written(service: Service) {
        let rows = json!([
            {"name": "color", "type": "text"},
            {"name": "Color", "type": "text"},
            {"name": "color", "type": "date", "for": "address"},
        ]);
        assert_eq!(defined(&service, rows).await, [1, 2, 3]);
        assert_eq!(defined(&service, json!([{"name": "color", "type": "text"}])).await, [1]);
    }

    async fn a_definition_again_takes_its_place_but_for_the_type(service: Service) {
        let size = |choices: Value| json!([{"name": "size", "type": "picklist", "choices": choices}]);
        defined(&service, size(json!(["S"]))).await;
        defined(&service, size(json!(["S"]))).await;
        assert_eq!(service.audit().await.len(), 1, "the same again is no change");
        assert_eq!(defined(&service, size(json!(["S", "M"]))).await, [1]);
        assert_eq!(
            service.get("read", FIELDS).await.json()["data"][0]["choices"],
            json!(["S", "M"])
        );
        let before = service.dump().await;
        let answer = service
            .put("modify", FIELDS, json!([{"name": "new", "type": "text"}, {"name": "size", "type": "text"}]))
            .await;
        shows(&answer, "another type");
        answer.refused(422, FAILED, &json!({"1.type": "is picklist and cannot change"}));
        assert_eq!(service.dump().await, before);
    }

    async fn every_fault_of_a_definition_is_told(service: Service) {
        let before = service.dump().await;
        let length = "must be 1 to 255 characters long";
        for (row, title, errors) in [
            (json!({}), INVALID, json!({"0.name": "error.path.missing", "0.type": "error.path.missing"})),
            (
                json!({"name": 5, "type": "selectbox", "for": "order", "required": 1, "choices": ["a", 1]}),
                INVALID,
                json!({
                    "0.name": "error.expected.jsstring", "0.type": "error.expected.validenumvalue",
                    "0.for": "error.expected.validenumvalue", "0.required": "error.expected.jsboolean",
                    "0.choices.1": "error.expected.jsstring",
                }),
            ),
            (json!({"name": "a\u{0}", "type": "text"}), INVALID, json!({"0.name": "error.expected.text.without.nul"})),
            (json!(5), INVALID, json!({"0": "error.expected.jsobject"})),
            (json!({"name": "", "type": "text"}), FAILED, json!({"0.name": length})),
            (json!({"name": "n".repeat(256), "type": "text"}), FAILED, json!({"0.name": length})),
            (
                json!({"name": "n", "type": "picklist"}),
                FAILED,
                json!({"0.choices": "must be 1 to 250 choices"}),
            ),
            (
                json!({"name": "n", "type": "text", "choices": ["a"]}),
                FAILED,
                json!({"0.choices": "a field of type text has no choices"}),
            ),
            (
                json!({"name": "n", "type": "checkboxes", "choices": ["a", "a"]}),
                FAILED,
                json!({"0.choices": "each must be there once"}),
            ),
            (
                json!({"name": "n", "type": "checkboxes", "choices": ["a\nb"]}),
                FAILED,
                json!({"0.choices": "each must be one line of 1 to 255 characters"}),
            ),
        ] {
            service.put("modify", FIELDS, json!([row])).await.refused(422, title, &errors);
        }
        let object = service.put("modify", FIELDS, json!({"name": "n", "type": "text"})).await;
        object.refused(422, INVALID, &json!({"obj": "error.expected.jsarray"}));
        let row = json!({"name": "n", "type": "text"});
        let many = service.put("modify", FIELDS, Value::from(vec![row; 251])).await;
        many.refused(422, "Max batch size allowed is 250", &json!({}));
        assert_eq!(service.put("modify", FIELDS, json!([])).await.ids(), [0; 0]);
        assert_eq!(service.dump().await, before);
    }

    async fn a_form_has_fifty_fields_at_most(service: Service) {
        let rows: Vec<Value> =
            (0..50).map(|n| json!({"name": format!("f{n}"), "type": "text"})).collect();
        defined(&service, Value::from(rows)).await;
        let answer = service.put("modify", FIELDS, json!([{"name": "more", "type": "text"}])).await;
        answer.refused(422, FAILED, &json!({"0.name": "a store has at most 50 customer form fields"}));
        defined(&service, json!([{"name": "more", "type": "text", "for": "address"}])).await;
        service.delete("modify", &format!("{FIELDS}?id:in=1")).await;
        defined(&service, json!([{"name": "more", "type": "text"}])).await;
    }

    async fn a_deleted_fields_name_is_free_and_its_id_is_not_given_again(service: Service) {
        defined(&service, json!([{"name": "n", "type": "text"}])).await;
        service.delete("modify", &format!("{FIELDS}?id:in=1")).await;
        assert_eq!(defined(&service, json!([{"name": "n", "type": "date"}])).await, [2]);
        let before = service.dump().await;
        for query in ["", "?id:in=1", "?id:in=9223372036854775807,0,-1"] {
            assert_eq!(service.delete("modify", &format!("{FIELDS}{query}")).await.status, 204);
        }
        assert_eq!(service.delete("modify", &format!("{FIELDS}?id:in=x")).await.status, 422);
        assert_eq!(service.dump().await, before);
    }

    async fn a_store_sees_and_deletes_its_own_fields_alone(service: Service) {
        const THEIRS: &str = "/stores/zenith/custodia/form-fields";
        defined(&service, json!([{"name": "n", "type": "text"}])).await;
        let theirs = service.put("other", THEIRS, json!([{"name": "n", "type": "date"}])).await;
        assert_eq!(theirs.ids(), [1]);
        assert_eq!(service.delete("other", &format!("{THEIRS}?id:in=1")).await.status, 204);
        assert_eq!(service.get("other", THEIRS).await.ids(), [0; 0]);
        assert_eq!(service.get("read", FIELDS).await.json()["data"][0]["type"], "text");
    }
}
