use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{ServiceExt, http::Request};
use axum_server::{
    Handle,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper::body::Incoming;
use rest::App;
use rustls::ServerConfig;

/// Where requests come from.
pub struct Listener {
    /// A bound socket. Bind it when the service can serve, and not before.
    pub socket: std::net::TcpListener,
    /// Certificate and key, where the service itself speaks TLS.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Listener {
    /// Take the address.
    pub fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, tls })
    }
}

/// Answer until `stop`; then accept no more, finish what is in flight, and close the database.
#[expect(
    clippy::disallowed_methods,
    reason = "server starts the tasks that live as long as the service"
)]
pub async fn serve(
    app: App,
    listener: Listener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let handle = Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        stop.await;
        stopping.graceful_shutdown(Some(PATIENCE));
    });
    let watched = app.clone();
    let watch = tokio::spawn(async move { watched.tokens.watch().await });

    let service = ServiceExt::<Request<Incoming>>::into_make_service(crate::service(app.clone()));
    let mut server =
        axum_server::from_tcp(listener.socket)?.acceptor(NoDelayAcceptor::new()).http1_only();
    // Counts from the moment a connection is there, so it bounds the wait for the first request as well.
    server.http_builder().http1().header_read_timeout(IDLE);
    let server = server.handle(handle);
    match listener.tls {
        None => server.serve(service).await?,
        Some(config) => {
            let tls = RustlsAcceptor::new(RustlsConfig::from_config(config))
                .acceptor(NoDelayAcceptor::new());
            server.acceptor(tls).serve(service).await?;
        }
    }
    watch.abort();
    app.db.close().await.map_err(io::Error::other)
}

/// How long a connection may say nothing.
const IDLE: Duration = Duration::from_secs(75);

/// How long requests in flight may take once the service is to stop.
const PATIENCE: Duration = Duration::from_secs(30);
