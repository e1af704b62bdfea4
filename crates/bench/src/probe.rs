//! A close look at one answer of each kind before anything is measured: whether all headers are there,
//! and whether the ceiling carries no fewer than custodia does.

use std::collections::BTreeMap;

use crate::{
    contenders::{Arena, Kind, Server},
    data::STORE,
    load::Line,
    wire::{Answer, shown},
};

const EVERYWHERE: [&str; 9] = [
    "content-type",
    "content-length",
    "vary",
    "strict-transport-security",
    "x-rate-limit-requests-left",
    "x-rate-limit-time-reset-ms",
    "x-rate-limit-requests-quota",
    "x-rate-limit-time-window-ms",
    "x-request-id",
];

const V2: [&str; 3] = ["x-bc-store-version", "x-bc-apilimit-remaining", "last-modified"];

/// The controls have no headers of their own: there is nothing to look at.
pub(crate) fn examine(arena: &Arena, kind: Kind, server: &Server) -> Result<(), String> {
    if kind == kind.control() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let mut line = Line::open(server.port).await?;
        for (path, more) in [
            ("v3/customers/7/consent", &[][..]),
            ("v2/customers/7", &V2[..]),
            ("v3/customers?limit=2", &[][..]),
        ] {
            let token = arena.token(kind);
            let request = format!("GET /stores/{STORE}/{path} HTTP/1.1\r\nhost: bench\r\nx-auth-token: {token}\r\n\r\n");
            let answer = line.send(&request).await?;
            check(&answer, more).map_err(|why| format!("{} at {path}: {why}", kind.title()))?;
            let wrong = format!("GET /stores/{STORE}/{path} HTTP/1.1\r\nhost: bench\r\nx-auth-token: wrong\r\n\r\n");
            let status = line.send(&wrong).await?.status;
            if status != 401 {
                return Err(format!("{} lets anybody in at {path}: {status}", kind.title()));
            }
        }
        Ok(())
    })
}

fn check(answer: &Answer, more: &[&str]) -> Result<(), String> {
    let text = str::from_utf8(answer.head).map_err(|e| e.to_string())?;
    let headers = text.lines().skip(1).filter_map(|line| line.split_once(':'));
    let headers: BTreeMap<_, _> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
    let wanted = || EVERYWHERE.iter().chain(more);
    if answer.status != 200 {
        return Err(format!("status {}: {}", answer.status, shown(answer.body.bytes())));
    }
    if let Some(missing) = wanted().find(|name| !headers.contains_key(**name)) {
        return Err(format!("no {missing} among {text:?}"));
    }
    // What only one of them sends would make the comparison unfair.
    let known = |name: &str| name == "date" || wanted().any(|wanted| *wanted == name);
    if let Some(extra) = headers.keys().find(|name| !known(name)) {
        return Err(format!("{extra} is a header that the ceiling does not send"));
    }
    let id = headers["x-request-id"];
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("{id} is no request id"));
    }
    Ok(())
}
