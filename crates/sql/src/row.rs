use std::{any::type_name, cell::Cell as Shared};

use crate::{Error, Primitive, Result, Value, postgres, sqlite, value::Cell};

/// A row, whichever engine it came from.
pub struct Row<'r> {
    source: Source<'r>,
    /// Where the next column is likely to be: rows are mostly read in the order they were selected, so
    /// a lookup by name is mostly one comparison.
    likely: Shared<usize>,
}

#[derive(Clone, Copy)]
pub(crate) enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    pub(crate) fn new(source: Source<'r>) -> Self {
        Self { source, likely: Shared::new(0) }
    }

    /// Read one column by its name, exactly as selected. Fails when there is no such column, or when it
    /// does not hold a `V`. The error, which is logged, names `V` and repeats nothing that the column
    /// holds, nor what [`Value::from_repr`] says of it.
    pub fn get<V: Value>(&self, column: &str) -> Result<V> {
        let index =
            self.position(column).ok_or_else(|| Error::column(column, "was not selected"))?;
        self.likely.set(index + 1);
        (self.cell(index))
            .and_then(V::Repr::from_cell)
            .and_then(|repr| {
                V::from_repr(repr).map_err(|_| format!("holds no {}", type_name::<V>()))
            })
            .map_err(|reason| Error::column(column, reason))
    }

    fn position(&self, column: &str) -> Option<usize> {
        let (likely, width) = (self.likely.get(), self.width());
        (likely..width).chain(0..likely.min(width)).find(|&index| self.name(index) == Some(column))
    }

    fn width(&self) -> usize {
        match self.source {
            Source::Sqlite(row) => row.as_ref().column_count(),
            Source::Postgres(row) => row.len(),
        }
    }

    fn name(&self, index: usize) -> Option<&str> {
        match self.source {
            Source::Sqlite(row) => row.as_ref().column_name(index).ok(),
            Source::Postgres(row) => row.columns().get(index).map(tokio_postgres::Column::name),
        }
    }

    fn cell(&self, index: usize) -> Result<Cell<'r>, String> {
        match self.source {
            Source::Sqlite(row) => sqlite::cell(row, index),
            Source::Postgres(row) => postgres::cell(row, index),
        }
    }
}

/// A type that is read from one row.
pub trait FromRow: Sized {
    /// Read it, column by column; in the order they were selected is fastest.
    fn from_row(row: &Row<'_>) -> Result<Self>;
}

/// A row whose being there is all that matters.
impl FromRow for () {
    fn from_row(_: &Row<'_>) -> Result<Self> {
        Ok(())
    }
}

/// The first column, of a row that needs no name for it.
impl<V: Value> FromRow for (V,) {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let column = row.name(0).ok_or_else(|| Error::column("1", "was not selected"))?;
        Ok((row.get(column)?,))
    }
}
