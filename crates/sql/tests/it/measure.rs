//! How fast it is. Idle by default:
//! `cargo test -p sql --release --test it measure -- --ignored --nocapture --test-threads 1`.

use std::time::{Duration, Instant};

use sql::{FromRow, ReadTx, Row, WriteTx};
use tokio::task::JoinSet;

use crate::{Bed, run};

const COLUMNS: usize = 25;

/// A row as wide as a customer.
struct Wide(Vec<String>);

impl FromRow for Wide {
    fn from_row(row: &Row<'_>) -> sql::Result<Self> {
        row.get::<i64>("id")?;
        NAMES.iter().map(|name| row.get(name)).collect::<sql::Result<_>>().map(Self)
    }
}

const NAMES: [&str; COLUMNS] = [
    "column_a", "column_b", "column_c", "column_d", "column_e", "column_f", "column_g", "column_h",
    "column_i", "column_j", "column_k", "column_l", "column_m", "column_n", "column_o", "column_p",
    "column_q", "column_r", "column_s", "column_t", "column_u", "column_v", "column_w", "column_x",
    "column_y",
];

async fn point(tx: &mut ReadTx, id: i64) -> sql::Result<Wide> {
    tx.query("SELECT * FROM wide WHERE id = $1").bind(id).fetch_one().await
}

/// To another text each time: `SQLite` syncs nothing for a change that changes nothing.
async fn change(tx: &mut WriteTx, id: i64, to: &str) -> sql::Result<u64> {
    tx.query("UPDATE wide SET column_b = $2 WHERE id = $1").bind(id).bind(to).execute().await
}

async fn measure(bed: Bed) {
    let definitions =
        NAMES.map(|name| format!(", {name} TEXT NOT NULL DEFAULT 'some text'")).concat();
    run(&bed.db, &format!("CREATE TABLE wide (id BIGINT PRIMARY KEY{definitions})")).await;
    for id in 0..1000_i64 {
        let insert = async |tx: &mut WriteTx| {
            tx.query("INSERT INTO wide (id) VALUES ($1)").bind(id).execute().await
        };
        bed.db.write(insert).await.expect("kept");
    }
    for clients in [1, 64] {
        for kind in ["read", "snapshot", "write"] {
            let since = Instant::now();
            let mut tasks = JoinSet::new();
            for client in 0..clients {
                let db = bed.db.clone();
                tasks.spawn(async move {
                    let mut count = 0_u32;
                    let mut id = client;
                    while since.elapsed() < Duration::from_secs(2) {
                        id = (id + 37) % 1000;
                        match kind {
                            "read" => {
                                let row = db.read(async |tx| point(tx, id).await).await;
                                assert_eq!(row.expect("a row").0.len(), COLUMNS);
                            }
                            "snapshot" => {
                                db.snapshot(async |tx| point(tx, id).await).await.expect("a row");
                            }
                            _ => {
                                let to = format!("{count:09}");
                                db.write(async |tx| change(tx, id, &to).await).await.expect("kept");
                            }
                        }
                        count += 1;
                        if count.is_multiple_of(64) {
                            tokio::task::yield_now().await;
                        }
                    }
                    count
                });
            }
            let count: u32 = tasks.join_all().await.iter().sum();
            let rate = f64::from(count) / since.elapsed().as_secs_f64();
            println!("{:9} {clients:3} clients {kind:9} {rate:8.0}/s", bed.db.engine());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn sqlite() {
    measure(Bed::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn postgres() {
    measure(Bed::postgres().await).await;
}
