//! Takes a letter to its destination: one request, one answer.
//!
//! What is not here cannot go wrong: there is no redirect that is followed, no proxy that the environment names, no
//! cookie, and nothing that is unpacked. A name is looked up once for each connection; each address that it has is held
//! against the guard, and the connection is made to one of those very addresses.
//!
//! A connection is kept for the next letter to the same place, for a second at most: where many letters go that spares
//! a handshake for each, and where few do there is none that a receiver might close just then. One that turns out to be closed
//! is no failure: the letter goes by a new one, as it does when the receiver hangs up without an answer. It has the same name then.

use std::{
    collections::HashMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Uri,
    body::Incoming,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use resources::hooks::model::is_own_header;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use crate::{
    guard::Guard,
    letter::Letter,
    model::{Fault, Outcome},
};

/// The network.
pub trait Dial: Send + Sync {
    /// The addresses that a name has; an address is its own, however it is written.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// A connection to an address.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;
}

/// The machine's network.
#[derive(Clone, Debug)]
pub struct System {
    /// Looking a name up takes a thread of those on which the database commits, and goes on when nobody waits for it any
    /// more: so there are only so many at once.
    looking: Arc<Semaphore>,
}

impl Default for System {
    fn default() -> Self {
        Self { looking: Arc::new(Semaphore::new(LOOKING)) }
    }
}

impl Dial for System {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let (looking, host) = (Arc::clone(&self.looking), host.to_owned());
        Box::pin(async move {
            let permit = looking.acquire_owned().await.map_err(io::Error::other)?;
            #[expect(clippy::disallowed_methods, reason = "it outlives who asked for it")]
            let found = tokio::spawn(async move {
                let found = lookup_host((host, port)).await.map(Iterator::collect);
                drop(permit);
                found
            });
            found.await.map_err(io::Error::other)?
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(address))
    }
}

/// Takes letters. Cheap to clone.
#[derive(Clone)]
pub struct Post {
    guard: Guard,
    only_allowed: bool,
    dial: Arc<dyn Dial>,
    tls: TlsConnector,
    patience: Duration,
    kept: Arc<Kept>,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) outcome: Outcome,
    /// How the answer began, without what the webhook's own headers say.
    pub(crate) answer: String,
    pub(crate) took: Duration,
}

/// Whom to believe to be a destination: the authorities that browsers trust.
#[must_use]
pub fn roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

impl Post {
    /// A post that goes where the guard lets it, over this network, to whom these authorities vouch for.
    ///
    /// # Panics
    ///
    /// Never: the cryptography that is built in knows the protocols that are asked of it.
    #[must_use]
    pub fn new(guard: Guard, dial: Arc<dyn Dial>, roots: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config =
            config.with_safe_default_protocol_versions().expect("ring knows TLS 1.2 and 1.3");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        let kept = Arc::default();
        Self { only_allowed: guard.is_only(), guard, dial, tls, patience: PATIENCE, kept }
    }

    /// The same, less patient than what is published.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Send it, and wait for the answer. It never takes much longer than it may.
    pub(crate) async fn send(&self, letter: &Letter) -> Attempt {
        let begun = Instant::now();
        let deadline = begun + self.patience;
        let (outcome, answer) = match self.exchange(letter, deadline).await {
            Ok((status, answer)) => (Outcome::Answered(status), shown(&answer, letter)),
            Err(fault) => (Outcome::Failed(fault), String::new()),
        };
        Attempt { outcome, answer, took: begun.elapsed() }
    }

    /// Close what was kept and is needed no more.
    pub(crate) fn tidy(&self) {
        self.kept.tidy();
    }

    async fn exchange(&self, letter: &Letter, deadline: Instant) -> Result<(u16, Vec<u8>), Fault> {
        let place = self.unless_trial(Place::read(&letter.destination))?;
        if let Some(wire) = self.kept.take(&place.door) {
            match converse(wire, request(letter, &place)?, deadline).await {
                Ok(told) => return Ok(self.keep(place.door, told)),
                Err(NoAnswer::HungUp) => {}
                Err(NoAnswer::Fault(fault)) => return Err(fault),
            }
        }
        let request = request(letter, &place)?;
        let opened = timeout_at(deadline, async {
            let stream = self.reach(&place).await?;
            if !place.door.is_https {
                return Wire::on(stream).await;
            }
            let name = ServerName::try_from(place.door.host.clone()).map_err(|_| Fault::Address)?;
            let secured = self.tls.connect(name, stream).await;
            Wire::on(secured.map_err(|_| Fault::Certificate)?).await
        });
        let wire = opened.await.unwrap_or(Err(Fault::Timeout))?;
        match converse(wire, request, deadline).await {
            Ok(told) => Ok(self.keep(place.door, told)),
            Err(NoAnswer::HungUp) => Err(Fault::Broken),
            Err(NoAnswer::Fault(fault)) => Err(fault),
        }
    }

    fn keep(&self, door: Door, Told { status, begun, wire }: Told) -> (u16, Vec<u8>) {
        if let Some(wire) = wire {
            self.kept.put(door, wire);
        }
        (status, begun)
    }

    /// A connection to one of the addresses, all of which may be connected to.
    async fn reach(&self, place: &Place) -> Result<TcpStream, Fault> {
        let found =
            self.dial.resolve(&place.door.host, place.door.port).await.map_err(|_| Fault::Name);
        let addresses = self.unless_trial(found)?;
        // A name that leads to where nothing may be sent is not to be trusted with its other addresses either.
        for address in &addresses {
            self.guard.admit(*address, place.door.is_https)?;
        }
        let mut fault = self.unless_trial(Err(Fault::Name));
        for address in addresses {
            fault = match timeout(ONE_ADDRESS, self.dial.connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(_)) => Err(Fault::Connection),
                Err(_) => Err(Fault::Timeout),
            };
        }
        fault
    }

    /// Nobody can tell whether a name without an address is where a trial may send.
    fn unless_trial<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| if self.only_allowed { Fault::OutsideTrial } else { fault })
    }
}

/// What a connection leads to.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Door {
    is_https: bool,
    /// A name or an address; one of IPv6 without brackets.
    host: String,
    port: u16,
}

/// The destination, taken apart.
struct Place {
    door: Door,
    /// As the `Host` header has it.
    authority: String,
    path: String,
}

impl Place {
    fn read(destination: &str) -> Result<Self, Fault> {
        let uri: Uri = destination.parse().map_err(|_| Fault::Address)?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(Fault::Address),
        };
        let authority = uri.authority().ok_or(Fault::Address)?;
        if authority.as_str().contains('@') {
            return Err(Fault::Address);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(Fault::Address);
        }
        let port = match (authority.port(), is_https) {
            (Some(port), _) => port.as_u16(),
            (None, true) => 443,
            (None, false) => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let door = Door { is_https, host, port };
        Ok(Self { door, authority: authority.to_string(), path })
    }
}

/// A connection that letters go by, one after the other.
struct Wire {
    opened: Instant,
    sender: http1::SendRequest<Full<Bytes>>,
    /// Does its work while somebody waits for an answer, and none in between.
    connection: BoxFuture<'static, ()>,
}

impl Wire {
    async fn on<S>(stream: S) -> Result<Self, Fault>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(BUFFER);
        let shaken = builder.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|_| Fault::Broken)?;
        let connection = Box::pin(async move {
            let _ = connection.await;
        });
        Ok(Self { opened: Instant::now(), sender, connection })
    }
}

/// The connections that wait for another letter, each since then.
#[derive(Default)]
struct Kept(Mutex<HashMap<Door, Vec<(Instant, Wire)>>>);

impl Kept {
    /// The one that was used last.
    fn take(&self, door: &Door) -> Option<Wire> {
        let (since, wire) = self.doors().get_mut(door)?.pop()?;
        is_fresh(since, &wire).then_some(wire)
    }

    fn put(&self, door: Door, wire: Wire) {
        self.doors().entry(door).or_default().push((Instant::now(), wire));
    }

    fn tidy(&self) {
        self.doors().retain(|_, wires| {
            wires.retain(|(since, wire)| is_fresh(*since, wire));
            !wires.is_empty()
        });
    }

    fn doors(&self) -> MutexGuard<'_, HashMap<Door, Vec<(Instant, Wire)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name may lead elsewhere by and by.
fn is_fresh(since: Instant, wire: &Wire) -> bool {
    since.elapsed() < IDLE && wire.opened.elapsed() < OLD
}

/// The request, with what the webhook's owner wants to be sent along, unless it would change what we say.
fn request(letter: &Letter, place: &Place) -> Result<Request<Full<Bytes>>, Fault> {
    let body = Full::new(Bytes::from(letter.body.clone()));
    let mut request = Request::post(&place.path)
        .header(HOST, &place.authority)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", letter.sent_at)
        .header("webhook-signature", &letter.signature)
        .body(body)
        .map_err(|_| Fault::Address)?;
    for (name, value) in &letter.headers {
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        else {
            continue;
        };
        if !is_own_header(name.as_str()) {
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

/// An answer, and the connection where it may be used again.
struct Told {
    status: u16,
    begun: Vec<u8>,
    wire: Option<Wire>,
}

/// Why there was none.
enum NoAnswer {
    /// The connection was closed before anything of one came.
    HungUp,
    Fault(Fault),
}

/// Ask, and read how the answer begins.
async fn converse(
    wire: Wire,
    request: Request<Full<Bytes>>,
    deadline: Instant,
) -> Result<Told, NoAnswer> {
    let Wire { opened, mut sender, mut connection } = wire;
    let asked = async {
        let answer = timeout_at(deadline, sender.send_request(request)).await;
        let answer = answer.map_err(|_| NoAnswer::Fault(Fault::Timeout))?;
        let answer = answer.map_err(|error| {
            if error.is_parse() { NoAnswer::Fault(Fault::Broken) } else { NoAnswer::HungUp }
        })?;
        let status = answer.status().as_u16();
        let mut begun = Vec::new();
        // The status says what has become of the event; nobody waits long for the rest.
        let patience = deadline.min(Instant::now() + FOR_THE_BODY);
        let read = timeout_at(patience, read(answer.into_body(), &mut begun)).await;
        // Whoever keeps the connection is ready as soon as the answer has ended.
        let is_ready = read == Ok(true)
            && timeout_at(patience, sender.ready()).await.is_ok_and(|ready| ready.is_ok());
        Ok((status, begun, is_ready))
    };
    let (answered, is_open) = {
        let mut asked = std::pin::pin!(asked);
        tokio::select! {
            biased;
            answered = &mut asked => (answered, true),
            // The connection is done; what it has brought is still to be read.
            () = &mut connection => (asked.await, false),
        }
    };
    let (status, begun, is_ready) = answered?;
    let wire = (is_open && is_ready).then_some(Wire { opened, sender, connection });
    Ok(Told { status, begun, wire })
}

/// Whether that was all.
async fn read(mut body: Incoming, begun: &mut Vec<u8>) -> bool {
    while begun.len() < READ {
        let Some(frame) = body.frame().await else { return true };
        let Ok(frame) = frame else { return false };
        if let Some(data) = frame.data_ref() {
            let room = READ - begun.len();
            begun.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    false
}

/// What is kept of an answer: a receiver that repeats what it was sent shows no secret with it.
fn shown(answer: &[u8], letter: &Letter) -> String {
    // PostgreSQL keeps no U+0000.
    let mut text = String::from_utf8_lossy(answer).replace('\0', "\u{fffd}");
    for (_, value) in letter.headers.iter().filter(|(_, value)| value.len() >= 4) {
        text = text.replace(value.as_str(), "[header]");
    }
    text.truncate(text.floor_char_boundary(KEPT));
    text
}

/// How many names are looked up at once: half of the threads that there are for what waits.
const LOOKING: usize = 256;

/// Who sends.
const AGENT: &str = concat!("custodia/", env!("CARGO_PKG_VERSION"));

/// How long an attempt takes at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one of several addresses is waited for.
const ONE_ADDRESS: Duration = Duration::from_secs(4);

/// How long the body of an answer is waited for, once its status is known.
const FOR_THE_BODY: Duration = Duration::from_secs(1);

/// How long a connection waits for another letter.
const IDLE: Duration = Duration::from_secs(1);

/// From when on it waits for none.
const OLD: Duration = Duration::from_mins(1);

/// How many bytes of an answer are kept.
const KEPT: usize = 1024;

/// How many are read: a header that is repeated at the end of what is kept is to be seen as a whole.
const READ: usize = KEPT + 4096;

/// How long the head of an answer may be.
const BUFFER: usize = 32 * 1024;

#[cfg(test)]
mod tests;
