//! One folder per resource; inside it one file per layer: `model` (rules) < `rows` (all SQL) < `ops`
//! (transactions, events, audit) < `v2`, `v3` (the wire). `tests/tidy.rs` holds the direction.

pub mod accounts;
pub mod addresses;
pub mod attribute_values;
pub mod attributes;
pub mod audit;
pub mod channels;
pub mod consent;
pub mod counters;
pub mod customers;
pub mod deliveries;
pub mod form_fields;
pub mod groups;
pub mod hooks;
pub mod instruments;
pub mod ledger;
pub mod listeners;
pub mod memberships;
pub mod metafields;
mod openapi;
pub mod outbox;
#[cfg(test)]
mod plans;
pub mod policies;
pub mod segments;
pub mod sessions;
pub mod settings;
pub mod shopper_profiles;
pub mod sign_in;
pub mod sign_up;
pub mod stores;
pub mod subscribers;
pub mod wishlists;

use rest::Routes;
use sql::Migration;

pub use self::openapi::OPENAPI;

/// Every route of every resource.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let routes = customers::v3::routes(routes);
    let routes = consent::v3::routes(routes);
    let routes = consent::own::routes(routes);
    let routes = policies::own::routes(routes);
    let routes = ledger::own::routes(routes);
    let routes = form_fields::v3::routes(routes);
    let routes = addresses::v3::routes(routes);
    let routes = settings::v3::routes(routes);
    let routes = instruments::v3::routes(routes);
    let routes = sign_in::v3::routes(routes);
    let routes = subscribers::v3::routes(routes);
    let routes = wishlists::v3::routes(routes);
    let routes = segments::v3::routes(routes);
    let routes = shopper_profiles::v3::routes(routes);
    let routes = attributes::v3::routes(routes);
    let routes = attribute_values::v3::routes(routes);
    let routes = metafields::v3::routes(routes);
    let routes = hooks::v3::routes(routes);
    let routes = customers::v2::routes(routes);
    let routes = addresses::v2::routes(routes);
    let routes = sign_in::v2::routes(routes);
    let routes = groups::v2::routes(routes);
    let routes = hooks::v2::routes(routes);
    let routes = stores::v2::routes(routes);
    let routes = sessions::storefront::routes(routes);
    let routes = sign_up::storefront::routes(routes);
    let routes = consent::storefront::routes(routes);
    let routes = accounts::own::routes(routes);
    let routes = channels::own::routes(routes);
    let routes = instruments::own::routes(routes);
    let routes = deliveries::own::routes(routes);
    customers::own::routes(routes)
}

/// The schema, script by script, oldest first. A script that has been released is never changed.
pub const SCHEMA: &[Migration] = &[
    script("0001_init", include_str!("../schema/0001_init.sql")),
    script("0002_addresses", include_str!("../schema/0002_addresses.sql")),
    script("0003_form_fields", include_str!("../schema/0003_form_fields.sql")),
    script("0004_attributes", include_str!("../schema/0004_attributes.sql")),
    script("0005_metafields", include_str!("../schema/0005_metafields.sql")),
    script("0006_groups", include_str!("../schema/0006_groups.sql")),
    script("0007_channels", include_str!("../schema/0007_channels.sql")),
    script("0008_instruments", include_str!("../schema/0008_instruments.sql")),
    script("0009_sign_in", include_str!("../schema/0009_sign_in.sql")),
    script("0010_subscribers", include_str!("../schema/0010_subscribers.sql")),
    script("0011_wishlists", include_str!("../schema/0011_wishlists.sql")),
    script("0012_segments", include_str!("../schema/0012_segments.sql")),
    script("0013_meetings", include_str!("../schema/0013_meetings.sql")),
    script("0014_ledger", include_str!("../schema/0014_ledger.sql")),
    script("0015_policies", include_str!("../schema/0015_policies.sql")),
    script("0016_domains", include_str!("../schema/0016_domains.sql")),
    script("0017_sessions", include_str!("../schema/0017_sessions.sql")),
    script("0018_evidence", include_str!("../schema/0018_evidence.sql")),
    script("0019_erasure", include_str!("../schema/0019_erasure.sql")),
    script("0020_hooks", include_str!("../schema/0020_hooks.sql")),
    script("0021_deliveries", include_str!("../schema/0021_deliveries.sql")),
    script("0022_secrets", include_str!("../schema/0022_secrets.sql")),
    script("0023_listeners", include_str!("../schema/0023_listeners.sql")),
    script("0024_waiting", include_str!("../schema/0024_waiting.sql")),
    script("0025_metafield_events", include_str!("../schema/0025_metafield_events.sql")),
    script("0026_metafield_outbox", include_str!("../schema/0026_metafield_outbox.sql")),
];

/// A script that both engines read alike.
const fn script(name: &'static str, text: &'static str) -> Migration {
    Migration { name, text, postgres: None }
}
