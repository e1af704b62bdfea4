//! `GET`, `POST`, `PUT` and `DELETE /v3/customers`.

use std::collections::BTreeMap;

use axum::{Extension, extract::State, http::Method};
use kernel::{
    ChannelId, CustomerId, Error, GroupId, Money, Scope, Timestamp, Uuid, Violations, fold,
};
use rest::{
    App, Caller, NoContent, Routes, Sheet, Shown, json,
    v3::{
        Body, Cursors, Failure, Fields, Json, Meta, NoParams, Page, Pagination, Params, Reply,
        Window, Written,
    },
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    belongings::{Belongings, Draft, Wanted},
    filter::{Filter, Key, Order, Place, PlaceKey, Span, Text},
    model::{Access, Changes, Customer, Password, Said},
    ops::{self, Listing},
    rows::LISTED,
};
use crate::{
    addresses::{
        self,
        model::{Embedded, MOST_EMBEDDED},
        shape::AddressBody,
        within::Answers,
    },
    attribute_values::{self, model::Embedded as Values, shape::ValueBody},
    form_fields::{
        answers::{self as form_fields, AnswerBody},
        model::Said as Answered,
    },
};

pub fn routes(routes: Routes) -> Routes {
    const PATH: &str = "/customers";
    routes
        .v3()
        .get(PATH, Scope::CustomersRead, list)
        .post(PATH, Scope::CustomersModify, create)
        .at_once(3, Method::PUT, PATH, Scope::CustomersModify, update)
        .delete(PATH, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Sheet> {
    let filter = filter(&mut params)?;
    let order = params.choice("sort", SORTS)?.unwrap_or(NEWEST_FIRST);
    let include = params.include(INCLUDES)?;
    let window = params.window()?;
    let sent = params.finish()?;

    let stretch = window.stretch(|cursor| place(cursor, order))?;
    let wanted = Wanted {
        addresses: include.contains(&Include::Addresses),
        attributes: include.contains(&Include::Attributes),
        form_fields: include.contains(&Include::FormFields),
        shopper_profile: include.contains(&Include::ShopperProfile),
        segments: include.contains(&Include::Segments),
    };
    let with_credit = include.contains(&Include::StoreCredit);
    let write = async || {
        let list = ops::list(&app, &caller, &filter, order, &stretch, window.limit, wanted).await;
        let listing = list.map_err(|error| match error {
            Error::NotFound(_) => Window::lost_cursor(),
            error => error.into(),
        })?;
        let meta = meta(&window, order, &listing, &sent);
        page(listing, meta, with_credit).sheet()
    };
    // What belongs to customers changes under other marks.
    if wanted != Wanted::default() {
        return write().await;
    }
    app.sheet(Shown::of("list", caller.store, LISTED).to(&sent), write).await
}

fn page(listing: Listing, meta: Meta, with_credit: bool) -> Json<Page<CustomerBody>> {
    let Listing { customers, belongings, .. } = listing;
    let body = |customer: Customer| {
        let addresses = belongings.addresses.as_ref().map(|all| all.get(&customer.id));
        let addresses = addresses.map(|shown| shown.cloned().unwrap_or_default());
        let values = belongings.attributes.as_ref().map(|all| all.get(&customer.id));
        let values = values.map(|shown| shown.cloned().unwrap_or_default());
        CustomerBody::new(customer, &belongings, with_credit)
            .with_attributes(values)
            .with_addresses(addresses, &belongings.address_form_fields)
    };
    Json(Page { data: customers.into_iter().map(body).collect(), meta })
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<CustomerBody>>> {
    const TITLE: &str = "Create customers failed.";
    let rows = body.rows(10, |fields| {
        let mut said = said(fields);
        said.email = Some(fields.required("email", json::text));
        said.first_name = Some(fields.required("first_name", json::text));
        said.last_name = Some(fields.required("last_name", json::text));
        said.origin_channel = fields.optional("origin_channel_id", json::channel);
        // No e-mail is ever sent; read, so that a wrong type is told.
        fields.optional("trigger_account_created_notification", json::boolean);
        let addresses = fields.objects("addresses", MOST_EMBEDDED, addresses::shape::brought);
        let attributes = fields.optional("attributes", attribute_values::shape::nested);
        let form_fields = fields.optional("form_fields", form_fields::said);
        (said, addresses, attributes, form_fields)
    })?;
    let mut drafts = Vec::with_capacity(rows.len());
    for (index, (said, addresses, attributes, form_fields)) in rows.into_iter().enumerate() {
        let customer = checked(said, index, TITLE)?;
        let addresses = brought(addresses, index, TITLE)?;
        drafts.push(Draft { customer, addresses, attributes, form_fields });
    }
    let refused = |error| refused(TITLE, ".customer_create", "creating", error);
    let made = ops::create(&app, &caller, &drafts).await.map_err(refused)?;
    let belongings = made.belongings;
    let body = |customer: Customer| {
        let brought = belongings.addresses.as_ref().and_then(|all| all.get(&customer.id).cloned());
        let values = belongings.attributes.as_ref().and_then(|all| all.get(&customer.id).cloned());
        CustomerBody::new(customer, &belongings, true)
            .with_attributes(values)
            .with_addresses(brought, &belongings.address_form_fields)
    };
    Ok(Json(Written::new(made.customers.into_iter().map(body).collect())))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<CustomerBody>>> {
    const TITLE: &str = "Update customers failed.";
    let rows = body.rows(10, |fields| {
        let id = CustomerId(fields.key("id", json::integer));
        let mut said = said(fields);
        said.email = fields.optional("email", json::text);
        said.first_name = fields.optional("first_name", json::text);
        said.last_name = fields.optional("last_name", json::text);
        (id, said, fields.optional("form_fields", form_fields::said))
    })?;
    let mut changes = Vec::with_capacity(rows.len());
    for (index, (id, said, form_fields)) in rows.into_iter().enumerate() {
        let customer = checked(said, index, TITLE)?;
        changes.push((id, Draft { customer, form_fields, ..Draft::default() }));
    }
    let refused = |error| refused(TITLE, ".customer_update", "updating", error);
    let after = ops::update(&app, &caller, &changes, Wanted::default()).await.map_err(refused)?;
    let body = |customer| CustomerBody::new(customer, &after.belongings, true);
    Ok(Json(Written::new(after.customers.into_iter().map(body).collect())))
}

/// Without `id:in` nothing is deleted, and 204 is the answer all the same, as published.
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.integers::<CustomerId>("id:in")?.unwrap_or_default();
    params.finish()?;
    ops::delete(&app, &caller, &ids).await?;
    Ok(NoContent)
}

/// What POST and PUT both read. Members that are published as read-only, or not published, are ignored.
fn said(fields: &mut Fields<'_>) -> Said {
    let authentication = fields.optional("authentication", |value| {
        let value = json::object(value)?;
        let reset = json::member(value, "force_password_reset", json::boolean)?;
        Ok((reset, json::member(value, "new_password", json::text)?))
    });
    let (force_password_reset, password) = authentication.unwrap_or_default();
    Said {
        company: fields.optional("company", json::text),
        phone: fields.optional("phone", json::text),
        notes: fields.optional("notes", json::text),
        tax_exempt_category: fields.optional("tax_exempt_category", json::text),
        group: fields.optional("customer_group_id", json::integer).map(GroupId),
        accepts_review_emails: fields
            .optional("accepts_product_review_abandoned_cart_emails", json::boolean),
        store_credit: fields.optional("store_credit_amounts", store_credit).flatten(),
        access: fields.nullable("channel_ids", json::list(json::channel)).map(access),
        force_password_reset,
        password: password.map(Password),
        ..Said::default()
    }
}

/// A list of amounts, of which there is one.
fn store_credit(value: &Value) -> json::Read<Option<Money>> {
    let amounts =
        json::list(|item| json::member(json::object(item)?, "amount", json::money))(value)?;
    if amounts.len() > 1 {
        Err("error.maxLength".into())
    } else {
        Ok(amounts.into_iter().flatten().next())
    }
}

fn access(channels: Option<Vec<ChannelId>>) -> Access {
    channels.map_or(Access::Global, |channels| Access::Channels(channels.into_iter().collect()))
}

/// Check what a row says; the first at fault is told, by its place.
fn checked(said: Said, index: usize, title: &str) -> Result<Changes, Failure> {
    Changes::new(said).map_err(|error| match error {
        Error::Invalid(faults) => Failure::refused(title, in_words(faults).under(index)),
        error => error.into(),
    })
}

/// Check the addresses that the customer of a row brings along; the first at fault is told.
fn brought(
    said: Option<Vec<(addresses::model::Said, Option<Vec<Answered>>)>>,
    index: usize,
    title: &str,
) -> Result<Option<Vec<addresses::within::Draft>>, Failure> {
    let check = |(at, (said, form_fields))| {
        let place = format!("{index}.addresses.{at}");
        let details = addresses::shape::checked(said)
            .map_err(|error| addresses::shape::at_fault(title, place, error))?;
        Ok(addresses::within::Draft { details, form_fields })
    };
    said.map(|said| said.into_iter().enumerate().map(check).collect()).transpose()
}

/// The domain's field names as V3 has them.
fn in_words(faults: Violations) -> Violations {
    faults.renamed(|field| match field {
        "password" => "authentication.new_password",
        "store_credit" => "store_credit_amounts.0.amount",
        same => same,
    })
}

/// A refusal of the whole batch, as recorded: an address in use is told under a key that begins with a dot,
/// an unknown customer under its place.
fn refused(title: &str, key: &str, doing: &str, error: Error) -> Failure {
    let mut faults = Violations::default();
    match error {
        Error::Taken { value, .. } => {
            faults.add(key, format!("Error {doing} customers: email {value} already in use"));
        }
        Error::UnknownRow { index, what } => {
            faults.add(format!("{index}.id"), format!("invalid {what} ID"));
        }
        // Found under a lock, and named by its row already.
        Error::Invalid(found) => faults = found,
        error => return error.into(),
    }
    Failure::refused(title, faults)
}

fn filter(params: &mut Params) -> Result<Filter, Failure> {
    let mut texts = Vec::new();
    let folded = [
        ("email:in", Text::EmailKey),
        ("name:in", Text::NameKey),
        ("company:in", Text::CompanyKey),
    ];
    for (name, text) in folded {
        texts.extend(
            params
                .texts(name)?
                .map(|values| (text, values.iter().map(|value| fold(value)).collect())),
        );
    }
    for (name, text) in
        [("phone:in", Text::Phone), ("registration_ip_address:in", Text::RegistrationIpAddress)]
    {
        texts.extend(params.texts(name)?.map(|values| (text, values)));
    }
    let parts = params.texts("name:like")?;
    Ok(Filter {
        ids: params.integers("id:in")?,
        groups: params.integers("customer_group_id:in")?,
        texts,
        name_parts: parts.map(|parts| parts.iter().map(|part| fold(part)).collect()),
        created: span(params, "date_created:min", "date_created:max", "date_created")?,
        modified: span(params, "date_modified:min", "date_modified:max", "date_modified")?,
        ..Filter::default()
    })
}

fn span(params: &mut Params, min: &str, max: &str, equal: &str) -> Result<Span, Failure> {
    Ok(Span::new(params.when(min)?, params.when(max)?, params.when(equal)?))
}

/// Read a cursor of this order (ruling 12).
fn place(cursor: &str, order: Order) -> Result<Place, Failure> {
    let cursor = Window::cursor(cursor)?;
    let number = |name: &str| cursor.get(name).and_then(Value::as_i64);
    let id = number("id").map(CustomerId).ok_or_else(Window::lost_cursor)?;
    let date =
        |name| number(name).map(Timestamp).map(PlaceKey::Date).ok_or_else(Window::lost_cursor);
    let key = match order.by {
        Key::Created => date("date_created")?,
        Key::Modified => date("date_modified")?,
        Key::Id | Key::LastName => PlaceKey::Id,
    };
    Ok(Place { id, key })
}

/// The cursor of a row. No personal data goes into it: a URL ends up in logs (ruling 12).
fn cursor(customer: &Customer, order: Order) -> Value {
    match order.by {
        Key::Id | Key::LastName => json!({"id": customer.id.0}),
        Key::Created => json!({"id": customer.id.0, "date_created": customer.created_at.0}),
        Key::Modified => json!({"id": customer.id.0, "date_modified": customer.modified_at.0}),
    }
}

/// Both blocks on the first page, one on the others (observed.md 6).
fn meta(window: &Window, order: Order, listing: &Listing, sent: &str) -> Meta {
    let count = listing.customers.len();
    let pagination =
        listing.total.map(|total| Pagination::new(window, count, total).at_least_one_page());
    let ends = listing.customers.first().zip(listing.customers.last());
    let ends = ends.map(|(first, last)| (cursor(first, order), cursor(last, order)));
    Meta::walked(window, pagination, Cursors::new(window, count, ends, listing.more, sent))
}

/// A customer as V3 shows it, in the recorded order (observed.md 4.1).
#[derive(Serialize)]
struct CustomerBody {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<Vec<AddressBody>>,
    // Where this goes is not recorded; addresses, which are, stand here (observed.md 4.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Vec<ValueBody>>,
    authentication: AuthenticationBody,
    company: String,
    customer_group_id: i64,
    email: String,
    first_name: String,
    last_name: String,
    notes: String,
    phone: String,
    registration_ip_address: String,
    tax_exempt_category: String,
    date_created: String,
    date_modified: String,
    accepts_product_review_abandoned_cart_emails: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_credit_amounts: Option<[CreditBody; 1]>,
    origin_channel_id: i64,
    channel_ids: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form_fields: Option<Vec<AnswerBody>>,
    /// `null` where the customer has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    shopper_profile_id: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_ids: Option<Vec<String>>,
}

#[derive(Serialize)]
struct AuthenticationBody {
    force_password_reset: bool,
}

#[derive(Serialize)]
struct CreditBody {
    #[serde(serialize_with = "amount")]
    amount: Money,
}

impl CustomerBody {
    /// Store credit is shown where something was written, or where it was asked for.
    fn new(customer: Customer, belongings: &Belongings, with_credit: bool) -> Self {
        let form_fields = belongings.form_fields_of(customer.id);
        let id = customer.id;
        let profile = |profiles: &BTreeMap<_, Uuid>| json!(profiles.get(&id).map(Uuid::to_string));
        let segments = |segments: &BTreeMap<_, Vec<Uuid>>| {
            segments.get(&id).into_iter().flatten().map(Uuid::to_string).collect()
        };
        let channels = match customer.access {
            Access::Global => None,
            Access::Channels(channels) => {
                Some(channels.into_iter().map(|channel| channel.0).collect())
            }
        };
        Self {
            id: customer.id.0,
            address_count: None,
            addresses: None,
            attribute_count: None,
            attributes: None,
            authentication: AuthenticationBody {
                force_password_reset: customer.force_password_reset,
            },
            company: customer.company,
            customer_group_id: customer.group.0,
            email: customer.email,
            first_name: customer.first_name,
            last_name: customer.last_name,
            notes: customer.notes,
            phone: customer.phone,
            registration_ip_address: customer.registration_ip_address,
            tax_exempt_category: customer.tax_exempt_category,
            date_created: customer.created_at.to_rfc3339(),
            date_modified: customer.modified_at.to_rfc3339(),
            accepts_product_review_abandoned_cart_emails: customer.accepts_review_emails,
            store_credit_amounts: with_credit
                .then_some([CreditBody { amount: customer.store_credit }]),
            origin_channel_id: customer.origin_channel.0,
            channel_ids: channels,
            form_fields: form_fields.map(|answers| form_fields::bodies(answers.to_vec())),
            shopper_profile_id: belongings.shopper_profiles.as_ref().map(profile),
            segment_ids: belongings.segments.as_ref().map(segments),
        }
    }

    /// With its attributes, where they were asked for or brought along.
    fn with_attributes(self, shown: Option<Values>) -> Self {
        let Some(Values { count, values }) = shown else { return self };
        let values = values.into_iter().map(ValueBody::from).collect();
        Self { attribute_count: Some(count), attributes: Some(values), ..self }
    }

    /// With its addresses, where they were asked for or brought along.
    fn with_addresses(self, shown: Option<Embedded>, answers: &Answers) -> Self {
        let Some(Embedded { addresses, count }) = shown else { return self };
        let body = |address| AddressBody::new(address, answers);
        let addresses = addresses.into_iter().map(body).collect();
        Self { address_count: Some(count), addresses: Some(addresses), ..self }
    }
}

/// A JSON number with no digit more than it needs: `0`, `43.15`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn amount<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    let number: serde_json::Number =
        money.to_shortest().parse().map_err(serde::ser::Error::custom)?;
    number.serialize(serializer)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Include {
    Addresses,
    StoreCredit,
    Attributes,
    FormFields,
    ShopperProfile,
    Segments,
}

/// The published values whose data exists so far.
const INCLUDES: &[(&str, Include)] = &[
    ("addresses", Include::Addresses),
    ("storecredit", Include::StoreCredit),
    ("attributes", Include::Attributes),
    ("formfields", Include::FormFields),
    ("shopper_profile_id", Include::ShopperProfile),
    ("segment_ids", Include::Segments),
];

const SORTS: &[(&str, Order)] = &[
    ("date_created:asc", Order { by: Key::Created, descending: false }),
    ("date_created:desc", Order { by: Key::Created, descending: true }),
    ("last_name:asc", Order { by: Key::LastName, descending: false }),
    ("last_name:desc", Order { by: Key::LastName, descending: true }),
    ("date_modified:asc", Order { by: Key::Modified, descending: false }),
    ("date_modified:desc", Order { by: Key::Modified, descending: true }),
];

/// Recorded: without `sort`, the newest id comes first.
const NEWEST_FIRST: Order = Order { by: Key::Id, descending: true };
