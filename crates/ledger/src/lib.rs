//! The mathematics of the ledger: what a leaf is, how leaves make a tree, how its head is signed, and what a
//! receipt proves to a stranger. Nothing here
//! reads or writes anything, and nothing here knows HTTP or SQL.
#![warn(missing_docs)]

pub mod checkpoint;
pub mod export;
pub mod leaf;
pub mod proof;
pub mod receipt;
pub mod recount;
pub mod tree;
