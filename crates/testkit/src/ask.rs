use axum::{
    body::Body,
    http::{Method, Request, request::Builder},
};
use http_body_util::BodyExt as _;
use rest::Peer;
use serde_json::Value;

use crate::{Answer, Service};

/// A request being put together.
#[must_use = "a request does nothing until it is sent"]
pub struct Ask {
    service: Service,
    method: Method,
    path: String,
    shown: String,
    builder: Builder,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(service: Service, method: &str, path: &str) -> Self {
        let whole =
            if path.starts_with("/v") { format!("/stores/acme{path}") } else { path.to_owned() };
        let method: Method = method.parse().expect("a method");
        Self {
            service,
            shown: format!("{method} {path}"),
            builder: Request::builder().method(method.clone()).uri(&whole),
            method,
            path: whole,
            body: Vec::new(),
        }
    }

    /// As one of the actors; the empty name sends no token.
    pub fn token(self, token: &str) -> Self {
        if token.is_empty() { self } else { self.header("X-Auth-Token", token) }
    }

    /// From this address, as if by a connection from there.
    ///
    /// # Panics
    ///
    /// For what is no address.
    pub fn from(mut self, address: &str) -> Self {
        self.builder = self.builder.extension(Peer(address.parse().expect("an address")));
        self
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.shown = format!("{}\n{name}: {value}", self.shown);
        self.builder = self.builder.header(name, value);
        self
    }

    /// With a JSON body, and the header that says so.
    #[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
    pub fn json(self, body: Value) -> Self {
        self.header("Content-Type", "application/json").text(body.to_string())
    }

    /// With a body, and no header that says what it is.
    pub fn text(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.shown = format!("{}\n{}", self.shown, String::from_utf8_lossy(&self.body));
        self
    }

    /// Send it, and read the whole answer.
    pub async fn send(self) -> Answer {
        let request = self.builder.body(Body::from(self.body)).expect("a request");
        let response = self.service.pass(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer {
            method: self.method,
            path: self.path,
            asked: self.shown,
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_vec(),
        }
    }
}
