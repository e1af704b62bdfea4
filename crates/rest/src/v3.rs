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
use kernel::{Error, Violations};
use serde::Serialize;

pub use self::{
    fields::{Body, Fields, InputBody},
    page::{Cursors, Links, Meta, Page, PageLinks, Pagination, Window},
    params::{NoParams, Params},
};
use crate::{Cause, answer};

/// A handler's answer.
pub type Reply<T> = Result<T, Failure>;

/// A 200 with a JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(512);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => answer::json(StatusCode::OK, body),
            Err(error) => Failure::from(Error::internal(error)).into_response(),
        }
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
    /// Said in place of `errors`, where there is one.
    detail: Option<&'static str>,
    cause: Option<String>,
}

impl Failure {
    /// A failure without details.
    pub fn new(status: StatusCode, title: impl Into<String>) -> Self {
        Self { status, title: title.into(), errors: BTreeMap::new(), detail: None, cause: None }
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

    /// Rows that the domain refuses, each fault under its row's index already, under the title of the operation
    /// (ruling 2). What is no fault of a row keeps its own words.
    #[must_use]
    pub fn of_rows(title: &str, error: Error) -> Self {
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
            Error::Unavailable(cause) => Self {
                cause: Some(cause.to_string()),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            },
            Error::Internal(cause) => Self {
                cause: Some(cause.to_string()),
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
        let problem = Problem {
            status: self.status.as_u16(),
            title: self.title,
            r#type: STATUS_CODES,
            detail: self.detail,
            errors: self.detail.is_none().then_some(self.errors),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = answer::json(self.status, body);
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
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

fn parse_id(text: &str) -> Result<i64, Failure> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "Input is invalid"));
    }
    let id = text.parse().ok().filter(|id| (1..=i64::from(i32::MAX)).contains(id));
    id.ok_or_else(|| Error::NotFound("resource").into())
}
