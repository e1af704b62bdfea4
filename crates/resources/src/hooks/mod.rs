//! Webhooks: which events an API account wants to be told of, and where they are sent. A webhook belongs to the
//! account that made it, and no other sees it; that of a revoked account stays, for whoever delivers to pass over.
//!
//! Here it is only said what is wanted. Nothing is sent, and no host is looked up.

pub mod model;
pub mod ops;
pub mod rows;
pub mod shape;
pub mod v2;
pub mod v3;
