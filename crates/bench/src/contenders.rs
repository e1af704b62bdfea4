//! Who is measured: how each is started, on which database, and how it is stopped again.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    data::{STATIC_ID, STORE},
    disk::Disk,
    postgres::Postgres,
    process::Cpu,
    seed,
};

/// One contender. A new one is a new variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Ceiling,
    Control,
    Sqlite,
    PostgresControl,
    Postgres,
}

impl Kind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Control => "control",
            Self::Sqlite => "custodia, SQLite",
            Self::PostgresControl => "control, PostgreSQL",
            Self::Postgres => "custodia, PostgreSQL",
        }
    }

    pub(crate) fn is_custodia(self) -> bool {
        matches!(self, Self::Sqlite | Self::Postgres)
    }

    /// Whether its database is on `PostgreSQL`.
    pub(crate) fn is_on_postgres(self) -> bool {
        matches!(self, Self::PostgresControl | Self::Postgres)
    }

    /// The control on the same engine.
    pub(crate) fn control(self) -> Self {
        if self.is_on_postgres() { Self::PostgresControl } else { Self::Control }
    }

    /// The ceiling does not write.
    pub(crate) fn writes(self) -> bool {
        self != Self::Ceiling
    }

    /// The one customer it always shows, if it does.
    pub(crate) fn always(self) -> Option<i64> {
        (self == Self::Ceiling).then_some(STATIC_ID)
    }
}

/// What a server is started for: each has databases of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Reading,
    /// On a disk whose syncs can be made slow.
    Writing,
}

const FILE: &str = "custodia.db";

/// The databases and everything else a contender needs.
pub(crate) struct Arena {
    pub(crate) dir: PathBuf,
    /// The binary to be measured.
    pub(crate) custodia: PathBuf,
    /// What those who write stand on.
    pub(crate) disk: Disk,
    pub(crate) postgres: Option<(Postgres, Option<u32>)>,
    /// What `custodia serve` is told besides.
    pub(crate) options: &'static [&'static str],
    sqlite_token: String,
    postgres_token: String,
}

impl Arena {
    pub(crate) fn new(dir: PathBuf, custodia: PathBuf, disk: Disk) -> Self {
        let token = || "0123456789abcdefghijklmnopqrstu".to_owned();
        Self {
            dir,
            custodia,
            disk,
            postgres: None,
            options: &[],
            sqlite_token: token(),
            postgres_token: token(),
        }
    }

    /// Make and fill the `SQLite` databases: one to read, and one for each who writes.
    pub(crate) fn make_sqlite(&mut self, customers: i64, kinds: &[Kind]) -> Result<(), String> {
        let read = self.dir.join("read");
        let _ = fs::remove_dir_all(&self.dir);
        fs::create_dir_all(&read).map_err(|e| format!("{}: {e}", read.display()))?;
        let file = read.join(FILE);
        let address = format!("sqlite:{}", file.display());
        self.sqlite_token = self.open_store(&address)?;
        seed::sqlite(&file, customers)?;
        self.settle(&format!("{address}?synchronous=off"))?;
        for kind in kinds.iter().filter(|kind| matches!(kind, Kind::Control | Kind::Sqlite)) {
            copy(&read, &self.dir.join(format!("write-{kind:?}")))?;
        }
        Ok(())
    }

    /// Make an `SQLite` database with customers who have declared nothing; its file.
    pub(crate) fn make_customers(&mut self, customers: i64) -> Result<PathBuf, String> {
        let file = self.sqlite(Kind::Sqlite, Purpose::Reading);
        let _ = fs::remove_dir_all(&self.dir);
        let read = self.dir.join("read");
        fs::create_dir_all(&read).map_err(|e| format!("{}: {e}", read.display()))?;
        self.sqlite_token = self.open_store(&format!("sqlite:{}", file.display()))?;
        seed::customers(&file, customers)?;
        Ok(file)
    }

    /// The same on `PostgreSQL`.
    pub(crate) async fn make_postgres(
        &mut self,
        postgres: Postgres,
        customers: i64,
        kinds: &[Kind],
    ) -> Result<(), String> {
        self.postgres = Some((postgres.clone(), postgres.postmaster().await?));
        let read = self.database(Kind::Postgres, Purpose::Reading);
        postgres.create(&read, None).await?;
        self.postgres_token = self.open_store(&postgres.address(&read))?;
        postgres.seed(&read, customers).await?;
        self.settle(&postgres.address(&read))?;
        for kind in kinds.iter().copied().filter(|kind| kind.is_on_postgres()) {
            postgres.create(&self.database(kind, Purpose::Writing), Some(&read)).await?;
        }
        Ok(())
    }

    /// Addresses, metafields and form field values for each customer of the database to read.
    pub(crate) fn add_belongings(&self, customers: i64) -> Result<(), String> {
        let file = self.sqlite(Kind::Sqlite, Purpose::Reading);
        seed::belongings(&file, customers).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// The same on `PostgreSQL`.
    pub(crate) async fn add_belongings_on_postgres(&self, customers: i64) -> Result<(), String> {
        let Some((postgres, _)) = &self.postgres else { return Ok(()) };
        postgres.seed_belongings(&self.database(Kind::Postgres, Purpose::Reading), customers).await
    }

    pub(crate) async fn clear(&self) -> Result<(), String> {
        if let Some((postgres, _)) = &self.postgres {
            postgres.drop(&self.database(Kind::Postgres, Purpose::Reading)).await?;
            for kind in [Kind::PostgresControl, Kind::Postgres] {
                postgres.drop(&self.database(kind, Purpose::Writing)).await?;
            }
        }
        fs::remove_dir_all(&self.dir).map_err(|e| e.to_string())
    }

    pub(crate) fn token(&self, kind: Kind) -> &str {
        if kind.is_on_postgres() { &self.postgres_token } else { &self.sqlite_token }
    }

    /// How many rows a table of the writer's database has.
    pub(crate) async fn count(&self, kind: Kind, table: &str) -> Result<i64, String> {
        match (kind, &self.postgres) {
            (_, Some((postgres, _))) if kind.is_on_postgres() => {
                postgres.count(&self.database(kind, Purpose::Writing), table).await
            }
            _ => seed::count(&self.sqlite(kind, Purpose::Writing), table),
        }
    }

    /// Start it, and come back when it answers.
    pub(crate) fn start(&self, kind: Kind, purpose: Purpose) -> Result<Server, String> {
        let port = free_port()?;
        let log = self.dir.join(format!("{kind:?}-{purpose:?}.log"));
        let output = File::create(&log).map_err(|e| e.to_string())?;
        let errors = output.try_clone().map_err(|e| e.to_string())?;
        let mut command = self.command(kind, purpose, port)?;
        if purpose == Purpose::Writing {
            self.disk.put_under(&mut command)?;
        }
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.map_err(|e| format!("{}: {e}", kind.title()))?;
        let postmaster =
            self.postgres.as_ref().and_then(|(_, pid)| *pid).filter(|_| kind.is_on_postgres());
        let cpu = Cpu::of(child.id(), postmaster);
        let mut server = Server { child, port, cpu, first_answer: Duration::ZERO };
        server.first_answer = server.wait(self.token(kind), started).map_err(|why| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            format!("{} does not serve: {why}\n{log}", kind.title())
        })?;
        Ok(server)
    }

    fn command(&self, kind: Kind, purpose: Purpose, port: u16) -> Result<Command, String> {
        let own = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(if kind.is_custodia() { &self.custodia } else { &own });
        let port_text = port.to_string();
        match kind {
            Kind::Ceiling => {
                command.args(["ceiling", "--port", &port_text, "--token", self.token(kind)])
            }
            Kind::Control => command
                .args(["control", "--port", &port_text, "--token", self.token(kind), "--database"])
                .arg(self.sqlite(kind, purpose)),
            Kind::PostgresControl => command
                .args(["postgres-control", "--port", &port_text, "--token", self.token(kind)])
                .args(["--database", &self.address(kind, purpose)]),
            Kind::Sqlite | Kind::Postgres => {
                let (listen, database) = (format!("127.0.0.1:{port}"), self.address(kind, purpose));
                self.configured(&mut command)
                    .args(["serve", "--listen", &listen, "--database", &database])
                    .args(self.options)
            }
        };
        Ok(command)
    }

    /// What custodia is told with `--database`.
    pub(crate) fn address(&self, kind: Kind, purpose: Purpose) -> String {
        match &self.postgres {
            Some((postgres, _)) if kind.is_on_postgres() => {
                postgres.address(&self.database(kind, purpose))
            }
            _ => format!("sqlite:{}", self.sqlite(kind, purpose).display()),
        }
    }

    /// The name of a database on `PostgreSQL`. Arenas in different directories have different ones.
    /// What is to be read all read.
    pub(crate) fn database(&self, kind: Kind, purpose: Purpose) -> String {
        let dir = self.dir.file_name().unwrap_or_default().to_string_lossy();
        let of = match (kind, purpose) {
            (Kind::PostgresControl, Purpose::Writing) => "_control",
            _ => "",
        };
        format!("custodia_bench_{dir}_{purpose:?}{of}").to_ascii_lowercase()
    }

    pub(crate) fn sqlite(&self, kind: Kind, purpose: Purpose) -> PathBuf {
        let dir = match purpose {
            Purpose::Reading => "read".to_owned(),
            Purpose::Writing => format!("write-{kind:?}"),
        };
        self.dir.join(dir).join(FILE)
    }

    /// Migrate an empty database, open the store and give back its token.
    fn open_store(&self, database: &str) -> Result<String, String> {
        self.custodia(&["migrate", "--database", database])?;
        self.custodia(&["store", "create", STORE, "--database", database])?;
        let account =
            ["account", "create", "--store", STORE, "--scope", "store_v2_customers", "--json"];
        let printed = self.custodia(&[&account[..], &["--database", database]].concat())?;
        let account: serde_json::Value =
            serde_json::from_str(&printed).map_err(|e| format!("{e}: {printed}"))?;
        let token =
            account["access_token"].as_str().ok_or("account create printed no access_token")?;
        Ok(token.to_owned())
    }

    /// Make leaves of all declarations that were seeded: otherwise a server would do that while it is measured. A
    /// custodia from before the ledger has none to make.
    fn settle(&self, database: &str) -> Result<(), String> {
        if self.custodia(&["consent", "--help"]).is_err() {
            return Ok(());
        }
        let mut command = Command::new(&self.custodia);
        let export = ["consent", "export", "--store", STORE, "--database", database];
        let ended = self.configured(&mut command).args(export).stdout(Stdio::null()).status();
        let ended = ended.map_err(|e| format!("{}: {e}", self.custodia.display()))?;
        if ended.success() { Ok(()) } else { Err(format!("custodia {export:?}: {ended}")) }
    }

    /// `custodia` with these arguments on one of the databases, not yet started.
    pub(crate) fn on(&self, kind: Kind, arguments: &[&str]) -> Command {
        self.at(&self.address(kind, Purpose::Reading), arguments)
    }

    /// The same on whatever database there is at this address.
    pub(crate) fn at(&self, database: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.custodia);
        self.configured(&mut command).args(arguments).args(["--database", database]);
        command
    }

    fn custodia(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.custodia);
        let output = self.configured(&mut command).args(arguments).output();
        let output = output.map_err(|e| format!("{}: {e}", self.custodia.display()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("custodia {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// One installation key for all databases; a copied database needs the key of its original.
    fn configured<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("CUSTODIA_SECRET_KEY_FILE", self.dir.join("custodia.key"))
    }
}

/// One running server. Dropping it stops it.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) cpu: Cpu,
    /// From the moment it was executed to its first answer.
    pub(crate) first_answer: Duration,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Let it do nothing at all: what it left to be done in the background must cost nobody else.
    pub(crate) fn freeze(&self) {
        signal("STOP", self.child.id());
    }

    pub(crate) fn thaw(&self) {
        signal("CONT", self.child.id());
    }

    fn wait(&mut self, token: &str, started: Instant) -> Result<Duration, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let request = format!(
            "GET /stores/{STORE}/v2/time HTTP/1.1\r\nhost: bench\r\nx-auth-token: {token}\r\n\r\n"
        );
        while started.elapsed() < Duration::from_secs(20) {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return runtime.block_on(async {
                    let mut line = crate::load::Line::open(self.port).await?;
                    let status = line.send(&request).await?.status;
                    if status == 200 {
                        Ok(started.elapsed())
                    } else {
                        Err(format!("status {status}"))
                    }
                });
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(status.to_string());
            }
            thread::sleep(Duration::from_micros(200));
        }
        Err("no answer within 20 seconds".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        signal("TERM", self.child.id());
        signal("CONT", self.child.id());
        for _ in 0..500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
}

pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let copy = || {
        fs::create_dir_all(to)?;
        fs::read_dir(from)?.try_for_each(|entry| {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name())).map(drop)
        })
    };
    copy().map_err(|e: std::io::Error| format!("{}: {e}", to.display()))
}
