//! What the ceiling and the control share: a listener, the path, and an answer of JSON.

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::Response,
    serve::ListenerExt as _,
};
use tokio::net::TcpListener;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Where the server listens and whom it lets in.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// The port on 127.0.0.1.
    #[arg(long)]
    pub(crate) port: u16,
    /// The access token of the store `bench`.
    #[arg(long)]
    pub(crate) token: String,
}

/// Serve on two or more threads until the process is told to end.
pub(crate) fn serve(port: u16, router: Router) -> Result<(), String> {
    serve_made(port, async { Ok(router) })
}

/// The same, where it takes those threads to make what is served.
pub(crate) fn serve_made(
    port: u16,
    router: impl Future<Output = Result<Router, String>>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let router = router.await?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|e| e.to_string())?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await.map_err(|e| e.to_string())
    })
}

/// 200 and JSON, nothing else.
pub(crate) fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// An answer without a body.
pub(crate) fn bare(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
