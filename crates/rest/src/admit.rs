//! The way into every operation, and out of it: one pass.
//!
//! In: the route is known; then token (401), store (403), scope (403), limits (429), what the headers say of
//! the body (406, 415); then the handler. At a storefront: domain (404), limits (429), the page that asks (403), and what
//! the headers say of a body. Out: the headers that every answer has, and one line of log with
//! the route's pattern, also for a request whose caller did not wait. This is the only place that makes a
//! [`Caller`], and a [`Visitor`]: at a storefront there is no token, and the domain names the store.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use access::{
    Account, Domain, RequestId, Visitor,
    rate::{Allowance, InFlight},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use kernel::{Error, Scope, StoreId};

use crate::{
    App, Caller, Cause, Operation, Plain, Version,
    routes::Answer,
    storefront,
    v2::{self, Failure as V2Failure},
    v3::{self, Failure as V3Failure},
};

/// Let a request through to its handler, or say why not; then finish the answer.
pub(crate) async fn admit(
    app: App,
    operation: &'static Operation,
    mut request: Request,
    handler: &'static Answer,
) -> Response {
    let id = RequestId::draw(&*app.chance);
    let passage = Passage::begin(operation.path, request.method(), id);
    let mut passed = Passed::default();
    let refused = check(&app, operation, &mut request, id, &mut passed).await;
    let may_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let response = match refused {
        Err(refusal) => refusal,
        // A panic ends its own request and no other.
        Ok(()) => match AssertUnwindSafe(handler(request, app.clone())).catch_unwind().await {
            Ok(response) => response,
            Err(_) => operation.version.refuse(Error::internal("a handler panicked")),
        },
    };
    if let Some(store) = passed.store.filter(|_| may_change && !response.status().is_client_error())
    {
        app.changed.note(store);
    }
    passage.end(operation.version, &passed, response)
}

/// The answer to a path or method that is not routed; it comes before any look at the token.
pub(crate) async fn not_routed(State(app): State<App>, method: Method) -> Response {
    let passage = Passage::begin("(none)", &method, RequestId::draw(&*app.chance));
    let response =
        Plain(StatusCode::NOT_FOUND, "The route is not found, check the URL").into_response();
    passage.end(Version::Root, &Passed::default(), response)
}

/// One request on its way. Dropped, however that comes about, it leaves one line of log: never a path or query
/// as sent, a body, a token.
struct Passage {
    route: &'static str,
    method: Method,
    request_id: String,
    started: Instant,
    /// `None` until there is one, and for good when the caller goes away before: what the request wrote may
    /// have been kept.
    outcome: Option<(StatusCode, Option<Cause>)>,
}

impl Passage {
    fn begin(route: &'static str, method: &Method, id: RequestId) -> Self {
        let (method, request_id) = (method.clone(), id.digits());
        Self { route, method, request_id, started: Instant::now(), outcome: None }
    }

    fn end(mut self, version: Version, passed: &Passed, mut response: Response) -> Response {
        finish(version, &self.request_id, passed, response.headers_mut());
        self.outcome = Some((response.status(), response.extensions_mut().remove()));
        response
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let Self { route, method, request_id, started, outcome } = self;
        let (request_id, method) = (request_id.as_str(), method.as_str());
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        match outcome {
            Some((status, Some(Cause(cause)))) => {
                let (status, cause) = (status.as_u16(), cause.as_str());
                tracing::error!(request_id, method, route, status, micros, cause, "failed");
            }
            Some((status, None)) => {
                let status = status.as_u16();
                tracing::info!(request_id, method, route, status, micros, "answered");
            }
            None => tracing::info!(request_id, method, route, micros, "abandoned"),
        }
    }
}

/// How far a request came.
#[derive(Default)]
struct Passed {
    allowance: Option<Allowance>,
    /// Whose rows it may have changed.
    store: Option<StoreId>,
    running: Option<InFlight>,
}

/// Everything that is decided before the handler, in the contract's order.
async fn check(
    app: &App,
    operation: &'static Operation,
    request: &mut Request,
    id: RequestId,
    passed: &mut Passed,
) -> Result<(), Response> {
    if operation.version == Version::Storefront {
        let peer = request.extensions().get::<Peer>().copied();
        let visited = visit(app, request.headers(), request.uri(), peer, id).await;
        let visitor = visited.map_err(storefront::Failure::into_response)?;
        passed.store = Some(visitor.store);
        // Who only visits is answered whatever they accept: a page, a token.
        let sends = matches!(*request.method(), Method::POST | Method::PUT);
        if let Some(refusal) = sends.then(|| content(Version::Storefront, request)).flatten() {
            return Err(refusal);
        }
        request.extensions_mut().insert(visitor);
        return Ok(());
    }
    if operation.scope == Scope::Public {
        return Ok(());
    }
    let version = operation.version;
    let account = recognise(app, version, request.headers(), request.uri()).await?;
    // Taken before the scope is looked at, told after: whoever is recognised reads the four headers.
    let taken = app.limiter.take(account.id, account.store.plan, &*app.clock);
    let allowance = taken.unwrap_or_else(|spent| spent);
    passed.allowance = Some(allowance);
    if !account.grants.allow(operation.scope) {
        return Err(version
            .say(StatusCode::FORBIDDEN, "You don't have a required scope to access the endpoint"));
    }
    let at_once = operation.at_once.filter(|_| account.store.plan.quota().is_some());
    if let (Ok(_), Some(most)) = (taken, at_once) {
        passed.running = app.limiter.enter(account.id, operation.name, most);
    }
    if taken.is_err() || (at_once.is_some() && passed.running.is_none()) {
        let mut refusal = version.say(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
        let seconds = if taken.is_err() { allowance.retry_after_seconds() } else { 1 };
        refusal.headers_mut().insert("x-retry-after", HeaderValue::from(seconds));
        return Err(refusal);
    }
    if let Some(refusal) = content(version, request) {
        return Err(refusal);
    }
    passed.store = Some(account.store.id);
    request.extensions_mut().insert(Caller::new(account, id));
    Ok(())
}

/// The address that a connection comes from; an extension of every request that came by one.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Who visits which storefront: the domain first (404), then how often they do, and all do (429), then whether a page
/// of another site has their browser ask (403).
async fn visit(
    app: &App,
    headers: &HeaderMap,
    uri: &Uri,
    peer: Option<Peer>,
    id: RequestId,
) -> storefront::Reply<Visitor> {
    const NOBODY: Plain = Plain(StatusCode::NOT_FOUND, "There is no store at this domain");
    let host = authority(headers, uri).ok_or(NOBODY)?;
    let domain = Domain::of_host(host).ok_or(NOBODY)?;
    let site = app.tokens.site(&domain).await?.ok_or(NOBODY)?;
    let address = address(app, headers, peer);
    let taken = app.limiter.visit(site.store.id, address, &*app.clock);
    taken.map_err(|spent| storefront::Failure::too_many(spent.retry_after_seconds()))?;
    let is_foreign = |origin: &HeaderValue| {
        let origin = origin.to_str().unwrap_or_default();
        let plain = origin.strip_prefix("http://").filter(|_| !app.settings.is_secure());
        let theirs = origin.strip_prefix("https://").or(plain);
        theirs.is_none_or(|theirs| !theirs.eq_ignore_ascii_case(host))
    };
    if headers.get_all(header::ORIGIN).iter().any(is_foreign) {
        return Err(Plain(StatusCode::FORBIDDEN, "Only this storefront's own pages may ask").into());
    }
    let gpc = headers.get("sec-gpc").is_some_and(|said| said == "1");
    Ok(Visitor::new(site, address, gpc, id))
}

/// The host that is asked, with its port where that was said. One that is named twice is none.
fn authority<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// Where a request comes from: what the proxy before this server adds to the header, or the connection's other end.
fn address(app: &App, headers: &HeaderMap, peer: Option<Peer>) -> Option<IpAddr> {
    if app.settings.behind_proxy {
        let added = headers.get_all("x-forwarded-for").iter().next_back()?;
        return added.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    }
    peer.map(|Peer(address)| address)
}

/// Who calls: the token first, then whether it belongs to the store in the path.
async fn recognise(
    app: &App,
    version: Version,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Arc<Account>, Response> {
    let Some(token) = headers.get("x-auth-token") else {
        return Err(
            Plain(StatusCode::UNAUTHORIZED, "X-Auth-Token header is required").into_response()
        );
    };
    let token = token.to_str().unwrap_or_default();
    if token.is_empty() {
        let reason = "X-Auth-Token header should have correct format";
        return Err(Plain(StatusCode::UNAUTHORIZED, reason).into_response());
    }
    let account = app.tokens.find(token).await.map_err(|error| version.refuse(error))?;
    let account = account.ok_or_else(|| version.say(StatusCode::UNAUTHORIZED, "Unauthorized"))?;
    if uri.path().split('/').nth(2) != Some(account.store.hash.as_str()) {
        return Err(version.say(StatusCode::FORBIDDEN, "The token does not belong to this store"));
    }
    Ok(account)
}

/// What the headers say of the bodies: 406 for one we cannot write (ruling 31), 415 for one we cannot read
/// (ruling 32). A request without a body never fails on its `Content-Type`.
fn content(version: Version, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let mut accepts = headers.get_all(header::ACCEPT).iter().peekable();
    if accepts.peek().is_some() && !accepts.any(admits_json) {
        return Some(version.say(StatusCode::NOT_ACCEPTABLE, "Not Acceptable"));
    }
    let has_body = !axum::body::HttpBody::is_end_stream(request.body());
    let is_json = headers.get(header::CONTENT_TYPE).is_none_or(names_json);
    let refused = has_body && !is_json && matches!(*request.method(), Method::POST | Method::PUT);
    refused.then(|| version.say(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"))
}

fn admits_json(accept: &HeaderValue) -> bool {
    let Ok(accept) = accept.to_str() else { return true };
    let mut ranges =
        accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    let admits = |range: &str| {
        let json = ["", "*/*", "*", "application/*", "application/json"];
        json.iter().any(|name| range.eq_ignore_ascii_case(name))
    };
    ranges.any(admits)
}

fn names_json(content_type: &HeaderValue) -> bool {
    let essence =
        content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let suffix = essence.len().checked_sub(5).and_then(|at| essence.get(at..));
    essence.eq_ignore_ascii_case("application/json")
        || suffix.is_some_and(|end| end.eq_ignore_ascii_case("+json"))
}

impl Version {
    /// A refusal in this version's words.
    fn say(self, status: StatusCode, reason: &'static str) -> Response {
        match self {
            Self::V2 => V2Failure::new(status, reason).into_response(),
            Self::V3 | Self::Own | Self::Root => V3Failure::new(status, reason).into_response(),
            Self::Storefront => Plain(status, reason).into_response(),
        }
    }

    /// The domain's error in this version's words.
    fn refuse(self, error: Error) -> Response {
        match self {
            Self::V2 => v2::Failure::from(error).into_response(),
            Self::V3 | Self::Own | Self::Root => v3::Failure::from(error).into_response(),
            Self::Storefront => storefront::Failure::from(error).into_response(),
        }
    }
}

/// The headers that every answer has, and those that a version or a limit adds (observed.md 3).
fn finish(version: Version, request_id: &str, passed: &Passed, headers: &mut HeaderMap) {
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
    headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    if let Some(allowance) = passed.allowance {
        if version == Version::V2 {
            headers.insert(V2_STORE_VERSION, HeaderValue::from_static("7.6.0"));
            headers.insert(V2_LIMIT_REMAINING, HeaderValue::from_static("20000"));
        }
        let [left, reset, quota] = numbers(allowance);
        headers.insert(LEFT, left);
        headers.insert(RESET, reset);
        headers.insert(QUOTA, quota);
        headers.insert(WINDOW, HeaderValue::from_static("30000"));
    }
    if version == Version::Storefront {
        // What is said is one shopper's own, and a path may hold what signs them in.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    let digits = HeaderValue::from_str(request_id).expect("hexadecimal digits make a header");
    headers.insert(REQUEST_ID, digits);
}

/// What is left, until when, and of how many. Without a limit they are always the same and not written anew.
fn numbers(allowance: Allowance) -> [HeaderValue; 3] {
    if allowance == Allowance::UNLIMITED {
        return ["2147483647", "30000", "2147483647"].map(HeaderValue::from_static);
    }
    let Allowance { left, reset_ms, quota } = allowance;
    [HeaderValue::from(left), HeaderValue::from(reset_ms), HeaderValue::from(quota)]
}

const LEFT: HeaderName = HeaderName::from_static("x-rate-limit-requests-left");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-time-reset-ms");
const QUOTA: HeaderName = HeaderName::from_static("x-rate-limit-requests-quota");
const WINDOW: HeaderName = HeaderName::from_static("x-rate-limit-time-window-ms");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const V2_STORE_VERSION: HeaderName = HeaderName::from_static("x-bc-store-version");
const V2_LIMIT_REMAINING: HeaderName = HeaderName::from_static("x-bc-apilimit-remaining");
