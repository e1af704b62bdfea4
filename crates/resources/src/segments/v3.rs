//! `/v3/segments`, and the segments of a shopper profile. Faults of a body are 400 here, as published.

use axum::{
    Extension,
    extract::State,
    http::{Method, StatusCode},
};
use kernel::{Error, Scope, Violations};
use rest::{
    App, Caller, NoContent, Routes, json,
    v3::{
        Body, Created, Failure, Json, Meta, NoParams, Page, Pagination, Params, Reply, Uuids,
        Window, Written,
    },
};
use serde::Serialize;

use super::{
    model::{Changes, Segment},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    const ALL: &str = "/segments";
    const OF_PROFILE: &str = "/shopper-profiles/{shopperProfileId}/segments";
    routes
        .v3()
        .get(ALL, Scope::CustomersRead, list)
        .at_once(10, Method::POST, ALL, Scope::CustomersModify, create)
        .at_once(10, Method::PUT, ALL, Scope::CustomersModify, update)
        .delete(ALL, Scope::CustomersModify, delete)
        .get(OF_PROFILE, Scope::CustomersRead, of_profile)
}

async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Reply<Json<Page<SegmentBody>>> {
    let ids = params.uuids("id:in")?;
    let window = params.pages()?;
    params.finish()?;
    let found = ops::list(&app, &caller, ids.as_deref(), window.part()).await?;
    Ok(page(&window, found))
}

async fn of_profile(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Uuids([profile]): Uuids<1>,
    mut params: Params,
) -> Reply<Json<Page<SegmentBody>>> {
    let window = params.pages()?;
    params.finish()?;
    let found = ops::of_profile(&app, &caller, profile, window.part()).await?;
    Ok(page(&window, found))
}

async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Created<Written<SegmentBody>>> {
    const TITLE: &str = "Create segments failed.";
    let rows = body.at_most(MOST)?.rows(MOST, |fields| {
        (fields.required("name", json::text), fields.optional("description", json::text))
    });
    let drafts = rows.map_err(invalid)?.into_iter().enumerate();
    let drafts = drafts.map(|(index, (name, description))| {
        checked(TITLE, index, Changes::new(Some(name), description))
    });
    let drafts: Vec<Changes> = drafts.collect::<Result<_, _>>()?;
    let made = ops::create(&app, &caller, &drafts).await;
    Ok(written(made.map_err(|error| refused(TITLE, drafts.len(), error))?))
}

/// 201, as published.
async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    _: NoParams,
    body: Body,
) -> Reply<Created<Written<SegmentBody>>> {
    const TITLE: &str = "Update segments failed.";
    let rows = body.at_most(MOST)?.rows(MOST, |fields| {
        let id = fields.required("id", json::uuid);
        (id, fields.optional("name", json::text), fields.optional("description", json::text))
    });
    let changes = rows.map_err(invalid)?.into_iter().enumerate();
    let changes = changes.map(|(index, (id, name, description))| {
        Ok((id, checked(TITLE, index, Changes::new(name, description))?))
    });
    let changes: Vec<_> = changes.collect::<Result<_, Failure>>()?;
    let after = ops::update(&app, &caller, &changes).await;
    Ok(written(after.map_err(|error| refused(TITLE, changes.len(), error))?))
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

fn invalid(failure: Failure) -> Failure {
    failure.with_status(StatusCode::BAD_REQUEST)
}

/// A row's faults, told by its place.
fn checked(title: &str, index: usize, row: kernel::Result<Changes>) -> Result<Changes, Failure> {
    row.map_err(|error| match error {
        Error::Invalid(faults) => invalid(Failure::refused(title, faults.under(index))),
        error => error.into(),
    })
}

/// A name in use has the published words, in the envelope of a batch.
fn refused(title: &str, rows: usize, error: Error) -> Failure {
    match error {
        Error::Taken { .. } => {
            let title = "Cannot have multiple segments with the same name.";
            Failure::new(StatusCode::CONFLICT, title).of_rows(rows)
        }
        Error::UnknownRow { index, what } => {
            let mut faults = Violations::default();
            faults.add(format!("{index}.id"), format!("invalid {what} ID"));
            invalid(Failure::refused(title, faults))
        }
        Error::Invalid(faults) => invalid(Failure::refused(title, faults)),
        error => error.into(),
    }
}

fn page(window: &Window, (segments, total): (Vec<Segment>, i64)) -> Json<Page<SegmentBody>> {
    let pagination = Some(Pagination::new(window, segments.len(), total));
    let data = segments.into_iter().map(SegmentBody::from).collect();
    Json(Page { data, meta: Meta { pagination, ..Meta::default() } })
}

fn written(segments: Vec<Segment>) -> Created<Written<SegmentBody>> {
    Created(Written::new(segments.into_iter().map(SegmentBody::from).collect()))
}

/// Ruling 3.
const MOST: usize = 250;

/// A segment in the published order.
#[derive(Serialize)]
struct SegmentBody {
    id: String,
    name: String,
    description: String,
    created_at: String,
    updated_at: String,
}

impl From<Segment> for SegmentBody {
    fn from(segment: Segment) -> Self {
        Self {
            id: segment.id.to_string(),
            name: segment.name,
            description: segment.description,
            created_at: segment.created_at.to_rfc3339(),
            updated_at: segment.updated_at.to_rfc3339(),
        }
    }
}
