use std::time::{Duration, Instant};

use kernel::{Clock, Result};
use sql::Db;

use super::rows;

/// Remove a store and all it holds.
///
/// It is closed first, so that its tokens are unknown from then on; then its rows go, a few at a time, with
/// a pause as long as the work between them, so that a server beside it hardly notices; last its own row.
/// Interrupted, it is finished by calling it again.
pub async fn delete(db: &Db, clock: &dyn Clock, hash: &str) -> Result<()> {
    let store = access::stores::close(db, clock, hash).await?;
    for held in rows::HELD {
        loop {
            let started = Instant::now();
            let gone = db
                .write(async |tx| {
                    Ok::<_, kernel::Error>(rows::delete_some(tx, store, held, AT_A_TIME).await?)
                })
                .await?;
            if gone == 0 {
                break;
            }
            tokio::time::sleep(
                started.elapsed().clamp(Duration::from_millis(1), Duration::from_millis(200)),
            )
            .await;
        }
    }
    access::stores::remove(db, store).await
}

/// Rows in one transaction: some milliseconds of work.
const AT_A_TIME: i64 = 250;
