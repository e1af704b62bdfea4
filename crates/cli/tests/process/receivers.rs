//! Those who are told of events: some take everything, some refuse a third, some never answer.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Takes,
    /// Each third one is answered with 500.
    RefusesAThird,
    /// One in so many has no answer at all.
    Hangs(u64),
}

/// Listens on an address of this machine for as long as the test runs.
pub(crate) struct Receiver {
    address: String,
    inside: Arc<Inside>,
}

struct Inside {
    manner: Mutex<Manner>,
    /// In milliseconds.
    patience: AtomicU64,
    requests: AtomicU64,
    arrivals: AtomicU64,
    heard: Mutex<Vec<Heard>>,
}

/// One attempt, as it was seen here.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) scope: String,
    /// The `data` of the body.
    pub(crate) data: Value,
    /// Of all its bytes.
    pub(crate) digest: u64,
    /// What was answered, or 0; 499 where whoever asked was gone by then.
    pub(crate) status: u16,
    pub(crate) at: Instant,
}

impl Heard {
    pub(crate) fn has_arrived(&self) -> bool {
        self.status == 204
    }
}

impl Receiver {
    /// On any port of this host.
    pub(crate) fn listen(host: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind((host, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let inside = Arc::new(Inside {
            manner: Mutex::new(manner),
            patience: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            arrivals: AtomicU64::new(0),
            heard: Mutex::default(),
        });
        let shared = Arc::clone(&inside);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, inside) = (stream.expect("a connection"), Arc::clone(&shared));
                thread::spawn(move || converse(stream, &inside));
            }
        });
        Self { address, inside }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn become_one_that(&self, manner: Manner) {
        *self.inside.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Answer after so long, from now on: so many more are on their way.
    pub(crate) fn take_time(&self, patience: Duration) {
        let millis = u64::try_from(patience.as_millis()).expect("a moment");
        self.inside.patience.store(millis, Ordering::Relaxed);
    }

    /// How many requests were answered with 204.
    pub(crate) fn arrivals(&self) -> u64 {
        self.inside.arrivals.load(Ordering::Relaxed)
    }

    pub(crate) fn heard(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.inside.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request after the other, until the other side has no more.
fn converse(stream: TcpStream, inside: &Inside) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut heard = hear(&mut stream)?;
        let number = inside.requests.fetch_add(1, Ordering::Relaxed);
        let patience = Duration::from_millis(inside.patience.load(Ordering::Relaxed));
        if !patience.is_zero() {
            thread::sleep(patience);
        }
        let manner = *inside.manner.lock().unwrap_or_else(PoisonError::into_inner);
        heard.status = match manner {
            Manner::RefusesAThird if number % 3 == 2 => 500,
            Manner::Hangs(one_in) if number % one_in == one_in / 2 => 0,
            _ if is_gone(stream.get_ref()) => 499,
            _ => 204,
        };
        let status = heard.status;
        // Noted before it is answered, or what comes next might be noted first.
        inside.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
        match status {
            // Until the other side gives up.
            0 => {
                stream.get_ref().set_read_timeout(Some(Duration::from_mins(1))).ok()?;
                let _ = stream.read(&mut [0]);
                return None;
            }
            499 => return None,
            500 => {
                stream.get_mut().write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").ok()?;
            }
            _ => {
                inside.arrivals.fetch_add(1, Ordering::Relaxed);
                stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
            }
        }
    }
}

/// Whether nobody waits for an answer any more.
fn is_gone(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let gone = match stream.peek(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).expect("a socket");
    gone
}

fn hear(stream: &mut BufReader<TcpStream>) -> Option<Heard> {
    let (mut path, mut id, mut length) = (String::new(), String::new(), 0);
    for number in 0.. {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        } else if number == 0 {
            line.split(' ').nth(1)?.clone_into(&mut path);
        } else if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "webhook-id" => value.clone_into(&mut id),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let mut digest = DefaultHasher::new();
    body.hash(&mut digest);
    let mut body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["hash"], id.as_str());
    let scope = body["scope"].as_str().expect("a scope").to_owned();
    let data = body["data"].take();
    Some(Heard { path, id, scope, data, digest: digest.finish(), status: 0, at: Instant::now() })
}
