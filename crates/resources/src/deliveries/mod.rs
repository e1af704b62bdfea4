//! Deliveries of webhooks: what is kept of them, which a customer that goes takes along. The crate `delivery` makes them.

pub mod rows;
