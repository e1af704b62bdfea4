//! What appending to the ledger and proving of it cost as it grows, and how long a declaration waits for its leaf.

use std::{
    path::PathBuf,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use ledger::{
    checkpoint::{Head, PublicKey},
    receipt::{Receipt, Step},
    tree,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    contenders::{Arena, Kind, Purpose},
    data::STORE,
    disk::Disk,
    grow, lag,
    load::Line,
    postgres::Postgres,
    process, seed,
    shop::{Shop, micros, runtime},
    tables::Tables,
    wire::shown,
};

/// How long a ledger is measured.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Leaves in the end. Before, a thousand and a hundred thousand are measured.
    #[arg(long, default_value_t = 10_000_000)]
    leaves: u64,
    /// Seconds for which 64 writers declare, once at a thousand a second and once as fast as they can.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The binary to be measured.
    #[arg(long, default_value = "target/release/custodia")]
    custodia: PathBuf,
    /// A `PostgreSQL` server on which databases can be made.
    #[arg(long, env = "CUSTODIA_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    /// Where the `SQLite` database goes, in a directory of its own.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// What a proof may read: this many rows for each level of tiles (log256 of the leaves), and two more.
const ROWS_A_LEVEL: u32 = 4;

/// From so many leaves on. `PostgreSQL` reads a table of a few hundred tiles from end to end rather than enter its index.
const MANY: u64 = 1_000_000;

/// And of a file: a row is found by way of a few pages, and a tile fills three.
const PAGES_A_ROW: u32 = 8;

/// How much memory verifying may take however long the ledger is, in mebibytes.
const MOST_MEMORY: f64 = 100.0;

/// How long a declaration may wait for its leaf, in seconds.
const MOST_WAIT: f64 = 1.0;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let runtime = runtime()?;
    let mut arena =
        Arena::new(options.dir.join("ledger"), options.custodia.clone(), Disk::default());
    let measured = measure(&mut arena, options, &runtime);
    let cleared = runtime.block_on(arena.clear());
    measured.and(cleared)
}

fn measure(arena: &mut Arena, options: &Options, runtime: &Runtime) -> Result<(), String> {
    let mut kinds = vec![Kind::Sqlite];
    arena.make_sqlite(CUSTOMERS, &kinds)?;
    if let Some(address) = &options.postgres {
        let postgres = Postgres::parse(address)?;
        runtime.block_on(arena.make_postgres(postgres, CUSTOMERS, &[Kind::Postgres]))?;
        kinds.push(Kind::Postgres);
    }
    let mut faults = Vec::new();
    for kind in kinds {
        let mut book = Book::open(arena, kind, runtime)?;
        println!("## {}\n\n{}", kind.title(), book.header());
        let mut stages: Vec<Stage> = Vec::new();
        let sizes = [1_000, 100_000, options.leaves];
        for size in sizes.into_iter().filter(|size| *size <= options.leaves) {
            let stage = book.stage(size)?;
            println!("{}", stage.line());
            faults.extend(stage.faults(kind));
            stages.push(stage);
        }
        if let [first, .., last] = &stages[..] {
            println!("{}", last.beside(first));
        }
        println!();
        for pace in [Some(1_000.0), None] {
            let lag = lag::measure(arena, kind, runtime, pace, options.seconds)?;
            println!("{lag}");
            if lag.longest > MOST_WAIT {
                faults.push(format!("{}: {lag}", kind.title()));
            }
        }
        println!();
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// A store's ledger on one engine.
struct Book<'a> {
    arena: &'a Arena,
    kind: Kind,
    runtime: &'a Runtime,
    tables: Tables,
    store: i64,
    keys: Vec<PublicKey>,
    /// The signed heads that there were.
    heads: Vec<Head>,
}

/// What something took in the median, and what it read of the ledger.
#[derive(Clone, Copy)]
struct Cost {
    micros: f64,
    /// Rows of leaves and tiles on `PostgreSQL`, which counts them; on `SQLite`, which does not, pages of the file that
    /// were not at hand.
    reads: f64,
}

/// What everything takes with so many leaves.
struct Stage {
    leaves: u64,
    put: Cost,
    append: Cost,
    receipt: Cost,
    growth: Cost,
    verify: Duration,
    memory: f64,
}

impl<'a> Book<'a> {
    fn open(arena: &'a Arena, kind: Kind, runtime: &'a Runtime) -> Result<Self, String> {
        let tables = runtime.block_on(Tables::open(arena, kind))?;
        let store = format!("SELECT store_id FROM store WHERE hash = '{STORE}'");
        let store = runtime.block_on(tables.number(&store))?;
        let (keys, heads) = (Vec::new(), Vec::new());
        let mut book = Self { arena, kind, runtime, tables, store, keys, heads };
        let keys = book.visit(async |shop, line| shop.see(line, "custodia/ledger/keys").await)?.0;
        let keys = keys["data"].as_array().into_iter().flatten();
        let key = |key: &Value| key["key"].as_str()?.parse().ok();
        book.keys = keys.map(key).collect::<Option<_>>().ok_or("a key that is none")?;
        Ok(book)
    }

    fn header(&self) -> String {
        let read = if self.kind == Kind::Postgres { "rows read" } else { "pages read" };
        format!(
            "| leaves | PUT consent, us | {read} | {BATCH} appended, us | {read} | receipt, us | {read} | consistency, us | {read} | verified, s | of memory, MB |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        )
    }

    fn stage(&mut self, size: u64) -> Result<Stage, String> {
        let since = Instant::now();
        self.runtime.block_on(grow::grow(&self.tables, self.store, size))?;
        eprintln!("grown to {size} leaves in {:.1} s", since.elapsed().as_secs_f64());
        let head = self.head()?;
        let leaves = head.size;
        self.heads.push(head);
        let append = self.append()?;
        let receipt = self.receipts()?;
        let growth = self.growth()?;
        let put = self.put()?;
        let (verify, memory) = self.verify(self.head()?.size)?;
        Ok(Stage { leaves, put, append, receipt, growth, verify, memory })
    }

    /// The head, after all that waited was appended.
    fn head(&self) -> Result<Head, String> {
        self.visit(async |shop, line| self.checkpoint(shop, line).await).map(|(head, _)| head)
    }

    async fn checkpoint(&self, shop: &Shop, line: &mut Line) -> Result<Head, String> {
        loop {
            let body = shop.see(line, "custodia/ledger/checkpoint").await?;
            let text = body["data"]["checkpoint"].as_str().unwrap_or_default();
            let head = Head::read(text, &self.keys).map_err(|e| format!("{text}: {e}"))?;
            let waits = format!(
                "SELECT COUNT(*) FROM consent_declaration WHERE store_id = {} AND leaf IS NULL",
                self.store
            );
            if self.tables.number(&waits).await? == 0 {
                return Ok(head);
            }
        }
    }

    /// Declarations one after another, each of another customer.
    fn put(&self) -> Result<Cost, String> {
        let body = r#"{"allow":["essential"],"deny":["targeting"]}"#;
        self.cost(TIMES, async |shop, line, at| {
            let path = format!("v3/customers/{}/consent", at % CUSTOMERS + 1);
            let since = Instant::now();
            let status = line.send(&shop.with_body("PUT", &path, body)).await?.status;
            let took = since.elapsed();
            if status == 200 { Ok(took) } else { Err(format!("{path}: {status}")) }
        })
    }

    /// Declarations that wait, all of which a checkpoint makes leaves of in one transaction. They are put there past
    /// the server, which would begin without being asked.
    fn append(&self) -> Result<Cost, String> {
        let mut size = self.head()?.size;
        let of = format!("store_id = {} AND customer_id <= {BATCH}", self.store);
        let wait = format!(
            "INSERT INTO consent_declaration ({}) SELECT store_id, customer_id, declarations + 1, 'essential', \
             'targeting', date_created, 'management_api', 1 FROM customer WHERE {of}; \
             UPDATE customer SET declarations = declarations + 1 WHERE {of}",
            seed::DECLARATION_COLUMNS
        );
        self.cost(5, async |shop, line, _| {
            self.tables.run(&wait).await?;
            let since = Instant::now();
            let body = shop.see(line, "custodia/ledger/checkpoint").await?;
            let took = since.elapsed();
            size += BATCH.unsigned_abs();
            if body["data"]["size"] == size {
                Ok(took)
            } else {
                Err(format!("{size} leaves: {body}"))
            }
        })
    }

    /// Receipts of the oldest and of the newest declarations in turn.
    fn receipts(&self) -> Result<Cost, String> {
        let newest = format!(
            "SELECT MIN(declarations) FROM customer WHERE store_id = {} AND customer_id <= {BATCH}",
            self.store
        );
        let newest = self.runtime.block_on(self.tables.number(&newest))?;
        self.cost(TIMES, async |shop, line, at| {
            let sequence = if at % 2 == 0 { 1 } else { newest };
            let path = format!("custodia/customers/{}/consent/{sequence}/receipt", at % BATCH + 1);
            let request = shop.request(&path);
            let since = Instant::now();
            let answer = line.send(&request).await?;
            let took = since.elapsed();
            let receipt: Receipt = serde_json::from_slice(answer.body.bytes())
                .map_err(|e| format!("{path}: {e}: {}", shown(answer.body.bytes())))?;
            receipt.verify(&self.keys).map_err(|e| format!("{path}: {e}"))?;
            Ok(took)
        })
    }

    /// Proofs that trees of all lengths grew into this one. Those whose heads were signed are checked.
    fn growth(&self) -> Result<Cost, String> {
        let head = self.head()?;
        self.cost(TIMES, async |shop, line, at| {
            let kept = self.heads.get(usize::try_from(at).unwrap_or(usize::MAX));
            let any = 1 + at.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) % head.size;
            let older = kept.map_or(any, |kept| kept.size);
            let path = format!("custodia/ledger/proofs/consistency?from={older}");
            let since = Instant::now();
            let body = shop.see(line, &path).await?;
            let took = since.elapsed();
            let proof: Vec<Step> = serde_json::from_value(body["data"]["proof"].clone())
                .map_err(|e| format!("{path}: {e}"))?;
            let proof: Vec<_> = proof.iter().map(|step| step.0).collect();
            let holds = kept.is_none_or(|kept| {
                tree::has_grown(head.size, &head.root, kept.size, &kept.root, &proof)
            });
            if holds { Ok(took) } else { Err(format!("{path}: {body} does not hold")) }
        })
    }

    /// `custodia consent verify --store`: how long it takes, and with how much memory.
    fn verify(&self, leaves: u64) -> Result<(Duration, f64), String> {
        let mut command = self.arena.on(self.kind, &["consent", "verify", "--store", STORE]);
        let since = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut memory = 0.0;
        while child.try_wait().map_err(|e| e.to_string())?.is_none() {
            memory = process::most_memory(child.id()).unwrap_or(memory);
            thread::sleep(Duration::from_millis(5));
        }
        let took = since.elapsed();
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && said.contains(&format!("leaves        {leaves}\n")) {
            return Ok((took, memory));
        }
        Err(format!("verify: {said}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The same so many times on a server of its own.
    fn cost(
        &self,
        times: i64,
        mut once: impl AsyncFnMut(&Shop, &mut Line, i64) -> Result<Duration, String>,
    ) -> Result<Cost, String> {
        let (took, reads) = self.visit(async |shop, line| {
            let mut took = Vec::new();
            for at in 0..times {
                took.push(once(shop, line, at).await?);
            }
            Ok(took)
        })?;
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let reads = reads / times as f64;
        Ok(Cost { micros: micros(took, 0.5), reads })
    }

    /// Start a server, ask it something and stop it; and what was read of the ledger meanwhile.
    fn visit<T>(
        &self,
        ask: impl AsyncFnOnce(&Shop, &mut Line) -> Result<T, String>,
    ) -> Result<(T, f64), String> {
        let rows = self.rows()?;
        let server = self.arena.start(self.kind, Purpose::Reading)?;
        let shop = Shop::of(self.arena, self.kind, &server);
        let pages = process::reads(server.pid())?;
        let found = self.runtime.block_on(async {
            let mut line = Line::open(shop.port).await?;
            ask(&shop, &mut line).await
        })?;
        let pages = process::reads(server.pid())? - pages;
        drop(server);
        Ok((found, if self.kind == Kind::Postgres { self.rows()? - rows } else { pages }))
    }

    /// Rows of leaves and tiles that were ever read, as `PostgreSQL` counts them. A session's last ones are counted when
    /// it ends.
    fn rows(&self) -> Result<f64, String> {
        const SESSIONS: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        const READ: &str = "SELECT SUM(COALESCE(idx_tup_fetch, 0) + seq_tup_read)::bigint FROM pg_stat_user_tables \
             WHERE relname IN ('ledger_leaf', 'ledger_tile')";
        if self.kind != Kind::Postgres {
            return Ok(0.0);
        }
        self.runtime.block_on(async {
            while self.tables.number(SESSIONS).await? > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            #[expect(clippy::cast_precision_loss, reason = "never so many")]
            self.tables.number(READ).await.map(|rows| rows as f64)
        })
    }
}

impl Stage {
    fn costs(&self) -> [Cost; 4] {
        [self.put, self.append, self.receipt, self.growth]
    }

    fn line(&self) -> String {
        let cost = |it: Cost| format!(" {:.0} | {:.1} |", it.micros, it.reads);
        let costs: String = self.costs().into_iter().map(cost).collect();
        format!(
            "| {} |{costs} {:.1} | {:.0} |",
            self.leaves,
            self.verify.as_secs_f64(),
            self.memory
        )
    }

    /// The same as multiples of another stage.
    fn beside(&self, other: &Self) -> String {
        let cost = |(mine, theirs): (Cost, Cost)| {
            let reads = mine.reads / theirs.reads.max(1.0);
            format!(" {:.2} | {reads:.2} |", mine.micros / theirs.micros)
        };
        let costs: String = self.costs().into_iter().zip(other.costs()).map(cost).collect();
        let times = self.verify.as_secs_f64() / other.verify.as_secs_f64();
        let memory = self.memory / other.memory;
        format!("| times the first |{costs} {times:.2} | {memory:.2} |")
    }

    /// What grows faster than it may.
    fn faults(&self, kind: Kind) -> Vec<String> {
        let levels = self.leaves.ilog(256) + 1;
        let rows = ROWS_A_LEVEL * levels + 2;
        let most = if kind == Kind::Postgres { rows } else { rows * PAGES_A_ROW };
        let of = format!("{}, {} leaves", kind.title(), self.leaves);
        let mut faults = Vec::new();
        for (title, cost) in [("a receipt", self.receipt), ("a proof of growth", self.growth)] {
            let is_small = kind == Kind::Postgres && self.leaves < MANY;
            if cost.reads > f64::from(most) && !is_small {
                faults.push(format!("{of}: {title} reads {:.1}, {most} are allowed", cost.reads));
            }
        }
        if self.memory > MOST_MEMORY {
            faults.push(format!("{of}: to verify takes {:.0} MB", self.memory));
        }
        faults
    }
}

/// Who can declare: each has one leaf before anything is measured.
const CUSTOMERS: i64 = 1_000;

/// As many as the server appends in one transaction.
const BATCH: i64 = 200;

/// How often each request is sent.
const TIMES: i64 = 200;
