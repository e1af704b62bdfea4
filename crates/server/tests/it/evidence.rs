//! What stands behind consent: a customer's history, and what proves it.

use ledger::leaf::Leaf;
use resources::ledger::ops;
use serde_json::{Value, json};
use testkit::{Service, on_each_engine};

use crate::{races::race, shows};

const HISTORY: &str = "/stores/acme/custodia/customers/1/consent";

const POLICIES: &str = "/stores/acme/custodia/policies";
/// Of `abc` (FIPS 180-2, appendix B.1).
const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn policy(version: &str, text: &str) -> Value {
    json!({"version": version, "text": text, "controller": "Acme Ltd", "contact": "privacy@acme.example",
        "withdrawal": "In your account, under privacy.", "effective_at": "2024-06-01"})
}

async fn declare(service: &Service, allow: &[&str], deny: &[&str]) {
    let body = json!({"allow": allow, "deny": deny});
    assert_eq!(service.put("modify", "/v3/customers/1/consent", body).await.status, 200);
}

fn column(answer: &testkit::Answer, name: &str) -> Vec<Value> {
    let rows = answer.json()["data"].as_array().expect("rows").clone();
    rows.into_iter().map(|row| row[name].clone()).collect()
}

on_each_engine! {
    async fn a_history_shows_every_declaration_the_newest_first(service: Service) {
        service.crowd(2).await;
        let none = service.get("read", HISTORY).await;
        none.is_just(r#"{"data":[],"meta":{"pagination":{"total":0,"count":0,"per_page":50,"current_page":1,"total_pages":0}}}"#);
        declare(&service, &["essential", "targeting"], &[]).await;
        service.set_seconds(60);
        declare(&service, &["essential"], &["targeting"]).await;
        let other = json!({"allow": ["analytics"], "deny": []});
        service.put("modify", "/v3/customers/2/consent", other).await;
        let both = service.get("read", HISTORY).await;
        shows(&both, "two");
        assert_eq!(column(&both, "sequence"), [2, 1]);
        let client = service.texts(
            "SELECT a.client_id AS line FROM consent_declaration d
             JOIN account a ON a.account_id = d.declared_by",
        ).await;
        assert_eq!(column(&both, "client_id")[0], client[0]);
    }

    async fn a_history_is_read_in_pages_by_their_number(service: Service) {
        service.crowd(1).await;
        for second in 0..5 {
            service.set_seconds(second);
            declare(&service, &[], &[]).await;
        }
        let numbers = async |query: &str| {
            let page = service.get("read", &format!("{HISTORY}?{query}")).await;
            let total = page.json()["meta"]["pagination"]["total"].clone();
            assert_eq!((page.status, total), (200, json!(5)));
            column(&page, "sequence")
        };
        assert_eq!(numbers("limit=2").await, [5, 4]);
        assert_eq!(numbers("limit=2&page=2").await, [3, 2]);
        assert_eq!(numbers("limit=2&page=3").await, [1]);
        for beyond in ["limit=2&page=4", "page=9223372036854775807"] {
            assert_eq!(numbers(beyond).await, [0; 0], "{beyond}");
        }
        for fault in ["page=0", "limit=0", "limit=x", "after=eyJpZCI6MX0"] {
            let refused = service.get("read", &format!("{HISTORY}?{fault}")).await;
            assert_eq!(refused.status, 422, "{refused}");
        }
    }

    async fn only_a_customer_of_the_store_has_a_history(service: Service) {
        service.crowd(1).await;
        declare(&service, &[], &[]).await;
        let unknown = service.get("read", "/stores/acme/custodia/customers/2/consent").await;
        unknown.refused(404, "The resource at that URL is not found.", &json!({}));
        let elsewhere = service.get("other", "/stores/zenith/custodia/customers/1/consent").await;
        assert_eq!(elsewhere.status, 404);
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        assert_eq!(service.get("read", HISTORY).await.status, 404);
    }

    async fn a_policy_is_registered_once_and_read_by_its_version_or_its_sha_256(service: Service) {
        let made = service.post("modify", POLICIES, policy("202406", "abc")).await;
        assert_eq!((made.status, &made.json()["data"]["sha256"]), (201, &json!(SHA256)));
        shows(&made, "new");
        service.set_seconds(60);
        let before = service.dump().await;
        let again = service.post("modify", POLICIES, policy("202406", "abc")).await;
        assert_eq!((again.status, &again.body), (200, &made.body));
        shows(&again, "again");
        assert_eq!(service.dump().await, before);
        let whole = service.get("read", &format!("{POLICIES}/202406")).await;
        shows(&whole, "whole");
        assert_eq!(service.get("read", &format!("{POLICIES}/{SHA256}")).await.body, whole.body);
        assert_eq!(service.audit().await, ["policy.registered 1 []"]);
        let later = service.post("modify", POLICIES, json!({"version": "b", "text": "abd",
            "controller": "A", "contact": "B", "withdrawal": "C"})).await;
        assert_eq!(later.json()["data"]["effective_at"], "2024-06-01T12:01:00Z");
        shows(&service.get("read", POLICIES).await, "two");
    }

    async fn a_policy_never_changes(service: Service) {
        service.post("modify", POLICIES, policy("a", "abc")).await;
        let before = service.dump().await;
        let conflict = "The request is in conflict with what is there.";
        let changed = policy("a", "abd");
        let told = service.post("modify", POLICIES, changed).await;
        told.refused(409, conflict, &json!({"text": "not as registered as a"}));
        shows(&told, "another text");
        let told = service.post("modify", POLICIES, policy("b", "abc")).await;
        told.refused(409, conflict, &json!({"version": "not as registered as a"}));
        let mut moved = policy("a", "abc");
        moved["contact"] = json!("elsewhere");
        let told = service.post("modify", POLICIES, moved).await;
        told.refused(409, conflict, &json!({"contact": "not as registered as a"}));
        assert_eq!(service.dump().await, before);
    }

    async fn each_fault_of_a_policy_is_told(service: Service) {
        let before = service.dump().await;
        let failed = "Create policy failed.";
        let shape = "JSON data is missing or invalid";
        let with = |field: &str, value: Value| {
            let mut body = policy("a", "abc");
            body[field] = value;
            body
        };
        let name = "must be 1 to 50 letters, digits, dots, hyphens or underscores";
        let lines = "must be 1 to 500 characters long";
        for (body, title, errors) in [
            (with("version", json!(1)), shape, json!({"version": "error.expected.jsstring"})),
            (with("text", json!("a\u{0}")), shape, json!({"text": "error.expected.text.without.nul"})),
            (with("effective_at", json!("soon")), shape, json!({"effective_at": "error.expected.date"})),
            (json!({"version": "a", "text": "b"}), shape, json!({"controller": "error.path.missing",
                "contact": "error.path.missing", "withdrawal": "error.path.missing"})),
            (json!([]), shape, json!({"obj": "error.expected.jsobject"})),
            (with("version", json!("a/b")), failed, json!({"version": name})),
            (with("version", json!(SHA256)), failed, json!({"version": name})),
            (with("text", json!("a".repeat(65_536))), failed, json!({"text": "must be 1 to 65535 bytes long"})),
            (with("contact", json!(" ")), failed, json!({"contact": lines})),
        ] {
            service.post("modify", POLICIES, body).await.refused(422, title, &errors);
        }
        for unknown in ["a", SHA256, "%20", "1"] {
            assert_eq!(service.get("read", &format!("{POLICIES}/{unknown}")).await.status, 404);
        }
        assert_eq!(service.get("read", &format!("{POLICIES}/%ff")).await.status, 400);
        assert_eq!(service.dump().await, before);
    }

    async fn a_store_has_a_hundred_policies_also_when_they_are_registered_at_once(service: Service) {
        let requests = (0..104).map(|n| {
            let body = policy(&format!("v{}", n % 102), &format!("text {}", n % 102));
            ("POST", POLICIES.to_owned(), body)
        });
        let answers = race(&service, requests.collect()).await;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        let (new, again, refused) = (count(201), count(200), count(422));
        assert_eq!((new, new + again + refused), (100, 104), "{again} again, {refused} refused");
        let policies = service.get("read", POLICIES).await;
        assert_eq!(column(&policies, "version").len(), 100);
        let numbers = "SELECT COUNT(DISTINCT number) FROM consent_policy WHERE number BETWEEN 1 AND 100";
        assert_eq!(service.number(numbers).await, 100);
        let one_more = service.post("modify", POLICIES, policy("more", "more")).await;
        let most = json!({"version": "a store has at most 100 policies"});
        one_more.refused(422, "Create policy failed.", &most);
        shows(&one_more, "one too many");
        let elsewhere = "/stores/zenith/custodia/policies";
        assert_eq!(column(&service.get("other", elsewhere).await, "version"), [""; 0]);
        let theirs = service.get("other", &format!("{elsewhere}/v1")).await;
        assert_eq!(theirs.status, 404);
    }

    async fn a_declaration_says_how_its_customer_was_asked(service: Service) {
        service.crowd(1).await;
        service.post("modify", POLICIES, policy("2024-06", "abc")).await;
        let body = json!({"allow": ["essential", "analytics"], "deny": ["targeting"], "channel_id": 1,
            "locale": "de-AT", "policy": "2024-06"});
        let made = service.post("modify", HISTORY, body).await;
        shows(&made, "detailed");
        assert_eq!(made.status, 201);
        let by_hash = json!({"allow": [], "deny": [], "policy": SHA256, "locale": null});
        assert_eq!(service.post("modify", HISTORY, by_hash).await.status, 201);
        declare(&service, &["targeting"], &[]).await;
        let listed = service.get("read", HISTORY).await;
        let known = json!({"version": "2024-06", "sha256": SHA256});
        assert_eq!(column(&listed, "policy"), [json!(null), known.clone(), known]);
        assert_eq!(column(&listed, "locale"), [json!(null), json!(null), json!("de-AT")]);
        assert_eq!(column(&listed, "channel_id"), [json!(null), json!(null), json!(1)]);
        assert_eq!(listed.json()["data"][2], made.json()["data"]);
        let in_force = service.get("read", "/v3/customers/1/consent").await;
        assert_eq!(in_force.json()["allow"], json!(["targeting"]));
        assert_eq!(service.audit().await.iter().filter(|line| *line == "consent.declared 1 []").count(), 3);
        // The ledger has all of it.
        let store = kernel::StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await);
        ops::sequence(service.app(), store).await.expect("the ledger grows");
        let leaf = service.texts("SELECT json AS line FROM ledger_leaf WHERE leaf = 0").await;
        let leaf: Leaf = serde_json::from_str(&leaf[0]).expect("a leaf");
        assert_eq!((leaf.channel_id, leaf.locale.as_deref()), (Some(1), Some("de-AT")));
        assert_eq!(leaf.policy_sha256.as_deref(), Some(SHA256));
        assert_eq!(column(&service.get("read", HISTORY).await, "leaf").iter().filter(|leaf| leaf.is_null()).count(), 0);
    }

    async fn a_declaration_names_only_what_the_store_has(service: Service) {
        service.crowd(1).await;
        service.post("other", "/stores/zenith/custodia/policies", policy("theirs", "abc")).await;
        let before = service.dump().await;
        let lists = |more: Value| {
            let mut body = json!({"allow": ["essential"], "deny": []});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let (failed, shape) = ("Create consent failed.", "JSON data is missing or invalid");
        let unknown = service.post("modify", HISTORY, lists(json!({"channel_id": 9, "policy": "theirs"}))).await;
        let policy = "no policy of this version or SHA-256 is registered";
        unknown.refused(422, failed, &json!({"channel_id": "invalid channel ID", "policy": policy}));
        shows(&unknown, "unknown");
        let tag = "must be a language tag, such as de or pt-BR";
        for (body, title, errors) in [
            (lists(json!({"policy": SHA256})), failed, json!({"policy": policy})),
            (lists(json!({"policy": ""})), failed, json!({"policy": policy})),
            (lists(json!({"locale": "de_DE"})), failed, json!({"locale": tag})),
            (lists(json!({"channel_id": 0})), failed, json!({"channel_id": "invalid channel ID"})),
            (lists(json!({"channel_id": "1"})), shape, json!({"channel_id": "error.expected.jsnumber"})),
            (json!({"allow": []}), shape, json!({"deny": "error.path.missing"})),
            (lists(json!({"deny": ["essential"]})), shape,
                json!({"deny": "essential cannot be both allowed and denied"})),
        ] {
            service.post("modify", HISTORY, body).await.refused(422, title, &errors);
        }
        let nobody = service.post("modify", "/stores/acme/custodia/customers/2/consent", lists(json!({}))).await;
        assert_eq!(nobody.status, 404);
        assert_eq!(service.dump().await, before);
    }
}
