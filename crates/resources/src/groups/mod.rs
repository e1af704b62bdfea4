//! Customer groups: what members may see, and what they pay.
//!
//! Whoever makes, changes or deletes a group holds the store's counter of groups; whoever puts a customer into
//! one, or names one in settings, shares it. So no group goes while somebody joins it, and of two that are
//! made the default one after the other is left.

pub mod model;
pub mod ops;
pub mod rows;
pub mod v2;
