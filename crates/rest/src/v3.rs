//! How V3 speaks: its envelopes, its failures, and how it reads what it is sent.

mod fields;
mod page;
mod params;

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use kernel::{Error, Uuid, Violations};
use serde::Serialize;

pub use self::{
    fields::{Body, Fields, InputBody},
    page::{Cursors, Links, Meta, Page, PageLinks, Pagination, Window},
    params::{NoParams, Params},
};
use crate::{
    Cause, Sheet, answer,
    written::{self, Slashes},
};

/// A handler's answer.
pub type Reply<T> = Result<T, Failure>;

/// A 200 with a JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> Json<T> {
    /// It written out, as it can be shown again.
    pub fn sheet(self) -> Reply<Sheet> {
        let body = written::json(&self.0, Slashes::Plain).map_err(Error::internal)?;
        Ok(Sheet { body: body.into(), last_modified: None })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        self.sheet().into_response()
    }
}

/// A 201 with a JSON body.
#[derive(Debug)]
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        if response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        response
    }
}

/// One thing, in V3's envelope: `{"data": {…}, "meta": {}}`.
#[derive(Debug, Serialize)]
pub struct One<T> {
    /// The thing.
    pub data: T,
    meta: NoMeta,
}

impl<T> One<T> {
    /// Put it into the envelope.
    #[must_use]
    pub fn new(data: T) -> Self {
        Self { data, meta: NoMeta {} }
    }
}

/// Rows that were written, in V3's envelope: `{"data": […], "meta": {}}`.
#[derive(Debug, Serialize)]
pub struct Written<T> {
    /// The rows, in the order of the request.
    pub data: Vec<T>,
    meta: NoMeta,
}

/// `{}`, literally.
#[derive(Debug, Serialize)]
struct NoMeta {}

impl<T> Written<T> {
    /// Put rows into the envelope.
    #[must_use]
    pub fn new(data: Vec<T>) -> Self {
        Self { data, meta: NoMeta {} }
    }
}

/// A refusal or failure, as V3 puts it: `{"status", "title", "type", "errors"}` in this order (observed.md 5).
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    title: String,
    errors: BTreeMap<String, String>,
    /// How many rows were refused, where the resource tells refusals in the envelope of a batch.
    of_rows: Option<usize>,
    /// Said in place of `errors`, where there is one.
    detail: Option<&'static str>,
    cause: Option<Box<str>>,
    retry_after: Option<i64>,
}

impl Failure {
    /// A failure without details.
    pub fn new(status: StatusCode, title: impl Into<String>) -> Self {
        Self {
            status,
            title: title.into(),
            errors: BTreeMap::new(),
            detail: None,
            of_rows: None,
            cause: None,
            retry_after: None,
        }
    }

    /// A body that is not what the operation reads, with the fields at fault (none when it is not JSON).
    #[must_use]
    pub fn unreadable(faults: Violations) -> Self {
        let title = "JSON data is missing or invalid";
        Self { errors: faults.into_map(), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, title) }
    }

    /// A body that is not JSON, as metafields put it: 400 with a `detail` and without `errors` (ruling 1).
    #[must_use]
    pub fn syntax() -> Self {
        let title = "Input is invalid";
        Self { detail: Some("Syntax error"), ..Self::new(StatusCode::BAD_REQUEST, title) }
    }

    /// Fields that break a rule, under the title of the operation (`Create customers failed.`; ruling 2).
    #[must_use]
    pub fn refused(title: &str, faults: Violations) -> Self {
        Self { errors: faults.into_map(), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, title) }
    }

    /// The same with another status: some resources publish 400 or 409 where others have 422.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same in the envelope of a batch, of which no row was kept: `{"data": [], "errors": […], "meta":
    /// {"total", "success", "failed"}}`, as segments and shopper profiles publish it.
    #[must_use]
    pub fn of_rows(self, total: usize) -> Self {
        Self { of_rows: Some(total), ..self }
    }

    /// Rows that the domain refuses, each fault under its row's index already, under the title of the operation
    /// (ruling 2). What is no fault of a row keeps its own words.
    #[must_use]
    pub fn by_row(title: &str, error: Error) -> Self {
        match error {
            Error::Invalid(faults) => Self::refused(title, faults),
            Error::UnknownRow { index, what } => {
                let mut faults = Violations::default();
                faults.add(format!("{index}.id"), format!("invalid {what} ID"));
                Self::refused(title, faults)
            }
            error => error.into(),
        }
    }

    /// More rows than the operation takes (ruling 3).
    #[must_use]
    pub fn too_many_rows(status: StatusCode, most: usize) -> Self {
        Self::new(status, format!("Max batch size allowed is {most}"))
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        match error.into() {
            Error::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "The resource at that URL is not found.")
            }
            Error::Invalid(faults) => Self::unreadable(faults),
            Error::Taken { field, .. } => {
                let mut faults = Violations::default();
                faults.add(field, format!("{field} already in use"));
                Self::unreadable(faults)
            }
            Error::UnknownRow { index, what } => {
                let mut faults = Violations::default();
                faults.add(format!("{index}.id"), format!("invalid {what} ID"));
                Self::unreadable(faults)
            }
            Error::Conflict(faults) => Self {
                errors: faults.into_map(),
                ..Self::new(StatusCode::CONFLICT, "The request is in conflict with what is there.")
            },
            Error::TooSoon { seconds } => Self {
                retry_after: Some(seconds),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests")
            },
            Error::Unavailable(cause) => Self {
                cause: Some(cause.to_string().into()),
                retry_after: Some(answer::SOON),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            },
            Error::Internal(cause) => Self {
                cause: Some(cause.to_string().into()),
                ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            },
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Problem {
            status: u16,
            title: String,
            r#type: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            errors: Option<BTreeMap<String, String>>,
        }
        #[derive(Serialize)]
        struct Batch {
            data: [(); 0],
            errors: [Problem; 1],
            meta: BatchMeta,
        }
        #[derive(Serialize)]
        struct BatchMeta {
            total: usize,
            success: usize,
            failed: usize,
        }
        let problem = Problem {
            status: self.status.as_u16(),
            title: self.title,
            r#type: STATUS_CODES,
            detail: self.detail,
            errors: self.detail.is_none().then_some(self.errors),
        };
        let body = match self.of_rows {
            None => serde_json::to_vec(&problem),
            Some(total) => serde_json::to_vec(&Batch {
                data: [],
                errors: [problem],
                meta: BatchMeta { total, success: 0, failed: total },
            }),
        };
        let body = body.unwrap_or_default();
        let mut response = answer::json(self.status, body);
        answer::retry_after(&mut response, self.retry_after);
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause.into()));
        }
        response
    }
}

/// The `type` of every problem.
pub const STATUS_CODES: &str =
    "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes";

/// The ids in a path after the store's hash, in order: `Ids([customer])`.
///
/// Not an integer: 400 `Input is invalid`. Not within 1..2147483647: 404 (ruling 34).
#[derive(Clone, Copy, Debug)]
pub struct Ids<const N: usize>(pub [i64; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = RawPathParams::from_request_parts(parts, state).await;
        let path = path.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "Input is invalid"))?;
        let mut ids = [0; N];
        for (id, (_, text)) in
            ids.iter_mut().zip(path.iter().filter(|(name, _)| *name != "store_hash"))
        {
            *id = parse_id(text)?;
        }
        Ok(Self(ids))
    }
}

/// The UUIDs in a path after the store's hash, in order. What is none: 400 `Input is invalid`.
#[derive(Clone, Copy, Debug)]
pub struct Uuids<const N: usize>(pub [Uuid; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Uuids<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let invalid = || Failure::new(StatusCode::BAD_REQUEST, "Input is invalid");
        let path = RawPathParams::from_request_parts(parts, state).await.map_err(|_| invalid())?;
        let texts = path.iter().filter(|(name, _)| *name != "store_hash").map(|(_, text)| text);
        let uuids: Result<Vec<Uuid>, _> = texts.map(str::parse).collect();
        let uuids = uuids.map_err(|_| invalid())?.try_into();
        uuids.map(Self).map_err(|_| invalid())
    }
}

/// An id and then a name in a path after the store's hash.
#[derive(Clone, Debug)]
pub struct IdAndName(pub i64, pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdAndName {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let unreadable = || Failure::new(StatusCode::BAD_REQUEST, "Input is invalid");
        let path = RawPathParams::from_request_parts(parts, state).await;
        let path = path.map_err(|_| unreadable())?;
        let mut path = path.iter().filter(|(name, _)| *name != "store_hash");
        match (path.next(), path.next()) {
            (Some((_, id)), Some((_, name))) if !name.contains('\0') => {
                Ok(Self(parse_id(id)?, name.to_owned()))
            }
            _ => Err(unreadable()),
        }
    }
}

/// The name in a path after the store's hash.
#[derive(Clone, Debug)]
pub struct Name(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let unreadable = || Failure::new(StatusCode::BAD_REQUEST, "Input is invalid");
        let path = RawPathParams::from_request_parts(parts, state).await;
        let path = path.map_err(|_| unreadable())?;
        let mut path = path.iter().filter(|(name, _)| *name != "store_hash");
        // PostgreSQL cannot be asked for U+0000.
        let name = path.next().filter(|(_, name)| !name.contains('\0'));
        name.map(|(_, name)| Self(name.to_owned())).ok_or_else(unreadable)
    }
}

fn parse_id(text: &str) -> Result<i64, Failure> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "Input is invalid"));
    }
    let id = text.parse().ok().filter(|id| (1..=i64::from(i32::MAX)).contains(id));
    id.ok_or_else(|| Error::NotFound("resource").into())
}
