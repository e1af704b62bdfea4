//! The policies that a store's shoppers are shown when they are asked for consent.
//!
//! A policy is registered with its text and never changes: a declaration names it by the SHA-256 of that text, and
//! whoever has the text can check that it is the one.

pub mod model;
pub mod ops;
pub mod own;
pub mod rows;
