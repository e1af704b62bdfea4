//! `custodia consent`: what a stranger checks, and what an operator does.

use std::fs;

use kernel::Timestamp;
use ledger::{
    checkpoint::{Head, SigningKey},
    leaf::{Leaf, Person, Salt},
    proof::{Growth, Inclusion},
    receipt::{Controller, Evidence, Purpose, Receipt, SCHEMA, Step, WITHDRAWAL},
    tree::Tree,
};
use serde_json::json;

use crate::place::{Account, Engine, Place, bare, failed, succeeded};

/// The receipt of leaf 1 of 3, signed by another installation.
fn receipt(key: &SigningKey) -> Receipt {
    let at = Timestamp(1_700_000_000_000_001);
    let salt = Salt::new([9; 32]);
    let subject = Person { customer_id: 5, sequence: 1, session: None };
    let leaf = Leaf {
        version: 1,
        store_hash: "shop".to_owned(),
        declared_at: at.0,
        allow: vec!["essential".to_owned()],
        deny: vec!["targeting".to_owned()],
        source: "management_api".to_owned(),
        client_id: None,
        channel_id: None,
        locale: None,
        gpc: false,
        policy: None,
        person: subject.commitment(&salt),
    };
    let mut tree = Tree::default();
    for hash in [[0; 32], leaf.hash(), [2; 32]] {
        tree.append(hash).expect("it grows");
    }
    let root = tree.root().expect("a root");
    let proof = tree.prove_leaf(1).expect("a proof").into_iter().map(Step).collect();
    let head = Head { origin: format!("{}/shop", key.name()), size: 3, root };
    Receipt {
        schema: SCHEMA.to_owned(),
        controller: Controller {
            store_hash: "shop".to_owned(),
            name: String::new(),
            contact: String::new(),
        },
        subject,
        declared_at: at.to_rfc3339_micros(),
        purposes: Purpose::of(&leaf),
        policy: None,
        withdrawal: WITHDRAWAL.to_owned(),
        evidence: Evidence { leaf, salt, index: 1, proof, checkpoint: head.sign(key) },
    }
}

#[test]
fn a_receipt_is_checked_without_a_database_and_what_does_not_hold_is_named() {
    let place = Place::new(Engine::Sqlite);
    let here = || bare(&place.path(""));
    let key = SigningKey::new("shop.example/1", &[1; 32]).expect("a name");
    let other = SigningKey::new("shop.example/2", &[2; 32]).expect("a name");
    let write = |name: &str, receipt: &Receipt| {
        fs::write(place.path(name), serde_json::to_string_pretty(receipt).expect("JSON"))
            .expect("a file");
    };
    let receipt = receipt(&key);
    write("receipt.json", &receipt);
    let verify = ["consent", "verify", "receipt.json"];
    let (public, strange) = (key.public().as_str(), other.public().as_str());

    let told = succeeded(here().args(verify).args(["--key", strange, "--key", public]));
    assert!(told.starts_with("The receipt holds.\n"), "{told}");
    for said in ["2023-11-14T22:13:20.000001Z", "leaf      1 of 3", "shop.example/1/shop"] {
        assert!(told.contains(said), "{told}");
    }
    fs::write(place.path("keys"), format!("{strange}\n\n{public}\n")).expect("a file");
    assert_eq!(succeeded(here().args(verify).args(["--key-file", "keys"])), told);
    let reason = failed(here().args(verify));
    assert!(reason.contains("--key"), "{reason}");
    let reason = failed(here().args(verify).args(["--key", strange]));
    assert!(reason.contains("not signed with a key that is known"), "{reason}");
    let reason = failed(here().args(verify).args(["--key", "nonsense"]));
    assert!(reason.contains("nonsense: not a public key"), "{reason}");

    let mut changed = receipt.clone();
    changed.evidence.leaf.allow.push("targeting".to_owned());
    write("receipt.json", &changed);
    let reason = failed(here().args(verify).args(["--key", public]));
    assert!(reason.contains("leaf 1 is not in the tree"), "{reason}");
    let mut changed = receipt;
    changed.purposes[1].allowed = true;
    write("receipt.json", &changed);
    let reason = failed(here().args(verify).args(["--key", public]));
    assert!(reason.contains("purposes is not what the leaf says"), "{reason}");
    fs::write(place.path("receipt.json"), "{}").expect("a file");
    let reason = failed(here().args(verify).args(["--key", public]));
    assert!(reason.contains("this is no receipt and no export"), "{reason}");
    let reason = failed(here().args(["consent", "verify", "none.json", "--key", public]));
    assert!(reason.contains("none.json: "), "{reason}");
    assert!(!place.path("custodia.db").exists(), "no database is made for it");
}

/// Declarations of a customer that a server acknowledges.
fn declare(place: &Place, account: &Account, times: usize) {
    let server = place.serve();
    let mut client = server.client(account);
    let row = json!([{"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron"}]);
    let made = client.post("/v3/customers", &row).expect("an answer").json();
    let id = made["data"][0]["id"].as_i64().expect("an id");
    for _ in 0..times {
        let body = json!({"allow": ["essential"], "deny": ["targeting"]});
        let answer = client.put(&format!("/v3/customers/{id}/consent"), &body);
        assert_eq!(answer.expect("an answer").status, 200);
    }
    server.stop();
}

on_each_engine! {
    fn an_export_is_checked_by_who_has_the_key_and_nothing_else(place: Place) {
        let account = place.store("acme");
        declare(place, &account, 300);
        let export = place.run(&["consent", "export", "--store", "acme"]);
        let keys = place.run(&["consent", "keys"]);
        let lines: Vec<&str> = export.lines().collect();
        assert_eq!(lines.len(), 302);
        assert!(lines[0].contains(keys.trim()), "{}", lines[0]);
        assert!(lines[1].contains(r#""index":0,"leaf":{"allow":["essential"]"#), "{}", lines[1]);
        assert!(!export.contains("customer_id"), "no person");
        fs::write(place.path("keys"), keys).expect("a file");
        fs::write(place.path("export"), &export).expect("a file");

        let stranger = || bare(&place.path(""));
        let verify = ["consent", "verify", "export", "--key-file", "keys"];
        let told = succeeded(stranger().args(verify));
        assert_eq!(told, "The ledger of acme holds.\nleaves        300\n");
        let changed = export.replacen(r#"["targeting"]"#, "[]", 8).replacen(r#""deny":[]"#, r#""deny":["targeting"]"#, 7);
        fs::write(place.path("export"), changed).expect("a file");
        let reason = failed(stranger().args(verify));
        assert!(reason.contains("- leaf 7 is not the one of which the tree was made"), "{reason}");
        fs::write(place.path("export"), &export[..export.len() - 300]).expect("a file");
        let reason = failed(stranger().args(verify));
        assert!(reason.contains("line 30"), "{reason}");
        let reason = failed(&mut place.custodia(&["consent", "export", "--store", "none"]));
        assert!(reason.contains("there is no store none"), "{reason}");
    }

    fn a_key_is_rotated_and_what_it_signed_can_still_be_checked(place: Place) {
        let account = place.store("acme");
        declare(place, &account, 3);
        let export = place.run(&["consent", "export", "--store", "acme"]);
        let first = place.run(&["consent", "keys"]);
        let closing: serde_json::Value = serde_json::from_str(export.lines().last().expect("one")).expect("JSON");
        fs::write(place.path("old"), closing["checkpoint"].as_str().expect("text")).expect("a file");

        let second = place.run(&["consent", "rotate-key"]);
        assert_ne!(first, second);
        assert_eq!(place.run(&["consent", "keys"]), format!("{first}{second}"));
        place.run(&["consent", "verify", "--store", "acme"]);
        declare_again(place, &account);
        let export = place.run(&["consent", "export", "--store", "acme"]);
        fs::write(place.path("export"), &export).expect("a file");
        let old = place.path("old");
        let old = old.to_str().expect("a path");
        let told = place.run(&["consent", "verify", "--store", "acme", "--checkpoint", old]);
        assert!(told.starts_with("The ledger of acme holds.\nleaves        4\ndeclarations  4 are kept"), "{told}");
        assert!(told.ends_with(&format!("nothing was rewritten since {old}\n")), "{told}");
        let (first, second) = (first.trim(), second.trim());
        let verify = |keys: &[&str], more: &[&str]| {
            let mut command = bare(&place.path(""));
            command.args(["consent", "verify", "export"]).args(more);
            command.args(keys.iter().flat_map(|key| ["--key", key]));
            command
        };
        succeeded(&mut verify(&[second], &[]));
        succeeded(&mut verify(&[first, second], &["--checkpoint", "old"]));
        let reason = failed(&mut verify(&[second], &["--checkpoint", "old"]));
        assert!(reason.contains("old: not signed with a key that is known"), "{reason}");
        let reason = failed(&mut verify(&[first], &[]));
        assert!(reason.contains("the checkpoint: not signed with a key that is known"), "{reason}");
    }

    fn a_leaf_and_the_growth_of_the_tree_are_proved(place: Place) {
        let account = place.store("acme");
        declare(place, &account, 300);
        let export = place.run(&["consent", "export", "--store", "acme"]);
        let prove = ["consent", "prove", "--store", "acme"];
        for leaf in ["0", "255", "256", "299"] {
            let printed = place.run(&[&prove[..], &["--leaf", leaf]].concat());
            let proof: Inclusion = serde_json::from_str(&printed).expect("a proof");
            assert!(proof.holds() && proof.size == 300 && proof.index.to_string() == leaf, "{printed}");
            let proof: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
            assert!(export.contains(&proof["checkpoint"].to_string()));
            assert!(export.contains(&proof["leaf_hash"].to_string()));
        }
        for (older, size) in [("0", "1"), ("1", "300"), ("256", "300"), ("257", "299"), ("300", "300")] {
            let printed = place.run(&[&prove[..], &["--consistency", older, size]].concat());
            let proof: Growth = serde_json::from_str(&printed).expect("a proof");
            assert!(proof.holds() && proof.size.to_string() == size, "{printed}");
        }
        let reason = failed(place.custodia(&prove).args(["--leaf", "300"]));
        assert!(reason.contains("there is no leaf 300"), "{reason}");
        let reason = failed(place.custodia(&prove).args(["--consistency", "3", "301"]));
        assert!(reason.contains("there is no leaf 300"), "{reason}");
        failed(&mut place.custodia(&prove));
    }

    fn damage_in_the_database_makes_the_command_fail_and_name_it(place: Place) {
        let account = place.store("acme");
        declare(place, &account, 3);
        place.run(&["consent", "export", "--store", "acme"]);
        let database = place.database();
        database.run("UPDATE ledger_leaf SET json = replace(json, 'essential', 'functional') WHERE leaf = 1");
        let reason = failed(&mut place.custodia(&["consent", "verify", "--store", "acme"]));
        assert!(reason.contains("- leaf 1 is not the one of which the tree was made"), "{reason}");
        assert!(reason.contains("- declaration 2 of customer"), "{reason}");
    }
}

fn declare_again(place: &Place, account: &Account) {
    let server = place.serve();
    let mut client = server.client(account);
    let ids = place.database().numbers("SELECT customer_id FROM customer");
    let body = json!({"allow": [], "deny": []});
    let answer = client.put(&format!("/v3/customers/{}/consent", ids[0]), &body);
    assert_eq!(answer.expect("an answer").status, 200);
    server.stop();
}
