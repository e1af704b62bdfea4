//! Wishlists: what a customer would like to have. They belong to the customer and go with it.
//!
//! Products are known by their numbers alone: the catalogue is another service's.

pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
pub mod within;
