//! SIGKILL among declarations and the sequencer that makes leaves of them: what was acknowledged is a leaf, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use kernel::{Chance as _, SystemChance};
use ledger::leaf::Leaf;
use serde_json::json;

use crate::{
    database::Database,
    place::{Account, Engine, Place, soaking},
    running::{LONGEST, Server, until},
};

on_each_engine! {
    fn what_64_writers_declared_is_a_leaf_once_however_often_the_server_is_killed(place: Place) {
        let shops = open_shops(place, WRITERS);
        let mut told = Told::new();
        let (mut made, mut left, mut round) = (0, 0, 0);
        for _ in 0..if soaking() { 40 } else { 3 } {
            for kill in [Kill::AnyTime, Kill::AtABacklog] {
                // 64 writers of one store, and of 64 stores one each.
                for writers in [vec![&shops[0]; WRITERS], shops[1..].iter().collect()] {
                    let before = leaves(&place.database());
                    declare_until_killed(place, &writers, round, kill, &mut told);
                    made += leaves(&place.database()) - before;
                    left += waiting(&place.database());
                    let server = place.serve();
                    sequenced_while_somebody_exports(place, &shops[0]);
                    each_is_a_leaf_once(&place.database(), &told);
                    keep_checkpoints(place, &shops, round);
                    // A quiet server may be killed as well.
                    server.kill();
                    round += 1;
                }
            }
        }
        for shop in &shops {
            holds(place, shop, round);
        }
        assert!(made > 0, "no server made a leaf before it was killed");
        assert!(left > 0, "no kill met a declaration that waited for its leaf");
        let acknowledged: u64 = told.values().sum();
        println!(
            "{:?}: {acknowledged} declarations in {round} rounds; when the server was killed {made} were leaves and {left} waited",
            place.engine
        );
    }
}

/// Or the test above would prove nothing.
#[test]
fn each_kind_of_damage_to_the_ledger_would_be_noticed() {
    let place = Place::new(Engine::Sqlite);
    let shops = open_shops(&place, 2);
    let mut told = Told::new();
    declare_until_killed(&place, &[&shops[0]; 2], 0, Kill::AnyTime, &mut told);
    let server = place.serve();
    sequenced_while_somebody_exports(&place, &shops[0]);
    server.kill();
    let database = place.database();
    each_is_a_leaf_once(&database, &told);
    for damage in [
        "INSERT INTO ledger_leaf SELECT store_id, (SELECT COUNT(*) FROM ledger_leaf), json FROM ledger_leaf WHERE leaf = 0",
        "DELETE FROM ledger_leaf WHERE leaf = 1",
        "DELETE FROM ledger_leaf WHERE leaf = (SELECT MAX(leaf) FROM ledger_leaf)",
        "UPDATE ledger_leaf SET json = replace(json, 'en-r0', 'en-r9') WHERE leaf = 0",
        "DELETE FROM consent_declaration WHERE leaf = 0",
        "UPDATE consent_declaration SET leaf = 1 WHERE leaf = 0",
    ] {
        database.run(&format!("BEGIN; {damage}"));
        let check = AssertUnwindSafe(|| each_is_a_leaf_once(&database, &told));
        assert!(catch_unwind(check).is_err(), "unnoticed: {damage}");
        database.run("ROLLBACK");
    }
}

/// A store, and the customers that declare there: one for each writer.
struct Shop {
    account: Account,
    customers: Vec<i64>,
}

/// How many declarations were acknowledged, by store, round and writer. A writer numbers its own from 0.
type Told = BTreeMap<(String, u32, usize), u64>;

/// When a server is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kill {
    AnyTime,
    /// While more waits for the ledger than one declaration of each writer.
    AtABacklog,
}

/// One store for so many writers, and as many with one each.
fn open_shops(place: &Place, writers: usize) -> Vec<Shop> {
    // The first makes the tables.
    let mut accounts = vec![place.store("shop0")];
    let names: Vec<String> = (1..=writers).map(|n| format!("shop{n}")).collect();
    for names in names.chunks(8) {
        thread::scope(|scope| {
            let made: Vec<_> = names.iter().map(|name| scope.spawn(|| place.store(name))).collect();
            accounts.extend(made.into_iter().map(|made| made.join().expect("a store")));
        });
    }
    let server = place.serve();
    let shop = |(n, account): (usize, Account)| {
        let count = if n == 0 { writers } else { 1 };
        let customers = (0..count).map(|n| customer(&server, &account, n)).collect();
        Shop { account, customers }
    };
    let shops = accounts.into_iter().enumerate().map(shop).collect();
    server.stop();
    shops
}

fn customer(server: &Server, account: &Account, number: usize) -> i64 {
    let row =
        json!([{"email": format!("c{number}@example.com"), "first_name": "Ada", "last_name": "B"}]);
    let made = server.client(account).post("/v3/customers", &row).expect("an answer").json();
    made["data"][0]["id"].as_i64().expect("an id")
}

/// Declare until there is no answer any more, each time with a mark of its own.
fn declare_until_killed(place: &Place, shops: &[&Shop], round: u32, kill: Kill, told: &mut Told) {
    let server = place.serve();
    let database = place.database();
    let heard = AtomicBool::new(false);
    let counts = thread::scope(|scope| {
        let begin = |(writer, shop): (usize, &&Shop)| {
            let mut client = server.client(&shop.account);
            let customer = shop.customers[writer % shop.customers.len()];
            let path = format!("/custodia/customers/{customer}/consent");
            let heard = &heard;
            scope.spawn(move || {
                let mut count = 0;
                loop {
                    let body =
                        json!({"allow": [], "deny": [], "locale": mark(round, writer, count)});
                    let Ok(answer) = client.post(&path, &body) else { return count };
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    heard.store(true, Ordering::Relaxed);
                    count += 1;
                }
            })
        };
        let writers: Vec<_> = shops.iter().enumerate().map(begin).collect();
        until(LONGEST, || heard.load(Ordering::Relaxed));
        match kill {
            Kill::AnyTime => {
                let millis = 300 + u64::from(SystemChance.number() % 700);
                thread::sleep(Duration::from_millis(millis));
            }
            Kill::AtABacklog => {
                let (some, since) = (i64::try_from(WRITERS).expect("few"), Instant::now());
                while waiting(&database) <= some && since.elapsed() < Duration::from_secs(5) {
                    thread::sleep(Duration::from_millis(2));
                }
            }
        }
        server.kill();
        writers.into_iter().map(|writer| writer.join().expect("a writer ends")).collect::<Vec<_>>()
    });
    for (writer, (shop, count)) in shops.iter().zip(counts).enumerate() {
        told.insert((shop.account.store.clone(), round, writer), count);
    }
}

/// How many leaves all ledgers have.
fn leaves(database: &Database) -> i64 {
    database.number("SELECT COUNT(*) FROM ledger_leaf")
}

/// How many declarations are no leaves yet.
fn waiting(database: &Database) -> i64 {
    database.number("SELECT COUNT(*) FROM consent_declaration WHERE leaf IS NULL")
}

/// A declaration's own mark, which its leaf shows.
fn mark(round: u32, writer: usize, count: u64) -> String {
    format!("en-r{round}-w{writer}-n{count}")
}

/// The server makes leaves of what is left, and so does the command line, at once.
fn sequenced_while_somebody_exports(place: &Place, shop: &Shop) {
    place.run(&["consent", "export", "--store", &shop.account.store]);
    let database = place.database();
    until(LONGEST, || waiting(&database) == 0);
}

/// See to it that what was acknowledged is a leaf of its store and a declaration, once, and that of what was not, each
/// writer's last of each round alone may be.
fn each_is_a_leaf_once(database: &Database, told: &Told) {
    let leaves = "SELECT h.store_hash, l.leaf, l.json FROM ledger_leaf l JOIN ledger h ON h.store_id = l.store_id
                  ORDER BY l.store_id, l.leaf";
    let mut seen = BTreeSet::new();
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for row in database.rows(leaves) {
        let [store, place, json] = &row[..] else { panic!("{row:?}") };
        let next = next.entry(store.clone()).or_default();
        assert_eq!(*place, next.to_string(), "{store} has a gap");
        *next += 1;
        let leaf: Leaf = json.parse().expect("a leaf");
        let mark = leaf.locale.expect("a mark");
        assert!(seen.insert((store.clone(), mark.clone())), "{store}: {mark} is two leaves");
    }
    for ((store, round, writer), count) in told {
        let mut was_seen = |at| seen.remove(&(store.clone(), mark(*round, *writer, at)));
        for at in 0..*count {
            assert!(
                was_seen(at),
                "{store}: {} was acknowledged and lost",
                mark(*round, *writer, at)
            );
        }
        // This one was under way when the server was killed.
        was_seen(*count);
    }
    assert_eq!(seen, BTreeSet::new(), "what nobody has declared");
    let declarations =
        "SELECT h.store_hash, COUNT(*), COUNT(DISTINCT d.leaf) FROM consent_declaration d
                        JOIN ledger h ON h.store_id = d.store_id GROUP BY h.store_hash";
    for row in database.rows(declarations) {
        let leaves = next[&row[0]].to_string();
        assert_eq!(row[1..], [leaves.clone(), leaves], "{}: each declaration is one leaf", row[0]);
    }
}

/// What the heads were after this round.
fn keep_checkpoints(place: &Place, shops: &[Shop], round: u32) {
    let rows = place.database().rows("SELECT store_hash, checkpoint FROM ledger");
    assert_eq!(rows.len(), shops.len());
    for row in rows {
        fs::write(place.path(&format!("{}-{round}.checkpoint", row[0])), &row[1]).expect("a file");
    }
}

/// See to it that a store's tree is made of its leaves, that these are of its declarations, and that nothing was
/// rewritten since any of the rounds.
fn holds(place: &Place, shop: &Shop, rounds: u32) {
    let store = &shop.account.store;
    let mut arguments = ["consent", "verify", "--store", store].map(str::to_owned).to_vec();
    for round in 0..rounds {
        let kept = place.path(&format!("{store}-{round}.checkpoint"));
        arguments.extend(["--checkpoint".to_owned(), kept.display().to_string()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let verified = place.run(&arguments);
    let leaves = format!("SELECT size FROM ledger WHERE store_hash = '{store}'");
    let leaves = place.database().number(&leaves);
    let kept = format!(
        "leaves        {leaves}\ndeclarations  {leaves} are kept, each as its leaf says\ngone          0 "
    );
    assert!(verified.contains(&kept), "{verified}");
}

const WRITERS: usize = 64;
