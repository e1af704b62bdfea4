//! One connection: requests one after another, for as long as something happens on it.

use std::{
    convert::Infallible,
    pin::{self, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rest::Peer;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::io::InspectWriter;
use tower::Service;

use crate::Answer;

/// Answer what comes until the other side is done, nothing happens any more for as long as `idle`, or the
/// service is told to `stop` and has answered what is in flight.
///
/// What happens is that a request begins, is at work, or that some of its answer is taken. A request's head
/// that is a long time coming is nothing: whoever sends it byte by byte does not keep the connection.
pub(crate) async fn converse<S>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    service: S,
    peer: Peer,
    idle: Duration,
    mut stop: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<Answer>, Error = Infallible, Future: Send>
        + Clone,
{
    let pulse = Arc::new(Pulse::default());
    let (written, begun) = (Arc::clone(&pulse), Arc::clone(&pulse));
    let stream = InspectWriter::new(stream, move |_: &[u8]| written.beat());
    let answer = service_fn(move |mut request: Request<Incoming>| {
        begun.begin();
        request.extensions_mut().insert(peer);
        let answer = service.clone().call(request);
        let ended = Arc::clone(&begun);
        async move {
            let answer = answer.await;
            ended.end();
            answer
        }
    });
    // hyper's own limit on the head would set a timer anew for every request.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), answer);
    let mut look = pin!(sleep(idle));
    let (mut patience, mut stopping) = (idle, false);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut connection => break ended,
            () = look.as_mut() => {
                if !pulse.lives() {
                    return;
                }
                look.as_mut().reset(Instant::now() + patience);
            }
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                pin::Pin::new(&mut connection).graceful_shutdown();
                (patience, stopping) = (LAST_LOOK, true);
                look.as_mut().reset(Instant::now() + patience);
            }
        }
    };
    // An error is the other side's: it went away, or what it says is no HTTP, or too long, as it was told.
    if ended.is_err() {
        let stream = connection.into_parts().io.into_inner();
        let _ = timeout(LAST_WORDS, hear_out(stream)).await;
    }
}

/// Read on, and throw it away, until the other side is done. Were the connection closed under a caller who is
/// still sending a head that is too long, it would hear of that and not of the refusal.
async fn hear_out(mut stream: impl AsyncRead + Unpin) {
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await.is_ok_and(|read| read > 0) {}
}

/// Whether anything happens on a connection.
#[derive(Default)]
struct Pulse {
    /// Something has happened since the last look.
    felt: AtomicBool,
    /// A request is at work.
    answering: AtomicBool,
}

impl Pulse {
    fn beat(&self) {
        self.felt.store(true, Relaxed);
    }

    fn begin(&self) {
        self.answering.store(true, Relaxed);
    }

    fn end(&self) {
        self.answering.store(false, Relaxed);
    }

    /// Whether anything happened since the last look.
    fn lives(&self) -> bool {
        self.felt.swap(false, Relaxed) || self.answering.load(Relaxed)
    }
}

/// The longest head of a request, and what is read ahead of its body, in bytes: nobody knows yet who asks. What
/// one read brings beyond it is let pass.
const BUFFER: usize = 64 << 10;

/// How long nothing may happen once the service is to stop.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// How long a caller who was told that this is no HTTP may go on sending.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::body::Body;
    use http_body_util::Either;
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// A connection to a service that takes its time, in seconds, to say `{}`.
    fn connect(seconds: u64) -> (DuplexStream, impl Future<Output = ()>) {
        let service = tower::service_fn(move |_: Request<Incoming>| async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok(Response::new(Either::Right(Body::from("{}"))))
        });
        let (ours, theirs) = duplex(4096);
        let (never, stop) = watch::channel(false);
        (ours, async move {
            converse(theirs, service, Peer(Ipv4Addr::LOCALHOST.into()), IDLE, stop).await;
            drop(never);
        })
    }

    const IDLE: Duration = Duration::from_secs(75);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed() {
        let (_client, conversation) = connect(0);
        let since = Instant::now();
        conversation.await;
        assert_eq!(since.elapsed().as_secs(), IDLE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_keeps_no_connection() {
        let (mut client, conversation) = connect(0);
        let drip = async {
            for byte in REQUEST {
                sleep(Duration::from_secs(10)).await;
                client.write_all(&[*byte]).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let (dripped, ()) = tokio::join!(drip, conversation);
        assert!(dripped.is_err(), "it was closed before the head was there");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_may_take_long_and_others_may_follow() {
        let (mut client, conversation) = connect(5 * IDLE.as_secs());
        let talk = async {
            for _ in 0..3 {
                client.write_all(REQUEST).await.expect("it listens");
                let mut answer = [0; 512];
                let length = client.read(&mut answer).await.expect("an answer");
                assert!(answer[..length].ends_with(b"{}"));
                sleep(IDLE / 2).await;
            }
            drop(client);
        };
        tokio::join!(talk, conversation);
    }
}
