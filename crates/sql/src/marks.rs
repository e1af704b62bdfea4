//! What is being changed, so that what was made of it can be kept in memory and is never shown when it is out of date.
//!
//! A *mark* stands for what changes together: a customer with all that is theirs, or all of a store. Whoever changes it
//! says so in the transaction ([`crate::WriteTx::mark`]). From before the commit until after it the mark is *moving*;
//! then it stands, elsewhere than before. Whoever keeps something looks where the mark stands *before* reading from the
//! database, keeps nothing while it moves, and shows what was kept only while the mark stands where it was seen.
//!
//! Why that is right. Let a page be kept that was read after its mark was seen standing at `s`. It has every change
//! committed by then, for a mark stands only when no commit that moves it is under way. A change that is committed
//! later moves the mark from `s` before it is committed, and no mark comes back to where it was. So while the mark
//! stands at `s` there is no such change, and the page is what the database would say: who reads the page and who reads
//! the database are told the same. While a mark moves everybody asks the database, whose readers never go back in time.
//! Several marks may share a place in the table: then something is read again that need not have been.
//!
//! That holds for what this process commits. What another one does to the same file (the command line, a second server)
//! is noticed when this process begins its next transaction, and is looked for four times a second: the database
//! counts the commits of others for the connection that writes. Then everything moves. So another process's change is seen a
//! quarter of a second late or so, as a token is that it revokes; where it cannot be looked, everything moves as well. `PostgreSQL` has no marks: there other servers
//! write all the time.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// What changes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    place: usize,
}

/// Where marks were seen standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    here: u64,
    everywhere: u64,
}

/// Where all marks stand.
#[derive(Debug)]
pub struct Marks {
    /// Of each place twice the number of its moves, and one more while it moves. One thread commits at a time.
    places: Box<[AtomicU64]>,
    /// The same of all marks at once.
    everywhere: AtomicU64,
}

impl Mark {
    /// The mark of one thing of a store; of all of it with 0, which is another.
    #[must_use]
    pub fn of(store: i64, thing: i64) -> Self {
        // A multiplication spreads numbers that follow each other (Knuth, 6.4); the upper bits are the best.
        let both = store.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ thing.unsigned_abs();
        let spread = both.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> (64 - PLACES.ilog2());
        Self { place: usize::try_from(spread).unwrap_or(0) }
    }
}

impl Default for Marks {
    fn default() -> Self {
        let places = std::iter::repeat_with(AtomicU64::default).take(PLACES).collect();
        Self { places, everywhere: AtomicU64::default() }
    }
}

impl Marks {
    /// Where a mark stands; `None` while it moves.
    #[must_use]
    pub fn standing(&self, mark: Mark) -> Option<Standing> {
        let here = self.places[mark.place].load(SeqCst);
        let everywhere = self.everywhere.load(SeqCst);
        (here.is_multiple_of(2) && everywhere.is_multiple_of(2))
            .then_some(Standing { here, everywhere })
    }

    /// These marks begin to move. What is committed may be read from now on.
    pub(crate) fn lift(&self, marks: &[Mark]) {
        for mark in marks {
            self.places[mark.place].fetch_or(1, SeqCst);
        }
    }

    /// They stand again, elsewhere. What was committed can be read by everybody.
    pub(crate) fn set_down(&self, marks: &[Mark]) {
        for mark in marks {
            // A place that two of them share is set down once.
            let lifted = |at: u64| (at % 2 == 1).then_some(at + 1);
            let _ = self.places[mark.place].fetch_update(SeqCst, SeqCst, lifted);
        }
    }

    /// Somebody else has changed something.
    pub(crate) fn move_all(&self) {
        self.everywhere.fetch_add(2, SeqCst);
    }
}

/// How many marks can be told apart.
const PLACES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_has_moved_never_stands_where_it_was() {
        let (marks, mark, other) = (Marks::default(), Mark::of(1, 7), Mark::of(1, 8));
        let mut seen = vec![marks.standing(mark).unwrap()];
        let others = marks.standing(other);
        for _ in 0..3 {
            marks.lift(&[mark, mark]);
            assert_eq!(marks.standing(mark), None);
            marks.set_down(&[mark, mark]);
            let standing = marks.standing(mark).unwrap();
            assert!(!seen.contains(&standing));
            seen.push(standing);
        }
        assert_eq!(marks.standing(other), others);
        marks.move_all();
        assert!(marks.standing(other).is_some() && marks.standing(other) != others);
        assert!(!seen.contains(&marks.standing(mark).unwrap()));
    }

    #[test]
    fn the_customers_of_a_store_spread_over_all_places() {
        let mut taken = vec![0_u32; PLACES];
        for thing in 0..i64::try_from(PLACES).unwrap() * 16 {
            taken[Mark::of(1_000, thing).place] += 1;
        }
        assert!(taken.iter().all(|count| (1..=64).contains(count)), "{taken:?}");
        assert_ne!(Mark::of(1, 2), Mark::of(2, 1));
    }
}
