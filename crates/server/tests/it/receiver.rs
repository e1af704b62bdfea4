//! Somebody who is told of events.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::HeaderMap;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep},
};

/// Listens on this machine, until it is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
    listening: JoinHandle<()>,
}

struct Inside {
    heard: Vec<Heard>,
    answer: Answering,
    speaking: usize,
    most: usize,
}

/// The status that it answers with, and after how long.
type Answering = Box<dyn FnMut(&Heard) -> (u16, Duration) + Send>;

/// What it was told.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `store/customer/created 1`.
    pub(crate) fn line(&self) -> String {
        let body = self.json();
        format!("{} {}", body["scope"].as_str().unwrap_or_default(), body["data"]["id"])
    }
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn willing() -> Self {
        Self::answering(|_| (200, Duration::ZERO)).await
    }

    /// One that answers with this status, after so long.
    #[expect(clippy::disallowed_methods, reason = "a receiver runs beside the test")]
    pub(crate) async fn answering(
        answer: impl FnMut(&Heard) -> (u16, Duration) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inside = Inside { heard: Vec::new(), answer: Box::new(answer), speaking: 0, most: 0 };
        let inside = Arc::new(Mutex::new(inside));
        let shared = Arc::clone(&inside);
        let listening = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        Self { address, inside, listening }
    }

    pub(crate) fn answer(&self, answer: impl FnMut(&Heard) -> (u16, Duration) + Send + 'static) {
        held(&self.inside).answer = Box::new(answer);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        held(&self.inside).heard.clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.heard().iter().map(Heard::line).collect()
    }

    /// What was told since the last time.
    pub(crate) fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut held(&self.inside).heard)
    }

    /// How many told it something at once, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        held(&self.inside).most
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn converse(mut stream: TcpStream, inside: Arc<Mutex<Inside>>) -> Option<()> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() >= length.parse().ok()? {
            break (head.to_owned(), head.len() + 4);
        }
    };
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers
        .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
    let body = String::from_utf8(bytes[length..].to_vec()).expect("text");
    let told = Heard { path, headers: headers.collect(), body, at: Instant::now() };
    let (status, patience) = {
        let mut inside = held(&inside);
        let answer = (inside.answer)(&told);
        inside.heard.push(told);
        inside.speaking += 1;
        inside.most = inside.most.max(inside.speaking);
        answer
    };
    sleep(patience).await;
    held(&inside).speaking -= 1;
    let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 2\r\n\r\nok");
    stream.write_all(answer.as_bytes()).await.ok()
}

fn held(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}
