//! Checking an e-mail address and a password, as a storefront does when somebody signs in.
//!
//! Every check does the same work, whether there is such an account or not. Who fails too often waits, also for
//! an address that nobody has. Within a process one address is checked by one request at a time; between
//! processes each attempt is counted before it is looked at, so that many at once are no way around the lock.

pub mod model;
pub mod ops;
pub mod rows;
pub mod v2;
pub mod v3;
pub mod within;
