//! Attribute values: what is known of a customer under one of the store's [attributes](crate::attributes).
//!
//! There is at most one for a customer and an attribute. It goes with either of them.

pub mod model;
pub mod ops;
pub mod rows;
pub mod shape;
pub mod v3;
pub mod within;
