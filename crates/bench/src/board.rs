//! What can be current while some write and others read: for each customer, what they have declared, in order.
//!
//! Each customer is written by one connection, which asks again only when it was answered, and each declaration differs
//! from the three before it. So an answer tells which version it shows: it must be no older than what was acknowledged,
//! or shown to anybody, when the question was sent, and no newer than what had been sent when the answer came.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::data::DECLARATIONS;

/// All customers that are written and read.
#[derive(Default)]
pub(crate) struct Board(Mutex<Vec<Known>>);

/// One customer. Versions count from what was there at the beginning.
#[derive(Clone, Copy, Debug)]
struct Known {
    first: usize,
    sent: usize,
    acknowledged: usize,
    shown: usize,
}

impl Board {
    /// Customers from number 1 on, whose present declarations are these.
    pub(crate) fn new(present: &[usize]) -> Self {
        let known =
            present.iter().map(|&first| Known { first, sent: 0, acknowledged: 0, shown: 0 });
        Self(Mutex::new(known.collect()))
    }

    /// The oldest version that an answer may show to a question which is sent now.
    pub(crate) fn floor(&self, id: i64) -> usize {
        let known = self.known()[place(id)];
        known.acknowledged.max(known.shown)
    }

    /// The next declaration of a customer, which is sent now.
    pub(crate) fn send(&self, id: i64) -> usize {
        let known = &mut self.known()[place(id)];
        known.sent += 1;
        known.declaration(known.sent)
    }

    /// What was sent last is acknowledged.
    pub(crate) fn acknowledge(&self, id: i64) {
        let known = &mut self.known()[place(id)];
        known.acknowledged = known.sent;
    }

    /// Whether an answer that came just now may show the declaration that it does.
    pub(crate) fn may_show(&self, id: i64, floor: usize, shows: impl Fn(usize) -> bool) -> bool {
        let known = &mut self.known()[place(id)];
        let version = (floor..=known.sent).find(|version| shows(known.declaration(*version)));
        // The oldest that it can be, so that nobody is accused without a reason.
        known.shown = known.shown.max(version.unwrap_or(0));
        version.is_some()
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn declaration(&self, version: usize) -> usize {
        (self.first + version) % DECLARATIONS
    }
}

fn place(id: i64) -> usize {
    usize::try_from(id - 1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_neither_older_than_what_is_known_nor_newer_than_what_was_sent() {
        let board = Board::new(&[0, 2]);
        let shows = |id, floor, declaration| board.may_show(id, floor, |it| it == declaration);
        let before = board.floor(2);
        assert!(shows(2, before, 2) && !shows(2, before, 3), "nothing was sent");
        assert_eq!(board.send(2), 3);
        let during = board.floor(2);
        assert!(shows(2, during, 2), "it may not have arrived");
        assert!(shows(2, during, 3), "it may have arrived");
        assert!(shows(2, during, 2), "this was asked before that was answered");
        assert!(!shows(2, board.floor(2), 2), "somebody has seen the newer one");
        board.acknowledge(2);
        assert!(shows(2, board.floor(2), 3) && !shows(2, board.floor(2), 2));
        assert!(shows(1, board.floor(1), 0) && !shows(1, board.floor(1), 1), "another customer");
    }
}
