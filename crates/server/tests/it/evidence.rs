//! What stands behind consent: a customer's history, and what proves it.

use access::signing;
use ledger::{
    checkpoint::{Head, PublicKey},
    export::{Opening, Reading},
    leaf::{Leaf, Terms},
    receipt::{Receipt, Step},
    tree::{Tree, has_grown, leaf_hash},
};
use resources::ledger::sequencer;
use serde_json::{Value, json};
use testkit::{Answer, Service, on_each_engine};

use crate::{races::race, shows};

const HISTORY: &str = "/stores/acme/custodia/customers/1/consent";

const CHECKPOINT: &str = "/stores/acme/custodia/ledger/checkpoint";
const KEYS: &str = "/stores/acme/custodia/ledger/keys";
const EXPORT: &str = "/stores/acme/custodia/ledger/export";
const LEAVES: &str = "/stores/acme/custodia/ledger/leaves";
const GROWTH: &str = "/stores/acme/custodia/ledger/proofs/consistency";
const POLICIES: &str = "/stores/acme/custodia/policies";
/// Of `abc` (FIPS 180-2, appendix B.1).
const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// The keys as anybody reads them.
async fn keys(service: &Service) -> Vec<PublicKey> {
    let keys = column(&service.get("read", KEYS).await, "key");
    keys.iter().map(|key| key.as_str().expect("text").parse().expect("a key")).collect()
}

/// The head of the ledger of acme, as its checkpoint says and a key vouches for.
async fn head_of(service: &Service) -> Head {
    let told = service.get("read", CHECKPOINT).await;
    let note = told.json()["data"]["checkpoint"].as_str().expect("a note").to_owned();
    let head = Head::read(&note, &keys(service).await).expect("a checkpoint that holds");
    assert_eq!(told.json()["data"]["size"], head.size);
    head
}

fn policy(version: &str, text: &str) -> Value {
    json!({"version": version, "text": text, "controller": "Acme Ltd", "contact": "privacy@acme.example",
        "withdrawal": "In your account, under privacy.", "effective_at": "2024-06-01"})
}

async fn declare(service: &Service, allow: &[&str], deny: &[&str]) {
    let body = json!({"allow": allow, "deny": deny});
    assert_eq!(service.put("modify", "/v3/customers/1/consent", body).await.status, 200);
}

fn column(answer: &Answer, name: &str) -> Vec<Value> {
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
        sequencer::sequence(service.app(), store).await.expect("the ledger grows");
        let leaf = service.texts("SELECT json AS line FROM ledger_leaf WHERE leaf = 0").await;
        let leaf: Leaf = serde_json::from_str(&leaf[0]).expect("a leaf");
        assert_eq!((leaf.channel_id, leaf.locale.as_deref()), (Some(1), Some("de-AT")));
        let policy = service.get("read", POLICIES).await.json()["data"][0].clone();
        let word = |name: &str| policy[name].as_str().expect("a text").to_owned();
        let terms = Terms {
            contact: word("contact"),
            controller: word("controller"),
            effective_at: word("effective_at"),
            sha256: SHA256.to_owned(),
            version: "2024-06".to_owned(),
            withdrawal: word("withdrawal"),
        };
        assert_eq!(leaf.policy, Some(terms.digest()));
        assert_eq!(column(&service.get("read", HISTORY).await, "leaf").iter().filter(|leaf| leaf.is_null()).count(), 0);
    }

    async fn what_was_declared_elsewhere_is_brought_along_with_its_own_time(service: Service) {
        service.crowd(1).await;
        service.post("modify", POLICIES, policy("2024-06", "abc")).await;
        let body = |at: &str| json!({"allow": ["analytics"], "deny": [], "declared_at": at, "policy": "2024-06"});
        for at in ["2023-05-01T10:00:00+02:00", "2023-05-01T08:00:00Z", "2023-05-02T00:00:00Z"] {
            assert_eq!(service.post("modify", HISTORY, body(at)).await.status, 201, "{at}");
        }
        let title = "Create consent failed.";
        let early = json!({"declared_at": "must not be earlier than what the customer has declared last"});
        service.post("modify", HISTORY, body("2023-05-01")).await.refused(422, title, &early);
        let late = json!({"declared_at": "must not be later than now"});
        service.post("modify", HISTORY, body("2024-06-01T12:00:01Z")).await.refused(422, title, &late);
        let odd = json!({"declared_at": "error.expected.date"});
        service.post("modify", HISTORY, body("yesterday")).await.refused(422, "JSON data is missing or invalid", &odd);
        declare(&service, &["targeting"], &[]).await;
        service.post("modify", HISTORY, body("2024-05-31")).await.refused(422, title, &early);
        let listed = service.get("read", HISTORY).await;
        assert_eq!(column(&listed, "source"), ["management_api", "import", "import", "import"]);
        assert_eq!(column(&listed, "declared_at"), [
            "2024-06-01T12:00:00.000000Z", "2023-05-02T00:00:00.000000Z", "2023-05-01T08:00:00.000000Z", "2023-05-01T08:00:00.000000Z",
        ]);
        let in_force = service.get("read", "/v3/customers/1/consent").await;
        assert_eq!(in_force.json()["allow"], json!(["targeting"]));
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

    async fn a_checkpoint_is_signed_over_what_was_declared_and_the_keys_check_it(service: Service) {
        service.crowd(1).await;
        assert_eq!(column(&service.get("read", KEYS).await, "key"), [""; 0]);
        let empty = service.get("read", CHECKPOINT).await;
        assert_eq!(head_of(&service).await.size, 0);
        assert_eq!(service.get("read", CHECKPOINT).await.body, empty.body);
        declare(&service, &["essential"], &[]).await;
        service.set_seconds(1);
        let one = service.get("read", CHECKPOINT).await;
        shows(&one, "one leaf");
        shows(&service.get("read", KEYS).await, "one");
        let head = head_of(&service).await;
        assert_eq!((head.size, head.origin.ends_with("/acme")), (1, true));
        // What an older key has signed can still be checked.
        let (app, now) = (service.app(), service.app().clock.now());
        signing::rotate(&app.db, &app.seal, &*app.chance, now).await.expect("another key");
        declare(&service, &["essential"], &[]).await;
        assert_eq!(head_of(&service).await.size, 2);
        let keys = keys(&service).await;
        assert_eq!(keys.len(), 2);
        let older = one.json()["data"]["checkpoint"].as_str().expect("a note").to_owned();
        assert_eq!(Head::read(&older, &keys[..1]), Ok(head));
        assert!(Head::read(&older, &keys[1..]).is_err());
    }

    async fn leaves_are_listed_as_they_are_hashed_and_name_nobody(service: Service) {
        service.crowd(2).await;
        service.post("modify", POLICIES, policy("2024-06", "abc")).await;
        let detailed = json!({"allow": ["analytics"], "deny": ["targeting"], "channel_id": 1, "locale": "de",
            "policy": "2024-06"});
        service.post("modify", "/stores/acme/custodia/customers/2/consent", detailed).await;
        service.set_seconds(1);
        for _ in 0..4 {
            declare(&service, &["essential"], &[]).await;
        }
        let none = service.get("read", LEAVES).await;
        none.is_just(r#"{"data":[],"meta":{}}"#);
        let head = head_of(&service).await;
        let all = service.get("read", LEAVES).await;
        assert_eq!(column(&all, "index"), [0, 1, 2, 3, 4]);
        shows(&service.get("read", &format!("{LEAVES}?limit=1")).await, "one");
        let kept = service.texts("SELECT json AS line FROM ledger_leaf ORDER BY leaf").await;
        let mut tree = Tree::default();
        for (shown, kept) in column(&all, "leaf").iter().zip(&kept) {
            assert!(all.text().contains(kept.as_str()), "not as it is hashed: {kept}");
            tree.append(leaf_hash(shown.to_string().as_bytes())).expect("the tree grows");
        }
        assert_eq!(tree.root().expect("a root"), head.root);
        for personal in ["customer", "example.com", "First", "Last1"] {
            assert!(!all.text().contains(personal), "{personal}: {all}");
        }
        let some = service.get("read", &format!("{LEAVES}?from=3&limit=1")).await;
        assert_eq!(column(&some, "index"), [3]);
        assert_eq!(column(&service.get("read", &format!("{LEAVES}?from=5")).await, "index"), [0; 0]);
        let refused = service.get("read", &format!("{LEAVES}?from=-1")).await;
        refused.refused(422, "Read ledger failed.", &json!({"from": "must be at least 0"}));
        shows(&refused, "no such place");
        for fault in ["limit=0", "from=x", "from=9223372036854775808", "page=1"] {
            assert_eq!(service.get("read", &format!("{LEAVES}?{fault}")).await.status, 422, "{fault}");
        }
        assert_eq!(column(&service.get("other", &LEAVES.replace("acme", "zenith")).await, "index"), [0; 0]);
    }

    async fn a_whole_ledger_is_exported_line_by_line_and_checked_without_us(service: Service) {
        service.crowd(1).await;
        shows(&service.get("read", EXPORT).await, "empty");
        for _ in 0..3 {
            declare(&service, &["essential"], &[]).await;
        }
        let told = service.get("read", EXPORT).await;
        assert_eq!((told.status, told.header("content-type")), (200, "application/x-ndjson"));
        let text = told.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        let opening = Opening::read(lines[0]).expect("it says whose it is");
        assert_eq!(opening.store_hash, "acme");
        let mut reading = Reading::new(&opening, [head_of(&service).await]);
        lines[1..].iter().for_each(|line| reading.line(line));
        assert_eq!((reading.size(), reading.end(&keys(&service).await)), (3, Vec::new()));
        let theirs = service.get("other", "/stores/zenith/custodia/ledger/export").await;
        assert_eq!(theirs.text().lines().count(), 2, "nothing of another store's");
    }

    async fn that_the_ledger_has_only_grown_is_proved_between_any_two_checkpoints(service: Service) {
        service.crowd(1).await;
        let mut heads = vec![head_of(&service).await];
        for _ in 0..7 {
            declare(&service, &["essential"], &[]).await;
            heads.push(head_of(&service).await);
        }
        for (older, later) in (0..heads.len()).flat_map(|to| (0..=to).map(move |from| (from, to))) {
            let (older, later) = (&heads[older], &heads[later]);
            let path = format!("{GROWTH}?from={}&to={}", older.size, later.size);
            let answer = service.get("read", &path).await;
            let steps: Vec<Step> = serde_json::from_value(answer.json()["data"]["proof"].clone()).expect("a proof");
            let steps: Vec<_> = steps.into_iter().map(|step| step.0).collect();
            let holds = |older_root| has_grown(later.size, &later.root, older.size, older_root, &steps);
            assert!(holds(&older.root), "{answer}");
            assert!(!holds(&[7; 32]), "{answer}");
        }
        shows(&service.get("read", &format!("{GROWTH}?from=3")).await, "from 3 to 7");
        let beyond = service.get("read", &format!("{GROWTH}?from=3&to=8")).await;
        beyond.refused(422, "Read ledger failed.", &json!({"to": "the ledger has 7 leaves"}));
        shows(&beyond, "beyond the end");
        let turned = service.get("read", &format!("{GROWTH}?from=3&to=2")).await;
        turned.refused(422, "Read ledger failed.", &json!({"from": "must not be more than to"}));
        for fault in ["from=-1", "to=x", "from=9223372036854775807"] {
            assert_eq!(service.get("read", &format!("{GROWTH}?{fault}")).await.status, 422, "{fault}");
        }
    }

    async fn a_receipt_holds_for_a_stranger_who_knows_the_key(service: Service) {
        service.crowd(1).await;
        service.post("modify", POLICIES, policy("2024-06", "abc")).await;
        let body = json!({"allow": ["essential"], "deny": ["targeting"], "locale": "de-AT", "policy": SHA256});
        service.post("modify", HISTORY, body).await;
        service.set_seconds(60);
        declare(&service, &["essential", "targeting"], &[]).await;
        // Nobody has sequenced anything: asking for the receipt does.
        let first = service.get("read", &format!("{HISTORY}/1/receipt")).await;
        shows(&first, "under a policy");
        let second = service.get("read", &format!("{HISTORY}/2/receipt")).await;
        shows(&second, "under none");
        let keys = keys(&service).await;
        let read = |answer: &Answer| serde_json::from_slice::<Receipt>(&answer.body).expect("a receipt");
        let (first, second) = (read(&first), read(&second));
        assert_eq!(first.verify(&keys).expect("it holds").size, 2);
        second.verify(&keys).expect("it holds");
        assert_eq!((first.subject.customer_id, first.controller.name.as_str()), (1, "Acme Ltd"));
        assert_eq!(first.withdrawal, "In your account, under privacy.");
        assert_eq!(first.policy.as_ref().map(|policy| policy.version.as_str()), Some("2024-06"));
        assert_eq!((second.policy.is_none(), second.controller.contact.as_str()), (true, ""));
        assert!(second.withdrawal.starts_with("Change your choice"));
        let mut forged = second.clone();
        forged.purposes[1].allowed = false;
        assert!(forged.verify(&keys).is_err());
        let mut swapped = second;
        swapped.evidence.salt = first.evidence.salt.clone();
        assert!(swapped.verify(&keys).is_err());
        // What was kept holds also when the ledger has grown and the customer has gone.
        declare(&service, &[], &[]).await;
        head_of(&service).await;
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        first.verify(&keys).expect("it holds");
        assert_eq!(service.get("read", &format!("{HISTORY}/1/receipt")).await.status, 404);
    }

    async fn there_is_a_receipt_only_for_what_a_customer_of_the_store_declared(service: Service) {
        service.crowd(1).await;
        declare(&service, &[], &[]).await;
        let receipt = |store: &str, path: &str| format!("/stores/{store}/custodia/customers/{path}/receipt");
        for (path, status) in [("1/consent/2", 404), ("2/consent/1", 404), ("1/consent/0", 404),
            ("1/consent/x", 400), ("1/consent/99999999999", 404)] {
            assert_eq!(service.get("read", &receipt("acme", path)).await.status, status, "{path}");
        }
        assert_eq!(service.get("other", &receipt("zenith", "1/consent/1")).await.status, 404);
        // A customer that goes before the ledger has what they declared has no receipt either.
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        assert_eq!(service.number("SELECT COUNT(*) FROM consent_declaration").await, 1);
        assert_eq!(service.get("read", &receipt("acme", "1/consent/1")).await.status, 404);
    }

    async fn receipts_that_are_asked_for_at_once_all_hold(service: Service) {
        service.crowd(8).await;
        for customer in 1..=8 {
            let path = format!("/v3/customers/{customer}/consent");
            service.put("modify", &path, json!({"allow": ["analytics"], "deny": []})).await;
        }
        let requests = (1..=32).map(|n| {
            let path = format!("/stores/acme/custodia/customers/{}/consent/1/receipt", n % 8 + 1);
            ("GET", path, Value::Null)
        });
        let answers = race(&service, requests.collect()).await;
        let keys = keys(&service).await;
        for answer in &answers {
            let receipt: Receipt = serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{answer}"));
            receipt.verify(&keys).expect("it holds");
        }
        assert_eq!((answers.len(), head_of(&service).await.size), (32, 8));
    }

    async fn a_declaration_that_is_refused_makes_no_event(service: Service) {
        service.crowd(1).await;
        let before = service.events().await;
        let refused = json!({"allow": [], "deny": [], "policy": "none"});
        assert_eq!(service.post("modify", HISTORY, refused).await.status, 422);
        assert_eq!(service.events().await, before);
        service.post("modify", HISTORY, json!({"allow": [], "deny": []})).await;
        let told = r#"custodia/customer/consent/updated {"type":"customer","id":1}"#;
        assert_eq!(service.events().await[before.len()..], [told]);
    }

    async fn what_is_in_force_is_told_in_googles_signals(service: Service) {
        service.crowd(1).await;
        let google = format!("{HISTORY}/google");
        let granted = async || {
            let signals = service.get("read", &google).await.json()["data"].clone();
            let signals = signals.as_object().expect("signals").clone();
            assert_eq!(signals.len(), 7);
            let granted = signals.into_iter().filter(|(_, word)| word == "granted");
            granted.map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(granted().await, ["security_storage"]);
        declare(&service, &["targeting"], &["essential"]).await;
        assert_eq!(granted().await, ["ad_personalization", "ad_storage", "ad_user_data"]);
        declare(&service, &["analytics"], &["targeting"]).await;
        assert_eq!(granted().await, ["analytics_storage", "security_storage"]);
        shows(&service.get("read", &google).await, "analytics alone");
        let unknown = service.get("read", "/stores/acme/custodia/customers/2/consent/google").await;
        let elsewhere = service.get("other", "/stores/zenith/custodia/customers/1/consent/google").await;
        assert_eq!((unknown.status, elsewhere.status), (404, 404));
    }
}
