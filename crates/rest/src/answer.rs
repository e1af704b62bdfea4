//! Answers that neither version owns.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

/// What went wrong, for the log alone: it travels beside an answer, never in it.
#[derive(Clone, Debug)]
pub struct Cause(pub String);

/// A short text, `text/plain` and nothing more.
#[derive(Clone, Copy, Debug)]
pub struct Plain(pub StatusCode, pub &'static str);

impl IntoResponse for Plain {
    fn into_response(self) -> Response {
        plain(self.0, Cow::Borrowed(self.1))
    }
}

/// A text, `text/plain` and nothing more.
pub(crate) fn plain(status: StatusCode, words: Cow<'static, str>) -> Response {
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// 204, without a body.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// A JSON body: `application/json`, never with a charset (observed.md 3).
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Say how many seconds to wait, where there is something to wait for.
pub(crate) fn retry_after(response: &mut Response, seconds: Option<i64>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert("x-retry-after", HeaderValue::from(seconds));
    }
}

/// In how many seconds what is unavailable may be there again.
pub(crate) const SOON: i64 = 1;

/// As many as an answer ever has: the map does not grow, which would hash each name again.
const HEADERS: usize = 12;
