//! Shopper profiles: what stands for a customer in segments. A customer has one at most, and it goes with the
//! customer. The operations on the profiles of a segment are here too: profiles are what they show.

pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
pub mod within;
