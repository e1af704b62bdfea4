use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use sql::{Db, Error, WriteTx};
use tokio::task::JoinSet;

use crate::{Bed, Number, Text, ids, insert, items, postgres_address, run};

const OWN_PID: &str = "SELECT pg_backend_pid() AS n";

async fn terminate(db: &Db, pid: i64) {
    let kill = db.write(async |tx| {
        tx.query("SELECT pg_terminate_backend(CAST($1 AS INTEGER))")
            .bind(pid)
            .fetch_one::<()>()
            .await
    });
    kill.await.expect("killed");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_connection_lost_before_the_commit_is_replaced_and_the_write_runs_again() {
    let bed = Bed::postgres().await;
    items(&bed.db, 0).await;
    let admin = bed.again().await;
    let runs = AtomicU32::new(0);
    let write = bed.db.write(async |tx| {
        let run = runs.fetch_add(1, Relaxed);
        insert(tx, i64::from(run), "x").await?;
        if run < 2 {
            let pid = tx.query(OWN_PID).fetch_one::<Number>().await?.0;
            terminate(&admin, pid).await;
        }
        insert(tx, 10 + i64::from(run), "x").await
    });
    write.await.expect("kept");
    assert_eq!(ids(&bed.db).await, [2, 12]);
}

#[tokio::test]
async fn a_lost_connection_is_retried_even_when_the_closure_makes_another_error_of_it() {
    #[derive(Debug)]
    struct Domain;
    impl From<Error> for Domain {
        fn from(_: Error) -> Self {
            Self
        }
    }
    let bed = Bed::postgres().await;
    items(&bed.db, 0).await;
    let admin = bed.again().await;
    let runs = AtomicU32::new(0);
    let write = bed.db.write(async |tx| {
        if runs.fetch_add(1, Relaxed) == 0 {
            let pid = tx.query(OWN_PID).fetch_one::<Number>().await?.0;
            terminate(&admin, pid).await;
        }
        insert(tx, 1, "x").await.map_err(|_| Domain)
    });
    write.await.expect("kept");
    assert_eq!(ids(&bed.db).await, [1]);
}

#[tokio::test]
async fn idle_connections_that_the_server_closed_are_not_noticed_by_callers() {
    let bed = Bed::postgres().await;
    items(&bed.db, 1).await;
    let admin = bed.again().await;
    for _ in 0..3 {
        let own = async |tx: &mut sql::ReadTx| tx.query(OWN_PID).fetch_one::<Number>().await;
        let pids = [
            bed.db.read(own).await.expect("pid").0,
            bed.db.write(async |tx| own(tx).await).await.expect("pid").0,
        ];
        for pid in pids {
            terminate(&admin, pid).await;
        }
        assert_eq!(bed.db.snapshot(own).await.map(|_| ()), Ok(()));
        assert_eq!(ids(&bed.db).await, [0]);
        bed.db.write(async |tx| insert(tx, 5, "x").await).await.expect("kept");
        run(&bed.db, "DELETE FROM item WHERE id = 5").await;
    }
}

#[tokio::test]
async fn serialization_failures_are_retried() {
    let bed = Bed::postgres().await;
    items(&bed.db, 1).await;
    let runs = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let (db, runs) = (bed.db.clone(), Arc::clone(&runs));
        tasks.spawn(async move {
            db.write(async |tx: &mut WriteTx| {
                runs.fetch_add(1, Relaxed);
                tx.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").execute().await?;
                let before =
                    tx.query("SELECT amount AS n FROM item").fetch_one::<Number>().await?.0;
                tokio::time::sleep(Duration::from_millis(30)).await;
                tx.query("UPDATE item SET amount = $1").bind(before + 1).execute().await
            })
            .await
        });
    }
    while let Some(kept) = tasks.join_next().await {
        kept.expect("no panic").expect("kept");
    }
    let amount = bed
        .db
        .read(async |tx| tx.query("SELECT amount AS n FROM item").fetch_one::<Number>().await);
    assert_eq!(amount.await.expect("amount").0, 4);
    assert!(runs.load(Relaxed) > 4);
}

#[tokio::test]
async fn an_absent_server_is_unavailable_soon() {
    let since = Instant::now();
    let Err(error) = Db::connect("postgres://me:secret@127.0.0.1:1/x").await else {
        panic!("connected")
    };
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(!error.to_string().contains("secret"));
    // An address that answers nothing at all, not even a refusal.
    let Err(error) = Db::connect("postgres://me@192.0.2.1/x").await else { panic!("connected") };
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(since.elapsed() < Duration::from_secs(7));
}

#[tokio::test]
async fn a_cancelled_write_gives_its_locks_back() {
    let bed = Bed::postgres().await;
    items(&bed.db, 1).await;
    for _ in 0..20 {
        let hold = bed.db.write(async |tx| {
            tx.query("UPDATE item SET amount = 1 WHERE id = 0").execute().await?;
            std::future::pending::<sql::Result<()>>().await
        });
        tokio::time::timeout(Duration::from_millis(30), hold).await.expect_err("cancelled");
    }
    let since = Instant::now();
    run(&bed.db, "UPDATE item SET amount = 2 WHERE id = 0").await;
    assert!(since.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_read_cancelled_half_way_does_not_hold_up_the_next() {
    let bed = Bed::postgres().await;
    for _ in 0..12 {
        let slow = bed.db.read(async |tx| tx.query("SELECT pg_sleep(20)").fetch_one::<()>().await);
        tokio::time::timeout(Duration::from_millis(20), slow).await.expect_err("cancelled");
    }
    let since = Instant::now();
    let read = bed.db.read(async |tx| tx.query("SELECT 1 AS n").fetch_one::<Number>().await).await;
    assert_eq!(read.expect("a row").0, 1);
    assert!(since.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_table_changed_under_a_prepared_statement_is_read_as_it_is_now() {
    let bed = Bed::postgres().await;
    items(&bed.db, 1).await;
    let all = async |tx: &mut sql::ReadTx| tx.query("SELECT * FROM item").fetch_one::<()>().await;
    bed.db.read(all).await.expect("a row");
    bed.db.write(async |tx| all(tx).await).await.expect("a row");
    run(&bed.db, "ALTER TABLE item ADD COLUMN later BIGINT").await;
    bed.db.read(all).await.expect("a row");
    bed.db.snapshot(all).await.expect("a row");
    bed.db.write(async |tx| all(tx).await).await.expect("a row");
}

#[tokio::test]
async fn sessions_are_named_and_limited() {
    let bed = Bed::postgres().await;
    let setting = async |name: &'static str| {
        let shown = bed.db.read(async |tx| {
            tx.query("SELECT current_setting($1) AS t").bind(name).fetch_one::<Text>().await
        });
        shown.await.expect("a setting").0
    };
    assert_eq!(setting("application_name").await, "custodia");
    assert_eq!(setting("lock_timeout").await, "10s");
    assert_eq!(setting("idle_in_transaction_session_timeout").await, "1min");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_when_tls_is_required() {
    let address = postgres_address();
    let joint = if address.contains('?') { '&' } else { '?' };
    Db::connect(&format!("{address}{joint}sslmode=disable")).await.expect("without TLS");
    Db::connect(&format!("{address}{joint}sslmode=prefer")).await.expect("with or without TLS");
}

#[tokio::test]
async fn statements_that_differ_in_their_filters_do_not_pile_up_in_the_session() {
    let bed = Bed::postgres().await;
    items(&bed.db, 8).await;
    let (db, kept) = (&bed.db, "SELECT COUNT(*) AS n FROM pg_prepared_statements");
    let mut most = 0;
    for combination in 0_i64..2048 {
        let found = db.read(async |tx| {
            let mut query = tx.query("SELECT id AS n FROM item WHERE amount = 0");
            for bit in 0..11 {
                let excluded = combination & (1 << bit) != 0;
                query = query
                    .push(if excluded { " AND id <> " } else { " AND -id <= " })
                    .push_bind(bit);
            }
            query.fetch_all::<Number>().await
        });
        let excluded = (combination & 0xff).count_ones() as usize;
        assert_eq!(found.await.expect("rows").len(), 8 - excluded);
        if combination % 10 == 0 {
            let count = db.read(async |tx| tx.query(kept).fetch_one::<Number>().await).await;
            most = most.max(count.expect("a count").0);
        }
    }
    assert!((100..=128).contains(&most), "{most}");
}

#[tokio::test]
async fn a_long_statement_is_run_and_not_kept() {
    let bed = Bed::postgres().await;
    items(&bed.db, 5).await;
    let own = async |tx: &mut WriteTx| {
        let list = tx.query("SELECT id AS n FROM item WHERE id IN ").push_list(0..100_i64);
        let found = list.push(" ORDER BY id").fetch_all::<Number>().await?.len();
        let changed = tx.query("UPDATE item SET amount = 1 WHERE id IN ").push_list(3..103_i64);
        let changed = changed.execute().await?;
        let kept = "SELECT COUNT(*) AS n FROM pg_prepared_statements WHERE LENGTH(statement) > 200";
        Ok::<_, Error>((found, changed, tx.query(kept).fetch_one::<Number>().await?.0))
    };
    assert_eq!(bed.db.write(own).await, Ok((5, 2, 0)));
}

#[tokio::test]
async fn an_acknowledged_write_is_on_disk_whatever_the_sessions_default() {
    let bed = Bed::postgres().await;
    for (default, expected) in
        [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
    {
        let address = format!("{}%20-csynchronous_commit%3D{default}", bed.address);
        let db = Db::connect(&address).await.expect("PostgreSQL");
        let level = db.write(async |tx: &mut WriteTx| {
            tx.query("SELECT current_setting('synchronous_commit') AS t").fetch_one::<Text>().await
        });
        assert_eq!(level.await.expect("a setting").0, expected, "{default}");
    }
}
