//! The whole service, assembled: every route behind one door, and the loop that answers on a port.

mod connection;
mod document;
mod pages;
mod paths;
mod probes;
mod serve;
mod unread;

use std::convert::Infallible;

use axum::{
    BoxError, Router,
    body::{Body, Bytes, HttpBody},
    http::{
        Request, Response, StatusCode,
        header::{ACCEPT_ENCODING, ALLOW},
    },
};
use http_body_util::Either;
use rest::{App, Operation, Routes};
use tower::{Layer as _, Service, ServiceBuilder, service_fn};
use tower_http::{
    CompressionLevel,
    compression::{CompressionBody, CompressionLayer, predicate::SizeAbove},
};

pub use self::serve::{Bounds, Listener, serve};

/// Every route, and the operations they answer.
pub fn router(app: App) -> (Router, Vec<Operation>) {
    resources::routes(pages::routes(probes::routes(Routes::new(app)))).finish()
}

/// The service as it hears requests: paths are cleaned before they are routed, long answers are compressed
/// for those who ask for gzip (never deflate: clients.md).
#[must_use]
pub fn service<B>(
    app: App,
) -> impl Service<Request<B>, Response = Response<Answer>, Error = Infallible, Future: Send> + Clone + Send
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let plain = ServiceBuilder::new()
        .map_request(paths::clean::<Body>)
        .map_response(without_allow)
        .service(router(app).0);
    let gzip = CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest);
    let zipped = gzip.compress_when(SizeAbove::new(1024)).layer(plain.clone());
    service_fn(move |request: Request<B>| {
        let (request, unread) = unread::keep(request);
        // The layer's own look at each answer costs more than this one at the question.
        let answer = if request.headers().contains_key(ACCEPT_ENCODING) {
            Either::Left(zipped.clone().call(request))
        } else {
            Either::Right(plain.clone().call(request))
        };
        async move {
            let answer = match answer {
                Either::Left(answer) => answer.await.map(|answer| answer.map(Answer::Left)),
                Either::Right(answer) => answer.await.map(|answer| answer.map(Answer::Right)),
            };
            unread::finish(unread).await;
            answer
        }
    })
}

/// axum tells which methods a path has; the real service says 404 and nothing more.
fn without_allow(mut response: Response<Body>) -> Response<Body> {
    if response.status() == StatusCode::NOT_FOUND {
        response.headers_mut().remove(ALLOW);
    }
    response
}

/// A body that may be compressed on its way.
pub type Answer = Either<CompressionBody<Body>, Body>;
