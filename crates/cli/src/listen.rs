//! `custodia hooks listen`

use std::{
    io::{self, Write as _},
    pin::pin,
    time::Duration,
};

use access::stores;
use kernel::{Error, SystemChance, SystemClock};
use resources::listeners::{
    model::{Heard, Listener, Told},
    ops,
};
use serde_json::{Value, json};
use sql::Db;
use tokio::time::{Instant, sleep};

use crate::{Outcome, serve::stop, store::in_words};

/// Print what is heard of a store until told to stop, or until nobody reads it.
pub(crate) async fn run(db: &Db, hash: &str, json: bool) -> Outcome {
    let mut stop = pin!(stop()?);
    let store = stores::find(db, hash).await.map_err(|error| in_words(error, hash))?;
    let mut listener = begin(db, &store).await?;
    eprintln!("Listening to {hash}; Ctrl-C ends it.");
    let mut renewed = Instant::now();
    let ended = loop {
        if renewed.elapsed() >= RENEWAL {
            match ops::renew(db, &SystemClock, listener).await {
                Ok(()) => {}
                // It was held up for so long that it was given up; what happened meanwhile is not heard.
                Err(Error::NotFound("listener")) => match begin(db, &store).await {
                    Ok(begun) => listener = begun,
                    Err(error) => break Err(error),
                },
                Err(error) => break Err(error.into()),
            }
            renewed = Instant::now();
        }
        let heard = match ops::take(db, listener).await {
            Ok(heard) => heard,
            Err(error) => break Err(error.into()),
        };
        match print(&heard, json) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break Ok(()),
            printed => printed?,
        }
        let pause = if heard.is_empty() { PAUSE } else { Duration::ZERO };
        tokio::select! {
            () = &mut stop => break Ok(()),
            () = sleep(pause) => {}
        }
    };
    ops::end(db, listener).await?;
    ended
}

async fn begin(db: &Db, store: &access::Store) -> Outcome<Listener> {
    let begun = ops::begin(db, &SystemClock, &SystemChance, store.id).await;
    begun.map_err(|error| in_words(error, &store.hash))
}

fn print(heard: &[Heard], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for heard in heard {
        if json {
            writeln!(out, "{}", object(heard))?;
        } else {
            writeln!(out, "{}", line(heard))?;
        }
    }
    out.flush()
}

fn line(heard: &Heard) -> String {
    let Heard { scope, data, at, told, .. } = heard;
    let at = at.to_rfc3339();
    match told {
        None => format!("{at}  {scope}  {data}"),
        Some(told) => {
            let outcome = told.status.map_or_else(|| told.fault.clone(), |it| it.to_string());
            let place = if told.destination.is_empty() { "(gone)" } else { &told.destination };
            format!("{at}  -> {place}  {outcome}  {} ms  {scope}  {data}", told.took / 1000)
        }
    }
}

fn object(heard: &Heard) -> Value {
    let Heard { event, scope, data, at, told } = heard;
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let mut object = json!({"event": event, "at": at.to_rfc3339(), "scope": scope, "data": data});
    if let Some(Told { hook, destination, attempt, status, fault, took }) = told {
        object["hook"] = hook.0.into();
        object["destination"] = destination.as_str().into();
        object["attempt"] = (*attempt).into();
        object["status"] = (*status).into();
        object["fault"] = (!fault.is_empty()).then_some(fault.as_str()).into();
        object["ms"] = (took / 1000).into();
    }
    object
}

/// How often it is looked for something new.
const PAUSE: Duration = Duration::from_millis(200);

/// How often the listener says that it is there: several times in its patience.
const RENEWAL: Duration = Duration::from_secs(3);
