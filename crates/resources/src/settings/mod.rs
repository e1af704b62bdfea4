//! Settings of customers: for the store, and for a channel that wants it otherwise.

pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
