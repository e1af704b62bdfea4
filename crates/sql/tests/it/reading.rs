use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kernel::{CustomerId, Money, StoreId, Timestamp};
use sql::{Error, FromRow, ReadTx, Row, Value};
use tokio::sync::Semaphore;

use crate::{Bed, Number, Text, ids, items, on_each_engine, run};

/// A row of every type there is.
#[derive(Clone, Debug, PartialEq)]
struct Everything {
    store: StoreId,
    flag: bool,
    real: f64,
    text: String,
    bytes: [u8; 3],
    at: Option<Timestamp>,
    money: Option<Money>,
    no_text: Option<String>,
    no_bytes: Option<Vec<u8>>,
    no_flag: Option<bool>,
    no_real: Option<f64>,
}

impl FromRow for Everything {
    fn from_row(row: &Row<'_>) -> sql::Result<Self> {
        Ok(Self {
            no_real: row.get("no_real")?,
            store: row.get("store")?,
            flag: row.get("flag")?,
            real: row.get("num")?,
            text: row.get("txt")?,
            bytes: row.get("raw")?,
            at: row.get("at")?,
            money: row.get("money")?,
            no_text: row.get("no_text")?,
            no_bytes: row.get("no_bytes")?,
            no_flag: row.get("no_flag")?,
        })
    }
}

/// What no text is, and says so in the text's own words.
struct Picky;

impl Value for Picky {
    type Repr = String;

    fn into_repr(self) -> String {
        String::new()
    }

    fn from_repr(repr: String) -> Result<Self, String> {
        Err(format!("unknown: {repr}"))
    }
}

on_each_engine! {
    async fn every_type_comes_back_as_it_went(bed: Bed) {
        run(&bed.db, "CREATE TABLE everything (store BIGINT, flag BOOLEAN, num DOUBLE PRECISION, txt TEXT,
             raw BYTEA, at BIGINT, money BIGINT, no_text TEXT, no_bytes BYTEA, no_flag BOOLEAN,
             no_real DOUBLE PRECISION)").await;
        let row = Everything {
            store: StoreId(i64::MAX), flag: true, real: 0.1, text: "e\u{301} \u{1f600}'\"".to_owned(),
            bytes: [0, 255, 7], at: Some(Timestamp(-1)), money: None, no_text: None, no_bytes: None,
            no_flag: None, no_real: None,
        };
        let kept = bed.db.write(async |tx| {
            let row = row.clone();
            tx.query("INSERT INTO everything VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING *")
                .bind(row.store).bind(row.flag).bind(row.real).bind(row.text).bind(row.bytes).bind(row.at)
                .bind(row.money).bind(row.no_text).bind(row.no_bytes).bind(row.no_flag).bind(row.no_real)
                .fetch_one::<Everything>().await
        });
        assert_eq!(kept.await.expect("insert"), row);
        let read: Everything = bed.db.read(async |tx| tx.query("SELECT * FROM everything").fetch_one().await)
            .await.expect("read");
        assert_eq!(read, row);
    }

    async fn parameters_are_bound_by_their_number(bed: Bed) {
        let found: sql::Result<Text> = bed.db.read(async |tx| {
            tx.query("SELECT $2 || $1 || $2 AS t").bind("one").bind("two").fetch_one().await
        }).await;
        assert_eq!(found.expect("row").0, "twoonetwo");
    }

    async fn lists_of_any_length_find_their_members_and_an_empty_one_nothing(bed: Bed) {
        items(&bed.db, 9).await;
        for wanted in [vec![], vec![3], vec![1, 5, 8], vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 77]] {
            let found: sql::Result<Vec<Number>> = bed.db.read(async |tx| {
                tx.query("SELECT id AS n FROM item WHERE id IN ").push_list(wanted.iter().copied())
                    .push(" AND id < ").push_bind(9_i64).push(" ORDER BY id").fetch_all().await
            }).await;
            let found: Vec<i64> = found.expect("rows").iter().map(|number| number.0).collect();
            let expected: Vec<i64> = wanted.iter().copied().filter(|id| *id < 9).collect();
            assert_eq!(found, expected);
        }
        let found: sql::Result<Vec<Number>> = bed.db.read(async |tx| {
            tx.query("SELECT id AS n FROM item WHERE name IN ").push_list(Vec::<String>::new()).fetch_all().await
        }).await;
        assert!(found.expect("rows").is_empty());
        let long = bed.db.read(async |tx| {
            tx.query("SELECT id AS n FROM item WHERE id IN ").push_list(0..1025_i64).fetch_all::<Number>().await
        }).await;
        assert!(matches!(long, Err(Error::Misuse(_))));
        let full = bed.db.read(async |tx| {
            tx.query("SELECT id AS n FROM item WHERE id IN ").push_list(0..1024_i64).fetch_all::<Number>().await
        }).await;
        assert_eq!(full.expect("rows").len(), 9);
    }

    async fn a_read_cannot_write(bed: Bed) {
        items(&bed.db, 1).await;
        for statement in ["INSERT INTO item (id, name, amount) VALUES (7, 'x', 0) RETURNING id AS n",
            "DELETE FROM item RETURNING id AS n", "CREATE TABLE other (n BIGINT)"] {
            let fetch = async |tx: &mut ReadTx| tx.query(statement).fetch_all::<Number>().await;
            assert!(bed.db.read(fetch).await.is_err(), "read: {statement}");
            assert!(bed.db.snapshot(fetch).await.is_err(), "snapshot: {statement}");
            assert!(bed.db.scan(fetch).await.is_err(), "scan: {statement}");
        }
        assert_eq!(ids(&bed.db).await, [0]);
    }

    async fn a_second_statement_in_a_read_is_refused(bed: Bed) {
        items(&bed.db, 1).await;
        let second = bed.db.read(async |tx| {
            tx.query("SELECT id AS n FROM item").fetch_one::<Number>().await?;
            tx.query("SELECT id AS n FROM item").fetch_one::<Number>().await
        }).await;
        assert!(matches!(second, Err(Error::Misuse(_))));
    }

    async fn a_snapshot_does_not_see_what_is_committed_after_it_began(bed: Bed) {
        items(&bed.db, 2).await;
        let db = bed.db.clone();
        let counts = bed.db.snapshot(async |tx| {
            let count = "SELECT COUNT(*) AS n FROM item";
            let before = tx.query(count).fetch_one::<Number>().await?.0;
            db.write(async |tx| crate::insert(tx, 50 + before, "late").await).await?;
            let after = tx.query(count).fetch_one::<Number>().await?.0;
            Ok::<_, sql::Error>((before, after))
        }).await.expect("counts");
        assert_eq!(counts, (2, 2));
        assert_eq!(ids(&bed.db).await.len(), 3);
    }

    async fn a_column_that_is_missing_or_of_another_type_is_named(bed: Bed) {
        items(&bed.db, 1).await;
        let missing = bed.db.read(async |tx| tx.query("SELECT id FROM item").fetch_one::<Number>().await).await;
        assert!(matches!(missing, Err(Error::Column { column, .. }) if column == "n"));
        let other = bed.db.read(async |tx| tx.query("SELECT name AS n FROM item").fetch_one::<Number>().await);
        let Err(other) = other.await else { panic!("read") };
        assert_eq!(other.to_string(), "column `n`: is text, not an integer");
        let null = bed.db.read(async |tx| {
            tx.query("SELECT CAST(NULL AS BIGINT) AS n").fetch_one::<Number>().await
        });
        let Err(null) = null.await else { panic!("read") };
        assert_eq!(null.to_string(), "column `n`: is null, not an integer");
        let none = bed.db.read(async |tx| {
            tx.query("SELECT id AS n FROM item WHERE id = $1").bind(CustomerId(99)).fetch_one::<Number>().await
        });
        assert!(matches!(none.await, Err(Error::NoRow)));
    }

    async fn what_a_column_holds_is_not_repeated_when_it_is_refused(bed: Bed) {
        let refused = bed.db.read(async |tx| {
            tx.query("SELECT 'jane@example.com' AS t").fetch_one::<(Picky,)>().await.map(|_| ())
        });
        let Err(refused) = refused.await else { panic!("read") };
        assert!(matches!(refused, Error::Column { .. }), "{refused:?}");
        assert!(!format!("{refused} {refused:?}").contains("jane"), "{refused:?}");
    }

    async fn many_readers_run_at_once_from_spawned_tasks(bed: Bed) {
        items(&bed.db, 26).await;
        let mut tasks = tokio::task::JoinSet::new();
        for id in 0..64_i64 {
            let db = bed.db.clone();
            tasks.spawn(async move {
                let number = async |tx: &mut ReadTx| {
                    tx.query("SELECT id AS n FROM item WHERE id = $1").bind(id % 26).fetch_one::<Number>().await
                };
                let found = [db.read(number).await, db.snapshot(number).await];
                for found in found {
                    assert_eq!(found.expect("a row").0, id % 26);
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.expect("no panic");
        }
    }

    async fn a_scan_reads_as_a_snapshot_does(bed: Bed) {
        items(&bed.db, 5).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let db = bed.db.clone();
            tasks.spawn(async move {
                db.scan(async |tx| {
                    let first = tx.query("SELECT id AS n FROM item").fetch_all::<Number>().await?;
                    let second = tx.query("SELECT id AS n FROM item").fetch_all::<Number>().await?;
                    Ok::<_, sql::Error>(first.len() + second.len())
                }).await
            });
        }
        while let Some(count) = tasks.join_next().await {
            assert_eq!(count.expect("no panic").expect("rows"), 10);
        }
    }

    async fn scans_that_take_long_hold_up_no_other_read(bed: Bed) {
        items(&bed.db, 5).await;
        let (begun, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let mut scans = tokio::task::JoinSet::new();
        for _ in 0..24 {
            let (db, begun, go_on) = (bed.db.clone(), Arc::clone(&begun), Arc::clone(&go_on));
            scans.spawn(async move {
                db.scan(async |tx| {
                    begun.fetch_add(1, Relaxed);
                    let _ = go_on.acquire().await;
                    tx.query("SELECT id AS n FROM item").fetch_all::<Number>().await
                }).await
            });
        }
        while begun.load(Relaxed) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let since = Instant::now();
        for _ in 0..20 {
            assert_eq!(ids(&bed.db).await.len(), 5);
            let count = "SELECT COUNT(*) AS n FROM item";
            let counted = bed.db.snapshot(async |tx| tx.query(count).fetch_one::<Number>().await).await;
            assert_eq!(counted.expect("a count").0, 5);
        }
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        assert!(begun.load(Relaxed) <= 4, "{begun:?}");
        go_on.close();
        while let Some(scanned) = scans.join_next().await {
            assert_eq!(scanned.expect("no panic").expect("rows").len(), 5);
        }
    }

    async fn what_is_closed_is_unavailable(bed: Bed) {
        items(&bed.db, 1).await;
        bed.db.close().await.expect("close");
        let read = bed.db.read(async |tx| tx.query("SELECT 1 AS n").fetch_one::<Number>().await).await;
        assert!(matches!(read, Err(Error::Unavailable(_))));
        let write = bed.db.write(async |tx| crate::insert(tx, 5, "x").await).await;
        assert!(matches!(write, Err(Error::Unavailable(_))), "{write:?}");
        assert_eq!(ids(&bed.again().await).await, [0]);
    }

    async fn the_engine_tells_its_name_and_version(bed: Bed) {
        let version = bed.db.version().await.expect("version");
        assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
        let scheme = bed.address.split(':').next().expect("a scheme");
        assert!(scheme.starts_with(bed.db.engine()));
    }
}

#[tokio::test]
async fn a_scan_runs_on_a_runtime_of_one_thread() {
    let bed = Bed::sqlite().await;
    items(&bed.db, 3).await;
    let found =
        bed.db.scan(async |tx| tx.query("SELECT id AS n FROM item").fetch_all::<Number>().await);
    assert_eq!(found.await.expect("rows").len(), 3);
}
