//! SIGKILL among declarations and the sequencer that makes leaves of them: what was acknowledged is a leaf, once.

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use kernel::{Chance as _, SystemChance};
use serde_json::json;

use crate::{
    place::{Account, Place, soaking},
    running::{LONGEST, Server, until},
};

on_each_engine! {
    fn whatever_was_declared_is_a_leaf_once_also_after_a_kill(place: Place) {
        // One store with many writers, and many stores with one each.
        let mut doors: Vec<(Account, i64)> = Vec::new();
        let accounts: Vec<Account> = (0..=OTHERS).map(|n| place.store(&format!("shop{n}"))).collect();
        let server = place.serve();
        for account in &accounts {
            let count = if account.store == "shop0" { WRITERS } else { 1 };
            doors.extend((0..count).map(|n| (account.clone(), customer(&server, account, n))));
        }
        server.stop();
        let mut told: BTreeMap<(String, i64), i64> = BTreeMap::new();
        let rounds = if soaking() { 60 } else { 6 };
        for round in 0..rounds {
            let acknowledged = declare_until_killed(place, &doors);
            for ((account, customer), count) in doors.iter().zip(acknowledged) {
                *told.entry((account.store.clone(), *customer)).or_default() += count;
            }
            // The next server and the command line make leaves of what is left, at once.
            let server = place.serve();
            for account in &accounts {
                check(place, &account.store, &told, round);
            }
            server.kill();
        }
        let acknowledged: i64 = told.values().sum();
        println!("{:?}: {acknowledged} declarations in {rounds} rounds", place.engine);
    }
}

fn customer(server: &Server, account: &Account, number: usize) -> i64 {
    let row =
        json!([{"email": format!("c{number}@example.com"), "first_name": "Ada", "last_name": "B"}]);
    let made = server.client(account).post("/v3/customers", &row).expect("an answer").json();
    made["data"][0]["id"].as_i64().expect("an id")
}

/// How many declarations of each were acknowledged until there was no answer any more.
fn declare_until_killed(place: &Place, doors: &[(Account, i64)]) -> Vec<i64> {
    let server = place.serve();
    let heard = AtomicBool::new(false);
    thread::scope(|scope| {
        let begin = |(account, customer): &(Account, i64)| {
            let mut client = server.client(account);
            let path = format!("/v3/customers/{customer}/consent");
            let heard = &heard;
            scope.spawn(move || {
                let body = json!({"allow": ["essential"], "deny": ["targeting"]});
                let mut count = 0;
                while let Ok(answer) = client.put(&path, &body) {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    heard.store(true, Ordering::Relaxed);
                    count += 1;
                }
                count
            })
        };
        let writers: Vec<_> = doors.iter().map(begin).collect();
        until(LONGEST, || heard.load(Ordering::Relaxed));
        thread::sleep(Duration::from_millis(150 + u64::from(SystemChance.number() % 350)));
        server.kill();
        writers.into_iter().map(|writer| writer.join().expect("a writer ends")).collect()
    })
}

/// See to it that a store's ledger has what was told, once, and that nothing was rewritten since the rounds before.
fn check(place: &Place, store: &str, told: &BTreeMap<(String, i64), i64>, round: usize) {
    let export = place.run(&["consent", "export", "--store", store]);
    let leaves = export.lines().count() - 2;
    let closing: serde_json::Value =
        serde_json::from_str(export.lines().last().expect("a line")).expect("JSON");
    let name = |round| place.path(&format!("{store}-{round}.checkpoint")).display().to_string();
    fs::write(name(round), closing["checkpoint"].as_str().expect("a text")).expect("a file");

    let mut arguments = vec!["consent".to_owned(), "verify".to_owned()];
    arguments.extend(["--store".to_owned(), store.to_owned()]);
    arguments.extend((0..=round).flat_map(|round| ["--checkpoint".to_owned(), name(round)]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let verified = place.run(&arguments);
    let kept = format!(
        "leaves        {leaves}\ndeclarations  {leaves} are kept, each as its leaf says\nerased        0 "
    );
    assert!(verified.contains(&kept), "{verified}");

    let database = place.database();
    let of = format!("WHERE store_id = (SELECT store_id FROM store WHERE hash = '{store}')");
    let numbers = format!(
        "SELECT COUNT(DISTINCT leaf), COUNT(*), MIN(leaf), MAX(leaf) + 1 FROM consent_declaration {of}"
    );
    let expected = [leaves.to_string(), leaves.to_string(), "0".to_owned(), leaves.to_string()];
    assert_eq!(database.rows(&numbers), [expected], "each declaration is one leaf");
    for ((_, customer), count) in told.iter().filter(|((of, _), _)| of == store) {
        let numbers =
            format!("SELECT COUNT(*) FROM consent_declaration {of} AND customer_id = {customer}");
        let found = database.number(&numbers);
        // One more for each kill may have been kept without an answer.
        let most = count + i64::try_from(round).expect("few") + 1;
        assert!((*count..=most).contains(&found), "{store}, {customer}: {found} of {count}");
    }
}

const WRITERS: usize = 24;
const OTHERS: usize = 12;
