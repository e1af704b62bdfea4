//! V2 customer groups, and who is in them.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::{races::race, robust::sound, shows};

const ALL: &str = "/v2/customer_groups";
const V3: &str = "/v3/customers";

/// Make groups that must be made.
async fn grouped(service: &Service, bodies: Vec<Value>) -> Vec<i64> {
    let mut ids = Vec::new();
    for body in bodies {
        let answer = service.post("modify", ALL, body).await;
        assert_eq!(answer.status, 201, "{answer}");
        ids.push(answer.json()["id"].as_i64().unwrap());
    }
    ids
}

fn named(name: &str) -> Value {
    json!({"name": name})
}

fn person(email: &str, group: i64) -> Value {
    json!({"email": email, "first_name": "A", "last_name": "B", "customer_group_id": group})
}

async fn groups_of_customers(service: &Service) -> Vec<i64> {
    let body = service.get("read", "/v2/customers?limit=250").await.json();
    body.as_array().unwrap().iter().map(|row| row["customer_group_id"].as_i64().unwrap()).collect()
}

async fn defaults(service: &Service) -> Vec<i64> {
    service.get("read", &format!("{ALL}?is_default=true")).await.ids()
}

on_each_engine! {
    async fn a_group_is_made_with_every_published_member_and_read_back(service: Service) {
        let body = json!({
            "name": "Wholesale",
            "is_default": true,
            "category_access": {"type": "specific", "categories": [19, 18, 34]},
            "discount_rules": [
                {"type": "all", "method": "percent", "amount": "5.0000"},
                {"type": "category", "method": "fixed", "amount": 12.5, "category_id": 30},
                {"type": "product", "method": "price", "amount": 3, "product_id": 4},
            ],
            "is_group_for_guests": false,
        });
        let made = service.post("modify", ALL, body).await;
        shows(&made, "made whole");
        let read = service.get("read", "/v2/customer_groups/1").await;
        shows(&read, "found");
        assert_eq!((read.status, &read.body), (200, &made.body));
        let listed = service.get("read", ALL).await;
        shows(&listed, "one");
        let list = service.post("modify", ALL, json!({
            "name": "Prices", "discount_rules": [{"type": "price_list", "price_list_id": 3}],
        })).await;
        shows(&list, "made with a price list");
        let count = service.get("read", "/v2/customer_groups/count").await;
        count.is_just(r#"{"count":2}"#);
        shows(&count, "two");
        assert_eq!(
            service.audit().await,
            ["customer_group.created 1 []", "customer_group.created 2 []"]
        );
        assert!(service.events().await.is_empty());
    }

    async fn no_group_is_204_and_an_unknown_one_404(service: Service) {
        let empty = service.get("read", ALL).await;
        assert_eq!((empty.status, empty.text().as_str()), (204, ""));
        shows(&empty, "none");
        service.get("read", "/v2/customer_groups/count").await.is_just(r#"{"count":0}"#);
        for id in ["1", "0", "-1", "abc", "2147483647", "9223372036854775807", "99999999999999999999"] {
            let path = format!("{ALL}/{id}");
            let unknown = service.get("read", &path).await;
            unknown.declined(404, "The requested resource was not found.");
            assert_eq!(service.put("modify", &path, named("x")).await.status, 404);
            assert_eq!(service.delete("modify", &path).await.status, 404);
        }
        shows(&service.delete("modify", "/v2/customer_groups/1").await, "unknown");
        shows(&service.put("modify", "/v2/customer_groups/1", named("x")).await, "unknown");
        shows(&service.get("read", "/v2/customer_groups/1").await, "unknown");
    }

    async fn each_fault_of_a_group_is_told_and_changes_nothing(service: Service) {
        grouped(&service, vec![named("Kept")]).await;
        let before = service.dump().await;
        let rules = |rules: Value| json!({"name": "x", "discount_rules": rules});
        let access = |access: Value| json!({"name": "x", "category_access": access});
        let tenth = json!({"type": "all", "method": "percent", "amount": "10"});
        let cases = [
            (json!({}), "The field 'name' is required."),
            (json!({"name": null}), "The field 'name' is required."),
            (json!({"name": ""}), "The field 'name' is invalid."),
            (json!({"name": "  "}), "The field 'name' is invalid."),
            (json!({"name": "x".repeat(256)}), "The field 'name' is invalid."),
            (json!({"name": 1}), "The field 'name' is invalid."),
            (json!({"name": "a\u{0}"}), "The field 'name' is invalid."),
            (json!({"name": "x", "is_default": "true"}), "The field 'is_default' is invalid."),
            (json!({"name": "x", "is_group_for_guests": 1}), "The field 'is_group_for_guests' is invalid."),
            (json!({"name": "x", "colour": 1}), "The field 'colour' is not supported by this resource."),
            (access(json!("all")), "The field 'category_access' is invalid."),
            (access(json!({})), "The field 'category_access' is invalid."),
            (access(json!({"type": "some"})), "The field 'category_access' is invalid."),
            (access(json!({"type": "all", "categories": [1]})), "The field 'category_access' is invalid."),
            (access(json!({"type": "specific", "categories": [0]})), "The field 'category_access' is invalid."),
            (access(json!({"type": "specific", "categories": ["1"]})), "The field 'category_access' is invalid."),
            (access(json!({"type": "specific", "categories": (1..=1001).collect::<Vec<_>>()})), "The field 'category_access' is invalid."),
            (rules(json!({})), "The field 'discount_rules' is invalid."),
            (rules(json!([1])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "half"}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "price_list"}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "price_list", "price_list_id": 1}, tenth])), "The field 'discount_rules' is invalid."),
            (rules(json!([tenth, tenth])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "all", "method": "percent"}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "all", "method": "free", "amount": 1}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "all", "method": "fixed", "amount": -1}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "all", "method": "fixed", "amount": 1e300}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "category", "method": "fixed", "amount": 1}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "product", "method": "fixed", "amount": 1, "product_id": 0}])), "The field 'discount_rules' is invalid."),
            (rules(json!([{"type": "product", "product_id": 1}])), "The field 'discount_rules' is invalid."),
        ];
        for (body, message) in cases {
            let made = service.post("modify", ALL, body.clone()).await;
            made.declined(400, message);
            if !message.ends_with("required.") {
                service.put("modify", "/v2/customer_groups/1", body).await.declined(400, message);
            }
        }
        for body in ["[]", "null", "7", "\"x\""] {
            let answer = service.ask("POST", ALL).token("modify").text(body).send().await;
            assert_eq!(answer.status, 400, "{answer}");
        }
        assert_eq!(service.dump().await, before);
        shows(&service.post("modify", ALL, json!({})).await, "without a name");
        shows(&service.put("modify", "/v2/customer_groups/1", access(json!({"type": "some"}))).await, "an access there is not");
    }

    async fn a_group_is_changed_field_by_field_and_its_rules_as_a_whole(service: Service) {
        let rules = json!([{"type": "category", "method": "fixed", "amount": 1, "category_id": 1}, {"type": "all"}]);
        grouped(&service, vec![json!({"name": "A", "discount_rules": rules})]).await;
        service.set_seconds(60);
        let path = "/v2/customer_groups/1";
        let renamed = service.put("modify", path, named("B")).await;
        shows(&renamed, "renamed");
        assert_eq!(renamed.json()["discount_rules"].as_array().unwrap().len(), 2);
        let one = json!([{"type": "product", "method": "price", "amount": "9.99", "product_id": 7}]);
        let changed = service.put("modify", path, json!({"discount_rules": one})).await.json();
        assert_eq!(changed["discount_rules"], json!([{"type": "product", "method": "price", "amount": "9.9900", "product_id": 7}]));
        assert_eq!(changed["name"], "B");
        let none = service.put("modify", path, json!({"discount_rules": [], "category_access": {"type": "none"}})).await.json();
        assert_eq!((&none["discount_rules"], &none["category_access"]), (&json!([]), &json!({"type": "none"})));
        assert_eq!(
            service.audit().await[1..],
            [
                "customer_group.updated 1 [name]",
                "customer_group.updated 1 [discount_rules]",
                "customer_group.updated 1 [category_access discount_rules]"
            ]
        );
    }

    async fn a_whole_group_can_be_sent_back_and_changes_nothing(service: Service) {
        grouped(&service, vec![json!({"name": "A", "is_default": true, "category_access": {"type": "specific", "categories": [2]}})]).await;
        let read = service.get("read", "/v2/customer_groups/1").await;
        service.set_seconds(60);
        let before = service.dump().await;
        let again = service.put("modify", "/v2/customer_groups/1", read.json()).await;
        assert_eq!((again.status, &again.body), (200, &read.body));
        assert_eq!(service.put("modify", "/v2/customer_groups/1", json!({})).await.body, read.body);
        assert_eq!(service.dump().await, before);
    }

    async fn every_filter_of_groups_narrows_list_and_count(service: Service) {
        grouped(&service, vec![
            json!({"name": "Wholesale", "is_default": true}),
            json!({"name": "wholesale north"}),
        ]).await;
        service.set_seconds(86_400);
        grouped(&service, vec![json!({"name": "Gäste_100%", "is_group_for_guests": true})]).await;
        service.put("modify", "/v2/customer_groups/2", json!({"category_access": {"type": "none"}})).await;
        for (query, expected) in [
            ("", vec![1, 2, 3]),
            ("name=Wholesale", vec![1]),
            ("name=wholesale", vec![]),
            ("name:like=WHOLE", vec![1, 2]),
            ("name:like=g%C3%84STE", vec![3]),
            ("name:like=_100%25", vec![3]),
            ("name:like=%25", vec![3]),
            ("is_default=true", vec![1]),
            ("is_default=false", vec![2, 3]),
            ("is_default=1", vec![1]),
            ("is_group_for_guests=true", vec![3]),
            ("is_group_for_guests=false", vec![1, 2]),
            ("date_created=2024-06-01", vec![1, 2]),
            ("date_created=2024-06-01T12:00:00", vec![1, 2]),
            ("date_created:min=2024-06-02", vec![3]),
            ("date_created:max=2024-06-02", vec![1, 2]),
            ("date_modified:min=2024-06-02", vec![2, 3]),
            ("date_modified:max=2024-06-02", vec![1]),
            ("date_modified=2024-06-02T12:00:00Z", vec![2, 3]),
            ("date_modified:min=2024-06-02&is_default=false&name:like=north", vec![2]),
            ("page=2&limit=2", vec![3]),
            ("page=2&limit=3", vec![]),
            ("limit=1", vec![1]),
            ("page=99999999999999999999", vec![]),
        ] {
            let listed = service.get("read", &format!("{ALL}?{query}")).await;
            let status = if expected.is_empty() { 204 } else { 200 };
            assert_eq!((listed.status, listed.ids()), (status, expected.clone()), "{query}");
            if !query.contains("limit") && !query.contains("page") {
                let count = service.get("read", &format!("{ALL}/count?{query}")).await;
                assert_eq!(count.json()["count"], expected.len(), "{query}");
                for id in 1..=3 {
                    let one = service.get("read", &format!("{ALL}/{id}?{query}")).await;
                    assert_eq!(one.status == 200, expected.contains(&id), "{query} {id}");
                }
            }
        }
        for query in ["is_default=maybe", "date_created=yesterday", "page=0", "limit=x", "date_modified:min=", "is_group_for_guests="] {
            let answer = service.get("read", &format!("{ALL}?{query}")).await;
            let name = query.split('=').next().unwrap();
            answer.declined(400, &format!("The field '{name}' is invalid."));
        }
    }

    async fn another_default_takes_over_and_so_does_another_group_for_guests(service: Service) {
        grouped(&service, vec![
            json!({"name": "A", "is_default": true, "is_group_for_guests": true}),
            json!({"name": "B"}),
        ]).await;
        service.set_seconds(60);
        service.put("modify", "/v2/customer_groups/2", json!({"is_default": true})).await;
        let first = service.get("read", "/v2/customer_groups/1").await.json();
        assert_eq!((&first["is_default"], &first["is_group_for_guests"]), (&json!(false), &json!(true)));
        assert_eq!(first["date_modified"], "2024-06-01 12:01:00");
        grouped(&service, vec![json!({"name": "C", "is_default": true, "is_group_for_guests": true})]).await;
        assert_eq!(defaults(&service).await, [3]);
        assert_eq!(service.get("read", &format!("{ALL}?is_group_for_guests=true")).await.ids(), [3]);
        assert_eq!(
            service.audit().await[2..],
            [
                "customer_group.updated 2 [is_default]",
                "customer_group.updated 1 [is_default]",
                "customer_group.created 3 []",
                "customer_group.updated 1 [is_group_for_guests]",
                "customer_group.updated 2 [is_default]",
            ]
        );
        service.put("modify", "/v2/customer_groups/3", json!({"is_default": false})).await;
        assert_eq!(defaults(&service).await, [0; 0]);
    }

    async fn of_groups_made_the_default_at_once_one_is_left(service: Service) {
        let ids = grouped(&service, (0..6).map(|n| named(&format!("G{n}"))).collect()).await;
        for _ in 0..4 {
            let mut requests: Vec<_> = ids
                .iter()
                .map(|id| ("PUT", format!("{ALL}/{id}"), json!({"is_default": true, "is_group_for_guests": true})))
                .collect();
            requests.push(("POST", ALL.to_owned(), json!({"name": "N", "is_default": true})));
            for answer in race(&service, requests).await {
                assert!(answer.status < 300, "{answer}");
            }
            assert_eq!(defaults(&service).await.len(), 1);
            assert_eq!(service.get("read", &format!("{ALL}?is_group_for_guests=true")).await.ids().len(), 1);
        }
        sound(&service).await;
    }

    async fn a_customer_is_in_no_group_or_in_one_of_its_store(service: Service) {
        service.post("other", "/stores/zenith/v2/customer_groups", named("Theirs")).await;
        service.post("other", "/stores/zenith/v2/customer_groups", named("Theirs too")).await;
        grouped(&service, vec![named("Ours")]).await;
        assert_eq!(service.made(json!([person("a@b.c", 1), person("b@b.c", 0)])).await, [1, 2]);
        let before = service.dump().await;
        for group in [2, 99, -1, 2_147_483_647] {
            let row = json!([{"id": 2, "company": "X"}, {"id": 1, "customer_group_id": group}]);
            service.put("modify", V3, row).await.refused(
                422,
                "Update customers failed.",
                &json!({"1.customer_group_id": "no such customer group"}),
            );
            let made = service.post("modify", V3, json!([person("c@b.c", group)])).await;
            made.refused(
                422,
                "Create customers failed.",
                &json!({"0.customer_group_id": "no such customer group"}),
            );
            let body = json!({"customer_group_id": group});
            let v2 = service.put("modify", "/v2/customers/1", body).await;
            v2.declined(400, "The field 'customer_group_id' is invalid.");
            let v2 = service.post("modify", "/v2/customers", person("c@b.c", group)).await;
            v2.declined(400, "The field 'customer_group_id' is invalid.");
        }
        // A number refused takes nothing but itself: the counter is as it was.
        assert_eq!(service.dump().await, before);
        service.put("modify", "/v2/customers/2", json!({"customer_group_id": 1})).await;
        assert_eq!(groups_of_customers(&service).await, [1, 1]);
        assert_eq!(service.get("read", &format!("{V3}?customer_group_id:in=1")).await.ids(), [2, 1]);
        assert_eq!(service.get("read", "/v2/customers?customer_group_id=1").await.ids(), [1, 2]);
        service.put("modify", V3, json!([{"id": 1, "customer_group_id": 0}])).await;
        assert_eq!(service.get("read", &format!("{V3}?customer_group_id:in=0")).await.ids(), [1]);
        assert_eq!(service.get("read", &format!("{V3}?customer_group_id:in=0,1")).await.ids(), [2, 1]);
    }

    async fn who_is_made_without_a_group_joins_the_default_one(service: Service) {
        grouped(&service, vec![named("A"), json!({"name": "B", "is_default": true})]).await;
        let named = json!({"email": "a@b.c", "first_name": "A", "last_name": "B"});
        service.made(json!([named, person("b@b.c", 0), person("c@b.c", 1)])).await;
        let v2 = json!({"email": "d@b.c", "first_name": "A", "last_name": "B"});
        assert_eq!(service.post("modify", "/v2/customers", v2).await.json()["customer_group_id"], 2);
        assert_eq!(groups_of_customers(&service).await, [2, 0, 1, 2]);
    }

    async fn a_deleted_group_leaves_its_members_in_none_past_one_transaction(service: Service) {
        let other = "/stores/zenith/v2/customer_groups";
        service.post("other", other, named("Theirs")).await;
        let theirs = json!([person("a@b.c", 1)]);
        service.post("other", "/stores/zenith/v3/customers", theirs).await;
        grouped(&service, vec![json!({"name": "A", "is_default": true}), json!({"name": "B"})]).await;
        service.crowd(230).await;
        service.put("modify", V3, json!([{"id": 7, "customer_group_id": 2}, {"id": 8, "customer_group_id": 0}])).await;
        service.set_seconds(60);
        let events = service.events().await.len();
        let gone = service.delete("modify", "/v2/customer_groups/1").await;
        shows(&gone, "deleted");
        assert_eq!(gone.status, 204);
        let mut expected = vec![0; 230];
        expected[6] = 2;
        assert_eq!(groups_of_customers(&service).await, expected);
        let dates = service.get("read", &format!("{V3}?id:in=1,7,8")).await.json();
        let dates: Vec<&str> = dates["data"].as_array().unwrap().iter().map(|row| row["date_modified"].as_str().unwrap()).collect();
        assert_eq!(dates, ["2024-06-01T12:00:00Z", "2024-06-01T12:00:00Z", "2024-06-01T12:01:00Z"]);
        assert_eq!(service.events().await.len() - events, 228, "each member is told of");
        assert_eq!(service.get("read", "/v2/customer_groups/1").await.status, 404);
        assert_eq!(service.get("read", ALL).await.ids(), [2]);
        let theirs = service.get("other", "/stores/zenith/v3/customers").await.json();
        assert_eq!(theirs["data"][0]["customer_group_id"], 1);
        assert_eq!(service.delete("modify", "/v2/customer_groups/1").await.status, 404);
        assert_eq!(grouped(&service, vec![named("C")]).await, [3], "its number is not given again");
        sound(&service).await;
    }

    async fn nobody_is_left_in_a_group_that_goes_while_they_join(service: Service) {
        service.crowd(10).await;
        for round in 0..6 {
            let body = json!({"name": "A", "is_default": round % 2 == 0});
            let group = grouped(&service, vec![body]).await[0];
            let mut requests = vec![("DELETE", format!("{ALL}/{group}"), Value::Null)];
            for n in 0..12 {
                let id = n % 10 + 1;
                requests.push(match n % 4 {
                    0 => ("PUT", V3.to_owned(), json!([{"id": id, "customer_group_id": group}])),
                    1 => ("PUT", format!("/v2/customers/{id}"), json!({"customer_group_id": group})),
                    2 => ("POST", V3.to_owned(), json!([person(&format!("{round}.{n}@b.c"), group)])),
                    _ => ("POST", "/v2/customers".to_owned(), json!({"email": format!("{round}.{n}@b.c"), "first_name": "A", "last_name": "B"})),
                });
            }
            requests.rotate_left(usize::try_from(round).unwrap() % 3);
            requests.push(("DELETE", format!("{ALL}/{group}"), Value::Null));
            race(&service, requests).await;
            sound(&service).await;
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM customer_group").await, 0);
    }

    async fn of_one_store_no_group_is_seen_changed_or_counted_by_another(service: Service) {
        grouped(&service, vec![json!({"name": "A", "is_default": true})]).await;
        let before = service.dump().await;
        let at = |path: &str| format!("/stores/zenith/v2/customer_groups{path}");
        assert_eq!(service.get("other", &at("")).await.status, 204);
        assert_eq!(service.get("other", &at("/1")).await.status, 404);
        assert_eq!(service.get("other", &at("/count")).await.json()["count"], 0);
        assert_eq!(service.put("other", &at("/1"), named("B")).await.status, 404);
        assert_eq!(service.delete("other", &at("/1")).await.status, 404);
        assert_eq!(service.dump().await, before);
        service.post("other", &at(""), json!({"name": "B", "is_default": true})).await;
        assert_eq!(defaults(&service).await, [1]);
        let made = json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}]);
        service.made(made).await;
        assert_eq!(groups_of_customers(&service).await, [1]);
    }
}
