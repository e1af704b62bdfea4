//! One statement on one connection, and what its errors mean.

use rusqlite::{
    Connection, ErrorCode, Statement,
    types::{ToSql, ToSqlOutput, ValueRef},
};

use crate::{
    Error, FromRow, Result, Row,
    query::LONG,
    row::{Places, Source},
    value::{Cell, Datum},
};

pub(super) fn execute(conn: &Connection, text: &str, params: &[Datum]) -> Result<u64> {
    prepared(conn, text, params, |statement| {
        bind(statement, params)?;
        if statement.column_count() == 0 {
            return Ok(statement.raw_execute().map_err(error)? as u64);
        }
        // With RETURNING there are rows to step over; the engine calls executing that a mistake.
        let mut rows = statement.raw_query();
        let mut count = 0;
        while rows.next().map_err(error)?.is_some() {
            count += 1;
        }
        Ok(count)
    })
}

pub(super) fn fetch<T: FromRow>(
    conn: &Connection,
    text: &str,
    params: &[Datum],
    most: usize,
    writes: bool,
) -> Result<Vec<T>> {
    prepared(conn, text, params, |statement| {
        let reads = statement.readonly();
        if !reads && !writes {
            return Err(Error::Misuse("a write through a reading transaction"));
        }
        bind(statement, params)?;
        let mut rows = statement.raw_query();
        let (mut found, places) = (Ok(Vec::new()), Places::default());
        let mut count = 0;
        while let Some(row) = rows.next().map_err(error)? {
            if let (Ok(list), true) = (&mut found, count < most) {
                match T::from_row(&Row::new(Source::Sqlite(row), &places)) {
                    Ok(value) => list.push(value),
                    Err(error) => found = Err(error),
                }
            }
            count += 1;
            // A statement that writes runs to its end, whatever is wanted of its rows.
            if reads && (count >= most || found.is_err()) {
                break;
            }
        }
        found
    })
}

/// Run a statement that stays prepared for the next time, unless it is long.
fn prepared<T>(
    conn: &Connection,
    text: &str,
    params: &[Datum],
    run: impl FnOnce(&mut Statement<'_>) -> Result<T>,
) -> Result<T> {
    if params.len() > LONG {
        run(&mut conn.prepare(text).map_err(error)?)
    } else {
        let mut kept = conn.prepare_cached(text).map_err(error)?;
        run(&mut kept)
    }
}

/// What a column holds.
#[inline]
pub(crate) fn cell<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Result<Cell<'r>, String> {
    match row.get_ref(index) {
        Ok(ValueRef::Null) => Ok(Cell::Null),
        Ok(ValueRef::Integer(value)) => Ok(Cell::Int(value)),
        Ok(ValueRef::Real(value)) => Ok(Cell::Real(value)),
        Ok(ValueRef::Text(value)) => {
            std::str::from_utf8(value).map(Cell::Text).map_err(|_| "is not UTF-8".to_owned())
        }
        Ok(ValueRef::Blob(value)) => Ok(Cell::Bytes(value)),
        Err(error) => Err(error.to_string()),
    }
}

/// Bind by the number in each parameter's name: to `SQLite`, `$2` is a name like any other, and the first
/// to appear would be the first bound.
fn bind(statement: &mut Statement<'_>, params: &[Datum]) -> Result<()> {
    for index in 1..=statement.parameter_count() {
        let number = statement.parameter_name(index).and_then(|name| name[1..].parse().ok());
        let param = number.and_then(|n: usize| params.get(n.checked_sub(1)?));
        let param = param.ok_or(Error::Misuse("a parameter of the statement is not bound"))?;
        statement.raw_bind_parameter(index, param).map_err(error)?;
    }
    Ok(())
}

impl ToSql for Datum {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Bool(value) => value.to_sql(),
            Self::Int(value) => value.to_sql(),
            Self::Real(value) => value.to_sql(),
            Self::Text(value) => value.to_sql(),
            Self::Bytes(value) => value.to_sql(),
        }
    }
}

/// What an error means to a caller. `SQLite`'s words never hold a value: parameters are bound, not spelt.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(super) fn error(error: rusqlite::Error) -> Error {
    let words = format!("sqlite: {error}");
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::OutOfMemory
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed,
        ) => Error::Unavailable(words),
        _ => Error::Failed(words),
    }
}
