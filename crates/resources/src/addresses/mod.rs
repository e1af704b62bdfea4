//! Addresses of customers. A customer has none twice: what is the same in all published fields is one.
//!
//! V3 works on the addresses of all customers, V2 below one; a V3 customer shows and brings along up to ten.

mod countries;
pub mod filter;
pub mod model;
pub mod ops;
pub mod rows;
pub mod shape;
pub mod v2;
pub mod v3;
pub mod within;
