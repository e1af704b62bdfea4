//! `custodia consent`: what a stranger checks, and what an operator does.

use std::fs;

use kernel::Timestamp;
use ledger::{
    checkpoint::{Head, SigningKey},
    leaf::{Leaf, Person, Salt},
    receipt::{Controller, Evidence, Purpose, Receipt, SCHEMA, Step},
    tree::Tree,
};

use crate::place::{Engine, Place, bare, failed, succeeded};

/// The receipt of leaf 1 of 3, signed by another installation.
fn receipt(key: &SigningKey) -> Receipt {
    let at = Timestamp(1_700_000_000_000_001);
    let (salt, subject) = (Salt::new([9; 32]), Person { customer_id: 5 });
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
        policy_sha256: None,
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
        withdrawal: "Write to us.".to_owned(),
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
    assert!(reason.contains("this is no receipt"), "{reason}");
    let reason = failed(here().args(["consent", "verify", "none.json", "--key", public]));
    assert!(reason.contains("none.json: "), "{reason}");
    assert!(!place.path("custodia.db").exists(), "no database is made for it");
}
