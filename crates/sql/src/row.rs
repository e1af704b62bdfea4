use std::{
    any::type_name,
    cell::{Cell, RefCell},
};

use crate::{Error, Primitive, Result, Value, postgres, sqlite, value::Cell as Held};

/// A row, whichever engine it came from.
pub struct Row<'r> {
    source: Source<'r>,
    places: &'r Places,
    /// How many columns were asked for.
    asked: Cell<usize>,
}

/// Where the columns were that rows of one statement were asked for, in the order in which they were asked. The rows are
/// read by the same lines of the program, so what each asks for next is mostly what the one before it did: then
/// looking at where the name is written says where the column is, and nothing is compared.
#[derive(Default)]
pub(crate) struct Places(RefCell<Vec<(&'static str, usize)>>);

impl Places {
    #[inline]
    fn known(&self, asked: usize, column: &'static str) -> Option<usize> {
        let places = self.0.borrow();
        places.get(asked).filter(|(name, _)| std::ptr::eq(*name, column)).map(|(_, index)| *index)
    }

    fn learn(&self, asked: usize, column: &'static str, index: usize) {
        let mut places = self.0.borrow_mut();
        if places.len() == asked {
            places.push((column, index));
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    pub(crate) fn new(source: Source<'r>, places: &'r Places) -> Self {
        Self { source, places, asked: Cell::new(0) }
    }

    /// Read one column by its name, exactly as selected; no two of them have one name. Fails when there is no such column, or when it
    /// does not hold a `V`. The error, which is logged, names `V` and repeats nothing that the column
    /// holds, nor what [`Value::from_repr`] says of it.
    pub fn get<V: Value>(&self, column: &'static str) -> Result<V> {
        let index =
            self.position(column).ok_or_else(|| Error::column(column, "was not selected"))?;
        self.read(index, column)
    }

    fn read<V: Value>(&self, index: usize, column: &str) -> Result<V> {
        (self.cell(index))
            .and_then(V::Repr::from_cell)
            .and_then(|repr| {
                V::from_repr(repr).map_err(|_| format!("holds no {}", type_name::<V>()))
            })
            .map_err(|reason| Error::column(column, reason))
    }

    #[inline]
    fn position(&self, column: &'static str) -> Option<usize> {
        let asked = self.asked.replace(self.asked.get() + 1);
        self.places.known(asked, column).or_else(|| self.look(asked, column))
    }

    /// Look for it among the names; first there where it stands if columns are read in the order they were selected.
    fn look(&self, asked: usize, column: &'static str) -> Option<usize> {
        let width = self.width();
        let mut order = (asked..width).chain(0..asked.min(width));
        let index = order.find(|&index| self.name(index) == Some(column))?;
        self.places.learn(asked, column, index);
        Some(index)
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

    #[inline]
    fn cell(&self, index: usize) -> Result<Held<'r>, String> {
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
        Ok((row.read(0, column)?,))
    }
}
