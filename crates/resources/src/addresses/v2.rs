//! `/v2/customers/{customer_id}/addresses`: the same addresses, below their customer and in V2's words.

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse as _, Response},
};
use kernel::{AddressId, CustomerId, Error, Scope, Violations};
use rest::{
    App, Caller, Routes, json,
    v2::{Body, Empty, Failure, Fields, Ids, Json, NoParams, Params, Reply},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    model::{Address, Changes, Details, Kind, Named, Said},
    ops,
    within::{Answers, Draft, Outcome},
};
use crate::form_fields::{
    answers::{self, TextBody},
    model::Said as Answered,
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/customers/{customer_id}/addresses";
    const ONE: &str = "/customers/{customer_id}/addresses/{customer_address_id}";
    routes
        .v2()
        .get(ALL, Scope::CustomersRead, list)
        .post(ALL, Scope::CustomersModify, create)
        .delete(ALL, Scope::CustomersModify, delete_all)
        .get("/customers/{customer_id}/addresses/count", Scope::CustomersRead, count)
        .get(ONE, Scope::CustomersRead, get)
        .put(ONE, Scope::CustomersModify, update)
        .delete(ONE, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    mut params: Params,
) -> Reply<Response> {
    let window = params.window()?;
    params.finish()?;
    let (addresses, answers) =
        ops::list_of(&app, &caller, CustomerId(customer), window.part()).await?;
    if addresses.is_empty() {
        return Ok(Empty.into_response());
    }
    let body = |address| AddressBody::new(address, &answers);
    let bodies: Vec<_> = addresses.into_iter().map(body).collect();
    Ok(Json::ok(bodies).into_response())
}

/// `page` and `limit` are published here too, and change nothing.
async fn count(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    mut params: Params,
) -> Reply<Json<CountBody>> {
    params.window()?;
    params.finish()?;
    let count = ops::count_of(&app, &caller, CustomerId(customer)).await?;
    Ok(Json::ok(CountBody { count }))
}

/// `page` and `limit` are published here too, and change nothing.
async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer, id]): Ids<2>,
    mut params: Params,
) -> Reply<Json<AddressBody>> {
    params.window()?;
    params.finish()?;
    let found = ops::find(&app, &caller, CustomerId(customer), AddressId(id)).await?;
    let (address, answers) = found;
    Ok(Json::ok(AddressBody::new(address, &answers)))
}

/// An address that the customer has already is answered as it is, with 200: nothing was created.
async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<AddressBody>> {
    let said = body.object(MEMBERS, |fields| {
        let mut said = said(fields);
        said.first_name = Some(fields.required("first_name", json::text));
        said.last_name = Some(fields.required("last_name", json::text));
        said.phone = Some(fields.required("phone", json::text));
        said.address1 = Some(fields.required("street_1", json::text));
        said.city = Some(fields.required("city", json::text));
        said.state_or_province = Some(fields.required("state", json::text));
        said.postal_code = Some(fields.required("zip", json::text));
        said.country = Some(Named::Name(fields.required("country", json::text)));
        said
    })?;
    let details = Changes::new(said).and_then(|changes| Details::new(&changes)).map_err(refused)?;
    let drafts = [(CustomerId(customer), Draft { details, form_fields: SHOWN })];
    let mut done = ops::create(&app, &caller, &drafts).await.map_err(refused)?;
    match done.outcomes.pop() {
        Some(Outcome::Written(address)) => {
            Ok(Json::created(AddressBody::new(address, &done.form_fields)))
        }
        Some(Outcome::Duplicate(address)) => {
            Ok(Json::ok(AddressBody::new(address, &done.form_fields)))
        }
        None => Err(Error::internal("one address was made").into()),
    }
}

/// One that would become what the customer has already stays as it was, and is answered so.
async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer, id]): Ids<2>,
    _: NoParams,
    body: Body,
) -> Reply<Json<AddressBody>> {
    let said = body.object(MEMBERS, |fields| {
        let mut said = said(fields);
        said.first_name = fields.optional("first_name", json::text);
        said.last_name = fields.optional("last_name", json::text);
        said.phone = fields.optional("phone", json::text);
        said.address1 = fields.optional("street_1", json::text);
        said.city = fields.optional("city", json::text);
        said.state_or_province = fields.optional("state", json::text);
        said.postal_code = fields.optional("zip", json::text);
        said.country = fields.optional("country", json::text).map(Named::Name);
        said
    })?;
    let changes = [(AddressId(id), Changes::new(said).map_err(refused)?, SHOWN)];
    let of = Some(CustomerId(customer));
    let mut done = ops::update(&app, &caller, of, &changes).await.map_err(refused)?;
    match done.outcomes.pop() {
        Some(Outcome::Written(address) | Outcome::Duplicate(address)) => {
            Ok(Json::ok(AddressBody::new(address, &done.form_fields)))
        }
        None => Err(Error::internal("one address was changed").into()),
    }
}

async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer, id]): Ids<2>,
    _: NoParams,
) -> Reply<Empty> {
    let of = Some(CustomerId(customer));
    let gone = ops::delete(&app, &caller, of, &[AddressId(id)]).await?;
    if gone == 0 { Err(Error::NotFound("address").into()) } else { Ok(Empty) }
}

/// All of them; where `page` or `limit` is given, as published, those that the same page of the list shows.
async fn delete_all(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    mut params: Params,
) -> Reply<Empty> {
    let window = params.window_if_asked()?;
    params.finish()?;
    let customer = CustomerId(customer);
    match window {
        None => ops::delete_all_of(&app, &caller, customer).await?,
        Some(window) => ops::delete_part_of(&app, &caller, customer, window.part()).await?,
    }
    Ok(Empty)
}

/// What need never be said.
fn said(fields: &mut Fields) -> Said {
    Said {
        company: fields.optional("company", json::text),
        kind: fields.optional("address_type", kind),
        address2: fields.optional("street_2", json::text),
        ..Said::default()
    }
}

fn kind(value: &Value) -> json::Read<Kind> {
    json::text(value)?.parse().map_err(|_| "not a kind of address".into())
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Error::Invalid(in_words(faults)).into(),
        Error::UnknownRow { what, .. } => Error::NotFound(what).into(),
        error => error.into(),
    }
}

/// The domain's field names as V2 has them. V2 writes one address at a time: its place is not told.
fn in_words(faults: Violations) -> Violations {
    faults.renamed(|field| match field.trim_start_matches("0.") {
        "address1" => "street_1",
        "address2" => "street_2",
        "state_or_province" => "state",
        "postal_code" => "zip",
        _ => field,
    })
}

#[derive(Serialize)]
struct CountBody {
    count: i64,
}

/// An address as V2 shows it, in the recorded order (observed.md 8.2).
#[derive(Serialize)]
struct AddressBody {
    id: i64,
    customer_id: i64,
    first_name: String,
    last_name: String,
    company: String,
    street_1: String,
    street_2: String,
    city: String,
    state: String,
    zip: String,
    country: &'static str,
    country_iso2: &'static str,
    phone: String,
    address_type: &'static str,
    form_fields: Option<Vec<TextBody>>,
}

impl AddressBody {
    fn new(address: Address, answers: &Answers) -> Self {
        let form_fields = answers.get(&address.id).and_then(|values| answers::texts(values));
        let Address { id, customer, details } = address;
        Self {
            id: id.0,
            customer_id: customer.0,
            first_name: details.first_name,
            last_name: details.last_name,
            company: details.company,
            street_1: details.address1,
            street_2: details.address2,
            city: details.city,
            state: details.state_or_province,
            zip: details.postal_code,
            country: details.country.name(),
            country_iso2: details.country.code(),
            phone: details.phone,
            address_type: details.kind.name(),
            form_fields,
        }
    }
}

/// V2 changes no form field, and shows them all.
const SHOWN: Option<Vec<Answered>> = Some(Vec::new());

/// Every member a body may have. `id` and `country_iso2` are published as read-only, `customer_id` follows from
/// the path, and `form_fields` cannot be written (observed.md 8.3): they are ignored, because libraries send
/// whole objects back (ruling 22).
const MEMBERS: &[&str] = &[
    "first_name",
    "last_name",
    "company",
    "street_1",
    "street_2",
    "city",
    "state",
    "zip",
    "country",
    "phone",
    "address_type",
    "id",
    "customer_id",
    "country_iso2",
    "form_fields",
];
