//! Other people's servers: how each is started, and how near it comes to the consent that custodia shows.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    contenders::{Arena, Kind, Purpose, free_port, signal},
    data::{Answers, STORE},
    load::Line,
    postgres::Postgres,
    process::{self, Cpu},
    wire::shown,
};

/// How many customers each of them has.
pub(crate) const CUSTOMERS: i64 = 1_000;

/// Who is asked beside custodia.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    Prism,
    JsonServer,
    FastApi,
    Medusa,
}

impl Peer {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Prism => "Prism",
            Self::JsonServer => "json-server",
            Self::FastApi => "FastAPI with SQLite",
            Self::Medusa => "Medusa on PostgreSQL",
        }
    }

    /// How many times less processor time custodia is to take.
    pub(crate) fn times(self) -> f64 {
        match self {
            Self::Prism => 40.0,
            Self::JsonServer => 15.0,
            Self::FastApi => 10.0,
            Self::Medusa => 200.0,
        }
    }

    /// What it is, and how near its answer is to custodia's.
    pub(crate) fn nearness(self) -> &'static str {
        match self {
            Self::Prism => {
                "`prism mock` with the published document of the V3 customers: the one consent that the document has as an \
                 example, whoever is asked for, to everybody who sends any token. Its log is silent."
            }
            Self::JsonServer => {
                "the same 1,000 consents in one JSON file, which it holds in memory; no token. The answer has the customer's \
                 number besides, and is printed with line breaks. Its log is quiet."
            }
            Self::FastApi => {
                "`crates/bench/peers/fastapi/consent.py`, some forty lines of ours: the same token check, the same \
                 statement on the same SQLite file, the same JSON. One uvicorn worker with uvloop and httptools, \
                 answering in its event loop; no access log."
            }
            Self::Medusa => {
                "1,000 customers whose metadata is the consent, by `GET /admin/customers/{id}?fields=id,metadata` with an \
                 administrator's JSON Web Token, which is checked without the database. NODE_ENV is `production`, telemetry off; it writes one line of log a request, \
                 as custodia does."
            }
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Prism | Self::JsonServer => "node",
            Self::FastApi => "fastapi",
            Self::Medusa => "medusa",
        }
    }

    /// The request for the consent of a customer.
    pub(crate) fn request(self, id: i64, token: &str) -> String {
        let (path, token) = match self {
            Self::Prism => (format!("/customers/{id}/consent"), format!("x-auth-token: {token}")),
            Self::JsonServer | Self::FastApi => (
                format!("/stores/{STORE}/v3/customers/{id}/consent"),
                format!("x-auth-token: {token}"),
            ),
            Self::Medusa => (
                format!("/admin/customers/cus_{id}?fields=id,metadata"),
                format!("authorization: Bearer {token}"),
            ),
        };
        format!("GET {path} HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\n{token}\r\n\r\n")
    }

    /// Whether an answer shows this consent, as near as this peer can.
    pub(crate) fn shows(self, consent: &Value, answer: &Value) -> bool {
        let parts = ["allow", "deny", "updated_at"];
        match self {
            Self::Prism => {
                answer["allow"].is_array()
                    && answer["deny"].is_array()
                    && answer["updated_at"].is_string()
            }
            Self::JsonServer => parts.iter().all(|part| answer[part] == consent[part]),
            Self::FastApi => answer == consent,
            Self::Medusa => {
                let metadata = &answer["customer"]["metadata"];
                parts.iter().all(|part| metadata[part] == consent[part])
            }
        }
    }
}

/// What peers are started with.
pub(crate) struct Place<'a> {
    /// Where they are installed.
    pub(crate) installed: &'a Path,
    /// The published documents, which are not ours to keep a copy of.
    pub(crate) published: &'a Path,
    pub(crate) postgres: Option<&'a Postgres>,
    /// Has the database that custodia and `FastAPI` read.
    pub(crate) arena: &'a Arena,
}

const MEDUSAS_DATABASE: &str = "custodia_bench_medusa";

/// A peer that runs. Dropping it stops it.
pub(crate) struct Running {
    child: Child,
    pub(crate) port: u16,
    pub(crate) cpu: Cpu,
    /// What it lets in.
    pub(crate) token: String,
    pub(crate) version: String,
}

impl Place<'_> {
    /// Start it, and come back when it listens.
    pub(crate) async fn start(&self, peer: Peer) -> Result<Running, String> {
        let home = self.installed.join(peer.folder());
        let home = home.canonicalize().map_err(|_| "it is not installed".to_owned())?;
        let version = version(peer, &home)?;
        let dir = self.arena.dir.canonicalize().map_err(|e| e.to_string())?;
        let port = free_port()?;
        let mut command = self.command(peer, &home, &dir, port)?;
        let mut database = None;
        if let (Peer::Medusa, Some(postgres)) = (peer, self.postgres) {
            self.make_medusas_store(&home, postgres).await?;
            database = postgres.postmaster().await?;
        }
        let log = dir.join(format!("{peer:?}.log"));
        let output = File::create(&log).map_err(|e| e.to_string())?;
        let errors = output.try_clone().map_err(|e| e.to_string())?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.map_err(|e| format!("it does not start: {e}"))?;
        let cpu = Cpu::of_family(child.id(), database);
        let token = self.arena.token(Kind::Sqlite).to_owned();
        let mut running = Running { child, port, cpu, token, version };
        running.wait().map_err(|why| {
            format!("it does not serve: {why}\n{}", fs::read_to_string(&log).unwrap_or_default())
        })?;
        if peer == Peer::Medusa {
            running.token = sign_in(port).await?;
        }
        Ok(running)
    }

    fn command(&self, peer: Peer, home: &Path, dir: &Path, port: u16) -> Result<Command, String> {
        let port = port.to_string();
        let bin = |name: &str| Command::new(home.join("node_modules/.bin").join(name));
        match peer {
            Peer::Prism => {
                let document = self.published.join("customers.v3.yml");
                if !document.is_file() {
                    return Err(format!("{} is not there", document.display()));
                }
                let mut command = bin("prism");
                command.args(["mock", "--host", "127.0.0.1", "--verboseLevel", "silent", "--port"]);
                command.arg(port).arg(document);
                Ok(command)
            }
            Peer::JsonServer => {
                let (file, routes) = (dir.join("consents.json"), dir.join("routes.json"));
                let to =
                    json!({ format!("/stores/{STORE}/v3/customers/:id/consent"): "/consents/:id" });
                fs::write(&file, consents().to_string()).map_err(|e| e.to_string())?;
                fs::write(&routes, to.to_string()).map_err(|e| e.to_string())?;
                let mut command = bin("json-server");
                command.args(["--quiet", "--host", "127.0.0.1", "--port", &port, "--routes"]);
                command.arg(routes).arg(file);
                Ok(command)
            }
            Peer::FastApi => {
                let file = self.arena.sqlite(Kind::Sqlite, Purpose::Reading);
                let file = file.canonicalize().map_err(|e| e.to_string())?;
                let mut command = Command::new(home.join("bin/uvicorn"));
                command.args(["consent:app", "--host", "127.0.0.1", "--port", &port]);
                command.args(["--workers", "1", "--loop", "uvloop", "--http", "httptools"]);
                command.args(["--no-access-log", "--log-level", "warning", "--app-dir"]).arg(home);
                command.env("DATABASE", file).env("STORE", STORE);
                command.env("TOKEN", self.arena.token(Kind::Sqlite));
                Ok(command)
            }
            Peer::Medusa => {
                let postgres = self.postgres.ok_or("there is no PostgreSQL for it")?;
                let mut command = medusa(home, postgres);
                command.args(["start", "--host", "127.0.0.1", "--port", &port]);
                Ok(command)
            }
        }
    }

    /// A database of Medusa's with the customers and an administrator.
    async fn make_medusas_store(&self, home: &Path, postgres: &Postgres) -> Result<(), String> {
        postgres.create(MEDUSAS_DATABASE, None).await?;
        let [who, word] = ADMINISTRATOR;
        for arguments in [&["db:migrate"][..], &["user", "--email", who, "--password", word]] {
            let done = medusa(home, postgres).args(arguments).stdin(Stdio::null()).output();
            let done = done.map_err(|e| format!("medusa {arguments:?}: {e}"))?;
            if !done.status.success() {
                let said = [done.stdout, done.stderr].concat();
                return Err(format!("medusa {}: {}", arguments[0], String::from_utf8_lossy(&said)));
            }
        }
        let rows = (1..=CUSTOMERS).map(|id| {
            let consent = consent(id).to_string();
            format!("('cus_{id}', 'customer{id}@example.com', false, '{consent}')")
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        let client = postgres.connect(MEDUSAS_DATABASE).await?;
        let insert =
            format!("INSERT INTO customer (id, email, has_account, metadata) VALUES {rows}");
        for statement in [&insert, "VACUUM (FREEZE, ANALYZE) customer"] {
            client.batch_execute(statement).await.map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Leave nothing behind.
    pub(crate) async fn clear(&self) -> Result<(), String> {
        match self.postgres {
            Some(postgres) => postgres.drop(MEDUSAS_DATABASE).await,
            None => Ok(()),
        }
    }
}

const ADMINISTRATOR: [&str; 2] = ["bench@example.com", "bench"];

fn medusa(home: &Path, postgres: &Postgres) -> Command {
    let mut command = Command::new(home.join("node_modules/.bin/medusa"));
    command.current_dir(home).env("NODE_ENV", "production").env("MEDUSA_DISABLE_TELEMETRY", "1");
    command.env("DATABASE_URL", postgres.address(MEDUSAS_DATABASE));
    command
}

/// The token of Medusa's administrator.
async fn sign_in(port: u16) -> Result<String, String> {
    let [email, password] = ADMINISTRATOR;
    let body = json!({ "email": email, "password": password }).to_string();
    let length = body.len();
    let request = format!(
        "POST /auth/user/emailpass HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut line = Line::open(port).await?;
    let answer = line.send(&request).await?;
    let said: Value = serde_json::from_slice(answer.body.bytes()).map_err(|e| e.to_string())?;
    let token = said["token"].as_str().map(str::to_owned);
    token.ok_or_else(|| format!("nobody may sign in: {}", shown(answer.body.bytes())))
}

/// The consent of a customer, in the words of the contract.
pub(crate) fn consent(id: i64) -> Value {
    let mut written = Vec::new();
    Answers::new().consent(id, &mut written);
    serde_json::from_slice(&written).expect("what is written is JSON")
}

/// json-server's whole database.
fn consents() -> Value {
    let row = |id| {
        let mut row = consent(id);
        row["id"] = json!(id);
        row
    };
    json!({ "consents": (1..=CUSTOMERS).map(row).collect::<Vec<_>>() })
}

/// Its version, and that of what it runs on.
fn version(peer: Peer, home: &Path) -> Result<String, String> {
    let package = |name: &str| {
        let file: PathBuf = home.join("node_modules").join(name).join("package.json");
        let text = fs::read_to_string(&file).map_err(|_| "it is not installed".to_owned())?;
        let package: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        Ok::<_, String>(package["version"].as_str().unwrap_or_default().to_owned())
    };
    let said = |program: &Path, argument: &[&str]| {
        let said = Command::new(program).args(argument).output().map_err(|e| e.to_string())?;
        Ok::<_, String>(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    let node = |version: String| {
        Ok(format!("{version}, Node.js {}", said(Path::new("node"), &["--version"])?))
    };
    match peer {
        Peer::Prism => node(package("@stoplight/prism-cli")?),
        Peer::JsonServer => node(package("json-server")?),
        Peer::Medusa => node(package("@medusajs/medusa")?),
        Peer::FastApi => {
            let tell = "import fastapi, platform, uvicorn; \
                print(f'{fastapi.__version__}, uvicorn {uvicorn.__version__}, Python {platform.python_version()}')";
            said(&home.join("bin/python"), &["-c", tell])
        }
    }
}

impl Running {
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// Resident memory of all its processes, in mebibytes.
    pub(crate) fn memory(&self) -> f64 {
        let family = process::family(self.child.id());
        family.into_iter().filter_map(|pid| process::memory(pid).ok()).sum()
    }

    fn signal(&self, name: &str) {
        for pid in process::family(self.child.id()) {
            signal(name, pid);
        }
    }

    fn wait(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_mins(1) {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(status.to_string());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("nobody listens after 60 seconds".to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("TERM");
        self.thaw();
        for _ in 0..500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.signal("KILL");
        let _ = self.child.wait();
    }
}
