//! Events that wait to be delivered. A row is written in the transaction of the change it tells of, so an
//! event exists exactly when its change does. The crate `delivery` takes them out of it.

pub mod model;
pub mod rows;
