//! Form fields: what a store asks beyond the built-in fields, on the form of a customer or of an address, and
//! what was answered there.
//!
//! A definition says what may be answered; whoever writes a value holds its definition, so that neither
//! changes under the other. `within` is what other resources do to values in transactions of their own,
//! `answers` the JSON of values that they show and read.

pub mod answers;
pub mod filter;
pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
pub mod within;
