//! The tables of a database, seen past the server.

use ledger::tree::{Hash, Place};
use rusqlite::{Connection, params};
use tokio_postgres::Client;

use crate::{
    contenders::{Arena, Kind, Purpose},
    postgres::{copy, explained},
};

/// A connection of one's own.
pub(crate) enum Tables {
    Sqlite(Connection),
    Postgres(Client),
}

impl Tables {
    pub(crate) async fn open(arena: &Arena, kind: Kind) -> Result<Self, String> {
        if let (Kind::Postgres, Some((postgres, _))) = (kind, &arena.postgres) {
            return Ok(Self::Postgres(
                postgres.connect(&arena.database(kind, Purpose::Reading)).await?,
            ));
        }
        let open = || {
            let connection = Connection::open(arena.sqlite(kind, Purpose::Reading))?;
            connection.busy_timeout(std::time::Duration::from_secs(20))?;
            connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144")?;
            Ok(connection)
        };
        open().map(Self::Sqlite).map_err(told)
    }

    /// Run statements, all or none.
    pub(crate) async fn run(&self, statements: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection
                .execute_batch(&format!("BEGIN IMMEDIATE; {statements}; COMMIT"))
                .map_err(told),
            Self::Postgres(client) => client.batch_execute(statements).await.map_err(explained),
        }
    }

    /// The one number that a query finds.
    pub(crate) async fn number(&self, query: &str) -> Result<i64, String> {
        match self {
            Self::Sqlite(connection) => {
                connection.query_row(query, [], |row| row.get(0)).map_err(told)
            }
            Self::Postgres(client) => {
                let row = client.query_one(query, &[]).await.map_err(explained)?;
                row.try_get(0).map_err(explained)
            }
        }
    }

    /// The one text that a query finds.
    pub(crate) async fn text(&self, query: &str) -> Result<String, String> {
        match self {
            Self::Sqlite(connection) => {
                connection.query_row(query, [], |row| row.get(0)).map_err(told)
            }
            Self::Postgres(client) => {
                let row = client.query_one(query, &[]).await.map_err(explained)?;
                row.try_get(0).map_err(explained)
            }
        }
    }

    /// The tiles of a store that are not full.
    pub(crate) async fn edge(&self, store: i64) -> Result<Vec<(Place, Vec<u8>)>, String> {
        let query = format!(
            "SELECT level, number, hashes FROM ledger_tile WHERE store_id = {store} AND length(hashes) < 8192"
        );
        let found: Vec<(i64, i64, Vec<u8>)> = match self {
            Self::Sqlite(connection) => {
                let read = || {
                    let mut statement = connection.prepare(&query)?;
                    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                    statement.query_map([], row)?.collect::<rusqlite::Result<_>>()
                };
                read().map_err(told)?
            }
            Self::Postgres(client) => {
                let rows = client.query(&query, &[]).await.map_err(explained)?;
                rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
            }
        };
        let place = |(level, number, hashes): (i64, i64, Vec<u8>)| {
            let level = u8::try_from(level).map_err(|e| e.to_string())?;
            Ok((Place { level, number: number.unsigned_abs() }, hashes))
        };
        found.into_iter().map(place).collect()
    }

    /// Add leaves from this one on, and tiles.
    pub(crate) async fn add(
        &self,
        store: i64,
        from: u64,
        leaves: &[(String, Hash)],
        tiles: &[(Place, Vec<u8>)],
    ) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => add(connection, store, from, leaves, tiles).map_err(told),
            Self::Postgres(client) => {
                let numbered = (from..).zip(leaves);
                let lines = numbered.map(|(leaf, (json, _))| {
                    format!("{store}\t{leaf}\t{}\n", json.replace('\\', r"\\"))
                });
                copy(client, "COPY ledger_leaf (store_id, leaf, json) FROM STDIN", lines).await?;
                let lines = tiles.iter().map(|(Place { level, number }, hashes)| {
                    format!("{store}\t{level}\t{number}\t\\\\x{}\n", kernel::hex(hashes))
                });
                let statement = "COPY ledger_tile (store_id, level, number, hashes) FROM STDIN";
                copy(client, statement, lines).await
            }
        }
    }

    /// The same where webhooks are measured.
    pub(crate) async fn tidy_up(&self) -> Result<(), String> {
        match self {
            Self::Sqlite(_) => self.tidy().await,
            Self::Postgres(client) => {
                for statement in ["VACUUM (ANALYZE) outbox", "CHECKPOINT"] {
                    client.batch_execute(statement).await.map_err(explained)?;
                }
                Ok(())
            }
        }
    }

    /// Leave nothing to be tidied up while somebody measures.
    pub(crate) async fn tidy(&self) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .map_err(told),
            Self::Postgres(client) => {
                for statement in ["VACUUM (FREEZE, ANALYZE) ledger_leaf, ledger_tile", "CHECKPOINT"]
                {
                    client.batch_execute(statement).await.map_err(explained)?;
                }
                Ok(())
            }
        }
    }
}

fn add(
    connection: &Connection,
    store: i64,
    from: u64,
    leaves: &[(String, Hash)],
    tiles: &[(Place, Vec<u8>)],
) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let leaf = "INSERT INTO ledger_leaf (store_id, leaf, json) VALUES (?1, ?2, ?3)";
    let mut leaf = connection.prepare_cached(leaf)?;
    for (at, (json, _)) in (from.cast_signed()..).zip(leaves) {
        leaf.execute(params![store, at, json])?;
    }
    let tile = "INSERT INTO ledger_tile (store_id, level, number, hashes) VALUES (?1, ?2, ?3, ?4)";
    let mut tile = connection.prepare_cached(tile)?;
    for (Place { level, number }, hashes) in tiles {
        tile.execute(params![store, level, number.cast_signed(), hashes])?;
    }
    transaction.commit()
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn told(error: rusqlite::Error) -> String {
    format!("SQLite: {error}")
}
