//! The control's durable writes: one thread owns the writing connection, takes everything that waits into
//! one transaction, and answers all of it after the commit.

use std::{sync::mpsc, thread};

use kernel::{Chance as _, Clock as _, SystemChance, SystemClock, Timestamp};
use rusqlite::{
    Connection, OptionalExtension as _, Transaction, TransactionBehavior, config::DbConfig, params,
};
use tokio::sync::oneshot;

use crate::statements::{AUDIT, DECLARATION, EVENT, NEXT_DECLARATION, event_data};

/// What a customer declares.
#[derive(Clone)]
pub(crate) struct Declaration {
    pub(crate) id: i64,
    pub(crate) allow: String,
    pub(crate) deny: String,
}

/// When it was declared; `None` when there is no such customer.
type Outcome = Result<Option<Timestamp>, String>;

type Waiting = (Declaration, oneshot::Sender<Outcome>);

/// The way to the writing thread.
pub(crate) struct Group(mpsc::Sender<Waiting>);

/// No transaction takes more than this many.
const MOST: usize = 512;

impl Group {
    pub(crate) fn start(mut connection: Connection, store_id: i64) -> Result<Self, String> {
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = 20000; PRAGMA foreign_keys = ON;";
        connection.execute_batch(settings).map_err(|e| e.to_string())?;
        let stable = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
        connection.set_db_config(stable, true).map_err(|e| e.to_string())?;
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        let (sender, queue) = mpsc::channel::<Waiting>();
        let mut number = SystemClock.now().0 << 8;
        let write = move || {
            while let Ok(first) = queue.recv() {
                let mut group = vec![first];
                group.extend(queue.try_iter().take(MOST - 1));
                let outcome = commit(&mut connection, store_id, &group, &mut number);
                let mut moments = outcome.map(Vec::into_iter);
                for (_, waiting) in group {
                    let one = moments
                        .as_mut()
                        .map(|moments| moments.next().flatten())
                        .map_err(|e| e.clone());
                    let _ = waiting.send(one);
                }
            }
        };
        thread::Builder::new().name("writer".to_owned()).spawn(write).map_err(|e| e.to_string())?;
        Ok(Self(sender))
    }

    /// Returns once it is on the disk.
    pub(crate) async fn declare(&self, declaration: Declaration) -> Outcome {
        let (sender, outcome) = oneshot::channel();
        self.0.send((declaration, sender)).map_err(|e| e.to_string())?;
        outcome.await.map_err(|e| e.to_string())?
    }
}

fn commit(
    connection: &mut Connection,
    store_id: i64,
    group: &[Waiting],
    number: &mut i64,
) -> Result<Vec<Option<Timestamp>>, String> {
    let write = || {
        let transaction = connection.transaction()?;
        let moments = group.iter().map(|(declaration, _)| {
            *number += 1;
            append(&transaction, store_id, declaration, *number)
        });
        let moments = moments.collect::<rusqlite::Result<Vec<_>>>()?;
        transaction.commit()?;
        Ok(moments)
    };
    let mut write = write;
    write().map_err(|e: rusqlite::Error| e.to_string())
}

fn append(
    transaction: &Transaction,
    store_id: i64,
    declaration: &Declaration,
    number: i64,
) -> rusqlite::Result<Option<Timestamp>> {
    let (now, id) = (SystemClock.now(), declaration.id);
    let given: Option<(i64, i64)> = transaction
        .prepare_cached(NEXT_DECLARATION)?
        .query_row((store_id, id, now.0), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((sequence, declared_at)) = given else { return Ok(None) };
    let Declaration { allow, deny, .. } = declaration;
    transaction.prepare_cached(DECLARATION)?.execute(params![
        store_id,
        id,
        sequence,
        allow,
        deny,
        declared_at,
        "management_api",
        1,
        0,
        "",
        "",
        "",
        false,
        number,
        number,
    ])?;
    let (scope, data) = ("custodia/customer/consent/updated", event_data(id));
    let event = params![store_id, number, scope, id, data, now.0];
    transaction.prepare_cached(EVENT)?.execute(event)?;
    let mut request = [0; 16];
    SystemChance.fill(&mut request);
    let request = kernel::hex(&request);
    let (action, fields) = ("consent.declared", "");
    let line = params![store_id, number, 1, request, action, id, fields, now.0];
    transaction.prepare_cached(AUDIT)?.execute(line)?;
    Ok(Some(Timestamp(declared_at)))
}
