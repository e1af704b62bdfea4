//! What a store tells of itself, and how all that it holds is removed.
//!
//! Stores are made, listed and closed in `access::stores`: they are no business of a request.

pub mod ops;
pub mod rows;
pub mod v2;
