//! Metafields: what an app keeps beside a customer, under a namespace and a key of its own.
//!
//! Each belongs to the API account that made it, which says whether others may see or change it. Of a
//! batch each row stands or falls alone, as published.

pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
