use std::collections::BTreeMap;

/// What the domain's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause that only an operator gets to see.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation was refused or failed, in the domain's own terms.
///
/// The two wire versions decide what status and body each variant becomes. Both match it
/// exhaustively: a new variant does not compile until both have said what it means to them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the path names is not there.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The input breaks a rule of the domain.
    #[error("invalid input")]
    Invalid(Violations),
    /// Another row of the store already holds this value, and only one may.
    #[error("the {field} is already in use")]
    Taken {
        /// The field that must be unique.
        field: &'static str,
        /// What was asked for. Shown to the caller who sent it; never logged.
        value: String,
    },
    /// One of the rows to be changed is not there.
    #[error("row {index} names no {what}")]
    UnknownRow {
        /// Its place in the batch, from 0.
        index: usize,
        /// What it should have named.
        what: &'static str,
    },
    /// Rows clash with what is there, or with each other; each by its path.
    #[error("in conflict with what is there")]
    Conflict(Violations),
    /// Something was tried too often; it may be tried again later.
    #[error("too soon: {seconds} s to wait")]
    TooSoon {
        /// How many whole seconds to wait, at least 1.
        seconds: i64,
    },
    /// The server cannot do this now, though nothing is wrong with the request: the disk is full, the
    /// database is away, a queue has no room.
    #[error("unavailable: {0}")]
    Unavailable(Cause),
    /// Something is broken.
    #[error("internal: {0}")]
    Internal(Cause),
}

impl Error {
    /// A single rule broken by a single field.
    pub fn invalid(path: impl Into<String>, rule: impl Into<String>) -> Self {
        let mut violations = Violations::default();
        violations.add(path, rule);
        Self::Invalid(violations)
    }

    /// Something is broken, in words for the operator.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }
}

/// Everything wrong with one input, by field path, so that a caller can mend it in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(BTreeMap<String, String>);

impl Violations {
    /// Note that the field at `path` (`email`, `0.email`, `allow.1`) breaks a rule. The first rule noted stays.
    pub fn add(&mut self, path: impl Into<String>, rule: impl Into<String>) {
        self.0.entry(path.into()).or_insert_with(|| rule.into());
    }

    /// `Ok(value)` when nothing was wrong.
    pub fn or<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(Error::Invalid(self)) }
    }

    /// Whether nothing was wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same faults, each path below `prefix`: `email` becomes `0.email`.
    #[must_use]
    pub fn under(self, prefix: impl std::fmt::Display) -> Self {
        Self(self.0.into_iter().map(|(path, rule)| (format!("{prefix}.{path}"), rule)).collect())
    }

    /// The same faults under other names: each wire has words of its own for the domain's fields.
    #[must_use]
    pub fn renamed(self, word: impl Fn(&str) -> &str) -> Self {
        Self(self.0.into_iter().map(|(path, rule)| (word(&path).to_owned(), rule)).collect())
    }

    /// The rules broken, by path.
    #[must_use]
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }
}
