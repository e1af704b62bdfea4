use access::Quirk;
use kernel::Timestamp;
use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::shows;

const ALL: &str = "/v2/customers";
const DELETED: &str =
    "SELECT COUNT(DISTINCT subject) FROM outbox WHERE scope = 'store/customer/deleted'";

fn person(email: &str) -> Value {
    json!({"email": email, "first_name": "Ada", "last_name": "Lovelace"})
}

/// Customers 1 to 3, a day apart, of three companies.
async fn three(service: &Service) {
    for (n, day) in [("1", -2), ("2", -1), ("3", 0)] {
        service.set_seconds(day * 86_400);
        let sent = json!({"email": format!("{n}@Example.com"), "first_name": format!("Ann{n}"), "last_name": format!("Bee{n}"),
            "company": format!("Firm{n}"), "phone": format!("555-{n}"), "tax_exempt_category": format!("T{n}"),
            "store_credit": format!("{n}.50")});
        assert_eq!(service.post("modify", ALL, sent).await.status, 201);
    }
}

on_each_engine! {
    /// observed.md 8.1, recorded 2016 to 2018; the slashes as recorded in 2013.
    async fn the_recorded_customer_is_answered_to_the_byte(service: Service) {
        service.set_clock(Timestamp::from_seconds(1_461_832_759));
        service.meddle("UPDATE counter SET last = 20 WHERE name = 'customer' AND store_id = (SELECT store_id FROM store WHERE hash = 'acme')").await;
        let made = service
            .post(
                "modify",
                ALL,
                json!({"first_name": "John", "last_name": "Doe", "email": "john.doe@test.com"}),
            )
            .await;
        assert_eq!(made.status, 201);
        service.set_clock(Timestamp::from_seconds(1_522_773_157));
        let changed = service.put("modify", "/v2/customers/21", json!({"notes": "a note"})).await;
        let recorded = concat!(
            r#"{"id":21,"company":"","first_name":"John","last_name":"Doe","email":"john.doe@test.com","phone":"","#,
            r#""form_fields":null,"date_created":"Thu, 28 Apr 2016 08:39:19 +0000","#,
            r#""date_modified":"Tue, 03 Apr 2018 16:32:37 +0000","store_credit":"0.0000","registration_ip_address":"","#,
            r#""customer_group_id":0,"notes":"a note","tax_exempt_category":"","reset_pass_on_login":false,"#,
            r#""accepts_marketing":false,"addresses":{"url":"https:\/\/api.bigcommerce.com\/stores\/acme\/v2\/customers\/21\/addresses","#,
            r#""resource":"\/customers\/21\/addresses"}}"#,
        );
        changed.is_just(recorded);
        let read = service.get("read", "/v2/customers/21").await;
        read.is_just(recorded);
        assert_eq!(read.header("last-modified"), "Tue, 03 Apr 2018 16:32:37 +0000");
        service.get("read", ALL).await.is_just(&format!("[{recorded}]"));
    }

    async fn a_post_answers_201_with_every_published_field_but_the_password(service: Service) {
        let sent = json!({"email": "Jane@example.com", "first_name": "Jane", "last_name": "Doe", "company": "BigCommerce",
            "phone": "1234567890", "store_credit": "150.75", "registration_ip_address": "12.345.678.910",
            "customer_group_id": 0, "notes": "n", "tax_exempt_category": "T",
            "_authentication": {"force_reset": true, "password": "hunter22", "password_confirmation": "hunter22"}});
        let made = service.post("modify", ALL, sent).await;
        shows(&made, "everything said");
        let read = service.get("read", "/v2/customers/1").await;
        shows(&read, "read");
        for answer in [made, read] {
            assert!(
                !answer.text().contains("hunter22") && !answer.text().contains("_authentication"),
                "{answer}"
            );
            assert!(!answer.text().contains("argon2"), "{answer}");
        }
    }

    /// Quirk `v2_published_formats`, ruling 35.
    async fn under_v2_published_formats_dates_are_iso_and_amounts_have_two_decimals(
        service: Service,
    ) {
        access::stores::set_quirks(&service.app().db, "acme", |quirks| {
            quirks.with(Quirk::V2PublishedFormats, true)
        })
        .await
        .unwrap();
        service.app().tokens.refresh().await.unwrap();
        service.post("modify", ALL, json!({"email": "a@b.c", "first_name": "A", "last_name": "B", "store_credit": 150.75})).await;
        let read = service.get("read", "/v2/customers/1").await;
        shows(&read, "under v2_published_formats");
        let body = read.json();
        assert_eq!(
            (&body["date_created"], &body["store_credit"]),
            (&json!("2024-06-01T12:00:00Z"), &json!("150.75"))
        );
        assert_eq!(service.get("read", ALL).await.json()[0], body);
    }

    // ---- lists

    async fn a_list_is_a_bare_array_oldest_id_first_with_its_newest_date(service: Service) {
        three(&service).await;
        let listed = service.get("read", "/v2/customers?limit=2").await;
        shows(&listed, "two of three");
        assert_eq!(listed.ids(), [1, 2]);
        assert_eq!(listed.header("last-modified"), "Fri, 31 May 2024 12:00:00 +0000");
        assert_eq!(service.get("read", "/v2/customers?limit=2&page=2").await.ids(), [3]);
    }

    async fn nothing_found_and_a_page_past_the_end_are_204_without_a_body(service: Service) {
        let empty = service.get("read", ALL).await;
        shows(&empty, "empty");
        assert_eq!(
            (empty.status, empty.body.len(), empty.header("content-type")),
            (204, 0, "application/json")
        );
        three(&service).await;
        for query in [
            "page=2",
            "limit=3&page=2",
            "page=2147483647&limit=250",
            "page=99999999999999999999",
            "email=nobody@example.com",
            "min_id=4",
        ] {
            let answer = service.get("read", &format!("/v2/customers?{query}")).await;
            assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer}");
        }
    }

    async fn every_published_filter_narrows_list_count_and_deletion(service: Service) {
        three(&service).await;
        let cases = [
            ("first_name=ann2", vec![2]),
            ("last_name=BEE3", vec![3]),
            ("company=firm1", vec![1]),
            ("email=2@EXAMPLE.com", vec![2]),
            ("email=2%40example.com", vec![2]),
            ("phone=555-3", vec![3]),
            ("tax_exempt_category=T1", vec![1]),
            ("tax_exempt_category=t1", vec![]),
            ("store_credit=2.5", vec![2]),
            ("store_credit=2.5000", vec![2]),
            ("customer_group_id=0", vec![1, 2, 3]),
            ("customer_group_id=5", vec![]),
            ("min_id=2", vec![2, 3]),
            ("max_id=2", vec![1, 2]),
            ("min_id=2&max_id=2", vec![2]),
            ("min_id=3&max_id=1", vec![]),
            ("min_date_created=2024-05-31", vec![2, 3]),
            ("max_date_created=2024-05-31", vec![1]),
            ("min_date_created=2024-05-31T12:00:00Z", vec![2, 3]),
            ("max_date_created=2024-05-31T12:00:00", vec![1, 2]),
            ("max_date_created=2024-05-31T11:59:59", vec![1]),
            ("min_date_modified=Fri,%2031%20May%202024%2012:00:00%20%2B0000", vec![2, 3]),
            ("min_date_modified=Fri,+31+May+2024+12:00:01+%2B0000", vec![3]),
            ("min_date_modified=Fri,+31+May+2024+12:00:01++0000", vec![3]),
            ("min_date_modified=2024-05-31+14:00:01+02:00", vec![3]),
            ("max_date_modified=2024-05-31T12:00:00.999Z", vec![1, 2]),
            ("max_date_modified=1717156799", vec![1]),
            ("first_name=Ann2&company=Firm2", vec![2]),
            ("first_name=Ann2&company=Firm1", vec![]),
            ("min_id=-9223372036854775808&max_id=9223372036854775807", vec![1, 2, 3]),
        ];
        for (query, expected) in &cases {
            let listed = service.get("read", &format!("/v2/customers?{query}")).await;
            assert_eq!(&listed.ids(), expected, "{query}: {listed}");
            let counted = service.get("read", &format!("/v2/customers/count?{query}")).await;
            assert_eq!(counted.json(), json!({"count": expected.len()}), "{query}: {counted}");
        }
        assert_eq!(service.delete("modify", "/v2/customers?first_name=ann2").await.status, 204);
        assert_eq!(service.get("read", ALL).await.ids(), [1, 3]);
    }

    async fn a_filter_that_cannot_be_read_or_is_none_is_400(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        for (query, field) in [
            ("min_id=x", "min_id"),
            ("max_id=", "max_id"),
            ("min_id=99999999999999999999", "min_id"),
            ("customer_group_id=a", "customer_group_id"),
            ("store_credit=much", "store_credit"),
            ("min_date_created=yesterday", "min_date_created"),
            ("max_date_modified=2024-13-01", "max_date_modified"),
            ("email=a%00b", "email"),
        ] {
            for path in ["/v2/customers", "/v2/customers/count"] {
                let answer = service.get("read", &format!("{path}?{query}")).await;
                answer.declined(400, &format!("The field '{field}' is invalid."));
            }
            let answer = service.delete("modify", &format!("/v2/customers?{query}")).await;
            answer.declined(400, &format!("The field '{field}' is invalid."));
        }
        // Recorded: bigcommerce-api-php#249.
        let by_id = service.get("read", "/v2/customers?id=1").await;
        shows(&by_id, "by id");
        by_id.declined(400, "The field 'id' is not supported by this resource.");
        assert_eq!(service.delete("modify", "/v2/customers?id=1").await.status, 400);
        assert_eq!(service.get("read", "/v2/customers?id:in=1").await.status, 400);
        assert_eq!(service.dump().await, before);
    }

    async fn a_limit_above_250_is_250_and_below_1_is_refused(service: Service) {
        three(&service).await;
        for query in ["limit=251", "limit=99999999999999999999", "limit=1&page=1"] {
            assert_eq!(
                service.get("read", &format!("/v2/customers?{query}")).await.status,
                200,
                "{query}"
            );
        }
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("page=0", "page"),
            ("page=x", "page"),
            ("limit=", "limit"),
        ] {
            service
                .get("read", &format!("/v2/customers?{query}"))
                .await
                .declined(400, &format!("The field '{field}' is invalid."));
        }
        assert_eq!(
            service.get("read", "/v2/customers/count?limit=1").await.status,
            400,
            "a count has no pages"
        );
    }

    async fn a_count_is_a_bare_object(service: Service) {
        let none = service.get("read", "/v2/customers/count").await;
        none.is_just(r#"{"count":0}"#);
        three(&service).await;
        let all = service.get("read", "/v2/customers/count").await;
        all.is_just(r#"{"count":3}"#);
        shows(&all, "three");
    }

    // ---- writes

    async fn an_unknown_member_is_not_supported(service: Service) {
        let mut sent = person("a@b.c");
        sent["custom_status"] = json!("x");
        let answer = service.post("modify", ALL, sent.clone()).await;
        shows(&answer, "unknown member");
        answer.declined(400, "The field 'custom_status' is not supported by this resource.");
        three(&service).await;
        let answer =
            service.put("modify", "/v2/customers/1", json!({"custom_status": 1, "email": 5})).await;
        answer.declined(400, "The field 'custom_status' is not supported by this resource.");
    }

    async fn a_missing_member_is_required(service: Service) {
        for (sent, field) in [
            (json!({"first_name": "A", "last_name": "B"}), "email"),
            (json!({"email": "a@b.c", "last_name": "B"}), "first_name"),
            (json!({"email": "a@b.c", "first_name": "A"}), "last_name"),
            (json!({"email": null, "first_name": "A", "last_name": "B"}), "email"),
        ] {
            service
                .post("modify", ALL, sent)
                .await
                .declined(400, &format!("The field '{field}' is required."));
        }
        shows(&service.post("modify", ALL, json!({})).await, "nothing said");
        assert!(service.events().await.is_empty());
    }

    async fn a_wrong_value_is_invalid(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        for (sent, field) in [
            (json!({"email": "invalid"}), "email"),
            (json!({"email": 5}), "email"),
            (json!({"first_name": ""}), "first_name"),
            (json!({"company": 5}), "company"),
            (json!({"store_credit": "much"}), "store_credit"),
            (json!({"store_credit": -1}), "store_credit"),
            (json!({"store_credit": true}), "store_credit"),
            (json!({"customer_group_id": 9}), "customer_group_id"),
            (json!({"phone": "5".repeat(51)}), "phone"),
            (json!({"notes": "a\u{0}b"}), "notes"),
            (json!({"_authentication": {"password": "short"}}), "_authentication"),
            (
                json!({"_authentication": {"password": "hunter22", "password_confirmation": "hunter23"}}),
                "_authentication",
            ),
            (json!({"_authentication": "hunter22"}), "_authentication"),
        ] {
            let answer = service.put("modify", "/v2/customers/1", sent).await;
            answer.declined(400, &format!("The field '{field}' is invalid."));
            assert_eq!(answer.json()[0].get("details"), None, "{answer}");
        }
        // observed.md 8.3: measured.
        shows(
            &service.put("modify", "/v2/customers/1", json!({"email": "invalid"})).await,
            "no e-mail",
        );
        assert_eq!(service.dump().await, before);
    }

    /// observed.md 8.3: recorded.
    async fn an_address_in_use_is_400_with_its_reason(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        let recorded = concat!(
            r#"[{"status":400,"message":"The field 'email' is invalid.","details":"#,
            r#"{"invalid_reason":"This email address is already in use by a customer."}}]"#,
        );
        for answer in [
            service.post("modify", ALL, person("1@example.COM")).await,
            service.put("modify", "/v2/customers/2", json!({"email": "1@example.com"})).await,
        ] {
            shows(&answer, "address in use");
            assert_eq!((answer.status, answer.text().as_str()), (400, recorded));
        }
        assert_eq!(service.dump().await, before);
    }

    async fn store_credit_is_taken_as_number_text_or_integer(service: Service) {
        service.post("modify", ALL, person("a@b.c")).await;
        for (sent, shown) in [
            (json!(43.15), "43.1500"),
            (json!("43.15"), "43.1500"),
            (json!(43), "43.0000"),
            (json!("8000"), "8000.0000"),
            (json!(8000.00), "8000.0000"),
            (json!("0.0001"), "0.0001"),
        ] {
            let answer =
                service.put("modify", "/v2/customers/1", json!({"store_credit": sent})).await;
            assert_eq!(answer.json()["store_credit"], shown, "{answer}");
        }
    }

    /// Ruling 22: official libraries send whole objects back.
    async fn a_whole_object_can_be_sent_back_and_changes_nothing(service: Service) {
        three(&service).await;
        service.set_seconds(999);
        let before = service.dump().await;
        let mut whole = service.get("read", "/v2/customers/2").await.json();
        let answer = service.put("modify", "/v2/customers/2", whole.clone()).await;
        assert_eq!(answer.json(), whole, "{answer}");
        whole["id"] = json!(1);
        whole["date_created"] = json!("nonsense");
        whole["form_fields"] = json!([]);
        whole["addresses"] = json!(5);
        whole["accepts_marketing"] = json!(true);
        whole["reset_pass_on_login"] = json!(true);
        let answer = service.put("modify", "/v2/customers/2", whole).await;
        assert_eq!(
            (answer.status, answer.json()["accepts_marketing"].clone()),
            (200, json!(false)),
            "{answer}"
        );
        assert_eq!(service.dump().await, before);
    }

    async fn a_put_changes_what_it_names_and_tells_when(service: Service) {
        three(&service).await;
        service.set_seconds(60);
        let answer = service
            .put("modify", "/v2/customers/1", json!({"company": "New", "phone": null}))
            .await;
        shows(&answer, "one member");
        assert_eq!(answer.header("last-modified"), "Sat, 01 Jun 2024 12:01:00 +0000");
        assert_eq!(
            service.events().await[3..],
            [r#"store/customer/updated {"type":"customer","id":1}"#]
        );
        assert_eq!(service.audit().await[3..], ["customer.updated 1 [company]"]);
    }

    async fn a_deletion_is_204_and_again_404(service: Service) {
        three(&service).await;
        let gone = service.delete("modify", "/v2/customers/2").await;
        shows(&gone, "deleted");
        assert_eq!(
            (gone.status, gone.body.len(), gone.header("content-type")),
            (204, 0, "application/json")
        );
        let again = service.delete("modify", "/v2/customers/2").await;
        shows(&again, "unknown");
        again.declined(404, "The requested resource was not found.");
        assert_eq!(service.events().await.len(), 4);
    }

    async fn whatever_is_no_id_names_nothing(service: Service) {
        three(&service).await;
        let before = service.dump().await;
        for id in [
            "99",
            "0",
            "-1",
            "abc",
            "1.5",
            "2147483648",
            "99999999999999999999",
            "%00",
            "%FF",
            "1%20",
        ] {
            let path = format!("/v2/customers/{id}");
            for answer in [
                service.get("read", &path).await,
                service.put("modify", &path, json!({"company": "X"})).await,
                service.delete("modify", &path).await,
            ] {
                answer.declined(404, "The requested resource was not found.");
            }
        }
        shows(&service.get("read", "/v2/customers/99").await, "unknown");
        shows(&service.put("modify", "/v2/customers/99", json!({"company": "X"})).await, "unknown");
        assert_eq!(service.dump().await, before);
    }

    /// Ruling 20.
    async fn a_collections_deletion_takes_all_that_matches_past_one_transaction(service: Service) {
        service.crowd(230).await;
        let some = service.delete("modify", "/v2/customers?min_id=221").await;
        shows(&some, "what matches");
        assert_eq!(service.get("read", "/v2/customers/count").await.json()["count"], 220);
        let all = service.delete("modify", ALL).await;
        assert_eq!((all.status, all.body.len()), (204, 0));
        assert_eq!(service.get("read", "/v2/customers/count").await.json()["count"], 0);
        assert_eq!(service.number("SELECT COUNT(*) FROM customer").await, 0);
        assert_eq!(service.number(DELETED).await, 230);
        assert_eq!(
            service.number("SELECT COUNT(*) FROM audit WHERE action = 'customer.deleted'").await,
            230
        );
        assert_eq!(service.delete("modify", ALL).await.status, 204, "also when there is nothing");
    }

    async fn the_json_suffix_is_dropped_and_slashes_collapse(service: Service) {
        three(&service).await;
        let plain = service.get("read", "/v2/customers/1").await;
        for path in [
            "/v2/customers/1.json",
            "/v2/customers/1/",
            "/v2//customers//1",
            "/v2/customers/1.json/",
            "//stores/acme/v2/customers/1",
        ] {
            assert_eq!(service.get("read", path).await.body, plain.body, "{path}");
        }
        assert_eq!(service.get("read", "/v2/customers.json?limit=1").await.ids(), [1]);
        assert_eq!(
            service.get("read", "/v2/customers/count.json").await.json(),
            json!({"count": 3})
        );
        for path in
            ["/v2/customers.xml", "/v2/customers/1.xml", "//stores/acme//v2/customers/1.xml"]
        {
            service.get("read", path).await.declined(406, "Not Acceptable");
        }
    }

    async fn v2_and_v3_are_two_views_of_one_customer(service: Service) {
        service.post("modify", ALL, person("a@b.c")).await;
        service.put("modify", "/v3/customers", json!([{"id": 1, "accepts_product_review_abandoned_cart_emails": true,
            "store_credit_amounts": [{"amount": 12.5}], "authentication": {"force_password_reset": true}}])).await;
        let v2 = service.get("read", "/v2/customers/1").await.json();
        assert_eq!(
            (&v2["accepts_marketing"], &v2["store_credit"], &v2["reset_pass_on_login"]),
            (&json!(true), &json!("12.5000"), &json!(true))
        );
    }
}
