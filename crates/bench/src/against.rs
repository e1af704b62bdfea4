//! Two binaries beside each other: what one costs as a multiple of the other, round by round.

use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::{
    contenders::{Arena, Kind, Purpose, Server},
    disk::Disk,
    load::Figures,
    postgres::Postgres,
    results::{Cell, Results, Spread},
    run::{Measure, all_kept, once},
    shop::runtime,
    work::{self, Work},
};

/// Which two, and for how long.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// The older binary.
    before: PathBuf,
    /// The newer one.
    #[arg(long, default_value = "target/release/custodia")]
    custodia: PathBuf,
    /// Customers in every database, each with one declaration.
    #[arg(long, default_value_t = 50_000)]
    customers: i64,
    /// How often each binary gets each kind of work.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds measured each time.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds of the same work before.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Connections, kept alive.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Kinds of work, by key.
    #[arg(long, value_delimiter = ',', default_values = ["consent-hot", "consent-uniform", "put-many"])]
    work: Vec<String>,
    /// The library that makes syncs slow, compiled.
    #[arg(long)]
    shim: Option<PathBuf>,
    /// A `PostgreSQL` server on which databases can be made.
    #[arg(long, env = "CUSTODIA_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    /// Whether that server runs under the same library.
    #[arg(long)]
    postgres_is_slow: bool,
    /// Where the `SQLite` databases go, in directories of their own.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// How much more than before an answer may cost: a read nothing that could be told from chance, a write what the
/// ledger may.
const MOST: [(bool, f64); 2] = [(false, 1.05), (true, 1.3)];

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let runtime = runtime()?;
    let arena = |name: &str, binary: &PathBuf| {
        let disk = Disk::new(options.shim.clone());
        Arena::new(options.dir.join(name), binary.clone(), disk)
    };
    let mut sides = [arena("before", &options.before), arena("after", &options.custodia)];
    let measured = measure(&mut sides, options, &runtime);
    for arena in &sides {
        runtime.block_on(arena.clear())?;
    }
    measured
}

fn measure(sides: &mut [Arena; 2], options: &Options, runtime: &Runtime) -> Result<(), String> {
    let measure = Measure {
        customers: options.customers,
        rounds: options.rounds,
        seconds: options.seconds,
        warm_up: options.warm_up,
        starts: 0,
        connections: options.connections,
    };
    let wanted = |work: &Work| options.work.iter().any(|key| key == work.key);
    let works: Vec<Work> = work::ALL.iter().copied().filter(wanted).collect();
    let mut kinds = vec![Kind::Sqlite];
    for arena in &mut *sides {
        arena.make_sqlite(options.customers, &[Kind::Sqlite])?;
    }
    if let Some(address) = &options.postgres {
        for arena in &mut *sides {
            runtime.block_on(arena.make_postgres(
                Postgres::parse(address)?,
                options.customers,
                &[Kind::Postgres],
            ))?;
        }
        kinds.push(Kind::Postgres);
    }
    let results = rounds(sides, &measure, &kinds, &works)?;
    for (arena, results) in sides.iter().zip(&results) {
        for kind in &kinds {
            runtime.block_on(all_kept(arena, &measure, *kind, results))?;
        }
    }
    tell(options, &kinds, &works, &results)
}

/// All servers stay up; only one has work, and the others stand still. The binaries take turns at being first.
fn rounds(
    sides: &[Arena; 2],
    measure: &Measure,
    kinds: &[Kind],
    works: &[Work],
) -> Result<[Results; 2], String> {
    let mut servers: Vec<(usize, Kind, Purpose, Server)> = Vec::new();
    for (side, arena) in sides.iter().enumerate() {
        for kind in kinds {
            for purpose in [Purpose::Reading, Purpose::Writing] {
                let server = arena.start(*kind, purpose)?;
                server.freeze();
                servers.push((side, *kind, purpose, server));
            }
        }
    }
    let mut results = [Results::default(), Results::default()];
    for round in 0..measure.rounds {
        for work in works {
            let purpose = if work.writes() { Purpose::Writing } else { Purpose::Reading };
            for kind in kinds {
                for turn in 0..2 {
                    let side = (turn + round) % 2;
                    let is_it = |(of, its, to, _): &&(usize, Kind, Purpose, Server)| {
                        (*of, *its, *to) == (side, *kind, purpose)
                    };
                    let server =
                        servers.iter().find(is_it).ok_or("a server that was not started")?;
                    let figures = once(&sides[side], measure, work, *kind, &server.3, round)
                        .map_err(|why| format!("{}, {}: {why}", kind.title(), work.title))?;
                    eprintln!(
                        "round {}: {:24} {:20} {} {:8.0}/s, others {:.0} %",
                        round + 1,
                        work.title,
                        kind.title(),
                        ["before", "after "][side],
                        figures.per_second,
                        figures.others * 100.0
                    );
                    results[side].cells.push(Cell { round, work: work.key, kind: *kind, figures });
                }
            }
        }
    }
    Ok(results)
}

fn tell(
    options: &Options,
    kinds: &[Kind],
    works: &[Work],
    [before, after]: &[Results; 2],
) -> Result<(), String> {
    let Options { connections, rounds, seconds, .. } = options;
    let slow =
        if options.postgres_is_slow { "" } else { "; PostgreSQL's syncs are as they were found" };
    println!(
        "{connections} connections, {rounds} rounds of {seconds} s, {} customers{slow}.\n\n\
         | | | before, requests/s | after | costs, of before | CPU, of before | CPU us before | after | p99 us before | after | others took |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        options.customers
    );
    let mut faults = Vec::new();
    for work in works {
        for kind in kinds {
            let at = (work.key, *kind);
            let median = |of: &Results, figure: fn(&Figures) -> f64| {
                of.spread(at, figure).map_or(f64::NAN, |spread| spread.median)
            };
            let cpu: fn(&Figures) -> f64 = |it| it.cpu + it.database_cpu;
            let nothing = || format!("{}: nothing measured", work.title);
            let cost = before.ratio_to(at, after, |it| it.per_second).ok_or_else(nothing)?;
            let work_done = after.ratio_to(at, before, cpu).ok_or_else(nothing)?;
            let others = |of: &Results| of.spread(at, |it| it.others).map_or(0.0, |it| it.most);
            println!(
                "| {} | {} | {:.0} | {:.0} | {} | {} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} % at most |",
                work.title,
                kind.title(),
                median(before, |it| it.per_second),
                median(after, |it| it.per_second),
                shown(cost),
                shown(work_done),
                median(before, cpu),
                median(after, cpu),
                median(before, |it| it.p99),
                median(after, |it| it.p99),
                others(before).max(others(after)) * 100.0
            );
            let most =
                MOST.iter().find(|(writes, _)| *writes == work.writes()).map(|(_, most)| *most);
            if most.is_some_and(|most| cost.median > most) {
                let title = work.title;
                faults.push(format!("{title}, {}: {:.2} times before", kind.title(), cost.median));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn shown(Spread { median, least, most }: Spread) -> String {
    format!("{median:.2} ({least:.2}..{most:.2})")
}
