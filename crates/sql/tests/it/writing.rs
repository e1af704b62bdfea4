use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sql::{Db, Error, ReadTx, WriteTx};
use tokio::task::JoinSet;

use crate::{Number, ids, insert, items, on_each_engine};

/// Why a test's closure gave up; not this crate's error, as the domain's is not.
#[derive(Debug)]
enum Refusal {
    Own,
    Sql,
}

impl From<Error> for Refusal {
    fn from(_: Error) -> Self {
        Self::Sql
    }
}

async fn count(tx: &mut ReadTx) -> sql::Result<i64> {
    Ok(tx.query("SELECT COUNT(*) AS n FROM item").fetch_one::<Number>().await?.0)
}

/// A read-modify-write under a lock, as `ops` do it.
async fn increment(tx: &mut WriteTx, id: i64) -> sql::Result<()> {
    let lock = tx.for_update();
    let select = tx.query("SELECT amount AS n FROM item WHERE id = $1").push(lock);
    let amount = select.bind(id).fetch_one::<Number>().await?.0;
    tokio::task::yield_now().await;
    tx.query("UPDATE item SET amount = $2 WHERE id = $1")
        .bind(id)
        .bind(amount + 1)
        .execute()
        .await?;
    Ok(())
}

async fn amount(db: &Db, id: i64) -> i64 {
    let found = db.read(async |tx| {
        tx.query("SELECT amount AS n FROM item WHERE id = $1").bind(id).fetch_one::<Number>().await
    });
    found.await.expect("amount").0
}

on_each_engine! {
    async fn a_write_is_kept_whole_or_not_at_all(bed: Bed) {
        items(&bed.db, 1).await;
        let refused = bed.db.write(async |tx| {
            insert(tx, 10, "ten").await?;
            insert(tx, 11, "eleven").await?;
            Err::<(), _>(Refusal::Own)
        }).await;
        assert!(matches!(refused, Err(Refusal::Own)));
        assert_eq!(ids(&bed.db).await, [0]);
        let kept = bed.db.write(async |tx| {
            insert(tx, 10, "ten").await?;
            insert(tx, 11, "eleven").await?;
            count(tx).await
        }).await;
        assert_eq!(kept, Ok(3));
        assert_eq!(ids(&bed.db).await, [0, 10, 11]);
    }

    async fn after_a_failed_statement_nothing_is_kept_whatever_the_closure_says(bed: Bed) {
        items(&bed.db, 1).await;
        let kept = bed.db.write(async |tx| {
            insert(tx, 10, "ten").await?;
            let twice = insert(tx, 0, "twice").await;
            assert!(twice.is_err());
            assert_eq!(insert(tx, 11, "eleven").await, twice, "nothing more runs");
            Ok::<_, sql::Error>(())
        }).await;
        assert!(matches!(kept, Err(Error::Failed(_))), "{kept:?}");
        assert_eq!(ids(&bed.db).await, [0]);
    }

    async fn an_error_never_repeats_a_value(bed: Bed) {
        items(&bed.db, 0).await;
        crate::run(&bed.db, "CREATE UNIQUE INDEX item_name ON item (name)").await;
        let write = async |tx: &mut WriteTx| {
            insert(tx, 1, "ann@example.com").await?;
            insert(tx, 2, "ann@example.com").await
        };
        let error = bed.db.write(write).await.expect_err("a duplicate");
        assert!(!format!("{error} {error:?}").contains("ann@"), "{error:?}");
    }

    async fn a_cancelled_write_leaves_nothing_and_the_next_one_works(bed: Bed) {
        items(&bed.db, 1).await;
        for _ in 0..20 {
            let slow = bed.db.write(async |tx| {
                insert(tx, 10, "ten").await?;
                tokio::time::sleep(Duration::from_mins(1)).await;
                Ok::<_, sql::Error>(())
            });
            tokio::time::timeout(Duration::from_millis(20), slow).await.expect_err("cancelled");
        }
        bed.db.write(async |tx| insert(tx, 11, "eleven").await).await.expect("the next");
        assert_eq!(ids(&bed.db).await, [0, 11]);
    }

    async fn a_panic_in_a_write_leaves_nothing_and_the_next_one_works(bed: Bed) {
        items(&bed.db, 1).await;
        let db = bed.db.clone();
        let mut panics = JoinSet::new();
        panics.spawn(async move {
            db.write(async |tx| {
                insert(tx, 10, "ten").await?;
                assert_eq!(count(tx).await?, 0, "on purpose");
                Ok::<_, sql::Error>(())
            }).await
        });
        panics.join_next().await.expect("a task").expect_err("a panic");
        bed.db.write(async |tx| insert(tx, 11, "eleven").await).await.expect("the next");
        assert_eq!(ids(&bed.db).await, [0, 11]);
    }

    async fn sixty_four_writers_at_once_all_keep_what_they_wrote(bed: Bed) {
        items(&bed.db, 0).await;
        let mut tasks = JoinSet::new();
        for id in 0..64 {
            let db = bed.db.clone();
            tasks.spawn(async move { db.write(async |tx| insert(tx, id, "x").await).await });
        }
        while let Some(kept) = tasks.join_next().await {
            kept.expect("no panic").expect("kept");
        }
        drop(bed.db.clone());
        assert_eq!(ids(&bed.again().await).await, (0..64).collect::<Vec<_>>());
    }

    async fn increments_that_race_all_count(bed: Bed) {
        items(&bed.db, 2).await;
        let mut tasks = JoinSet::new();
        for _ in 0..40 {
            let db = bed.db.clone();
            tasks.spawn(async move { db.write(async |tx| increment(tx, 1).await).await });
        }
        while let Some(kept) = tasks.join_next().await {
            kept.expect("no panic").expect("kept");
        }
        assert_eq!(amount(&bed.db, 1).await, 40);
    }

    async fn two_that_lock_in_opposite_order_both_succeed(bed: Bed) {
        items(&bed.db, 2).await;
        let runs = std::sync::Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        for order in [[0, 1], [1, 0]] {
            let (db, runs) = (bed.db.clone(), std::sync::Arc::clone(&runs));
            tasks.spawn(async move {
                db.write(async |tx| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    increment(tx, order[0]).await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    increment(tx, order[1]).await
                }).await
            });
        }
        while let Some(kept) = tasks.join_next().await {
            kept.expect("no panic").expect("kept");
        }
        assert_eq!([amount(&bed.db, 0).await, amount(&bed.db, 1).await], [2, 2]);
        let deadlocked = bed.db.engine() == "postgres";
        assert_eq!(runs.load(Ordering::Relaxed) > 2, deadlocked, "SQLite's writers never meet");
    }

    async fn workers_that_skip_what_is_locked_share_out_the_rows(bed: Bed) {
        items(&bed.db, 20).await;
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let db = bed.db.clone();
            tasks.spawn(async move {
                db.write(async |tx| {
                    let skip = tx.skip_locked();
                    let found = tx.query("SELECT id AS n FROM item WHERE amount = 0 ORDER BY id LIMIT 5")
                        .push(skip).fetch_all::<Number>().await?;
                    let taken = found.iter().map(|number| number.0);
                    tx.query("UPDATE item SET amount = 1 WHERE id IN ").push_list(taken).execute().await
                }).await
            });
        }
        let mut taken = 0;
        while let Some(count) = tasks.join_next().await {
            taken += count.expect("no panic").expect("kept");
        }
        assert_eq!(taken, 20);
    }
}
