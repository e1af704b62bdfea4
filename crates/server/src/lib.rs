//! The whole service, assembled: every route behind one door, and the loop that answers on a port.

mod paths;
mod probes;
mod serve;

use std::convert::Infallible;

use axum::{
    BoxError, Router,
    body::{Body, Bytes, HttpBody},
    http::{Request, Response},
};
use rest::{App, Operation, Routes};
use tower::{Service, ServiceBuilder};
use tower_http::{
    CompressionLevel,
    compression::{CompressionBody, CompressionLayer, predicate::SizeAbove},
};

pub use self::serve::{Listener, serve};

/// Every route, and the operations they answer.
pub fn router(app: App) -> (Router, Vec<Operation>) {
    resources::routes(probes::routes(Routes::new(app))).finish()
}

/// The service as it hears requests: paths are cleaned before they are routed, long answers are compressed
/// for those who ask for gzip (never deflate: clients.md).
#[must_use]
pub fn service<B>(
    app: App,
) -> impl Service<Request<B>, Response = Response<Answer>, Error = Infallible, Future: Send> + Clone + Send
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let gzip = CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest);
    ServiceBuilder::new()
        .map_request(|request: Request<B>| paths::clean(request.map(Body::new)))
        .layer(gzip.compress_when(SizeAbove::new(1024)))
        .service(router(app).0)
}

/// A body that may be compressed on its way.
pub type Answer = CompressionBody<Body>;
