//! One SQL text, two engines.
//!
//! Every statement in the workspace is written once, in the dialect `SQLite` and `PostgreSQL` share,
//! with `$n` parameters. This crate alone knows which engine runs it, and how that engine is made
//! fast, durable and safe to retry. It names no table but its own record of migrations.
#![warn(missing_docs)]

mod address;
mod db;
mod error;
mod marks;
mod migrate;
mod postgres;
mod query;
mod row;
mod scans;
mod sqlite;
mod tx;
mod value;

pub use self::{
    db::Db,
    error::{Error, Result},
    marks::{Mark, Marks, Standing},
    migrate::{Migration, migrate, pending},
    query::{LIST_CAP, Query, containing},
    row::{FromRow, Row},
    tx::{ReadTx, Reads, WriteTx, Writes},
    value::{Bind, Primitive, Value},
};
