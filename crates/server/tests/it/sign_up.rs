//! Shoppers who make an account at a storefront.

use access::{jwt, rate::MOST_SIGN_UPS};
use rest::Settings;
use serde_json::{Value, json};
use testkit::{Answer, Service, at_once, on_each_engine};

use crate::{form_fields::FIELDS, robust::sound, shows, webhooks::while_delivering};

const PATH: &str = "/api/storefront/customers";
const HOST: &str = "acme.example";

/// A form that makes an account, with these members instead of its own.
pub(crate) fn form(members: Value) -> Value {
    let mut form = json!({"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com",
        "password": "difference engine 2"});
    let Value::Object(members) = members else { panic!("members of an object") };
    form.as_object_mut().expect("an object").extend(members);
    form
}

/// Acme with a storefront, and no customers.
async fn opened(service: &Service) {
    service.open_shop("acme", HOST, 1).await;
}

async fn post(service: &Service, body: Value) -> Answer {
    service.ask("POST", PATH).header("Host", HOST).json(body).send().await
}

/// What the browser sends back of the cookie that it was given.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// Who is signed in with a cookie: the claims of `current.jwt`, or null.
async fn current(service: &Service, host: &str, cookie: &str) -> Value {
    let client_id =
        service.texts("SELECT client_id FROM account ORDER BY account_id").await.remove(0);
    let secret = service.secret("acme", &client_id).await;
    let path = format!("/customer/current.jwt?app_client_id={client_id}");
    let answer =
        service.ask("GET", &path).header("Host", host).header("Cookie", cookie).send().await;
    jwt::proven(&answer.text(), &secret).unwrap_or_default()
}

#[track_caller]
fn says(answer: &Answer, status: u16, words: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (status, words), "{answer}");
    assert_eq!(
        (answer.header("content-type"), answer.header("set-cookie")),
        ("text/plain", ""),
        "{answer}"
    );
}

on_each_engine! {
    async fn a_shopper_makes_an_account_and_is_signed_in(service: Service) {
        opened(&service).await;
        let answer = post(&service, form(json!({"token": "03AGdBq2", "unheard_of": [1]}))).await;
        shows(&answer, "made");
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{answer}");
        let kept = cookie(&answer);
        assert!(kept.starts_with("__Host-custodia_shopper="), "{kept}");
        assert!(!service.dump().await.contains(kept.split_once('=').unwrap().1), "only its digest is kept");
        let claims = current(&service, HOST, &kept).await;
        assert_eq!(claims["customer"], json!({"id": 1, "email": "ada@example.com", "group_id": "0"}));
        let made = service.get("read", "/v3/customers").await.json()["data"][0].clone();
        assert_eq!((&made["first_name"], &made["last_name"]), (&json!("Ada"), &json!("Lovelace")));
        assert_eq!((&made["origin_channel_id"], &made["channel_ids"]), (&json!(1), &Value::Null));
        let credentials = json!({"email": "ADA@example.com", "password": "difference engine 2"});
        let checked = service.post("modify", "/v3/customers/validate-credentials", credentials).await;
        assert_eq!(checked.json()["is_valid"], true, "{checked}");
        assert_eq!(service.events().await, [r#"store/customer/created {"type":"customer","id":1}"#]);
        assert_eq!(service.audit().await, ["customer.created 1 []", "customer.signed_in 1 []"]);
        let authors = "SELECT COUNT(*) FROM audit WHERE account_id <> 0";
        assert_eq!(service.number(authors).await, 0, "no API account has done it");
        assert_eq!(service.number("SELECT COUNT(*) FROM subscriber").await, 0);
        sound(&service).await;
    }

    async fn the_store_knows_where_a_shopper_signed_up(service: Service) {
        opened(&service).await;
        for (at, from) in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8:1111:2222:3333:4444:5555:6666"].into_iter().enumerate() {
            let sent = service.ask("POST", PATH).header("Host", HOST).from(from);
            let answer = sent.json(form(json!({"email": format!("{at}@example.com")}))).send().await;
            assert_eq!(answer.status, 204, "{answer}");
        }
        let kept = service.texts("SELECT registration_ip_address FROM customer ORDER BY customer_id").await;
        assert_eq!(kept, ["203.0.113.7", "203.0.113.7", "2001:db8:1111:2222:3333:4444:5555:6666"]);
        // Later: both begin with the same numbers for their events.
        service.set_seconds(1);
        let behind = service.with(Settings { behind_proxy: true, ..Settings::default() }).await;
        // Nor with the same key for a session.
        assert_eq!(behind.get("", "/time").await.status, 200);
        let sent = behind.ask("POST", PATH).header("Host", HOST).from("127.0.0.1");
        let sent = sent.header("X-Forwarded-For", "192.0.2.1, 192.0.2.2");
        assert_eq!(sent.json(form(json!({"email": "3@example.com"}))).send().await.status, 204);
        let kept = service.texts("SELECT registration_ip_address FROM customer WHERE customer_id = 4").await;
        assert_eq!(kept, ["192.0.2.2"]);
    }

    async fn what_is_missing_is_named_and_nothing_is_kept(service: Service) {
        opened(&service).await;
        let before = service.dump().await;
        let none = post(&service, json!({})).await;
        shows(&none, "missing");
        says(&none, 422, "Missing required fields: firstName, lastName, email, password");
        let some = form(json!({"firstName": "", "email": null}));
        says(&post(&service, some).await, 422, "Missing required fields: firstName, email");
        assert_eq!(service.dump().await, before);
    }

    async fn what_cannot_be_read_is_400_and_nothing_is_kept(service: Service) {
        opened(&service).await;
        let before = service.dump().await;
        let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
        for body in ["", " ", "{", "nonsense", "[]", "7", "null", "{'a':1}", "\u{feff}{}", "{} x", &deep, "{\"a\":\"\\ud800\"}"] {
            let answer = service.ask("POST", PATH).header("Host", HOST).text(body).send().await;
            says(&answer, 400, "The request body must be a JSON object");
        }
        for (members, words) in [
            (json!({"firstName": 7}), "firstName"),
            (json!({"lastName": ["L"], "email": {}}), "email, lastName"),
            (json!({"password": 1_234_567}), "password"),
            (json!({"email": "a\0@b.c"}), "email"),
            (json!({"acceptsMarketingEmails": "yes"}), "acceptsMarketingEmails"),
            (json!({"token": 1}), "token"),
            (json!({"customFields": {}}), "customFields"),
            (json!({"customFields": [1]}), "customFields.0"),
            (json!({"customFields": [{}]}), "customFields.0.fieldId, customFields.0.fieldValue"),
            (json!({"customFields": [{"fieldId": 1, "fieldValue": "a"}]}), "customFields.0.fieldId"),
            (json!({"customFields": [{"fieldId": "1", "fieldValue": true}]}), "customFields.0.fieldValue"),
            (json!({"customFields": [{"fieldId": "1", "fieldValue": [1]}]}), "customFields.0.fieldValue.0"),
            (json!({"customFields": vec![json!({"fieldId": "1", "fieldValue": "a"}); 51]}), "customFields"),
        ] {
            let answer = post(&service, form(members)).await;
            says(&answer, 400, &format!("Missing or of the wrong type: {words}"));
        }
        assert_eq!(service.dump().await, before);
        // Of one name twice the last counts, as in V3.
        let twice = r#"{"firstName": 7, "firstName": "A", "lastName": "B", "email": "a@b.c", "password": "hunter22"}"#;
        let answer = service.ask("POST", PATH).header("Host", HOST).text(twice).send().await;
        assert_eq!(answer.status, 204, "{answer}");
    }

    async fn what_breaks_a_rule_of_customers_is_told_in_words(service: Service) {
        opened(&service).await;
        let before = service.dump().await;
        let cases = [
            (json!({"password": "short1"}), "password must be at least 7 characters long, with at least one letter and one digit"),
            (json!({"password": "no digit here"}), "password must be at least 7 characters long, with at least one letter and one digit"),
            (json!({"email": "no-address"}), "email must be an e-mail address"),
            (json!({"email": "<b>@evil@example.com", "acceptsMarketingEmails": true}), "email must be an e-mail address"),
            (json!({"firstName": "a".repeat(101)}), "firstName must be 1 to 100 characters long"),
            (json!({"lastName": "a".repeat(101), "password": "x"}), "lastName must be 1 to 100 characters long; password must be at least 7 characters long, with at least one letter and one digit"),
        ];
        for (at, (members, words)) in cases.into_iter().enumerate() {
            let answer = post(&service, form(members)).await;
            if at == 0 {
                shows(&answer, "weak password");
            }
            says(&answer, 400, &format!("The account could not be created: {words}"));
        }
        assert_eq!(service.dump().await, before);
    }

    async fn the_stores_own_fields_are_answered_by_their_ids(service: Service) {
        opened(&service).await;
        let fields = json!([{"name": "size", "type": "picklist", "choices": ["S", "M"], "required": true},
            {"name": "years", "type": "numbers"}, {"name": "likes", "type": "checkboxes", "choices": ["a", "b"]},
            {"name": "door", "type": "text", "for": "address", "required": true}]);
        assert_eq!(service.put("modify", FIELDS, fields).await.status, 200);
        let before = service.dump().await;
        let answers = |answers: Value| form(json!({"customFields": answers}));
        let size = json!({"fieldId": "1", "fieldValue": "M"});
        says(&post(&service, form(json!({}))).await, 422, "Missing required fields: customFields 1");
        let empty = answers(json!([{"fieldId": "1", "fieldValue": ""}]));
        says(&post(&service, empty).await, 422, "Missing required fields: customFields 1");
        let refused = "The account could not be created:";
        for (one, words) in [
            (json!({"fieldId": "4", "fieldValue": "blue"}), "customFields.1.fieldId names no field of this form"),
            (json!({"fieldId": "99", "fieldValue": "a"}), "customFields.1.fieldId names no field of this form"),
            (json!({"fieldId": "size", "fieldValue": "S"}), "customFields.1.fieldId names no field of this form"),
            (json!({"fieldId": "1", "fieldValue": "XL"}), "customFields.1.fieldValue must be one of the choices of the field"),
            (json!({"fieldId": "2", "fieldValue": "many"}), "customFields.1.fieldValue must be a number"),
            (json!({"fieldId": "3", "fieldValue": ["c"]}), "customFields.1.fieldValue must be a list of choices of the field"),
        ] {
            let answer = post(&service, answers(json!([size, one]))).await;
            says(&answer, 400, &format!("{refused} {words}"));
            assert_eq!(service.dump().await, before, "{answer}");
        }
        let all = json!([size, {"fieldId": "2", "fieldValue": 7}, {"fieldId": "3", "fieldValue": ["b", "a"]}]);
        assert_eq!(post(&service, answers(all)).await.status, 204);
        let kept = service.get("read", "/v3/customers?include=formfields").await.json();
        assert_eq!(kept["data"][0]["form_fields"], json!([{"customer_id": 1, "name": "size", "value": "M"},
            {"customer_id": 1, "name": "years", "value": 7}, {"customer_id": 1, "name": "likes", "value": ["a", "b"]}]));
        sound(&service).await;
    }

    async fn who_wants_newsletters_becomes_a_subscriber_and_nobody_elses_choice_is_changed(service: Service) {
        opened(&service).await;
        let wanted = |email: &str| form(json!({"email": email, "acceptsMarketingEmails": true}));
        assert_eq!(post(&service, wanted("new@example.com")).await.status, 204);
        let known = [("not@example.com", json!(["abandoned_cart"])), ("yes@example.com", json!(["marketing_newsletter"]))];
        for (email, consents) in known {
            let body = json!({"email": email, "first_name": "Known", "consents": consents});
            assert_eq!(service.post("modify", "/v3/customers/subscribers", body).await.status, 200);
        }
        let before = service.audit().await.len();
        assert_eq!(post(&service, wanted("Not@Example.com")).await.status, 204);
        assert_eq!(post(&service, wanted("yes@example.com")).await.status, 204);
        let listed = service.get("read", "/v3/customers/subscribers").await.json()["data"].clone();
        let shown: Vec<Value> = listed.as_array().unwrap().iter()
            .map(|it| json!([it["email"], it["first_name"], it["source"], it["channel_id"], it["consents"]])).collect();
        assert_eq!(shown, [
            json!(["new@example.com", "Ada", "storefront", 1, ["marketing_newsletter"]]),
            json!(["not@example.com", "Known", "storefront", 1, ["abandoned_cart"]]),
            json!(["yes@example.com", "Known", "storefront", 1, ["marketing_newsletter"]]),
        ]);
        assert_eq!(service.audit().await[before..], ["customer.created 2 []", "customer.signed_in 2 []",
             "customer.created 3 []", "customer.signed_in 3 []"]);
        sound(&service).await;
    }

    async fn an_address_that_has_an_account_here_is_409(service: Service) {
        opened(&service).await;
        service.crowd(1).await;
        let before = service.dump().await;
        let answer = post(&service, form(json!({"email": "C1@example.com", "acceptsMarketingEmails": true}))).await;
        shows(&answer, "in use");
        says(&answer, 409, "There is an account with this e-mail address already. Please sign in, or use another address.");
        assert_eq!(service.dump().await, before);
    }

    async fn an_account_is_for_its_channel_where_that_is_not_open_to_all(service: Service) {
        opened(&service).await;
        assert_eq!(service.put("modify", "/stores/acme/custodia/channels/2", json!({})).await.status, 200);
        service.open_shop("acme", "two.example", 2).await;
        let at_two = async |email: &str| {
            let sent = service.ask("POST", PATH).header("Host", "two.example");
            sent.json(form(json!({"email": email}))).send().await
        };
        assert_eq!(post(&service, form(json!({}))).await.status, 204);
        // The same address, for who signs in on the second channel alone.
        let there = at_two("ada@example.com").await;
        assert_eq!(there.status, 204, "{there}");
        assert_eq!(at_two("ADA@example.com").await.status, 409);
        assert_eq!(current(&service, "two.example", &cookie(&there)).await["customer"]["id"], 2);
        assert_eq!(current(&service, HOST, &cookie(&there)).await, Value::Null);
        let made = service.get("read", "/v3/customers?sort=date_created:asc").await.json();
        let shown: Vec<Value> = made["data"].as_array().unwrap().iter()
            .map(|it| json!([it["id"], it["origin_channel_id"], it["channel_ids"]])).collect();
        assert_eq!(shown, [json!([1, 1, null]), json!([2, 2, [2]])]);
    }

    async fn of_two_who_take_one_address_at_once_one_has_it(service: Service) {
        opened(&service).await;
        let fields = json!([{"name": "size", "type": "text"}]);
        assert_eq!(service.put("modify", FIELDS, fields).await.status, 200);
        for round in 0..8 {
            let asked = (0..4).map(|n| {
                let service = service.clone();
                let body = form(json!({"email": format!("{}{round}@example.com", if n % 2 == 0 { "r" } else { "R" }),
                    "acceptsMarketingEmails": true, "customFields": [{"fieldId": "1", "fieldValue": "M"}]}));
                async move {
                    let sent = service.ask("POST", PATH).header("Host", HOST).from(&format!("192.0.2.{round}"));
                    sent.json(body).send().await.status
                }
            });
            let mut statuses = at_once(asked).await;
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 409, 409, 409], "round {round}");
        }
        for table in ["customer", "subscriber", "shopper_session", "form_value"] {
            assert_eq!(service.number(&format!("SELECT COUNT(*) FROM {table}")).await, 8, "{table}");
        }
        sound(&service).await;
    }

    async fn nobody_waits_in_a_circle_for_who_signs_up(service: Service) {
        opened(&service).await;
        let strict = service.unforgiving().await;
        sign_up_amid_others(&service, &strict).await;
    }

    async fn nor_for_who_delivers_webhooks_of_it(service: Service) {
        opened(&service).await;
        let strict = service.unforgiving().await;
        Box::pin(while_delivering(&strict, sign_up_amid_others(&service, &strict))).await;
        sound(&service).await;
    }

    async fn who_signs_up_too_often_is_taken_for_spam_and_others_are_not(service: Service) {
        opened(&service).await;
        service.open_shop("zenith", "zenith.example", 1).await;
        let from = async |address: &str, host: &str, email: String| {
            let sent = service.ask("POST", PATH).header("Host", host).from(address);
            sent.json(form(json!({"email": email}))).send().await
        };
        for n in 0..MOST_SIGN_UPS {
            // What is refused for its form is no try, and what is refused for its address is one.
            let bad = from("192.0.2.1", HOST, "nobody".to_owned()).await;
            assert_eq!(bad.status, 400, "{bad}");
            let answer = from("192.0.2.1", HOST, format!("{}@example.com", n / 2)).await;
            assert_eq!(answer.status, if n % 2 == 0 { 204 } else { 409 }, "{answer}");
        }
        service.set_seconds(60);
        let before = service.dump().await;
        let hashes = service.app().labour.begun();
        let refused = from("192.0.2.1", HOST, "new@example.com".to_owned()).await;
        says(&refused, 429, "Spam Protection Failed");
        shows(&refused, "spam");
        assert_eq!((refused.header("x-retry-after"), refused.header("retry-after")), ("540", "540"));
        assert_eq!((service.dump().await, service.app().labour.begun()), (before, hashes));
        assert_eq!(from("192.0.2.2", HOST, "other@example.com".to_owned()).await.status, 204);
        assert_eq!(from("192.0.2.1", "zenith.example", "z@example.com".to_owned()).await.status, 204);
        service.set_seconds(600);
        assert_eq!(from("192.0.2.1", HOST, "new@example.com".to_owned()).await.status, 204);
    }

    async fn what_the_headers_say_of_the_body_counts_and_its_size_has_a_bound(service: Service) {
        opened(&service).await;
        let before = service.dump().await;
        let ask = || service.ask("POST", PATH).header("Host", HOST);
        let body = form(json!({})).to_string();
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            let answer = ask().header("Content-Type", kind).text(body.clone()).send().await;
            says(&answer, 415, "Unsupported Media Type");
        }
        for accept in ["text/html", "application/xml"] {
            let answer = ask().header("Accept", accept).json(form(json!({}))).send().await;
            says(&answer, 406, "Not Acceptable");
        }
        let large = form(json!({"token": "a".repeat(1 << 20)}));
        says(&ask().json(large).send().await, 413, "The request body is too large");
        assert_eq!(service.dump().await, before);
        let answer = ask().header("Accept", "application/json, */*").text(body).send().await;
        assert_eq!(answer.status, 204, "without a Content-Type it is taken as JSON: {answer}");
    }

    async fn a_page_of_another_site_makes_no_account_and_another_stores_domain_makes_none_here(service: Service) {
        opened(&service).await;
        service.open_shop("zenith", "zenith.example", 1).await;
        let before = service.dump().await;
        for origin in ["https://evil.example", "https://zenith.example", "null"] {
            let sent = service.ask("POST", PATH).header("Host", HOST).header("Origin", origin);
            let answer = sent.json(form(json!({}))).send().await;
            if origin == "null" {
                shows(&answer, "another site");
            }
            says(&answer, 403, "Only this storefront's own pages may ask");
        }
        assert_eq!(service.dump().await, before);
        let acme = service.dump_of("acme").await;
        let sent = service.ask("POST", PATH).header("Host", "zenith.example").header("Origin", "https://zenith.example");
        let theirs = sent.json(form(json!({}))).send().await;
        assert_eq!(theirs.status, 204, "{theirs}");
        assert_eq!(service.dump_of("acme").await, acme);
        // Their session is theirs, and each store has its own customer of the address.
        assert_eq!(current(&service, HOST, &cookie(&theirs)).await, Value::Null);
        assert_eq!(post(&service, form(json!({}))).await.status, 204);
    }
}

/// Shoppers, while customers and subscribers come and go.
async fn sign_up_amid_others(service: &Service, strict: &Service) {
    let fields = json!([{"name": "size", "type": "text"}]);
    assert_eq!(service.put("modify", FIELDS, fields).await.status, 200);
    service.crowd(5).await;
    let asked = (0..20).map(|n| {
        let strict = strict.clone();
        async move {
            let ask = match n % 4 {
                0 | 1 => {
                    let body = form(
                        json!({"email": format!("n{n}@example.com"), "acceptsMarketingEmails": true,
                        "customFields": [{"fieldId": "1", "fieldValue": "M"}]}),
                    );
                    strict
                        .ask("POST", PATH)
                        .header("Host", HOST)
                        .from(&format!("192.0.2.{n}"))
                        .json(body)
                }
                2 => strict
                    .ask("DELETE", &format!("/v3/customers?id:in={}", n / 4 + 1))
                    .token("modify"),
                _ => strict
                    .ask("POST", "/v3/customers/subscribers")
                    .token("modify")
                    .json(json!({"email": format!("s{n}@example.com")})),
            };
            ask.send().await.status
        }
    });
    for status in at_once(asked).await {
        assert!(matches!(status, 200 | 204), "{status}");
    }
    sound(service).await;
}
