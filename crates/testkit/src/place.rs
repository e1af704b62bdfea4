use std::{
    future::Future,
    panic::{AssertUnwindSafe, resume_unwind},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::FutureExt as _;
use sql::Db;
use tempfile::TempDir;

use crate::Service;

/// Where rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Run a test on a service of its own, and leave nothing behind, however the test ends.
pub async fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Service) -> F) {
    let place = Place::new(engine).await;
    let service = Service::begin(&place.address, place.key_file()).await;
    let ended = AssertUnwindSafe(test(service.clone())).catch_unwind().await;
    service.close().await;
    place.clear().await;
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

/// A database of its own for one test.
struct Place {
    address: String,
    directory: TempDir,
    /// The server, and the schema that is this test's.
    schema: Option<(String, String)>,
}

impl Place {
    async fn new(engine: Engine) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a test");
        match engine {
            Engine::Sqlite => {
                let file = directory.path().join("test.db");
                // Nothing here loses its power: crashes are tested elsewhere.
                let address = format!("sqlite:{}?synchronous=off", file.display());
                Self { address, directory, schema: None }
            }
            Engine::Postgres => {
                static COUNT: AtomicU32 = AtomicU32::new(0);
                let server = server();
                let schema =
                    format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
                ask(&server, &format!("CREATE SCHEMA {schema}")).await;
                let joint = if server.contains('?') { '&' } else { '?' };
                let address = format!("{server}{joint}options=-csearch_path%3D{schema}");
                Self { address, directory, schema: Some((server, schema)) }
            }
        }
    }

    fn key_file(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    async fn clear(&self) {
        if let Some((server, schema)) = &self.schema {
            // A failed test may have left a transaction open that holds its tables.
            let statement = format!("DROP SCHEMA {schema} CASCADE");
            let _ = tokio::time::timeout(Duration::from_secs(10), ask(server, &statement)).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no command line")]
fn server() -> String {
    std::env::var("CUSTODIA_TEST_POSTGRES").expect(
        "CUSTODIA_TEST_POSTGRES must name a PostgreSQL server for tests (postgres://user@host:port/database); \
         scripts/test starts one",
    )
}

async fn ask(server: &str, statement: &str) {
    let statement: &'static str = String::leak(statement.to_owned());
    let db =
        Db::connect(server).await.expect("the PostgreSQL server of CUSTODIA_TEST_POSTGRES answers");
    let done: sql::Result<u64> = db.write(async |tx| tx.query(statement).execute().await).await;
    done.expect(statement);
    db.close().await.expect("the connection closes");
}
