//! Channels, as far as customers need them: where a store sells. Every store has channel 1.
//!
//! BigCommerce keeps them in an API of its own; here a channel is there as soon as a customer or
//! [`own`] names it, and stays. Whoever adds one holds the store's counter of channels.

pub mod model;
pub mod ops;
pub mod own;
pub mod rows;
