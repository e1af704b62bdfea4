//! The control's durable writes: one thread owns the writing connection, takes everything that waits into
//! one transaction, and answers all of it after the commit.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use kernel::{Chance as _, Clock as _, SystemChance, SystemClock, Timestamp};
use rusqlite::{
    Connection, OptionalExtension as _, Transaction, TransactionBehavior, config::DbConfig, params,
};
use tokio::sync::oneshot;

use crate::{
    bodies::Draft,
    statements::{
        AUDIT, CONSENT_UPDATED, DECLARATION, EVENT, NEW_CUSTOMER, NEXT_DECLARATION, NUMBERS,
        event_data,
    },
};

/// What is to be written.
pub(crate) enum Task {
    /// What a customer declares.
    Declare { id: i64, allow: String, deny: String },
    /// New customers.
    Make(Arc<Vec<Draft>>),
}

/// What was.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Done {
    /// When; `None` when there is no such customer.
    Declared(Option<Timestamp>),
    /// The first of their ids, and when.
    Made { first: i64, at: Timestamp },
}

type Outcome = Result<Done, String>;

type Waiting = (Task, oneshot::Sender<Outcome>);

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
                for (at, (_, waiting)) in group.into_iter().enumerate() {
                    let one = outcome.as_ref().map(|done| done[at]).map_err(String::clone);
                    let _ = waiting.send(one);
                }
            }
        };
        thread::Builder::new().name("writer".to_owned()).spawn(write).map_err(|e| e.to_string())?;
        Ok(Self(sender))
    }

    /// Returns once it is on the disk.
    pub(crate) async fn commit(&self, task: Task) -> Outcome {
        let (sender, outcome) = oneshot::channel();
        self.0.send((task, sender)).map_err(|e| e.to_string())?;
        outcome.await.map_err(|e| e.to_string())?
    }
}

fn commit(
    connection: &mut Connection,
    store_id: i64,
    group: &[Waiting],
    number: &mut i64,
) -> Result<Vec<Done>, String> {
    let mut write = || {
        let transaction = connection.transaction()?;
        let done = group.iter().map(|(task, _)| match task {
            Task::Declare { id, allow, deny } => {
                declare(&transaction, store_id, (*id, allow, deny), number).map(Done::Declared)
            }
            Task::Make(drafts) => make(&transaction, store_id, drafts, number),
        });
        let done = done.collect::<rusqlite::Result<Vec<_>>>()?;
        transaction.commit()?;
        Ok(done)
    };
    write().map_err(|e: rusqlite::Error| e.to_string())
}

fn declare(
    transaction: &Transaction,
    store_id: i64,
    (id, allow, deny): (i64, &str, &str),
    number: &mut i64,
) -> rusqlite::Result<Option<Timestamp>> {
    let now = SystemClock.now();
    let given: Option<(i64, i64)> = transaction
        .prepare_cached(NEXT_DECLARATION)?
        .query_row((store_id, id, now.0), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((sequence, declared_at)) = given else { return Ok(None) };
    *number += 1;
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
        *number,
        *number,
    ])?;
    let told = (CONSENT_UPDATED, "consent.declared");
    tell(transaction, (store_id, id), told, (&request(), *number), now)?;
    Ok(Some(Timestamp(declared_at)))
}

fn make(
    transaction: &Transaction,
    store_id: i64,
    drafts: &[Draft],
    number: &mut i64,
) -> rusqlite::Result<Done> {
    let now = SystemClock.now();
    let count = i64::try_from(drafts.len()).unwrap_or(0);
    let last: i64 = transaction
        .prepare_cached(NUMBERS)?
        .query_row((store_id, "customer", count), |row| row.get(0))?;
    let (first, request) = (last - count + 1, request());
    let mut insert = transaction.prepare_cached(NEW_CUSTOMER)?;
    for (id, it) in (first..).zip(drafts) {
        *number += 1;
        insert.execute(params![
            store_id,
            id,
            it.email,
            it.first_name,
            it.last_name,
            it.company,
            it.phone,
            it.notes,
            "",
            0,
            "",
            false,
            0,
            None::<&str>,
            false,
            now.0,
            kernel::fold(&it.email),
            kernel::fold(&format!("{} {}", it.first_name, it.last_name)),
            kernel::fold(&it.first_name),
            kernel::fold(&it.last_name),
            kernel::fold(&it.company),
            1,
            now.0,
            "",
        ])?;
        let told = ("store/customer/created", "customer.created");
        tell(transaction, (store_id, id), told, (&request, *number), now)?;
    }
    Ok(Done::Made { first, at: now })
}

/// The event and the audit line of a change.
fn tell(
    transaction: &Transaction,
    (store_id, id): (i64, i64),
    (scope, action): (&str, &str),
    (request, number): (&str, i64),
    now: Timestamp,
) -> rusqlite::Result<()> {
    let event = params![store_id, number, scope, id, event_data(id), now.0];
    transaction.prepare_cached(EVENT)?.execute(event)?;
    let line = params![store_id, number, 1, request, action, id, "", now.0];
    transaction.prepare_cached(AUDIT)?.execute(line)?;
    Ok(())
}

/// What names a request.
fn request() -> String {
    let mut request = [0; 16];
    SystemChance.fill(&mut request);
    kernel::hex(&request)
}
