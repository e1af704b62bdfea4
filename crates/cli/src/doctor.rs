//! `custodia doctor`: a block to paste into a report. It holds no secret and no personal data.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use kernel::{Clock as _, SystemClock};
use sql::Db;

use crate::{Outcome, open, options::Shared};

pub(crate) async fn run(shared: &Shared) -> Outcome {
    println!(
        "custodia    {} ({} {})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    println!("clock       {}", SystemClock.now().to_rfc3339());
    println!("database    {}", without_secrets(&shared.database));
    if let Some(path) = open::sqlite_path(&shared.database) {
        println!("file        {}", permissions(&path));
        if !path.exists() {
            println!("            nothing has been kept there yet");
            return Ok(());
        }
    }
    println!("key         {}", permissions(&open::key_path(shared)));
    let db = match Db::connect(&shared.database).await {
        Ok(db) => db,
        Err(error) => return Err(format!("the database does not open: {error}").into()),
    };
    println!("engine      {} {}", db.engine(), db.version().await?);
    let pending = sql::pending(&db, resources::SCHEMA).await?;
    let known = resources::SCHEMA.len();
    println!(
        "migrations  {} applied, {} pending {pending:?}",
        known - pending.len(),
        pending.len()
    );
    if pending.is_empty() {
        let stores = access::stores::list(&db).await?;
        println!("stores      {}", stores.len());
    }
    Ok(db.close().await?)
}

/// The address without user and password.
fn without_secrets(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{}", place.split('?').next().unwrap_or(place))
}

fn permissions(path: &Path) -> String {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            let warning = if mode.trailing_zeros() >= 6 { "" } else { ", readable by others" };
            format!("{shown} (mode {mode:04o}, {} bytes{warning})", metadata.len())
        }
        Err(error) => format!("{shown} ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(
            without_secrets("postgres://me:secret@db.test:5432/shop?sslmode=require"),
            "postgres://db.test:5432/shop"
        );
        assert_eq!(without_secrets("postgres://me:p@ss@db/shop"), "postgres://db/shop");
        assert_eq!(
            without_secrets("postgres://me:pa?ss@db/shop?sslmode=require"),
            "postgres://db/shop"
        );
        assert_eq!(without_secrets("sqlite:custodia.db"), "sqlite:custodia.db");
    }
}
