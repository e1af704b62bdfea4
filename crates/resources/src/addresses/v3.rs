//! `GET`, `POST`, `PUT` and `DELETE /v3/customers/addresses`, and the addresses that a V3 customer shows.

use axum::{Extension, extract::State, http::Method};
use kernel::{AddressId, CustomerId, Error, Scope, Violations, fold};
use rest::{
    App, Caller, NoContent, Routes,
    json::{self, Read},
    v3::{Body, Failure, Fields, Json, Meta, NoParams, Page, Pagination, Params, Reply, Written},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    filter::{Filter, Part},
    model::{Address, Changes, Details, Kind, Named, Said},
    ops::{self, Answers, Done, Draft, Outcome, Row},
};
use crate::form_fields::{
    model::Said as Answered,
    shape::{self as form_fields, AnswerBody},
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers/addresses";
    routes
        .v3()
        .get(PATH, Scope::CustomersRead, list)
        .at_once(10, Method::POST, PATH, Scope::CustomersModify, create)
        .at_once(3, Method::PUT, PATH, Scope::CustomersModify, update)
        .delete(PATH, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<AddressBody>>> {
    let filter = filter(&mut params)?;
    let with_form_fields = !params.include(&[("formfields", ())])?.is_empty();
    let window = params.pages()?;
    params.finish()?;
    let part = Part { offset: (window.page - 1) * window.limit, limit: window.limit };
    let listing = ops::list(&app, &caller, &filter, part, with_form_fields).await?;
    let pagination = Pagination::new(&window, listing.addresses.len(), listing.total);
    let meta = Meta { pagination: Some(pagination.at_least_one_page()), ..Meta::default() };
    let body = |address| AddressBody::new(address, &listing.form_fields);
    Ok(Json(Page { data: listing.addresses.into_iter().map(body).collect(), meta }))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<AddressBody>>> {
    const TITLE: &str = "Create customer addresses failed.";
    let rows = body.many_rows(|fields| {
        let customer = CustomerId(fields.required("customer_id", json::integer));
        let mut said = whole(fields);
        said.state_or_province = Some(fields.required("state_or_province", json::text));
        said.postal_code = Some(fields.required("postal_code", json::text));
        (customer, said, answered(fields))
    })?;
    let draft = |(index, (customer, said, form_fields))| match checked(said) {
        Ok(details) => Ok((customer, Draft { details, form_fields })),
        Err(error) => Err(at_fault(TITLE, index, error)),
    };
    let drafts = rows.into_iter().enumerate().map(draft).collect::<Result<Vec<_>, _>>()?;
    let refused = |error| refused(TITLE, "customer_id", error);
    let done = ops::create(&app, &caller, &drafts).await.map_err(refused)?;
    Ok(Json(written(done)))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<AddressBody>>> {
    const TITLE: &str = "Update customer addresses failed.";
    let rows = body.many_rows(|fields| {
        let id = AddressId(fields.key("id", json::integer));
        let mut said = said(fields);
        said.first_name = fields.optional("first_name", json::text);
        said.last_name = fields.optional("last_name", json::text);
        said.address1 = fields.optional("address1", json::text);
        said.city = fields.optional("city", json::text);
        said.country = fields.optional("country_code", json::text).map(Named::Code);
        said.state_or_province = fields.optional("state_or_province", json::text);
        said.postal_code = fields.optional("postal_code", json::text);
        (id, said, answered(fields))
    })?;
    let changes = |(index, (id, said, form_fields))| match Changes::new(said) {
        Ok(changes) => Ok((id, changes, form_fields)),
        Err(error) => Err(at_fault(TITLE, index, in_words(error))),
    };
    let changes = rows.into_iter().enumerate().map(changes).collect::<Result<Vec<Row>, _>>()?;
    let refused = |error| refused(TITLE, "id", error);
    let done = ops::update(&app, &caller, None, &changes).await.map_err(refused)?;
    Ok(Json(written(done)))
}

/// Without `id:in` nothing is deleted, and 204 is the answer all the same (ruling 15).
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.integers("id:in")?.unwrap_or_default();
    params.finish()?;
    let ids: Vec<_> = ids.into_iter().map(AddressId).collect();
    ops::delete(&app, &caller, None, &ids).await?;
    Ok(NoContent)
}

fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let mut folded = |name| -> Result<Option<Vec<String>>, Failure> {
        Ok(params.texts(name)?.map(|texts| texts.iter().map(|text| fold(text)).collect()))
    };
    let (companies, names) = (folded("company:in")?, folded("name:in")?);
    Ok(Filter {
        ids: params.integers("id:in")?.map(|ids| ids.into_iter().map(AddressId).collect()),
        customers: params
            .integers("customer_id:in")?
            .map(|ids| ids.into_iter().map(CustomerId).collect()),
        names,
        companies,
    })
}

/// An address that a new customer brings along: state and postal code need not be said.
pub(crate) fn brought(fields: &mut Fields<'_>) -> (Said, Option<Vec<Answered>>) {
    let mut said = whole(fields);
    said.state_or_province = fields.optional("state_or_province", json::text);
    said.postal_code = fields.optional("postal_code", json::text);
    (said, answered(fields))
}

/// Check a whole address; what is at fault is told in V3's words.
pub(crate) fn checked(said: Said) -> kernel::Result<Details> {
    Changes::new(said).and_then(|changes| Details::new(&changes)).map_err(in_words)
}

/// Faults of what stands at a place in the body.
pub(crate) fn at_fault(title: &str, place: impl std::fmt::Display, error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused(title, faults.under(place)),
        error => error.into(),
    }
}

/// What every new address must say, and what it may.
fn whole(fields: &mut Fields<'_>) -> Said {
    let mut said = said(fields);
    said.first_name = Some(fields.required("first_name", json::text));
    said.last_name = Some(fields.required("last_name", json::text));
    said.address1 = Some(fields.required("address1", json::text));
    said.city = Some(fields.required("city", json::text));
    said.country = Some(Named::Code(fields.required("country_code", json::text)));
    said
}

/// What need never be said. Members that are published as read-only, or not published, are ignored.
fn said(fields: &mut Fields<'_>) -> Said {
    Said {
        company: fields.optional("company", json::text),
        phone: fields.optional("phone", json::text),
        kind: fields.optional("address_type", kind),
        address2: fields.optional("address2", json::text),
        ..Said::default()
    }
}

/// The values of form fields.
fn answered(fields: &mut Fields<'_>) -> Option<Vec<Answered>> {
    fields.optional("form_fields", form_fields::said)
}

fn kind(value: &Value) -> Read<Kind> {
    json::text(value)?.parse().map_err(|_| "error.expected.validenumvalue".into())
}

/// The domain's field names as V3 has them.
fn in_words(error: Error) -> Error {
    match error {
        Error::Invalid(faults) => Error::Invalid(
            faults.renamed(|field| if field == "country" { "country_code" } else { field }),
        ),
        error => error,
    }
}

/// A refusal of the whole batch. `key` is the member that names what was not found.
fn refused(title: &str, key: &str, error: Error) -> Failure {
    match error {
        Error::UnknownRow { index, what } => {
            let mut faults = Violations::default();
            faults.add(format!("{index}.{key}"), format!("invalid {what} ID"));
            Failure::refused(title, faults)
        }
        // Told by row already: only the whole address shows it.
        Error::Invalid(faults) => Failure::refused(title, faults),
        error => error.into(),
    }
}

/// What was written. An address that its customer has already is absent (published).
fn written(done: Done) -> Written<AddressBody> {
    let address = |outcome| match outcome {
        Outcome::Written(address) => Some(AddressBody::new(address, &done.form_fields)),
        Outcome::Duplicate(_) => None,
    };
    Written::new(done.outcomes.into_iter().filter_map(address).collect())
}

/// An address as V3 shows it, in the recorded order (observed.md 4.3).
#[derive(Serialize)]
pub(crate) struct AddressBody {
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
    pub(crate) fn new(address: Address, answers: &Answers) -> Self {
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
