//! How V2 speaks: bare bodies, failures as a list of one, slashes escaped.

mod fields;
mod params;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use kernel::{Error, Timestamp};
use serde::Serialize;

pub use self::{
    fields::{Body, Fields},
    params::{NoParams, Params, Window},
};
use crate::{
    Cause, Sheet, answer,
    query::positive,
    written::{self, Slashes},
};

/// A handler's answer.
pub type Reply<T> = Result<T, Failure>;

/// A JSON body, with the date of its newest change where it has one.
#[derive(Debug)]
pub struct Json<T> {
    status: StatusCode,
    body: T,
    last_modified: Option<Timestamp>,
}

impl<T> Json<T> {
    /// 200.
    pub fn ok(body: T) -> Self {
        Self { status: StatusCode::OK, body, last_modified: None }
    }

    /// 201, as V2 answers a POST (ruling 19).
    pub fn created(body: T) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(body) }
    }

    /// With `last-modified`, which V2 writes with `+0000` (observed.md 3).
    #[must_use]
    pub fn modified(self, at: Timestamp) -> Self {
        Self { last_modified: Some(at), ..self }
    }
}

impl<T: Serialize> Json<T> {
    /// It written out, as it can be shown again, as a 200.
    pub fn sheet(self) -> Reply<Sheet> {
        let body = written::json(&self.body, Slashes::Escaped).map_err(Error::internal)?.into();
        let date = self.last_modified.map(|at| HeaderValue::try_from(at.to_rfc2822()));
        Ok(Sheet { body, last_modified: date.transpose().map_err(Error::internal)? })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let status = self.status;
        match self.sheet() {
            Ok(sheet) => {
                let mut response = sheet.into_response();
                *response.status_mut() = status;
                response
            }
            Err(failure) => failure.into_response(),
        }
    }
}

/// A 204: what V2 says of an empty collection, and of a deletion. It names a content type all the same
/// (observed.md 3).
#[derive(Clone, Copy, Debug)]
pub struct Empty;

impl IntoResponse for Empty {
    fn into_response(self) -> Response {
        answer::json(StatusCode::NO_CONTENT, Vec::new())
    }
}

/// A refusal or failure, as V2 puts it: `[{"status", "message", "details"?}]`.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    message: String,
    reason: Option<&'static str>,
    cause: Option<String>,
    retry_after: Option<i64>,
}

impl Failure {
    /// A failure without details.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), reason: None, cause: None, retry_after: None }
    }

    /// A field whose value cannot be (recorded: `The field 'email' is invalid.`).
    #[must_use]
    pub fn invalid(field: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("The field '{field}' is invalid."))
    }

    /// A field or filter that there is not (recorded).
    #[must_use]
    pub fn unsupported(field: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!("The field '{field}' is not supported by this resource."),
        )
    }

    /// A field that must be there (ruling 22).
    #[must_use]
    pub fn required(field: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("The field '{field}' is required."))
    }

    /// The same with `details.invalid_reason`.
    #[must_use]
    pub fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        match error.into() {
            Error::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "The requested resource was not found.")
            }
            Error::Invalid(faults) => {
                let field = faults.into_map().into_keys().next().unwrap_or_default();
                Self::invalid(&field)
            }
            Error::Taken { field, .. } => Self::invalid(field),
            Error::UnknownRow { .. } => Self::invalid("id"),
            Error::Conflict(_) => {
                Self::new(StatusCode::CONFLICT, "The request is in conflict with what is there.")
            }
            Error::TooSoon { seconds } => Self {
                retry_after: Some(seconds),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests")
            },
            Error::Unavailable(cause) => Self {
                cause: Some(cause.to_string()),
                retry_after: Some(answer::SOON),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "The service is unavailable.")
            },
            Error::Internal(cause) => Self {
                cause: Some(cause.to_string()),
                ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "An internal error occurred.")
            },
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Item {
            status: u16,
            message: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            details: Option<Details>,
        }
        #[derive(Serialize)]
        struct Details {
            invalid_reason: &'static str,
        }
        let details = self.reason.map(|invalid_reason| Details { invalid_reason });
        let item = Item { status: self.status.as_u16(), message: self.message, details };
        let mut response =
            answer::json(self.status, written::json(&[item], Slashes::Escaped).unwrap_or_default());
        answer::retry_after(&mut response, self.retry_after);
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// The ids in a path after the store's hash. Whatever is no id names nothing: 404 (ruling 34).
#[derive(Clone, Copy, Debug)]
pub struct Ids<const N: usize>(pub [i64; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let not_found = || Failure::from(Error::NotFound("resource"));
        let path =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        let mut ids = [0; N];
        for (id, (_, text)) in
            ids.iter_mut().zip(path.iter().filter(|(name, _)| *name != "store_hash"))
        {
            let parsed = positive(text).filter(|id| *id <= i64::from(i32::MAX));
            *id = parsed.ok_or_else(not_found)?;
        }
        Ok(Self(ids))
    }
}
