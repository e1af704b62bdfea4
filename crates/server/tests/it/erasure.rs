//! Whoever asks to be erased is gone from every table, and the ledger stays whole.

use access::signing;
use kernel::StoreId;
use resources::ledger::{sequencer, walk};
use serde_json::json;
use testkit::{Service, on_each_engine};

use crate::shows;

const ERASURE: &str = "/stores/acme/custodia/customers/1/erasure";

/// What a dump must not have any more: of each kind of value one that is nobody else's.
const NEEDLES: [&str; 5] =
    ["zuzana.u@person.example", "Zuzunmistakable", "777123987", "Unverkennbar", "203.0.113.77"];

/// A customer who has something of everything, with unmistakable values.
async fn zuzana(service: &Service) {
    let address = json!({"first_name": "Zuzunmistakable", "last_name": "Zuzunmistakable", "address1": "Unverkennbar 7",
        "address2": "Unverkennbar", "company": "Unverkennbar", "city": "Unverkennbar", "postal_code": "777123987",
        "country_code": "DE", "state_or_province": "Unverkennbar", "phone": "777123987"});
    let made = service
        .made(json!([{"email": "Zuzana.U@person.example", "first_name": "Zuzunmistakable", "last_name": "Zuzunmistakable",
            "company": "Unverkennbar", "phone": "777123987", "notes": "Unverkennbar, 203.0.113.77",
            "authentication": {"new_password": "hunter2222", "force_password_reset": false},
            "addresses": [address]}]))
        .await;
    assert_eq!(made, [1]);
    let first = [
        ("PUT", "/v2/customers/1", json!({"registration_ip_address": "203.0.113.77"})),
        (
            "POST",
            "/v3/customers/subscribers",
            json!({"email": "zuzana.u@person.example",
            "first_name": "Zuzunmistakable", "last_name": "Zuzunmistakable"}),
        ),
        (
            "POST",
            "/v3/wishlists",
            json!({"customer_id": 1, "name": "Unverkennbar", "items": [{"product_id": 1}]}),
        ),
        ("POST", "/v3/shopper-profiles", json!([{"customer_id": 1}])),
        ("POST", "/v3/customers/attributes", json!([{"name": "shoe", "type": "string"}])),
        (
            "PUT",
            "/v3/customers/attribute-values",
            json!([{"customer_id": 1, "attribute_id": 1, "value": "Unverkennbar"}]),
        ),
        (
            "POST",
            "/v3/customers/1/metafields",
            json!({"namespace": "n", "key": "k", "value": "777123987",
            "description": "Unverkennbar", "permission_set": "write"}),
        ),
        (
            "POST",
            "/v3/customers/validate-credentials",
            json!({"email": "zuzana.u@person.example", "password": "wrong"}),
        ),
        ("PUT", "/v3/customers/1/consent", json!({"allow": ["essential"], "deny": ["targeting"]})),
    ];
    for (method, path, body) in first {
        let answer = service.ask(method, path).token("modify").json(body).send().await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer}");
    }
    let dump = service.dump().await;
    for needle in NEEDLES {
        assert!(dump.contains(needle), "nothing would be proved of {needle}");
    }
}

fn found(dump: &str) -> Vec<&str> {
    let folded = dump.lines().map(|line| (line, line.to_lowercase()));
    folded
        .filter(|(_, line)| NEEDLES.iter().any(|needle| line.contains(&needle.to_lowercase())))
        .map(|(line, _)| line)
        .collect()
}

on_each_engine! {
    async fn nothing_personal_is_left_in_any_table_and_the_ledger_still_verifies(service: Service) {
        zuzana(&service).await;
        let other = json!([{"email": "other@example.com", "first_name": "An", "last_name": "Other"}]);
        assert_eq!(service.made(other).await, [2]);
        service.put("modify", "/v3/customers/2/consent", json!({"allow": [], "deny": []})).await;
        let store = StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await);
        sequencer::sequence(service.app(), store).await.unwrap();
        // One more that is no leaf yet.
        service.put("modify", "/v3/customers/1/consent", json!({"allow": [], "deny": []})).await;
        let leaves = walk::entries(&service.app().db, store, 0, 2).await.unwrap();

        let answer = service.ask("POST", ERASURE).token("modify").send().await;
        shows(&answer, "erased");
        let dump = service.dump().await;
        assert_eq!(found(&dump), [""; 0]);
        for table in ["sign_in_attempt: ", "subscriber: ", "consent_declaration: 1|1", "shopper_profile: ", "wishlist: "] {
            assert!(!dump.lines().any(|line| line.starts_with(table) && !line.starts_with("consent_declaration: 1|2|")), "{table}");
        }
        assert_eq!(service.number("SELECT COUNT(*) FROM consent_declaration").await, 1, "the other's");
        let db = &service.app().db;
        let keys = signing::public(db).await.unwrap();
        let verified = walk::verify(db, store, &keys, Vec::new()).await.unwrap();
        assert_eq!((verified.leaves, verified.declarations, verified.damages), (3, 1, Vec::new()));
        assert_eq!(walk::entries(db, store, 0, 2).await.unwrap(), leaves, "the leaves stay");
        assert_eq!(found(&walk::entries(db, store, 0, 3).await.unwrap().join("\n")), [""; 0]);

        assert_eq!(service.ask("POST", ERASURE).token("modify").send().await.status, 404, "once");
        assert_eq!(service.get("read", "/v3/customers/2/consent").await.status, 200);
    }

    async fn another_stores_customer_is_not_erased(service: Service) {
        zuzana(&service).await;
        let before = service.dump().await;
        let theirs = "/stores/zenith/custodia/customers/1/erasure";
        assert_eq!(service.ask("POST", theirs).token("other").send().await.status, 404);
        assert_eq!(service.ask("POST", ERASURE).token("read").send().await.status, 403);
        assert_eq!(service.dump().await, before);
    }
}
