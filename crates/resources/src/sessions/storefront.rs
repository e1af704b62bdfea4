//! `GET /login/token/{jwt_token}` and `GET /customer/current.jwt`, at a storefront's domain.

use access::{Visitor, jwt};
use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use kernel::{Error, Scope};
use rest::{
    App, Plain, Routes,
    cookies::{self, CONSENT, SHOPPER},
    storefront::Reply,
    v3::Params,
};
use serde::{Deserialize, Serialize};

use super::{
    model::{LoginToken, Refusal, SESSION, Statement},
    ops,
};

pub fn routes(routes: Routes) -> Routes {
    routes.storefront().get("/login/token/{jwt_token}", Scope::Public, login).get(
        "/customer/current.jwt",
        Scope::Public,
        current,
    )
}

/// Sign the shopper in and send them on, or say why not.
async fn login(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Reply<Response> {
    // Whoever only looks must not use the token up.
    if method == Method::HEAD {
        return Err(Plain(StatusCode::NOT_FOUND, "A shopper signs in with GET").into());
    }
    match enter(&app, &visitor, &token, CONSENT.read(&app, &headers)).await {
        Ok(response) => Ok(response),
        Err(Denied::Refused(refusal)) => Ok(page(refusal)),
        Err(Denied::Failed(error)) => Err(error.into()),
    }
}

/// Why a token signs nobody in.
enum Denied {
    Refused(Refusal),
    Failed(Error),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

async fn enter(
    app: &App,
    visitor: &Visitor,
    token: &str,
    kept: Option<&str>,
) -> Result<Response, Denied> {
    let issuer: Issuer = jwt::unproven(token).ok_or(Refusal::Unreadable)?;
    let holder = ops::app(app, visitor, &issuer.iss).await?.ok_or(Refusal::Unproven)?;
    let mut proofs = holder.secrets.valid().map(|secret| jwt::proven(token, secret));
    let proven: serde_json::Value = proofs.find_map(|it| it).ok_or(Refusal::Unproven)?;
    let claims: LoginClaims = serde_json::from_value(proven).map_err(|_| Refusal::Unreadable)?;
    let (said, now) = (Statement::from(claims), app.clock.now());
    let token =
        LoginToken::new(&said, visitor.store_hash(), visitor.channel, visitor.address, now)?;
    let key = ops::sign_in(app, visitor, &holder, &token, kept).await??;
    let mut response = StatusCode::FOUND.into_response();
    let location = HeaderValue::from_str(token.destination.as_str()).map_err(Error::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    cookies::sign_in(app, response.headers_mut(), &key, SESSION, kept.is_some());
    Ok(response)
}

/// A page that needs nothing from elsewhere and repeats nothing that was sent.
fn page(refusal: Refusal) -> Response {
    let words = refusal.words();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>You are not signed in</title>\n</head>\n<body>\n<h1>You are not signed in</h1>\n\
         <p>{words}</p>\n</body>\n</html>\n"
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Tell an app who is signed in, so that it can be sure of it.
async fn current(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    mut params: Params,
) -> Reply<Response> {
    const UNKNOWN: Plain =
        Plain(StatusCode::BAD_REQUEST, "app_client_id names no app of this store");
    let client_id = params.text("app_client_id").unwrap_or_default();
    let holder = ops::app(&app, &visitor, &client_id).await?.ok_or(UNKNOWN)?;
    let guest = Plain(StatusCode::NOT_FOUND, "Nobody is signed in");
    let key = SHOPPER.read(&app, &headers).ok_or(guest)?;
    let customer = ops::find(&app, &visitor, key).await?.ok_or(guest)?;
    let now = app.clock.now().seconds();
    let claims = CurrentClaims {
        customer: CurrentCustomer {
            id: customer.id.0,
            email: customer.email,
            group_id: customer.group.0.to_string(),
        },
        iss: "bc/apps",
        sub: visitor.store_hash(),
        iat: now,
        exp: now + QUARTER_OF_AN_HOUR,
        version: 1,
        aud: &holder.client_id,
        application_id: &holder.client_id,
        store_hash: visitor.store_hash(),
        operation: "current_customer",
    };
    let token = jwt::sign(&claims, &holder.secrets.current)?;
    let mut response = Response::new(Body::from(token));
    let kind = HeaderValue::from_static("application/jwt");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Whose secret a token has to be proven with.
#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

/// Both names of the destination occur in clients; where both are there, the published one counts.
#[derive(Deserialize)]
struct LoginClaims {
    iat: i64,
    exp: Option<i64>,
    jti: String,
    operation: String,
    store_hash: String,
    customer_id: i64,
    channel_id: Option<i64>,
    request_ip: Option<String>,
    redirect_to: Option<String>,
    redirect_url: Option<String>,
}

impl From<LoginClaims> for Statement {
    fn from(claims: LoginClaims) -> Self {
        Self {
            issued_at: claims.iat,
            expires_at: claims.exp,
            name: claims.jti,
            operation: claims.operation,
            store_hash: claims.store_hash,
            customer: claims.customer_id,
            channel: claims.channel_id,
            address: claims.request_ip,
            destination: claims.redirect_to.or(claims.redirect_url),
        }
    }
}

#[derive(Serialize)]
struct CurrentClaims<'c> {
    customer: CurrentCustomer,
    iss: &'static str,
    sub: &'c str,
    iat: i64,
    exp: i64,
    version: u8,
    aud: &'c str,
    application_id: &'c str,
    store_hash: &'c str,
    operation: &'static str,
}

#[derive(Serialize)]
struct CurrentCustomer {
    id: i64,
    email: String,
    group_id: String,
}

const QUARTER_OF_AN_HOUR: i64 = 15 * 60;
