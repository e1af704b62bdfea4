//! Whoever asks to be erased is gone from every table, and the ledger stays whole.

use access::{jwt, signing};
use kernel::StoreId;
use ledger::{
    leaf::Leaf,
    receipt::{Purpose, Receipt},
};
use resources::ledger::{ops, sequencer, walk};
use serde_json::{Value, json};
use testkit::{Answer, NOON, Service, on_each_engine};

use crate::{
    form_fields::defined,
    races::{race, won},
    robust::sound,
    shows,
    webhooks::while_delivering,
};

const ERASURE: &str = "/stores/acme/custodia/customers/1/erasure";
const CONSENT: &str = "/v3/customers/1/consent";
const SUBSCRIBERS: &str = "/v3/customers/subscribers";

/// What a dump must not have any more: of each kind of value one that is nobody else's.
const NEEDLES: [&str; 7] = [
    "zuzana.u@person.example",
    "Zuzunmistakable",
    "Þorunnmistakable",
    "777123987",
    "Unverkennbar",
    "203.0.113.77",
    "4929777",
];

/// A customer who has something of everything, with unmistakable values.
async fn zuzana(service: &Service) {
    defined(service, json!([{"name": "pet", "type": "text"}, {"name": "door", "type": "text", "for": "address"}])).await;
    let address = json!({"first_name": "Zuzunmistakable", "last_name": "Þorunnmistakable", "address1": "Unverkennbar 7",
        "address2": "Unverkennbar", "company": "Unverkennbar", "city": "Unverkennbar", "postal_code": "777123987",
        "country_code": "DE", "state_or_province": "Unverkennbar", "phone": "777123987",
        "form_fields": [{"name": "door", "value": "Unverkennbar"}]});
    let made = service
        .made(json!([{"email": "Zuzana.U@person.example", "first_name": "Zuzunmistakable", "last_name": "Þorunnmistakable",
            "company": "Unverkennbar", "phone": "777123987", "notes": "Unverkennbar, 203.0.113.77",
            "authentication": {"new_password": "hunter2222", "force_password_reset": false},
            "form_fields": [{"name": "pet", "value": "Unverkennbar"}], "addresses": [address]}]))
        .await;
    assert_eq!(made, [1]);
    let billing = json!({"first_name": "Zuzunmistakable", "last_name": "Þorunnmistakable", "company": "Unverkennbar",
        "email": "zuzana.u@person.example", "address1": "Unverkennbar 7", "address2": "", "city": "Unverkennbar",
        "postal_code": "777123987", "state_or_province": "", "state_or_province_code": "", "country_code": "DE",
        "phone": "777123987"});
    let card = json!({"type": "stored_card", "is_default": true, "brand": "VISA", "expiry_month": 1, "expiry_year": 2030,
        "issuer_identification_number": "492977", "last_4": "1111", "billing_address": billing});
    let of_customer = "/stores/acme/custodia/customers/1";
    for (method, path, body) in [
        ("PUT", "/v2/customers/1", json!({"registration_ip_address": "203.0.113.77"})),
        (
            "POST",
            SUBSCRIBERS,
            json!({"email": "zuzana.u@person.example", "first_name": "Zuzunmistakable",
            "last_name": "Þorunnmistakable"}),
        ),
        (
            "POST",
            "/v3/wishlists",
            json!({"customer_id": 1, "name": "Unverkennbar", "items": [{"product_id": 1}]}),
        ),
        ("POST", "/v3/customers/attributes", json!([{"name": "shoe", "type": "string"}])),
        (
            "PUT",
            "/v3/customers/attribute-values",
            json!([{"customer_id": 1, "attribute_id": 1, "value": "Unverkennbar"}]),
        ),
        ("POST", "/v3/customers/1/metafields", metafield("Unverkennbar", "Zuzunmistakable")),
        ("POST", "/v3/customers/1/metafields", metafield("Unverkennbar", "777123987")),
        ("PUT", "/v3/customers/1/metafields/1", json!({"key": "zuzana.u@person.example"})),
        ("PUT", &format!("{of_customer}/stored-instruments/4929777"), card),
        (
            "PUT",
            &format!("{of_customer}/stored-instruments/2"),
            json!({"type": "stored_paypal_account", "is_default": false, "email": "zuzana.u@person.example"}),
        ),
        (
            "POST",
            "/v3/customers/validate-credentials",
            json!({"email": "zuzana.u@person.example", "password": "wrong"}),
        ),
        ("PUT", CONSENT, json!({"allow": ["essential"], "deny": ["targeting"]})),
    ] {
        let answer = service.ask(method, path).token("modify").json(body).send().await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer}");
    }
    // A name that is gone already, and was told of.
    assert_eq!(service.delete("modify", "/v3/customers/1/metafields/2").await.status, 204);
    let profile =
        id(&service.post("modify", "/v3/shopper-profiles", json!([{"customer_id": 1}])).await);
    let segment = id(&service.post("modify", "/v3/segments", json!([{"name": "walkers"}])).await);
    let joined = service
        .post("modify", &format!("/v3/segments/{segment}/shopper-profiles"), json!([profile]))
        .await;
    assert_eq!(joined.status, 201, "{joined}");
    sign_in(service).await;
    let dump = service.dump().await;
    for needle in NEEDLES {
        assert!(dump.contains(needle), "nothing would be proved of {needle}");
    }
    for table in OF_CUSTOMERS {
        assert!(
            dump.lines().any(|line| line.starts_with(&format!("{table}: "))),
            "nothing would be proved of {table}"
        );
    }
}

/// The tables in which nothing may be left where there was one customer.
const OF_CUSTOMERS: [&str; 14] = [
    "attribute_value",
    "consent_declaration",
    "customer",
    "customer_address",
    "form_value",
    "membership",
    "metafield",
    "shopper_profile",
    "shopper_session",
    "sign_in_attempt",
    "stored_instrument",
    "subscriber",
    "wishlist",
    "wishlist_item",
];

fn metafield(namespace: &str, key: &str) -> Value {
    json!({"namespace": namespace, "key": key, "value": "777123987", "description": "Unverkennbar", "permission_set": "write"})
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer}");
    answer.json()["data"][0]["id"].as_str().expect("a UUID").to_owned()
}

/// Sign customer 1 in, from where she is known to be.
async fn sign_in(service: &Service) {
    service.open_shop("acme", "acme.example", 1).await;
    let client_id = service.hire("app", "acme", &["store_v2_customers"]).await;
    let claims = json!({"iss": client_id, "iat": NOON.seconds(), "jti": "Unverkennbar", "operation": "customer_login",
        "store_hash": "acme", "customer_id": 1, "request_ip": "203.0.113.77"});
    let token = jwt::sign(&claims, &service.secret("acme", &client_id).await).expect("a token");
    let login = service.ask("GET", &format!("/login/token/{token}")).header("Host", "acme.example");
    assert_eq!(login.from("203.0.113.77").send().await.status, 302);
}

fn found(dump: &str) -> Vec<&str> {
    let folded = dump.lines().map(|line| (line, line.to_lowercase()));
    folded
        .filter(|(_, line)| NEEDLES.iter().any(|needle| line.contains(&needle.to_lowercase())))
        .map(|(line, _)| line)
        .collect()
}

/// On PostgreSQL no deadlock is broken there and tried again. SQLite has none, and one process needs one handle on it: a
/// second that never reads would keep the log from being emptied.
async fn without_mercy(service: Service) -> Service {
    match service.app().db.engine() {
        "postgres" => service.unforgiving().await,
        _ => service,
    }
}

async fn acme(service: &Service) -> StoreId {
    StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await)
}

async fn erase(service: &Service) -> Answer {
    service.ask("POST", ERASURE).token("modify").send().await
}

/// The receipt that the person keeps of their first declaration.
async fn kept_receipt(service: &Service) -> Receipt {
    let answer = service.get("read", "/stores/acme/custodia/customers/1/consent/1/receipt").await;
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{answer}"))
}

/// Whether what opens one leaf opens another: a receipt that has all of the other but the salt.
async fn opens(service: &Service, kept: &Receipt, other: u64) -> bool {
    let db = &service.app().db;
    let store = acme(service).await;
    let (proof, head) = ops::prove_leaf(db, store, other).await.unwrap();
    let line = walk::entries(db, store, other, other + 1).await.unwrap().remove(0);
    let entry: Value = serde_json::from_str(&line).unwrap();
    let leaf: Leaf = serde_json::from_value(entry["leaf"].clone()).unwrap();
    let mut forged = serde_json::to_value(kept).unwrap();
    forged["declared_at"] = json!(leaf.declared_at().to_rfc3339_micros());
    forged["purposes"] = serde_json::to_value(Purpose::of(&leaf)).unwrap();
    forged["evidence"]["leaf"] = entry["leaf"].clone();
    forged["evidence"]["index"] = json!(other);
    forged["evidence"]["proof"] = serde_json::to_value(proof.proof).unwrap();
    forged["evidence"]["checkpoint"] = json!(head.checkpoint);
    let keys = signing::public(db).await.unwrap();
    // Whoever tries knows the number, and tries each of the declarations.
    (1..=4).any(|sequence| {
        forged["subject"]["sequence"] = json!(sequence);
        let forged: Receipt = serde_json::from_value(forged.clone()).unwrap();
        forged.verify(&keys).is_ok()
    })
}

on_each_engine! {
    async fn nothing_personal_is_left_in_any_table_and_the_ledger_still_verifies(service: Service) {
        zuzana(&service).await;
        let other = json!([{"email": "other@example.com", "first_name": "An", "last_name": "Other"}]);
        assert_eq!(service.made(other).await, [2]);
        service.put("modify", "/v3/customers/2/consent", json!({"allow": [], "deny": []})).await;
        service.put("modify", CONSENT, json!({"allow": ["essential"], "deny": ["targeting"]})).await;
        let store = acme(&service).await;
        let receipt = kept_receipt(&service).await;
        // One more that is no leaf yet.
        service.put("modify", CONSENT, json!({"allow": [], "deny": []})).await;
        let leaves = walk::entries(&service.app().db, store, 0, 3).await.unwrap();
        assert!(opens(&service, &receipt, 0).await, "or nothing would be proved");

        let answer = erase(&service).await;
        shows(&answer, "erased");
        let dump = service.dump().await;
        assert_eq!(found(&dump), [""; 0]);
        for table in OF_CUSTOMERS {
            let left: Vec<_> = dump.lines().filter(|line| line.starts_with(&format!("{table}: "))).collect();
            let of_other = match table {
                "customer" | "consent_declaration" => 1,
                _ => 0,
            };
            assert_eq!(left.len(), of_other, "{left:?}");
        }
        let db = &service.app().db;
        let keys = signing::public(db).await.unwrap();
        let verified = walk::verify(db, store, &keys, Vec::new()).await.unwrap();
        assert_eq!((verified.leaves, verified.declarations, verified.damages), (4, 1, Vec::new()));
        assert_eq!(walk::entries(db, store, 0, 3).await.unwrap(), leaves, "the leaves stay");
        assert_eq!(found(&walk::entries(db, store, 0, 4).await.unwrap().join("\n")), [""; 0]);
        sound_counters(&service).await;

        receipt.verify(&keys).expect("what the person kept holds");
        for leaf in 1..4 {
            assert!(!opens(&service, &receipt, leaf).await, "the kept receipt opens leaf {leaf}");
        }
        for sequence in 1..4 {
            let path = format!("/stores/acme/custodia/customers/1/consent/{sequence}/receipt");
            assert_eq!(service.get("read", &path).await.status, 404, "nobody has another");
        }
        assert_eq!(erase(&service).await.status, 404, "once");
        assert_eq!(service.get("read", "/v3/customers/2/consent").await.status, 200);
    }

    async fn an_erasure_is_told_as_two_deletions_and_its_line_stays(service: Service) {
        zuzana(&service).await;
        let answer = erase(&service).await;
        assert_eq!(answer.status, 204, "{answer}");
        let events = service.events().await;
        let told = [r#"store/subscriber/deleted {"type":"subscriber","id":1}"#,
            r#"store/customer/deleted {"type":"customer","id":1}"#];
        assert_eq!(events[events.len() - 2..], told);
        let lines = service.audit().await;
        assert_eq!(lines[lines.len() - 2..], ["subscriber.deleted 1 []", "customer.erased 1 []"]);
        let by = format!("SELECT CAST(COUNT(*) AS TEXT) AS line FROM audit WHERE request_id = '{}'", answer.header("x-request-id"));
        assert_eq!(service.texts(&by).await, ["2"]);
    }

    /// Also not the subscriber, which goes first.
    async fn an_erasure_that_cannot_be_told_is_none(service: Service) {
        zuzana(&service).await;
        for table in ["audit", "outbox", "shopper_profile"] {
            let before = service.dump().await;
            service.meddle(&format!("ALTER TABLE {table} RENAME TO away")).await;
            assert_eq!(erase(&service).await.status, 500);
            service.meddle(&format!("ALTER TABLE away RENAME TO {table}")).await;
            assert_eq!(service.dump().await, before);
        }
        assert_eq!(erase(&service).await.status, 204);
    }

    /// The ledger comes afterwards: what it has not got yet, it gets by and by.
    async fn an_erasure_is_done_also_while_the_ledger_cannot_be_written(service: Service) {
        zuzana(&service).await;
        service.meddle("ALTER TABLE ledger_leaf RENAME TO away").await;
        assert_eq!(erase(&service).await.status, 204);
        service.meddle("ALTER TABLE away RENAME TO ledger_leaf").await;
        assert_eq!(service.number("SELECT COUNT(*) FROM customer").await, 0);
        assert_eq!(service.number("SELECT COUNT(*) FROM consent_declaration").await, 1, "it waits");
        assert_eq!(sequencer::sequence(service.app(), acme(&service).await).await.unwrap().size, 1);
        assert_eq!(service.number("SELECT COUNT(*) FROM consent_declaration").await, 0);
    }

    async fn the_subscriber_goes_also_where_another_account_has_the_address(service: Service) {
        let row = |channel: i64| json!({"email": "twice@person.example", "first_name": "A", "last_name": "B",
            "channel_ids": [channel]});
        assert_eq!(service.made(json!([row(2), row(3)])).await, [1, 2]);
        service.post("modify", SUBSCRIBERS, json!({"email": "Twice@person.example"})).await;
        service.post("modify", SUBSCRIBERS, json!({"email": "another@person.example"})).await;
        assert_eq!(erase(&service).await.status, 204);
        assert_eq!(service.get("read", "/v3/customers").await.ids(), [2]);
        assert_eq!(service.get("read", SUBSCRIBERS).await.ids(), [2], "the person asked");
        sound(&service).await;
    }

    async fn events_of_metafields_are_taken_back_with_their_customer_and_no_others(service: Service) {
        service.crowd(3).await;
        for customer in 1..=3 {
            let path = format!("/v3/customers/{customer}/metafields");
            assert_eq!(service.post("modify", &path, metafield("n", &format!("of-{customer}"))).await.status, 200);
        }
        let names = async || {
            let events = service.events().await;
            let of = |n: i32| events.iter().filter(|event| event.contains(&format!("of-{n}"))).count();
            [of(1), of(2), of(3)]
        };
        assert_eq!(names().await, [1, 1, 1]);
        let before = service.events().await.len();
        assert_eq!(erase(&service).await.status, 204);
        assert_eq!((names().await, service.events().await.len()), ([0, 1, 1], before), "one came, one went");
        // A deletion leaves no second chance.
        service.delete("modify", "/v3/customers?id:in=3").await;
        assert_eq!(names().await, [0, 1, 0]);
    }

    async fn another_stores_customer_is_not_erased(service: Service) {
        zuzana(&service).await;
        let before = service.dump().await;
        let theirs = "/stores/zenith/custodia/customers/1/erasure";
        assert_eq!(service.ask("POST", theirs).token("other").send().await.status, 404);
        assert_eq!(service.ask("POST", ERASURE).token("read").send().await.status, 403);
        assert_eq!(service.dump().await, before);
    }

    async fn an_erasure_and_whatever_else_is_asked_of_the_customer_at_once_leave_nothing_behind(service: Service) {
        erase_amid_everything(&without_mercy(service).await).await;
    }

    async fn nor_do_they_while_webhooks_are_delivered(service: Service) {
        let service = without_mercy(service).await;
        Box::pin(while_delivering(&service, erase_amid_everything(&service))).await;
        for table in ["outbox", "event"] {
            let told = format!("SELECT COUNT(*) FROM {table} WHERE scope = 'custodia/customer/consent/updated'");
            assert_eq!(service.number(&told).await, 0, "{table}");
        }
    }

    async fn erasures_at_once_are_each_done_once(service: Service) {
        let service = without_mercy(service).await;
        service.crowd(10).await;
        for n in 1..=10 {
            service.post("modify", SUBSCRIBERS, json!({"email": format!("c{n}@example.com")})).await;
            service.put("modify", &format!("/v3/customers/{n}/consent"), json!({"allow": [], "deny": []})).await;
        }
        let requests = (0..30).map(|n| {
            ("POST", format!("/stores/acme/custodia/customers/{}/erasure", n % 10 + 1), Value::Null)
        });
        let answers = race(&service, requests.collect()).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 10);
        assert_eq!(answers.iter().filter(|answer| answer.status == 404).count(), 20);
        let lines = service.audit().await;
        assert_eq!(lines.iter().filter(|line| line.starts_with("customer.erased")).count(), 10);
        for table in ["customer", "subscriber", "consent_declaration"] {
            assert_eq!(service.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
        }
        assert_eq!(sequencer::sequence(service.app(), acme(&service).await).await.unwrap().size, 10);
        sound_counters(&service).await;
    }
}

/// Erase customers while everything else is asked of them. Who waits in a circle would be refused.
async fn erase_amid_everything(service: &Service) {
    let store = acme(service).await;
    let mut leaves = 0;
    for round in 1..=12 {
        let email = format!("zuzana.u.{round}@person.example");
        let made = service
            .made(json!([{"email": email, "first_name": "Zuzunmistakable", "last_name": "B"}]))
            .await;
        let path = format!("/v3/customers/{}", made[0]);
        let subscriber = json!({"email": email, "first_name": "Zuzunmistakable"});
        let has_subscribed = round % 2 == 0;
        if has_subscribed {
            service.post("modify", SUBSCRIBERS, subscriber.clone()).await;
        }
        let address = json!([{"customer_id": made[0], "first_name": "Zuzunmistakable", "last_name": "B",
            "address1": "Weg 1", "city": "Ulm", "state_or_province": "", "postal_code": "89073", "country_code": "DE"}]);
        let consent = json!({"allow": [], "deny": ["targeting"]});
        let erasure = format!("/stores/acme/custodia/customers/{}/erasure", made[0]);
        let mut requests = vec![
            ("PUT", format!("{path}/consent"), consent.clone()),
            ("POST", "/v3/customers/addresses".to_owned(), address),
            ("POST", SUBSCRIBERS.to_owned(), subscriber.clone()),
            ("POST", erasure.clone(), Value::Null),
            ("POST", erasure, Value::Null),
            ("PUT", format!("{path}/consent"), consent),
            (
                "POST",
                "/v3/customers/metafields".to_owned(),
                json!([{"resource_id": made[0], "namespace": "Zuzunmistakable", "key": "k", "value": "v", "permission_set": "write"}]),
            ),
            (
                "PUT",
                "/v3/customers".to_owned(),
                json!([{"id": made[0], "notes": "Zuzunmistakable"}]),
            ),
            (
                "POST",
                "/v3/wishlists".to_owned(),
                json!({"customer_id": made[0], "name": "Zuzunmistakable", "items": []}),
            ),
        ];
        let turn = round % requests.len();
        requests.rotate_left(turn);
        let count = requests.len();
        let mut answers = race(service, requests).await;
        answers.rotate_right(turn);
        let erased = [&answers[3], &answers[4]].map(|answer| answer.status);
        assert!(matches!(erased, [204, 404] | [404, 204]), "{erased:?}");
        assert_eq!(answers.len(), count);
        leaves += won(&answers[..1]) + won(&answers[5..6]);
        sequencer::sequence(service.app(), store).await.unwrap();
        // Who subscribes once more afterwards is a subscriber.
        let again = won(&answers[2..3]) == 1
            && service.number("SELECT COUNT(*) FROM subscriber").await == 1;
        if again {
            let filter = format!("{SUBSCRIBERS}?email={email}");
            assert_eq!(service.delete("modify", &filter).await.status, 204);
        }
        let dump = service.dump().await;
        assert_eq!(found(&dump), [""; 0], "round {round}");
        assert_eq!(dump.matches(&email).count(), 0, "round {round}");
    }
    let db = &service.app().db;
    let keys = signing::public(db).await.unwrap();
    let verified = walk::verify(db, store, &keys, Vec::new()).await.unwrap();
    assert_eq!(
        (verified.leaves, verified.declarations, verified.damages),
        (leaves as u64, 0, Vec::new())
    );
    sound_counters(service).await;
}

/// What is counted is there.
async fn sound_counters(service: &Service) {
    for (counter, table) in [
        ("customer", "customer"),
        ("address", "customer_address"),
        ("subscriber", "subscriber"),
        ("wishlist", "wishlist"),
        ("profile", "shopper_profile"),
        ("sign_in", "sign_in_attempt"),
    ] {
        let live =
            format!("SELECT CAST(SUM(live) AS BIGINT) FROM counter WHERE name = '{counter}'");
        let live = service.number(&live).await;
        assert_eq!(
            live,
            service.number(&format!("SELECT COUNT(*) FROM {table}")).await,
            "{counter}"
        );
    }
}
