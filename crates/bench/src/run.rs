//! One run: databases, starts, idle memory, rounds, document.

use std::{fs, path::PathBuf, sync::Arc, thread, time::Duration};

use tokio::runtime::Runtime;

use crate::{
    contenders::{Arena, Kind, Purpose, Server},
    disk::Disk,
    load::{self, Load},
    machine, plot,
    postgres::Postgres,
    probe, process, report,
    results::{Body, Cell, Results},
    sections, size,
    work::{self, Examiner, Work},
};

/// What to measure and for how long. What is not said depends on `--quick`.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Minutes instead of half an hour, on few customers; prints instead of writing the document.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Customers in every database.
    #[arg(long, env = "CUSTODIA_BENCH_CUSTOMERS")]
    customers: Option<i64>,
    /// How often each contender gets each kind of work.
    #[arg(long, env = "CUSTODIA_BENCH_ROUNDS")]
    rounds: Option<usize>,
    /// Seconds measured each time.
    #[arg(long, env = "CUSTODIA_BENCH_SECONDS")]
    seconds: Option<f64>,
    /// Seconds of the same work before.
    #[arg(long, env = "CUSTODIA_BENCH_WARM_UP")]
    warm_up: Option<f64>,
    /// Connections, kept alive.
    #[arg(long, env = "CUSTODIA_BENCH_CONNECTIONS", default_value_t = 64)]
    pub(crate) connections: usize,
    /// How often each contender is started to time its first answer.
    #[arg(long, env = "CUSTODIA_BENCH_STARTS")]
    starts: Option<usize>,
    /// Customers of the stores whose sizes are compared, the smallest first.
    #[arg(long, value_delimiter = ',')]
    stores: Option<Vec<i64>>,
    /// Contenders; all of them when not said.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Kinds of work, by key; all of them when not said.
    #[arg(long, value_delimiter = ',')]
    work: Vec<String>,
    /// The binary to be measured.
    #[arg(long, default_value = "target/release/custodia")]
    custodia: PathBuf,
    /// The library that makes syncs slow, compiled.
    #[arg(long)]
    pub(crate) shim: Option<PathBuf>,
    /// A `PostgreSQL` server on which databases can be made.
    #[arg(long, env = "CUSTODIA_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    /// Whether that server runs under the same library.
    #[arg(long)]
    pub(crate) postgres_is_slow: bool,
    /// Where the `SQLite` databases go, in a directory of their own.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Where the document goes.
    #[arg(long, default_value = "docs/benchmarks.md")]
    out: PathBuf,
    /// How all this was started, for the document.
    #[arg(long, env = "CUSTODIA_BENCH_COMMAND", default_value = "bench run", hide = true)]
    pub(crate) command: String,
}

/// The options, with everything said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) customers: i64,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) warm_up: f64,
    pub(crate) starts: usize,
    pub(crate) connections: usize,
}

impl Options {
    fn measure(&self) -> Measure {
        let of = |quick: f64, full: f64| if self.quick { quick } else { full };
        Measure {
            customers: self
                .customers
                .unwrap_or(if self.quick { 50_000 } else { 1_000_000 })
                .max(1_000),
            rounds: self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1),
            seconds: self.seconds.unwrap_or(of(1.0, 3.0)),
            warm_up: self.warm_up.unwrap_or(of(0.2, 0.5)),
            starts: self.starts.unwrap_or(if self.quick { 5 } else { 20 }).max(1),
            connections: self.connections,
        }
    }

    fn kinds(&self) -> Vec<Kind> {
        use clap::ValueEnum as _;
        let mut kinds =
            if self.only.is_empty() { Kind::value_variants().to_vec() } else { self.only.clone() };
        kinds.retain(|kind| !kind.is_on_postgres() || self.postgres.is_some());
        kinds
    }

    fn stores(&self) -> Vec<i64> {
        let usual = if self.quick { &[1_000, 100_000][..] } else { &size::STORES };
        self.stores.clone().unwrap_or_else(|| usual.to_vec())
    }

    /// Where the document's plot goes: beside it.
    pub(crate) fn plot(&self) -> PathBuf {
        self.out.with_extension("svg")
    }

    fn works(&self) -> Vec<Work> {
        let wanted =
            |work: &Work| self.work.is_empty() || self.work.iter().any(|key| key == work.key);
        work::ALL.iter().copied().filter(wanted).collect()
    }
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let (dir, custodia) = (options.dir.join("databases"), options.custodia.clone());
    let mut arena = Arena::new(dir, custodia, Disk::new(options.shim.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    let written = measured(&mut arena, options, &runtime);
    let cleared = runtime.block_on(arena.clear());
    let (document, plot) = written?;
    cleared?;
    if options.quick {
        print!("{document}");
        return Ok(());
    }
    let write = || {
        fs::create_dir_all(options.out.parent().unwrap_or(&options.out))?;
        let before = fs::read_to_string(&options.out).unwrap_or_default();
        fs::write(options.plot(), plot)?;
        fs::write(&options.out, document + &sections::of_others(&before))
    };
    write().map_err(|e| format!("{}: {e}", options.out.display()))?;
    say(&format!("written to {}", options.out.display()));
    Ok(())
}

/// The document, and its plot.
fn measured(
    arena: &mut Arena,
    options: &Options,
    runtime: &Runtime,
) -> Result<(String, String), String> {
    let (measure, kinds, works) = (options.measure(), options.kinds(), options.works());
    say(&format!("filling the databases with {} customers", measure.customers));
    arena.make_sqlite(measure.customers, &kinds)?;
    let mut version = None;
    let asked = kinds.iter().any(|kind| kind.is_on_postgres());
    if let Some(address) = options.postgres.as_ref().filter(|_| asked) {
        let postgres = Postgres::parse(address)?;
        version = Some(runtime.block_on(postgres.version())?);
        runtime.block_on(arena.make_postgres(postgres, measure.customers, &kinds))?;
    }
    let mut results = Results::default();
    starts(arena, &kinds, &measure, &mut results)?;
    rounds(arena, &measure, (&kinds, &works), &mut results, runtime)?;
    if kinds.contains(&Kind::Sqlite) && options.work.is_empty() {
        say("comparing stores of several sizes");
        results.sizes = size::measure(&size::Plan {
            dir: &options.dir,
            custodia: &options.custodia,
            stores: &options.stores(),
            rounds: measure.rounds,
            seconds: measure.seconds,
            connections: measure.connections,
        })?;
    }
    let machine = machine::describe(&arena.dir, version.as_deref());
    let document = report::document(&results, &measure, options, &kinds, &machine);
    Ok((document, plot::svg(&results, &kinds)))
}

/// Start each again and again; leave the last one alone for a while and see what it holds on to.
fn starts(
    arena: &Arena,
    kinds: &[Kind],
    measure: &Measure,
    results: &mut Results,
) -> Result<(), String> {
    say("starting each contender");
    for &kind in kinds {
        let starts = (0..measure.starts).map(|_| {
            let server = arena.start(kind, Purpose::Reading)?;
            Ok(server.first_answer.as_secs_f64() * 1_000.0)
        });
        let starts = starts.collect::<Result<_, String>>()?;
        results.bodies.push(Body { kind, starts, idle: 0.0, after: 0.0 });
    }
    let servers = kinds.iter().map(|&kind| arena.start(kind, Purpose::Reading));
    let servers = servers.collect::<Result<Vec<_>, String>>()?;
    thread::sleep(Duration::from_secs(5));
    for (body, server) in results.bodies.iter_mut().zip(&servers) {
        body.idle = process::memory(server.pid())?;
    }
    Ok(())
}

/// All servers stay up; only one at a time has work, and the others stand still.
fn rounds(
    arena: &Arena,
    measure: &Measure,
    (kinds, works): (&[Kind], &[Work]),
    results: &mut Results,
    runtime: &Runtime,
) -> Result<(), String> {
    let start = |purpose, kinds: &[Kind]| {
        let started = kinds.iter().map(|&kind| Ok((kind, arena.start(kind, purpose)?)));
        started.collect::<Result<Vec<_>, String>>()
    };
    let writers: Vec<Kind> = kinds.iter().copied().filter(|kind| kind.writes()).collect();
    let reading = start(Purpose::Reading, kinds)?;
    let writing = if works.iter().any(Work::writes) {
        start(Purpose::Writing, &writers)?
    } else {
        Vec::new()
    };
    for (kind, server) in &reading {
        probe::examine(arena, *kind, server)?;
    }
    for (_, server) in reading.iter().chain(&writing) {
        server.freeze();
    }
    for round in 0..measure.rounds {
        for work in works {
            let servers = if work.writes() { &writing } else { &reading };
            for turn in 0..servers.len() {
                let (kind, server) = &servers[(turn + round) % servers.len()];
                if !work.suits(*kind) {
                    continue;
                }
                let figures = once(arena, measure, work, *kind, server, round)
                    .map_err(|why| format!("{}, {}: {why}", kind.title(), work.title))?;
                say(&format!(
                    "round {}: {:40} {:20} {:9.0}/s  {:6.1} us CPU (own {:.1})  p50 {:6.0} us  p99 {:6.0} us",
                    round + 1,
                    work.title,
                    kind.title(),
                    figures.per_second,
                    figures.cpu,
                    figures.own_cpu,
                    figures.p50,
                    figures.p99
                ));
                results.cells.push(Cell { round, work: work.key, kind: *kind, figures });
            }
        }
    }
    for (kind, server) in &reading {
        let body = results
            .bodies
            .iter_mut()
            .find(|body| body.kind == *kind)
            .ok_or("a contender that was not started")?;
        body.after = process::memory(server.pid())?;
    }
    for (kind, server) in writing {
        drop(server);
        runtime.block_on(all_kept(arena, measure, kind, results))?;
    }
    Ok(())
}

/// See to it that the database to write has all that was acknowledged, and no more.
pub(crate) async fn all_kept(
    arena: &Arena,
    measure: &Measure,
    kind: Kind,
    results: &Results,
) -> Result<(), String> {
    let cells = results.cells.iter().filter(|cell| cell.kind == kind);
    let written = || cells.clone().map(|cell| cell.figures.written);
    let declarations = written().map(|it| it.declarations).sum::<i64>();
    let customers = written().map(|it| it.customers).sum::<i64>();
    for (things, table, acknowledged) in [
        ("declarations", "consent_declaration", declarations),
        ("customers", "customer", customers),
    ] {
        let expected = measure.customers + acknowledged;
        let found = arena.count(kind, table).await?;
        if found != expected {
            let title = kind.title();
            return Err(format!("{title} holds {found} {things}, {expected} were acknowledged"));
        }
    }
    Ok(())
}

/// Give a server one kind of work for a while. It is thawed for that, and frozen again.
pub(crate) fn once(
    arena: &Arena,
    measure: &Measure,
    work: &Work,
    kind: Kind,
    server: &Server,
    round: usize,
) -> Result<load::Figures, String> {
    let load = Load {
        port: server.port,
        ask: work.ask,
        customers: work.customers(measure.customers),
        connections: if work.alone { 1 } else { measure.connections },
        warm_up: Duration::from_secs_f64(measure.warm_up),
        measured: Duration::from_secs_f64(measure.seconds),
        seed: round as u64,
        examiner: Arc::new(Examiner::new(arena.token(kind), kind.always())),
    };
    arena.disk.slow_down(work.sync_us)?;
    server.thaw();
    let figures = load::run(load, &server.cpu);
    server.freeze();
    figures
}

fn say(what: &str) {
    eprintln!("{what}");
}
