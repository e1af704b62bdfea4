use kernel::Timestamp;
use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::shows;

const ALL: &str = "/v3/customers";
const INVALID: &str = "JSON data is missing or invalid";
const CREATE: &str = "Create customers failed.";
const UPDATE: &str = "Update customers failed.";

fn person(email: &str) -> Value {
    json!({"email": email, "first_name": "Ada", "last_name": "Lovelace"})
}

/// A person, and what else is said of them.
fn person_with(email: &str, more: &Value) -> Value {
    let mut person = person(email);
    let more = more.as_object().unwrap().clone();
    person.as_object_mut().unwrap().extend(more);
    person
}

/// The next customer of acme gets this number.
async fn next_id(service: &Service, id: i64) {
    let last = id - 1;
    service
        .meddle(&format!("UPDATE counter SET last = {last} WHERE {ACME} AND name = 'customer'"))
        .await;
}

const ACME: &str = "store_id = (SELECT store_id FROM store WHERE hash = 'acme')";

on_each_engine! {
    /// observed.md 4.1 and 6, recorded in June 2026.
    async fn the_recorded_creation_is_answered_to_the_byte_and_so_is_the_list_after_it(
        service: Service,
    ) {
        service.set_clock(Timestamp::from_seconds(1_781_793_457));
        next_id(&service, 12).await;
        let sent =
            json!([{"email": "agent@example.com", "first_name": "Test", "last_name": "Agent"}]);
        let made = service.post("modify", ALL, sent).await;
        made.is_just(concat!(
            r#"{"data":[{"id":12,"authentication":{"force_password_reset":false},"company":"","customer_group_id":0,"#,
            r#""email":"agent@example.com","first_name":"Test","last_name":"Agent","notes":"","phone":"","#,
            r#""registration_ip_address":"","tax_exempt_category":"","date_created":"2026-06-18T14:37:37Z","#,
            r#""date_modified":"2026-06-18T14:37:37Z","accepts_product_review_abandoned_cart_emails":false,"#,
            r#""store_credit_amounts":[{"amount":0}],"origin_channel_id":1,"channel_ids":null}],"meta":{}}"#,
        ));
        service.get("read", ALL).await.is_just(concat!(
            r#"{"data":[{"id":12,"authentication":{"force_password_reset":false},"company":"","customer_group_id":0,"#,
            r#""email":"agent@example.com","first_name":"Test","last_name":"Agent","notes":"","phone":"","#,
            r#""registration_ip_address":"","tax_exempt_category":"","date_created":"2026-06-18T14:37:37Z","#,
            r#""date_modified":"2026-06-18T14:37:37Z","accepts_product_review_abandoned_cart_emails":false,"#,
            r#""origin_channel_id":1,"channel_ids":null}],"meta":{"pagination":{"total":1,"count":1,"per_page":50,"#,
            r#""current_page":1,"total_pages":1},"cursor_pagination":{"count":1,"per_page":50,"#,
            r#""start_cursor":"eyJpZCI6MTJ9","end_cursor":"eyJpZCI6MTJ9","links":{}}}}"#,
        ));
    }

    async fn every_member_that_can_be_written_is_kept_and_shown(service: Service) {
        let sent = json!([person_with(
            "Nina.Ni@nina.co",
            &json!({
                "company": "Ni & Co", "phone": "+1 (555) 010/2", "notes": "likes \"tea\" / slow mail\n", "tax_exempt_category": "A1",
                "customer_group_id": 0, "accepts_product_review_abandoned_cart_emails": true,
                "store_credit_amounts": [{"amount": 43.15}], "origin_channel_id": 2, "channel_ids": [3, 2, 3],
                "authentication": {"force_password_reset": true, "new_password": "tea4two!"},
                "trigger_account_created_notification": true,
            })
        )]);
        let made = service.post("modify", ALL, sent).await;
        shows(&made, "everything said");
        let read = service.get("read", "/v3/customers?include=storecredit").await;
        shows(&read, "with store credit");
        assert_eq!(read.json()["data"], made.json()["data"]);
    }

    async fn a_batch_of_two_gets_numbers_in_a_row_and_one_date(service: Service) {
        let made = service
            .post("modify", ALL, json!([person("a@example.com"), person("b@example.com")]))
            .await;
        shows(&made, "two");
        assert_eq!(made.ids(), [1, 2]);
    }

    async fn ids_count_per_store_from_1_and_are_never_used_again(service: Service) {
        assert_eq!(
            service.made(json!([person("a@example.com"), person("b@example.com")])).await,
            [1, 2]
        );
        service.delete("modify", "/v3/customers?id:in=1,2").await;
        assert_eq!(service.made(json!([person("a@example.com")])).await, [3]);
        let other = service
            .post("other", "/stores/zenith/v3/customers", json!([person("a@example.com")]))
            .await;
        assert_eq!(other.ids(), [1]);
    }

    async fn a_batch_of_nothing_is_answered_with_nothing(service: Service) {
        for method in ["POST", "PUT"] {
            service
                .ask(method, ALL)
                .token("modify")
                .json(json!([]))
                .send()
                .await
                .is_just(r#"{"data":[],"meta":{}}"#);
        }
        assert!(service.events().await.is_empty());
    }

    // ---- refusals of POST

    /// observed.md 5, recorded.
    async fn an_address_in_use_refuses_the_whole_batch_in_the_recorded_words(service: Service) {
        service.made(json!([person("bobby.bob@bobberton.co")])).await;
        let before = service.dump().await;
        let sent = json!([person("new@example.com"), person("bobby.bob@bobberton.co")]);
        let answer = service.post("modify", ALL, sent).await;
        shows(&answer, "address in use");
        let text = "Error creating customers: email bobby.bob@bobberton.co already in use";
        answer.refused(422, CREATE, &json!({".customer_create": text}));
        assert_eq!(service.dump().await, before);
    }

    async fn an_address_is_in_use_also_in_another_case_and_another_normal_form(service: Service) {
        service.made(json!([person("José@Example.com")])).await;
        for same in [
            "josé@example.com",
            "JOSÉ@EXAMPLE.COM",
            "Jose\u{301}@example.com",
            "JOSE\u{301}@EXAMPLE.com",
        ] {
            let answer = service.post("modify", ALL, json!([person(same)])).await;
            let text = format!("Error creating customers: email {same} already in use");
            answer.refused(422, CREATE, &json!({".customer_create": text}));
        }
        assert_eq!(
            service.made(json!([person("jose@example.com")])).await.len(),
            1,
            "another letter is another address"
        );
    }

    async fn two_rows_of_one_batch_cannot_have_one_address(service: Service) {
        for twin in ["a@example.com", "A@example.com"] {
            let answer =
                service.post("modify", ALL, json!([person("a@example.com"), person(twin)])).await;
            assert_eq!(
                (answer.status, answer.json()["title"].as_str()),
                (422, Some(CREATE)),
                "{answer}"
            );
            let errors = answer.json()["errors"].clone();
            assert!(
                errors[".customer_create"].as_str().unwrap().ends_with(" already in use"),
                "{errors}"
            );
        }
        assert_eq!(service.get("read", ALL).await.ids(), [0; 0]);
        assert!(service.events().await.is_empty());
    }

    /// Ruling 16.
    async fn one_address_twice_is_allowed_only_where_no_channel_lets_both_sign_in(
        service: Service,
    ) {
        let with = |channels: Value| {
            json!([person_with("a@example.com", &json!({"channel_ids": channels}))])
        };
        let mut status = Vec::new();
        for channels in [
            json!([2]),
            json!([3]),
            json!([2, 4]),
            json!(null),
            json!([1]),
            json!(null),
            json!([4, 5]),
        ] {
            status.push(service.post("modify", ALL, with(channels)).await.status);
        }
        // null meets channel 1 alone (it has global logins), and null.
        assert_eq!(status, [200, 200, 422, 200, 422, 422, 200]);
        let clash = service.put("modify", ALL, json!([{"id": 1, "channel_ids": [2, 3]}])).await;
        clash.refused(422, UPDATE, &json!({".customer_update": "Error updating customers: email a@example.com already in use"}));
    }

    async fn a_missing_or_wrong_member_is_told_by_row_in_play_json_words(service: Service) {
        let cases = [
            (
                json!([{}]),
                json!({"0.email": "error.path.missing", "0.first_name": "error.path.missing",
                "0.last_name": "error.path.missing"}),
            ),
            (
                json!([person("a@b.c"), {"email": "b@b.c", "first_name": "B"}]),
                json!({"1.last_name": "error.path.missing"}),
            ),
            (
                json!([person_with(
                    "a@b.c",
                    &json!({"email": 5, "company": false, "customer_group_id": "1"})
                )]),
                json!({"0.email": "error.expected.jsstring", "0.company": "error.expected.jsstring",
                    "0.customer_group_id": "error.expected.jsnumber"}),
            ),
            (
                json!([person_with("a@b.c", &json!({"first_name": null}))]),
                json!({"0.first_name": "error.expected.jsstring"}),
            ),
            (
                json!([person_with("a@b.c", &json!({"channel_ids": 1}))]),
                json!({"0.channel_ids": "error.expected.jsarray"}),
            ),
            (
                json!([person_with("a@b.c", &json!({"channel_ids": [1, "2"]}))]),
                json!({"0.channel_ids.1": "error.expected.jsnumber"}),
            ),
            (
                json!([person_with("a@b.c", &json!({"store_credit_amounts": {"amount": 1}}))]),
                json!({"0.store_credit_amounts": "error.expected.jsarray"}),
            ),
            (
                json!([person_with("a@b.c", &json!({"store_credit_amounts": [{"amount": "1"}]}))]),
                json!({"0.store_credit_amounts.0.amount": "error.expected.jsnumber"}),
            ),
            (
                json!([person_with("a@b.c", &json!({"authentication": {"new_password": 7}}))]),
                json!({"0.authentication.new_password": "error.expected.jsstring"}),
            ),
            (
                json!([person_with("a@b.c", &json!({"authentication": []}))]),
                json!({"0.authentication": "error.expected.jsobject"}),
            ),
            (
                json!([person_with(
                    "a@b.c",
                    &json!({"accepts_product_review_abandoned_cart_emails": "yes"})
                )]),
                json!({"0.accepts_product_review_abandoned_cart_emails": "error.expected.jsboolean"}),
            ),
            (json!([42]), json!({"0": "error.expected.jsobject"})),
            (json!([null]), json!({"0": "error.expected.jsobject"})),
            (json!({"email": "a@b.c"}), json!({"obj": "error.expected.jsarray"})),
            (json!("text"), json!({"obj": "error.expected.jsarray"})),
        ];
        for (sent, errors) in cases {
            let answer = service.post("modify", ALL, sent).await;
            answer.refused(422, INVALID, &errors);
        }
        let answer = service.post("modify", ALL, json!([{}])).await;
        shows(&answer, "members missing");
        assert_eq!(service.get("read", ALL).await.ids(), [0; 0]);
    }

    /// Ruling 2: a sentence that names the rule, under the operation's title.
    async fn a_broken_rule_is_told_by_row_under_the_title_of_the_operation(service: Service) {
        let long = "x".repeat(300);
        let cases = [
            (json!({"email": "nobody"}), "0.email"),
            (json!({"email": ""}), "0.email"),
            (json!({"email": "a@b@c"}), "0.email"),
            (json!({"email": format!("{long}@example.com")}), "0.email"),
            (json!({"first_name": ""}), "0.first_name"),
            (json!({"last_name": long}), "0.last_name"),
            (json!({"company": long}), "0.company"),
            (json!({"notes": "\u{e9}".repeat(32_768)}), "0.notes"),
            (json!({"phone": long}), "0.phone"),
            (json!({"tax_exempt_category": long}), "0.tax_exempt_category"),
            (json!({"customer_group_id": 7}), "0.customer_group_id"),
            (json!({"customer_group_id": -1}), "0.customer_group_id"),
            (json!({"store_credit_amounts": [{"amount": -1}]}), "0.store_credit_amounts.0.amount"),
            (json!({"origin_channel_id": 0}), "0.origin_channel_id"),
            (json!({"channel_ids": []}), "0.channel_ids"),
            (json!({"channel_ids": [0]}), "0.channel_ids"),
            (
                json!({"authentication": {"new_password": "short1"}}),
                "0.authentication.new_password",
            ),
            (
                json!({"authentication": {"new_password": "lettersonly"}}),
                "0.authentication.new_password",
            ),
            (
                json!({"authentication": {"new_password": "12345678"}}),
                "0.authentication.new_password",
            ),
        ];
        for (said, field) in cases {
            let answer = service.post("modify", ALL, json!([person_with("a@b.c", &said)])).await;
            let body = answer.json();
            assert_eq!((answer.status, &body["title"]), (422, &json!(CREATE)), "{answer}");
            let told: Vec<&String> = body["errors"].as_object().unwrap().keys().collect();
            assert_eq!(told, [field], "{answer}");
            assert!(body["errors"][field].as_str().unwrap().contains(' '), "a sentence: {answer}");
        }
        shows(&service.post("modify", ALL, json!([person("nobody")])).await, "rule broken");
        assert_eq!(service.get("read", ALL).await.ids(), [0; 0]);
    }

    /// Ruling 3.
    async fn eleven_rows_are_413_on_post_and_put(service: Service) {
        let rows: Vec<Value> = (0..11).map(|n| person(&format!("p{n}@example.com"))).collect();
        let answer = service.post("modify", ALL, json!(rows)).await;
        shows(&answer, "eleven rows");
        answer.refused(413, "Max batch size allowed is 10", &json!({}));
        assert_eq!(service.made(json!(rows[..10])).await.len(), 10);
        let rows: Vec<Value> = (1..=11).map(|id| json!({"id": id, "company": "X"})).collect();
        let answer = service.put("modify", ALL, json!(rows)).await;
        shows(&answer, "eleven rows");
        answer.refused(413, "Max batch size allowed is 10", &json!({}));
        assert_eq!(service.put("modify", ALL, json!(rows[..10])).await.status, 200);
    }

    /// Ruling 22, V3: members unknown or read-only are ignored.
    async fn unknown_and_read_only_members_are_ignored(service: Service) {
        let more = json!({"id": 99, "date_created": "2000-01-01T00:00:00Z", "date_modified": 5, "address_count": "x",
            "registration_ip_address": 5, "_authentication": {"password": "hunter22"}, "unheard_of": {"deep": [1]}});
        let made = service.post("modify", ALL, json!([person_with("a@b.c", &more)])).await;
        assert_eq!(made.ids(), [1], "{made}");
        assert_eq!(made.json()["data"][0]["date_created"], "2024-06-01T12:00:00Z");
        let changed = service
            .put(
                "modify",
                ALL,
                json!([{"id": 1, "origin_channel_id": 9, "date_created": "x", "nope": 1}]),
            )
            .await;
        assert_eq!(
            (changed.status, &changed.json()["data"][0]["origin_channel_id"]),
            (200, &json!(1)),
            "{changed}"
        );
    }

    // ---- PUT

    async fn a_put_changes_what_it_names_and_the_date_and_nothing_else(service: Service) {
        service
            .made(json!([person_with(
                "a@example.com",
                &json!({"company": "Analytical", "store_credit_amounts": [{"amount": 7}]})
            )]))
            .await;
        service.set_seconds(60);
        let answer = service.put("modify", ALL, json!([{"id": 1, "first_name": "Samantha"}])).await;
        shows(&answer, "one name");
        let customer = &answer.json()["data"][0];
        assert_eq!(customer["first_name"], "Samantha");
        assert_eq!(customer["company"], "Analytical");
        assert_eq!(customer["date_created"], "2024-06-01T12:00:00Z");
        assert_eq!(customer["date_modified"], "2024-06-01T12:01:00Z");
        assert_eq!(
            service.audit().await,
            ["customer.created 1 []", "customer.updated 1 [first_name]"]
        );
    }

    async fn a_put_answers_in_the_order_of_the_request(service: Service) {
        service.crowd(5).await;
        let sent = json!([{"id": 4, "company": "X"}, {"id": 1, "company": "Y"}, {"id": 3}, {"id": 5, "notes": "Z"}]);
        let answer = service.put("modify", ALL, sent).await;
        assert_eq!(answer.ids(), [4, 1, 3, 5]);
    }

    /// Ruling 9.
    async fn a_put_of_nothing_new_makes_no_event_and_leaves_the_date(service: Service) {
        service.made(json!([person_with("a@example.com", &json!({"channel_ids": [2, 1]}))])).await;
        let before = service.dump().await;
        service.set_seconds(60);
        for row in [
            json!({"id": 1}),
            json!({"id": 1, "first_name": "Ada", "channel_ids": [1, 2, 1], "email": "a@example.com",
            "store_credit_amounts": [{"amount": 0.0}], "company": null, "store_credit_amounts_": 3}),
        ] {
            let answer = service.put("modify", ALL, json!([row])).await;
            assert_eq!(
                answer.json()["data"][0]["date_modified"],
                "2024-06-01T12:00:00Z",
                "{answer}"
            );
        }
        assert_eq!(service.dump().await, before);
    }

    async fn a_clock_that_is_behind_does_not_turn_back_the_date_of_a_change(service: Service) {
        service.crowd(1).await;
        service.set_seconds(-3600);
        let answer = service.put("modify", ALL, json!([{"id": 1, "company": "New"}])).await;
        assert_eq!(answer.json()["data"][0]["date_modified"], "2024-06-01T12:00:00Z");
    }

    async fn of_a_batch_only_what_differs_is_dated_and_told(service: Service) {
        service.crowd(3).await;
        service.set_seconds(60);
        let answer = service
            .put("modify", ALL, json!([{"id": 1, "company": ""}, {"id": 2, "company": "New"}]))
            .await;
        let dates: Vec<Value> = answer.json()["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["date_modified"].clone())
            .collect();
        assert_eq!(dates, ["2024-06-01T12:00:00Z", "2024-06-01T12:01:00Z"]);
        assert_eq!(
            service.events().await[3..],
            [r#"store/customer/updated {"type":"customer","id":2}"#]
        );
    }

    /// observed.md 5, recorded: of two unknown ids only the first is told.
    async fn an_unknown_id_refuses_the_batch_and_only_the_first_is_told(service: Service) {
        service.crowd(1).await;
        let before = service.dump().await;
        let answer = service
            .put(
                "modify",
                ALL,
                json!([{"id": 12345, "first_name": "A"}, {"id": 12346, "first_name": "B"}]),
            )
            .await;
        shows(&answer, "unknown ids");
        answer.refused(422, UPDATE, &json!({"0.id": "invalid customer ID"}));
        let answer = service
            .put("modify", ALL, json!([{"id": 1, "first_name": "A"}, {"id": 0}, {"id": -1}]))
            .await;
        answer.refused(422, UPDATE, &json!({"1.id": "invalid customer ID"}));
        assert_eq!(service.dump().await, before);
    }

    /// observed.md 5, recorded: the id is read by a reader of its own, without the row's index.
    async fn a_row_without_an_id_is_told_without_its_index(service: Service) {
        let answer = service.put("modify", ALL, json!([42])).await;
        shows(&answer, "no object");
        answer.refused(422, INVALID, &json!({"id": "error.path.missing"}));
        service.crowd(1).await;
        let cases = [
            (json!([{"first_name": "A"}]), "error.path.missing"),
            (json!([{"id": 1}, {"first_name": 7}]), "error.path.missing"),
            (json!([{"id": "1"}]), "error.expected.jsnumber"),
            (json!([{"id": null}]), "error.expected.jsnumber"),
            (json!([{"id": 1.5}]), "error.expected.int"),
            (json!([{"id": 2_147_483_648_i64}]), "error.expected.int"),
        ];
        for (sent, word) in cases {
            service.put("modify", ALL, sent).await.refused(422, INVALID, &json!({"id": word}));
        }
    }

    async fn a_put_tells_broken_rules_under_its_own_title(service: Service) {
        service.crowd(2).await;
        let answer =
            service.put("modify", ALL, json!([{"id": 1}, {"id": 2, "email": "nobody"}])).await;
        shows(&answer, "rule broken");
        answer.refused(422, UPDATE, &json!({"1.email": "must be an e-mail address"}));
        let wrong = service.put("modify", ALL, json!([{"id": 1, "company": 4}])).await;
        wrong.refused(422, INVALID, &json!({"0.company": "error.expected.jsstring"}));
    }

    async fn a_put_to_an_address_in_use_is_refused(service: Service) {
        service.crowd(2).await;
        let before = service.dump().await;
        let answer =
            service.put("modify", ALL, json!([{"id": 2, "email": "C1@example.com"}])).await;
        shows(&answer, "address in use");
        let text = "Error updating customers: email C1@example.com already in use";
        answer.refused(422, UPDATE, &json!({".customer_update": text}));
        assert_eq!(service.dump().await, before);
    }

    async fn of_several_addresses_in_use_the_first_row_is_told_whatever_its_id(service: Service) {
        let row = |email: &str| json!({"email": email, "first_name": "A", "last_name": "B"});
        let rows = ["one@b.c", "two@b.c", "three@b.c", "four@b.c"].map(row);
        let ids = service.made(json!(rows)).await;
        let taken = json!([{"id": ids[1], "email": "three@b.c"}, {"id": ids[0], "email": "four@b.c"}]);
        let answer = service.put("modify", ALL, taken).await;
        let told = json!({".customer_update": "Error updating customers: email three@b.c already in use"});
        answer.refused(422, "Update customers failed.", &told);
    }

    async fn changed_and_changed_back_in_one_put_is_not_changed(service: Service) {
        let ids = service.made(json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}])).await;
        service.set_seconds(60);
        let events = service.events().await;
        let there_and_back = json!([{"id": ids[0], "phone": "1"}, {"id": ids[0], "phone": ""}]);
        let answer = service.put("modify", ALL, there_and_back).await;
        assert_eq!(answer.json()["data"][0]["date_modified"], "2024-06-01T12:00:00Z");
        assert_eq!(service.events().await, events);
    }

    async fn a_clock_that_is_behind_does_not_take_date_modified_back(service: Service) {
        let ids = service.made(json!([{"email": "a@b.c", "first_name": "A", "last_name": "B"}])).await;
        service.set_seconds(-60);
        let answer = service.put("modify", ALL, json!([{"id": ids[0], "phone": "1"}])).await;
        assert_eq!(answer.json()["data"][0]["date_modified"], "2024-06-01T12:00:00Z");
    }

    async fn one_may_write_the_own_address_in_another_case(service: Service) {
        service.crowd(1).await;
        let answer =
            service.put("modify", ALL, json!([{"id": 1, "email": "C1@Example.COM"}])).await;
        assert_eq!(
            (answer.status, &answer.json()["data"][0]["email"]),
            (200, &json!("C1@Example.COM"))
        );
    }

    async fn two_rows_of_one_put_may_swap_their_addresses(service: Service) {
        service.crowd(2).await;
        let sent =
            json!([{"id": 1, "email": "c2@example.com"}, {"id": 2, "email": "c1@example.com"}]);
        let answer = service.put("modify", ALL, sent).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(service.get("read", "/v3/customers?email:in=c1@example.com").await.ids(), [2]);
        let clash = service
            .put("modify", ALL, json!([{"id": 1, "email": "x@b.c"}, {"id": 2, "email": "X@b.c"}]))
            .await;
        assert_eq!((clash.status, &clash.json()["title"]), (422, &json!(UPDATE)));
    }

    async fn an_address_given_up_in_a_put_is_free(service: Service) {
        service.crowd(2).await;
        service.put("modify", ALL, json!([{"id": 1, "email": "moved@example.com"}])).await;
        assert_eq!(
            service.put("modify", ALL, json!([{"id": 2, "email": "c1@example.com"}])).await.status,
            200
        );
        service.delete("modify", "/v3/customers?id:in=2").await;
        assert_eq!(service.made(json!([person("c1@example.com")])).await, [3]);
    }

    async fn one_customer_twice_in_a_put_is_changed_row_by_row(service: Service) {
        service.crowd(1).await;
        let sent =
            json!([{"id": 1, "company": "First", "phone": "1"}, {"id": 1, "company": "Second"}]);
        let answer = service.put("modify", ALL, sent).await;
        let rows = answer.json()["data"].clone();
        assert_eq!(
            (rows[0]["company"].clone(), rows[1]["company"].clone()),
            (json!("Second"), json!("Second"))
        );
        assert_eq!(service.audit().await[1..], ["customer.updated 1 [company phone]"]);
    }

    async fn channel_access_null_means_global_and_absent_means_unchanged(service: Service) {
        service.made(json!([person_with("a@b.c", &json!({"channel_ids": [2]}))])).await;
        let shown = async |row: Value| {
            service.put("modify", ALL, json!([row])).await.json()["data"][0]["channel_ids"].clone()
        };
        assert_eq!(shown(json!({"id": 1, "company": "X"})).await, json!([2]));
        assert_eq!(shown(json!({"id": 1, "channel_ids": [3, 1]})).await, json!([1, 3]));
        assert_eq!(shown(json!({"id": 1, "channel_ids": null})).await, json!(null));
    }

    async fn store_credit_is_exact_and_shown_as_short_as_can_be(service: Service) {
        service.crowd(1).await;
        for (sent, shown) in [
            ("0", "0"),
            ("0.0", "0"),
            ("43.15", "43.15"),
            ("1e2", "100"),
            ("0.0001", "0.0001"),
            ("9999999999.9999", "9999999999.9999"),
            ("10.50", "10.5"),
            ("1E-4", "0.0001"),
        ] {
            let body = format!(r#"[{{"id":1,"store_credit_amounts":[{{"amount":{sent}}}]}}]"#);
            let answer = service.ask("PUT", ALL).token("modify").text(body).send().await;
            assert!(
                answer
                    .text()
                    .contains(&format!(r#""store_credit_amounts":[{{"amount":{shown}}}]"#)),
                "{sent}: {answer}"
            );
        }
        for not in ["0.00001", "1e400", "1e300", "-0.01", "10000000000"] {
            let body = format!(r#"[{{"id":1,"store_credit_amounts":[{{"amount":{not}}}]}}]"#);
            assert_eq!(
                service.ask("PUT", ALL).token("modify").text(body).send().await.status,
                422,
                "{not}"
            );
        }
        let two = json!([{"id": 1, "store_credit_amounts": [{"amount": 1}, {"amount": 2}]}]);
        service.put("modify", ALL, two).await.refused(
            422,
            INVALID,
            &json!({"0.store_credit_amounts": "error.maxLength"}),
        );
    }

    // ---- DELETE

    async fn deletion_is_204_and_what_was_deleted_is_gone(service: Service) {
        service.crowd(3).await;
        let answer = service.delete("modify", "/v3/customers?id:in=3,1").await;
        shows(&answer, "two");
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert_eq!(service.get("read", ALL).await.ids(), [2]);
        assert_eq!(service.get("read", ALL).await.json()["meta"]["pagination"]["total"], 1);
        assert_eq!(service.audit().await[3..], ["customer.deleted 1 []", "customer.deleted 3 []"]);
    }

    /// observed.md 7: measured.
    async fn deletion_of_unknown_ids_is_204_and_changes_nothing(service: Service) {
        service.crowd(1).await;
        let before = service.dump().await;
        for ids in ["99", "99,100", "0", "-5", "9223372036854775807"] {
            let answer = service.delete("modify", &format!("/v3/customers?id:in={ids}")).await;
            assert_eq!(answer.status, 204, "{ids}: {answer}");
        }
        assert_eq!(service.dump().await, before);
    }

    /// Ruling 15.
    async fn deletion_without_its_filter_is_204_and_changes_nothing(service: Service) {
        service.crowd(2).await;
        let before = service.dump().await;
        let answer = service.delete("modify", ALL).await;
        shows(&answer, "without its filter");
        assert_eq!(answer.status, 204);
        let empty = service.delete("modify", "/v3/customers?id:in=").await;
        let title = "Query parameter \"id:in\" value may contain only integer values. For input string: \"\".";
        empty.refused(422, title, &json!({}));
        shows(&service.delete("modify", "/v3/customers?id:in=hello").await, "no integer");
        assert_eq!(
            service.delete("modify", "/v3/customers?email:in=c1@example.com").await.status,
            422
        );
        assert_eq!(service.dump().await, before);
    }

    async fn an_id_named_twice_is_deleted_once(service: Service) {
        service.crowd(2).await;
        service.delete("modify", "/v3/customers?id:in=1,1").await;
        assert_eq!(
            service.events().await[2..],
            [r#"store/customer/deleted {"type":"customer","id":1}"#]
        );
        assert_eq!(service.number("SELECT live FROM counter WHERE name = 'customer' AND store_id = (SELECT store_id FROM store WHERE hash = \'acme\')").await, 1);
    }

    async fn a_body_and_its_type_do_not_matter_to_a_deletion(service: Service) {
        service.crowd(2).await;
        let sent = service
            .ask("DELETE", "/v3/customers?id:in=1")
            .token("modify")
            .header("Content-Type", "text/plain");
        assert_eq!(sent.text("nonsense").send().await.status, 204);
        let sent = service
            .ask("DELETE", "/v3/customers?id:in=2")
            .token("modify")
            .header("Content-Type", "undefined");
        assert_eq!(sent.send().await.status, 204);
        assert_eq!(service.get("read", ALL).await.ids(), [0; 0]);
    }
}
