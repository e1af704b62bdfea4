//! What is in the database, looked at past the service.

use sql::{FromRow, ReadTx, Row};

use crate::Service;

impl Service {
    /// The rows of one text column.
    pub async fn texts(&self, select: &str) -> Vec<String> {
        struct Text(String);
        impl FromRow for Text {
            fn from_row(row: &Row<'_>) -> sql::Result<Self> {
                <(String,)>::from_row(row).map(|(text,)| Self(text))
            }
        }
        let select: &'static str = String::leak(select.to_owned());
        let look = async |tx: &mut ReadTx| tx.query(select).fetch_all::<Text>().await;
        let rows: sql::Result<Vec<Text>> = self.app().db.snapshot(look).await;
        rows.expect(select).into_iter().map(|Text(text)| text).collect()
    }

    /// One number.
    pub async fn number(&self, select: &str) -> i64 {
        let select: &'static str = String::leak(select.to_owned());
        let found: sql::Result<(i64,)> =
            self.app().db.read(async |tx| tx.query(select).fetch_one().await).await;
        found.expect(select).0
    }

    /// Do something to the rows that no operation does.
    pub async fn meddle(&self, statement: &str) {
        let statement: &'static str = String::leak(statement.to_owned());
        let done: sql::Result<u64> =
            self.app().db.write(async |tx| tx.query(statement).execute().await).await;
        done.expect(statement);
    }

    /// Every event, oldest first: `store/customer/created {"type":"customer","id":1}`.
    pub async fn events(&self) -> Vec<String> {
        self.texts("SELECT scope || ' ' || data AS line FROM outbox ORDER BY store_id, event_id")
            .await
    }

    /// Every audit line, oldest first: `customer.updated 1 [email]`.
    pub async fn audit(&self) -> Vec<String> {
        self.texts(
            "SELECT action || ' ' || CAST(subject AS TEXT) || ' [' || fields || ']' AS line FROM audit
             ORDER BY store_id, audit_id",
        )
        .await
    }

    /// What a customer of acme declared: `1: allow [essential] deny []`, oldest first.
    pub async fn history(&self, customer: i64) -> Vec<String> {
        self.texts(&format!(
            "SELECT CAST(d.sequence AS TEXT) || ': allow [' || d.allow || '] deny [' || d.deny || ']' AS line
             FROM consent_declaration d JOIN store s ON s.store_id = d.store_id
             WHERE s.hash = 'acme' AND d.customer_id = {customer} ORDER BY d.sequence"
        ))
        .await
    }

    /// Everything that is kept, one line a row, table by table.
    pub async fn dump(&self) -> String {
        self.dump_where("").await
    }

    /// Everything that is kept of one store.
    pub async fn dump_of(&self, store: &str) -> String {
        let of =
            format!("WHERE store_id = (SELECT s.store_id FROM store s WHERE s.hash = '{store}')");
        self.dump_where(&of).await
    }

    /// Of tables whose rows belong to stores, those that are meant; all of the others.
    async fn dump_where(&self, meant: &str) -> String {
        let mut lines = Vec::new();
        for (table, columns) in tables() {
            let cells: Vec<String> = columns.iter().map(Column::shown).collect();
            let meant = if columns.iter().any(|it| it.name == "store_id") { meant } else { "" };
            let cells = cells.join(" || '|' || ");
            let select = format!("SELECT {cells} AS line FROM {table} {meant} ORDER BY 1");
            lines.extend(
                self.texts(&select).await.into_iter().map(|line| format!("{table}: {line}")),
            );
        }
        lines.join("\n")
    }
}

struct Column {
    name: String,
    is_bytes: bool,
}

impl Column {
    /// What a line of a script defines.
    fn defined(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next()?, words.next()?);
        Some(Self { name: name.to_owned(), is_bytes: kind.starts_with("BYTEA") })
    }

    fn shown(&self) -> String {
        let Self { name, is_bytes } = self;
        if *is_bytes {
            format!("COALESCE(CAST(LENGTH({name}) AS TEXT), 'NULL')")
        } else {
            format!("COALESCE(CAST({name} AS TEXT), 'NULL')")
        }
    }
}

/// Every table of the schema, with its columns.
fn tables() -> Vec<(String, Vec<Column>)> {
    let mut tables: Vec<(String, Vec<Column>)> = Vec::new();
    let script =
        resources::SCHEMA.iter().flat_map(|migration| migration.text.lines()).map(str::trim);
    let mut inside = false;
    for line in script {
        if let Some((table, column)) =
            line.strip_prefix("ALTER TABLE ").and_then(|rest| rest.split_once(" ADD COLUMN "))
        {
            let (_, columns) =
                tables.iter_mut().find(|(name, _)| name == table).expect("a table before");
            columns.extend(Column::defined(column));
        } else if let Some(name) = line.strip_prefix("CREATE TABLE ") {
            tables.push((name.trim_end_matches(" (").to_owned(), Vec::new()));
            inside = true;
        } else if line.starts_with(");") {
            inside = false;
        } else if inside && !line.starts_with("--") && !line.starts_with("CONSTRAINT") {
            let (_, columns) = tables.last_mut().expect("a table that was begun");
            columns.extend(Column::defined(line));
        }
    }
    tables
}
