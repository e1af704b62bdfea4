//! What becomes of a group of writers when something goes wrong: at each statement, in each way.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use rusqlite::{Connection, ffi};
use tokio::{sync::oneshot, task::JoinSet, time::sleep};

use crate::{Db, Error, FromRow, Mark, Result, Row, WriteTx};

/// A database with one table, and the directory it is in.
async fn database() -> (Db, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let address = format!("sqlite:{}?synchronous=off", directory.path().join("t.db").display());
    let db = Db::connect(&address).await.expect("a database");
    let create = async |tx: &mut WriteTx| {
        tx.query("CREATE TABLE t (id BIGINT PRIMARY KEY, who TEXT NOT NULL, filler BYTEA)")
            .execute()
            .await
    };
    db.write(create).await.expect("a table");
    (db, directory)
}

/// Say, before each statement of the writer, whether it fails instead.
async fn inject(
    db: &Db,
    fault: impl FnMut(&Connection, &str) -> Option<rusqlite::Error> + Send + 'static,
) {
    db.sqlite().writers().lock().await.fault = Some(Box::new(fault));
}

fn failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

/// A row of `t`.
#[derive(Debug, PartialEq)]
struct Kept(i64, String);

impl FromRow for Kept {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(row.get("id")?, row.get("who")?))
    }
}

async fn kept(db: &Db) -> Vec<Kept> {
    let all = db.read(async |tx| tx.query("SELECT id, who FROM t ORDER BY id").fetch_all().await);
    all.await.expect("rows")
}

/// What a writer was told.
#[derive(Debug, PartialEq)]
enum Told {
    Done,
    /// Its row was there already.
    Taken,
    Failed(Error),
}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Claim the row `id`, unless someone has it.
async fn claim(db: &Db, id: i64, who: &'static str) -> Told {
    let claimed = db.write(async |tx| {
        let found = tx.query("SELECT id, who FROM t WHERE id = $1").bind(id);
        if found.fetch_optional::<Kept>().await?.is_some() {
            return Err(Told::Taken);
        }
        let insert = tx.query("INSERT INTO t (id, who) VALUES ($1, $2)").bind(id).bind(who);
        insert.execute().await?;
        Ok(())
    });
    claimed.await.map_or_else(|told| told, |()| Told::Done)
}

const CLAIMS: [(i64, &str); 5] = [(1, "ann"), (2, "bob"), (1, "cyd"), (3, "dan"), (2, "eve")];

/// Five writers in one group, in this order; the third and the fifth want what another has taken.
async fn group(db: &Db) -> Vec<Told> {
    let turn = db.sqlite().writers().lock().await;
    let mut tasks = JoinSet::new();
    for (order, (id, who)) in CLAIMS.into_iter().enumerate() {
        let db = db.clone();
        tasks.spawn(async move { (order, claim(&db, id, who).await) });
        tokio::task::yield_now().await;
    }
    drop(turn);
    let mut told = tasks.join_all().await;
    told.sort_by_key(|(order, _)| *order);
    told.into_iter().map(|(_, told)| told).collect()
}

/// Whatever happened: who was told "done" has the row, who was told "taken" sees the row that another
/// has and was told of, and of who was told of a failure there is nothing.
async fn check(db: &Db, told: &[Told], case: &str) {
    let kept = kept(db).await;
    for ((id, who), told) in CLAIMS.into_iter().zip(told) {
        let own = kept.contains(&Kept(id, who.to_owned()));
        let any = kept.iter().any(|kept| kept.0 == id);
        let right = match told {
            Told::Done => own,
            Told::Taken => any && !own,
            Told::Failed(Error::OutcomeUnknown(_)) => true,
            Told::Failed(_) => !own,
        };
        assert!(right, "{case}: {who} was told {told:?}, and there is {kept:?}");
    }
}

#[tokio::test]
async fn a_group_shares_one_commit_and_refusals_wait_for_it() {
    let (db, _directory) = database().await;
    let commits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&commits);
    inject(&db, move |_, text| {
        counter.fetch_add(usize::from(text == "COMMIT"), Relaxed);
        None
    })
    .await;
    let told = group(&db).await;
    assert_eq!(told, [Told::Done, Told::Done, Told::Taken, Told::Done, Told::Taken]);
    assert_eq!(commits.load(Relaxed), 1);
    check(&db, &told, "without fault").await;
}

#[tokio::test]
async fn a_refusal_is_decided_anew_when_the_commit_under_it_fails() {
    let (db, _directory) = database().await;
    let commits = AtomicUsize::new(0);
    let hook = move || commits.fetch_add(1, Relaxed) == 0;
    db.sqlite().writers().lock().await.conn_mut().commit_hook(Some(hook)).expect("a hook");
    let told = group(&db).await;
    assert!(matches!(told[0], Told::Failed(Error::Failed(_))), "{told:?}");
    assert_eq!(
        [&told[2], &told[4]],
        [&Told::Done, &Told::Done],
        "what they wanted was free after all"
    );
    check(&db, &told, "first commit fails").await;
}

#[tokio::test]
async fn a_refusal_under_commits_that_keep_failing_is_reported_as_their_failure() {
    let (db, _directory) = database().await;
    inject(&db, |_, text| (text == "COMMIT").then(|| failure(ffi::SQLITE_FULL))).await;
    let told = group(&db).await;
    assert!(
        told.iter().all(|told| matches!(told, Told::Failed(Error::Unavailable(_)))),
        "{told:?}"
    );
    assert!(kept(&db).await.is_empty());
}

#[tokio::test]
async fn a_fault_at_any_statement_loses_nothing_that_was_acknowledged() {
    // As an error of this statement alone; as one with which the engine gives the transaction up; and
    // either of them again and again.
    for (gives_up, times) in [(false, 1), (true, 1), (false, 3), (true, 3), (false, 40), (true, 40)]
    {
        for first in 0.. {
            let (db, _directory) = database().await;
            let count = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&count);
            inject(&db, move |conn, _| {
                let statement = counter.fetch_add(1, Relaxed);
                if !(first..first + times).contains(&statement) {
                    return None;
                }
                if gives_up {
                    let _ = conn.execute_batch("ROLLBACK");
                }
                Some(failure(ffi::SQLITE_FULL))
            })
            .await;
            let told = group(&db).await;
            let statements = count.load(Relaxed);
            inject(&db, |_, _| None).await;
            let case = format!("gives up: {gives_up}, {times} times from statement {first}");
            check(&db, &told, &case).await;
            assert_eq!(claim(&db, 99, "zoe").await, Told::Done, "{case}: afterwards");
            if statements <= first {
                assert_eq!(told.iter().filter(|told| **told == Told::Done).count(), 3, "{case}");
                assert!(first > 20, "there are that many statements in a group, not {first}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_interrupt_at_any_step_loses_nothing_that_was_acknowledged() {
    for step in 1.. {
        let (db, _directory) = database().await;
        let fired = Arc::new(AtomicUsize::new(0));
        let (count, counter) = (AtomicUsize::new(0), Arc::clone(&fired));
        let interrupt = move || {
            let now = count.fetch_add(1, Relaxed) + 1 == step;
            counter.fetch_add(usize::from(now), Relaxed);
            now
        };
        let handler =
            db.sqlite().writers().lock().await.conn_mut().progress_handler(1, Some(interrupt));
        handler.expect("a handler");
        let told = group(&db).await;
        let case = format!("interrupted at step {step}");
        let none = None::<fn() -> bool>;
        let handler = db.sqlite().writers().lock().await.conn_mut().progress_handler(0, none);
        handler.expect("no handler");
        check(&db, &told, &case).await;
        assert_eq!(claim(&db, 99, "zoe").await, Told::Done, "{case}: afterwards");
        if fired.load(Relaxed) == 0 {
            assert!(step > 5, "the engine was interrupted at {step} steps only");
            break;
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_room_makes_it_work_again() {
    let (db, _directory) = database().await;
    let fill = async |id: i64| {
        let insert = async |tx: &mut WriteTx| {
            let insert = tx.query("INSERT INTO t (id, who, filler) VALUES ($1, 'filler', $2)");
            insert.bind(id).bind(vec![0_u8; 20_000]).execute().await
        };
        db.write(insert).await
    };
    let limit = async |pages: u32| {
        let writer = &mut *db.sqlite().writers().lock().await;
        let limit = format!("PRAGMA max_page_count = {pages}");
        writer.conn_mut().query_row(&limit, [], |_| Ok(())).expect("a limit");
    };
    limit(20).await;
    let mut acknowledged = 0;
    let refusal = loop {
        match fill(acknowledged).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, Error::Unavailable(_)), "{refusal:?}");
    assert!(acknowledged > 0);
    // Many at once: each is told, and of each that is refused there is nothing.
    let mut tasks = JoinSet::new();
    for id in 100..120 {
        let db = db.clone();
        tasks.spawn(async move { (id, claim(&db, id, "small").await) });
    }
    let told = tasks.join_all().await;
    let kept = kept(&db).await;
    for (id, told) in told {
        assert_eq!(kept.iter().any(|kept| kept.0 == id), told == Told::Done, "{id}: {told:?}");
    }
    assert!(matches!(fill(98).await, Err(Error::Unavailable(_))));
    limit(1_000_000).await;
    fill(99).await.expect("there is room");
}

#[tokio::test]
async fn a_mark_moves_while_it_is_committed_and_has_moved_when_its_writer_is_told() {
    let (db, _directory) = database().await;
    let (mark, other) = (Mark::of(1, 7), Mark::of(1, 8));
    let standing = |db: &Db, mark| db.marks().expect("marks").standing(mark);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let look = {
        let (db, seen) = (db.clone(), Arc::clone(&seen));
        move |_: &Connection, text: &str| {
            if text == "COMMIT" {
                seen.lock().expect("one at a time").push(standing(&db, mark));
            }
            None
        }
    };
    inject(&db, look).await;
    let insert = async |tx: &mut WriteTx| {
        tx.mark(mark);
        tx.query("INSERT INTO t (id, who) VALUES (1, 'ann')").execute().await
    };
    let (before, others) = (standing(&db, mark), standing(&db, other));
    db.write(insert).await.expect("written");
    let after = standing(&db, mark);
    assert_eq!(
        *seen.lock().expect("one"),
        [None],
        "it moves before the commit, and until it is over"
    );
    assert!(before.is_some() && after.is_some() && before != after);
    // What is undone changes nothing.
    db.write(insert).await.expect_err("a number twice");
    assert_eq!(standing(&db, mark), after);
    assert_eq!(standing(&db, other), others);
    // The fault holds the database that holds it.
    db.sqlite().writers().lock().await.fault = None;
}

#[tokio::test]
async fn what_another_process_commits_moves_every_mark_also_while_a_writer_waits_for_it() {
    let (db, directory) = database().await;
    let standing = || db.marks().expect("marks").standing(Mark::of(1, 7));
    db.notice_others().await.expect("a look");
    let before = standing();
    db.notice_others().await.expect("a look");
    assert_eq!(standing(), before, "nobody has written");
    let other = Connection::open(directory.path().join("t.db")).expect("another connection");
    let batch = |text| other.execute_batch(text).expect("done");
    batch("BEGIN IMMEDIATE; INSERT INTO t (id, who) VALUES (7, 'other');");
    let mut writing = JoinSet::new();
    let own = db.clone();
    writing.spawn(async move { claim(&own, 7, "own").await });
    sleep(Duration::from_millis(50)).await;
    assert_eq!(standing(), before, "nothing is committed");
    batch("COMMIT; BEGIN IMMEDIATE;");
    sleep(Duration::from_millis(100)).await;
    assert_ne!(standing(), before);
    batch("ROLLBACK");
    assert_eq!(writing.join_all().await, [Told::Taken]);
}

#[tokio::test]
async fn a_lock_held_by_another_process_delays_a_write_and_nothing_else() {
    let (db, directory) = database().await;
    let other = Connection::open(directory.path().join("t.db")).expect("another connection");
    other
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO t (id, who) VALUES (7, 'other');")
        .expect("a lock");
    let ticks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ticks);
    let mut ticking = JoinSet::new();
    ticking.spawn(async move {
        loop {
            sleep(Duration::from_millis(5)).await;
            counter.fetch_add(1, Relaxed);
        }
    });
    let (locked, unlocked) = oneshot::channel();
    let mut writing = JoinSet::new();
    writing.spawn({
        let db = db.clone();
        async move {
            locked.send(()).expect("the test waits");
            claim(&db, 7, "own").await
        }
    });
    unlocked.await.expect("it began");
    sleep(Duration::from_secs(1)).await;
    assert!(writing.try_join_next().is_none());
    assert!(kept(&db).await.is_empty(), "reads do not wait");
    other.execute_batch("COMMIT").expect("a commit");
    assert_eq!(writing.join_all().await, [Told::Taken]);
    assert!(ticks.load(Relaxed) > 50, "the runtime of one thread was kept from running");
}

#[test]
fn a_committer_lost_with_its_runtime_is_replaced() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    let (db, directory) = runtime().block_on(database());
    let first = runtime();
    first.block_on(async {
        let mut writing = std::pin::pin!(claim(&db, 1, "ann"));
        // Far enough to have joined a group, and no further.
        std::future::poll_fn(|context| {
            assert!(writing.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    drop(first);
    let told = runtime().block_on(async {
        let told = claim(&db, 2, "bob").await;
        db.close().await.expect("close");
        told
    });
    assert_eq!(told, Told::Done);
    assert!(!directory.path().join("t.db-wal").exists(), "closing leaves no log behind");
}
