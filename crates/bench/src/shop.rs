//! One store on one server, asked by hand.

use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    contenders::{Arena, Kind, Server},
    data::STORE,
    load::Line,
    wire::shown,
};

/// One store on one server.
pub(crate) struct Shop {
    pub(crate) port: u16,
    token: String,
}

impl Shop {
    pub(crate) fn of(arena: &Arena, kind: Kind, server: &Server) -> Self {
        Self::at(server.port, arena.token(kind))
    }

    pub(crate) fn at(port: u16, token: &str) -> Self {
        Self { port, token: token.to_owned() }
    }

    pub(crate) fn request(&self, path: &str) -> String {
        self.with_body("GET", path, "")
    }

    pub(crate) fn with_body(&self, method: &str, path: &str, body: &str) -> String {
        let (token, length) = (&self.token, body.len());
        let more = if body.is_empty() {
            String::new()
        } else {
            format!("content-type: application/json\r\ncontent-length: {length}\r\n")
        };
        format!(
            "{method} /stores/{STORE}/{path} HTTP/1.1\r\nhost: bench\r\nx-auth-token: {token}\r\n{more}\r\n{body}"
        )
    }

    /// What a path shows, which must be there.
    pub(crate) async fn see(&self, line: &mut Line, path: &str) -> Result<Value, String> {
        let answer = line.send(&self.request(path)).await?;
        if answer.status != 200 {
            return Err(format!("{path}: {} {}", answer.status, shown(answer.body.bytes())));
        }
        serde_json::from_slice(answer.body.bytes()).map_err(|e| format!("{path}: {e}"))
    }
}

/// The duration that this share of them does not exceed, in microseconds.
pub(crate) fn micros(mut took: Vec<Duration>, share: f64) -> f64 {
    took.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank"
    )]
    let at = (took.len() as f64 * share) as usize;
    took.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1e6)
}

pub(crate) fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())
}
