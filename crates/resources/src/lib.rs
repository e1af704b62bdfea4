//! One folder per resource; inside it one file per layer: `model` (rules) < `rows` (all SQL) < `ops`
//! (transactions, events, audit) < `v2`, `v3` (the wire). `tests/tidy.rs` holds the direction.

pub mod audit;
pub mod channels;
pub mod consent;
pub mod counters;
pub mod customers;
pub mod groups;
pub mod instruments;
pub mod outbox;
pub mod settings;
pub mod sign_in;
pub mod stores;

use rest::Routes;
use sql::Migration;

/// Every route of every resource.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let routes = customers::v3::routes(routes);
    let routes = consent::v3::routes(routes);
    let routes = settings::v3::routes(routes);
    let routes = customers::v2::routes(routes);
    let routes = groups::v2::routes(routes);
    let routes = stores::v2::routes(routes);
    let routes = instruments::v3::routes(routes);
    let routes = channels::own::routes(routes);
    let routes = instruments::own::routes(routes);
    let routes = sign_in::v3::routes(routes);
    let routes = sign_in::v2::routes(routes);
    customers::own::routes(routes)
}

/// The schema, script by script, oldest first. A script that has been released is never changed.
pub const SCHEMA: &[Migration] = &[
    Migration { name: "0001_init", text: include_str!("../schema/0001_init.sql"), postgres: None },
    Migration {
        name: "0006_groups",
        text: include_str!("../schema/0006_groups.sql"),
        postgres: None,
    },
    Migration {
        name: "0007_channels",
        text: include_str!("../schema/0007_channels.sql"),
        postgres: None,
    },
    Migration {
        name: "0008_instruments",
        text: include_str!("../schema/0008_instruments.sql"),
        postgres: None,
    },
    Migration {
        name: "0009_sign_in",
        text: include_str!("../schema/0009_sign_in.sql"),
        postgres: None,
    },
];
