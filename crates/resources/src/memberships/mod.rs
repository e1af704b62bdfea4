//! Which shopper profile is in which segment. It has no wire of its own: segments and profiles show it.

pub mod rows;
