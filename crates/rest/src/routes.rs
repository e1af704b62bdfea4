use std::pin::Pin;

use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    http::Method,
    response::Response,
    routing::{MethodFilter, on},
};
use kernel::Scope;

use crate::{App, admit};

/// Whose words a route speaks, and where it is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `/stores/{store_hash}/v2`.
    V2,
    /// `/stores/{store_hash}/v3`.
    V3,
    /// `/stores/{store_hash}/custodia`: ours, in V3's words.
    Own,
    /// `/`, at a domain of the store's own: for shoppers, without a token.
    Storefront,
    /// `/`: what belongs to no store.
    Root,
}

/// One operation the service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Whose words it speaks.
    pub version: Version,
    /// Its method. `HEAD` comes with every `GET`.
    pub method: Method,
    /// Its whole path, with `{names}` for what varies.
    pub path: &'static str,
    /// Method and path, as what is counted of it is kept.
    pub name: &'static str,
    /// What a caller needs.
    pub scope: Scope,
    /// How many of it one account may have running, on plans that have limits (ruling 24).
    pub at_once: Option<u32>,
}

/// Routes under construction. There is no way to add one without naming its scope.
pub struct Routes {
    app: App,
    version: Version,
    router: Router<App>,
    operations: Vec<Operation>,
}

impl Routes {
    /// No routes yet.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app, version: Version::Root, router: Router::new(), operations: Vec::new() }
    }

    /// What follows belongs to this version.
    #[must_use]
    pub fn version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// What follows belongs to V2.
    #[must_use]
    pub fn v2(self) -> Self {
        self.version(Version::V2)
    }

    /// What follows belongs to V3.
    #[must_use]
    pub fn v3(self) -> Self {
        self.version(Version::V3)
    }

    /// What follows is asked by shoppers, at the store's own domain.
    #[must_use]
    pub fn storefront(self) -> Self {
        self.version(Version::Storefront)
    }

    /// Answer `GET`, and `HEAD` without the body.
    #[must_use]
    pub fn get<T: 'static>(self, path: &str, scope: Scope, handler: impl Handler<T, App>) -> Self {
        self.on(Method::GET, path, scope, handler)
    }

    /// Answer `POST`.
    #[must_use]
    pub fn post<T: 'static>(self, path: &str, scope: Scope, handler: impl Handler<T, App>) -> Self {
        self.on(Method::POST, path, scope, handler)
    }

    /// Answer `PUT`.
    #[must_use]
    pub fn put<T: 'static>(self, path: &str, scope: Scope, handler: impl Handler<T, App>) -> Self {
        self.on(Method::PUT, path, scope, handler)
    }

    /// Answer `DELETE`.
    #[must_use]
    pub fn delete<T: 'static>(
        self,
        path: &str,
        scope: Scope,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.on(Method::DELETE, path, scope, handler)
    }

    /// Answer a method, at most `most` at once for one account (ruling 24).
    #[must_use]
    pub fn at_once<T: 'static>(
        self,
        most: u32,
        method: Method,
        path: &str,
        scope: Scope,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.mount(method, path, scope, Some(most), handler)
    }

    /// The router, and every operation it answers.
    pub fn finish(self) -> (Router, Vec<Operation>) {
        let router =
            self.router.fallback(admit::not_routed).method_not_allowed_fallback(admit::not_routed);
        (router.with_state(self.app), self.operations)
    }

    fn on<T: 'static>(
        self,
        method: Method,
        path: &str,
        scope: Scope,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.mount(method, path, scope, None, handler)
    }

    #[inline]
    fn mount<T: 'static>(
        self,
        method: Method,
        path: &str,
        scope: Scope,
        at_once: Option<u32>,
        handler: impl Handler<T, App>,
    ) -> Self {
        let answer =
            move |request, app| -> Answering { Box::pin(handler.clone().call(request, app)) };
        self.add(method, path, scope, at_once, Box::leak(Box::new(answer)))
    }

    /// All that handlers have in common, which is not compiled for each of them.
    fn add(
        mut self,
        method: Method,
        path: &str,
        scope: Scope,
        at_once: Option<u32>,
        handler: &'static Answer,
    ) -> Self {
        // Leaked once per route at start, as the handler is: the pattern names the route in every log line and limit.
        let path: &'static str = String::leak(format!("{}{path}", self.version.prefix()));
        let name: &'static str = String::leak(format!("{method} {path}"));
        let version = self.version;
        let operation: &'static Operation =
            Box::leak(Box::new(Operation { version, method, path, name, scope, at_once }));
        let admitted = move |State(app): State<App>, request: Request| {
            admit::admit(app, operation, request, handler)
        };
        let filter = MethodFilter::try_from(operation.method.clone()).expect("a standard method");
        self.router = self.router.route(path, on(filter, admitted));
        self.operations.push(operation.clone());
        self
    }
}

/// A handler, whatever it takes from the request.
pub(crate) type Answer = dyn Fn(Request, App) -> Answering + Send + Sync;

/// A handler at work.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

impl Version {
    fn prefix(self) -> &'static str {
        match self {
            Self::V2 => "/stores/{store_hash}/v2",
            Self::V3 => "/stores/{store_hash}/v3",
            Self::Own => "/stores/{store_hash}/custodia",
            Self::Storefront | Self::Root => "",
        }
    }
}
