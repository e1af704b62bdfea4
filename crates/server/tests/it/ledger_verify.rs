//! Whatever is done to the ledger past the server is found, and its place is named.

use access::signing;
use kernel::StoreId;
use ledger::{
    checkpoint::Head,
    export::{self, Opening, Reading},
    recount::Fault,
    tree::{Place, Tree, leaf_hash},
};
use resources::ledger::{
    model::{Damage, Verified},
    sequencer, walk,
};
use serde_json::json;
use testkit::{Service, on_each_engine};

use crate::races::{race, won};

/// A ledger of 600 leaves of ten customers, and its store.
async fn grown(service: &Service) -> StoreId {
    service.crowd(10).await;
    for _ in 0..6 {
        let requests = (0..100).map(|n| {
            let path = format!("/v3/customers/{}/consent", n % 10 + 1);
            ("PUT", path, json!({"allow": ["essential", "analytics"], "deny": ["targeting"]}))
        });
        assert_eq!(won(&race(service, requests.collect()).await), 100);
    }
    let store = id(service).await;
    assert_eq!(sequencer::sequence(service.app(), store).await.unwrap().size, 600);
    store
}

async fn id(service: &Service) -> StoreId {
    StoreId(service.number("SELECT store_id FROM store WHERE hash = 'acme'").await)
}

async fn verified(service: &Service, older: Vec<Head>) -> Verified {
    let db = &service.app().db;
    let keys = signing::public(db).await.unwrap();
    walk::verify(db, id(service).await, &keys, older).await.unwrap()
}

/// What is found after these statements, in words.
async fn found_after(service: &Service, statements: &[String]) -> Vec<String> {
    for statement in statements {
        service.meddle(statement).await;
    }
    let damages = verified(service, Vec::new()).await.damages;
    damages.iter().map(ToString::to_string).collect()
}

async fn head(service: &Service) -> Head {
    let db = &service.app().db;
    let kept = sequencer::sequence(service.app(), id(service).await).await.unwrap();
    Head::read(&kept.checkpoint, &signing::public(db).await.unwrap()).unwrap()
}

/// Flip a bit of a byte, counted from 1, of a column of bytes.
fn flip(service: &Service, column: &str, at: usize) -> String {
    match service.app().db.engine() {
        "postgres" => {
            format!("set_byte({column}, {}, get_byte({column}, {}) # 1)", at - 1, at - 1)
        }
        // SQLite has no such function: the byte becomes one that it was not.
        _ => format!(
            "CAST(substr({column}, 1, {at} - 1) || CASE hex(substr({column}, {at}, 1)) WHEN '61' THEN 'b' ELSE 'a' END
                || substr({column}, {at} + 1) AS BLOB)"
        ),
    }
}

on_each_engine! {
    async fn an_untouched_ledger_holds_and_so_do_the_heads_it_had(service: Service) {
        let empty = verified(&service, Vec::new()).await;
        assert_eq!((empty.leaves, empty.damages), (0, Vec::new()), "before anything was signed");
        service.crowd(1).await;
        let put = json!({"allow": [], "deny": []});
        service.put("modify", "/v3/customers/1/consent", put.clone()).await;
        let first = head(&service).await;
        for n in 0..300 {
            service.put("modify", "/v3/customers/1/consent", put.clone()).await;
            if n == 254 {
                assert_eq!(head(&service).await.size, 256);
                assert_eq!(verified(&service, Vec::new()).await.damages, []);
            }
        }
        let last = head(&service).await;
        let found = verified(&service, vec![first, last]).await;
        assert_eq!((found.leaves, found.declarations), (301, 301));
        assert_eq!(found.damages, []);
    }

    async fn one_byte_of_a_leaf_is_found(service: Service) {
        grown(&service).await;
        let found = found_after(&service, &[
            "UPDATE ledger_leaf SET json = replace(json, 'essential', 'essentiak') WHERE leaf = 259".to_owned(),
        ]).await;
        assert_eq!(found[0], "leaf 259 is not the one of which the tree was made");
        assert!(found[1].contains("allow is not what leaf 259 says"), "{found:?}");
        assert_eq!(found.len(), 2);
    }

    async fn one_byte_of_a_tile_is_found(service: Service) {
        grown(&service).await;
        let hashes = flip(&service, "hashes", 32 * 3 + 1);
        let found = found_after(&service, &[
            format!("UPDATE ledger_tile SET hashes = {hashes} WHERE level = 0 AND number = 1"),
        ]).await;
        assert_eq!(found, ["what is kept as the hash of leaf 259 is not its hash"]);
    }

    async fn one_byte_of_a_tile_further_up_is_found(service: Service) {
        grown(&service).await;
        let hashes = flip(&service, "hashes", 33);
        let found = found_after(&service, &[
            format!("UPDATE ledger_tile SET hashes = {hashes} WHERE level = 1"),
        ]).await;
        assert_eq!(found, ["hash 1 in tile 0 of level 1 is not what lies below it"]);
    }

    async fn a_tile_that_is_gone_is_found(service: Service) {
        grown(&service).await;
        let found = found_after(&service, &["DELETE FROM ledger_tile WHERE level = 0 AND number = 2".to_owned()]).await;
        assert_eq!(found, ["tile 2 of level 0 is missing"]);
    }

    async fn whatever_of_a_declaration_is_changed_is_found(service: Service) {
        grown(&service).await;
        for (change, back, part) in [
            ("allow = 'essential analytica'", "allow = 'essential analytics'", "allow"),
            ("deny = ''", "deny = 'targeting'", "deny"),
            ("declared_at = declared_at + 1", "declared_at = declared_at - 1", "declared_at"),
            ("source = 'management_apj'", "source = 'management_api'", "source"),
            ("declared_by = declared_by + 1000", "declared_by = declared_by - 1000", "declared_by"),
            ("channel_id = 1", "channel_id = 0", "channel_id"),
            ("locale = 'de'", "locale = ''", "locale"),
            ("policy_sha256 = 'ab'", "policy_sha256 = ''", "policy"),
            ("gpc = TRUE", "gpc = FALSE", "gpc"),
            ("leaf = leaf + 100000", "leaf = leaf - 100000", "the number of the leaf"),
        ] {
            let of = "WHERE customer_id = 3 AND sequence = 2";
            let found = found_after(&service, &[format!("UPDATE consent_declaration SET {change} {of}")]).await;
            let [found] = &found[..] else { panic!("{part}: {found:?}") };
            assert!(found.starts_with(&format!("declaration 2 of customer 3: {part} is not")), "{found}");
            service.meddle(&format!("UPDATE consent_declaration SET {back} {of}")).await;
        }
        assert_eq!(verified(&service, Vec::new()).await.damages, []);
        // What it was declared in is part of what the salt opens.
        let of = "WHERE customer_id = 3 AND sequence = 2";
        let found = found_after(&service, &[format!("UPDATE consent_declaration SET session = 'ab' {of}")]).await;
        let [found] = &found[..] else { panic!("{found:?}") };
        assert!(found.starts_with("declaration 2 of customer 3: its salt does not open leaf"), "{found}");
        service.meddle(&format!("UPDATE consent_declaration SET session = '' {of}")).await;
        // Another customer is put in its place.
        let found = found_after(&service, &[
            "UPDATE consent_declaration SET customer_id = 4, sequence = 1000 WHERE customer_id = 3 AND sequence = 2".to_owned(),
        ]).await;
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("declaration 1000 of customer 4: its salt does not open leaf"), "{found:?}");
        assert_eq!(found[1..], [
            "customer 3 has declared 60 times, and 59 declarations are kept, numbered 1 to 60",
            "customer 4 has declared 60 times, and 61 declarations are kept, numbered 1 to 1000",
        ]);
    }

    async fn one_byte_of_a_salt_is_found(service: Service) {
        grown(&service).await;
        let salt = flip(&service, "salt", 32);
        let found = found_after(&service, &[
            format!("UPDATE consent_declaration SET salt = {salt} WHERE customer_id = 3 AND sequence = 2"),
        ]).await;
        let [found] = &found[..] else { panic!("{found:?}") };
        assert!(found.starts_with("declaration 2 of customer 3: its salt does not open leaf"), "{found}");
    }

    async fn a_declaration_that_was_changed_and_given_a_new_leaf_is_found(service: Service) {
        let store = grown(&service).await;
        // Whoever may write to the table has the sequencer sign something else.
        let of = "WHERE customer_id = 3 AND sequence = 2";
        service.meddle(&format!("UPDATE consent_declaration SET leaf = NULL, salt = NULL, deny = '' {of}")).await;
        let found = found_after(&service, &[]).await;
        assert_eq!(found, ["declaration 3 of customer 3: an earlier one of theirs has no leaf, or one further on"]);
        assert_eq!(sequencer::sequence(service.app(), store).await.unwrap().size, 601);
        let found = found_after(&service, &[]).await;
        assert_eq!(found, ["declaration 3 of customer 3: an earlier one of theirs has no leaf, or one further on"]);
        // One that is marked as of somebody who has gone.
        let found = found_after(&service, &[
            "UPDATE consent_declaration SET detached = TRUE WHERE customer_id = 4 AND sequence = 60".to_owned(),
        ]).await;
        assert_eq!(found[1], "declaration 60 of customer 4: the customer is not there, or has not gone, as it should be");
    }

    async fn two_declarations_of_a_customer_in_each_others_place_are_found(service: Service) {
        grown(&service).await;
        let number = |from: i64, to: i64| {
            format!("UPDATE consent_declaration SET sequence = {to} WHERE customer_id = 3 AND sequence = {from}")
        };
        let found = found_after(&service, &[number(2, -1), number(7, 2), number(-1, 7)]).await;
        assert_eq!(found.len(), 2, "{found:?}");
        for (found, sequence) in found.iter().zip([2, 7]) {
            assert!(found.starts_with(&format!("declaration {sequence} of customer 3: its salt")), "{found}");
        }
    }

    async fn a_declaration_of_somebody_who_is_there_is_missed(service: Service) {
        grown(&service).await;
        for (sequence, first, last) in [(1, 2, 60), (60, 1, 59), (30, 1, 60)] {
            let keep = "CREATE TABLE kept AS SELECT * FROM consent_declaration WHERE customer_id = 3";
            service.meddle(keep).await;
            let found = found_after(&service, &[
                format!("DELETE FROM consent_declaration WHERE customer_id = 3 AND sequence = {sequence}"),
            ]).await;
            assert_eq!(found, [format!(
                "customer 3 has declared 60 times, and 59 declarations are kept, numbered {first} to {last}"
            )]);
            service.meddle("DELETE FROM consent_declaration WHERE customer_id = 3").await;
            service.meddle("INSERT INTO consent_declaration SELECT * FROM kept").await;
            service.meddle("DROP TABLE kept").await;
        }
        assert_eq!(verified(&service, Vec::new()).await.damages, []);
        let found = found_after(&service, &["DELETE FROM customer WHERE customer_id = 3".to_owned()]).await;
        assert_eq!(found.len(), 60);
        assert_eq!(found[59], "declaration 60 of customer 3: the customer is not there, or has not gone, as it should be");
    }

    async fn a_policy_that_is_not_the_one_that_was_shown_is_found(service: Service) {
        service.crowd(1).await;
        let policy = json!({"version": "1", "text": "abc", "controller": "Acme", "contact": "us", "withdrawal": "here"});
        assert_eq!(service.post("modify", "/stores/acme/custodia/policies", policy).await.status, 201);
        let body = json!({"allow": [], "deny": ["targeting"], "policy": "1"});
        let history = "/stores/acme/custodia/customers/1/consent";
        assert_eq!(service.post("modify", history, body).await.status, 201);
        assert_eq!(head(&service).await.size, 1);
        assert_eq!(verified(&service, Vec::new()).await.damages, []);
        let set = |words: &str| vec![format!("UPDATE consent_policy SET {words} WHERE number = 1")];
        let text = "policy 1: its text has another SHA-256 than was registered";
        assert_eq!(found_after(&service, &set("text = 'abd'")).await, [text]);
        service.meddle(&set("text = 'abc'")[0]).await;
        for (change, back) in [
            ("contact = 'them'", "contact = 'us'"),
            ("withdrawal = 'there'", "withdrawal = 'here'"),
            ("effective_at = effective_at + 1000000", "effective_at = effective_at - 1000000"),
        ] {
            let found = found_after(&service, &set(change)).await;
            assert_eq!(found, ["declaration 1 of customer 1: policy is not what leaf 0 says"], "{change}");
            service.meddle(&set(back)[0]).await;
        }
    }

    async fn two_leaves_in_each_others_place_are_found(service: Service) {
        grown(&service).await;
        service.meddle("UPDATE ledger_leaf SET leaf = -1 WHERE leaf = 7").await;
        service.meddle("UPDATE ledger_leaf SET leaf = 7 WHERE leaf = 599").await;
        let found = found_after(&service, &["UPDATE ledger_leaf SET leaf = 599 WHERE leaf = -1".to_owned()]).await;
        assert_eq!(found[..2], [
            "leaf 7 is not the one of which the tree was made",
            "leaf 599 is not the one of which the tree was made",
        ]);
        assert!(found[2..].iter().all(|it| it.contains(" leaf 7 ") || it.contains(" leaf 599 ")), "{found:?}");
    }

    async fn a_tail_that_was_removed_is_found(service: Service) {
        grown(&service).await;
        for statements in [
            vec!["DELETE FROM consent_declaration WHERE leaf >= 590", "DELETE FROM ledger_leaf WHERE leaf >= 590"],
            vec!["UPDATE ledger SET size = 590 WHERE size = 600"],
        ] {
            let statements: Vec<String> = statements.into_iter().map(str::to_owned).collect();
            let found = found_after(&service, &statements).await;
            assert!(found.contains(&"leaf 590 is missing".to_owned()), "{found:?}");
        }
        let found = found_after(&service, &["DELETE FROM ledger_leaf WHERE leaf = 5".to_owned()]).await;
        assert!(found.contains(&"leaf 5 is missing".to_owned()), "{found:?}");
    }

    async fn a_leaf_too_many_and_a_signature_that_does_not_hold_are_found(service: Service) {
        let store = grown(&service).await;
        let insert = format!(
            "INSERT INTO ledger_leaf (store_id, leaf, json) SELECT store_id, 600, json FROM ledger_leaf
             WHERE leaf = 1 AND store_id = {}", store.0
        );
        assert_eq!(found_after(&service, &[insert]).await, ["leaf 600 lies beyond the end of the tree"]);
        service.meddle("DELETE FROM ledger_leaf WHERE leaf = 600").await;
        let found = found_after(&service, &["UPDATE ledger SET checkpoint = replace(checkpoint, '600', '601') WHERE size = 600".to_owned()]).await;
        assert_eq!(found, ["the checkpoint: the signature does not hold"]);
        let found = found_after(&service, &["UPDATE ledger SET checkpoint = '' WHERE size = 600".to_owned()]).await;
        assert_eq!(found, ["the checkpoint: not a checkpoint"]);
    }

    async fn a_declaration_that_was_erased_is_no_fault(service: Service) {
        grown(&service).await;
        assert_eq!(service.delete("modify", "/v3/customers?id:in=3").await.status, 204);
        let found = verified(&service, Vec::new()).await;
        assert_eq!((found.leaves, found.declarations, found.damages), (600, 540, Vec::new()));
    }

    async fn a_tree_that_its_operator_rewrote_and_signed_anew_is_caught_by_an_older_checkpoint(service: Service) {
        let store = grown(&service).await;
        let older = head(&service).await;
        service.put("modify", "/v3/customers/1/consent", json!({"allow": [], "deny": []})).await;
        assert_eq!(head(&service).await.size, 601);
        // Whoever holds the key changes a leaf with its declaration, and makes all hashes and the signature anew.
        service.meddle("UPDATE ledger_leaf SET json = replace(json, '\"deny\":[\"targeting\"]', '\"deny\":[]') WHERE leaf = 42").await;
        service.meddle("UPDATE consent_declaration SET deny = '' WHERE leaf = 42").await;
        let texts = service.texts(&format!("SELECT json AS line FROM ledger_leaf WHERE store_id = {} ORDER BY leaf", store.0)).await;
        let mut tree = Tree::default();
        for text in &texts {
            tree.append(leaf_hash(text.as_bytes())).unwrap();
        }
        let key = signing::key(&service.app().db, &service.app().seal, &*service.app().chance, service.app().clock.now()).await.unwrap();
        let forged = Head { origin: format!("{}/acme", key.name()), size: 601, root: tree.root().unwrap() }.sign(&key);
        service.meddle(&format!("UPDATE ledger SET checkpoint = '{forged}' WHERE store_id = {}", store.0)).await;
        for (Place { level, number }, hashes) in tree.changed() {
            let hex: String = kernel::hex(hashes);
            let bytes = match service.app().db.engine() {
                "postgres" => format!("decode('{hex}', 'hex')"),
                _ => format!("x'{hex}'"),
            };
            service.meddle(&format!("UPDATE ledger_tile SET hashes = {bytes} WHERE level = {level} AND number = {number}")).await;
        }
        assert_eq!(verified(&service, Vec::new()).await.damages, [], "by itself it holds");
        let damages = verified(&service, vec![older.clone()]).await.damages;
        assert_eq!(damages, [Damage::Tree(Fault::Rewritten(600))]);
        // And so does an export of it.
        let lines = walk::entries(&service.app().db, store, 0, 601).await.unwrap();
        let opening = Opening::new("acme", &[]);
        for (older, expected) in [(vec![], vec![]), (vec![older], vec![Fault::Rewritten(600)])] {
            let mut reading = Reading::new(&opening, older);
            for line in &lines {
                reading.line(line);
            }
            reading.line(&export::closing(&forged));
            assert_eq!(reading.end(&[key.public().clone()]), expected);
        }
    }
}
