//! For the tests that hold the plans of statements.

use kernel::{Part, Timestamp};
use sql::Db;
use tempfile::TempDir;

/// An empty database, in which SQLite plans without statistics, and the place that it lies in as long as that is
/// held.
pub(crate) async fn database() -> (TempDir, Db) {
    let place = tempfile::tempdir().expect("a place");
    let address = format!("sqlite:{}", place.path().join("plans.db").display());
    let db = Db::connect(&address).await.expect("a database");
    sql::migrate(&db, crate::SCHEMA, Timestamp(0)).await.expect("the schema");
    (place, db)
}

/// The first page of a list.
pub(crate) const FIRST: Part = Part { offset: 0, limit: 50 };
