//! The mathematics of the ledger: what a leaf is, how leaves make a tree, and how its head is signed. Nothing here
//! reads or writes anything, and nothing here knows HTTP or SQL.
#![warn(missing_docs)]

pub mod checkpoint;
pub mod leaf;
pub mod tree;
