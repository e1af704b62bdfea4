//! The ceiling: what axum can do on this machine when there is nothing left to do but to check the token
//! and send bytes. Every answer is the same customer's, with the headers a real answer has.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use kernel::{Chance as _, SystemChance};
use sha2::{Digest as _, Sha256};

use crate::{
    data::{Answers, STATIC_ID, STORE},
    pages,
    serve::{self, JSON, Options},
};

/// Whose token has this digest.
type Tokens = HashMap<[u8; 32], String>;

struct Ceiling {
    tokens: Tokens,
    consent: Bytes,
    customer: Bytes,
    page: Bytes,
    modified: HeaderValue,
}

const LEFT: HeaderName = HeaderName::from_static("x-rate-limit-requests-left");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-time-reset-ms");
const QUOTA: HeaderName = HeaderName::from_static("x-rate-limit-requests-quota");
const WINDOW: HeaderName = HeaderName::from_static("x-rate-limit-time-window-ms");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VERSION: HeaderName = HeaderName::from_static("x-bc-store-version");
const API_LIMIT: HeaderName = HeaderName::from_static("x-bc-apilimit-remaining");

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let answers = Answers::new();
    let (mut consent, mut customer) = (Vec::new(), Vec::new());
    answers.consent(STATIC_ID, &mut consent);
    answers.v2_customer_head(STATIC_ID, &mut customer);
    customer.extend_from_slice(br"https:\/\/api.bigcommerce.com");
    Answers::v2_customer_tail(STATIC_ID, &mut customer);
    let ceiling = Ceiling {
        tokens: HashMap::from([(Sha256::digest(&options.token).into(), STORE.to_owned())]),
        consent: consent.into(),
        customer: customer.into(),
        page: pages::like_a_real_one(STATIC_ID).into(),
        modified: HeaderValue::from_static("Thu, 18 Jun 2026 14:34:50 +0000"),
    };
    let router = Router::new()
        .route("/stores/{hash}/v3/customers/{id}/consent", get(consent_of))
        .route("/stores/{hash}/v2/customers/{id}", get(v2_customer))
        .route("/stores/{hash}/v3/customers", get(list))
        .route("/stores/{hash}/v2/time", get(time))
        .with_state(Arc::new(ceiling));
    serve::serve(options.port, router)
}

type Place = (String, i64);

async fn consent_of(
    State(it): State<Arc<Ceiling>>,
    Path((hash, _)): Path<Place>,
    headers: HeaderMap,
) -> Response {
    if it.admits(&hash, &headers) {
        dressed(it.consent.clone())
    } else {
        serve::bare(StatusCode::UNAUTHORIZED)
    }
}

async fn v2_customer(
    State(it): State<Arc<Ceiling>>,
    Path((hash, _)): Path<Place>,
    headers: HeaderMap,
) -> Response {
    if !it.admits(&hash, &headers) {
        return serve::bare(StatusCode::UNAUTHORIZED);
    }
    let mut response = dressed(it.customer.clone());
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static("7.6.0"));
    headers.insert(API_LIMIT, HeaderValue::from_static("20000"));
    headers.insert(header::LAST_MODIFIED, it.modified.clone());
    response
}

async fn list(
    State(it): State<Arc<Ceiling>>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Response {
    if it.admits(&hash, &headers) {
        dressed(it.page.clone())
    } else {
        serve::bare(StatusCode::UNAUTHORIZED)
    }
}

async fn time(
    State(it): State<Arc<Ceiling>>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Response {
    if it.admits(&hash, &headers) {
        dressed("{\"time\":0}".into())
    } else {
        serve::bare(StatusCode::UNAUTHORIZED)
    }
}

impl Ceiling {
    fn admits(&self, hash: &str, headers: &HeaderMap) -> bool {
        let Some(token) = headers.get("x-auth-token") else { return false };
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.tokens.get(&digest).is_some_and(|store| store == hash)
    }
}

/// The headers of every answer.
fn dressed(body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.reserve(12);
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let forever = HeaderValue::from_static("max-age=31536000; includeSubDomains");
    headers.insert(header::STRICT_TRANSPORT_SECURITY, forever);
    headers.insert(LEFT, HeaderValue::from_static("19999"));
    headers.insert(RESET, HeaderValue::from_static("29999"));
    headers.insert(QUOTA, HeaderValue::from_static("20000"));
    headers.insert(WINDOW, HeaderValue::from_static("30000"));
    headers.insert(REQUEST_ID, request_id());
    response
}

fn request_id() -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (mut random, mut text) = ([0; 16], [0; 32]);
    SystemChance.fill(&mut random);
    for (byte, pair) in random.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
}
