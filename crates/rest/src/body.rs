//! Reading a request's body, whole and within bounds.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::header::CONTENT_LENGTH,
};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use crate::{App, Settings};

/// Why a body could not be read.
pub(crate) enum Fault {
    /// It is longer than the limit (ruling 33); the rest of it was not read.
    TooLarge,
    /// It did not arrive in time.
    CutOff,
    /// It is not JSON, or nested deeper than [`DEPTH`], or its chunks are not what HTTP has.
    NotJson,
}

/// Read and parse the body.
pub(crate) async fn read(request: Request, app: &App) -> Result<Value, Fault> {
    let bytes = bytes(request, &app.settings).await?;
    let value = serde_json::from_slice(&bytes).map_err(|_| Fault::NotJson)?;
    if depth_within(&value, DEPTH) { Ok(value) } else { Err(Fault::NotJson) }
}

async fn bytes(request: Request, settings: &Settings) -> Result<Bytes, Fault> {
    let limit = settings.body_limit;
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Fault::TooLarge);
    }
    let body: Limited<Body> = Limited::new(request.into_body(), limit);
    match tokio::time::timeout(settings.body_patience, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Fault::TooLarge),
        Ok(Err(_)) => Err(Fault::NotJson),
        Err(_) => Err(Fault::CutOff),
    }
}

fn depth_within(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| depth_within(item, depth - 1)),
        Value::Object(members) => {
            depth > 0 && members.values().all(|member| depth_within(member, depth - 1))
        }
        _ => true,
    }
}

/// How deep lists and objects may be nested (ruling 33).
const DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| {
            let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            depth_within(&serde_json::from_str(&text).unwrap(), DEPTH)
        };
        assert!(nested(32));
        assert!(!nested(33));
    }
}
