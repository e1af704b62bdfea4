//! What `PostgreSQL`'s errors mean: whether to run again, and what may be told.

use std::{error::Error as _, io};

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::Error;

/// A failure, and whether running the transaction again may end otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) error: Error,
    pub(crate) retry: bool,
}

impl Fault {
    /// A failure that stays.
    pub(crate) fn last(error: Error) -> Self {
        Self { error, retry: false }
    }

    /// A statement's failure, before `COMMIT`.
    pub(super) fn of_statement(reason: &tokio_postgres::Error) -> Self {
        Self { error: error(reason), retry: lost(reason) || conflict(reason) || stale(reason) }
    }

    /// The failure of `COMMIT`. Only where the server says that it kept nothing is that certain.
    pub(super) fn of_commit(reason: &tokio_postgres::Error) -> Self {
        let refused = reason.code().is_some_and(|code| code.code().starts_with("23"));
        if conflict(reason) || (refused && !lost(reason)) {
            return Self { error: error(reason), retry: conflict(reason) };
        }
        Self::last(Error::OutcomeUnknown(words(reason)))
    }
}

/// Whether a cached statement no longer fits: the schema was changed, or the session behind the
/// connection is not the one that prepared it.
pub(super) fn stale(reason: &tokio_postgres::Error) -> bool {
    let stale = [&SqlState::FEATURE_NOT_SUPPORTED, &SqlState::INVALID_SQL_STATEMENT_NAME];
    reason.code().is_some_and(|code| stale.contains(&code))
}

/// Whether the connection is gone, and its transaction with it.
fn lost(reason: &tokio_postgres::Error) -> bool {
    let fatal =
        |db: &DbError| matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    reason.is_closed()
        || reason.as_db_error().is_some_and(fatal)
        || reason.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

/// Whether another transaction was in the way: a serialization failure or a deadlock.
fn conflict(reason: &tokio_postgres::Error) -> bool {
    let conflicts = [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED];
    reason.code().is_some_and(|code| conflicts.contains(&code))
}

/// What an error means to a caller.
pub(super) fn error(reason: &tokio_postgres::Error) -> Error {
    let words = words(reason);
    if lost(reason) || reason.code().is_some_and(unavailable) {
        Error::Unavailable(words)
    } else {
        Error::Failed(words)
    }
}

/// What a failure to get a connection means. None of them is the request's fault.
pub(super) fn pool_failure(reason: &PoolError) -> Error {
    Error::Unavailable(match reason {
        PoolError::Backend(reason) | PoolError::PostCreateHook(HookError::Backend(reason)) => {
            words(reason)
        }
        PoolError::Timeout(_) => "postgres: no connection was to be had in time".to_owned(),
        PoolError::Closed => "the database is closed".to_owned(),
        other => format!("postgres: {other}"),
    })
}

/// Locks and statements that took too long, conflicts, connections, and a machine short of something.
fn unavailable(code: &SqlState) -> bool {
    let code = code.code();
    ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || ["55P03", "25P03"].contains(&code)
}

/// Words fit to be logged. Of a server's error that is its SQLSTATE and its message: `detail`, `hint`
/// and `where` quote rows (`Key (email)=(…)`), and so does the message itself where a value could not
/// be converted (class 22) or a trigger wrote it (P0).
fn words(reason: &tokio_postgres::Error) -> String {
    let Some(db) = reason.as_db_error() else {
        return match reason.source() {
            Some(source) => format!("postgres: {reason}: {source}"),
            None => format!("postgres: {reason}"),
        };
    };
    let code = db.code().code();
    if ["22", "P0"].iter().any(|class| code.starts_with(class)) {
        return format!("postgres: {} {code}", db.severity());
    }
    format!("postgres: {} {code}: {}", db.severity(), db.message())
}
