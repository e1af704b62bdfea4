//! Webhooks that lose nothing: what waits in the outbox is taken to those who subscribed to it. How that is done is told
//! at the top of `worker`; what happens next is decided in `model`, which knows no database, no network and no clock.

mod counts;
mod guard;
mod letter;
mod ops;
mod post;
mod rows;
mod worker;

pub mod model;

pub use self::{
    guard::Guard,
    model::{NoRung, Profile, Rung},
    post::{Dial, Post, System, roots},
    worker::Worker,
};
