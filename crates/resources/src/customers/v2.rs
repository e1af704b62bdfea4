//! `/v2/customers`: deprecated, and in use everywhere.

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse as _, Response},
};
use kernel::{CustomerId, Error, GroupId, Money, Scope, Stretch, Timestamp, Violations, fold};
use rest::{
    App, Caller, Quirk, Routes, Sheet, Shown, json,
    v2::{Body, Empty, Failure, Fields, Ids, Json, NoParams, Params, Reply},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    belongings::{Belongings, Draft, Wanted},
    filter::{Filter, Key, Order, Span, Text},
    model::{Changes, Customer, Password, Said},
    ops,
};
use crate::form_fields::{
    answers::{self, TextBody},
    model::Answer,
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/customers";
    const ONE: &str = "/customers/{customer_id}";
    routes
        .v2()
        .get(ALL, Scope::CustomersRead, list)
        .post(ALL, Scope::CustomersModify, create)
        .delete(ALL, Scope::CustomersModify, delete_all)
        .get("/customers/count", Scope::CustomersRead, count)
        .get(ONE, Scope::CustomersRead, get)
        .put(ONE, Scope::CustomersModify, update)
        .delete(ONE, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Response> {
    const OLDEST_FIRST: Order = Order { by: Key::Id, descending: false };
    let filter = filter(&mut params)?;
    let window = params.window()?;
    params.finish()?;
    let part = Stretch::Offset(window.part().offset);
    let listing =
        ops::list(&app, &caller, &filter, OLDEST_FIRST, &part, window.limit, SHOWN).await?;
    let Some(newest) = listing.customers.iter().map(|customer| customer.modified_at).max() else {
        return Ok(Empty.into_response());
    };
    let body = |customer| CustomerBody::new(customer, &listing.belongings, &app, &caller);
    let bodies = listing.customers.into_iter().map(body);
    Ok(Json::ok(bodies.collect::<Vec<_>>()).modified(newest).into_response())
}

async fn count(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<CountBody>> {
    let filter = filter(&mut params)?;
    params.finish()?;
    Ok(Json::ok(CountBody { count: ops::count(&app, &caller, &filter).await? }))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Sheet> {
    let is_published = caller.has(Quirk::V2PublishedFormats);
    let operation = if is_published { "v2 as published" } else { "v2" };
    let write = async || {
        let (customer, belongings) = ops::find(&app, &caller, CustomerId(id)).await?;
        shown(Json::ok, customer, &belongings, &app, &caller).sheet()
    };
    app.sheet(Shown::of(operation, caller.store, id), write).await
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<CustomerBody>> {
    let said = body.object(MEMBERS, |fields| {
        let mut said = said(fields);
        said.email = Some(fields.required("email", json::text));
        said.first_name = Some(fields.required("first_name", json::text));
        said.last_name = Some(fields.required("last_name", json::text));
        said
    })?;
    let draft = Draft { customer: checked(said)?, ..Draft::default() };
    let mut made = ops::create(&app, &caller, &[draft]).await.map_err(refused)?;
    let customer = made.customers.pop().ok_or_else(|| Error::internal("one customer was made"))?;
    Ok(shown(Json::created, customer, &made.belongings, &app, &caller))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Json<CustomerBody>> {
    let (said, form_fields) = body.object(MEMBERS, |fields| {
        let mut said = said(fields);
        said.email = fields.optional("email", json::text);
        said.first_name = fields.optional("first_name", json::text);
        said.last_name = fields.optional("last_name", json::text);
        (said, fields.optional("form_fields", json::list(sent_back)).unwrap_or_default())
    })?;
    let draft = Draft { customer: checked(said)?, ..Draft::default() };
    let changes = [(CustomerId(id), draft)];
    if !form_fields.is_empty() {
        let (_, belongings) = ops::find(&app, &caller, CustomerId(id)).await?;
        let answers = belongings.form_fields_of(CustomerId(id)).unwrap_or_default();
        refuse_others(&form_fields, answers)?;
    }
    let mut after = ops::update(&app, &caller, &changes, SHOWN).await.map_err(refused)?;
    let customer =
        after.customers.pop().ok_or_else(|| Error::internal("one customer was changed"))?;
    Ok(shown(Json::ok, customer, &after.belongings, &app, &caller))
}

async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([id]): Ids<1>,
    _: NoParams,
) -> Reply<Empty> {
    let gone = ops::delete(&app, &caller, &[CustomerId(id)]).await?;
    if gone.is_empty() { Err(Error::NotFound("customer").into()) } else { Ok(Empty) }
}

async fn delete_all(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Empty> {
    let filter = filter(&mut params)?;
    params.finish()?;
    ops::delete_matching(&app, &caller, &filter).await?;
    Ok(Empty)
}

/// What POST and PUT both read. Published read-only members are known, and ignored (ruling 22).
fn said(fields: &mut Fields) -> Said {
    let authentication = fields.optional("_authentication", |value| {
        let value = json::object(value)?;
        let password = json::member(value, "password", json::text)?;
        let confirmed = json::member(value, "password_confirmation", json::text)?;
        if confirmed.is_some() && confirmed != password {
            return Err("the passwords differ".into());
        }
        Ok((json::member(value, "force_reset", json::boolean)?, password))
    });
    let (force_password_reset, password) = authentication.unwrap_or_default();
    Said {
        company: fields.optional("company", json::text),
        phone: fields.optional("phone", json::text),
        notes: fields.optional("notes", json::text),
        tax_exempt_category: fields.optional("tax_exempt_category", json::text),
        registration_ip_address: fields.optional("registration_ip_address", json::text),
        group: fields.optional("customer_group_id", json::integer).map(GroupId),
        store_credit: fields.optional("store_credit", store_credit),
        force_password_reset,
        password: password.map(Password),
        ..Said::default()
    }
}

/// One of `form_fields` that a client sends: its name, and its value as it was shown.
fn sent_back(value: &Value) -> json::Read<(String, Option<String>)> {
    let value = json::object(value)?;
    let name = json::member(value, "name", json::text)?.ok_or("error.path.missing")?;
    Ok((name, json::member(value, "value", json::text)?))
}

/// Form fields are read-only here. A whole object may be sent back (ruling 22); whatever differs from what was
/// shown is refused in the recorded words (observed.md 8.3).
fn refuse_others(sent: &[(String, Option<String>)], answers: &[Answer]) -> Result<(), Failure> {
    let is_shown = |(name, value): &(String, Option<String>)| {
        let same = |answer: &Answer| answer.name == *name && Some(answer.value.to_text()) == *value;
        answers.iter().any(same)
    };
    if sent.iter().all(is_shown) { Ok(()) } else { Err(Failure::invalid("name")) }
}

/// An amount as number, as text or as integer (clients.md).
fn store_credit(value: &Value) -> json::Read<Money> {
    match value {
        Value::String(text) => text.parse().map_err(|_| "not an amount".into()),
        value => json::money(value),
    }
}

fn checked(said: Said) -> Result<Changes, Failure> {
    Changes::new(said).map_err(|error| match error {
        Error::Invalid(faults) => Error::Invalid(in_words(faults)).into(),
        error => error.into(),
    })
}

/// The domain's field names as V2 has them.
fn in_words(faults: Violations) -> Violations {
    faults.renamed(|field| if field == "password" { "_authentication" } else { field })
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Taken { field, .. } => {
            Failure::invalid(field).because("This email address is already in use by a customer.")
        }
        Error::UnknownRow { what, .. } => Error::NotFound(what).into(),
        // Named by its row, of which V2 has one.
        Error::Invalid(faults) => {
            Error::Invalid(faults.renamed(|field| field.trim_start_matches("0."))).into()
        }
        error => error.into(),
    }
}

/// The published filters; texts are compared without case where V3 compares them so.
fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let folded = [
        ("first_name", Text::FirstNameKey),
        ("last_name", Text::LastNameKey),
        ("company", Text::CompanyKey),
        ("email", Text::EmailKey),
    ];
    let as_written = [("phone", Text::Phone), ("tax_exempt_category", Text::TaxExemptCategory)];
    let mut texts = Vec::new();
    for (name, text) in folded {
        texts.extend(params.text(name).map(|value| (text, vec![fold(&value)])));
    }
    for (name, text) in as_written {
        texts.extend(params.text(name).map(|value| (text, vec![value])));
    }
    Ok(Filter {
        groups: params.integer("customer_group_id")?.map(|id| vec![GroupId(id)]),
        texts,
        store_credit: params.money("store_credit")?,
        min_id: params.integer("min_id")?,
        max_id: params.integer("max_id")?,
        created: Span::new(
            params.when("min_date_created")?,
            params.when("max_date_created")?,
            None,
        ),
        modified: Span::new(
            params.when("min_date_modified")?,
            params.when("max_date_modified")?,
            None,
        ),
        ..Filter::default()
    })
}

fn shown(
    json: fn(CustomerBody) -> Json<CustomerBody>,
    customer: Customer,
    belongings: &Belongings,
    app: &App,
    caller: &Caller,
) -> Json<CustomerBody> {
    let modified_at = customer.modified_at;
    json(CustomerBody::new(customer, belongings, app, caller)).modified(modified_at)
}

#[derive(Serialize)]
struct CountBody {
    count: i64,
}

/// A customer as V2 shows it, in the recorded order (observed.md 8.1). `_authentication` is in no answer, ever.
#[derive(Serialize)]
struct CustomerBody {
    id: i64,
    company: String,
    first_name: String,
    last_name: String,
    email: String,
    phone: String,
    form_fields: Option<Vec<TextBody>>,
    date_created: String,
    date_modified: String,
    store_credit: String,
    registration_ip_address: String,
    customer_group_id: i64,
    notes: String,
    tax_exempt_category: String,
    reset_pass_on_login: bool,
    accepts_marketing: bool,
    addresses: LinkBody,
}

#[derive(Serialize)]
struct LinkBody {
    url: String,
    resource: String,
}

impl CustomerBody {
    fn new(customer: Customer, belongings: &Belongings, app: &App, caller: &Caller) -> Self {
        let published = caller.has(Quirk::V2PublishedFormats);
        let date = |at: Timestamp| if published { at.to_rfc3339() } else { at.to_rfc2822() };
        let credit = customer.store_credit;
        let resource = format!("/customers/{}/addresses", customer.id.0);
        Self {
            id: customer.id.0,
            company: customer.company,
            first_name: customer.first_name,
            last_name: customer.last_name,
            email: customer.email,
            phone: customer.phone,
            form_fields: belongings.form_fields_of(customer.id).and_then(answers::texts),
            date_created: date(customer.created_at),
            date_modified: date(customer.modified_at),
            store_credit: if published {
                credit.to_two_decimals()
            } else {
                credit.to_four_decimals()
            },
            registration_ip_address: customer.registration_ip_address,
            customer_group_id: customer.group.0,
            notes: customer.notes,
            tax_exempt_category: customer.tax_exempt_category,
            reset_pass_on_login: customer.force_password_reset,
            accepts_marketing: customer.accepts_review_emails,
            addresses: LinkBody {
                url: format!(
                    "{}/stores/{}/v2{resource}",
                    app.settings.public_url,
                    caller.store_hash()
                ),
                resource,
            },
        }
    }
}

/// What V2 shows of what belongs to a customer.
const SHOWN: Wanted = Wanted {
    addresses: false,
    attributes: false,
    form_fields: true,
    shopper_profile: false,
    segments: false,
};

/// Every member a body may have; those published as read-only are ignored.
const MEMBERS: &[&str] = &[
    "_authentication",
    "company",
    "first_name",
    "last_name",
    "email",
    "phone",
    "store_credit",
    "registration_ip_address",
    "customer_group_id",
    "notes",
    "tax_exempt_category",
    "id",
    "date_created",
    "date_modified",
    "accepts_marketing",
    "addresses",
    "form_fields",
    "reset_pass_on_login",
];
