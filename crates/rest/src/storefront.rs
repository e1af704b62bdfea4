//! How a storefront speaks: short texts, for scripts and for people.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kernel::Error;

use crate::{Cause, Plain, answer};

/// A handler's answer.
pub type Reply<T> = Result<T, Failure>;

/// A refusal or failure, in words.
#[derive(Debug)]
pub struct Failure {
    plain: Plain,
    cause: Option<String>,
    retry_after: Option<i64>,
}

impl Failure {
    /// Too many have come: in so many seconds it is worth another try.
    pub(crate) fn too_many(seconds: i64) -> Self {
        let plain = Plain(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
        Self { retry_after: Some(seconds), ..plain.into() }
    }
}

impl From<Plain> for Failure {
    fn from(plain: Plain) -> Self {
        Self { plain, cause: None, retry_after: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_) => Plain(StatusCode::NOT_FOUND, "Not found").into(),
            Error::Invalid(_) | Error::UnknownRow { .. } => {
                Plain(StatusCode::BAD_REQUEST, "The request cannot be understood").into()
            }
            Error::Taken { .. } | Error::Conflict(_) => {
                Plain(StatusCode::CONFLICT, "The request is in conflict with what is there").into()
            }
            Error::TooSoon { seconds } => Self::too_many(seconds),
            Error::Unavailable(cause) => {
                let plain = Plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
                Self { plain, cause: Some(cause.to_string()), retry_after: Some(answer::SOON) }
            }
            Error::Internal(cause) => {
                let plain = Plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
                Self { plain, cause: Some(cause.to_string()), retry_after: None }
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.plain.into_response();
        answer::retry_after(&mut response, self.retry_after);
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}
