//! One folder per resource; inside it one file per layer: `model` (rules) < `rows` (all SQL) < `ops`
//! (transactions, events, audit) < `v2`, `v3` (the wire). `tests/tidy.rs` holds the direction.

pub mod addresses;
pub mod audit;
pub mod consent;
pub mod counters;
pub mod customers;
pub mod form_fields;
pub mod outbox;
pub mod stores;

use rest::Routes;
use sql::Migration;

/// Every route of every resource.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let routes = customers::v3::routes(routes);
    let routes = consent::v3::routes(routes);
    let routes = form_fields::v3::routes(routes);
    let routes = customers::v2::routes(routes);
    let routes = addresses::v3::routes(routes);
    let routes = addresses::v2::routes(routes);
    stores::v2::routes(routes)
}

/// The schema, script by script, oldest first. A script that has been released is never changed.
pub const SCHEMA: &[Migration] = &[
    Migration { name: "0001_init", text: include_str!("../schema/0001_init.sql"), postgres: None },
    Migration {
        name: "0002_addresses",
        text: include_str!("../schema/0002_addresses.sql"),
        postgres: None,
    },
    Migration {
        name: "0003_form_fields",
        text: include_str!("../schema/0003_form_fields.sql"),
        postgres: None,
    },
];
