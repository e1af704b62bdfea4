//! `/v3/customers/{customer_id}/metafields`, one by one, and `/v3/customers/metafields`, in batches.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Extension, extract::State, http::StatusCode};
use kernel::{CustomerId, Error, MetafieldId, Scope, Span, Violations};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{
        Cursors, Failure, Fields, Ids, InputBody, Json, Meta, NoParams, Page, Pagination, Params,
        Reply, STATUS_CODES, Window,
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    model::{Changes, MOST, Metafield, PermissionSet, Refusal, Said},
    ops::{self, Listing, Which},
    rows::Filter,
};

pub fn routes(routes: Routes) -> Routes {
    const OF_ONE: &str = "/customers/{customer_id}/metafields";
    const ONE: &str = "/customers/{customer_id}/metafields/{metafield_id}";
    const BATCH: &str = "/customers/metafields";
    routes
        .v3()
        .get(OF_ONE, Scope::CustomersRead, list_of_one)
        .post(OF_ONE, Scope::CustomersModify, create)
        .get(ONE, Scope::CustomersRead, get)
        .put(ONE, Scope::CustomersModify, update)
        .delete(ONE, Scope::CustomersModify, delete)
        .get(BATCH, Scope::CustomersRead, list_of_all)
        .post(BATCH, Scope::CustomersModify, create_batch)
        .put(BATCH, Scope::CustomersModify, update_batch)
        .delete(BATCH, Scope::CustomersModify, delete_batch)
}

async fn list_of_one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    params: Params,
) -> Reply<Json<Page<MetafieldBody>>> {
    list(&app, &caller, Some(CustomerId(customer)), params).await
}

async fn list_of_all(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Reply<Json<Page<MetafieldBody>>> {
    list(&app, &caller, None, params).await
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer]): Ids<1>,
    _: NoParams,
    InputBody(body): InputBody,
) -> Reply<Json<Single>> {
    const TITLE: &str = "Create metafield failed.";
    let said = body.object(new)?;
    let changes = Changes::new(said).map_err(|error| Failure::by_row(TITLE, error))?;
    let made = ops::create(&app, &caller, &[(CustomerId(customer), changes)]).await?;
    Ok(Json(Single::new(only(made, TITLE, "update")?)))
}

async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer, id]): Ids<2>,
    _: NoParams,
) -> Reply<Json<GetBody>> {
    let which = Which { customer: Some(CustomerId(customer)), id: MetafieldId(id) };
    let field = ops::find(&app, &caller, which).await?;
    Ok(Json(GetBody { data: MetafieldBody::whole(field), meta: json!({}) }))
}

async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer, id]): Ids<2>,
    mut params: Params,
    InputBody(body): InputBody,
) -> Reply<Json<Single>> {
    const TITLE: &str = "Update metafield failed.";
    // Published beside the one in the path, which counts.
    params.integers::<MetafieldId>("metafieldId")?;
    params.finish()?;
    let changes =
        Changes::new(body.object(said)?).map_err(|error| Failure::by_row(TITLE, error))?;
    let which = Which { customer: Some(CustomerId(customer)), id: MetafieldId(id) };
    let after = ops::update(&app, &caller, &[(which, changes)]).await?;
    Ok(Json(Single::new(only(after, TITLE, "update")?)))
}

async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Ids([customer, id]): Ids<2>,
    _: NoParams,
) -> Reply<NoContent> {
    let which = Which { customer: Some(CustomerId(customer)), id: MetafieldId(id) };
    only(ops::delete(&app, &caller, &[which]).await?, "Delete metafield failed.", "delete")?;
    Ok(NoContent)
}

async fn create_batch(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    InputBody(body): InputBody,
) -> Reply<(StatusCode, Json<Bulk<MetafieldBody>>)> {
    let rows = body.each(MOST_ROWS, |row| {
        let (customer, said) = Fields::read(row, |fields| {
            (CustomerId(fields.required("resource_id", json::integer)), new(fields))
        })?;
        Ok((customer, checked(said)?))
    })?;
    let (asked, mut tally) = Tally::begin(rows);
    let drafts: Vec<_> = asked.iter().map(|(_, draft)| draft.clone()).collect();
    let made = ops::create(&app, &caller, &drafts).await?;
    let made = tally.sort_out(asked.iter().map(|(at, _)| *at), made, "update");
    Ok(tally.answer(made.into_iter().map(MetafieldBody::whole).collect()))
}

async fn update_batch(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    InputBody(body): InputBody,
) -> Reply<(StatusCode, Json<Bulk<MetafieldBody>>)> {
    let rows = body.each(MOST_ROWS, |row| {
        let (id, said) = Fields::read(row, |fields| {
            (MetafieldId(fields.required("id", json::integer)), said(fields))
        })?;
        Ok((Which { customer: None, id }, checked(said)?))
    })?;
    let (asked, mut tally) = Tally::begin(rows);
    let changes: Vec<_> = asked.iter().map(|(_, changes)| changes.clone()).collect();
    let after = ops::update(&app, &caller, &changes).await?;
    let after = tally.sort_out(asked.iter().map(|(at, _)| *at), after, "update");
    Ok(tally.answer(after.into_iter().map(MetafieldBody::whole).collect()))
}

/// The ids are the body, a JSON array (ruling 36). One that is there twice counts once.
async fn delete_batch(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    InputBody(body): InputBody,
) -> Reply<(StatusCode, Json<Bulk<i64>>)> {
    let rows = body.each(MOST_ROWS, |item| {
        json::integer(item).map_err(|fault| {
            let mut faults = Violations::default();
            faults.add("id", fault.word);
            faults
        })
    })?;
    let mut seen = BTreeSet::new();
    let rows: Vec<_> =
        rows.into_iter().map(|row| row.map(|id| seen.insert(id).then_some(id))).collect();
    let (asked, mut tally) = Tally::begin(rows);
    let asked: Vec<(usize, i64)> =
        asked.into_iter().filter_map(|(at, id)| id.map(|id| (at, id))).collect();
    tally.total = asked.len() + tally.refused.len();
    let which: Vec<Which> =
        asked.iter().map(|(_, id)| Which { customer: None, id: MetafieldId(*id) }).collect();
    let gone = ops::delete(&app, &caller, &which).await?;
    let gone = gone.into_iter().zip(&asked).map(|(outcome, (_, id))| outcome.map(|()| *id));
    let gone = tally.sort_out(asked.iter().map(|(at, _)| *at), gone.collect(), "delete");
    Ok(tally.answer(gone))
}

async fn list(
    app: &App,
    caller: &Caller,
    customer: Option<CustomerId>,
    mut params: Params,
) -> Reply<Json<Page<MetafieldBody>>> {
    let filter = filter(&mut params, customer, caller)?;
    let descending = params.choice("direction", &[("asc", false), ("desc", true)])?;
    let members = params.choices("include_fields", MEMBERS)?;
    let window = params.window()?;
    let sent = params.finish()?;
    let stretch = window.stretch(place)?;
    let falls = descending.unwrap_or(false);
    let listing = ops::list(app, caller, &filter, falls, stretch, window.limit).await?;
    let meta = meta(&window, &listing, &sent);
    let shown = |field| MetafieldBody::whole(field).only(members.as_deref());
    Ok(Json(Page { data: listing.metafields.into_iter().map(shown).collect(), meta }))
}

fn filter(
    params: &mut Params,
    customer: Option<CustomerId>,
    caller: &Caller,
) -> Result<Filter, Failure> {
    let created = (params.when("date_created:min")?, params.when("date_created:max")?);
    let modified = (params.when("date_modified:min")?, params.when("date_modified:max")?);
    let mut either = |one: &str, several: &str| {
        let one = params.text(one).map(|text| vec![text]);
        Ok::<_, Failure>(one.into_iter().chain(params.texts(several)?).collect())
    };
    Ok(Filter {
        viewer: caller.client_id().to_owned(),
        customer,
        keys: either("key", "key:in")?,
        namespaces: either("namespace", "namespace:in")?,
        created: Span::new(created.0, created.1, None),
        modified: Span::new(modified.0, modified.1, None),
    })
}

fn place(cursor: &str) -> Result<MetafieldId, Failure> {
    let id = Window::cursor(cursor)?.get("id").and_then(Value::as_i64);
    id.map(MetafieldId).ok_or_else(Window::lost_cursor)
}

fn meta(window: &Window, listing: &Listing, sent: &str) -> Meta {
    let count = listing.metafields.len();
    let pagination =
        listing.total.map(|total| Pagination::new(window, count, total).with_links(sent));
    let cursor = |field: &Metafield| json!({"id": field.id.0});
    let ends = listing.metafields.first().zip(listing.metafields.last());
    let ends = ends.map(|(first, last)| (cursor(first), cursor(last)));
    Meta::walked(window, pagination, Cursors::new(window, count, ends, listing.more, sent))
}

/// What a new metafield must have.
fn new(fields: &mut Fields<'_>) -> Said {
    Said {
        namespace: Some(fields.required("namespace", json::text)),
        key: Some(fields.required("key", json::text)),
        value: Some(fields.required("value", json::text)),
        permission: fields.required("permission_set", |value| permission(value).map(Some)),
        description: fields.optional("description", json::text),
    }
}

/// What may be said of one that there is.
fn said(fields: &mut Fields<'_>) -> Said {
    Said {
        namespace: fields.optional("namespace", json::text),
        key: fields.optional("key", json::text),
        value: fields.optional("value", json::text),
        permission: fields.optional("permission_set", permission),
        description: fields.optional("description", json::text),
    }
}

fn permission(value: &Value) -> json::Read<PermissionSet> {
    json::text(value)?.parse().map_err(|_| "error.expected.validenumvalue".into())
}

fn checked(said: Said) -> Result<Changes, Violations> {
    Changes::new(said).map_err(|error| match error {
        Error::Invalid(faults) => faults,
        error => unreachable!("a metafield is only ever invalid: {error}"),
    })
}

/// The outcome of an operation on a single metafield.
fn only<T>(outcomes: Vec<Result<T, Refusal>>, title: &str, doing: &str) -> Result<T, Failure> {
    let outcome = outcomes.into_iter().next();
    outcome.ok_or_else(|| Error::internal("one row has one outcome"))?.map_err(|refusal| {
        let words = in_words(&refusal, doing);
        match refusal {
            Refusal::UnknownCustomer | Refusal::Unknown => Error::NotFound("metafield").into(),
            Refusal::NotTheirs => Failure::new(StatusCode::FORBIDDEN, words),
            Refusal::NameInUse => Failure::new(StatusCode::CONFLICT, words),
            Refusal::Invalid(faults) => Failure::refused(title, faults),
            Refusal::TooMany => {
                let mut faults = Violations::default();
                faults.add("resource_id", words);
                Failure::refused(title, faults)
            }
        }
    })
}

/// A refusal in a sentence; two of them are published (`ErrorDetail`).
fn in_words(refusal: &Refusal, doing: &str) -> String {
    match refusal {
        Refusal::Invalid(faults) => {
            let faults = faults.clone().into_map().into_iter();
            faults.map(|(field, rule)| format!("{field}: {rule}")).collect::<Vec<_>>().join(", ")
        }
        Refusal::UnknownCustomer => "Customer does not exist".to_owned(),
        Refusal::Unknown => "Metafield does not exist".to_owned(),
        Refusal::NotTheirs => format!("Unauthorized to {doing}"),
        Refusal::NameInUse => {
            "The metafield conflicts with another of this namespace and key".to_owned()
        }
        Refusal::TooMany => format!("A customer cannot have more than {MOST} metafields"),
    }
}

/// How a batch went: what was refused, by its place.
struct Tally {
    total: usize,
    refused: BTreeMap<usize, String>,
}

impl Tally {
    /// Set aside the rows that could not be read; the others, each with its place.
    fn begin<T>(rows: Vec<Result<T, Violations>>) -> (Vec<(usize, T)>, Self) {
        let mut tally = Self { total: rows.len(), refused: BTreeMap::new() };
        let mut asked = Vec::new();
        for (at, row) in rows.into_iter().enumerate() {
            match row {
                Ok(row) => asked.push((at, row)),
                Err(faults) => {
                    tally.refused.insert(at, in_words(&Refusal::Invalid(faults), ""));
                }
            }
        }
        (asked, tally)
    }

    /// Note what was refused; what was done is left.
    fn sort_out<T>(
        &mut self,
        places: impl Iterator<Item = usize>,
        outcomes: Vec<Result<T, Refusal>>,
        doing: &str,
    ) -> Vec<T> {
        let mut done = Vec::new();
        for (at, outcome) in places.zip(outcomes) {
            match outcome {
                Ok(row) => done.push(row),
                Err(refusal) => {
                    self.refused.insert(at, in_words(&refusal, doing));
                }
            }
        }
        done
    }

    /// The published bodies: 200 where all was done, 422 where not, with what was done all the same.
    fn answer<T>(self, data: Vec<T>) -> (StatusCode, Json<Bulk<T>>) {
        let Self { total, refused } = self;
        let failed = refused.len();
        let status = if failed == 0 { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let problem = BulkError {
            status: status.as_u16(),
            title: "Bulk operation has failed",
            r#type: STATUS_CODES,
            errors: refused,
        };
        let errors = if failed == 0 { Vec::new() } else { vec![problem] };
        let meta = BulkMeta { total, success: data.len(), failed };
        (status, Json(Bulk { data, errors, meta }))
    }
}

/// The answer to a batch.
#[derive(Serialize)]
struct Bulk<T> {
    data: Vec<T>,
    errors: Vec<BulkError>,
    meta: BulkMeta,
}

#[derive(Serialize)]
struct BulkError {
    status: u16,
    title: &'static str,
    r#type: &'static str,
    errors: BTreeMap<usize, String>,
}

#[derive(Serialize)]
struct BulkMeta {
    total: usize,
    success: usize,
    failed: usize,
}

/// The answer to a `POST` or `PUT` of one: published as a list of one, with no `errors` in it.
#[derive(Serialize)]
struct Single {
    data: [MetafieldBody; 1],
    errors: [Value; 0],
    meta: Value,
}

impl Single {
    fn new(field: Metafield) -> Self {
        Self { data: [MetafieldBody::whole(field)], errors: [], meta: json!({}) }
    }
}

#[derive(Serialize)]
struct GetBody {
    data: MetafieldBody,
    meta: Value,
}

/// A metafield as it is shown, each member there only when it is asked for.
#[derive(Serialize)]
struct MetafieldBody {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_set: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_client_id: Option<String>,
}

impl MetafieldBody {
    fn whole(field: Metafield) -> Self {
        Self {
            id: field.id.0,
            key: Some(field.key),
            value: Some(field.value),
            namespace: Some(field.namespace),
            permission_set: Some(field.permission.name()),
            description: Some(field.description),
            resource_type: Some("customer"),
            resource_id: Some(field.customer.0),
            date_created: Some(field.created_at.to_rfc3339_with_offset()),
            date_modified: Some(field.modified_at.to_rfc3339_with_offset()),
            owner_client_id: Some(field.owner),
        }
    }

    /// The id and these members; all of them where none were named.
    fn only(self, members: Option<&[Member]>) -> Self {
        let Some(members) = members else { return self };
        let named = |member| members.contains(&member);
        Self {
            id: self.id,
            key: self.key.filter(|_| named(Member::Key)),
            value: self.value.filter(|_| named(Member::Value)),
            namespace: self.namespace.filter(|_| named(Member::Namespace)),
            permission_set: self.permission_set.filter(|_| named(Member::PermissionSet)),
            description: self.description.filter(|_| named(Member::Description)),
            resource_type: self.resource_type.filter(|_| named(Member::ResourceType)),
            resource_id: self.resource_id.filter(|_| named(Member::ResourceId)),
            date_created: self.date_created.filter(|_| named(Member::DateCreated)),
            date_modified: self.date_modified.filter(|_| named(Member::DateModified)),
            owner_client_id: self.owner_client_id.filter(|_| named(Member::OwnerClientId)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    ResourceId,
    Key,
    Value,
    Namespace,
    PermissionSet,
    ResourceType,
    Description,
    OwnerClientId,
    DateCreated,
    DateModified,
}

/// What `include_fields` may name.
const MEMBERS: &[(&str, Member)] = &[
    ("resource_id", Member::ResourceId),
    ("key", Member::Key),
    ("value", Member::Value),
    ("namespace", Member::Namespace),
    ("permission_set", Member::PermissionSet),
    ("resource_type", Member::ResourceType),
    ("description", Member::Description),
    ("owner_client_id", Member::OwnerClientId),
    ("date_created", Member::DateCreated),
    ("date_modified", Member::DateModified),
];

/// Nothing is published (ruling 3).
const MOST_ROWS: usize = 250;
