//! Bringing a database's schema to what this program needs.
//!
//! Each migration runs in a transaction of its own, together with the line that records it, and under a
//! lock that one server at a time holds; so servers may start together, and one that dies half-way
//! leaves nothing behind.

use kernel::Timestamp;
use sha2::{Digest, Sha256};

use crate::{Db, Error, FromRow, ReadTx, Result, Row, WriteTx};

/// One step of the schema. Once released it never changes.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it is recorded under; unique among all.
    pub name: &'static str,
    /// The script: statements of the shared dialect, separated by semicolons.
    pub text: &'static str,
    /// The script for `PostgreSQL`, where it must differ.
    pub postgres: Option<&'static str>,
}

/// Apply those migrations that the database lacks, in their order, and return their names.
///
/// Fails as [`Error::Migration`], with nothing done, when the database records a migration that is not
/// in the list (it is newer than this program) or one whose text was another.
pub async fn migrate(
    db: &Db,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<Vec<&'static str>> {
    let mut applied = Vec::new();
    // Most starts find nothing to do, and then take no lock and need no right to make tables.
    if pending(db, migrations).await?.is_empty() {
        return Ok(applied);
    }
    while let Some(name) = db.write(async |tx| apply_next(tx, migrations, now).await).await? {
        applied.push(name);
    }
    Ok(applied)
}

/// The names of those migrations that the database lacks. Fails as [`migrate`] does.
pub async fn pending(db: &Db, migrations: &[Migration]) -> Result<Vec<&'static str>> {
    let postgres = db.engine() == "postgres";
    let recorded = db.snapshot(async |tx| recorded(tx, postgres).await).await?;
    let lacking = lacking(migrations, &recorded, postgres)?;
    Ok(lacking.into_iter().map(|migration| migration.name).collect())
}

/// Apply the first migration that is lacking; `None` when none is.
async fn apply_next(
    tx: &mut WriteTx,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<Option<&'static str>> {
    let postgres = tx.is_postgres();
    if postgres {
        // Held until the transaction ends. Another server's migrations may take their time, and so may
        // ours. SQLite's writer holds such a lock already.
        tx.script(&format!(
            "SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = 0;
             SELECT pg_advisory_xact_lock({LOCK});"
        ))
        .await?;
    }
    let recorded = recorded(tx, postgres).await?;
    let Some(next) = lacking(migrations, &recorded, postgres)?.first().copied() else {
        return Ok(None);
    };
    tx.script(RECORD).await?;
    tx.script(&script(next, postgres)).await?;
    tx.query("INSERT INTO schema_migration (name, sha256, applied_at) VALUES ($1, $2, $3)")
        .bind(next.name)
        .bind(digest(next, postgres))
        .bind(now)
        .execute()
        .await?;
    Ok(Some(next.name))
}

/// What was applied before, in no order.
async fn recorded(tx: &mut ReadTx, postgres: bool) -> Result<Vec<Recorded>> {
    let exists = if postgres {
        "SELECT 1 AS there WHERE to_regclass('schema_migration') IS NOT NULL"
    } else {
        "SELECT 1 AS there FROM sqlite_master WHERE name = 'schema_migration'"
    };
    if tx.query(exists).fetch_optional::<()>().await?.is_none() {
        return Ok(Vec::new());
    }
    tx.query("SELECT name, sha256 FROM schema_migration").fetch_all().await
}

fn lacking<'m>(
    migrations: &'m [Migration],
    recorded: &[Recorded],
    postgres: bool,
) -> Result<Vec<&'m Migration>> {
    for Recorded { name, sha256 } in recorded {
        let Some(known) = migrations.iter().find(|migration| migration.name == name) else {
            return Err(Error::Migration(format!(
                "the database is newer than this custodia, which does not know `{name}`"
            )));
        };
        if *sha256 != digest(known, postgres) {
            return Err(Error::Migration(format!("`{name}` is not the text that was applied")));
        }
    }
    let is_recorded = |name| recorded.iter().any(|recorded| recorded.name == name);
    Ok(migrations.iter().filter(|migration| !is_recorded(migration.name)).collect())
}

/// The text to run.
///
/// Both engines must compare and order texts by their bytes, and both can be told so in the schema, but
/// not in the same words: `SQLite` has no collation named C and `PostgreSQL` none named BINARY. So that
/// there is still one script, it says the former's, and `PostgreSQL` gets its own.
fn script(migration: &Migration, postgres: bool) -> String {
    let text = source(migration, postgres);
    if postgres { text.replace("COLLATE BINARY", "COLLATE \"C\"") } else { text.to_owned() }
}

fn digest(migration: &Migration, postgres: bool) -> String {
    kernel::hex(&Sha256::digest(source(migration, postgres)))
}

fn source(migration: &Migration, postgres: bool) -> &'static str {
    migration.postgres.filter(|_| postgres).unwrap_or(migration.text)
}

struct Recorded {
    name: String,
    sha256: String,
}

impl FromRow for Recorded {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { name: row.get("name")?, sha256: row.get("sha256")? })
    }
}

/// The table of what was applied, the only one this crate names.
const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    name       TEXT   NOT NULL,
    sha256     TEXT   NOT NULL,
    applied_at BIGINT NOT NULL,
    CONSTRAINT schema_migration_pk PRIMARY KEY (name)
)";

/// `PostgreSQL`'s advisory locks are numbers that all programs of a database share: the bytes of
/// `custodia`.
const LOCK: i64 = i64::from_be_bytes(*b"custodia");
