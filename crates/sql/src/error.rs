use std::fmt::Display;

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the database did not do what it was asked.
///
/// No variant carries a value of a row or of a parameter: an engine's words are kept only where they
/// speak of the schema or of the machine, so an error can be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing is wrong with the request, and nothing of it was done: the disk is full, the server is
    /// away, a lock or a connection was not to be had in time. Trying later may succeed.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The connection was lost while `COMMIT` was under way, so the write may have been kept or not.
    #[error("the outcome of the commit is unknown: {0}")]
    OutcomeUnknown(String),
    /// The engine refused a statement: a bug in it, or a constraint that should have been met before.
    #[error("database: {0}")]
    Failed(String),
    /// This crate was used in a way it does not allow.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// A row that must be there is not.
    #[error("the statement returned no row")]
    NoRow,
    /// A column that is not there, or holds what the schema promised it never would.
    #[error("column `{column}`: {reason}")]
    Column {
        /// Its name.
        column: String,
        /// What is wrong with it, without its value.
        reason: String,
    },
    /// The address names no database that this crate can open. Never repeats the address: it may hold a
    /// password.
    #[error("database address: {0}")]
    Address(String),
    /// The database's schema and this program do not belong together.
    #[error("migration: {0}")]
    Migration(String),
}

impl Error {
    /// A column that holds what the schema promised it never would. `reason` must not repeat its value.
    #[must_use]
    pub fn column(column: &str, reason: impl Display) -> Self {
        Self::Column { column: column.to_owned(), reason: reason.to_string() }
    }
}

impl From<Error> for kernel::Error {
    /// An outcome that is unknown is internal, not unavailable: "try again" would be the wrong advice.
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) => Self::Unavailable(Box::new(error)),
            _ => Self::Internal(Box::new(error)),
        }
    }
}
