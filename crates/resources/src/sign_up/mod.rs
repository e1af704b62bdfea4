//! Shoppers who make an account at a storefront.
//!
//! The account is a customer as the management API makes them, under the same rules, with what the form asks besides:
//! the store's own form fields, and whether newsletters are wanted. Who has made one is signed in.

pub mod form;
pub mod ops;
pub mod storefront;
