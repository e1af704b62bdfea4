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

/// Some rows of a list that can also be entered at a row, whose place in it is a `P`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch<P> {
    /// From this row on, counted from 0.
    Offset(i64),
    /// What follows a place.
    After(P),
    /// What precedes a place. It is read backwards.
    Before(P),
}

impl<P> Stretch<P> {
    /// Whether it is near where the list is entered, as [`Part::is_near`] means it.
    #[must_use]
    pub fn is_near(&self) -> bool {
        match self {
            Self::Offset(offset) => Part { offset: *offset, limit: 0 }.is_near(),
            Self::After(_) | Self::Before(_) => true,
        }
    }

    /// Whether it is read against the order of the list.
    #[must_use]
    pub fn is_backwards(&self) -> bool {
        matches!(self, Self::Before(_))
    }

    /// Bring rows as they were read, one more than `limit` where there are more, to the limit and into the order
    /// of the list. Whether there are rows before them, and after them.
    pub fn cut<T>(&self, rows: &mut Vec<T>, limit: i64) -> (bool, bool) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let beyond = rows.len() > limit;
        rows.truncate(limit);
        match self {
            Self::Offset(offset) => (*offset > 0, beyond),
            Self::After(_) => (true, beyond),
            Self::Before(_) => {
                rows.reverse();
                (beyond, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stretch: Stretch<u8>, read: &[u8], expected: (&[u8], (bool, bool))) {
        let mut rows = read.to_vec();
        let more = stretch.cut(&mut rows, 2);
        assert_eq!((rows.as_slice(), more), expected);
    }

    #[test]
    fn one_row_more_than_asked_tells_of_a_neighbour() {
        check(Stretch::Offset(0), &[1, 2, 3], (&[1, 2], (false, true)));
        check(Stretch::Offset(4), &[5, 6], (&[5, 6], (true, false)));
        check(Stretch::After(3), &[4], (&[4], (true, false)));
        check(Stretch::After(3), &[4, 5, 6], (&[4, 5], (true, true)));
        check(Stretch::Before(4), &[3, 2, 1], (&[2, 3], (true, true)));
        check(Stretch::Before(3), &[2, 1], (&[1, 2], (false, true)));
        check(Stretch::Before(1), &[], (&[], (false, true)));
    }

    #[test]
    fn part_of_what_is_at_hand() {
        let part = |offset, limit| Part { offset, limit }.of(1..=5).collect::<Vec<_>>();
        assert_eq!(part(0, 2), [1, 2]);
        assert_eq!(part(4, 2), [5]);
        assert!(part(9, 2).is_empty());
    }
}
