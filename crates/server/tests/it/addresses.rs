//! Addresses through V3: on their own, and with the customers that show them or bring them along.

use serde_json::{Value, json};
use testkit::{Answer, Service, on_each_engine};

use crate::{races::race, robust::sound, shows};

const ALL: &str = "/v3/customers/addresses";
const CUSTOMERS: &str = "/v3/customers";
const INVALID: &str = "JSON data is missing or invalid";
const CREATE: &str = "Create customer addresses failed.";
const UPDATE: &str = "Update customer addresses failed.";

/// The recorded one (observed.md 4.2), of this customer.
fn ken(customer: i64) -> Value {
    json!({"first_name": "Ken", "last_name": "Ngo", "address1": "87 Longfield", "address2": "U6", "city": "Cabramatta",
        "state_or_province": "New South Wales", "postal_code": "2166", "country_code": "AU", "phone": "",
        "address_type": "residential", "company": "", "customer_id": customer})
}

/// One in Germany, at this house number.
fn house(customer: i64, number: i64) -> Value {
    json!({"customer_id": customer, "first_name": "Ada", "last_name": "Lovelace", "address1": format!("Weg {number}"),
        "city": "Ulm", "state_or_province": "", "postal_code": "89073", "country_code": "DE"})
}

fn houses(customer: i64, numbers: impl Iterator<Item = i64>) -> Value {
    numbers.map(|number| house(customer, number)).collect()
}

/// The address with other members beside or instead of its own.
fn but(mut address: Value, other: &Value) -> Value {
    for (name, value) in other.as_object().unwrap() {
        address[name] = value.clone();
    }
    address
}

/// A customer with its addresses.
fn bringing(email: &str, addresses: &Value) -> Value {
    json!({"email": email, "first_name": "A", "last_name": "B", "addresses": addresses})
}

async fn make(service: &Service, rows: Value) -> Vec<i64> {
    let answer = service.post("modify", ALL, rows).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.ids()
}

async fn list(service: &Service, query: &str) -> Answer {
    service.get("read", &format!("{ALL}{query}")).await
}

fn event(what: &str, id: i64, customer: i64) -> String {
    format!(
        r#"store/customer/address/{what} {{"type":"customer","id":{id},"address":{{"customer_id":{customer}}}}}"#
    )
}

/// The events of addresses, oldest first.
async fn events(service: &Service) -> Vec<String> {
    let all = service.events().await;
    all.into_iter().filter(|line| line.contains("/address/")).collect()
}

on_each_engine! {
    async fn the_recorded_address_is_answered_to_the_byte_and_so_is_the_list_after_it(
        service: Service,
    ) {
        service.crowd(1).await;
        let address = concat!(
            r#"{"id":1,"address1":"87 Longfield","address2":"U6","address_type":"residential","city":"Cabramatta","#,
            r#""company":"","country":"Australia","country_code":"AU","customer_id":1,"first_name":"Ken","#,
            r#""last_name":"Ngo","phone":"","postal_code":"2166","state_or_province":"New South Wales"}"#
        );
        let made = service.post("modify", ALL, json!([ken(1)])).await;
        made.is_just(&format!(r#"{{"data":[{address}],"meta":{{}}}}"#));
        shows(&made, "recorded");
        let listed = list(&service, "").await;
        listed.is_just(&format!(
            r#"{{"data":[{address}],"meta":{{"pagination":{{"total":1,"count":1,"per_page":50,"current_page":1,"total_pages":1}}}}}}"#
        ));
        shows(&listed, "recorded");
    }

    /// The published required members, and nothing else.
    async fn what_is_not_said_is_empty_and_the_type_residential(service: Service) {
        service.crowd(1).await;
        let made = service.post("modify", ALL, json!([house(1, 1)])).await.json()["data"][0].clone();
        assert_eq!(
            (&made["company"], &made["phone"], &made["address2"], &made["address_type"]),
            (&json!(""), &json!(""), &json!(""), &json!("residential"))
        );
        assert_eq!(made["country"], "Germany");
    }

    async fn an_address_that_there_is_already_is_absent_from_the_answer(service: Service) {
        service.crowd(2).await;
        make(&service, json!([ken(1)])).await;
        let before = service.dump().await;
        let again = service.post("modify", ALL, json!([ken(1)])).await;
        again.is_just(r#"{"data":[],"meta":{}}"#);
        shows(&again, "there already");
        assert_eq!(service.dump().await, before, "also no number was used up");
        // Within one batch too, and another customer's is another address.
        let batch = json!([house(1, 1), ken(1), house(1, 1), ken(2), house(1, 2)]);
        let answer = service.post("modify", ALL, batch).await;
        assert_eq!(answer.ids(), [2, 3, 4], "{answer}");
        assert_eq!(events(&service).await.len(), 4);
        sound(&service).await;
    }

    async fn every_one_of_the_twelve_fields_makes_another_address(service: Service) {
        service.crowd(2).await;
        make(&service, json!([house(1, 1)])).await;
        let others = [
            json!({"customer_id": 2}),
            json!({"first_name": "ada"}),
            json!({"last_name": "L"}),
            json!({"company": "C"}),
            json!({"phone": "1"}),
            json!({"address_type": "commercial"}),
            json!({"address1": "weg 1"}),
            json!({"address2": "1"}),
            json!({"city": "Ulm "}),
            json!({"country_code": "AT"}),
            json!({"state_or_province": "Baden-Württemberg"}),
            json!({"postal_code": "1"}),
        ];
        let rows: Vec<Value> = others.iter().map(|other| but(house(1, 1), other)).collect();
        assert_eq!(make(&service, json!(rows)).await, (2..=13).collect::<Vec<_>>());
        assert_eq!(make(&service, json!(rows)).await, [0; 0]);
        sound(&service).await;
    }

    async fn requests_at_once_for_one_address_make_one(service: Service) {
        service.crowd(2).await;
        for round in 0..8 {
            let v2 = json!({"first_name": "Ada", "last_name": "Lovelace", "phone": "", "street_1": format!("Weg {round}"),
                "city": "Ulm", "state": "", "zip": "89073", "country": "Germany"});
            let requests = (0..12).map(|n| match n % 3 {
                0 => ("POST", "/v2/customers/1/addresses".to_owned(), v2.clone()),
                _ => ("POST", ALL.to_owned(), json!([house(2, round * 100 + n), house(1, round)])),
            });
            let answers = race(&service, requests.collect()).await;
            let made = answers.iter().filter(|answer| match answer.status {
                201 => true,
                _ => answer.json()["data"].as_array().is_some_and(|rows| rows.len() == 2),
            });
            assert_eq!(made.count(), 1, "round {round}");
        }
        let of_one = service.number("SELECT COUNT(*) FROM customer_address WHERE customer_id = 1").await;
        assert_eq!(of_one, 8);
        sound(&service).await;
    }

    async fn of_two_addresses_changed_at_once_to_be_the_same_one_becomes_it(service: Service) {
        service.crowd(1).await;
        let ids = make(&service, houses(1, 1..=6)).await;
        for round in 10..18 {
            let requests = ids.iter().map(|id| match id % 2 {
                0 => ("PUT", ALL.to_owned(), json!([{"id": id, "address1": format!("Weg {round}")}])),
                _ => ("PUT", format!("/v2/customers/1/addresses/{id}"), json!({"street_1": format!("Weg {round}")})),
            });
            race(&service, requests.collect()).await;
            let there = format!("SELECT COUNT(*) FROM customer_address WHERE address1 = 'Weg {round}'");
            assert_eq!(service.number(&there).await, 1, "round {round}");
            sound(&service).await;
        }
    }

    async fn addresses_made_and_deleted_while_their_customers_are_deleted_leave_no_orphan(
        service: Service,
    ) {
        service.crowd(12).await;
        for round in 0..4_i64 {
            let requests = (0..36_i64).map(|n| {
                let customer = n % 12 + 1;
                match n % 6 {
                    0 => ("DELETE", format!("{CUSTOMERS}?id:in={},{}", round * 3 + 1, round * 3 + 2), Value::Null),
                    1 => ("PUT", ALL.to_owned(), json!([{"id": n + 1, "city": format!("{round}")}, {"id": n / 2 + 1, "city": "X"}])),
                    2 => ("DELETE", format!("{ALL}?id:in={},{}", n, n + 3), Value::Null),
                    3 => ("DELETE", format!("/v2/customers/{}/addresses", 12 - n % 12), Value::Null),
                    4 => ("POST", CUSTOMERS.to_owned(), json!([bringing(&format!("{round}.{n}@b.c"), &houses(0, 1..=3))])),
                    _ => ("POST", ALL.to_owned(), json!([house(customer, n), house(13 - customer, round)])),
                }
            });
            race(&service, requests.collect()).await;
            sound(&service).await;
        }
    }

    async fn a_put_changes_what_it_names_and_answers_the_whole_address(service: Service) {
        service.crowd(1).await;
        make(&service, json!([ken(1), house(1, 1)])).await;
        let answer = service
            .put("modify", ALL, json!([{"id": 2, "city": "Neu-Ulm", "address_type": "COMMERCIAL"}, {"id": 1, "phone": "5"}]))
            .await;
        shows(&answer, "partial");
        assert_eq!(answer.ids(), [2, 1], "in the order of the request");
        let rows = &answer.json()["data"];
        assert_eq!(rows[0], but(but(house(1, 1), &json!({"city": "Neu-Ulm", "address_type": "commercial"})),
            &json!({"id": 2, "country": "Germany", "company": "", "phone": "", "address2": ""})));
        assert_eq!(rows[1], but(ken(1), &json!({"id": 1, "country": "Australia", "phone": "5"})));
        assert_eq!(list(&service, "").await.json()["data"], json!([rows[1], rows[0]]));
        let told = [event("created", 1, 1), event("created", 2, 1), event("updated", 1, 1), event("updated", 2, 1)];
        assert_eq!(events(&service).await, told);
        let audit = service.audit().await;
        assert_eq!(audit[3..], ["address.updated 1 [phone]", "address.updated 2 [address_type city]"]);
    }

    async fn a_put_of_nothing_new_to_an_address_makes_no_event_and_no_line(service: Service) {
        service.crowd(1).await;
        make(&service, json!([ken(1)])).await;
        let before = service.dump().await;
        service.set_seconds(60);
        let whole = but(ken(1), &json!({"id": 1, "customer_id": 99, "country": "Elsewhere", "x": [1]}));
        for rows in [json!([{"id": 1}]), json!([whole]), json!([{"id": 1, "city": null}]),
            json!([{"id": 1, "city": "X"}, {"id": 1, "city": "Cabramatta"}])] {
            let answer = service.put("modify", ALL, rows).await;
            assert_eq!((answer.status, answer.ids()[0]), (200, 1), "{answer}");
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_put_to_what_the_customer_has_already_changes_nothing_and_is_absent(service: Service) {
        service.crowd(2).await;
        make(&service, houses(1, 1..=3)).await;
        make(&service, json!([house(2, 9)])).await;
        let before = service.dump().await;
        let answer = service.put("modify", ALL, json!([{"id": 2, "address1": "Weg 1"}])).await;
        answer.is_just(r#"{"data":[],"meta":{}}"#);
        shows(&answer, "there already");
        // Row by row: neither of two can take the other's place.
        let swap = json!([{"id": 1, "address1": "Weg 2"}, {"id": 2, "address1": "Weg 1"}]);
        assert_eq!(service.put("modify", ALL, swap).await.ids(), [0; 0]);
        assert_eq!(service.dump().await, before);
        // A place that an earlier row has left is free.
        let chain = json!([{"id": 1, "address1": "Weg 7"}, {"id": 2, "address1": "Weg 1"}, {"id": 3, "address1": "Weg 7"},
            {"id": 4, "address1": "Weg 1"}]);
        assert_eq!(service.put("modify", ALL, chain).await.ids(), [1, 2, 4]);
        assert_eq!(events(&service).await[4..], [event("updated", 1, 1), event("updated", 2, 1), event("updated", 4, 2)]);
        sound(&service).await;
    }

    async fn an_unknown_address_or_customer_refuses_the_whole_batch(service: Service) {
        service.crowd(1).await;
        make(&service, json!([house(1, 1)])).await;
        let before = service.dump().await;
        let put = service.put("modify", ALL, json!([{"id": 1, "city": "X"}, {"id": 5}, {"id": 6}])).await;
        put.refused(422, UPDATE, &json!({"1.id": "invalid address ID"}));
        shows(&put, "unknown id");
        let post = service.post("modify", ALL, json!([house(1, 2), house(9, 1), house(-1, 1)])).await;
        post.refused(422, CREATE, &json!({"1.customer_id": "invalid customer ID"}));
        shows(&post, "unknown customer");
        for id in [0, -1, i64::from(i32::MAX)] {
            let put = service.put("modify", ALL, json!([{"id": id}])).await;
            put.refused(422, UPDATE, &json!({"0.id": "invalid address ID"}));
        }
        assert_eq!(service.dump().await, before);
    }

    /// Ruling 18.
    async fn the_country_is_a_code_in_capitals_and_in_three_countries_the_state_is_known(
        service: Service,
    ) {
        service.crowd(1).await;
        make(&service, json!([house(1, 1), ken(1)])).await;
        let before = service.dump().await;
        let code = "must be a country's code of ISO 3166-1 alpha-2";
        for bad in ["XX", "us", "USA", "U", "", "Germany"] {
            let row = but(house(1, 2), &json!({"country_code": bad}));
            let errors = json!({"1.country_code": code});
            service.post("modify", ALL, json!([house(1, 3), row])).await.refused(422, CREATE, &errors);
            let put = service.put("modify", ALL, json!([{"id": 1}, {"id": 1, "country_code": bad}])).await;
            put.refused(422, UPDATE, &errors);
        }
        let of = |country: &str| json!(format!("must be the full name of a state or province of {country}"));
        for (country, name, state) in [("US", "United States", "TX"), ("US", "United States", ""), ("US", "United States", " "),
            ("CA", "Canada", "ON"), ("AU", "Australia", "NSW"), ("US", "United States", "Ontario")] {
            let row = json!({"country_code": country, "state_or_province": state});
            let post = service.post("modify", ALL, json!([but(house(1, 2), &row)])).await;
            post.refused(422, CREATE, &json!({"0.state_or_province": of(name)}));
            let put = service.put("modify", ALL, json!([{"id": 1, "city": "X"}, but(json!({"id": 1}), &row)])).await;
            put.refused(422, UPDATE, &json!({"1.state_or_province": of(name)}));
        }
        // Either alone is judged with what the address has of the other.
        let put = service.put("modify", ALL, json!([{"id": 2, "state_or_province": "Bavaria"}])).await;
        put.refused(422, UPDATE, &json!({"0.state_or_province": of("Australia")}));
        shows(&put, "unknown state");
        let put = service.put("modify", ALL, json!([{"id": 1, "country_code": "US"}])).await;
        put.refused(422, UPDATE, &json!({"0.state_or_province": of("United States")}));
        let post = service.post("modify", ALL, json!([but(house(1, 2), &json!({"country_code": "XX"}))])).await;
        shows(&post, "unknown country");
        assert_eq!(service.dump().await, before);
        for (country, name, state) in [("US", "United States", "texas"), ("CA", "Canada", "Québec"), ("AU", "Australia", "Victoria"),
            ("FR", "France", "75"), ("CI", "Côte d'Ivoire", "")] {
            let row = json!({"id": 1, "country_code": country, "state_or_province": state});
            let answer = service.put("modify", ALL, json!([row])).await.json()["data"][0].clone();
            assert_eq!((&answer["country"], &answer["state_or_province"]), (&json!(name), &json!(state)));
        }
    }

    async fn every_member_that_is_missing_or_of_a_wrong_type_is_told(service: Service) {
        service.crowd(1).await;
        make(&service, json!([house(1, 1)])).await;
        let before = service.dump().await;
        let missing = service.post("modify", ALL, json!([house(1, 2), {}])).await;
        shows(&missing, "members missing");
        let required = ["customer_id", "first_name", "last_name", "address1", "city", "state_or_province", "postal_code",
            "country_code"];
        let errors: Value =
            required.iter().map(|name| (format!("1.{name}"), json!("error.path.missing"))).collect::<serde_json::Map<_, _>>().into();
        missing.refused(422, INVALID, &errors);
        let texts = ["first_name", "last_name", "company", "phone", "address1", "address2", "city", "state_or_province",
            "postal_code", "country_code", "address_type"];
        for name in texts {
            for (value, word) in [(json!(5), "error.expected.jsstring"), (json!(["a"]), "error.expected.jsstring"),
                (json!("a\u{0}"), "error.expected.text.without.nul")] {
                let errors = json!({format!("0.{name}"): word});
                let row = but(house(1, 2), &json!({name: value}));
                service.post("modify", ALL, json!([row])).await.refused(422, INVALID, &errors);
                service.put("modify", ALL, json!([{"id": 1, name: value}])).await.refused(422, INVALID, &errors);
            }
        }
        for name in required {
            let answer = service.post("modify", ALL, json!([but(house(1, 2), &json!({name: null}))])).await;
            assert_eq!(answer.status, 422, "{answer}");
        }
        let enums = json!({"0.address_type": "error.expected.validenumvalue"});
        service.put("modify", ALL, json!([{"id": 1, "address_type": "home"}])).await.refused(422, INVALID, &enums);
        let number = |value: Value| but(house(1, 2), &json!({"customer_id": value}));
        for (value, word) in [(json!("1"), "error.expected.jsnumber"), (json!(1.5), "error.expected.int"),
            (json!(i64::MAX), "error.expected.int")] {
            let errors = json!({"0.customer_id": word});
            service.post("modify", ALL, json!([number(value)])).await.refused(422, INVALID, &errors);
        }
        let no_id = service.put("modify", ALL, json!([{"city": "X"}])).await;
        no_id.refused(422, INVALID, &json!({"id": "error.path.missing"}));
        shows(&no_id, "no id");
        service.post("modify", ALL, house(1, 2)).await.refused(422, INVALID, &json!({"obj": "error.expected.jsarray"}));
        service.post("modify", ALL, json!([42])).await.refused(422, INVALID, &json!({"0": "error.expected.jsobject"}));
        let fields = but(house(1, 2), &json!({"form_fields": [{"name": "a"}]}));
        let errors = json!({"0.form_fields.0.value": "error.path.missing"});
        service.post("modify", ALL, json!([fields])).await.refused(422, INVALID, &errors);
        assert_eq!(service.dump().await, before);
    }

    async fn texts_are_kept_up_to_their_published_length_and_refused_beyond(service: Service) {
        service.crowd(1).await;
        let lengths = [("first_name", 1, 255), ("last_name", 1, 255), ("company", 0, 255), ("phone", 0, 50), ("address1", 0, 255),
            ("address2", 0, 255), ("city", 0, 100), ("state_or_province", 0, 100), ("postal_code", 0, 30)];
        let mut longest = house(1, 1);
        for (name, least, most) in lengths {
            longest[name] = json!("\u{1f600}".repeat(most));
            for length in [least - 1, i64::try_from(most).unwrap() + 1] {
                let Ok(length) = usize::try_from(length) else { continue };
                let row = but(house(1, 2), &json!({name: "a".repeat(length)}));
                let answer = service.post("modify", ALL, json!([row])).await;
                let rule = format!("must be {least} to {most} characters long");
                answer.refused(422, CREATE, &json!({format!("0.{name}"): rule}));
                let answer = service.put("modify", ALL, json!([{"id": 1, name: "a".repeat(length)}])).await;
                answer.refused(422, UPDATE, &json!({format!("0.{name}"): rule}));
            }
        }
        let made = service.post("modify", ALL, json!([longest])).await.json()["data"][0].clone();
        for (name, ..) in lengths {
            assert_eq!(made[name], longest[name], "{name}");
        }
    }

    /// Ruling 3.
    async fn a_batch_has_at_most_250_rows(service: Service) {
        service.crowd(1).await;
        let answer = service.post("modify", ALL, houses(1, 0..251)).await;
        answer.refused(422, "Max batch size allowed is 250", &json!({}));
        let rows: Vec<Value> = (0..251).map(|id| json!({"id": id})).collect();
        let answer = service.put("modify", ALL, json!(rows)).await;
        answer.refused(422, "Max batch size allowed is 250", &json!({}));
        assert_eq!(make(&service, houses(1, 0..250)).await.len(), 250);
        let rows: Vec<Value> = (1..=250).map(|id| json!({"id": id, "city": "X"})).collect();
        assert_eq!(service.put("modify", ALL, json!(rows)).await.ids().len(), 250);
        for method in ["POST", "PUT"] {
            let answer = service.ask(method, ALL).token("modify").json(json!([])).send().await;
            answer.is_just(r#"{"data":[],"meta":{}}"#);
        }
        sound(&service).await;
    }

    /// The published numbers: ten POSTs and three PUTs at once, on plans that have limits.
    async fn posts_are_limited_to_ten_at_once_and_puts_to_three(service: Service) {
        let operations = server::router(service.app().clone()).1;
        let limits = operations.iter().filter(|it| it.path.ends_with("/v3/customers/addresses"));
        let limits: Vec<_> = limits.map(|it| (it.method.as_str(), it.at_once)).collect();
        assert_eq!(limits, [("GET", None), ("POST", Some(10)), ("PUT", Some(3)), ("DELETE", None)]);
    }

    async fn addresses_are_listed_by_id_ascending_in_pages_without_links_or_cursors(service: Service) {
        let empty = list(&service, "").await;
        empty.is_just(r#"{"data":[],"meta":{"pagination":{"total":0,"count":0,"per_page":50,"current_page":1,"total_pages":1}}}"#);
        shows(&empty, "empty");
        service.crowd(3).await;
        make(&service, json!([house(3, 1), house(1, 1), house(2, 1), house(1, 2), house(3, 2)])).await;
        let page = list(&service, "?limit=2&page=2").await;
        assert_eq!(page.ids(), [3, 4]);
        shows(&page, "second page");
        assert_eq!(
            page.json()["meta"],
            json!({"pagination": {"total": 5, "count": 2, "per_page": 2, "current_page": 2, "total_pages": 3}})
        );
        let past = list(&service, "?limit=2&page=9").await;
        assert_eq!((past.ids().len(), past.json()["meta"]["pagination"]["current_page"].clone()), (0, json!(9)));
        assert_eq!(list(&service, "?limit=999").await.json()["meta"]["pagination"]["per_page"], 250);
        assert_eq!(list(&service, "?customer_id:in=3,1&limit=3").await.ids(), [1, 2, 4]);
        assert_eq!(list(&service, "?customer_id:in=3,1&limit=3&page=2").await.ids(), [5]);
        for query in ["?limit=0", "?limit=x", "?page=0", "?page=-1", "?page=1.5"] {
            assert_eq!(list(&service, query).await.status, 422, "{query}");
        }
        let deep = list(&service, "?page=99999999999999999999").await;
        assert_eq!((deep.status, deep.ids().len()), (200, 0));
    }

    async fn every_published_filter_of_addresses_narrows(service: Service) {
        service.crowd(3).await;
        let rows = json!([
            but(house(1, 1), &json!({"first_name": "James", "last_name": "Moriarty", "company": "Crime, Inc."})),
            but(house(2, 1), &json!({"first_name": "Mycroft", "last_name": "Ölmes", "company": "Crown"})),
            house(2, 2),
            house(3, 1),
        ]);
        make(&service, rows).await;
        for (query, expected) in [
            ("name:in=james+MORIARTY", vec![1]),
            ("name:in=James+Moriarty,mycroft+%C3%B6lmes", vec![1, 2]),
            ("name:in=James", vec![]),
            ("company:in[]=crime,+inc.&company:in[]=CROWN", vec![1, 2]),
            ("company:in=", vec![3, 4]),
            ("customer_id:in=2", vec![2, 3]),
            ("customer_id:in=2,3,99", vec![2, 3, 4]),
            ("customer_id:in=2&company:in=crown", vec![2]),
            ("id:in=4,1", vec![1, 4]),
            ("id:in=4,1&customer_id:in=3&name:in=ada+lovelace", vec![4]),
            ("id:in=9223372036854775807,-1", vec![]),
            ("customer_id:in=9223372036854775807", vec![]),
            ("customer_id:in=0", vec![]),
        ] {
            let answer = list(&service, &format!("?{query}")).await;
            assert_eq!(answer.ids(), expected, "{answer}");
            assert_eq!(answer.json()["meta"]["pagination"]["total"], expected.len(), "{answer}");
        }
        let many = vec!["1"; 1_001].join(",");
        for (query, status) in [("id:in=", 422), ("id:in=a", 422), ("customer_id:in=", 422), ("customer_id:in=1,x", 422),
            (&*format!("id:in={many}"), 413), (&*format!("customer_id:in={many}"), 413), (&*format!("name:in={many}"), 413)] {
            assert_eq!(list(&service, &format!("?{query}")).await.status, status);
        }
        assert_eq!(list(&service, &format!("?id:in={}", vec!["1"; 1_000].join(","))).await.ids(), [1]);
        let word = list(&service, "?customer_id:in=x").await;
        word.refused(422, "Query parameter \"customer_id:in\" value may contain only integer values. For input string: \"x\".", &json!({}));
        shows(&word, "no integer");
    }

    /// Recorded for `customer_id`; there are no cursors here.
    async fn filters_of_addresses_that_are_not_published_are_refused(service: Service) {
        for name in ["customer_id", "id", "before", "after", "sort", "email", "company", "name:like", "date_created"] {
            let answer = list(&service, &format!("?{name}=1")).await;
            answer.refused(422, &format!("The filter(s): {name} are not valid filter parameter(s)."), &json!({}));
        }
        shows(&list(&service, "?customer_id=20").await, "unknown filter");
    }

    async fn a_deletion_takes_the_addresses_it_names_and_tells_of_each(service: Service) {
        service.crowd(2).await;
        make(&service, json!([house(1, 1), house(1, 2), house(2, 1)])).await;
        let before = service.dump().await;
        let nothing = service.delete("modify", ALL).await;
        shows(&nothing, "without its filter");
        assert_eq!((nothing.status, nothing.body.len()), (204, 0));
        assert_eq!(service.delete("modify", &format!("{ALL}?id:in=99,-1,9223372036854775807")).await.status, 204);
        for query in ["id:in=", "id:in=a", "customer_id:in=1"] {
            assert_eq!(service.delete("modify", &format!("{ALL}?{query}")).await.status, 422);
        }
        assert_eq!(service.dump().await, before);
        let gone = service.delete("modify", &format!("{ALL}?id:in=3,1,1,99")).await;
        shows(&gone, "two");
        assert_eq!(list(&service, "").await.ids(), [2]);
        assert_eq!(events(&service).await[3..], [event("deleted", 1, 1), event("deleted", 3, 2)]);
        assert_eq!(service.audit().await[5..], ["address.deleted 1 []", "address.deleted 3 []"]);
        assert_eq!(make(&service, json!([house(1, 1)])).await, [4], "a number is never given twice");
        sound(&service).await;
    }

    async fn with_a_customer_its_addresses_go_and_only_its_own_going_is_told(service: Service) {
        service.crowd(5).await;
        make(&service, (1..=5).map(|customer| house(customer, 1)).collect()).await;
        service.delete("modify", "/v3/customers?id:in=1,2").await;
        service.delete("modify", "/v2/customers/3").await;
        assert_eq!(list(&service, "").await.ids(), [4, 5]);
        service.delete("modify", "/v2/customers?max_id=4").await;
        assert_eq!(list(&service, "").await.ids(), [5]);
        assert!(!service.events().await.iter().any(|line| line.contains("address/deleted")));
        assert!(!service.audit().await.iter().any(|line| line.starts_with("address.deleted")));
        assert_eq!(list(&service, "").await.json()["meta"]["pagination"]["total"], 1);
        sound(&service).await;
    }

    async fn an_address_leaves_its_customer_as_it_was(service: Service) {
        service.crowd(1).await;
        let before = service.get("read", CUSTOMERS).await.body;
        service.set_seconds(60);
        make(&service, json!([house(1, 1)])).await;
        service.put("modify", ALL, json!([{"id": 1, "city": "X"}])).await;
        service.delete("modify", &format!("{ALL}?id:in=1")).await;
        assert_eq!(service.get("read", CUSTOMERS).await.body, before);
        assert!(!service.events().await.iter().any(|line| line.starts_with("store/customer/updated")));
    }

    async fn included_addresses_stand_directly_after_the_id_ten_at_most_and_all_are_counted(
        service: Service,
    ) {
        service.crowd(3).await;
        make(&service, json!([house(3, 1)])).await;
        make(&service, houses(1, 1..=12)).await;
        make(&service, json!([house(3, 2)])).await;
        let answer = service.get("read", "/v3/customers?include=addresses").await;
        shows(&answer, "with addresses");
        let rows = answer.json()["data"].clone();
        let shown = |row: usize| {
            let addresses = rows[row]["addresses"].as_array().unwrap();
            let ids = addresses.iter().map(|address| address["id"].as_i64().unwrap());
            (rows[row]["address_count"].as_i64().unwrap(), ids.collect::<Vec<_>>())
        };
        assert_eq!(shown(0), (2, vec![1, 14]));
        assert_eq!(shown(1), (0, vec![]));
        assert_eq!(shown(2), (12, (2..=11).collect()));
        assert!(answer.text().starts_with(r#"{"data":[{"id":3,"address_count":2,"addresses":[{"id":1,"address1":"#));
        assert!(answer.text().contains(r#"{"id":2,"address_count":0,"addresses":[],"authentication":"#));
        assert!(!answer.text().contains("form_fields"), "only where they were asked for");
        let without = service.get("read", CUSTOMERS).await.text();
        assert!(!without.contains("\"address"), "{without}");
        let both = service.get("read", "/v3/customers?include=storecredit,addresses&id:in=3").await;
        assert_eq!(both.json()["data"][0]["store_credit_amounts"], json!([{"amount": 0}]));
        assert_eq!(both.json()["data"][0]["address_count"], 2);
    }

    async fn a_customer_is_made_with_its_addresses_and_shows_them_with_form_fields(service: Service) {
        let brought = json!([but(ken(0), &json!({"customer_id": "ignored"})), house(0, 1), ken(77)]);
        let answer = service
            .post("modify", CUSTOMERS, json!([bringing("a@b.c", &brought), bringing("b@b.c", &json!([])), bringing("c@b.c", &json!(null)),
                bringing("d@b.c", &json!([house(0, 1)]))]))
            .await;
        shows(&answer, "with addresses");
        let address = concat!(
            r#"{"id":1,"address1":"87 Longfield","address2":"U6","address_type":"residential","city":"Cabramatta","#,
            r#""company":"","country":"Australia","country_code":"AU","customer_id":1,"first_name":"Ken","last_name":"Ngo","#,
            r#""phone":"","postal_code":"2166","state_or_province":"New South Wales","form_fields":[]}"#
        );
        assert!(answer.text().starts_with(&format!(r#"{{"data":[{{"id":1,"address_count":2,"addresses":[{address},"#)), "{answer}");
        let rows = answer.json()["data"].clone();
        assert_eq!((&rows[1]["address_count"], &rows[1]["addresses"]), (&json!(0), &json!([])));
        assert_eq!((rows[2].get("address_count"), rows[2].get("addresses")), (None, None));
        assert_eq!(rows[3]["addresses"][0]["id"], 3);
        assert_eq!(list(&service, "").await.ids(), [1, 2, 3], "the same twice is one");
        let told = [event("created", 1, 1), event("created", 2, 1), event("created", 3, 4)];
        assert_eq!(events(&service).await, told);
        let put = service.put("modify", CUSTOMERS, json!([{"id": 1, "phone": "5", "addresses": [ken(1)]}])).await;
        assert_eq!(put.json()["data"][0].get("addresses"), None, "not supported, as published");
        assert_eq!(list(&service, "").await.ids().len(), 3);
        sound(&service).await;
    }

    async fn one_address_at_fault_refuses_the_customers_and_is_told_by_its_path(service: Service) {
        let before = service.dump().await;
        let send = async |addresses: Value| {
            service.post("modify", CUSTOMERS, json!([bringing("a@b.c", &json!([house(0, 1)])), bringing("b@b.c", &addresses)])).await
        };
        let rule = send(json!([house(0, 1), but(house(0, 2), &json!({"country_code": "XX", "city": "x".repeat(101)}))])).await;
        rule.refused(422, "Create customers failed.", &json!({
            "1.addresses.1.country_code": "must be a country's code of ISO 3166-1 alpha-2",
            "1.addresses.1.city": "must be 0 to 100 characters long",
        }));
        shows(&rule, "an address breaks a rule");
        let state = send(json!([but(house(0, 1), &json!({"country_code": "US"}))])).await;
        state.refused(422, "Create customers failed.",
            &json!({"1.addresses.0.state_or_province": "must be the full name of a state or province of United States"}));
        let shape = send(json!([{"first_name": 5}, 7])).await;
        shape.refused(422, INVALID, &json!({
            "1.addresses.0.first_name": "error.expected.jsstring", "1.addresses.0.last_name": "error.path.missing",
            "1.addresses.0.address1": "error.path.missing", "1.addresses.0.city": "error.path.missing",
            "1.addresses.0.country_code": "error.path.missing", "1.addresses.1": "error.expected.jsobject",
        }));
        shows(&shape, "an address is unreadable");
        let word = |word: &str| json!({"1.addresses": word});
        send(json!({})).await.refused(422, INVALID, &word("error.expected.jsarray"));
        send(houses(0, 0..11)).await.refused(422, INVALID, &word("error.maxLength"));
        let both = json!([
            bringing("a@b.c", &json!([but(house(0, 1), &json!({"country_code": "XX"}))])),
            bringing("no e-mail", &json!([])),
        ]);
        let told = service.post("modify", CUSTOMERS, both).await.json()["errors"].clone();
        let told: Vec<_> = told.as_object().unwrap().keys().collect();
        assert_eq!(told, ["0.addresses.0.country_code"], "of two rows the first");
        let taken = json!([bringing("a@b.c", &json!([house(0, 1)])), bringing("A@b.c", &json!([house(0, 1)]))]);
        assert_eq!(service.post("modify", CUSTOMERS, taken).await.status, 422);
        assert_eq!(service.dump().await, before, "also no number was used up");
        // Where the country needs none, state and postal code need not be said.
        let short = json!([{"first_name": "A", "last_name": "B", "address1": "", "city": "", "country_code": "DE"}]);
        assert_eq!(send(short).await.status, 200);
        assert_eq!(send(houses(0, 0..10)).await.status, 422, "the e-mails are in use by now");
    }

    async fn stores_do_not_see_each_others_addresses(service: Service) {
        service.crowd(1).await;
        let zenith = "/stores/zenith/v3/customers";
        let rows = json!([bringing("a@b.c", &houses(0, 1..=3))]);
        assert_eq!(service.post("other", zenith, rows).await.ids(), [1]);
        assert_eq!(make(&service, houses(1, 1..=2)).await, [1, 2], "numbered by store");
        let id = service.texts("SELECT CAST(store_id AS TEXT) AS line FROM store WHERE hash = 'zenith'").await.remove(0);
        let of_zenith = async || {
            let dump = service.dump().await;
            dump.lines().filter(|line| line.contains(&id)).map(str::to_owned).collect::<Vec<_>>()
        };
        let before = of_zenith().await;
        assert!(before.iter().filter(|line| line.starts_with("customer_address:")).count() == 3);
        assert_eq!(list(&service, "").await.json()["meta"]["pagination"]["total"], 2);
        assert_eq!(list(&service, "?id:in=1,2,3").await.ids(), [1, 2]);
        assert_eq!(list(&service, "?customer_id:in=1").await.ids(), [1, 2]);
        assert_eq!(list(&service, "?name:in=Ada+Lovelace").await.ids(), [1, 2]);
        assert_eq!(service.put("modify", ALL, json!([{"id": 3, "city": "X"}])).await.status, 422);
        service.put("modify", ALL, json!([{"id": 1, "city": "X"}])).await;
        service.delete("modify", &format!("{ALL}?id:in=1,3")).await;
        make(&service, json!([house(1, 3)])).await;
        service.delete("modify", "/v2/customers/1/addresses").await;
        service.delete("modify", "/v2/customers").await;
        assert_eq!(of_zenith().await, before);
        let listed = service.get("other", &format!("{zenith}/addresses")).await;
        assert_eq!(listed.ids(), [1, 2, 3]);
        assert_eq!(service.get("other", &format!("{zenith}?include=addresses")).await.json()["data"][0]["address_count"], 3);
    }

    async fn a_deleted_store_takes_its_addresses_along(service: Service) {
        service.made(json!([bringing("a@b.c", &houses(0, 1..=3))])).await;
        resources::stores::ops::delete(&service.app().db, &kernel::SystemClock, "acme").await.unwrap();
        assert_eq!(service.number("SELECT COUNT(*) FROM customer_address").await, 0);
        let before = service.dump().await;
        // Let in before its store was deleted: the token is not yet forgotten.
        for (method, path, body) in [
            ("POST", ALL.to_owned(), json!([house(1, 9)])),
            ("PUT", ALL.to_owned(), json!([{"id": 1, "city": "late"}])),
            ("DELETE", format!("{ALL}?id:in=1"), Value::Null),
            ("POST", CUSTOMERS.to_owned(), json!([bringing("late@b.c", &houses(0, 1..=1))])),
            ("DELETE", "/v2/customers/1/addresses".to_owned(), Value::Null),
        ] {
            let answer = service.ask(method, &path).token("modify").json(body).send().await;
            assert!((400..500).contains(&answer.status), "{answer}");
        }
        assert_eq!(service.dump().await, before);
    }
}
