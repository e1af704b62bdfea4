//! The control's durable writes: one thread owns the writing connection, takes everything that waits into
//! one transaction, and answers all of it after the commit.

use std::{sync::mpsc, thread};

use kernel::{Chance as _, Clock as _, SystemChance, SystemClock, Timestamp};
use rusqlite::{
    Connection, OptionalExtension as _, Transaction, TransactionBehavior, config::DbConfig, params,
};
use tokio::sync::oneshot;

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
        let mut next_audit = SystemClock.now().0 << 8;
        let write = move || {
            while let Ok(first) = queue.recv() {
                let mut group = vec![first];
                group.extend(queue.try_iter().take(MOST - 1));
                let outcome = commit(&mut connection, store_id, &group, &mut next_audit);
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
    next_audit: &mut i64,
) -> Result<Vec<Option<Timestamp>>, String> {
    let write = || {
        let transaction = connection.transaction()?;
        let moments = group.iter().map(|(declaration, _)| {
            *next_audit += 1;
            append(&transaction, store_id, declaration, *next_audit)
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
    audit_id: i64,
) -> rusqlite::Result<Option<Timestamp>> {
    let now = SystemClock.now();
    let given: Option<(i64, i64)> = transaction
        .prepare_cached(
            "UPDATE customer SET declarations = declarations + 1, \
             declared_at = CASE WHEN declared_at > ?3 THEN declared_at ELSE ?3 END \
             WHERE store_id = ?1 AND customer_id = ?2 RETURNING declarations, declared_at",
        )?
        .query_row((store_id, declaration.id, now.0), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((sequence, declared_at)) = given else { return Ok(None) };
    transaction
        .prepare_cached(
            "INSERT INTO consent_declaration (store_id, customer_id, sequence, allow, deny, declared_at, \
             source, declared_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'management_api', 1)",
        )?
        .execute(params![store_id, declaration.id, sequence, declaration.allow, declaration.deny, declared_at])?;
    let mut request = [0; 16];
    SystemChance.fill(&mut request);
    transaction
        .prepare_cached(
            "INSERT INTO audit (store_id, audit_id, account_id, request_id, action, subject, fields, at) \
             VALUES (?1, ?2, 1, ?3, 'declare_consent', ?4, 'allow deny', ?5)",
        )?
        .execute(params![store_id, audit_id, kernel::hex(&request), declaration.id, now.0])?;
    Ok(Some(Timestamp(declared_at)))
}
