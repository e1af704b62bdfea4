//! Webhooks: how many events a second reach those who subscribed, how soon, and what it costs whoever writes.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::{
    runtime::Runtime,
    time::{sleep, sleep_until},
};

use crate::{
    contenders::{Arena, Kind, free_port, signal},
    data::STORE,
    delay,
    disk::Disk,
    load::{self, Figures, Line, Load},
    machine,
    postgres::Postgres,
    process::{Cpu, Used},
    receiver::{Arrival, Receiver},
    results::Spread,
    sections,
    shop::{Shop, micros, runtime},
    tables::Tables,
    wire::shown,
    work::{Ask, Examiner},
};

/// What to measure and for how long.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Letters in a backlog.
    #[arg(long, default_value_t = 100_000)]
    letters: i64,
    /// Letters a second that are to be kept up.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 5_000, 10_000])]
    rates: Vec<u32>,
    /// Seconds for which each is.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Parts to measure; all of them when not said.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Engines to measure; both when not said.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<Kind>,
    /// Milliseconds that a round trip to `PostgreSQL` takes longer in the second row of workers.
    #[arg(long, default_value_t = 4)]
    round_trip: u64,
    /// How many of `custodia deliver` there are, in the rows of workers.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    workers: Vec<usize>,
    /// How often each side of a comparison is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The binary to be measured.
    #[arg(long, default_value = "target/release/custodia")]
    custodia: PathBuf,
    /// A `PostgreSQL` server on which databases can be made.
    #[arg(long, env = "CUSTODIA_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    /// Where the `SQLite` database goes, in a directory of its own.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// The document whose last section becomes what was measured; it is printed in any case.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// A backlog, each event of which one webhook wants.
    Backlog,
    /// A backlog, each event of which all of them want.
    Wide,
    /// Changes made through the server, each wanted by all webhooks.
    Changes,
    /// Events put into the outbox, each wanted by one webhook.
    Outbox,
    /// Two and four workers on `PostgreSQL`, and the same far from their database.
    Workers,
    /// What a write costs whose event is kept, and delivered, beside one whose event is thrown away.
    Publishing,
}

const HOOKS: u8 = 64;

/// Of whom changes are made. Each declares once.
const CUSTOMERS: i64 = 20_000;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let runtime = runtime()?;
    let receiver = Receiver::open(HOOKS)?;
    let mut arena =
        Arena::new(options.dir.join("webhooks"), options.custodia.clone(), Disk::default());
    let mut section = Section::default();
    let measured = measure(&mut arena, options, (&receiver, &mut section), &runtime);
    let cleared = runtime.block_on(arena.clear());
    if let (Some(out), Ok(())) = (&options.out, &measured) {
        let write = || {
            let document = fs::read_to_string(out).unwrap_or_default();
            fs::write(out, sections::with(&document, TITLE, &section.0))
        };
        write().map_err(|e| format!("{}: {e}", out.display()))?;
    }
    measured.and(cleared)
}

/// How the section that a document has of this begins.
pub(crate) const TITLE: &str = "\n## Webhooks\n";

/// What is printed, and written in the end.
#[derive(Default)]
struct Section(String);

impl Section {
    fn say(&mut self, line: &str) {
        println!("{line}");
        self.0.push_str(line);
        self.0.push('\n');
    }
}

fn measure(
    arena: &mut Arena,
    options: &Options,
    (receiver, section): (&Receiver, &mut Section),
    runtime: &Runtime,
) -> Result<(), String> {
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    let wanted = |kind| options.engines.is_empty() || options.engines.contains(&kind);
    let mut kinds = vec![Kind::Sqlite];
    arena.make_sqlite(CUSTOMERS, &kinds)?;
    if let Some(address) = options.postgres.as_ref().filter(|_| wanted(Kind::Postgres)) {
        runtime.block_on(arena.make_postgres(
            Postgres::parse(address)?,
            CUSTOMERS,
            &[Kind::Postgres],
        ))?;
        kinds.push(Kind::Postgres);
    }
    let machine = machine::describe(&arena.dir, None);
    let known = |name: &str| {
        machine.iter().find(|(it, _)| *it == name).map_or("", |(_, value)| value.as_str())
    };
    section.say(&format!(
        "{TITLE}\nWritten by `scripts/bench webhooks` on {}; {}; commit {}.\n",
        known("date"),
        known("processor"),
        known("commit")
    ));
    section.say(HEADER);
    let mut faults = Vec::new();
    let mut fields = Vec::new();
    for kind in kinds.into_iter().filter(|kind| wanted(*kind)) {
        fields.push(runtime.block_on(Field::open(arena, kind, receiver))?);
    }
    for field in &mut fields {
        let kind = field.kind;
        let mut tell = |row: Row| {
            section.say(&row.line());
            faults.extend(row.fault());
        };
        for (part, wide) in [(Part::Backlog, false), (Part::Wide, true)] {
            if wants(part) {
                tell(runtime.block_on(field.backlog(options.letters, wide, 1, None))?);
            }
        }
        for rate in &options.rates {
            if wants(Part::Changes) {
                tell(runtime.block_on(field.changes(*rate, options.seconds))?);
            }
            if wants(Part::Outbox) {
                tell(runtime.block_on(field.outbox(*rate, options.seconds))?);
            }
        }
        if let (Kind::Postgres, true, Some(address)) =
            (kind, wants(Part::Workers), &options.postgres)
        {
            for &workers in &options.workers {
                tell(runtime.block_on(field.backlog(options.letters, false, workers, None))?);
            }
            let port = delay::open(place(address)?, Duration::from_millis(options.round_trip))?;
            for &workers in &options.workers {
                let far = Some((port, options.round_trip));
                tell(runtime.block_on(field.backlog(options.letters / 4, false, workers, far))?);
            }
        }
    }
    section.say(&format!("\n{FOOTER}"));
    if wants(Part::Publishing) {
        section.say(&format!("\n{COSTS}"));
        for field in &mut fields {
            for line in runtime.block_on(field.publishing(options))? {
                section.say(&line);
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Where a `PostgreSQL` server listens.
fn place(address: &str) -> Result<SocketAddr, String> {
    let rest = address.split_once("//").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let place = authority.rsplit('@').next().unwrap_or_default();
    place.parse().map_err(|_| format!("{place}: not an address and a port"))
}

/// The same server by way of another port of this machine.
fn by_way_of(port: u16, address: &str) -> Option<String> {
    let (before, rest) = address.split_once("//")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let user = authority.rsplit_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
    Some(format!("{before}//{user}127.0.0.1:{port}{after}"))
}

/// A store with 64 webhooks on one engine.
struct Field<'a> {
    arena: &'a Arena,
    kind: Kind,
    receiver: &'a Receiver,
    tables: Tables,
    store: i64,
    /// How many backlogs there were: each has numbers of its own.
    turn: i64,
    /// Whose consent was declared already.
    declared: i64,
}

/// One line of the table.
struct Row {
    title: String,
    kind: Kind,
    asked: Option<u32>,
    per_second: f64,
    latencies: Vec<Duration>,
    /// Letters that waited when nothing more came, and for how long.
    waited: u64,
    rest: f64,
    cpu: f64,
    database_cpu: f64,
    own_cpu: f64,
    others: f64,
    connections: u64,
    letters: u64,
    twice: u64,
    missing: u64,
    out_of_order: u64,
}

const HEADER: &str = "| | | asked, letters/s | letters/s | p50 ms | p99 ms | waiting at the end | CPU us a letter | receiver and load, us | letters a connection | others took | twice | missing | out of order |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

const SIDES: [&str; 3] = [
    "its event thrown away",
    "its event kept in the outbox",
    "its event delivered to one webhook by the same process",
];

const COSTS: &str = "PUT consent by 64 connections, in alternating rounds. The first throws each event away in the database (a trigger, a rule): what the \
statement itself takes to be asked is in it.\n\n| | | requests/s | time, of the first | CPU us | of the first | p50 us | p99 us | others took |\n\
|---|---|---:|---:|---:|---:|---:|---:|---:|";

const FOOTER: &str = "64 webhooks of one store at 64 hosts (127.0.1.1 to 127.0.1.64) of one receiver, which answers 200 at once. The receiver, the \
database and the worker share the machine's cores. Latency: from the answer to the change (or the commit of the insert) to the \
letter's being answered. CPU: of all processes of custodia that deliver.";

/// Somebody who delivers.
struct Process {
    child: Child,
    cpu: Cpu,
}

impl Drop for Process {
    fn drop(&mut self) {
        signal("TERM", self.child.id());
        for _ in 0..1_500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ALLOW: [&str; 2] = ["--webhook-allow", "127.0.0.0/8"];

impl<'a> Field<'a> {
    async fn open(arena: &'a Arena, kind: Kind, receiver: &'a Receiver) -> Result<Self, String> {
        let tables = Tables::open(arena, kind).await?;
        let store =
            tables.number(&format!("SELECT store_id FROM store WHERE hash = '{STORE}'")).await?;
        let field = Self { arena, kind, receiver, tables, store, turn: 0, declared: 0 };
        let server = field.serve()?;
        let (shop, mut line) = field.visit(&server).await?;
        for url in &receiver.urls {
            let body = format!(r#"{{"scope":"{CONSENT}","destination":"{url}","is_active":true}}"#);
            let answer = line.send(&shop.with_body("POST", "v3/hooks", &body)).await?;
            if answer.status != 200 {
                return Err(format!("POST hooks: {}", shown(answer.body.bytes())));
            }
        }
        Ok(field)
    }

    /// The server with a worker in it.
    fn serve(&self) -> Result<(Process, u16), String> {
        self.serve_as(true)
    }

    fn serve_as(&self, delivers: bool) -> Result<(Process, u16), String> {
        let port = free_port()?;
        let listen = format!("127.0.0.1:{port}");
        let address = self.arena.address(self.kind, crate::contenders::Purpose::Reading);
        let mut arguments = [&["serve", "--listen", &listen], &ALLOW[..]].concat();
        if !delivers {
            arguments.push("--no-deliver");
        }
        Ok((self.start(&address, &arguments)?, port))
    }

    async fn visit(&self, (_, port): &(Process, u16)) -> Result<(Shop, Line), String> {
        let shop = Shop::at(*port, self.arena.token(self.kind));
        for _ in 0..1_000 {
            if let Ok(line) = Line::open(*port).await {
                return Ok((shop, line));
            }
            sleep(Duration::from_millis(10)).await;
        }
        Err("custodia does not serve".to_owned())
    }

    fn start(&self, address: &str, arguments: &[&str]) -> Result<Process, String> {
        let log = self.arena.dir.join("webhooks.log");
        let log = File::options().create(true).append(true).open(log).map_err(|e| e.to_string())?;
        let mut command = self.arena.at(address, arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.map_err(|e| e.to_string())?;
        let cpu = Cpu::of(child.id(), None);
        Ok(Process { child, cpu })
    }

    /// Let each webhook want events of its own, or all of them the same.
    async fn subscribe(&self, wide: bool) -> Result<(), String> {
        let scope = if wide { format!("'{CONSENT}'") } else { "'bench/' || hook_id".to_owned() };
        self.tables.run(&format!("UPDATE hook SET scope = {scope}")).await
    }

    /// Put events into the outbox, numbered from here on. Every second one has a customer of its own.
    async fn publish(&self, from: i64, events: i64, wide: bool) -> Result<(), String> {
        let (store, hooks) = (self.store, i64::from(HOOKS));
        let scope =
            if wide { format!("'{CONSENT}'") } else { format!("'bench/' || (i % {hooks} + 1)") };
        let until = from + events;
        self.tables
            .run(&format!(
                "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {until})
                 INSERT INTO outbox (store_id, event_id, scope, subject, data, created_at)
                 SELECT {store}, i, {scope}, i / {hooks} / 2 * {hooks} + i % {hooks}, '{{\"type\":\"customer\",\"id\":' || i || '}}', {}
                 FROM n",
                kernel::Clock::now(&kernel::SystemClock).0
            ))
            .await
    }

    /// How long workers take for what has gathered.
    async fn backlog(
        &mut self,
        letters: i64,
        wide: bool,
        workers: usize,
        far: Option<(u16, u64)>,
    ) -> Result<Row, String> {
        self.subscribe(wide).await?;
        let each = if wide { i64::from(HOOKS) } else { 1 };
        self.turn += 1;
        self.publish(self.turn * APART, letters / each, wide).await?;
        self.tables.tidy_up().await?;
        let letters = (letters / each * each).unsigned_abs();
        let mut address = self.arena.address(self.kind, crate::contenders::Purpose::Reading);
        if let Some((port, _)) = far {
            address = by_way_of(port, &address).ok_or("an address without a server")?;
        }
        let arguments = [&["deliver"], &ALLOW[..]].concat();
        let processes = (0..workers).map(|_| self.start(&address, &arguments));
        let processes = processes.collect::<Result<Vec<_>, _>>()?;
        while self.receiver.letters() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let meter = self.meter(&processes);
        let before = self.receiver.letters();
        self.wait_for(letters).await?;
        let spent = meter.read();
        let measured = letters - before;
        drop(processes);
        let mut row = self.row(spent, measured).await?;
        row.title = match (wide, far) {
            (true, _) => "backlog, each event to 64".to_owned(),
            (false, None) => format!("backlog, {workers} of `custodia deliver`"),
            (false, Some((_, millis))) => {
                format!("backlog, {workers} of `custodia deliver`, {millis} ms from PostgreSQL")
            }
        };
        row.missing = letters.saturating_sub(row.letters);
        Ok(row)
    }

    /// Declarations through the server, which all 64 are told of.
    async fn changes(&mut self, rate: u32, seconds: f64) -> Result<Row, String> {
        self.subscribe(true).await?;
        let server = self.serve()?;
        let shop = self.visit(&server).await?.0;
        let (made, committed) = (RefCell::new(self.declared), RefCell::new(HashMap::new()));
        let (warm, end) = window(seconds);
        let pause = Duration::from_secs_f64(f64::from(HOOKS) / f64::from(rate));
        let begun = Instant::now();
        let writers = (0..WRITERS).map(async |writer| {
            let mut line = Line::open(shop.port).await?;
            let mut at = begun + pause * writer;
            while at < end {
                sleep_until(at.into()).await;
                at += pause * WRITERS;
                let customer = {
                    let mut made = made.borrow_mut();
                    *made += 1;
                    *made
                };
                let path = format!("v3/customers/{customer}/consent");
                let body = r#"{"allow":["essential"],"deny":["targeting"]}"#;
                let status = line.send(&shop.with_body("PUT", &path, body)).await?.status;
                if status != 200 {
                    return Err(format!("{path}: {status}"));
                }
                committed.borrow_mut().insert(customer, Instant::now());
            }
            Ok(())
        });
        let processes = [server.0];
        let writing = try_join_all(writers);
        let row = self.sustained(&processes, warm, end, writing, || {
            committed.borrow().len() as u64 * u64::from(HOOKS)
        });
        let row = row.await?;
        self.declared = made.into_inner();
        drop(processes);
        self.judge(
            row,
            &committed.into_inner(),
            (rate, warm, end),
            "changes through the server, each to 64",
        )
        .await
    }

    /// Events straight into the outbox, where the changes themselves would take more than the machine has.
    async fn outbox(&mut self, rate: u32, seconds: f64) -> Result<Row, String> {
        self.subscribe(false).await?;
        let address = self.arena.address(self.kind, crate::contenders::Purpose::Reading);
        let arguments = [&["deliver"], &ALLOW[..]].concat();
        let processes = [self.start(&address, &arguments)?];
        sleep(Duration::from_millis(300)).await;
        self.turn += 1;
        let first = self.turn * APART;
        let committed = RefCell::new(HashMap::new());
        let (warm, end) = window(seconds);
        let begun = Instant::now();
        let writing = async {
            let (mut at, mut next) = (begun, first);
            while at < end {
                at += TOGETHER;
                sleep_until(at.into()).await;
                let due = begun.elapsed().as_secs_f64() * f64::from(rate);
                #[expect(clippy::cast_possible_truncation, reason = "a count")]
                let events = first + due as i64 - next;
                if events == 0 {
                    continue;
                }
                self.publish(next, events, false).await?;
                let now = Instant::now();
                committed.borrow_mut().extend((next..next + events).map(|number| (number, now)));
                next += events;
            }
            Ok(())
        };
        let row =
            self.sustained(&processes, warm, end, writing, || committed.borrow().len() as u64);
        let row = row.await?;
        drop(processes);
        self.judge(
            row,
            &committed.into_inner(),
            (rate, warm, end),
            "events into the outbox, each to one",
        )
        .await
    }

    /// Measure while somebody writes, and until the last letter has come.
    async fn sustained<T>(
        &self,
        processes: &[Process],
        warm: Instant,
        end: Instant,
        writing: impl Future<Output = Result<T, String>>,
        committed: impl Fn() -> u64,
    ) -> Result<Sustained, String> {
        let measuring = async {
            sleep_until(warm.into()).await;
            let meter = self.meter(processes);
            let before = self.receiver.letters();
            sleep_until(end.into()).await;
            (meter.read(), self.receiver.letters() - before)
        };
        let (written, (spent, measured)) = futures_util::future::join(writing, measuring).await;
        written?;
        let all = committed();
        let waited = all.saturating_sub(self.receiver.letters());
        let since = Instant::now();
        self.wait_for(all).await?;
        Ok(Sustained { spent, measured, waited, rest: since.elapsed().as_secs_f64() })
    }

    /// `PUT` consent by 64 connections: where its event is thrown away, where it waits, and where a worker in the same process
    /// takes it to one webhook. In turn, round by round.
    async fn publishing(&mut self, options: &Options) -> Result<Vec<String>, String> {
        let (throw, keep) = match self.kind {
            Kind::Postgres => (
                "CREATE RULE thrown AS ON INSERT TO outbox DO INSTEAD NOTHING",
                "DROP RULE thrown ON outbox",
            ),
            _ => (
                "CREATE TRIGGER thrown BEFORE INSERT ON outbox BEGIN SELECT RAISE(IGNORE); END",
                "DROP TRIGGER thrown",
            ),
        };
        let wanted = format!(
            "UPDATE hook SET scope = CASE WHEN hook_id = 1 THEN '{CONSENT}' ELSE 'none' END"
        );
        self.tables.run(&wanted).await?;
        let mut figures: [Vec<Figures>; 3] = Default::default();
        for round in 0..options.rounds {
            for turn in 0..3 {
                let side = (round + turn) % 3;
                let (is_thrown, delivers) = (side == 0, side == 2);
                if is_thrown {
                    self.tables.run(throw).await?;
                }
                let server = self.serve_as(delivers)?;
                self.visit(&server).await?;
                figures[side].push(self.put(&server, options.seconds.min(3.0), round).await?);
                drop(server);
                if is_thrown {
                    self.tables.run(keep).await?;
                }
                for table in ["outbox", "delivery", "delivery_lane"] {
                    self.tables.run(&format!("DELETE FROM {table}")).await?;
                }
                self.tables.tidy_up().await?;
                self.receiver.take();
            }
        }
        let median = |side: &[Figures], of: fn(&Figures) -> f64| {
            Spread::of(&side.iter().map(of).collect::<Vec<_>>()).map_or(f64::NAN, |it| it.median)
        };
        let [thrown, ..] = &figures;
        let lines = figures.iter().zip(SIDES).map(|(side, title)| {
            let cost = |of: fn(&Figures) -> f64| {
                let each = side.iter().zip(thrown).map(|(it, thrown)| of(it) / of(thrown));
                Spread::of(&each.collect::<Vec<_>>()).map_or(String::new(), |it| {
                    format!("{:.2} ({:.2}..{:.2})", it.median, it.least, it.most)
                })
            };
            let cpu = |it: &Figures| it.cpu + it.database_cpu;
            format!(
                "| {} | {title} | {:.0} | {} | {:.0} | {} | {:.0} | {:.0} | {:.0} % at most |",
                self.kind.title(),
                median(side, |it| it.per_second),
                cost(|it| 1.0 / it.per_second),
                median(side, cpu),
                cost(cpu),
                median(side, |it| it.p50),
                median(side, |it| it.p99),
                side.iter().map(|it| it.others * 100.0).fold(0.0, f64::max)
            )
        });
        Ok(lines.collect())
    }

    /// The load of the other benchmarks has a thread of its own.
    async fn put(
        &self,
        (process, port): &(Process, u16),
        seconds: f64,
        round: usize,
    ) -> Result<Figures, String> {
        let load = Load {
            port: *port,
            ask: Ask::PutConsent,
            customers: CUSTOMERS,
            connections: 64,
            warm_up: Duration::from_millis(500),
            measured: Duration::from_secs_f64(seconds),
            seed: round as u64,
            examiner: Arc::new(Examiner::new(self.arena.token(self.kind), None)),
        };
        let postmaster = self.arena.postgres.as_ref().and_then(|(_, pid)| *pid);
        let cpu = Cpu::of(process.child.id(), postmaster.filter(|_| self.kind == Kind::Postgres));
        let put = thread::spawn(move || load::run(load, &cpu));
        while !put.is_finished() {
            sleep(Duration::from_millis(20)).await;
        }
        put.join().map_err(|_| "the load panicked".to_owned())?
    }

    async fn judge(
        &self,
        sustained: Sustained,
        committed: &HashMap<i64, Instant>,
        (rate, warm, end): (u32, Instant, Instant),
        title: &str,
    ) -> Result<Row, String> {
        let Sustained { spent, measured, waited, rest } = sustained;
        let (arrivals, connections) = self.settled().await?;
        let mut row = self.judged(spent, measured, &arrivals, connections);
        let took = arrivals.iter().filter_map(|it| {
            let at = *committed.get(&it.number)?;
            (warm..end).contains(&at).then(|| it.at.saturating_duration_since(at))
        });
        row.latencies = took.collect();
        title.clone_into(&mut row.title);
        (row.asked, row.waited, row.rest) = (Some(rate), waited, rest);
        let expected = arrivals.iter().filter(|it| committed.contains_key(&it.number)).count();
        row.missing = (expected == 0).into();
        Ok(row)
    }

    async fn wait_for(&self, letters: u64) -> Result<(), String> {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let now = self.receiver.letters();
            if now >= letters {
                return Ok(());
            }
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                return Err(format!("{now} of {letters} letters came, and then none"));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn meter<'p>(&self, processes: &'p [Process]) -> Meter<'p> {
        let postmaster = self.arena.postgres.as_ref().and_then(|(_, pid)| *pid);
        let database = Cpu::of(0, postmaster.filter(|_| self.kind == Kind::Postgres));
        let mut meter =
            Meter { processes, database, since: Instant::now(), before: Spent::default() };
        meter.before = meter.now();
        meter
    }

    /// All that came, once nobody delivers any more and nothing is left to be.
    async fn settled(&self) -> Result<(Vec<Arrival>, u64), String> {
        for table in ["outbox", "delivery", "delivery_lane"] {
            let left = self.tables.number(&format!("SELECT COUNT(*) FROM {table}")).await?;
            if left > 0 {
                return Err(format!("{left} rows of {table} are left"));
            }
        }
        Ok(self.receiver.take())
    }

    async fn row(&self, spent: Spent, measured: u64) -> Result<Row, String> {
        let (arrivals, connections) = self.settled().await?;
        Ok(self.judged(spent, measured, &arrivals, connections))
    }

    fn judged(&self, spent: Spent, measured: u64, arrivals: &[Arrival], connections: u64) -> Row {
        let letters = f64::from(u32::try_from(measured).unwrap_or(u32::MAX));
        let mut seen = HashSet::new();
        let twice = arrivals.iter().filter(|it| !seen.insert((it.name, it.hook))).count() as u64;
        // In a customer's own order: of two numbers of one, the lower comes first.
        let mut last: HashMap<(u32, i64), i64> = HashMap::new();
        let hooks = i64::from(HOOKS);
        let behind = arrivals.iter().filter(|it| {
            let subject = it.number / hooks / 2 * hooks + it.number % hooks;
            let before = last.insert((it.hook, subject), it.number);
            before.is_some_and(|before| before > it.number)
        });
        let out_of_order = behind.count() as u64;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let whole = spent.seconds * 1e6 * f64::from(u32::try_from(cores).unwrap_or(1));
        let others = (spent.machine - spent.workers - spent.database - spent.own) / whole;
        Row {
            title: String::new(),
            kind: self.kind,
            asked: None,
            per_second: letters / spent.seconds,
            latencies: Vec::new(),
            waited: 0,
            rest: 0.0,
            cpu: spent.workers / letters,
            database_cpu: spent.database / letters,
            own_cpu: spent.own / letters,
            others: others.clamp(0.0, 1.0),
            connections,
            letters: arrivals.len() as u64,
            twice,
            missing: 0,
            out_of_order,
        }
    }
}

/// What was seen while somebody wrote.
struct Sustained {
    spent: Spent,
    measured: u64,
    waited: u64,
    rest: f64,
}

/// Reads processor time.
struct Meter<'p> {
    processes: &'p [Process],
    database: Cpu,
    since: Instant,
    before: Spent,
}

/// Processor time in microseconds, and in how many seconds.
#[derive(Clone, Copy, Default)]
struct Spent {
    seconds: f64,
    workers: f64,
    database: f64,
    own: f64,
    machine: f64,
}

impl Meter<'_> {
    fn now(&self) -> Spent {
        let Used { database, machine, .. } = self.database.read();
        Spent {
            seconds: self.since.elapsed().as_secs_f64(),
            workers: self.processes.iter().map(|it| it.cpu.read().server).sum(),
            database,
            own: Cpu::own().read().server,
            machine,
        }
    }

    fn read(&self) -> Spent {
        let (now, before) = (self.now(), self.before);
        Spent {
            seconds: now.seconds - before.seconds,
            workers: now.workers - before.workers,
            database: now.database - before.database,
            own: now.own - before.own,
            machine: now.machine - before.machine,
        }
    }
}

impl Row {
    fn line(&self) -> String {
        let millis = |share| {
            if self.latencies.is_empty() {
                return String::new();
            }
            format!("{:.1}", micros(self.latencies.clone(), share) / 1e3)
        };
        let asked = self.asked.map_or(String::new(), |asked| asked.to_string());
        let waited = match self.asked {
            Some(_) => format!("{}, for {:.2} s", self.waited, self.rest),
            None => String::new(),
        };
        let database = match self.kind {
            Kind::Postgres => format!(" + {:.0} of PostgreSQL's", self.database_cpu),
            _ => String::new(),
        };
        let count = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        format!(
            "| {} | {} | {asked} | {:.0} | {} | {} | {waited} | {:.0}{database} | {:.0} | {:.1} | {:.0} % | {} | {} | {} |",
            self.kind.title(),
            self.title,
            self.per_second,
            millis(0.5),
            millis(0.99),
            self.cpu,
            self.own_cpu,
            count(self.letters) / count(self.connections),
            self.others * 100.0,
            self.twice,
            self.missing,
            self.out_of_order
        )
    }

    /// Each arrives, once, in its customer's order.
    fn fault(&self) -> Option<String> {
        (self.twice + self.missing + self.out_of_order > 0).then(|| self.line())
    }
}

/// When measuring begins and ends.
fn window(seconds: f64) -> (Instant, Instant) {
    let warm = Instant::now() + WARM_UP;
    (warm, warm + Duration::from_secs_f64(seconds))
}

const CONSENT: &str = "custodia/customer/consent/updated";

/// Who makes changes.
const WRITERS: u32 = 32;

/// How far apart the numbers of two backlogs are: more than there are events in one, and whole rounds of the webhooks.
const APART: i64 = 1_280_000_000;

/// How many milliseconds of events are put into the outbox in one transaction.
const TOGETHER: Duration = Duration::from_millis(20);

const WARM_UP: Duration = Duration::from_secs(2);

/// How long nothing may come while something is to.
const PATIENCE: Duration = Duration::from_secs(30);
