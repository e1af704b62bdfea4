//! The asked part of a list.

/// Some rows of a list: those of a page by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first of them, counted from 0.
    pub offset: i64,
    /// Rows at most.
    pub limit: i64,
}

impl Part {
    /// Whether it is near the beginning: a few pages of an index lead to it, so that it may be read beside other
    /// requests.
    #[must_use]
    pub fn is_near(self) -> bool {
        self.offset <= 2_000
    }

    /// This part of rows that are at hand already.
    pub fn of<T>(self, rows: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        let index = |number| usize::try_from(number).unwrap_or(usize::MAX);
        rows.into_iter().skip(index(self.offset)).take(index(self.limit))
    }
}
