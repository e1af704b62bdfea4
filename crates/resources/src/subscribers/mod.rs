//! Subscribers: who wants a store's newsletters, with or without an account.
//!
//! An address subscribes once. A subscriber belongs to no customer, also where both have one address: deleting
//! the customer leaves the subscriber (ruling 25); erasing it does not.

pub mod filter;
pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
pub mod within;
