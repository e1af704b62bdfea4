//! Deliveries of webhooks, as their owners see them: what became of each event, what is asked for once more, and what a
//! customer that goes takes along. The crate `delivery` makes them.

pub mod model;
pub mod ops;
pub mod own;
pub mod rows;
