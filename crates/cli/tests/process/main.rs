//! What the process promises, shown on the built binary: that nothing acknowledged is lost however it ends, that
//! it lives through a full disk, and that its command line does what it says.
//!
//! Each test has a database of its own, on `SQLite` and on the `PostgreSQL` of `CUSTODIA_TEST_POSTGRES`. With
//! `CUSTODIA_SOAK=1` the long ones are longer.

#[macro_use]
mod place;

mod authors;
mod command_line;
mod consent;
mod crash;
mod database;
mod delete;
mod dev;
mod erase;
mod full_disk;
mod http;
mod ledger;
mod listen;
mod logs;
mod receivers;
mod running;
mod start;
mod stop;
mod sync;
mod traffic;
mod webhooks;
