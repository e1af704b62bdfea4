//! Events that wait to be delivered. A row is written in the transaction of the change it tells of, so an
//! event exists exactly when its change does. Nothing delivers them yet.

pub mod model;
pub mod rows;
