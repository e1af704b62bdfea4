//! `/v3/wishlists`.

use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::{races::race, shows};

const ALL: &str = "/v3/wishlists";
const INVALID: &str = "JSON data is missing or invalid";
const UNKNOWN: &str = "Could not find wishlist";

/// Make a wishlist that must be made; the whole of it.
async fn wished(service: &Service, wishlist: Value) -> Value {
    let answer = service.post("modify", ALL, wishlist).await;
    assert_eq!(answer.status, 201, "{answer}");
    answer.json()["data"].clone()
}

/// Two customers; the first has the wishlists 1 (items 1 and 2) and 2 (none), the second 3 (item 3).
async fn three(service: &Service) {
    service.crowd(2).await;
    let item = |product: i64| json!({"product_id": product, "variant_id": product * 10});
    for wishlist in [
        json!({"customer_id": 1, "name": "Christmas", "is_public": true, "items": [item(7), item(8)]}),
        json!({"customer_id": 1, "name": "Birthday"}),
        json!({"customer_id": 2, "name": "Christmas", "items": [item(7)]}),
    ] {
        wished(service, wishlist).await;
    }
}

/// The ids of a wishlist's items.
fn item_ids(wishlist: &Value) -> Vec<i64> {
    wishlist["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

/// What must hold however the rows came to be.
async fn sound(service: &Service) {
    let acme = "store_id = (SELECT store_id FROM store WHERE hash = 'acme')";
    for table in ["wishlist", "wishlist_item"] {
        let there = format!("SELECT COUNT(*) FROM {table} WHERE {acme}");
        let live = format!("SELECT live FROM counter WHERE {acme} AND name = '{table}'");
        assert_eq!(service.number(&live).await, service.number(&there).await, "count of {table}");
    }
    for (what, orphans) in [
        (
            "customer",
            "SELECT COUNT(*) FROM wishlist w LEFT JOIN customer c
                 ON c.store_id = w.store_id AND c.customer_id = w.customer_id WHERE c.store_id IS NULL",
        ),
        (
            "wishlist",
            "SELECT COUNT(*) FROM wishlist_item i LEFT JOIN wishlist w
                 ON w.store_id = i.store_id AND w.wishlist_id = i.wishlist_id WHERE w.store_id IS NULL",
        ),
    ] {
        assert_eq!(service.number(orphans).await, 0, "without its {what}");
    }
}

on_each_engine! {
    /// The published page, but for the values.
    async fn a_wishlist_is_made_with_its_items_and_a_random_token(service: Service) {
        service.crowd(1).await;
        let items = json!([{"product_id": 77, "variant_id": 1}, {"product_id": 80}, {"product_id": 77, "variant_id": 1}]);
        let sent = json!({"customer_id": 1, "name": "Christmas List", "is_public": true, "items": items, "id": 9, "token": "x", "y": 1});
        let answer = service.post("modify", ALL, sent).await;
        shows(&answer, "with items");
        assert_eq!(answer.status, 201);
        let made = answer.json()["data"].clone();
        let token = made["token"].as_str().unwrap();
        assert_eq!((token.len(), &token[14..15]), (36, "4"), "{answer}");
        let expected = format!(
            r#"{{"data":{{"id":1,"customer_id":1,"name":"Christmas List","is_public":true,"token":"{token}","items":[{{"id":1,"product_id":77,"variant_id":1}},{{"id":2,"product_id":80}},{{"id":3,"product_id":77,"variant_id":1}}]}},"meta":{{}}}}"#
        );
        assert_eq!(answer.text(), expected);
        let read = service.get("read", "/v3/wishlists/1").await;
        shows(&read, "read");
        assert_eq!((read.status, &read.body), (200, &answer.body));
        let other = wished(&service, json!({"customer_id": 1, "name": "N"})).await;
        assert_ne!(other["token"], made["token"]);
        assert_eq!((&other["is_public"], &other["items"]), (&json!(false), &json!([])));
        assert_eq!(service.audit().await[1..], ["wishlist.created 1 []", "wishlist.created 2 []"]);
        assert_eq!(service.events().await.len(), 1, "of the customer alone");
    }

    async fn wishlists_are_listed_oldest_first_also_those_of_one_customer(service: Service) {
        let empty = service.get("read", ALL).await;
        shows(&empty, "empty");
        three(&service).await;
        let listed = service.get("read", ALL).await;
        assert_eq!(listed.ids(), [1, 2, 3]);
        assert_eq!(item_ids(&listed.json()["data"][0]), [1, 2]);
        let page = service.get("read", &format!("{ALL}?page=2&limit=2")).await;
        shows(&page, "second page");
        assert_eq!(page.ids(), [3]);
        let own = service.get("read", &format!("{ALL}?customer_id=1&limit=1&page=2")).await;
        shows(&own, "of a customer");
        assert_eq!(own.ids(), [2]);
        assert_eq!(own.json()["meta"]["pagination"]["total"], 2);
        for (query, ids) in [("customer_id=2", vec![3]), ("customer_id=9", vec![]), ("customer_id=0", vec![]), ("customer_id=9223372036854775807", vec![]), ("page=9", vec![]), ("page=100000", vec![])] {
            assert_eq!(service.get("read", &format!("{ALL}?{query}")).await.ids(), ids, "{query}");
        }
        for query in ["customer_id=x", "customer_id=", "customer_id=1,2", "customer_id:in=1", "limit=0", "after=x", "id=1"] {
            assert_eq!(service.get("read", &format!("{ALL}?{query}")).await.status, 422, "{query}");
        }
    }

    async fn an_unknown_wishlist_is_404_in_the_recorded_words_and_its_deletion_204(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        let items = json!({"items": [{"product_id": 1}]});
        let read = service.get("read", "/v3/wishlists/99").await;
        shows(&read, "unknown");
        for answer in [
            read,
            service.put("modify", "/v3/wishlists/99", json!({"items": []})).await,
            service.post("modify", "/v3/wishlists/99/items", items.clone()).await,
            service.delete("modify", "/v3/wishlists/99/items/1").await,
        ] {
            answer.refused(404, UNKNOWN, &json!({}));
        }
        assert_eq!(service.delete("modify", "/v3/wishlists/99").await.status, 204);
        for (id, status) in [("0", 404), ("2147483648", 404), ("x", 400), ("1e0", 400), ("%00", 400)] {
            for (method, path) in [("GET", format!("{ALL}/{id}")), ("PUT", format!("{ALL}/{id}")), ("DELETE", format!("{ALL}/{id}")),
                ("POST", format!("{ALL}/{id}/items")), ("DELETE", format!("{ALL}/1/items/{id}"))] {
                let answer = service.ask(method, &path).token("modify").json(items.clone()).send().await;
                assert_eq!(answer.status, status, "{answer}");
            }
        }
        assert_eq!(service.dump().await, before);
    }

    /// Published: PUT changes what is there; adding and deleting have operations of their own.
    async fn a_put_of_a_wishlist_changes_the_items_it_names_and_leaves_the_others(service: Service) {
        three(&service).await;
        let sent = json!({"customer_id": 2, "name": "Easter", "items": [{"id": 2, "product_id": 9, "variant_id": null}]});
        let answer = service.put("modify", "/v3/wishlists/1", sent).await;
        shows(&answer, "an item and the name");
        assert_eq!(answer.status, 201, "as published");
        let after = answer.json()["data"].clone();
        assert_eq!(after["items"], json!([{"id": 1, "product_id": 7, "variant_id": 70}, {"id": 2, "product_id": 9}]));
        assert_eq!((&after["name"], &after["customer_id"], &after["is_public"]), (&json!("Easter"), &json!(1), &json!(true)));
        assert_eq!(service.get("read", "/v3/wishlists/1").await.json()["data"], after);
        assert_eq!(service.audit().await.last().unwrap(), "wishlist.updated 1 [name items]");
        let before = service.dump().await;
        for same in [after.clone(), json!({"items": []}), json!({"items": [], "name": null})] {
            let answer = service.put("modify", "/v3/wishlists/1", same).await;
            assert_eq!((answer.status, &answer.json()["data"]), (201, &after), "{answer}");
        }
        assert_eq!(service.dump().await, before, "nothing new leaves no trace");
    }

    async fn items_are_added_and_taken_off_and_their_numbers_are_not_used_again(service: Service) {
        three(&service).await;
        let added = service
            .post("modify", "/v3/wishlists/2/items", json!({"items": [{"product_id": 1, "variant_id": 2}, {"product_id": 3}]}))
            .await;
        shows(&added, "two");
        assert_eq!((added.status, item_ids(&added.json()["data"])), (201, vec![4, 5]));
        let removed = service.delete("modify", "/v3/wishlists/2/items/5").await;
        shows(&removed, "one");
        assert_eq!((removed.status, item_ids(&removed.json()["data"])), (200, vec![4]));
        let again = service.post("modify", "/v3/wishlists/2/items", json!({"items": [{"product_id": 3}]})).await;
        assert_eq!(item_ids(&again.json()["data"]), [4, 6]);
        assert_eq!(service.get("read", "/v3/wishlists/2").await.json(), again.json());
        assert_eq!(service.audit().await[5..], ["wishlist.updated 2 [items]"; 3]);
        let before = service.dump().await;
        let of_another = service.delete("modify", "/v3/wishlists/2/items/1").await;
        assert_eq!((of_another.status, item_ids(&of_another.json()["data"])), (200, vec![4, 6]));
        assert_eq!(service.delete("modify", "/v3/wishlists/2/items/99").await.status, 200);
        assert_eq!(service.post("modify", "/v3/wishlists/2/items", json!({"items": []})).await.status, 201);
        assert_eq!(service.dump().await, before);
        sound(&service).await;
    }

    async fn a_wishlist_is_deleted_with_its_items(service: Service) {
        three(&service).await;
        let answer = service.delete("modify", "/v3/wishlists/1").await;
        shows(&answer, "deleted");
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
        service.delete("modify", "/v3/wishlists/1").await;
        assert_eq!(service.get("read", ALL).await.ids(), [2, 3]);
        assert_eq!(service.audit().await[5..], ["wishlist.deleted 1 []"]);
        sound(&service).await;
        assert_eq!(wished(&service, json!({"customer_id": 2, "name": "N"})).await["id"], 4);
    }

    /// Ruling 25.
    async fn a_customers_wishlists_go_with_it(service: Service) {
        three(&service).await;
        service.delete("modify", "/v3/customers?id:in=1").await;
        assert_eq!(service.get("read", ALL).await.ids(), [3]);
        assert_eq!(service.get("read", "/v3/wishlists/1").await.status, 404);
        sound(&service).await;
        service.delete("modify", "/v2/customers/2").await;
        assert_eq!(service.get("read", ALL).await.ids(), [0; 0]);
        sound(&service).await;
        service.made(json!([{"email": "x@b.c", "first_name": "X", "last_name": "X"}])).await;
        wished(&service, json!({"customer_id": 3, "name": "N", "items": [{"product_id": 1}]})).await;
        service.delete("modify", "/v2/customers").await;
        assert_eq!(service.number("SELECT COUNT(*) FROM wishlist_item").await, 0);
        sound(&service).await;
    }

    async fn every_fault_of_a_wishlist_is_told_and_nothing_is_kept(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        let missing = service.post("modify", ALL, json!({"is_public": true})).await;
        missing.refused(422, INVALID, &json!({"customer_id": "error.path.missing", "name": "error.path.missing"}));
        shows(&missing, "members missing");
        // Recorded.
        let wrong = service.post("modify", ALL, json!({"customer_id": "1", "name": "N"})).await;
        wrong.refused(422, INVALID, &json!({"customer_id": "error.expected.jsnumber"}));
        let unknown = service.post("modify", ALL, json!({"customer_id": 99, "name": "N"})).await;
        unknown.refused(422, INVALID, &json!({"customer_id": "invalid customer ID"}));
        shows(&unknown, "unknown customer");
        let one = |items: Value| json!({"customer_id": 1, "name": "N", "items": items});
        let cases = [
            (json!({"customer_id": 1, "name": ""}), json!({"name": "must be 1 to 255 characters long"})),
            (json!({"customer_id": 1, "name": "n".repeat(256)}), json!({"name": "must be 1 to 255 characters long"})),
            (json!({"customer_id": 1, "name": "a\u{0}"}), json!({"name": "error.expected.text.without.nul"})),
            (json!({"customer_id": null, "name": 1, "is_public": "no"}), json!({"customer_id": "error.expected.jsnumber", "name": "error.expected.jsstring", "is_public": "error.expected.jsboolean"})),
            (json!({"customer_id": 1e30, "name": "N"}), json!({"customer_id": "error.expected.int"})),
            (json!({"customer_id": -1, "name": "N"}), json!({"customer_id": "invalid customer ID"})),
            (one(json!({})), json!({"items": "error.expected.jsarray"})),
            (one(json!([1])), json!({"items.0": "error.expected.jsobject"})),
            (one(json!([{"product_id": 1}, {"variant_id": 1}])), json!({"items.1.product_id": "error.path.missing"})),
            (one(json!([{"product_id": "1"}])), json!({"items.0.product_id": "error.expected.jsnumber"})),
            (one(json!([{"product_id": 0}])), json!({"items.0.product_id": "error.min"})),
            (one(json!([{"product_id": 1, "variant_id": 2_147_483_648_i64}])), json!({"items.0.variant_id": "error.expected.int"})),
            (json!([]), json!({"obj": "error.expected.jsobject"})),
        ];
        for (sent, errors) in cases {
            service.post("modify", ALL, sent).await.refused(422, INVALID, &errors);
        }
        for path in ["/v3/wishlists/1/items", "/v3/wishlists/99/items"] {
            service.post("modify", path, json!({})).await.refused(422, INVALID, &json!({"items": "error.path.missing"}));
        }
        let bad = service.post("modify", "/v3/wishlists/1/items", json!({"items": [{"product_id": -1}]})).await;
        bad.refused(422, INVALID, &json!({"items.0.product_id": "error.min"}));
        shows(&bad, "no product");
        // Recorded.
        let put = service.put("modify", "/v3/wishlists/1", json!({"name": "N"})).await;
        put.refused(422, INVALID, &json!({"items": "error.path.missing"}));
        shows(&put, "items missing");
        for (sent, errors) in [
            (json!({"items": [{"product_id": 1}]}), json!({"items.0.id": "error.path.missing"})),
            (json!({"items": [{"id": 1}, {"id": 3, "product_id": 1}]}), json!({"items.1.id": "invalid item ID"})),
            (json!({"items": [{"id": 1, "product_id": 0}]}), json!({"items.0.product_id": "error.min"})),
            (json!({"items": [], "name": ""}), json!({"name": "must be 1 to 255 characters long"})),
            (json!({"items": null}), json!({"items": "error.expected.jsarray"})),
        ] {
            service.put("modify", "/v3/wishlists/1", sent).await.refused(422, INVALID, &errors);
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_wishlist_takes_250_items_at_once_and_holds_a_thousand(service: Service) {
        three(&service).await;
        let items = |count: usize| json!({"items": vec![json!({"product_id": 5}); count], "customer_id": 1, "name": "N"});
        let before = service.dump().await;
        let many = service.post("modify", "/v3/wishlists/2/items", items(251)).await;
        many.refused(422, "Max batch size allowed is 250", &json!({}));
        assert_eq!(service.post("modify", ALL, items(251)).await.status, 422);
        assert_eq!(service.dump().await, before);
        for _ in 0..4 {
            assert_eq!(service.post("modify", "/v3/wishlists/2/items", items(250)).await.status, 201);
        }
        let full = service.post("modify", "/v3/wishlists/2/items", items(1)).await;
        full.refused(422, INVALID, &json!({"items": "must be at most 1000 in all"}));
        sound(&service).await;
    }

    async fn stores_do_not_see_each_others_wishlists(service: Service) {
        three(&service).await;
        let zenith = "/stores/zenith/v3/wishlists";
        let person = json!([{"email": "z@b.c", "first_name": "Z", "last_name": "Z"}]);
        assert_eq!(service.post("other", "/stores/zenith/v3/customers", person).await.ids(), [1]);
        let before = service.dump().await;
        assert_eq!(service.get("other", zenith).await.json()["meta"]["pagination"]["total"], 0);
        assert_eq!(service.get("other", &format!("{zenith}?customer_id=1")).await.json()["meta"]["pagination"]["total"], 0);
        let item = json!({"items": [{"product_id": 1}]});
        for (method, path, body, status) in [
            ("GET", "/1", Value::Null, 404),
            ("PUT", "/1", json!({"items": [], "name": "X"}), 404),
            ("POST", "/1/items", item, 404),
            ("DELETE", "/1/items/1", Value::Null, 404),
            ("DELETE", "/1", Value::Null, 204),
            ("POST", "", json!({"customer_id": 2, "name": "of acme's customer"}), 422),
        ] {
            let answer = service.ask(method, &format!("{zenith}{path}")).token("other").json(body).send().await;
            assert_eq!(answer.status, status, "{answer}");
        }
        assert_eq!(service.dump().await, before);
        service.post("other", zenith, json!({"customer_id": 1, "name": "Z"})).await;
        let put = service.put("other", &format!("{zenith}/1"), json!({"items": [{"id": 1, "product_id": 9}]})).await;
        put.refused(422, INVALID, &json!({"items.0.id": "invalid item ID"}));
        service.delete("modify", "/v3/customers?id:in=1,2").await;
        assert_eq!(service.get("other", zenith).await.ids(), [1]);
    }

    async fn wishlists_made_while_their_customer_is_deleted_do_not_outlive_it(service: Service) {
        service.crowd(6).await;
        for customer in 1..=6 {
            let mut requests: Vec<_> = (0..8)
                .map(|_| ("POST", ALL.to_owned(), json!({"customer_id": customer, "name": "N", "items": [{"product_id": 1}]})))
                .collect();
            requests.insert(3, ("DELETE", format!("/v3/customers?id:in={customer}"), Value::Null));
            race(&service, requests).await;
            sound(&service).await;
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM wishlist").await, 0);
    }

    async fn everything_at_once_leaves_wishlists_sound(service: Service) {
        service.crowd(4).await;
        for customer in 1..=4 {
            wished(&service, json!({"customer_id": customer, "name": "N", "items": [{"product_id": 1}]})).await;
        }
        let requests = (0..90_i64).map(|n| {
            let id = n % 6 + 1;
            match n % 6 {
                0 => ("POST", ALL.to_owned(), json!({"customer_id": n % 4 + 1, "name": "N", "items": [{"product_id": n + 1}]})),
                1 | 2 => ("POST", format!("{ALL}/{}/items", n % 5 + 1), json!({"items": [{"product_id": 1}, {"product_id": 2}]})),
                3 => ("DELETE", format!("{ALL}/{}/items/{}", n % 4 + 1, n % 9 + 1), Value::Null),
                4 => ("PUT", format!("{ALL}/{}", n % 5 + 1), json!({"items": [], "name": format!("{n}")})),
                _ if n % 4 == 1 => ("DELETE", format!("/v3/customers?id:in={},{}", n % 4 + 1, (n + 1) % 4 + 1), Value::Null),
                _ => ("DELETE", format!("{ALL}/{id}"), Value::Null),
            }
        });
        race(&service, requests.collect()).await;
        sound(&service).await;
    }
}
