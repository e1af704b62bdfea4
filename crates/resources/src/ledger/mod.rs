//! The ledger: every declaration of consent as a leaf of its store's RFC 6962 tree, whose head is signed.
//!
//! Whoever declares writes the declaration alone. A sequencer appends what was declared, soon after; it is one at a time
//! for each store, as it holds the tree's head. Leaves have no person in them: the declaration has that, with what opens
//! the leaf's commitment to it, and goes when the customer goes.

pub mod model;
pub mod ops;
pub mod own;
pub mod rows;
pub mod sequencer;
pub mod walk;
