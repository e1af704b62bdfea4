//! The JSON of an address that several operations share: those on addresses, and those on the customers that
//! show them and bring them along.

use kernel::Error;
use rest::{
    json::{self, Read},
    v3::{Failure, Fields},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{Address, Changes, Details, Kind, Named, Said},
    within::Answers,
};
use crate::form_fields::{
    answers::{self as form_fields, AnswerBody},
    model::Said as Answered,
};

/// An address that a new customer brings along: state and postal code need not be said.
pub fn brought(fields: &mut Fields<'_>) -> (Said, Option<Vec<Answered>>) {
    let mut said = whole(fields);
    said.state_or_province = fields.optional("state_or_province", json::text);
    said.postal_code = fields.optional("postal_code", json::text);
    (said, answered(fields))
}

/// Check a whole address; what is at fault is told in V3's words.
pub fn checked(said: Said) -> kernel::Result<Details> {
    Changes::new(said).and_then(|changes| Details::new(&changes)).map_err(in_words)
}

/// Faults of what stands at a place in the body.
pub fn at_fault(title: &str, place: impl std::fmt::Display, error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused(title, faults.under(place)),
        error => error.into(),
    }
}

/// What every new address must say, and what it may.
pub(super) fn whole(fields: &mut Fields<'_>) -> Said {
    let mut said = said(fields);
    said.first_name = Some(fields.required("first_name", json::text));
    said.last_name = Some(fields.required("last_name", json::text));
    said.address1 = Some(fields.required("address1", json::text));
    said.city = Some(fields.required("city", json::text));
    said.country = Some(Named::Code(fields.required("country_code", json::text)));
    said
}

/// What need never be said. Members that are published as read-only, or not published, are ignored.
pub(super) fn said(fields: &mut Fields<'_>) -> Said {
    Said {
        company: fields.optional("company", json::text),
        phone: fields.optional("phone", json::text),
        kind: fields.optional("address_type", kind),
        address2: fields.optional("address2", json::text),
        ..Said::default()
    }
}

/// The values of form fields.
pub(super) fn answered(fields: &mut Fields<'_>) -> Option<Vec<Answered>> {
    fields.optional("form_fields", form_fields::said)
}

fn kind(value: &Value) -> Read<Kind> {
    json::text(value)?.parse().map_err(|_| "error.expected.validenumvalue".into())
}

/// The domain's field names as V3 has them.
pub(super) fn in_words(error: Error) -> Error {
    match error {
        Error::Invalid(faults) => Error::Invalid(
            faults.renamed(|field| if field == "country" { "country_code" } else { field }),
        ),
        error => error,
    }
}

/// An address as V3 shows it, in the recorded order (observed.md 4.3).
#[derive(Serialize)]
pub struct AddressBody {
    id: i64,
    address1: String,
    address2: String,
    address_type: &'static str,
    city: String,
    company: String,
    country: &'static str,
    country_code: &'static str,
    customer_id: i64,
    first_name: String,
    last_name: String,
    phone: String,
    postal_code: String,
    state_or_province: String,
    /// Shown where they were asked for or sent, and where a customer was made with its addresses (observed.md 4.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    form_fields: Option<Vec<AnswerBody>>,
}

impl AddressBody {
    /// With its values, where the answers have any to show of it.
    pub fn new(address: Address, answers: &Answers) -> Self {
        let form_fields = answers.get(&address.id).cloned().map(form_fields::bodies);
        let Address { id, customer, details } = address;
        Self {
            id: id.0,
            address1: details.address1,
            address2: details.address2,
            address_type: details.kind.name(),
            city: details.city,
            company: details.company,
            country: details.country.name(),
            country_code: details.country.code(),
            customer_id: customer.0,
            first_name: details.first_name,
            last_name: details.last_name,
            phone: details.phone,
            postal_code: details.postal_code,
            state_or_province: details.state_or_province,
            form_fields,
        }
    }
}
