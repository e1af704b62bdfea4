//! Where a test runs: a database of its own, a directory of its own, and its turn among the others.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
};

use tempfile::TempDir;

use crate::{database::Database, running::Server};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A test for each engine, given a place there.
macro_rules! on_each_engine {
    ($($(#[$attribute:meta])* fn $name:ident($place:ident: $kind:ty) $body:block)*) => {$(
        mod $name {
            use $crate::place::{Engine, Place};

            #[test]
            fn on_sqlite() {
                super::$name(&Place::new(Engine::Sqlite));
            }

            #[test]
            fn on_postgres() {
                super::$name(&Place::new(Engine::Postgres));
            }
        }

        $(#[$attribute])*
        fn $name($place: &$kind) $body
    )*};
}

/// A place for one test. Everything in it is gone when it is dropped.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    /// What `--database` is told.
    pub(crate) address: String,
    directory: TempDir,
    /// A `PostgreSQL` server, and the database on it that is this test's.
    made: Option<(String, String)>,
    _turn: Turn,
}

/// An API account, as its owner knows it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) store: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) token: String,
}

impl Place {
    /// A place beside those of other tests.
    pub(crate) fn new(engine: Engine) -> Self {
        Self::with(engine, Turn::beside_others(), "")
    }

    /// A place for a test that measures time: no other test runs meanwhile.
    pub(crate) fn alone(engine: Engine) -> Self {
        Self::with(engine, Turn::alone(), "")
    }

    /// A place whose database is in this tablespace of the `PostgreSQL` server.
    pub(crate) fn in_tablespace(name: &str) -> Self {
        Self::with(Engine::Postgres, Turn::beside_others(), &format!("TABLESPACE {name}"))
    }

    fn with(engine: Engine, turn: Turn, options: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a test");
        let (address, made) = match engine {
            Engine::Sqlite => {
                (format!("sqlite:{}", directory.path().join("custodia.db").display()), None)
            }
            Engine::Postgres => {
                static COUNT: AtomicU32 = AtomicU32::new(0);
                let server = variable(
                    "CUSTODIA_TEST_POSTGRES",
                    "a PostgreSQL server for tests (postgres://user@host:port/database)",
                );
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                let name = format!("process_{}_{count}", std::process::id());
                Database::open(&server)
                    .run(&format!("CREATE DATABASE {name} TEMPLATE template0 {options}"));
                (of_database(&server, &name), Some((server, name)))
            }
        };
        Self { engine, address, directory, made, _turn: turn }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The rows, seen past the binary.
    pub(crate) fn database(&self) -> Database {
        Database::open(&self.address)
    }

    /// `custodia` with these arguments, on this place's database.
    pub(crate) fn custodia(&self, arguments: &[&str]) -> Command {
        let mut command = bare(self.directory.path());
        command.args(arguments).args(["--database", &self.address]);
        command
    }

    /// What `custodia` prints, which must succeed.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        succeeded(&mut self.custodia(arguments))
    }

    /// Make a store and an account that may do everything there.
    #[track_caller]
    pub(crate) fn store(&self, hash: &str) -> Account {
        self.run(&["store", "create", hash]);
        self.account(hash)
    }

    /// Make an account that may do everything in a store.
    #[track_caller]
    pub(crate) fn account(&self, hash: &str) -> Account {
        let scopes = "store_v2_customers";
        let printed =
            self.run(&["account", "create", "--store", hash, "--scope", scopes, "--json"]);
        Account::read(hash, &printed)
    }

    /// Do something while nobody reaches the database: who is connected is thrown out, as by a server that is restarted.
    pub(crate) fn without_its_database<T>(&self, doing: impl FnOnce() -> T) -> T {
        let (server, name) = self.made.as_ref().expect("a database on a server");
        let server = Database::open(server);
        server.run(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
        server.rows(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
        let done = doing();
        server.run(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"));
        done
    }

    /// A server that leaves events where they are, to be counted.
    #[track_caller]
    pub(crate) fn serve_only(&self) -> Server {
        Server::start(self, &["--no-deliver"])
    }

    /// A server on this place's database, which answers.
    #[track_caller]
    pub(crate) fn serve(&self) -> Server {
        Server::start(self, &[])
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.made {
            let dropped =
                Database::open(server).try_run(&format!("DROP DATABASE {name} WITH (FORCE)"));
            if let Err(reason) = dropped {
                eprintln!("{name} stays behind: {reason}");
            }
        }
    }
}

impl Account {
    /// From what `account create --json` prints.
    pub(crate) fn read(store: &str, printed: &str) -> Self {
        let object: serde_json::Value = serde_json::from_str(printed).expect("JSON");
        let member = |name: &str| object[name].as_str().expect(name).to_owned();
        Self {
            store: store.to_owned(),
            client_id: member("client_id"),
            client_secret: member("client_secret"),
            token: member("access_token"),
        }
    }
}

/// Held by a test for as long as it runs.
enum Turn {
    BesideOthers { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

impl Turn {
    fn beside_others() -> Self {
        Self::BesideOthers { _guard: TURNS.read().unwrap_or_else(PoisonError::into_inner) }
    }

    fn alone() -> Self {
        Self::Alone { _guard: TURNS.write().unwrap_or_else(PoisonError::into_inner) }
    }
}

static TURNS: RwLock<()> = RwLock::new(());

/// The binary, in a directory, without anything of this process's environment that could configure it.
pub(crate) fn bare(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custodia"));
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    command.current_dir(directory).env_clear().env("PATH", path).env("HOME", directory);
    command
}

/// What a command prints, which must succeed.
#[track_caller]
pub(crate) fn succeeded(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?}: {}", words(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a command complains of, which must fail with a status of its own.
#[track_caller]
pub(crate) fn failed(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(output.status.code().is_some_and(|code| code != 0), "{command:?}: {}", words(&output));
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn words(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{}\n{out}\n{err}", output.status)
}

/// Whether the long tests should be long.
pub(crate) fn soaking() -> bool {
    std::env::var_os("CUSTODIA_SOAK").is_some_and(|value| value == "1")
}

/// A variable that a test cannot do without.
pub(crate) fn variable(name: &str, what: &str) -> String {
    let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
    value.unwrap_or_else(|| panic!("{name} must name {what}; scripts/test provides one"))
}

/// The same server's address with another database.
pub(crate) fn of_database(address: &str, name: &str) -> String {
    let (scheme, rest) = address.split_once("://").expect("postgres://");
    let (place, query) = rest
        .split_once('?')
        .map_or((rest, String::new()), |(place, query)| (place, format!("?{query}")));
    let authority = place.split('/').next().expect("a server");
    format!("{scheme}://{authority}/{name}{query}")
}
