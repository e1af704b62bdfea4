//! Who is calling, and what they may do: stores, API accounts, tokens, plans and their limits.
//!
//! Stores and accounts are written by operators alone (the command line), never by a request. What a
//! request needs to know of them is held in memory, by the SHA-256 of the token, or by the storefront's domain.

mod account;
mod author;
mod caller;
mod crowd;
mod plan;
mod quirks;
mod rows;
mod seal;
mod secrets;
mod site;
mod store;
mod tokens;
mod visitor;

pub mod accounts;
pub mod jwt;
pub mod rate;
pub mod signing;
pub mod sites;
pub mod stores;

pub use self::{
    account::{Account, Credentials},
    author::Author,
    caller::{Caller, RequestId},
    plan::Plan,
    quirks::{Quirk, Quirks},
    seal::{Seal, SealError},
    secrets::{Grace, NoGrace, Secrets},
    site::{Domain, NoDomain, Site},
    store::{Store, is_store_hash},
    tokens::Tokens,
    visitor::Visitor,
};
