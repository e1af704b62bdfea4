//! The crate as others use it, on both engines. The `PostgreSQL` half fails without `CUSTODIA_TEST_POSTGRES`.

mod dialect;
mod handlers;
mod lost_commit;
mod migrations;
mod postgres;
mod reading;
mod sqlite;
mod writing;

use std::sync::atomic::{AtomicU32, Ordering};

use sql::{Db, FromRow, Row};

/// A database of its own for one test.
struct Bed {
    db: Db,
    address: String,
    /// Removed with the test.
    _directory: tempfile::TempDir,
}

impl Bed {
    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let address = format!("sqlite:{}", directory.path().join("test.db").display());
        let db = Db::connect(&address).await.expect("a database");
        Self { db, address, _directory: directory }
    }

    async fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let base = postgres_address();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let schema = format!("sql_{}_{number}", std::process::id());
        let admin = Db::connect(&base).await.expect("PostgreSQL");
        run(&admin, &format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await;
        run(&admin, &format!("CREATE SCHEMA {schema}")).await;
        admin.close().await.expect("close");
        let joint = if base.contains('?') { '&' } else { '?' };
        let address = format!("{base}{joint}options=-csearch_path%3D{schema}");
        let db = Db::connect(&address).await.expect("PostgreSQL");
        Self { db, address, _directory: tempfile::tempdir().expect("a directory") }
    }

    /// The same database, opened as another process would.
    async fn again(&self) -> Db {
        Db::connect(&self.address).await.expect("a database")
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no command line")]
fn postgres_address() -> String {
    std::env::var("CUSTODIA_TEST_POSTGRES").expect(
        "CUSTODIA_TEST_POSTGRES must name a PostgreSQL server for tests, as postgres://user@host:port/database",
    )
}

/// A statement that tests put together; the program has none.
fn text(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

async fn run(db: &Db, statement: &str) {
    let statement = text(statement);
    db.write(async |tx| tx.query(statement).execute().await.map(|_| ())).await.expect(statement);
}

/// A table `item (id, name, amount)` with `count` rows, named `a`, `b`, ….
async fn items(db: &Db, count: i64) {
    run(
        db,
        "CREATE TABLE item (id BIGINT PRIMARY KEY, name TEXT NOT NULL, amount BIGINT NOT NULL)",
    )
    .await;
    for id in 0..count {
        let name = char::from(b'a' + u8::try_from(id % 26).expect("a letter")).to_string();
        db.write(async |tx| insert(tx, id, &name).await).await.expect("insert");
    }
}

async fn insert(tx: &mut sql::WriteTx, id: i64, name: &str) -> sql::Result<()> {
    tx.query("INSERT INTO item (id, name, amount) VALUES ($1, $2, 0)")
        .bind(id)
        .bind(name)
        .execute()
        .await
        .map(|_| ())
}

async fn ids(db: &Db) -> Vec<i64> {
    let found =
        db.read(async |tx| tx.query("SELECT id AS n FROM item ORDER BY id").fetch_all().await);
    let found: sql::Result<Vec<Number>> = found.await;
    found.expect("ids").into_iter().map(|number| number.0).collect()
}

/// A row of one integer `n`.
struct Number(i64);

impl FromRow for Number {
    fn from_row(row: &Row<'_>) -> sql::Result<Self> {
        row.get("n").map(Self)
    }
}

/// A row of one text `t`.
struct Text(String);

impl FromRow for Text {
    fn from_row(row: &Row<'_>) -> sql::Result<Self> {
        row.get("t").map(Self)
    }
}

/// Each test once for each engine.
macro_rules! on_each_engine {
    ($(async fn $name:ident($bed:ident: Bed) $body:block)+) => {$(
        mod $name {
            #[allow(clippy::allow_attributes, unused_imports, reason = "not every test needs all")]
            use super::*;

            async fn test($bed: $crate::Bed) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                test($crate::Bed::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                test($crate::Bed::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_each_engine;
