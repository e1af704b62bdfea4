//! A `PostgreSQL` address, as libpq reads it.

use std::{path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, SslMode};

use super::tls::Trust;
use crate::{Error, Result};

/// Which server, and which certificate it must show.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    config: Config,
    pub(super) trust: Trust,
}

impl Place {
    /// Read a `postgres://` address. `sslmode` and `sslrootcert` are taken out first: the driver knows
    /// neither `verify-ca` and `verify-full` nor certificates.
    pub(crate) fn parse(address: &str) -> Result<Self> {
        let (server, query) = address.split_once('?').unwrap_or((address, ""));
        let mut rest = Vec::new();
        let (mut mode, mut root) = ("prefer".to_owned(), None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => value.clone_into(&mut mode),
                Some(("sslrootcert", value)) => {
                    let path = percent_decode_str(value).decode_utf8();
                    let path = path.map_err(|_| refused("sslrootcert is not UTF-8"))?;
                    root = Some(PathBuf::from(path.as_ref()));
                }
                _ => rest.push(pair),
            }
        }
        let mut config: Config = (format!("{server}?{}", rest.join("&")).parse())
            .map_err(|error: tokio_postgres::Error| refused(&reason(&error)))?;
        let (ssl, trust) = match (mode.as_str(), root) {
            ("disable", _) => (SslMode::Disable, Trust::Anyone),
            ("prefer", _) => (SslMode::Prefer, Trust::Anyone),
            // With a certificate to check against, libpq's `require` checks.
            ("require", None) => (SslMode::Require, Trust::Anyone),
            ("require" | "verify-ca", root) => (SslMode::Require, Trust::Authority(root)),
            ("verify-full", root) => (SslMode::Require, Trust::Name(root)),
            _ => {
                return Err(refused(
                    "sslmode is disable, prefer, require, verify-ca or verify-full",
                ));
            }
        };
        config.ssl_mode(ssl);
        if config.get_application_name().is_none() {
            config.application_name("custodia");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(4));
        }
        if config.get_tcp_user_timeout().is_none() {
            // A server that vanished without a word is found out sooner than the kernel's 15 minutes.
            config.tcp_user_timeout(Duration::from_secs(15));
            config
                .keepalives_idle(Duration::from_secs(15))
                .keepalives_interval(Duration::from_secs(5));
            config.keepalives_retries(3);
        }
        Ok(Self { config, trust })
    }

    /// The configuration of a session. What the address itself sets comes later, and so prevails; only
    /// `synchronous_commit` is looked at again once the session is there.
    pub(super) fn session(&self, read_only: bool) -> Config {
        let mut config = self.config.clone();
        let access = if read_only { " -c default_transaction_read_only=on" } else { "" };
        let own = self.config.get_options().unwrap_or_default();
        config.options(format!("{LIMITS} {own}{access}"));
        config
    }
}

/// Why an address cannot be read, without the address.
fn reason(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn refused(reason: &str) -> Error {
    Error::Address(reason.to_owned())
}

/// So that nothing hangs for ever, in milliseconds.
const LIMITS: &str = "-c lock_timeout=10000 -c statement_timeout=60000 \
                      -c idle_in_transaction_session_timeout=60000";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: impl Into<Option<(SslMode, Trust)>>) {
        let place = Place::parse(&format!("postgres://me:secret@localhost:5432/custodia{query}"));
        let found = place.ok().map(|place| (place.config.get_ssl_mode(), place.trust));
        assert_eq!(found, expected.into(), "{query}");
    }

    #[test]
    fn sslmode_is_read_as_libpq_reads_it() {
        let root = || Some(PathBuf::from("/etc/ssl/my root.pem"));
        check("", Some((SslMode::Prefer, Trust::Anyone)));
        check("?sslmode=disable", Some((SslMode::Disable, Trust::Anyone)));
        check("?sslmode=prefer", Some((SslMode::Prefer, Trust::Anyone)));
        check("?sslmode=require", Some((SslMode::Require, Trust::Anyone)));
        check("?sslmode=verify-ca", Some((SslMode::Require, Trust::Authority(None))));
        check("?sslmode=verify-full", Some((SslMode::Require, Trust::Name(None))));
        let with = |mode: &str| format!("?sslrootcert=/etc/ssl/my%20root.pem&sslmode={mode}");
        check(&with("require"), Some((SslMode::Require, Trust::Authority(root()))));
        check(&with("verify-ca"), Some((SslMode::Require, Trust::Authority(root()))));
        check(&with("verify-full"), Some((SslMode::Require, Trust::Name(root()))));
        check("?sslmode=allow", None);
        check("?sslmode=verify", None);
        check("?nonsense=1", None);
    }

    #[test]
    fn options_of_the_address_are_kept_and_prevail() {
        let address = "postgres://localhost/x?options=-csearch_path%3Dfoo%20-cwork_mem%3D1MB";
        let place = Place::parse(address).expect("an address");
        let session = place.session(true);
        let options = session.get_options().expect("options");
        assert!(options.starts_with(LIMITS), "{options}");
        assert!(
            options
                .ends_with("-csearch_path=foo -cwork_mem=1MB -c default_transaction_read_only=on"),
            "{options}"
        );
        assert_eq!(session.get_application_name(), Some("custodia"));
    }

    #[test]
    fn a_refused_address_is_not_repeated() {
        for address in
            ["postgres://me:secret@localhost/x?secret=1", "postgres://me:secret@localhost:secret/x"]
        {
            let error = Place::parse(address).expect_err("not an address").to_string();
            assert!(!error.contains("me:secret"), "{error}");
        }
    }
}
