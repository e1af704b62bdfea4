//! What webhooks are sent to: addresses on this machine, each of which answers every letter with 200 at once, on as many
//! kept connections as it is given, and notes what came and when.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};

use crate::{shop::runtime, wire::value_of};

/// One letter that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The first 64 bits of the event's name, which is drawn by chance.
    pub(crate) name: u64,
    /// Which of the addresses.
    pub(crate) hook: u32,
    /// The number in the event's `data`.
    pub(crate) number: i64,
    pub(crate) at: Instant,
}

/// The addresses and what came to them. They are there as long as the program runs.
pub(crate) struct Receiver {
    pub(crate) urls: Vec<String>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    arrivals: Mutex<Vec<Arrival>>,
    letters: AtomicU64,
    connections: AtomicU64,
}

impl Receiver {
    /// So many hosts of their own (127.0.1.1, 127.0.1.2, …): a worker paces each as a destination of its own.
    pub(crate) fn open(hosts: u8) -> Result<Self, String> {
        let seen = Arc::new(Seen::default());
        let (mut urls, mut listeners) = (Vec::new(), Vec::new());
        for host in 1..=hosts {
            let address = Ipv4Addr::new(127, 0, 1, host);
            let open = || {
                let listener = TcpListener::bind((address, 0))?;
                listener.set_nonblocking(true)?;
                Ok((listener.local_addr()?, listener))
            };
            let (bound, listener) = open().map_err(|e: std::io::Error| e.to_string())?;
            urls.push(format!("http://{bound}/hook"));
            listeners.push(listener);
        }
        let (of_thread, runtime) = (Arc::clone(&seen), runtime()?);
        thread::spawn(move || runtime.block_on(listen(listeners, &of_thread)));
        Ok(Self { urls, seen })
    }

    /// How many letters came since they were last taken.
    pub(crate) fn letters(&self) -> u64 {
        self.seen.letters.load(Ordering::Relaxed)
    }

    /// Take what came, and on how many connections.
    pub(crate) fn take(&self) -> (Vec<Arrival>, u64) {
        let arrivals = std::mem::take(&mut *self.seen.arrivals());
        self.seen.letters.store(0, Ordering::Relaxed);
        (arrivals, self.seen.connections.swap(0, Ordering::Relaxed))
    }
}

impl Seen {
    fn arrivals(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(listeners: Vec<TcpListener>, seen: &Arc<Seen>) {
    let mut hosts = JoinSet::new();
    for (hook, listener) in (0..).zip(listeners) {
        let seen = Arc::clone(seen);
        hosts.spawn(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                seen.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(answer(stream, hook, Arc::clone(&seen)));
                while connections.try_join_next().is_some() {}
            }
        });
    }
    while hosts.join_next().await.is_some() {}
}

/// One connection, until the other side closes it.
async fn answer(mut stream: tokio::net::TcpStream, hook: u32, seen: Arc<Seen>) {
    let mut input = Vec::with_capacity(2_048);
    while let Ok(1..) = stream.read_buf(&mut input).await {
        let Some((length, name, number)) = read(&input) else { continue };
        seen.arrivals().push(Arrival { name, hook, number, at: Instant::now() });
        seen.letters.fetch_add(1, Ordering::Relaxed);
        input.drain(..length);
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}

/// How long the letter is that these bytes begin with, its name and its number; `None` until it is all there.
fn read(bytes: &[u8]) -> Option<(usize, u64, i64)> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let (mut length, mut name) = (0, 0);
    for line in bytes[..head].split(|byte| *byte == b'\n') {
        if let Some(value) = value_of(line.trim_ascii_end(), b"content-length:") {
            length = str::from_utf8(value).ok()?.parse().ok()?;
        } else if let Some(value) = value_of(line.trim_ascii_end(), b"webhook-id:") {
            name = u64::from_str_radix(str::from_utf8(value.get(..16)?).ok()?, 16).ok()?;
        }
    }
    let body = bytes.get(head..head + length)?;
    let data = memmem::find(body, b"\"data\":")?;
    let digits = data + memmem::find(&body[data..], b"\"id\":")? + b"\"id\":".len();
    let digits = body[digits..].split(|byte| !byte.is_ascii_digit()).next()?;
    Some((head + length, name, str::from_utf8(digits).ok()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_once_it_is_whole() {
        let body = r#"{"store_id":"9","data":{"type":"customer","id":77}}"#;
        let letter = format!(
            "POST /hook HTTP/1.1\r\nhost: x\r\nwebhook-id: 00000000000000ff0123\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        for end in 0..letter.len() {
            assert!(read(&letter.as_bytes()[..end]).is_none(), "{end}");
        }
        assert_eq!(read(letter.as_bytes()), Some((letter.len(), 255, 77)));
    }
}
