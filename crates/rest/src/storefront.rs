//! How a storefront speaks: short texts, for scripts and for people.

use std::borrow::Cow;

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kernel::{Error, Violations};
use serde_json::Value;

use crate::{
    App, Cause, Plain, answer,
    body::{self, Fault},
    v3::Fields,
};

/// A handler's answer.
pub type Reply<T> = Result<T, Failure>;

/// A refusal or failure, in words.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    words: Cow<'static, str>,
    cause: Option<String>,
    retry_after: Option<i64>,
}

impl Failure {
    /// A refusal. Its words repeat nothing of what was sent.
    pub fn new(status: StatusCode, words: impl Into<Cow<'static, str>>) -> Self {
        Self { status, words: words.into(), cause: None, retry_after: None }
    }

    /// The same; in so many seconds it is worth another try.
    #[must_use]
    pub fn after(self, seconds: i64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Too many have come.
    pub(crate) fn too_many(seconds: i64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests").after(seconds)
    }
}

impl From<Plain> for Failure {
    fn from(Plain(status, words): Plain) -> Self {
        Self::new(status, words)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "Not found"),
            Error::Invalid(_) | Error::UnknownRow { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "The request cannot be understood")
            }
            Error::Taken { .. } | Error::Conflict(_) => {
                Self::new(StatusCode::CONFLICT, "The request is in conflict with what is there")
            }
            Error::TooSoon { seconds } => Self::too_many(seconds),
            Error::Unavailable(cause) => {
                let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
                Self { cause: Some(cause.to_string()), ..refusal.after(answer::SOON) }
            }
            Error::Internal(cause) => {
                let failure = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
                Self { cause: Some(cause.to_string()), ..failure }
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = answer::plain(self.status, self.words);
        answer::retry_after(&mut response, self.retry_after);
        if let Some(seconds) = self.retry_after {
            // The name that browsers and their libraries know.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// What a page of the storefront sends: JSON that has been parsed but not yet understood.
pub struct Body(Value);

impl FromRequest<App> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Reply<Self> {
        body::read(request, app).await.map(Self).map_err(|fault| match fault {
            Fault::TooLarge => {
                Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large")
            }
            Fault::CutOff => {
                Failure::new(StatusCode::REQUEST_TIMEOUT, "The request body did not arrive")
            }
            Fault::NotJson => Failure::new(StatusCode::BAD_REQUEST, NO_OBJECT),
        })
    }
}

impl Body {
    /// Understand the body as one object; every field that cannot be read is named.
    pub fn object<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Reply<T> {
        if !self.0.is_object() {
            return Err(Failure::new(StatusCode::BAD_REQUEST, NO_OBJECT));
        }
        Fields::read(&self.0, read).map_err(|faults| {
            let words = format!("Missing or of the wrong type: {}", names(faults));
            Failure::new(StatusCode::BAD_REQUEST, words)
        })
    }
}

/// The fields at fault; what was in them is not told.
fn names(faults: Violations) -> String {
    faults.into_map().into_keys().collect::<Vec<_>>().join(", ")
}

const NO_OBJECT: &str = "The request body must be a JSON object";
