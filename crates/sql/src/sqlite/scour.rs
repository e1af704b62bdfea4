//! Getting rid of what the log still has of rows that were changed or deleted.

use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::writer::Writers;
use crate::Result;

/// Who wants the log to be cut, one at a time. Those who wait meanwhile share what comes of the next time.
#[derive(Default)]
pub(crate) struct Scours {
    begun: AtomicU64,
    last: Mutex<Last>,
}

/// What came of the last time that was not given up.
struct Last {
    number: u64,
    outcome: Result<bool>,
}

impl Default for Last {
    fn default() -> Self {
        Self { number: 0, outcome: Ok(false) }
    }
}

impl Scours {
    /// See [`crate::Db::scour`].
    pub(super) async fn run(&self, writers: &Writers) -> Result<bool> {
        let begun = self.begun.load(SeqCst);
        let mut last = self.last.lock().await;
        // What began after this was called has seen whatever was committed before.
        if last.number <= begun {
            let number = self.begun.fetch_add(1, SeqCst) + 1;
            let outcome = cut(writers).await;
            *last = Last { number, outcome };
        }
        last.outcome.clone()
    }
}

async fn cut(writers: &Writers) -> Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    while !writers.cut_log().await? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(PAUSE).await;
    }
    Ok(true)
}

/// How long readers are waited for. Another process that reads now and then lets go of the log within half a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long others may write before it is tried again.
const PAUSE: Duration = Duration::from_millis(30);

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
        process::Command,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
    };

    use rusqlite::Connection;
    use tokio::task::JoinSet;

    use crate::{Db, ReadTx, WriteTx};

    const NEEDLE: &str = "unmistakable";

    async fn database() -> (Db, PathBuf, tempfile::TempDir) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("t.db");
        let db = connect(&file).await;
        let create = async |tx: &mut WriteTx| {
            tx.query("CREATE TABLE t (id BIGINT PRIMARY KEY, note TEXT NOT NULL)").execute().await
        };
        db.write(create).await.expect("a table");
        (db, file, directory)
    }

    async fn connect(file: &Path) -> Db {
        Db::connect(&format!("sqlite:{}?synchronous=off", file.display()))
            .await
            .expect("a database")
    }

    async fn insert(db: &Db, id: i64, note: &str) {
        let insert = async |tx: &mut WriteTx| {
            tx.query("INSERT INTO t (id, note) VALUES ($1, $2)").bind(id).bind(note).execute().await
        };
        db.write(insert).await.expect("a row");
    }

    async fn delete(db: &Db, id: i64) {
        let delete = async |tx: &mut WriteTx| {
            tx.query("DELETE FROM t WHERE id = $1").bind(id).execute().await
        };
        db.write(delete).await.expect("gone");
    }

    /// In which files there is the needle.
    fn found(file: &Path) -> Vec<&'static str> {
        let has = |suffix: &&str| {
            // By another process: to close a file gives up the locks that this one has on it.
            let read = Command::new("cat").arg(format!("{}{suffix}", file.display())).output();
            let bytes = read.expect("it starts").stdout;
            bytes.windows(NEEDLE.len()).any(|window| window == NEEDLE.as_bytes())
        };
        ["", "-wal", "-shm"].into_iter().filter(has).collect()
    }

    fn log_length(file: &Path) -> u64 {
        fs::metadata(format!("{}-wal", file.display())).expect("a log").len()
    }

    #[tokio::test]
    async fn what_was_deleted_is_in_no_file_any_more() {
        let (db, file, _directory) = database().await;
        // In one row, in one that needs pages of its own, and in many that are gone together with their pages.
        insert(&db, 1, NEEDLE).await;
        insert(&db, 2, &NEEDLE.repeat(3000)).await;
        for id in 3..300 {
            insert(&db, id, &format!("{NEEDLE}{}", "x".repeat(200))).await;
        }
        assert!(db.scour().await.expect("nobody is in the way"));
        assert_eq!((found(&file), log_length(&file)), (vec![""], 0));
        for id in 1..300 {
            delete(&db, id).await;
        }
        assert_eq!(found(&file), ["", "-wal"], "nothing would be proved");
        assert!(db.scour().await.expect("nobody is in the way"));
        assert_eq!((found(&file), log_length(&file)), (vec![], 0));
        insert(&db, 1, "more").await;
        db.close().await.expect("closed");
        assert!(db.scour().await.is_err(), "closed");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_reader_in_the_way_is_told_of_and_loses_nothing() {
        let (db, file, _directory) = database().await;
        insert(&db, 1, NEEDLE).await;
        let reader = Connection::open(&file).expect("another connection");
        reader.execute_batch("BEGIN; SELECT * FROM t").expect("a reader");
        delete(&db, 1).await;
        assert!(!db.scour().await.expect("busy"));
        assert_eq!(
            reader.query_row("SELECT note FROM t", [], |row| row.get(0)),
            Ok(NEEDLE.to_owned())
        );
        insert(&db, 2, "others write on").await;
        // One that ends in time is waited for.
        let (scoured, ()) = tokio::join!(db.scour(), async {
            tokio::time::sleep(super::PAUSE * 5).await;
            reader.execute_batch("COMMIT").expect("done");
        });
        assert!(scoured.expect("it could wait"));
        assert_eq!((found(&file), log_length(&file)), (vec![], 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn another_process_that_only_holds_on_to_the_log_lets_go_in_time() {
        let (db, file, _directory) = database().await;
        let other = connect(&file).await;
        insert(&db, 1, NEEDLE).await;
        let read = async || {
            let count = async |tx: &mut ReadTx| {
                tx.query("SELECT count(*) FROM t").fetch_one::<(i64,)>().await
            };
            other.read(count).await.expect("a count")
        };
        assert_eq!(read().await, (1,));
        delete(&db, 1).await;
        // As a server does, four times a second.
        let reading = async {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(250)).await;
                read().await;
            }
        };
        let scoured = tokio::select! {
            scoured = db.scour() => scoured,
            () = reading => Ok(false),
        };
        assert!(scoured.expect("it lets go"));
        assert_eq!(found(&file), [""; 0]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn those_who_call_at_once_share_and_writers_go_on_beside_them() {
        let (db, file, _directory) = database().await;
        let cuts = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for id in 0..40 {
            let (db, cuts) = (db.clone(), Arc::clone(&cuts));
            tasks.spawn(async move {
                insert(&db, id, NEEDLE).await;
                delete(&db, id).await;
                assert!(db.scour().await.expect("nobody is in the way"));
                cuts.fetch_add(1, Relaxed);
            });
        }
        tasks.join_all().await;
        assert_eq!(cuts.load(Relaxed), 40);
        assert_eq!(found(&file), [""; 0]);
        // Of those who ask while one is at it, all but the first have one for all of them.
        let begun = db.sqlite().scours().begun.load(Relaxed);
        let turn = db.sqlite().writers().lock().await;
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let db = db.clone();
            tasks.spawn(async move { db.scour().await });
        }
        while db.sqlite().scours().begun.load(Relaxed) == begun {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(super::PAUSE).await;
        drop(turn);
        assert!(tasks.join_all().await.into_iter().all(|scoured| scoured == Ok(true)));
        let runs = db.sqlite().scours().begun.load(Relaxed) - begun;
        assert!(runs <= 2, "{runs} times for 20 who asked at once");
    }
}
