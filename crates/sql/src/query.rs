use std::{borrow::Cow, fmt::Write as _, marker::PhantomData};

use kernel::{Part, Span, Stretch};

use crate::{Bind, Error, FromRow, ReadTx, Result, Row, Writes, tx::Access, value::Datum};

/// The most values that [`Query::push_list`] takes.
pub const LIST_CAP: usize = 1024;

/// How many statements each connection keeps prepared: more than the program has constant texts. There is a
/// bound because filters combine into more texts than there is memory for; a statement takes some 30 KB in
/// `SQLite`, and 90 KB in a `PostgreSQL` session.
pub(crate) const KEPT: usize = 128;

/// With more parameters than this no engine keeps a statement prepared: there are many such texts and
/// each is large, while what it does takes longer than preparing it.
pub(crate) const LONG: usize = 64;

/// A statement being built for one transaction; `A` says whether it may write.
///
/// Text only ever comes from the program (`&'static str`) and data only ever goes in as a parameter, so
/// an injection cannot be written. Parameters are numbered `$1`, `$2`, … in the order they are bound,
/// wherever in the text they stand, and may stand there more than once.
#[must_use = "a query does nothing until it is executed or fetched"]
pub struct Query<'t, A> {
    tx: &'t mut ReadTx,
    text: Cow<'static, str>,
    params: Vec<Datum>,
    misuse: Option<&'static str>,
    access: PhantomData<A>,
}

impl<'t, A: Access> Query<'t, A> {
    pub(crate) fn new(tx: &'t mut ReadTx, text: &'static str) -> Self {
        let text = Cow::Borrowed(text);
        Self { tx, text, params: Vec::new(), misuse: None, access: PhantomData }
    }

    /// Bind the next `$n`.
    pub fn bind(mut self, value: impl Bind) -> Self {
        self.params.push(value.into_datum());
        self
    }

    /// Append text; for clauses that are there only when a filter is.
    pub fn push(mut self, text: &'static str) -> Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Append `$n` and bind to it.
    pub fn push_bind(self, value: impl Bind) -> Self {
        self.push_datum(value.into_datum())
    }

    /// Append `($n, $m, …)` and bind each value to it; stands after `IN`, never after `NOT IN`.
    ///
    /// The list is filled up to a power of two with its last value, or one statement for every length
    /// would fill the engines' caches. An empty list is `(NULL)`, which nothing is in. With more than
    /// [`LIST_CAP`] values the statement fails as [`Error::Misuse`].
    pub fn push_list(mut self, values: impl IntoIterator<Item: Bind>) -> Self {
        let mut values: Vec<Datum> =
            values.into_iter().take(LIST_CAP + 1).map(Bind::into_datum).collect();
        if values.len() > LIST_CAP {
            self.misuse = Some("a list of more than 1024 values");
            return self;
        }
        let Some(last) = values.last().cloned() else { return self.push("(NULL)") };
        values.resize(values.len().next_power_of_two(), last);
        for (index, value) in values.into_iter().enumerate() {
            self = self.push(if index == 0 { "(" } else { ", " }).push_datum(value);
        }
        self.push(")")
    }

    /// Append the clauses that take this part of the rows.
    pub fn push_part(self, part: Part) -> Self {
        self.push(" LIMIT ").push_bind(part.limit).push(" OFFSET ").push_bind(part.offset)
    }

    /// Append the clauses that take this stretch of the rows, and one more, which tells of a neighbour.
    pub fn push_stretch<P>(self, stretch: &Stretch<P>, limit: i64) -> Self {
        let query = self.push(" LIMIT ").push_bind(limit + 1);
        match stretch {
            Stretch::Offset(offset) => query.push(" OFFSET ").push_bind(*offset),
            Stretch::After(_) | Stretch::Before(_) => query,
        }
    }

    /// Append the clauses that keep a column of instants within a span, each there only when the span has
    /// that end. The text is ` AND ` and the column.
    pub fn push_span(mut self, and_column: &'static str, span: Span) -> Self {
        if let Some(from) = span.from {
            self = self.push(and_column).push(" >= ").push_bind(from);
        }
        if let Some(to) = span.to {
            self = self.push(and_column).push(" <= ").push_bind(to);
        }
        self
    }

    fn push_datum(mut self, value: Datum) -> Self {
        self.params.push(value);
        let _ = write!(self.text.to_mut(), "${}", self.params.len());
        self
    }

    /// All rows.
    pub async fn fetch_all<T: FromRow>(self) -> Result<Vec<T>> {
        self.fetch(usize::MAX).await
    }

    /// The first row, if there is any.
    pub async fn fetch_optional<T: FromRow>(self) -> Result<Option<T>> {
        Ok(self.fetch(1).await?.pop())
    }

    /// The first row, which must be there; [`Error::NoRow`] otherwise.
    pub async fn fetch_one<T: FromRow>(self) -> Result<T> {
        self.fetch_optional().await?.ok_or(Error::NoRow)
    }

    /// How the engine would go about it, a step a line; nothing is run. For tests that hold plans.
    pub async fn plan(mut self) -> Result<Vec<String>> {
        let explain = if self.tx.is_postgres() { "EXPLAIN " } else { "EXPLAIN QUERY PLAN " };
        self.text.to_mut().insert_str(0, explain);
        let steps: Vec<Step> = self.fetch_all().await?;
        Ok(steps.into_iter().map(|Step(step)| step).collect())
    }

    /// At most `most` rows. All that the statement writes is written, however few rows are taken.
    async fn fetch<T: FromRow>(self, most: usize) -> Result<Vec<T>> {
        self.tx.enter(self.misuse)?;
        self.tx.fetch(&self.text, &self.params, most, A::WRITES).await
    }
}

impl Query<'_, Writes> {
    /// Run it, and tell how many rows it inserted, changed or deleted.
    pub async fn execute(self) -> Result<u64> {
        self.tx.enter(self.misuse)?;
        self.tx.execute(&self.text, &self.params).await
    }
}

/// A pattern that finds a part anywhere, each of its characters standing for itself. No text that is
/// looked through is as long as `LONGEST`, and `SQLite` refuses patterns much longer: what is cut off could
/// not be found either.
#[must_use]
pub fn containing(part: &str) -> String {
    const LONGEST: usize = 10_000;
    let part = &part[..part.floor_char_boundary(LONGEST)];
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// One line of a plan, in the column that each engine calls by a name of its own.
struct Step(String);

impl FromRow for Step {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        row.get("detail").or_else(|_| row.get("QUERY PLAN")).map(Self)
    }
}
