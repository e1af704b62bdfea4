//! Development only: a running service for tests, on either engine, with two stores and an actor for each role.
//!
//! A test is written once with [`on_each_engine!`] and runs on both. Clock and chance are fixed, so that an
//! answer is the same to the byte whenever and wherever it is given.
#![expect(clippy::missing_panics_doc, reason = "a test ends by a panic, and its helpers end it")]

mod answer;
mod ask;
mod look;
mod place;
mod service;
mod wire;

pub use self::{
    answer::Answer,
    ask::Ask,
    place::{Engine, run},
    service::{NOON, Service, at_once},
    wire::Wire,
};

/// Write tests once; run each on every engine, as `sqlite::…` and `postgres::…` beside where they stand.
#[macro_export]
macro_rules! on_each_engine {
    ($($(#[$doc:meta])* async fn $name:ident($service:ident: Service $(,)?) $body:block)+) => {
        $($(#[$doc])* async fn $name($service: $crate::Service) $body)+

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::run($crate::Engine::Sqlite, super::$name).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::run($crate::Engine::Postgres, super::$name).await;
            })+
        }
    };
}
