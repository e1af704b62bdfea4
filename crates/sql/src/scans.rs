//! How many scans run at once, and how long the rest wait.

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{Error, Result};

/// Lets a few scans in, so that the rest of the database's connections and threads are there for what is
/// short however many scans are asked for.
pub(crate) struct Scans {
    permits: Semaphore,
    patience: Duration,
}

impl Scans {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { permits: Semaphore::new(at_once), patience: PATIENCE }
    }

    /// Wait until one more may run; it runs for as long as the permit is held.
    pub(crate) async fn enter(&self) -> Result<SemaphorePermit<'_>> {
        match timeout(self.patience, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Error::Unavailable("the database is closed".to_owned())),
            Err(_) => Err(Error::Unavailable("too many long reads are under way".to_owned())),
        }
    }

    /// Let nobody in any more, and send those away who wait.
    pub(crate) fn close(&self) {
        self.permits.close();
    }
}

/// How long a scan waits for its turn. Without an end to it, scans that arrive faster than they are done
/// would all wait ever longer, and most of them for callers that have given up.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_too_long_is_sent_away_and_who_waits_a_little_gets_in() {
        let scans = Scans { permits: Semaphore::new(1), patience: Duration::from_millis(200) };
        let first = scans.enter().await.expect("let in");
        assert!(matches!(scans.enter().await, Err(Error::Unavailable(_))));
        let leave = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(scans.enter(), leave);
        drop(second.expect("let in"));
    }

    #[tokio::test]
    async fn closing_sends_away_who_waits() {
        let scans = Scans::new(1);
        let _first = scans.enter().await.expect("let in");
        let (waiting, ()) = tokio::join!(scans.enter(), async { scans.close() });
        assert_eq!(waiting.err(), Some(Error::Unavailable("the database is closed".to_owned())));
    }
}
