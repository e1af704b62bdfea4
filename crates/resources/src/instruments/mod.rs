//! Stored payment instruments: what a customer can pay with again, as the payment provider masked it.
//!
//! BigCommerce's API only shows them; [`own`] sets the scene. Whoever changes them holds their customer's row.

pub mod model;
pub mod ops;
pub mod own;
pub mod rows;
mod shape;
pub mod v3;
