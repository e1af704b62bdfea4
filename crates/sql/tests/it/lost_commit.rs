//! A server that is lost while it commits: nobody knows whether it did, so nothing is tried twice.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use sql::{Db, Error, WriteTx};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{Bed, Number, items};

/// When a connection is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The server never hears of `COMMIT`.
    Before,
    /// The server has committed, and its answer is lost.
    After,
}

/// Stands between a database and its server, and cuts the connection that commits next.
struct Cable {
    address: String,
    next: Arc<Mutex<Option<Cut>>>,
    _ends: JoinSet<()>,
}

impl Cable {
    /// To the server of an address; its own address is that of the same database.
    async fn lay(address: &str) -> Self {
        let (user, rest) = address.split_once('@').expect("postgres://user@host:port/database");
        let (server, database) = rest.split_once('/').expect("postgres://user@host:port/database");
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("an address");
        let joint = if database.contains('?') { '&' } else { '?' };
        // Nobody could look for `COMMIT` in what is enciphered.
        let address = format!("{user}@{own}/{database}{joint}sslmode=disable");
        let next = Arc::new(Mutex::new(None));
        let (mut ends, cut) = (JoinSet::new(), Arc::clone(&next));
        ends.spawn(async move {
            let mut carried = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server answers");
                carried.spawn(carry(client, server, Arc::clone(&cut)));
            }
        });
        Self { address, next, _ends: ends }
    }

    fn cut(&self, cut: Cut) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }
}

/// Carry what either side says to the other, until one of them is done or the connection is cut.
async fn carry(mut client: TcpStream, mut server: TcpStream, next: Arc<Mutex<Option<Cut>>>) {
    let (mut said, mut answered) = ([0; 8192], [0; 8192]);
    loop {
        tokio::select! {
            Ok(length) = client.read(&mut said) => {
                let said = &said[..length];
                let cut = if commits(said) { take(&next) } else { None };
                if length == 0 || matches!(cut, Some(Cut::Before)) || server.write_all(said).await.is_err() {
                    return;
                }
                if matches!(cut, Some(Cut::After)) {
                    let length = server.read(&mut answered).await.expect("it answers");
                    assert!(commits(&answered[..length]), "it has committed");
                    return;
                }
            }
            Ok(length) = server.read(&mut answered) => {
                if length == 0 || client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

/// Whether `COMMIT` is asked for, or told of.
fn commits(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|word| word == b"COMMIT\0")
}

fn take(next: &Mutex<Option<Cut>>) -> Option<Cut> {
    next.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Count one more, which would show if it were done twice; how often that was run.
async fn count_up(db: &Db) -> (sql::Result<u64>, i64) {
    let runs = AtomicI64::new(0);
    let work = async |tx: &mut WriteTx| {
        runs.fetch_add(1, Relaxed);
        tx.query("UPDATE item SET amount = amount + 1 WHERE id = 0").execute().await
    };
    let outcome = db.write(work).await;
    (outcome, runs.into_inner())
}

async fn counted(db: &Db) -> i64 {
    let amount = db
        .read(async |tx| tx.query("SELECT amount AS n FROM item").fetch_one::<Number>().await)
        .await;
    amount.expect("an amount").0
}

#[tokio::test]
async fn a_connection_lost_during_the_commit_leaves_the_outcome_unknown_and_is_not_tried_again() {
    let bed = Bed::postgres().await;
    items(&bed.db, 1).await;
    let cable = Cable::lay(&bed.address).await;
    let db = Db::connect(&cable.address).await.expect("PostgreSQL");
    let mut kept = 0;
    for (cut, does) in [(Cut::Before, 0), (Cut::After, 1), (Cut::Before, 0), (Cut::After, 1)] {
        cable.cut(cut);
        let (outcome, runs) = count_up(&db).await;
        let error = outcome.expect_err("nobody knows");
        assert!(matches!(error, Error::OutcomeUnknown(_)), "{cut:?}: {error:?}");
        // To "try again later" would be the wrong advice.
        assert!(matches!(kernel::Error::from(error), kernel::Error::Internal(_)), "{cut:?}");
        assert_eq!(runs, 1, "{cut:?}: it is not run again");
        kept += does;
        assert_eq!(counted(&bed.db).await, kept, "{cut:?}");
        // The next writer gets another connection, and what it is told is so.
        assert_eq!(count_up(&db).await, (Ok(1), 1), "{cut:?}");
        kept += 1;
        assert_eq!(counted(&bed.db).await, kept, "{cut:?}");
    }
    db.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_whose_commits_are_cut_each_is_told_the_truth() {
    let bed = Bed::postgres().await;
    items(&bed.db, 1).await;
    let cable = Cable::lay(&bed.address).await;
    let db = Db::connect(&cable.address).await.expect("PostgreSQL");
    let (mut acknowledged, mut lost_after) = (0, 0);
    for round in 0..20 {
        let cut = if round % 2 == 0 { Cut::Before } else { Cut::After };
        cable.cut(cut);
        let mut writers = JoinSet::new();
        for _ in 0..8 {
            let db = db.clone();
            writers.spawn(async move { count_up(&db).await.0 });
        }
        let told = writers.join_all().await;
        let done = told.iter().filter(|told| matches!(told, Ok(1))).count();
        let unknown = told.iter().filter(|told| matches!(told, Err(Error::OutcomeUnknown(_))));
        assert_eq!((done, unknown.count()), (7, 1), "{cut:?}: {told:?}");
        acknowledged += 7;
        lost_after += i64::from(matches!(cut, Cut::After));
        assert_eq!(counted(&bed.db).await, acknowledged + lost_after, "round {round}");
    }
    db.close().await.expect("closed");
}
