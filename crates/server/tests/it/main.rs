//! The service as its callers see it, each test on each engine. PostgreSQL is the one that
//! `CUSTODIA_TEST_POSTGRES` names; without it half of these fail.

mod addresses;
mod addresses_v2;
mod atomic;
mod attribute_values;
mod attributes;
mod channels;
mod compatibility;
mod consent;
mod customers_v2;
mod customers_v3;
mod docs;
mod document;
mod erasure;
mod evidence;
mod form_field_races;
mod form_field_values;
mod form_fields;
mod form_fields_of_addresses;
mod form_fields_of_customers;
mod groups;
mod headers;
mod history;
mod hooks;
mod instruments;
mod ledger;
mod ledger_verify;
mod limits;
mod listeners;
mod metafields;
mod odd;
mod pages;
mod passwords;
mod races;
mod receiver;
mod refusals;
mod robust;
mod secrets;
mod segments;
mod settings;
mod shelf;
mod sign_in;
mod sign_up;
mod snapshot;
mod storefront;
mod storefront_consent;
mod stores;
mod subscribers;
mod surface;
mod tenants;
mod waiting;
mod webhooks;
mod wire;
mod wishlists;

use testkit::Answer;

/// Compare request and answer, to the byte, with the snapshot of this operation and outcome. Both engines
/// have the same one. [`surface`] sees to it that every operation has some.
#[track_caller]
fn shows(answer: &Answer, outcome: &str) {
    let name = format!("{}@{outcome}", answer.operation(), outcome = outcome.replace(' ', "-"));
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, answer));
}
