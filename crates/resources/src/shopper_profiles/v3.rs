//! `/v3/shopper-profiles`, and the profiles of a segment. Faults of a body are 400 here, as published.

use axum::{
    Extension,
    extract::State,
    http::{Method, StatusCode},
};
use kernel::{CustomerId, Error, Scope, Violations};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{
        Body, Created, Failure, Json, Meta, NoParams, Page, Pagination, Params, Reply, Uuids,
        Window, Written,
    },
};
use serde::Serialize;

use super::{model::Profile, ops};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/shopper-profiles";
    const IN_SEGMENT: &str = "/segments/{segmentId}/shopper-profiles";
    routes
        .v3()
        .get(ALL, Scope::CustomersRead, list)
        .post(ALL, Scope::CustomersModify, create)
        .delete(ALL, Scope::CustomersModify, delete)
        // Published: this one reads, and still needs the scope that modifies.
        .get(IN_SEGMENT, Scope::CustomersModify, in_segment)
        .at_once(10, Method::POST, IN_SEGMENT, Scope::CustomersModify, add)
        .delete(IN_SEGMENT, Scope::CustomersModify, remove)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<ProfileBody>>> {
    let window = params.pages()?;
    params.finish()?;
    Ok(page(&window, ops::list(&app, &caller, window.part()).await?))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Created<Written<ProfileBody>>> {
    let rows = body.at_most(MOST)?;
    let rows = rows.rows(MOST, |fields| fields.required("customer_id", json::integer));
    let customers: Vec<CustomerId> = rows.map_err(invalid)?.into_iter().map(CustomerId).collect();
    let made = ops::create(&app, &caller, &customers).await;
    let made = made.map_err(|error| match error {
        Error::Conflict(faults) => {
            conflict("Unable to create shopper profiles due to conflicts.", faults, customers.len())
        }
        Error::UnknownRow { index, what } => {
            unknown("Create shopper profiles failed.", format!("{index}.customer_id"), what)
        }
        error => error.into(),
    })?;
    Ok(Created(Written::new(bodies(made))))
}

/// Without `id:in` nothing is deleted (ruling 15).
async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.uuids("id:in")?.unwrap_or_default();
    params.finish()?;
    ops::delete(&app, &caller, &ids).await?;
    Ok(NoContent)
}

async fn in_segment(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Uuids([segment]): Uuids<1>,
    mut params: Params,
) -> Reply<Json<Page<ProfileBody>>> {
    let window = params.pages()?;
    params.finish()?;
    Ok(page(&window, ops::in_segment(&app, &caller, segment, window.part()).await?))
}

async fn add(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Uuids([segment]): Uuids<1>,
    _: NoParams,
    body: Body,
) -> Reply<Created<AddedBody>> {
    const TITLE: &str = "Add shopper profiles to segment failed.";
    let ids = body.at_most(MOST)?.items(json::uuid).map_err(invalid)?;
    let added = ops::add(&app, &caller, segment, &ids).await;
    let added = added.map_err(|error| match error {
        Error::Conflict(faults) => conflict(
            "Unable to add shopper profiles to segment due to conflicts.",
            faults,
            ids.len(),
        ),
        Error::UnknownRow { index, what } => unknown(TITLE, index.to_string(), what),
        Error::Invalid(faults) => invalid(Failure::refused(TITLE, faults)),
        error => error.into(),
    })?;
    Ok(Created(AddedBody { data: bodies(added) }))
}

/// Without `id:in` nobody is removed.
async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Uuids([segment]): Uuids<1>,
    mut params: Params,
) -> Reply<NoContent> {
    let ids = params.uuids("id:in")?.unwrap_or_default();
    params.finish()?;
    ops::remove(&app, &caller, segment, &ids).await?;
    Ok(NoContent)
}

fn invalid(failure: Failure) -> Failure {
    failure.with_status(StatusCode::BAD_REQUEST)
}

/// A conflict in the published words, in the envelope of a batch of so many rows.
fn conflict(title: &str, faults: Violations, rows: usize) -> Failure {
    Failure::refused(title, faults).with_status(StatusCode::CONFLICT).of_rows(rows)
}

fn unknown(title: &str, path: String, what: &str) -> Failure {
    let mut faults = Violations::default();
    faults.add(path, format!("invalid {what} ID"));
    invalid(Failure::refused(title, faults))
}

fn page(window: &Window, (profiles, total): (Vec<Profile>, i64)) -> Json<Page<ProfileBody>> {
    let pagination = Some(Pagination::new(window, profiles.len(), total));
    Json(Page { data: bodies(profiles), meta: Meta { pagination, ..Meta::default() } })
}

fn bodies(profiles: Vec<Profile>) -> Vec<ProfileBody> {
    profiles.into_iter().map(ProfileBody::from).collect()
}

/// Published for profiles in one call, to make them or to add them to a segment (ruling 3).
const MOST: usize = 50;

/// What was added to a segment: published without `meta`.
#[derive(Serialize)]
struct AddedBody {
    data: Vec<ProfileBody>,
}

/// A profile in the published order.
#[derive(Serialize)]
struct ProfileBody {
    id: String,
    customer_id: i64,
    created_at: String,
    updated_at: String,
}

impl From<Profile> for ProfileBody {
    fn from(profile: Profile) -> Self {
        let at = profile.created_at.to_rfc3339();
        Self {
            id: profile.id.to_string(),
            customer_id: profile.customer.0,
            created_at: at.clone(),
            updated_at: at,
        }
    }
}
