//! Customer attributes: what a store wants to know of every customer, beyond what the API publishes.
//!
//! A store has at most fifty. Each has a name and a kind; what is known of a customer is an
//! [attribute value](crate::attribute_values).

pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
