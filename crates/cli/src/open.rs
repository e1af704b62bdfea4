//! Opening what every command needs: the database, migrated, and the installation's key.

use std::path::PathBuf;

use access::{Seal, accounts};
use kernel::{Clock as _, SystemChance, SystemClock};
use sql::Db;

use crate::{Outcome, options::Shared};

/// Connect, and bring the schema up to date.
pub(crate) async fn database(address: &str) -> Outcome<Db> {
    let db = Db::connect(address).await?;
    sql::migrate(&db, resources::SCHEMA, SystemClock.now()).await?;
    Ok(db)
}

/// `custodia migrate`
pub(crate) async fn migrate(shared: &Shared) -> Outcome {
    let db = Db::connect(&shared.database).await?;
    let applied = sql::migrate(&db, resources::SCHEMA, SystemClock.now()).await?;
    if applied.is_empty() {
        println!("The database is up to date.");
    }
    for name in applied {
        println!("applied {name}");
    }
    Ok(db.close().await?)
}

/// `custodia vacuum`
pub(crate) async fn vacuum(shared: &Shared) -> Outcome {
    let db = database(&shared.database).await?;
    if sqlite_path(&shared.database).is_none() {
        println!("PostgreSQL vacuums by itself; VACUUM FULL writes its files anew.");
    } else if db.rewrite().await? {
        println!("The file was written anew.");
    } else {
        println!("The file is written anew. {STILL_READ}");
    }
    Ok(db.close().await?)
}

/// What is said where the log could not be emptied.
pub(crate) const STILL_READ: &str = "The log beside it still has older pages, as somebody reads them: a server that runs \
    removes them within half a minute of the reader's end, and so does the last one to close the file.";

/// The installation's key; made where there is none yet.
pub(crate) async fn seal(shared: &Shared, db: &Db) -> Outcome<Seal> {
    Ok(accounts::open_seal(db, &SystemChance, &key_path(shared)).await?)
}

/// Where the installation's key is kept.
pub(crate) fn key_path(shared: &Shared) -> PathBuf {
    if let Some(path) = &shared.secret_key_file {
        return path.clone();
    }
    match sqlite_path(&shared.database) {
        Some(path) => path.with_extension("key"),
        None => PathBuf::from("custodia.key"),
    }
}

/// The file of a SQLite address.
pub(crate) fn sqlite_path(address: &str) -> Option<PathBuf> {
    let path = address.strip_prefix("sqlite:")?;
    Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
}
