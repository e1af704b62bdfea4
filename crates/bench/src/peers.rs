//! Custodia beside other people's servers: what the same consent costs each of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::runtime::Runtime;

use crate::{
    contenders::{Arena, Kind, Purpose, Server},
    data::STORE,
    disk::Disk,
    load::{Figures, Pace},
    machine,
    peer::{self, CUSTOMERS, Peer, Place, Running},
    postgres::Postgres,
    process::{self, Cpu},
    questions::Questions,
    results::Spread,
    sections,
    shop::runtime,
};

/// Whom to ask, and for how long.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// How often each is asked.
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
    /// Whom to ask beside custodia; all of them when not said.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Peer>,
    /// The binary to be measured.
    #[arg(long, default_value = "target/release/custodia")]
    custodia: PathBuf,
    /// Where the peers are installed.
    #[arg(long, default_value = "target/bench/peers")]
    installed: PathBuf,
    /// The published documents, for Prism.
    #[arg(long, env = "CUSTODIA_PUBLISHED", default_value = "../shared/contract/openapi")]
    published: PathBuf,
    /// A `PostgreSQL` server on which databases can be made, for Medusa.
    #[arg(long, env = "CUSTODIA_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    /// Where the databases go, in a directory of their own.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// The document whose section becomes what was measured; it is printed in any case.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// How the section begins that a document has of this.
pub(crate) const TITLE: &str = "\n## Peers\n";

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let runtime = runtime()?;
    let mut arena =
        Arena::new(options.dir.join("beside"), options.custodia.clone(), Disk::default());
    arena.make_sqlite(CUSTOMERS, &[Kind::Sqlite])?;
    let postgres = options.postgres.as_deref().map(Postgres::parse).transpose()?;
    let place = Place {
        installed: &options.installed,
        published: &options.published,
        postgres: postgres.as_ref(),
        arena: &arena,
    };
    let measured = measure(&place, options, &runtime);
    runtime.block_on(place.clear())?;
    runtime.block_on(arena.clear())?;
    let section = measured?;
    print!("{section}");
    if let Some(out) = &options.out {
        let document = fs::read_to_string(out).unwrap_or_default();
        fs::write(out, sections::with(&document, TITLE, &section))
            .map_err(|e| format!("{}: {e}", out.display()))?;
    }
    Ok(())
}

/// One who is asked: custodia, or a peer.
struct Asked {
    peer: Option<Peer>,
    server: Process,
    questions: Questions,
    /// Of each round.
    figures: Vec<Figures>,
    memory: f64,
}

enum Process {
    Custodia(Server),
    Peer(Running),
}

impl Process {
    fn freeze(&self) {
        match self {
            Self::Custodia(server) => server.freeze(),
            Self::Peer(running) => running.freeze(),
        }
    }

    fn thaw(&self) {
        match self {
            Self::Custodia(server) => server.thaw(),
            Self::Peer(running) => running.thaw(),
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Custodia(server) => server.port,
            Self::Peer(running) => running.port,
        }
    }

    fn cpu(&self) -> &Cpu {
        match self {
            Self::Custodia(server) => &server.cpu,
            Self::Peer(running) => &running.cpu,
        }
    }

    fn memory(&self) -> f64 {
        match self {
            Self::Custodia(server) => process::memory(server.pid()).unwrap_or(f64::NAN),
            Self::Peer(running) => running.memory(),
        }
    }
}

impl Asked {
    fn title(&self) -> &'static str {
        self.peer.map_or(Kind::Sqlite.title(), Peer::title)
    }
}

/// The section.
fn measure(place: &Place, options: &Options, runtime: &Runtime) -> Result<String, String> {
    let mut asked = vec![custodia(place.arena, runtime)?];
    let mut left_out = Vec::new();
    for peer in <Peer as clap::ValueEnum>::value_variants() {
        if !options.only.is_empty() && !options.only.contains(peer) {
            continue;
        }
        eprintln!("starting {}", peer.title());
        match runtime.block_on(place.start(*peer)) {
            Ok(running) => asked.push(runtime.block_on(learnt(*peer, running))?),
            Err(why) => {
                eprintln!("{} is left out: {why}", peer.title());
                left_out.push((*peer, why));
            }
        }
    }
    rounds(&mut asked, options)?;
    Ok(section(&asked, &left_out, options, &place.arena.dir))
}

fn custodia(arena: &Arena, runtime: &Runtime) -> Result<Asked, String> {
    let server = arena.start(Kind::Sqlite, Purpose::Reading)?;
    let token = arena.token(Kind::Sqlite);
    let request = |id| {
        let path = format!("/stores/{STORE}/v3/customers/{id}/consent");
        format!(
            "GET {path} HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\nx-auth-token: {token}\r\n\r\n"
        )
    };
    let all = (1..=CUSTOMERS).map(|id| (id, request(id)));
    let is_right = |id, said: &serde_json::Value| *said == peer::consent(id);
    let questions = runtime.block_on(Questions::learn(server.port, all, is_right))?;
    server.freeze();
    let server = Process::Custodia(server);
    Ok(Asked { peer: None, server, questions, figures: Vec::new(), memory: f64::NAN })
}

async fn learnt(peer: Peer, running: Running) -> Result<Asked, String> {
    let all = (1..=CUSTOMERS).map(|id| (id, peer.request(id, &running.token)));
    let is_right = |id, said: &serde_json::Value| peer.shows(&peer::consent(id), said);
    let questions = Questions::learn(running.port, all, is_right).await;
    let questions = questions.map_err(|why| format!("{}: {why}", peer.title()))?;
    running.freeze();
    let server = Process::Peer(running);
    Ok(Asked { peer: Some(peer), server, questions, figures: Vec::new(), memory: f64::NAN })
}

/// All of them stay up; only one at a time has work, and the others stand still.
fn rounds(asked: &mut [Asked], options: &Options) -> Result<(), String> {
    let pace = Pace {
        connections: options.connections,
        warm_up: Duration::from_secs_f64(options.warm_up),
        measured: Duration::from_secs_f64(options.seconds),
    };
    let number = asked.len();
    for round in 0..options.rounds.max(1) {
        for turn in 0..number {
            let it = &mut asked[(turn + round) % number];
            it.server.thaw();
            let figures = it.questions.ask(it.server.port(), pace, round as u64, it.server.cpu());
            it.memory = it.server.memory();
            it.server.freeze();
            let figures = figures.map_err(|why| format!("{}: {why}", it.title()))?;
            eprintln!(
                "round {}: {:24} {:9.0}/s  {:7.1} us CPU + {:.1}  p50 {:7.0} us  p99 {:7.0} us",
                round + 1,
                it.title(),
                figures.per_second,
                figures.cpu,
                figures.database_cpu,
                figures.p50,
                figures.p99
            );
            it.figures.push(figures);
        }
    }
    Ok(())
}

/// Processor time of one round, the database's too, in microseconds a request.
fn cpu(figures: &Figures) -> f64 {
    figures.cpu + figures.database_cpu
}

/// How many times custodia's processor time a peer takes, round by round.
fn times(it: &Asked, custodia: &Asked) -> Option<Spread> {
    let pairs = it.figures.iter().zip(&custodia.figures);
    Spread::of(&pairs.map(|(it, custodia)| cpu(it) / cpu(custodia)).collect::<Vec<_>>())
}

/// Whether a peer takes as many times custodia's processor time as is to be reached.
fn reaches(it: &Asked, custodia: &Asked) -> Option<bool> {
    Some(times(it, custodia)?.median >= it.peer?.times())
}

fn median(it: &Asked, figure: impl Fn(&Figures) -> f64) -> f64 {
    let all: Vec<f64> = it.figures.iter().map(figure).collect();
    Spread::of(&all).map_or(f64::NAN, |spread| spread.median)
}

fn section(asked: &[Asked], left_out: &[(Peer, String)], options: &Options, dir: &Path) -> String {
    let machine = machine::describe(dir, None);
    let known = |name: &str| {
        machine.iter().find(|(it, _)| *it == name).map_or("", |(_, value)| value.as_str())
    };
    let mut lines = vec![
        TITLE.to_owned(),
        format!(
            "Written by `scripts/bench peers` on {}; {}; commit {}.\n",
            known("date"),
            known("processor"),
            known("commit")
        ),
        HEADER.to_owned(),
    ];
    lines.extend(asked.iter().map(|it| row(it, &asked[0])));
    lines.push(String::new());
    for (peer, why) in left_out {
        let why = why.lines().next().unwrap_or_default();
        lines.push(format!("**{} is left out**: {why}.\n", peer.title()));
    }
    let others: Vec<f64> =
        asked.iter().flat_map(|it| &it.figures).map(|it| it.others * 100.0).collect();
    let others = Spread::of(&others).map_or(f64::NAN, |spread| spread.most);
    let Options { rounds, seconds, warm_up, connections, .. } = options;
    lines.push(format!(
        "GET consent of {CUSTOMERS} customers, drawn uniformly, by {connections} connections; {rounds} rounds, in each of which each is asked for \
         {seconds} s after {warm_up} s of warming up, one after the other; the others stand still. CPU is that of all \
         processes of a server, and of the database server where there is one. How many times custodia's: the median over the rounds, in brackets \
         the least and the greatest. Every answer is held against the one that was found right before. Other \
         processes took {others:.0} % of the machine at most.\n"
    ));
    if asked.iter().any(|it| reaches(it, &asked[0]) == Some(false)) {
        lines.push(format!("{UNREACHED}\n"));
    }
    for it in asked {
        let what = it.peer.map_or(CUSTODIA, Peer::nearness);
        lines.push(format!("- *{}*: {what}", it.title()));
    }
    lines.join("\n") + "\n"
}

const HEADER: &str = "| | version | requests/s | CPU us a request | times custodia's | to reach | | p50 us | p99 us | memory, MB |\n\
|---|---|---:|---:|---:|---:|---|---:|---:|---:|";

/// Said where a peer's figure is not reached.
const UNREACHED: &str = "What is not reached, and why: the figure depends on the processor. On an Intel Xeon, on 2026-11-23, the four were 40.6 (Prism), \
26.5 (json-server), 19.6 (FastAPI) and 342 (Medusa). On an AMD EPYC, on the next day, the peers took about half of the time a request that they took there, and \
custodia the same 10.6 us: by the profile taken on the Intel machine 61 % of that is the system's, for sockets mostly. The static ceiling itself took 9.5 us \
there, and 40 times less than the 211 us of Prism would be 5.3: no server of this kind gets there. Tried: what shortened a kept answer (21,100 instructions \
before, 20,200 now).";

const CUSTODIA: &str = "the release binary as `custodia serve` starts it, token, limits and log and all, the log to a file.";

fn row(it: &Asked, custodia: &Asked) -> String {
    let version = match &it.server {
        Process::Custodia(_) => String::new(),
        Process::Peer(running) => running.version.clone(),
    };
    let database = median(it, |figures| figures.database_cpu);
    let database =
        if database > 0.0 { format!(" + {database:.0} of PostgreSQL's") } else { String::new() };
    let against = it.peer.zip(times(it, custodia)).map_or(" | |".to_owned(), |(peer, times)| {
        let Spread { median, least, most } = times;
        let verdict = if median >= peer.times() {
            "reached".to_owned()
        } else {
            format!("**not reached**: {:.0} % short", (1.0 - median / peer.times()) * 100.0)
        };
        format!("{median:.1} ({least:.1}..{most:.1}) | {:.0} | {verdict}", peer.times())
    });
    format!(
        "| {} | {version} | {:.0} | {:.1}{database} | {against} | {:.0} | {:.0} | {:.0} |",
        it.title(),
        median(it, |figures| figures.per_second),
        median(it, |figures| figures.cpu),
        median(it, |figures| figures.p50),
        median(it, |figures| figures.p99),
        it.memory,
    )
}
