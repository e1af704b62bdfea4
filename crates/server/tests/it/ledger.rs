//! The ledger of consent: what is declared becomes a leaf, once, and the head over all leaves is signed.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use access::signing;
use kernel::StoreId;
use ledger::{
    checkpoint::Head,
    leaf::{Leaf, Person, Salt},
    tree::{Tree, leaf_hash},
};
use resources::ledger::sequencer;
use serde_json::json;
use testkit::{Service, at_once, on_each_engine};

use crate::races::{race, won};

async fn id_of(service: &Service, store: &str) -> StoreId {
    StoreId(service.number(&format!("SELECT store_id FROM store WHERE hash = '{store}'")).await)
}

async fn declare(service: &Service, customer: i64, allow: &[&str]) {
    let path = format!("/v3/customers/{customer}/consent");
    let answer = service.put("modify", &path, json!({"allow": allow, "deny": []})).await;
    assert_eq!(answer.status, 200);
}

/// The leaves of a store, in order.
async fn leaves(service: &Service, store: &str) -> Vec<String> {
    let store = id_of(service, store).await;
    service
        .texts(&format!(
            "SELECT json AS line FROM ledger_leaf WHERE store_id = {} ORDER BY leaf",
            store.0
        ))
        .await
}

/// See to it that a store's ledger is whole: the leaves are numbered from 0, each declaration that is kept opens its
/// own, and the signed head is over all of them.
async fn whole(service: &Service, store: &str) -> Vec<Leaf> {
    let id = id_of(service, store).await;
    let head = sequencer::sequence(service.app(), id).await.expect("the head");
    let texts = leaves(service, store).await;
    let mut tree = Tree::default();
    for text in &texts {
        tree.append(leaf_hash(text.as_bytes())).expect("the tree grows");
    }
    let keys = signing::public(&service.app().db).await.expect("keys");
    let signed = Head::read(&head.checkpoint, &keys).expect("a checkpoint that holds");
    assert_eq!((signed.size, signed.root), (tree.size(), tree.root().expect("a root")));
    assert!(signed.origin.ends_with(&format!("/{store}")), "{}", signed.origin);
    assert_eq!(head.size, i64::try_from(texts.len()).expect("few"));
    let numbers = format!(
        "SELECT COUNT(*) FROM ledger_leaf WHERE store_id = {} AND leaf < {}",
        id.0, head.size
    );
    assert_eq!(service.number(&numbers).await, head.size, "numbered from 0 without a gap");
    let leaves: Vec<Leaf> =
        texts.iter().map(|text| serde_json::from_str(text).expect("a leaf")).collect();
    let openings = service
        .texts(&format!(
            "SELECT CAST(customer_id AS TEXT) || ' ' || CAST(sequence AS TEXT) || ' ' || CAST(leaf AS TEXT) || ' ' || {}
                 AS line
             FROM consent_declaration WHERE store_id = {}",
            if service.app().db.engine() == "postgres" {
                "encode(salt, 'hex')"
            } else {
                "lower(hex(salt))"
            },
            id.0
        ))
        .await;
    let mut opened = BTreeSet::new();
    for line in openings {
        let parts: Vec<&str> = line.split(' ').collect();
        let [customer, sequence, leaf, salt] = parts[..] else { panic!("{line}") };
        let person = Person {
            customer_id: customer.parse().expect("an id"),
            sequence: sequence.parse().expect("a number"),
            session: None,
        };
        let leaf: usize = leaf.parse().expect("a place");
        assert_eq!(person.commitment(&Salt::new(bytes(salt))), leaves[leaf].person, "{leaf}");
        assert!(opened.insert(leaf), "leaf {leaf} is of two declarations");
    }
    leaves
}

/// Let each of these, by token, store and customer, declare eight times, each time with a mark of its own, while two
/// servers make leaves for all of their stores. How many leaves each store has, each of another declaration.
async fn sequenced_while_declared(
    service: &Service,
    writers: Vec<(String, String, i64)>,
) -> Vec<usize> {
    let beside = service.beside().await;
    let names: BTreeSet<String> = writers.iter().map(|(_, store, _)| store.clone()).collect();
    let mut stores = Vec::new();
    for name in &names {
        stores.push(id_of(service, name).await);
    }
    let stop = AtomicBool::new(false);
    let appends = async |service: &Service| {
        while !stop.load(Ordering::SeqCst) {
            for store in &stores {
                sequencer::sequence(service.app(), *store).await.expect("the ledger grows");
            }
            tokio::task::yield_now().await;
        }
    };
    let declared = async {
        let write = |(token, store, customer): (String, String, i64)| {
            let service = service.clone();
            async move {
                let path = format!("/stores/{store}/custodia/customers/{customer}/consent");
                for n in 0..8 {
                    let locale = format!("en-c{customer}-n{n}");
                    let body = json!({"allow": ["analytics"], "deny": [], "locale": locale});
                    let answer = service.post(&token, &path, body).await;
                    assert_eq!(answer.status, 201, "{answer}");
                }
            }
        };
        at_once(writers.into_iter().map(write)).await;
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(declared, appends(service), appends(&beside));
    let mut counts = Vec::new();
    for name in &names {
        let leaves = whole(service, name).await;
        let marks: BTreeSet<_> = leaves.iter().map(|leaf| leaf.locale.clone()).collect();
        assert_eq!(marks.len(), leaves.len(), "{name}: one declaration is two leaves");
        counts.push(leaves.len());
    }
    let waiting = "SELECT COUNT(*) FROM consent_declaration WHERE leaf IS NULL";
    assert_eq!(service.number(waiting).await, 0);
    counts
}

fn bytes(hex: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hexadecimal digits");
    }
    bytes
}

on_each_engine! {
    async fn what_was_declared_becomes_a_leaf_without_a_person_in_it(service: Service) {
        service.crowd(1).await;
        declare(&service, 1, &["essential", "targeting"]).await;
        let leaves = whole(&service, "acme").await;
        let [leaf] = &leaves[..] else { panic!("{leaves:?}") };
        assert_eq!(leaf.allow, ["essential", "targeting"]);
        assert_eq!(leaf.deny, [""; 0]);
        assert_eq!(leaf.declared_at, 1_717_243_200_000_000);
        assert_eq!((leaf.source.as_str(), leaf.store_hash.as_str()), ("management_api", "acme"));
        let client = service.texts(
                "SELECT a.client_id AS line FROM consent_declaration d
                 JOIN account a ON a.account_id = d.declared_by",
            ).await;
        assert_eq!(leaf.client_id.as_ref(), client.first());
        let person = Person { customer_id: 1, sequence: 1, session: None };
        assert_ne!(person.commitment(&Salt::new([0; 32])), leaf.person);
        assert!(whole(&service, "zenith").await.is_empty());
    }

    async fn a_head_is_signed_anew_only_when_something_was_appended(service: Service) {
        service.crowd(1).await;
        let id = id_of(&service, "acme").await;
        let empty = sequencer::sequence(service.app(), id).await.unwrap();
        assert_eq!((empty.size, empty.checkpoint.is_empty()), (0, false));
        service.set_seconds(60);
        assert_eq!(sequencer::sequence(service.app(), id).await.unwrap(), empty);
        declare(&service, 1, &[]).await;
        let one = sequencer::sequence(service.app(), id).await.unwrap();
        assert_eq!(one.size, 1);
        assert!(one.signed_at > empty.signed_at && one.checkpoint != empty.checkpoint);
        assert!(sequencer::sequence(service.app(), StoreId(1)).await.is_err(), "no such store");
    }

    async fn declarations_at_once_are_each_sequenced_once_by_many_sequencers(service: Service) {
        service.crowd(16).await;
        let beside = service.beside().await;
        let id = id_of(&service, "acme").await;
        let stop = AtomicBool::new(false);
        let appends = async |service: &Service| {
            while !stop.load(Ordering::SeqCst) {
                sequencer::sequence(service.app(), id).await.expect("the ledger grows");
                tokio::task::yield_now().await;
            }
        };
        let declared = async {
            for _ in 0..4 {
                let requests = (0..64).map(|n| {
                    let path = format!("/v3/customers/{}/consent", n % 16 + 1);
                    ("PUT", path, json!({"allow": ["analytics"], "deny": []}))
                });
                assert_eq!(won(&race(&service, requests.collect()).await), 64);
            }
            stop.store(true, Ordering::SeqCst);
        };
        tokio::join!(declared, appends(&service), appends(&beside), appends(&service));
        assert_eq!(whole(&service, "acme").await.len(), 256);
        assert_eq!(service.number("SELECT COUNT(*) FROM consent_declaration WHERE leaf IS NULL").await, 0);
    }

    async fn declarations_of_64_writers_of_one_store_are_each_sequenced_once(service: Service) {
        service.crowd(64).await;
        let writers = (1..=64).map(|n| ("modify".to_owned(), "acme".to_owned(), n)).collect();
        assert_eq!(sequenced_while_declared(&service, writers).await, [512]);
    }

    async fn declarations_of_64_writers_of_64_stores_are_each_sequenced_once(service: Service) {
        service.open_stores(64).await;
        let writers = (1..=64).map(|n| (format!("store{n}"), format!("store{n}"), 1)).collect();
        assert_eq!(sequenced_while_declared(&service, writers).await, [8; 64]);
    }

    async fn a_customer_that_goes_takes_along_what_opens_its_leaves(service: Service) {
        service.crowd(3).await;
        for customer in [1, 2, 1] {
            declare(&service, customer, &["essential"]).await;
        }
        whole(&service, "acme").await;
        let before = leaves(&service, "acme").await;
        // One more that no sequencer has seen when its customer goes.
        declare(&service, 1, &["targeting"]).await;
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        let left = "SELECT CAST(customer_id AS TEXT) AS line FROM consent_declaration ORDER BY customer_id";
        assert_eq!(service.texts(left).await, ["1", "2"]);
        let after = whole(&service, "acme").await;
        assert_eq!(after.len(), 4);
        assert_eq!(leaves(&service, "acme").await[..3], before);
        assert_eq!(service.texts(left).await, ["2"]);
    }

    async fn once_a_customer_has_gone_no_line_ties_their_number_to_a_leaf(service: Service) {
        service.crowd(2).await;
        for (customer, seconds) in [(1, 1), (2, 2), (1, 3)] {
            service.set_seconds(seconds);
            declare(&service, customer, &["essential"]).await;
        }
        // The last one of theirs is no leaf yet when they go.
        let id = id_of(&service, "acme").await;
        sequencer::sequence(service.app(), id).await.unwrap();
        service.set_seconds(4);
        declare(&service, 1, &[]).await;
        let tied = "SELECT COUNT(*) FROM consent_declaration d JOIN audit a ON a.store_id = d.store_id AND a.at = d.declared_at
             AND a.subject = d.customer_id";
        assert_eq!(service.number(tied).await, 4, "nothing would be shown");
        service.set_seconds(5);
        assert_eq!(service.delete("modify", "/v3/customers?id:in=1").await.status, 204);
        let moments = whole(&service, "acme").await.into_iter().map(|leaf| leaf.declared_at);
        for moment in moments.filter(|moment| moment % 10_000_000 != 2_000_000) {
            for table in [format!("audit WHERE subject = 1 AND at = {moment}"), format!("outbox WHERE subject = 1 AND created_at = {moment}")] {
                assert_eq!(service.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
            }
        }
        let left = "SELECT COUNT(*) FROM outbox WHERE scope = 'custodia/customer/consent/updated'";
        assert_eq!(service.number(left).await, 1, "the other's");
        let unnamed = "SELECT COUNT(*) FROM audit WHERE action = 'consent.declared' AND subject = 0";
        assert_eq!(service.number(unnamed).await, 3, "that somebody declared stays");
        assert_eq!(service.number("SELECT COUNT(*) FROM audit WHERE action = 'customer.deleted' AND subject = 1").await, 1);
    }

    async fn customers_that_go_while_a_sequencer_runs_leave_nothing_that_opens_a_leaf(service: Service) {
        service.crowd(40).await;
        let id = id_of(&service, "acme").await;
        for customer in 1..=40 {
            declare(&service, customer, &["analytics"]).await;
        }
        let gone = async {
            for customer in 1..=40 {
                let path = format!("/v3/customers?id:in={customer}");
                assert_eq!(service.delete("modify", &path).await.status, 204);
            }
        };
        let appended = async {
            for _ in 0..20 {
                sequencer::sequence(service.app(), id).await.expect("the ledger grows");
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(gone, appended);
        assert_eq!(whole(&service, "acme").await.len(), 40);
        assert_eq!(service.number("SELECT COUNT(*) FROM consent_declaration").await, 0);
    }

    async fn more_than_one_batch_fills_tiles_and_levels(service: Service) {
        service.crowd(10).await;
        for round in 0..6 {
            let requests = (0..100).map(|n| {
                let path = format!("/v3/customers/{}/consent", (n + round) % 10 + 1);
                ("PUT", path, json!({"allow": [], "deny": ["analytics"]}))
            });
            assert_eq!(won(&race(&service, requests.collect()).await), 100);
        }
        assert_eq!(whole(&service, "acme").await.len(), 600);
        let tiles = "SELECT CAST(level AS TEXT) || '/' || CAST(number AS TEXT) || ' ' || CAST(length(hashes) / 32 AS TEXT) AS line
                     FROM ledger_tile ORDER BY level, number";
        assert_eq!(service.texts(tiles).await, ["0/0 256", "0/1 256", "0/2 88", "1/0 2"]);
    }
}
