//! The loop that answers on a port.

use std::{
    future::Future, io, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration,
};

use delivery::Worker;
use futures_util::FutureExt as _;
use resources::ledger::sequencer;
use rest::{App, Peer};
use sql::Db;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

use crate::connection::converse;

/// Where requests come from.
pub struct Listener {
    /// A bound socket. Bind it when the service can serve, and not before.
    pub socket: std::net::TcpListener,
    /// Certificate and key, where the service itself speaks TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// How many may come at once.
    pub bounds: Bounds,
}

/// What connections may hold: nobody knows yet who asks.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many there may be at once. Past that, others wait in the system's queue until some are done.
    pub connections: usize,
    /// How long nothing may happen on one; up to twice as long where it just had.
    pub idle: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 10_000, idle: Duration::from_secs(75) }
    }
}

impl Listener {
    /// Take the address.
    pub fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, tls, bounds: Bounds::default() })
    }
}

/// Answer until `stop`, and deliver webhooks where there is a worker; then accept no more, finish what is in flight, and
/// close the database.
#[expect(
    clippy::disallowed_methods,
    reason = "server starts the tasks that live as long as the service"
)]
pub async fn serve(
    app: App,
    listener: Listener,
    worker: Option<Worker>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let watched = app.clone();
    let watch = tokio::spawn(async move { watched.tokens.watch().await });
    let kept = app.clone();
    let sequencer = tokio::spawn(async move { keep_ledgers(&kept).await });
    let db = app.db.clone();
    let scourer = tokio::spawn(async move { scour(&db).await });
    let mut connections = JoinSet::new();
    let (stopping, stopped) = watch::channel(false);
    let delivering = worker.map(|worker| tokio::spawn(keep_delivering(worker, stopped.clone())));
    {
        let service = crate::service(app.clone());
        let tls = listener.tls.map(TlsAcceptor::from);
        let bounds = listener.bounds;
        let socket = TcpListener::from_std(listener.socket)?;
        let mut stop = std::pin::pin!(stop);
        loop {
            let (stream, peer) = tokio::select! {
                () = stop.as_mut() => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&socket), if connections.len() < bounds.connections => accepted,
            };
            let (service, tls, stopped) = (service.clone(), tls.clone(), stopped.clone());
            connections.spawn(async move {
                match tls {
                    None => converse(stream, service, peer, bounds.idle, stopped).await,
                    Some(tls) => {
                        if let Some(stream) = shake_hands(&tls, stream, stopped.clone()).await {
                            converse(stream, service, peer, bounds.idle, stopped).await;
                        }
                    }
                }
            });
        }
    }
    stopping.send_replace(true);
    let _ = timeout(PATIENCE, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
    if let Some(mut delivering) = delivering {
        let _ = timeout(LANDING, &mut delivering).await;
        delivering.abort();
    }
    watch.abort();
    sequencer.abort();
    scourer.abort();
    app.db.close().await.map_err(io::Error::other)
}

/// Follow what is declared; should that ever panic, it begins anew.
async fn keep_ledgers(app: &App) {
    while AssertUnwindSafe(sequencer::keep(app)).catch_unwind().await.is_err() {
        tracing::error!("the sequencer panicked and begins anew");
        sleep(Duration::from_secs(1)).await;
    }
}

/// See to it that what was deleted does not stay in the files, at the start and twice a minute. An erasure does so by
/// itself; this is for whatever kept it from that, for what goes later (a declaration that the ledger had not yet), and
/// for what is deleted without one.
async fn scour(db: &Db) {
    loop {
        if let Err(error) = db.scour().await {
            tracing::warn!(%error, "the database's log still has what was deleted");
        }
        sleep(SCOURING).await;
    }
}

/// Deliver webhooks until the service stops, and then wait for what is on its way; should that ever panic, it begins anew.
async fn keep_delivering(worker: Worker, stop: watch::Receiver<bool>) {
    loop {
        let mut stop = stop.clone();
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        if AssertUnwindSafe(worker.keep(stopped)).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!("the delivery of webhooks panicked and begins anew");
        sleep(Duration::from_secs(1)).await;
    }
}

/// The next connection, and where it comes from.
async fn accept(socket: &TcpListener) -> (TcpStream, Peer) {
    loop {
        match socket.accept().await {
            Ok((stream, from)) => {
                // An answer is written as a whole: waiting for more to send would only delay it.
                let _ = stream.set_nodelay(true);
                return (stream, Peer(from.ip()));
            }
            // The connection went away before it was taken.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Most likely no file descriptor is free. Some will be, once others are done.
                tracing::error!(%error, "a connection cannot be accepted");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// A connection whose other side agreed on a key. `None` if it did not, or not in time: it is gone, or no
/// client of ours. A service that stops does not wait for it.
async fn shake_hands(
    tls: &TlsAcceptor,
    stream: TcpStream,
    mut stop: watch::Receiver<bool>,
) -> Option<TlsStream<TcpStream>> {
    tokio::select! {
        agreed = timeout(HANDSHAKE, tls.accept(stream)) => agreed.ok()?.ok(),
        _ = stop.wait_for(|stop| *stop) => None,
    }
}

/// How long what was deleted may stay in the database's log.
const SCOURING: Duration = Duration::from_secs(30);

/// How long the other side may take to agree on a key.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long webhooks on their way may take once the service is to stop: longer than any of them does.
const LANDING: Duration = Duration::from_secs(15);

/// How long requests in flight may take once the service is to stop.
const PATIENCE: Duration = Duration::from_secs(30);
