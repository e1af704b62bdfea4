//! One folder per resource; inside it one file per layer: `model` (rules) < `rows` (all SQL) < `ops`
//! (transactions, events, audit) < `v2`, `v3` (the wire). `tests/tidy.rs` holds the direction.

pub mod attribute_values;
pub mod attributes;
pub mod audit;
pub mod consent;
pub mod counters;
pub mod customers;
pub mod metafields;
pub mod outbox;
pub mod stores;

use rest::Routes;
use sql::Migration;

/// Every route of every resource.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let routes = customers::v3::routes(routes);
    let routes = consent::v3::routes(routes);
    let routes = attributes::v3::routes(routes);
    let routes = attribute_values::v3::routes(routes);
    let routes = metafields::v3::routes(routes);
    let routes = customers::v2::routes(routes);
    stores::v2::routes(routes)
}

/// The schema, script by script, oldest first. A script that has been released is never changed.
pub const SCHEMA: &[Migration] = &[
    Migration { name: "0001_init", text: include_str!("../schema/0001_init.sql"), postgres: None },
    Migration {
        name: "0004_attributes",
        text: include_str!("../schema/0004_attributes.sql"),
        postgres: None,
    },
    Migration {
        name: "0005_metafields",
        text: include_str!("../schema/0005_metafields.sql"),
        postgres: None,
    },
];
