//! What a database address says.

use std::path::PathBuf;

use crate::{Error, Result, postgres, sqlite};

/// An address, read.
pub(crate) enum Address {
    Sqlite(sqlite::Place),
    Postgres(Box<postgres::Place>),
}

impl Address {
    pub(crate) fn parse(address: &str) -> Result<Self> {
        if let Some(rest) = address.strip_prefix("sqlite:") {
            place(rest).map(Self::Sqlite)
        } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            postgres::Place::parse(address).map(|place| Self::Postgres(Box::new(place)))
        } else {
            Err(refused("must begin with sqlite:, postgres:// or postgresql://"))
        }
    }
}

/// The rest of a `sqlite:` address: a path, and perhaps options.
fn place(rest: &str) -> Result<sqlite::Place> {
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    if path.is_empty() || path == ":memory:" {
        return Err(refused("sqlite: needs the path of a file"));
    }
    let mut durable = true;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option {
            "synchronous=off" => durable = false,
            "synchronous=full" => durable = true,
            _ => return Err(refused("the only option of sqlite: is synchronous, full or off")),
        }
    }
    Ok(sqlite::Place { path: PathBuf::from(path), durable })
}

fn refused(reason: &str) -> Error {
    Error::Address(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<(&str, bool)>) {
        let found = match Address::parse(address) {
            Ok(Address::Sqlite(place)) => Some((place.path, place.durable)),
            _ => None,
        };
        let expected = expected.map(|(path, durable)| (PathBuf::from(path), durable));
        assert_eq!(found, expected, "{address}");
    }

    #[test]
    fn a_sqlite_address_is_a_path_and_one_option() {
        check("sqlite:custodia.db", Some(("custodia.db", true)));
        check("sqlite:/var/lib/custodia.db", Some(("/var/lib/custodia.db", true)));
        check("sqlite:///var/lib/custodia.db", Some(("///var/lib/custodia.db", true)));
        check("sqlite:a b.db?synchronous=off", Some(("a b.db", false)));
        for not in [
            "custodia.db",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a.db?synchronous=normal",
            "sqlite:a.db?mode=ro",
            "mysql://localhost/custodia",
            "postgres:custodia",
        ] {
            check(not, None);
        }
    }
}
