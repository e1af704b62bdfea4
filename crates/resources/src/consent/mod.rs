//! Consent: what a shopper lets the storefront collect.
//!
//! Consent is a history of declarations, never a value that is overwritten. The API shows the latest one;
//! the earlier ones stay, with who made them and when, until the customer is deleted. What the ledger has of them stays.

pub mod guest;
pub mod model;
pub mod ops;
pub mod own;
pub mod rows;
mod shape;
pub mod storefront;
pub mod v3;
pub mod within;
