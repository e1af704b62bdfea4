//! What every endpoint shares: the application's state, routes with their scopes, how requests are read
//! and answers written, in V2's words and in V3's.
#![warn(missing_docs)]

mod admit;
mod answer;
mod app;
mod body;
mod query;
mod routes;
mod shelf;
mod undone;
mod written;

pub mod cookies;
pub mod json;
pub mod labour;
pub mod storefront;
pub mod turns;
pub mod v2;
pub mod v3;

pub use access::{Caller, Quirk};

pub use self::{
    admit::Peer,
    answer::{Cause, NoContent, Plain},
    app::{App, Parts, Settings},
    labour::Labour,
    routes::{Operation, Routes, Version},
    shelf::{Sheet, Shelf, Shown},
    turns::Turns,
    undone::Undone,
};

/// What every operation's description shares, in OpenAPI: how V2 and V3 refuse, pages, headers, the token.
pub const OPENAPI: &str = include_str!("openapi.json");
