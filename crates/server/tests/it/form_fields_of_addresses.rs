//! Form fields of addresses: in the bodies of addresses and of the customers that bring them along, and among
//! the values of all.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::{form_fields::defined, shows};

const ALL: &str = "/v3/customers/addresses";
const CUSTOMERS: &str = "/v3/customers";
const VALUES: &str = "/v3/customers/form-field-values";

/// One in Germany, at this house number.
fn house(customer: i64, number: i64, form_fields: &Value) -> Value {
    json!({"customer_id": customer, "first_name": "Ada", "last_name": "Lovelace", "address1": format!("Weg {number}"),
        "city": "Ulm", "state_or_province": "", "postal_code": "89073", "country_code": "DE", "form_fields": form_fields})
}

fn door(value: &str) -> Value {
    json!([{"name": "door", "value": value}])
}

/// A field of addresses, one of customers of the same name, and customers 1 and 2.
async fn with_a_form(service: &Service) {
    defined(
        service,
        json!([
            {"name": "door", "type": "text", "for": "address"},
            {"name": "days", "type": "checkboxes", "for": "address", "choices": ["Mon", "Sat"]},
            {"name": "door", "type": "numbers"},
        ]),
    )
    .await;
    service.crowd(2).await;
}

on_each_engine! {
    async fn an_address_is_made_with_values_and_shows_them_where_they_were_sent(service: Service) {
        with_a_form(&service).await;
        let answer = service
            .post("modify", ALL, json!([house(1, 1, &door("front")), house(1, 2, &Value::Null), house(2, 1, &json!([]))]))
            .await;
        shows(&answer, "with form fields");
        let data = &answer.json()["data"];
        assert_eq!(data[0]["form_fields"], json!([{"address_id": 1, "name": "door", "value": "front"}]));
        assert_eq!(data[1].get("form_fields"), None, "not sent, not echoed");
        assert_eq!(data[2]["form_fields"], json!([]));
    }

    async fn included_values_of_addresses_come_last_and_only_where_they_are_asked_for(service: Service) {
        with_a_form(&service).await;
        service.post("modify", ALL, json!([house(1, 1, &door("front")), house(1, 2, &Value::Null)])).await;
        let listed = service.get("read", "/v3/customers/addresses?include=formfields").await;
        shows(&listed, "with form fields");
        let ends: Vec<String> = listed.text().split("\"form_fields\":").skip(1).map(str::to_owned).collect();
        assert!(ends[0].starts_with(r#"[{"address_id":1,"name":"door","value":"front"}]},"#), "{listed}");
        assert!(ends[1].starts_with("[]}],\"meta\""), "{listed}");
        assert!(!service.get("read", ALL).await.text().contains("form_fields"));
        let unknown = service.get("read", "/v3/customers/addresses?include=customers").await;
        unknown.refused(422, "The include(s): customers are not valid include parameter(s).", &json!({}));
    }

    async fn a_put_sets_values_of_an_address_and_is_a_change_of_it(service: Service) {
        with_a_form(&service).await;
        service.post("modify", ALL, json!([house(1, 1, &door("front"))])).await;
        service.set_seconds(60);
        let (events, customers) = (service.events().await.len(), service.get("read", CUSTOMERS).await.json());
        // Published: example-2-form-fields.
        let row = json!([{"id": 1, "form_fields": [{"name": "days", "value": ["Sat"]}]}]);
        let answer = service.put("modify", ALL, row.clone()).await;
        shows(&answer, "form fields");
        assert_eq!(
            answer.json()["data"][0]["form_fields"],
            json!([{"address_id": 1, "name": "door", "value": "front"}, {"address_id": 1, "name": "days", "value": ["Sat"]}])
        );
        assert_eq!(
            service.events().await[events..],
            [r#"store/customer/address/updated {"type":"customer","id":1,"address":{"customer_id":1}}"#]
        );
        assert_eq!(service.audit().await.last().unwrap(), "address.updated 1 [form_fields]");
        assert_eq!(service.get("read", CUSTOMERS).await.json(), customers, "its customer is not changed");
        let before = service.dump().await;
        assert_eq!(service.put("modify", ALL, row).await.status, 200);
        assert_eq!(service.dump().await, before, "a change of nothing");
        let both = json!([{"id": 1, "city": "Bonn", "form_fields": door("back")}]);
        service.put("modify", ALL, both).await;
        assert_eq!(service.audit().await.last().unwrap(), "address.updated 1 [city form_fields]");
    }

    /// Published: no change to the address or to custom form field values.
    async fn a_duplicate_changes_no_value(service: Service) {
        with_a_form(&service).await;
        service.post("modify", ALL, json!([house(1, 1, &door("front")), house(1, 2, &door("back"))])).await;
        let before = service.dump().await;
        let again = service.post("modify", ALL, json!([house(1, 1, &door("other"))])).await;
        assert_eq!((again.status, again.ids()), (200, vec![]), "{again}");
        let row = json!([{"id": 2, "address1": "Weg 1", "form_fields": door("other")}]);
        let same = service.put("modify", ALL, row).await;
        assert_eq!((same.status, same.ids()), (200, vec![]), "{same}");
        assert_eq!(service.dump().await, before);
        let twice = service.post("modify", ALL, json!([house(2, 1, &door("one")), house(2, 1, &door("two"))])).await;
        assert_eq!(twice.json()["data"][0]["form_fields"][0]["value"], "one", "{twice}");
    }

    async fn a_customer_brings_addresses_with_values_and_shows_them(service: Service) {
        with_a_form(&service).await;
        let mut home = house(0, 1, &door("front"));
        home.as_object_mut().unwrap().remove("customer_id");
        let mut plain = house(0, 2, &Value::Null);
        plain.as_object_mut().unwrap().remove("customer_id");
        let row = json!({"email": "a@b.c", "first_name": "A", "last_name": "B", "addresses": [home, plain],
            "form_fields": [{"name": "door", "value": 5}]});
        let answer = service.post("modify", CUSTOMERS, json!([row])).await;
        shows(&answer, "addresses with form fields");
        let made = answer.json()["data"][0].clone();
        assert_eq!(made["addresses"][0]["form_fields"], json!([{"address_id": 1, "name": "door", "value": "front"}]));
        assert_eq!(made["addresses"][1]["form_fields"], json!([]));
        assert_eq!(made["form_fields"], json!([{"customer_id": 3, "name": "door", "value": 5}]));
        let both = service.get("read", "/v3/customers?include=addresses,formfields&id:in=3").await.json();
        assert_eq!(both["data"][0]["addresses"], made["addresses"]);
        assert_eq!(both["data"][0]["form_fields"], made["form_fields"]);
        let alone = service.get("read", "/v3/customers?include=addresses&id:in=3").await;
        assert!(!alone.text().contains("form_fields"), "{alone}");
    }

    async fn a_value_of_an_address_that_cannot_be_is_told_by_its_path_and_nothing_is_kept(service: Service) {
        with_a_form(&service).await;
        service.post("modify", ALL, json!([house(1, 1, &door("front"))])).await;
        let before = service.dump().await;
        let bad = json!([{"name": "door", "value": 5}, {"name": "shoe", "value": "x"}]);
        let errors = json!({"1.form_fields.0.value": "must be a text of at most 10000 bytes", "1.form_fields.1.name": "no such address form field"});
        let made = service.post("modify", ALL, json!([house(1, 7, &door("x")), house(1, 8, &bad)])).await;
        made.refused(422, "Create customer addresses failed.", &errors);
        let put = service.put("modify", ALL, json!([{"id": 1, "city": "Bonn"}, {"id": 1, "form_fields": bad}])).await;
        put.refused(422, "Update customer addresses failed.", &errors);
        let mut home = house(0, 1, &bad);
        home.as_object_mut().unwrap().remove("customer_id");
        let row = |addresses: Value, form_fields: Value| json!({"email": "n@b.c", "first_name": "A", "last_name": "B",
            "addresses": addresses, "form_fields": form_fields});
        let made = service.post("modify", CUSTOMERS, json!([row(json!([home]), json!([]))])).await;
        made.refused(422, "Create customers failed.", &json!({
            "0.addresses.0.form_fields.0.value": "must be a text of at most 10000 bytes",
            "0.addresses.0.form_fields.1.name": "no such address form field",
        }));
        // The first row at fault, whether in itself or in what it brings along.
        let mut other = row(json!([home]), json!([]));
        other["email"] = json!("o@b.c");
        let rows = json!([row(json!([]), json!([{"name": "door", "value": "x"}])), other]);
        let made = service.post("modify", CUSTOMERS, rows).await;
        made.refused(422, "Create customers failed.", &json!({"0.form_fields.0.value": "must be a number"}));
        assert_eq!(service.dump().await, before);
    }

    async fn values_of_addresses_are_set_listed_and_found_among_all(service: Service) {
        with_a_form(&service).await;
        service.post("modify", ALL, json!([house(1, 1, &Value::Null), house(2, 1, &Value::Null)])).await;
        let events = service.events().await.len();
        let rows = json!([
            {"address_id": 2, "name": "door", "value": "front"},
            {"customer_id": 1, "name": "door", "value": 5},
            {"address_id": 1, "name": "days", "value": ["Sat"]},
            {"address_id": 2, "name": "days", "value": []},
        ]);
        let answer = service.put("modify", VALUES, rows.clone()).await;
        shows(&answer, "of addresses");
        assert_eq!(answer.json()["data"], rows);
        assert_eq!(service.events().await.len(), events + 3, "one for each whose values differ");
        let listed = service.get("read", VALUES).await;
        shows(&listed, "of addresses");
        for (query, expected) in [
            ("address_id=2", json!([rows[0]])),
            ("address_id=1", json!([rows[2]])),
            ("address_id=3", json!([])),
            ("customer_id=1", json!([rows[1]])),
            ("customer_id=2", json!([])),
            ("field_name=door", json!([rows[1], rows[0]])),
            ("field_name=door&field_type=text", json!([rows[0]])),
            ("address_id=2&field_name=days", json!([])),
        ] {
            let found = service.get("read", &format!("{VALUES}?{query}")).await.json();
            assert_eq!(found["data"], expected, "{query}");
            assert_eq!(found["meta"]["pagination"]["total"], expected.as_array().unwrap().len(), "{query}");
        }
        let unknown = json!([{"address_id": 1, "name": "door", "value": "x"}, {"address_id": 3, "name": "door", "value": "x"}]);
        let unknown = service.put("modify", VALUES, unknown).await;
        unknown.refused(422, "Update form field values failed.", &json!({"1.address_id": "invalid address ID"}));
        let theirs = service.put("other", "/stores/zenith/v3/customers/form-field-values", json!([rows[0]])).await;
        theirs.refused(422, "Update form field values failed.", &json!({"0.address_id": "invalid address ID"}));
    }

    async fn deleting_an_address_or_its_customer_deletes_its_values(service: Service) {
        with_a_form(&service).await;
        let rows: Vec<Value> = (1..=4).map(|n| house(1, n, &door("x"))).chain([house(2, 1, &door("x"))]).collect();
        service.post("modify", ALL, Value::from(rows)).await;
        service.put("modify", VALUES, json!([{"customer_id": 1, "name": "door", "value": 1}])).await;
        let left = async |count: i64| {
            assert_eq!(service.number("SELECT COUNT(*) FROM form_value").await, count);
            let total = service.get("read", VALUES).await.json()["meta"]["pagination"]["total"].clone();
            assert_eq!(total, count);
        };
        left(6).await;
        service.delete("modify", &format!("{ALL}?id:in=1,99")).await;
        left(5).await;
        service.delete("modify", "/v2/customers/1/addresses/2").await;
        left(4).await;
        service.delete("modify", "/v2/customers/1/addresses").await;
        left(2).await;
        service.delete("modify", "/v3/customers?id:in=1").await;
        left(1).await;
        service.delete("modify", "/v3/customers?id:in=2").await;
        left(0).await;
    }

    async fn v2_addresses_show_values_as_texts_and_null_where_there_are_none(service: Service) {
        const ONE: &str = "/v2/customers/1/addresses/1";
        with_a_form(&service).await;
        let values = json!([{"name": "door", "value": "front"}, {"name": "days", "value": ["Sat", "Mon"]}]);
        service.post("modify", ALL, json!([house(1, 1, &values), house(1, 2, &Value::Null)])).await;
        let texts = json!([{"name": "door", "value": "front"}, {"name": "days", "value": "Mon, Sat"}]);
        let one = service.get("read", ONE).await;
        shows(&one, "with form fields");
        assert_eq!(one.json()["form_fields"], texts);
        let listed = service.get("read", "/v2/customers/1/addresses").await.json();
        assert_eq!((&listed[0]["form_fields"], &listed[1]["form_fields"]), (&texts, &Value::Null));
        for row in [json!({"city": "Bonn"}), json!({"city": "Bonn"}), json!({"street_1": "Weg 2", "city": "Ulm"})] {
            let put = service.put("modify", ONE, row).await;
            assert_eq!((put.status, &put.json()["form_fields"]), (200, &texts), "{put}");
        }
        let known = json!({"first_name": "Ada", "last_name": "Lovelace", "phone": "", "street_1": "Weg 1", "city": "Bonn",
            "state": "", "zip": "89073", "country": "Germany"});
        let again = service.post("modify", "/v2/customers/1/addresses", known).await;
        assert_eq!((again.status, &again.json()["form_fields"]), (200, &texts), "{again}");
    }

    /// 110 customers of ten addresses each: more than one statement takes.
    async fn a_page_of_customers_with_many_addresses_shows_all_their_values(service: Service) {
        with_a_form(&service).await;
        for batch in 0..11 {
            let customer = |n: i64| {
                let mut homes: Vec<Value> = (0..10).map(|at| house(0, at, &door(&format!("{batch}.{n}.{at}")))).collect();
                for home in &mut homes {
                    home.as_object_mut().unwrap().remove("customer_id");
                }
                json!({"email": format!("b{batch}.{n}@b.c"), "first_name": "A", "last_name": "B", "addresses": homes})
            };
            service.made((0..10).map(customer).collect()).await;
        }
        let listed = service.get("read", "/v3/customers?include=addresses,formfields&limit=250").await;
        assert_eq!(listed.status, 200);
        assert_eq!(listed.text().matches("\"name\":\"door\"").count(), 1_100);
    }
}
