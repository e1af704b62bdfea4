//! `GET` and `PUT /v3/customers/form-field-values`, and the definitions, which have no published operation:
//! `GET`, `PUT` and `DELETE /custodia/form-fields`.

use axum::{Extension, extract::State, http::Method};
use kernel::{AddressId, CustomerId, Error, FormFieldId, Scope, Violations};
use rest::{
    App, Caller, NoContent, Routes, Version,
    json::{self, Read},
    v3::{
        Body, Cursors, Failure, Fields, Json, Meta, NoParams, Page, Pagination, Params, Reply,
        Window, Written,
    },
};
use serde::Serialize;
use serde_json::Value as Any;

use super::{
    answers::{self, AnswerBody},
    filter::{Filter, Place},
    model::{Definition, Field, Kind, Object, Said, Target},
    ops::{self, Listing},
};

pub fn routes(routes: Routes) -> Routes {
    const VALUES: &str = "/customers/form-field-values";
    const FIELDS: &str = "/form-fields";
    routes
        .v3()
        .get(VALUES, Scope::CustomersRead, list)
        .at_once(10, Method::PUT, VALUES, Scope::CustomersModify, put)
        .version(Version::Own)
        .get(FIELDS, Scope::CustomersRead, fields)
        .put(FIELDS, Scope::CustomersModify, define)
        .delete(FIELDS, Scope::CustomersModify, delete)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<AnswerBody>>> {
    let kinds: Vec<(&str, Kind)> = Kind::all().collect();
    let filter = Filter {
        customer: params.integer("customer_id")?.map(CustomerId),
        address: params.integer("address_id")?.map(AddressId),
        name: params.text("field_name"),
        kind: params.choice("field_type", &kinds)?,
    };
    let window = params.window()?;
    let sent = params.finish()?;
    let stretch = window.stretch(place)?;
    let listing = ops::list(&app, &caller, &filter, stretch, window.limit).await?;
    let meta = meta(&window, &listing, &sent);
    Ok(Json(Page { data: answers::bodies(listing.answers), meta }))
}

async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<AnswerBody>>> {
    const TITLE: &str = "Update form field values failed.";
    let rows = body.many_rows(|fields| {
        let customer = fields.optional("customer_id", json::integer).map(CustomerId);
        let address = fields.optional("address_id", json::integer).map(AddressId);
        let name = fields.required("name", json::text);
        let value = fields.required("value", |value| answers::answer(value).map(Some));
        (customer, address, name, value)
    })?;
    let mut said = Vec::new();
    for (index, (customer, address, name, value)) in rows.into_iter().enumerate() {
        let target = target(customer, address)
            .map_err(|fault| Failure::refused(TITLE, fault.under(index)))?;
        let value = value.ok_or_else(|| Error::internal("every value was read"))?;
        said.push((target, Said { name, value }));
    }
    let after = ops::set(&app, &caller, &said).await.map_err(|error| refused(TITLE, error))?;
    let body = |(target, said): (Target, Said)| {
        let (customer_id, address_id) = match target {
            Target::Customer(id) => (Some(id.0), None),
            Target::Address(id) => (None, Some(id.0)),
        };
        AnswerBody { customer_id, address_id, name: said.name, value: said.value }
    };
    Ok(Json(Written::new(after.into_iter().map(body).collect())))
}

async fn fields(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<FieldBody>>> {
    let kinds: Vec<(&str, Kind)> = Kind::all().collect();
    let object = params.choice("for", OBJECTS)?;
    let kind = params.choice("type", &kinds)?;
    let window = params.pages()?;
    params.finish()?;
    // There are a hundred at most.
    let mut fields = ops::fields(&app, &caller).await?;
    fields.retain(|field| {
        object.is_none_or(|object| object == field.definition.object())
            && kind.is_none_or(|kind| kind == field.definition.kind())
    });
    let total = i64::try_from(fields.len()).map_err(Error::internal)?;
    let size = |rows: i64| usize::try_from(rows).unwrap_or(usize::MAX);
    let skipped = size(window.part().offset);
    let data: Vec<FieldBody> =
        fields.into_iter().skip(skipped).take(size(window.limit)).map(FieldBody::from).collect();
    let pagination = Some(Pagination::new(&window, data.len(), total));
    Ok(Json(Page { data, meta: Meta { pagination, cursor_pagination: None } }))
}

async fn define(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Json<Written<FieldBody>>> {
    const TITLE: &str = "Define form fields failed.";
    let rows = body.many_rows(said)?;
    let definitions = rows.into_iter().enumerate().map(|(index, make)| {
        make().map_err(|error| match error {
            Error::Invalid(faults) => Failure::refused(TITLE, faults.under(index)),
            error => error.into(),
        })
    });
    let definitions = definitions.collect::<Result<Vec<_>, _>>()?;
    let defined = ops::define(&app, &caller, &definitions).await;
    let defined = defined.map_err(|error| refused(TITLE, error))?;
    Ok(Json(Written::new(defined.into_iter().map(FieldBody::from).collect())))
}

/// Without `id:in` nothing is deleted, as elsewhere in V3.
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.integers::<FormFieldId>("id:in")?.unwrap_or_default();
    params.finish()?;
    ops::remove(&app, &caller, &ids).await?;
    Ok(NoContent)
}

/// One of the two, and not both.
fn target(customer: Option<CustomerId>, address: Option<AddressId>) -> Result<Target, Violations> {
    let mut fault = Violations::default();
    match (customer, address) {
        (Some(customer), None) => return Ok(Target::Customer(customer)),
        (None, Some(address)) => return Ok(Target::Address(address)),
        (None, None) => fault.add("customer_id", "one of customer_id and address_id is required"),
        (Some(_), Some(_)) => {
            fault.add("address_id", "customer_id and address_id cannot be used together");
        }
    }
    Err(fault)
}

/// A row of definitions, read, and ready to be checked.
fn said(fields: &mut Fields<'_>) -> impl FnOnce() -> kernel::Result<Definition> + use<> {
    let name = fields.required("name", json::text);
    let kind = fields.required("type", word::<Kind>);
    let object = fields.optional("for", word::<Object>).unwrap_or_default();
    let required = fields.optional("required", json::boolean).unwrap_or_default();
    let choices = fields.optional("choices", json::list(json::text)).unwrap_or_default();
    move || Definition::new(object, name, kind, required, choices)
}

/// One of a set of words.
fn word<T: std::str::FromStr>(value: &Any) -> Read<T> {
    json::text(value)?.parse().map_err(|_| "error.expected.validenumvalue".into())
}

/// A refusal of the whole batch, by the row and field at fault.
fn refused(title: &str, error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => Failure::refused(title, faults),
        Error::UnknownRow { index, what } => {
            let mut faults = Violations::default();
            faults.add(format!("{index}.{what}_id"), format!("invalid {what} ID"));
            Failure::refused(title, faults)
        }
        error => error.into(),
    }
}

/// Read a cursor, as published: `{"sessionId":38,"fieldId":40}`.
fn place(cursor: &str) -> Result<Place, Failure> {
    let cursor = Window::cursor(cursor)?;
    let number =
        |name: &str| cursor.get(name).and_then(Any::as_i64).ok_or_else(Window::lost_cursor);
    Ok(Place { session: number("sessionId")?, field: FormFieldId(number("fieldId")?) })
}

fn meta(window: &Window, listing: &Listing, sent: &str) -> Meta {
    let count = listing.answers.len();
    let pagination = listing.total.map(|total| Pagination::new(window, count, total));
    let ends = listing.answers.first().zip(listing.answers.last());
    let ends =
        ends.map(|(first, last)| (CursorBody::from(first.place), CursorBody::from(last.place)));
    Meta::walked(window, pagination, Cursors::new(window, count, ends, listing.more, sent))
}

#[derive(Serialize)]
struct CursorBody {
    #[serde(rename = "sessionId")]
    session: i64,
    #[serde(rename = "fieldId")]
    field: i64,
}

impl From<Place> for CursorBody {
    fn from(place: Place) -> Self {
        Self { session: place.session, field: place.field.0 }
    }
}

/// A definition as it is shown; nobody has published one.
#[derive(Serialize)]
struct FieldBody {
    id: i64,
    r#for: &'static str,
    name: String,
    r#type: &'static str,
    required: bool,
    choices: Vec<String>,
}

impl From<Field> for FieldBody {
    fn from(field: Field) -> Self {
        let definition = field.definition;
        Self {
            id: field.id.0,
            r#for: definition.object().name(),
            name: definition.name().to_owned(),
            r#type: definition.kind().name(),
            required: definition.is_required(),
            choices: definition.choices().to_vec(),
        }
    }
}

const OBJECTS: &[(&str, Object)] = &[("customer", Object::Customer), ("address", Object::Address)];
