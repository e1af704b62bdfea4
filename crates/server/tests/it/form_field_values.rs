//! `GET` and `PUT /v3/customers/form-field-values`.

use serde_json::{Value, json};
use testkit::{Answer, Service, on_each_engine};

use crate::{
    form_fields::{FIELDS, defined, one_of_each},
    shows,
};

const VALUES: &str = "/v3/customers/form-field-values";
const INVALID: &str = "JSON data is missing or invalid";
const FAILED: &str = "Update form field values failed.";

fn value(customer: i64, name: &str, value: impl Into<Value>) -> Value {
    json!({"customer_id": customer, "name": name, "value": value.into()})
}

/// Set values that must be taken.
async fn set(service: &Service, rows: Value) -> Answer {
    let answer = service.put("modify", VALUES, rows).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer
}

/// The published example's three fields, and customers 1 to 3.
async fn with_a_form(service: &Service) {
    defined(
        service,
        json!([
            {"name": "Sales Rep", "type": "text"},
            {"name": "How did you hear about us?", "type": "radiobuttons", "choices": ["Friend", "Email", "Other"]},
            {"name": "What is your favorite pizza topping?", "type": "picklist",
                "choices": ["Black olives", "Mushrooms", "Green pepper"]},
        ]),
    )
    .await;
    service.crowd(3).await;
}

/// Values `{customer}.{n}` of two text fields, for each of five customers.
async fn ten(service: &Service) {
    defined(service, json!([{"name": "a", "type": "text"}, {"name": "b", "type": "multiline"}]))
        .await;
    service.crowd(5).await;
    // Sessions are numbered in the order in which forms are first filled in.
    for customer in [2, 1, 3, 4, 5] {
        let rows = json!([
            value(customer, "a", format!("{customer}.a")),
            value(customer, "b", format!("{customer}.b"))
        ]);
        set(service, rows).await;
    }
}

/// The values of a page, in order.
fn shown(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer}");
    let data = answer.json()["data"].clone();
    data.as_array().unwrap().iter().map(|row| row["value"].as_str().unwrap().to_owned()).collect()
}

on_each_engine! {
    async fn the_published_upsert_is_answered_as_published_and_listed(service: Service) {
        with_a_form(&service).await;
        let rows = json!([
            value(2, "Sales Rep", "Miss Moneypenny"),
            value(2, "How did you hear about us?", "Other"),
            value(2, "What is your favorite pizza topping?", "Mushrooms"),
        ]);
        let answer = set(&service, rows).await;
        shows(&answer, "the published example");
        assert!(answer.text().starts_with(r#"{"data":[{"customer_id":2,"name":"Sales Rep","value":"Miss Moneypenny"},"#));
        assert!(answer.text().ends_with(r#""meta":{}}"#));
        let listed = service.get("read", VALUES).await;
        shows(&listed, "three");
        assert_eq!(listed.json()["data"], answer.json()["data"]);
        // Both ends of the page, as the published cursor decodes.
        let cursors = &listed.json()["meta"]["cursor_pagination"];
        assert_eq!(cursors["start_cursor"], "eyJzZXNzaW9uSWQiOjEsImZpZWxkSWQiOjF9");
        assert_eq!(cursors["end_cursor"], "eyJzZXNzaW9uSWQiOjEsImZpZWxkSWQiOjN9");
    }

    async fn before_there_are_any_the_list_is_empty_and_has_no_page(service: Service) {
        let listed = service.get("read", VALUES).await;
        shows(&listed, "empty");
        listed.is_just(concat!(
            r#"{"data":[],"meta":{"pagination":{"total":0,"count":0,"per_page":50,"current_page":1,"total_pages":0},"#,
            r#""cursor_pagination":{"count":0,"per_page":50,"links":{}}}}"#,
        ));
    }

    async fn each_type_takes_its_own_values_and_shows_them(service: Service) {
        one_of_each(&service).await;
        service.crowd(1).await;
        for (name, sent, kept) in [
            ("text", json!("Ünï <b>&amp;</b> ' $1"), json!("Ünï <b>&amp;</b> ' $1")),
            ("multiline", json!("a\r\nb\n"), json!("a\r\nb\n")),
            ("password", json!("hunter22"), json!("hunter22")),
            ("numbers", json!(12.345), json!(12.345)),
            ("numbers", json!("7"), json!(7)),
            ("numbers", json!(-3), json!(-3)),
            ("date", json!("2024-05-14"), json!("2024-05-14")),
            ("date", json!("2024-05-14T09:34:00"), json!("2024-05-14T09:34:00")),
            ("checkboxes", json!(["L", "S", "L"]), json!(["S", "L"])),
            ("radiobuttons", json!("M"), json!("M")),
            ("picklist", json!("L"), json!("L")),
        ] {
            let answer = set(&service, json!([value(1, name, sent)])).await;
            assert_eq!(answer.json()["data"][0]["value"], kept, "{answer}");
            let listed = service.get("read", &format!("{VALUES}?field_name={name}")).await;
            assert_eq!(listed.json()["data"], json!([value(1, name, kept)]), "{listed}");
        }
        shows(&service.get("read", VALUES).await, "one of each type");
    }

    async fn every_number_that_is_taken_can_be_shown(service: Service) {
        one_of_each(&service).await;
        service.crowd(1).await;
        let mut taken = 0;
        for sent in [
            json!("-0"), json!("0e999"), json!("1e-999"), json!("0e99999999999999999999"), json!("1e308"), json!("1E+3"),
            json!("1e309"), json!("123456789012345678901234567890"), json!("0.1234567890123456789"), json!(u64::MAX),
            json!(i64::MIN), json!(1e-300), json!("18446744073709551616"), json!(f64::MAX),
        ] {
            let answer = service.put("modify", VALUES, json!([value(1, "numbers", sent)])).await;
            assert!(matches!(answer.status, 200 | 422), "{answer}");
            taken += usize::from(answer.status == 200);
            let listed = service.get("read", VALUES).await;
            assert!(listed.json()["data"][0]["value"].is_number(), "{listed}");
        }
        assert_eq!(taken, 13);
    }

    async fn a_value_of_another_type_is_refused_by_its_rule(service: Service) {
        one_of_each(&service).await;
        service.crowd(1).await;
        let before = service.dump().await;
        let text = "must be a text of at most 10000 bytes";
        let one = "must be one of the choices of the field";
        let date = "must be a date, such as 2024-05-14";
        let list = "must be a list of choices of the field";
        for (name, sent, rule) in [
            ("text", json!(5), text),
            ("text", json!(["S"]), text),
            ("text", json!("a".repeat(10_001)), text),
            ("multiline", json!(5), text),
            ("password", json!([]), text),
            ("numbers", json!("seven"), "must be a number"),
            ("numbers", json!("007"), "must be a number"),
            ("numbers", json!(["7"]), "must be a number"),
            ("date", json!("2024-02-30"), date),
            ("date", json!("1717243200"), date),
            ("date", json!(20_240_514), date),
            ("checkboxes", json!("S"), list),
            ("checkboxes", json!(["S", "XXL"]), list),
            ("radiobuttons", json!("s"), one),
            ("radiobuttons", json!(["S"]), one),
            ("picklist", json!("XXL"), one),
        ] {
            let answer = service.put("modify", VALUES, json!([value(1, name, sent)])).await;
            answer.refused(422, FAILED, &json!({"0.value": rule}));
        }
        assert_eq!(service.dump().await, before);
    }

    async fn an_unknown_field_is_422_and_of_a_batch_only_the_first_row_at_fault_is_told(
        service: Service,
    ) {
        with_a_form(&service).await;
        let before = service.dump().await;
        let rows = json!([value(1, "Sales Rep", "x"), value(1, "sales rep", "x"), value(2, "none", "x")]);
        let answer = service.put("modify", VALUES, rows).await;
        shows(&answer, "unknown field");
        answer.refused(422, FAILED, &json!({"1.name": "no such customer form field"}));
        assert_eq!(service.dump().await, before, "nothing of the batch is kept");
    }

    async fn an_unknown_customer_or_address_is_422(service: Service) {
        with_a_form(&service).await;
        let before = service.dump().await;
        for id in [99, 0, -1, i64::from(i32::MAX)] {
            let rows = json!([value(1, "Sales Rep", "x"), value(id, "Sales Rep", "x")]);
            let answer = service.put("modify", VALUES, rows).await;
            answer.refused(422, FAILED, &json!({"1.customer_id": "invalid customer ID"}));
            let rows = json!([{"address_id": id, "name": "Sales Rep", "value": "x"}]);
            let answer = service.put("modify", VALUES, rows).await;
            answer.refused(422, FAILED, &json!({"0.address_id": "invalid address ID"}));
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_row_names_a_customer_or_an_address_and_not_both(service: Service) {
        with_a_form(&service).await;
        let before = service.dump().await;
        let answer = service.put("modify", VALUES, json!([{"name": "Sales Rep", "value": "x"}])).await;
        answer.refused(
            422,
            FAILED,
            &json!({"0.customer_id": "one of customer_id and address_id is required"}),
        );
        let mut both = value(1, "Sales Rep", "x");
        both["address_id"] = json!(1);
        service.put("modify", VALUES, json!([both])).await.refused(
            422,
            FAILED,
            &json!({"0.address_id": "customer_id and address_id cannot be used together"}),
        );
        assert_eq!(service.dump().await, before);
    }

    async fn a_row_that_cannot_be_read_is_told_in_play_json_words(service: Service) {
        with_a_form(&service).await;
        let before = service.dump().await;
        for (row, errors) in [
            (json!({"customer_id": 1}), json!({"0.name": "error.path.missing", "0.value": "error.path.missing"})),
            (value(1, "Sales Rep", Value::Null), json!({"0.value": "error.expected.formfieldvalue"})),
            (value(1, "Sales Rep", true), json!({"0.value": "error.expected.formfieldvalue"})),
            (value(1, "Sales Rep", json!({})), json!({"0.value": "error.expected.formfieldvalue"})),
            (value(1, "Sales Rep", json!(["a", 1])), json!({"0.value.1": "error.expected.jsstring"})),
            (value(1, "Sales Rep", "a\u{0}b"), json!({"0.value": "error.expected.text.without.nul"})),
            (json!({"customer_id": "1", "name": 5, "value": "x"}),
                json!({"0.customer_id": "error.expected.jsnumber", "0.name": "error.expected.jsstring"})),
            (json!({"customer_id": 99_999_999_999_i64, "name": "Sales Rep", "value": "x"}),
                json!({"0.customer_id": "error.expected.int"})),
            (json!([]), json!({"0": "error.expected.jsobject"})),
        ] {
            service.put("modify", VALUES, json!([row])).await.refused(422, INVALID, &errors);
        }
        let object = service.put("modify", VALUES, value(1, "Sales Rep", "x")).await;
        object.refused(422, INVALID, &json!({"obj": "error.expected.jsarray"}));
        let many = Value::from(vec![value(1, "Sales Rep", "x"); 251]);
        let many = service.put("modify", VALUES, many).await;
        many.refused(422, "Max batch size allowed is 250", &json!({}));
        assert_eq!(set(&service, json!([])).await.json()["data"], json!([]));
        assert_eq!(service.dump().await, before);
    }

    async fn an_empty_text_and_an_empty_list_take_the_value_away(service: Service) {
        one_of_each(&service).await;
        service.crowd(1).await;
        set(&service, json!([value(1, "text", "x"), value(1, "checkboxes", json!(["S"])), value(1, "numbers", 1)])).await;
        let rows = json!([value(1, "text", ""), value(1, "checkboxes", json!([])), value(1, "numbers", "")]);
        let answer = set(&service, rows.clone()).await;
        assert_eq!(answer.json()["data"], rows);
        let listed = service.get("read", VALUES).await;
        assert_eq!((listed.json()["data"].clone(), listed.json()["meta"]["pagination"]["total"].clone()), (json!([]), json!(0)));
        assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 0);
    }

    async fn where_a_field_is_named_twice_the_later_word_counts(service: Service) {
        with_a_form(&service).await;
        let rows = json!([value(1, "Sales Rep", "first"), value(1, "Sales Rep", "second")]);
        let answer = set(&service, rows).await;
        assert_eq!(shown(&answer), ["second", "second"]);
        assert_eq!(shown(&service.get("read", VALUES).await), ["second"]);
    }

    async fn a_change_of_values_is_a_change_of_the_customer_and_one_of_nothing_is_not(
        service: Service,
    ) {
        with_a_form(&service).await;
        let events = service.events().await.len();
        service.set_seconds(60);
        let rows = json!([
            value(1, "Sales Rep", "x"),
            value(1, "How did you hear about us?", "Email"),
            value(3, "Sales Rep", ""),
        ]);
        set(&service, rows.clone()).await;
        assert_eq!(service.events().await[events..], [r#"store/customer/updated {"type":"customer","id":1}"#]);
        assert_eq!(service.audit().await.last().unwrap(), "customer.updated 1 [form_fields]");
        let dates = service.get("read", "/v3/customers?id:in=1,3").await.json()["data"].clone();
        assert_eq!(dates[1]["date_modified"], "2024-06-01T12:01:00Z");
        assert_eq!(dates[0]["date_modified"], "2024-06-01T12:00:00Z", "nothing was taken from nothing");
        service.set_seconds(120);
        let before = service.dump().await;
        set(&service, rows).await;
        assert_eq!(service.dump().await, before);
    }

    async fn a_customers_first_values_are_told_and_no_change_of_them(service: Service) {
        with_a_form(&service).await;
        set(&service, json!([value(1, "Sales Rep", "x"), value(2, "Sales Rep", "x")])).await;
        let changed = json!([value(1, "Sales Rep", "y"), value(2, "Sales Rep", "")]);
        let in_customers = json!([{"id": 1, "form_fields": [{"name": "Sales Rep", "value": "z"}]}]);
        for (at, (path, rows)) in [(VALUES, changed), ("/v3/customers", in_customers)].into_iter().enumerate() {
            let events = service.events().await;
            let seconds = 60 * (i64::try_from(at).unwrap() + 1);
            service.set_seconds(seconds);
            assert_eq!(service.put("modify", path, rows).await.status, 200);
            assert_eq!(service.events().await, events, "{path}");
            assert_eq!(service.audit().await.last().unwrap().split_once(' ').unwrap().0, "customer.updated");
            let row = service.get("read", "/v3/customers?id:in=1").await.json()["data"][0].clone();
            assert_eq!(row["date_modified"], format!("2024-06-01T12:0{}:00Z", at + 1));
        }
        // A value where there was none, beside one that changes; and a change of something else beside.
        let told = r#"store/customer/updated {"type":"customer","id":1}"#;
        let heard = "How did you hear about us?";
        let rows = [
            (VALUES, json!([value(1, "Sales Rep", "a"), value(1, heard, "Email")])),
            ("/v3/customers", json!([{"id": 1, "company": "X", "form_fields": [{"name": heard, "value": "Other"}]}])),
        ];
        for (path, rows) in rows {
            let events = service.events().await.len();
            assert_eq!(service.put("modify", path, rows).await.status, 200);
            assert_eq!(service.events().await[events..], [told], "{path}");
        }
        let events = service.events().await.len();
        let rows = json!([{"id": 2, "form_fields": [{"name": "Sales Rep", "value": "again"}]}]);
        assert_eq!(service.put("modify", "/v3/customers", rows).await.status, 200);
        assert_eq!(service.events().await.len(), events + 1);
    }

    async fn a_field_that_is_required_is_not_demanded(service: Service) {
        defined(&service, json!([{"name": "a", "type": "text", "required": true}, {"name": "b", "type": "text"}])).await;
        service.crowd(1).await;
        set(&service, json!([value(1, "b", "x")])).await;
        set(&service, json!([value(1, "a", "x")])).await;
        set(&service, json!([value(1, "a", "")])).await;
        assert_eq!(shown(&service.get("read", VALUES).await), ["x"]);
    }

    async fn values_are_listed_by_the_form_they_were_given_on_and_every_filter_narrows(
        service: Service,
    ) {
        ten(&service).await;
        let all = ["2.a", "2.b", "1.a", "1.b", "3.a", "3.b", "4.a", "4.b", "5.a", "5.b"];
        for (query, expected) in [
            ("", all.to_vec()),
            ("?customer_id=1", vec!["1.a", "1.b"]),
            ("?customer_id=99", vec![]),
            ("?customer_id=9223372036854775807", vec![]),
            ("?address_id=1", vec![]),
            ("?address_id=0", vec![]),
            ("?customer_id=1&address_id=1", vec![]),
            ("?field_name=b", vec!["2.b", "1.b", "3.b", "4.b", "5.b"]),
            ("?field_name=B", vec![]),
            ("?field_name=a,b", vec![]),
            ("?field_name=", vec![]),
            ("?field_type=text", vec!["2.a", "1.a", "3.a", "4.a", "5.a"]),
            ("?field_type=date", vec![]),
            ("?field_name=a&field_type=multiline", vec![]),
            ("?customer_id=4&field_name=b&field_type=multiline", vec!["4.b"]),
        ] {
            let listed = service.get("read", &format!("{VALUES}{query}")).await;
            assert_eq!(shown(&listed), expected, "{query}");
            assert_eq!(listed.json()["meta"]["pagination"]["total"], expected.len(), "{query}: {listed}");
        }
    }

    async fn a_filter_that_cannot_be_read_is_422(service: Service) {
        for (query, title) in [
            ("customer_id=x", r#"Query parameter "customer_id" value may contain only integer values. For input string: "x"."#),
            ("address_id=", r#"Query parameter "address_id" value may contain only integer values. For input string: ""."#),
            ("customer_id=1,2", r#"Query parameter "customer_id" value may contain only integer values. For input string: "1,2"."#),
            ("field_type=selectbox", r#"Query parameter "field_type" value must be one of: checkboxes, date, multiline, numbers, password, radiobuttons, text, picklist. For input string: "selectbox"."#),
            ("customer_id:in=1", "The filter(s): customer_id:in are not valid filter parameter(s)."),
            ("after=eyJpZCI6MX0", "The cursor is not valid."),
            ("before=x", "The cursor is not valid."),
            ("limit=0", r#"Query parameter "limit" value may contain only positive integers. For input string: "0"."#),
        ] {
            let answer = service.get("read", &format!("{VALUES}?{query}")).await;
            answer.refused(422, title, &json!({}));
        }
        shows(&service.get("read", &format!("{VALUES}?field_type=selectbox")).await, "unknown type");
    }

    async fn pages_and_cursors_walk_through_all_values_and_back(service: Service) {
        ten(&service).await;
        let all = ["2.a", "2.b", "1.a", "1.b", "3.a", "3.b", "4.a", "4.b", "5.a", "5.b"];
        for query in ["", "customer_id=3&", "field_name=b&", "field_type=text&"] {
            let whole = shown(&service.get("read", &format!("{VALUES}?{query}limit=50")).await);
            let mut walked = Vec::new();
            let mut page = service.get("read", &format!("{VALUES}?{query}limit=1")).await;
            loop {
                walked.extend(shown(&page));
                let next = page.json()["meta"]["cursor_pagination"]["links"]["next"].clone();
                let Some(next) = next.as_str() else { break };
                page = service.get("read", &format!("{VALUES}{next}")).await;
            }
            assert_eq!(walked, whole, "{query}");
            let mut back = Vec::new();
            loop {
                back.extend(shown(&page));
                let previous = page.json()["meta"]["cursor_pagination"]["links"]["previous"].clone();
                let Some(previous) = previous.as_str() else { break };
                page = service.get("read", &format!("{VALUES}{previous}")).await;
            }
            back.reverse();
            assert_eq!(back, whole, "{query}");
        }
        let second = service.get("read", &format!("{VALUES}?limit=4&page=2")).await;
        shows(&second, "second page");
        assert_eq!(shown(&second), all[4..8]);
        assert_eq!(second.json()["meta"].get("cursor_pagination"), None);
        // After the published example's end: {"sessionId":38,"fieldId":40}.
        let past = service.get("read", &format!("{VALUES}?after=eyJzZXNzaW9uSWQiOjM4LCJmaWVsZElkIjo0MH0")).await;
        assert_eq!((shown(&past), past.json()["meta"].get("pagination")), (vec![], None));
        let before = service.get("read", &format!("{VALUES}?limit=3&before=eyJzZXNzaW9uSWQiOjMsImZpZWxkSWQiOjF9")).await;
        shows(&before, "before a cursor");
        assert_eq!(shown(&before), ["2.b", "1.a", "1.b"]);
    }

    async fn deleting_a_customer_deletes_its_values(service: Service) {
        ten(&service).await;
        service.delete("modify", "/v3/customers?id:in=2,99").await;
        service.delete("modify", "/v2/customers/3").await;
        service.delete("modify", "/v2/customers?min_id=5").await;
        let listed = service.get("read", VALUES).await;
        assert_eq!(shown(&listed), ["1.a", "1.b", "4.a", "4.b"]);
        assert_eq!(listed.json()["meta"]["pagination"]["total"], 4);
        assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 4);
    }

    async fn deleting_a_field_deletes_its_values_and_changes_no_customer(service: Service) {
        ten(&service).await;
        let customers = service.get("read", "/v3/customers").await.json();
        let events = service.events().await;
        service.set_seconds(60);
        service.delete("modify", &format!("{FIELDS}?id:in=1")).await;
        let listed = service.get("read", VALUES).await;
        assert_eq!(shown(&listed), ["2.b", "1.b", "3.b", "4.b", "5.b"]);
        assert_eq!(listed.json()["meta"]["pagination"]["total"], 5);
        assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 5);
        assert_eq!(service.get("read", "/v3/customers").await.json(), customers);
        assert_eq!(service.events().await, events);
    }

    /// As a server leaves it that is stopped while it deletes a field.
    async fn values_of_a_field_being_deleted_are_not_seen_and_the_next_deletion_removes_them(
        service: Service,
    ) {
        ten(&service).await;
        service.meddle("UPDATE form_field SET removed_at = 5 WHERE name = 'a'").await;
        let listed = service.get("read", VALUES).await;
        assert_eq!(shown(&listed), ["2.b", "1.b", "3.b", "4.b", "5.b"]);
        assert_eq!(listed.json()["meta"]["pagination"]["total"], 5);
        assert_eq!(shown(&service.get("read", &format!("{VALUES}?customer_id=1")).await), ["1.b"]);
        let row = service.get("read", "/v3/customers?id:in=1&include=formfields").await;
        assert_eq!(row.json()["data"][0]["form_fields"], json!([value(1, "b", "1.b")]));
        let refused = service.put("modify", VALUES, json!([value(1, "a", "x")])).await;
        assert_eq!(refused.status, 422);
        service.delete("modify", "/v3/customers?id:in=2").await;
        service.delete("modify", &format!("{FIELDS}?id:in=99")).await;
        assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 4);
        assert_eq!(service.number("SELECT COUNT(*) FROM form_field").await, 1);
    }

    async fn the_values_of_one_customer_or_address_have_a_bound_together(service: Service) {
        const MOST: usize = 64 * 1024;
        const OF_ADDRESS: usize = 16 * 1024;
        let rows = |object: &str| (0..10).map(|n| json!({"name": format!("f{n}"), "type": "text", "for": object})).collect::<Value>();
        defined(&service, rows("customer")).await;
        defined(&service, rows("address")).await;
        service.crowd(2).await;
        // Names count: each is two bytes.
        let full: Value = (0..7).map(|n| value(1, &format!("f{n}"), "x".repeat(MOST / 7 - 2))).collect();
        set(&service, full).await;
        let rest = MOST - MOST / 7 * 7;
        let over = json!([value(2, "f0", "kept out"), value(1, "f8", "x".repeat(rest)), value(1, "f9", "")]);
        let before = service.dump().await;
        let answer = service.put("modify", VALUES, over).await;
        let rule = "the values of one customer with their names are at most 65536 bytes together";
        answer.refused(422, FAILED, &json!({"1.value": rule}));
        shows(&answer, "more than a customer may have");
        let row = |name: &str, size: usize| json!({"name": name, "value": "x".repeat(size)});
        let answer = service.put("modify", "/v3/customers", json!([{"id": 1, "form_fields": [row("f8", rest)]}])).await;
        answer.refused(422, "Update customers failed.", &json!({"0.form_fields.0.value": rule}));
        let many: Vec<Value> = (0..7).map(|n| row(&format!("f{n}"), 9_999)).collect();
        let new = json!([{"email": "n@b.c", "first_name": "A", "last_name": "B", "form_fields": many}]);
        let answer = service.post("modify", "/v3/customers", new).await;
        answer.refused(422, "Create customers failed.", &json!({"0.form_fields.0.value": rule}));
        let home = |fields: Value| json!([{"customer_id": 1, "first_name": "A", "last_name": "B", "address1": "Weg 1", "city": "Ulm",
            "state_or_province": "", "postal_code": "", "country_code": "DE", "form_fields": fields}]);
        let rule = "the values of one address with their names are at most 16384 bytes together";
        let answer = service.post("modify", "/v3/customers/addresses", home(json!([row("f0", 9_000), row("f1", 9_000)]))).await;
        answer.refused(422, "Create customer addresses failed.", &json!({"0.form_fields.0.value": rule}));
        assert_eq!(service.dump().await, before);
        // Up to the bound, also in an order that would pass it on the way.
        set(&service, json!([value(1, "f8", "x".repeat(rest - 2 + 100)), value(1, "f0", "x".repeat(MOST / 7 - 2 - 100))])).await;
        let made = service.post("modify", "/v3/customers/addresses", home(json!([row("f0", 9_000), row("f1", OF_ADDRESS - 9_004)]))).await;
        assert_eq!(made.status, 200, "{made}");
        // What is more already may become less.
        service.meddle("UPDATE form_value SET value = value || value").await;
        set(&service, json!([value(1, "f0", "x")])).await;
        let answer = service.put("modify", VALUES, json!([value(1, "f0", "xx")])).await;
        assert_eq!(answer.status, 422, "{answer}");
    }

    async fn choices_that_are_taken_away_leave_the_values_that_were_chosen(service: Service) {
        one_of_each(&service).await;
        service.crowd(1).await;
        set(&service, json!([value(1, "picklist", "L"), value(1, "checkboxes", json!(["S", "L"]))])).await;
        defined(&service, json!([
            {"name": "picklist", "type": "picklist", "choices": ["S"]},
            {"name": "checkboxes", "type": "checkboxes", "choices": ["S"]},
        ])).await;
        let listed = service.get("read", VALUES).await.json();
        assert_eq!(listed["data"], json!([value(1, "checkboxes", json!(["S", "L"])), value(1, "picklist", "L")]));
        assert_eq!(service.put("modify", VALUES, json!([value(1, "picklist", "L")])).await.status, 422);
    }

    async fn no_store_reads_or_writes_values_of_another(service: Service) {
        const THEIRS: &str = "/stores/zenith/v3/customers/form-field-values";
        ten(&service).await;
        let before = service.dump().await;
        let listed = service.get("other", THEIRS).await;
        assert_eq!((shown(&listed), listed.json()["meta"]["pagination"]["total"].clone()), (vec![], json!(0)));
        assert_eq!(shown(&service.get("other", &format!("{THEIRS}?customer_id=1")).await), [""; 0]);
        assert_eq!(shown(&service.get("other", &format!("{THEIRS}?field_name=a")).await), [""; 0]);
        let answer = service.put("other", THEIRS, json!([value(1, "a", "x")])).await;
        answer.refused(422, FAILED, &json!({"0.customer_id": "invalid customer ID"}));
        let made = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        let twin = service.dump().await;
        assert_eq!(twin, before);
        service.post("other", "/stores/zenith/v3/customers", made).await;
        let answer = service.put("other", THEIRS, json!([value(1, "a", "x")])).await;
        answer.refused(422, FAILED, &json!({"0.name": "no such customer form field"}));
        service.put("other", "/stores/zenith/custodia/form-fields", json!([{"name": "a", "type": "text"}])).await;
        assert_eq!(service.put("other", THEIRS, json!([value(1, "a", "theirs")])).await.status, 200);
        service.delete("other", "/stores/zenith/v3/customers?id:in=1").await;
        assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 10);
        assert_eq!(shown(&service.get("read", &format!("{VALUES}?customer_id=1")).await), ["1.a", "1.b"]);
    }

    async fn a_deleted_store_leaves_no_field_and_no_value(service: Service) {
        ten(&service).await;
        resources::stores::ops::delete(&service.app().db, &kernel::SystemClock, "acme").await.unwrap();
        assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, 0);
        assert_eq!(service.number("SELECT COUNT(*) FROM form_field").await, 0);
        for (method, path, body) in [
            ("PUT", VALUES, json!([value(1, "a", "late")])),
            ("PUT", FIELDS, json!([{"name": "late", "type": "text"}])),
            ("DELETE", "/stores/acme/custodia/form-fields?id:in=1", Value::Null),
        ] {
            let answer = service.ask(method, path).token("modify").json(body).send().await;
            assert!((400..500).contains(&answer.status), "{answer}");
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM form_field").await, 0);
    }
}
