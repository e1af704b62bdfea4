//! One folder per resource; inside it one file per layer: `model` (rules) < `rows` (all SQL) < `ops`
//! (transactions, events, audit) < `v2`, `v3` (the wire). `tests/tidy.rs` holds the direction.

pub mod audit;
pub mod consent;
pub mod counters;
pub mod customers;
pub mod memberships;
pub mod outbox;
pub mod segments;
pub mod shopper_profiles;
pub mod stores;
pub mod subscribers;
pub mod wishlists;

use rest::Routes;
use sql::Migration;

/// Every route of every resource.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let routes = customers::v3::routes(routes);
    let routes = consent::v3::routes(routes);
    let routes = subscribers::v3::routes(routes);
    let routes = wishlists::v3::routes(routes);
    let routes = segments::v3::routes(routes);
    let routes = shopper_profiles::v3::routes(routes);
    let routes = customers::v2::routes(routes);
    stores::v2::routes(routes)
}

/// The schema, script by script, oldest first. A script that has been released is never changed.
pub const SCHEMA: &[Migration] = &[
    script("0001_init", include_str!("../schema/0001_init.sql")),
    script("0010_subscribers", include_str!("../schema/0010_subscribers.sql")),
    script("0011_wishlists", include_str!("../schema/0011_wishlists.sql")),
    script("0012_segments", include_str!("../schema/0012_segments.sql")),
];

/// A script that both engines read alike.
const fn script(name: &'static str, text: &'static str) -> Migration {
    Migration { name, text, postgres: None }
}
