//! Who watches a store's events and their deliveries live. While somebody does, whoever delivers leaves a note of each event,
//! also of one that no webhook wants, and of each attempt; the listener takes its notes. Deliveries know nothing of it.

pub mod model;
pub mod ops;
pub mod rows;
