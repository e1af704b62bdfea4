//! The rows themselves, without the code that is being tested.

use rusqlite::{Connection, types::ValueRef};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A connection of one's own; one SQL text for both engines, and every value as text.
pub(crate) enum Database {
    Sqlite(Connection),
    Postgres(Runtime, Client),
}

impl Database {
    pub(crate) fn open(address: &str) -> Self {
        if let Some(path) = address.strip_prefix("sqlite:") {
            let path = path.split('?').next().expect("a path");
            let conn = Connection::open(path).expect("the file opens");
            conn.busy_timeout(std::time::Duration::from_secs(20)).expect("patience");
            return Self::Sqlite(conn);
        }
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, connection) = runtime
            .block_on(tokio_postgres::connect(address, NoTls))
            .expect("the PostgreSQL server of CUSTODIA_TEST_POSTGRES answers");
        runtime.spawn(connection);
        Self::Postgres(runtime, client)
    }

    /// Run statements.
    pub(crate) fn run(&self, statements: &str) {
        if let Err(reason) = self.try_run(statements) {
            panic!("{reason}: {statements}");
        }
    }

    /// Run statements that may fail.
    pub(crate) fn try_run(&self, statements: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(conn) => {
                conn.execute_batch(statements).map_err(|reason| reason.to_string())
            }
            Self::Postgres(runtime, client) => runtime
                .block_on(client.batch_execute(statements))
                .map_err(|reason| format!("{reason}: {:?}", reason.as_db_error())),
        }
    }

    /// What a query finds.
    pub(crate) fn rows(&self, query: &str) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite(conn) => {
                let mut statement = conn.prepare(query).expect(query);
                let width = statement.column_count();
                let row = |row: &rusqlite::Row<'_>| {
                    (0..width).map(|column| row.get_ref(column).map(text)).collect()
                };
                let rows = statement.query_map([], row).expect(query);
                rows.map(|row| row.expect(query)).collect()
            }
            Self::Postgres(runtime, client) => {
                let messages = runtime.block_on(client.simple_query(query)).expect(query);
                let row = |message: &SimpleQueryMessage| {
                    let SimpleQueryMessage::Row(row) = message else { return None };
                    let cell = |column| row.get(column).unwrap_or("NULL").to_owned();
                    Some((0..row.len()).map(cell).collect())
                };
                messages.iter().filter_map(row).collect()
            }
        }
    }

    /// A query's first column, as numbers.
    pub(crate) fn numbers(&self, query: &str) -> Vec<i64> {
        self.rows(query).iter().map(|row| row[0].parse().expect(query)).collect()
    }

    /// The one number that a query finds.
    pub(crate) fn number(&self, query: &str) -> i64 {
        let numbers = self.numbers(query);
        assert_eq!(numbers.len(), 1, "{query}");
        numbers[0]
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}
