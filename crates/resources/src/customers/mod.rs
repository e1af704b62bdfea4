//! Customers: the aggregate root. Whatever else a store keeps of a person hangs on one.
//!
//! V3 and V2 show the same customers in two languages; both files are thin over the same `ops` and `model`.

pub mod belongings;
pub mod filter;
pub mod foreign_hash;
pub mod lists;
pub mod model;
pub mod ops;
pub mod own;
pub mod password;
pub mod rows;
pub mod standing;
pub mod v2;
pub mod v3;
pub mod within;
