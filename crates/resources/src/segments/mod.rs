//! Segments: groups of shoppers, to offer them the same things. A store has a thousand at most.
//!
//! What is in a segment are shopper profiles, of which a customer has one at most. Profiles have a folder of
//! their own, and so have the memberships that join the two.

pub mod model;
pub mod ops;
pub mod rows;
pub mod v3;
