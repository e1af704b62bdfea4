//! Addresses through V2, below their customer.

use serde_json::{Value, json};
use testkit::{Answer, Service, on_each_engine};

use crate::{robust::sound, shows};

const ALL: &str = "/v2/customers/1/addresses";
const ONE: &str = "/v2/customers/1/addresses/1";
const NOT_FOUND: &str = "The requested resource was not found.";

/// The recorded one (observed.md 8.2).
fn john() -> Value {
    json!({"first_name": "John", "last_name": "Doe", "company": "", "street_1": "Main Street 1", "street_2": "", "city": "Austin",
        "state": "Texas", "zip": "78705", "country": "United States", "phone": "012345", "address_type": "residential"})
}

fn at(street: impl std::fmt::Display) -> Value {
    let mut address = john();
    address["street_1"] = json!(street.to_string());
    address
}

fn with(name: &str, value: Value) -> Value {
    let mut address = john();
    address[name] = value;
    address
}

/// A null body is none.
async fn send(service: &Service, method: &str, path: &str, body: Value) -> Answer {
    let ask = service.ask(method, path).token("modify");
    let ask = if body.is_null() { ask } else { ask.json(body) };
    ask.send().await
}

/// Customer 1 with this many addresses, numbered from 1.
async fn with_addresses(service: &Service, count: i64) {
    service.crowd(1).await;
    for n in 1..=count {
        assert_eq!(service.post("modify", ALL, at(n)).await.status, 201);
    }
}

on_each_engine! {
    async fn the_recorded_address_is_answered_to_the_byte_by_v2(service: Service) {
        service.crowd(21).await;
        let all = "/v2/customers/21/addresses";
        let made = service.post("modify", all, john()).await;
        shows(&made, "made");
        let expected = concat!(
            r#"{"id":1,"customer_id":21,"first_name":"John","last_name":"Doe","company":"","street_1":"Main Street 1","#,
            r#""street_2":"","city":"Austin","state":"Texas","zip":"78705","country":"United States","country_iso2":"US","#,
            r#""phone":"012345","address_type":"residential","form_fields":null}"#
        );
        assert_eq!((made.status, made.text().as_str()), (201, expected));
        let read = service.get("read", "/v2/customers/21/addresses/1").await;
        read.is_just(expected);
        shows(&read, "read");
        let listed = service.get("read", all).await;
        listed.is_just(&format!("[{expected}]"));
        shows(&listed, "one");
        let counted = service.get("read", &format!("{all}/count")).await;
        counted.is_just(r#"{"count":1}"#);
        shows(&counted, "one");
    }

    async fn a_customers_addresses_are_listed_by_id_in_pages_and_none_are_204(service: Service) {
        service.crowd(2).await;
        let none = service.get("read", ALL).await;
        shows(&none, "none");
        assert_eq!((none.status, none.body.len()), (204, 0));
        assert_eq!(service.get("read", &format!("{ALL}/count")).await.json(), json!({"count": 0}));
        for n in 1..=5 {
            service.post("modify", ALL, at(n)).await;
            service.post("modify", "/v2/customers/2/addresses", at(n)).await;
        }
        assert_eq!(service.get("read", ALL).await.ids(), [1, 3, 5, 7, 9]);
        assert_eq!(service.get("read", &format!("{ALL}?limit=2&page=2")).await.ids(), [5, 7]);
        assert_eq!(service.get("read", &format!("{ALL}?limit=2&page=4")).await.status, 204);
        for query in ["limit=0", "page=x", "limit=-1"] {
            let field = query.split('=').next().unwrap();
            let answer = service.get("read", &format!("{ALL}?{query}")).await;
            answer.declined(400, &format!("The field '{field}' is invalid."));
        }
        // Published for these as well, where they mean nothing.
        assert_eq!(service.get("read", &format!("{ONE}?page=1&limit=10")).await.status, 200);
        let counted = service.get("read", &format!("{ALL}/count?page=1&limit=1")).await;
        assert_eq!(counted.json(), json!({"count": 5}));
    }

    /// Ruling 5.
    async fn under_an_unknown_customer_there_is_no_address_and_of_another_neither(service: Service) {
        with_addresses(&service, 1).await;
        service.made(json!([{"email": "b@b.c", "first_name": "B", "last_name": "B"}])).await;
        let before = service.dump().await;
        for customer in ["99", "0", "abc", "2147483648"] {
            for (method, path, body) in [
                ("GET", "", Value::Null), ("GET", "/count", Value::Null), ("GET", "/1", Value::Null), ("POST", "", john()),
                ("PUT", "/1", json!({"city": "X"})), ("DELETE", "/1", Value::Null), ("DELETE", "", Value::Null),
                ("DELETE", "?page=1", Value::Null),
            ] {
                let path = format!("/v2/customers/{customer}/addresses{path}");
                let answer = send(&service, method, &path, body).await;
                answer.declined(404, NOT_FOUND);
                if customer == "99" && !path.contains('?') {
                    shows(&answer, "unknown customer");
                }
            }
        }
        for id in ["2", "0", "x", "2147483648"] {
            for (method, body) in [("GET", Value::Null), ("PUT", json!({"city": "X"})), ("DELETE", Value::Null)] {
                let answer = send(&service, method, &format!("{ALL}/{id}"), body).await;
                answer.declined(404, NOT_FOUND);
            }
        }
        for (method, body) in [("GET", Value::Null), ("PUT", json!({"city": "X"})), ("DELETE", Value::Null)] {
            let answer = send(&service, method, "/v2/customers/2/addresses/1", body).await;
            answer.declined(404, NOT_FOUND);
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_put_changes_what_it_names_of_one_address(service: Service) {
        with_addresses(&service, 1).await;
        let answer = service.put("modify", ONE, json!({"country": "germany", "state": "Bavaria"})).await;
        shows(&answer, "country and state");
        assert_eq!((answer.status, &answer.json()["country_iso2"]), (200, &json!("DE")));
        assert_eq!(answer.json()["country"], "Germany");
        assert_eq!(service.audit().await[2..], ["address.updated 1 [country state_or_province]"]);
        let before = service.dump().await;
        // A whole object comes back; what is read-only in it is ignored.
        let mut whole = answer.json();
        for (name, value) in [("id", json!(9)), ("customer_id", json!("x")), ("country_iso2", json!("US")), ("form_fields", json!([1]))] {
            whole[name] = value;
        }
        let back = service.put("modify", ONE, whole).await;
        assert_eq!(back.body, answer.body);
        assert_eq!(service.dump().await, before);
    }

    async fn what_the_customer_has_already_is_answered_as_it_is_and_nothing_is_made(service: Service) {
        with_addresses(&service, 2).await;
        let before = service.dump().await;
        let again = service.post("modify", ALL, at(2)).await;
        assert_eq!((again.status, again.json()["id"].clone()), (200, json!(2)), "{again}");
        shows(&again, "there already");
        let put = service.put("modify", ONE, json!({"street_1": "2"})).await;
        assert_eq!((put.status, put.json()["street_1"].clone()), (200, json!("1")), "{put}");
        shows(&put, "there already");
        assert_eq!(service.dump().await, before);
    }

    async fn every_fault_of_an_address_is_told_in_v2s_words(service: Service) {
        with_addresses(&service, 1).await;
        let before = service.dump().await;
        for field in ["first_name", "last_name", "phone", "street_1", "city", "state", "zip", "country"] {
            let mut address = john();
            address.as_object_mut().unwrap().remove(field);
            let required = format!("The field '{field}' is required.");
            let missing = service.post("modify", ALL, address).await;
            missing.declined(400, &required);
            if field == "state" {
                shows(&missing, "no state");
            }
            service.post("modify", ALL, with(field, json!(null))).await.declined(400, &required);
        }
        let long = json!("x".repeat(256));
        for (field, value) in [
            ("first_name", json!("")), ("first_name", long.clone()), ("last_name", json!("")), ("company", long.clone()),
            ("phone", json!("5".repeat(51))), ("street_1", long.clone()), ("street_2", long.clone()), ("city", long.clone()),
            ("zip", json!("5".repeat(31))), ("state", json!("TX")), ("state", json!(" ")), ("country", json!("US")),
            ("country", json!("Atlantis")), ("country", json!("")), ("address_type", json!("home")), ("city", json!(5)),
            ("street_2", json!("a\u{0}")), ("company", json!([])),
        ] {
            let invalid = format!("The field '{field}' is invalid.");
            service.post("modify", ALL, with(field, value.clone())).await.declined(400, &invalid);
            let put = service.put("modify", ONE, json!({field: value.clone()})).await;
            put.declined(400, &invalid);
            if value == "Atlantis" {
                shows(&put, "unknown country");
            }
        }
        let unknown = service.post("modify", ALL, with("address1", json!("x"))).await;
        unknown.declined(400, "The field 'address1' is not supported by this resource.");
        shows(&unknown, "unknown member");
        service.put("modify", ONE, json!({"x": 1})).await.declined(400, "The field 'x' is not supported by this resource.");
        assert_eq!(service.post("modify", ALL, json!([john()])).await.status, 400);
        assert_eq!(service.dump().await, before);
    }

    /// Published: a blank stands for no state. Where the country has a list of them it does not.
    async fn a_blank_passes_for_a_state_where_there_are_none(service: Service) {
        service.crowd(1).await;
        let mut address = with("state", json!(" "));
        address["country"] = json!("Monaco");
        let made = service.post("modify", ALL, address).await;
        assert_eq!((made.status, made.json()["state"].clone()), (201, json!(" ")));
    }

    async fn one_address_is_deleted_and_then_unknown(service: Service) {
        with_addresses(&service, 2).await;
        let gone = service.delete("modify", ONE).await;
        shows(&gone, "deleted");
        assert_eq!((gone.status, gone.body.len()), (204, 0));
        service.delete("modify", ONE).await.declined(404, NOT_FOUND);
        service.get("read", ONE).await.declined(404, NOT_FOUND);
        assert_eq!(service.get("read", ALL).await.ids(), [2]);
        let told = service.events().await.pop().unwrap();
        assert_eq!(told, r#"store/customer/address/deleted {"type":"customer","id":1,"address":{"customer_id":1}}"#);
        sound(&service).await;
    }

    async fn the_deletion_of_all_takes_every_address_past_one_transaction(service: Service) {
        service.crowd(2).await;
        let house = |customer: i64, n: i64| json!({"customer_id": customer, "first_name": "A", "last_name": "B", "address1": n.to_string(),
            "city": "C", "state_or_province": "", "postal_code": "", "country_code": "DE"});
        let rows: Value = (0..230).map(|n| house(1 + i64::from(n == 0), n)).collect();
        assert_eq!(service.post("modify", "/v3/customers/addresses", rows).await.ids().len(), 230);
        let gone = service.delete("modify", ALL).await;
        shows(&gone, "all");
        assert_eq!(service.get("read", ALL).await.status, 204);
        assert_eq!(service.get("read", "/v2/customers/2/addresses").await.ids(), [1]);
        let deleted = "SELECT COUNT(*) FROM outbox WHERE scope = 'store/customer/address/deleted'";
        assert_eq!(service.number(deleted).await, 229);
        assert_eq!(service.delete("modify", ALL).await.status, 204, "of nothing, too");
        sound(&service).await;
    }

    /// Both are published for the deletion, which by default takes all.
    async fn a_deletion_with_page_or_limit_takes_what_that_page_shows(service: Service) {
        with_addresses(&service, 5).await;
        assert_eq!(service.delete("modify", &format!("{ALL}?page=2&limit=2")).await.status, 204);
        assert_eq!(service.get("read", ALL).await.ids(), [1, 2, 5]);
        assert_eq!(service.delete("modify", &format!("{ALL}?limit=1")).await.status, 204);
        assert_eq!(service.get("read", ALL).await.ids(), [2, 5]);
        assert_eq!(service.delete("modify", &format!("{ALL}?page=9")).await.status, 204);
        service.delete("modify", &format!("{ALL}?page=0")).await.declined(400, "The field 'page' is invalid.");
        assert_eq!(service.get("read", ALL).await.ids(), [2, 5]);
        sound(&service).await;
    }
}
