//! What a large store costs beside a small one, on `SQLite`: customers read by their ids, and pages by cursor at both
//! ends of the list. All sizes are measured in alternating rounds.

use std::{
    fmt::Write as _,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use memchr::memmem;

use crate::{
    contenders::{Arena, Kind, Purpose, Server},
    data::Answers,
    disk::Disk,
    load::{self, Figures, Line, Load},
    pages::{LIMIT, Page, Side},
    report,
    results::Spread,
    shop::{Shop, micros, runtime},
    wire::shown,
    work::{Ask, Examiner},
};

/// How large the stores are, and for how long each is measured.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Customers of each store, the smallest first.
    #[arg(long, value_delimiter = ',', default_values_t = STORES)]
    stores: Vec<i64>,
    /// How often each is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of reading by id each time.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// The binary to be measured.
    #[arg(long, default_value = "target/release/custodia")]
    custodia: PathBuf,
    /// Where the databases go, in directories of their own.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// The stores of a whole run.
pub(crate) const STORES: [i64; 3] = [1_000, 1_000_000, 10_000_000];

/// One store, as it was measured.
pub(crate) struct Size {
    pub(crate) customers: i64,
    /// Of its file.
    megabytes: f64,
    /// That it took to be filled.
    seconds: f64,
    /// Of each round.
    reads: Vec<Figures>,
    pages: Vec<Ends>,
    /// Customers a second of a walk through the whole list, one page after the other.
    walked: f64,
}

/// Microseconds that a page takes, the median of those near one end of the list: after a cursor and before one.
#[derive(Clone, Copy)]
struct Ends {
    newest: [f64; 2],
    oldest: [f64; 2],
}

/// What is to be measured.
pub(crate) struct Plan<'p> {
    pub(crate) dir: &'p Path,
    pub(crate) custodia: &'p Path,
    pub(crate) stores: &'p [i64],
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) connections: usize,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let sizes = measure(&Plan {
        dir: &options.dir,
        custodia: &options.custodia,
        stores: &options.stores,
        rounds: options.rounds.max(1),
        seconds: options.seconds,
        connections: 64,
    })?;
    print!("{}", section(&sizes));
    Ok(())
}

pub(crate) fn measure(plan: &Plan) -> Result<Vec<Size>, String> {
    let arena = |customers| {
        let dir = plan.dir.join(format!("store-of-{customers}"));
        let mut arena = Arena::new(dir, plan.custodia.to_owned(), Disk::default());
        // All answers about a thousand customers would be kept in memory, and few about ten million.
        arena.options = &["--cache-bytes", "0"];
        arena
    };
    let mut arenas: Vec<Arena> = plan.stores.iter().map(arena).collect();
    let measured = all(&mut arenas, plan);
    for arena in &arenas {
        // One that was not made cannot be cleared.
        let _ = runtime()?.block_on(arena.clear());
    }
    measured
}

fn all(arenas: &mut [Arena], plan: &Plan) -> Result<Vec<Size>, String> {
    let (mut sizes, mut servers) = (Vec::new(), Vec::new());
    for (arena, &customers) in arenas.iter_mut().zip(plan.stores) {
        eprintln!("filling a store of {customers} customers");
        let since = Instant::now();
        let file = arena.make_customers(customers)?;
        let seconds = since.elapsed().as_secs_f64();
        // Read once, so that all of it is in memory where there is room: it is not disks that are compared.
        let bytes = File::open(&file).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
        let bytes = bytes.map_err(|e| format!("{}: {e}", file.display()))?;
        let megabytes = f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1024.0;
        let server = arena.start(Kind::Sqlite, Purpose::Reading)?;
        server.freeze();
        servers.push(server);
        let (reads, pages) = (Vec::new(), Vec::new());
        sizes.push(Size { customers, megabytes, seconds, reads, pages, walked: 0.0 });
    }
    for round in 0..plan.rounds {
        for turn in 0..sizes.len() {
            let at = (turn + round) % sizes.len();
            let (size, arena, server) = (&mut sizes[at], &arenas[at], &servers[at]);
            server.thaw();
            let once = size.once(arena, server, plan, round);
            server.freeze();
            once.map_err(|why| format!("{} customers: {why}", size.customers))?;
        }
    }
    for ((size, arena), server) in sizes.iter_mut().zip(&*arenas).zip(&servers) {
        server.thaw();
        let shop = Shop::of(arena, Kind::Sqlite, server);
        size.walked = runtime()?.block_on(shop.walk_through(size.customers))?;
        server.freeze();
    }
    Ok(sizes)
}

impl Size {
    /// One round of one store.
    fn once(
        &mut self,
        arena: &Arena,
        server: &Server,
        plan: &Plan,
        round: usize,
    ) -> Result<(), String> {
        let shop = Shop::of(arena, Kind::Sqlite, server);
        let reads = load::run(
            Load {
                port: server.port,
                ask: Ask::V2Customer,
                customers: self.customers,
                connections: plan.connections,
                warm_up: Duration::from_millis(500),
                measured: Duration::from_secs_f64(plan.seconds),
                seed: round as u64,
                examiner: Arc::new(Examiner::new(arena.token(Kind::Sqlite), None)),
            },
            &server.cpu,
        )?;
        let pages = runtime()?.block_on(shop.ends(self.customers))?;
        eprintln!(
            "round {}: {:10} customers: {:9.0} reads/s  {:6.1} us CPU  pages of {LIMIT}: {:5.0} us, {:5.0} us at the end",
            round + 1,
            self.customers,
            reads.per_second,
            reads.cpu,
            pages.newest[0],
            pages.oldest[0],
        );
        self.reads.push(reads);
        self.pages.push(pages);
        Ok(())
    }

    /// How many times as long as in a smaller store a read by id takes.
    pub(crate) fn of(&self, smaller: &Self) -> Option<Spread> {
        let pairs = smaller.reads.iter().zip(&self.reads);
        Spread::of(
            &pairs.map(|(small, large)| small.per_second / large.per_second).collect::<Vec<_>>(),
        )
    }

    /// How many times as long as a page at the beginning of the list one at its end takes, read in the direction where
    /// that is more.
    pub(crate) fn last_of_first(&self) -> Option<Spread> {
        let times = |ends: &Ends| {
            let [after, before] = [0, 1].map(|side| ends.oldest[side] / ends.newest[side]);
            after.max(before)
        };
        Spread::of(&self.pages.iter().map(times).collect::<Vec<_>>())
    }

    fn pages(&self, of: fn(&Ends) -> f64) -> f64 {
        Spread::of(&self.pages.iter().map(of).collect::<Vec<_>>()).map_or(f64::NAN, |it| it.median)
    }
}

impl Shop {
    /// What pages take at both ends of the list, asked in turn.
    async fn ends(&self, customers: i64) -> Result<Ends, String> {
        let (answers, mut line) = (Answers::new(), Line::open(self.port).await?);
        let mut took: [[Vec<Duration>; 2]; 2] = Default::default();
        let mut pages = Vec::new();
        for place in 0..(customers / LIMIT / 2).clamp(1, 10) {
            let skipped = place * LIMIT;
            for (end, side, id) in [
                (0, Side::After, customers - skipped),
                (1, Side::After, 1 + LIMIT + skipped),
                (0, Side::Before, customers - LIMIT - skipped),
                (1, Side::Before, 1 + skipped),
            ] {
                pages.push((end, side, Page::beside(self, &answers, &mut line, id, side).await?));
            }
        }
        for round in 0..20 {
            for (end, side, page) in &pages {
                let since = Instant::now();
                let answer = line.send(page.request()).await?;
                let elapsed = since.elapsed();
                if !page.is_shown(&answer) {
                    return Err(format!("a wrong page: {}", shown(answer.body.bytes())));
                }
                if round > 0 {
                    took[*end][usize::from(*side == Side::Before)].push(elapsed);
                }
            }
        }
        let [newest, oldest] = took.map(|sides| sides.map(|took| micros(took, 0.5)));
        Ok(Ends { newest, oldest })
    }

    /// Walk from the first page to the last by the links that the pages have; customers a second, as far as the server
    /// was waited for. Each customer must be there, once.
    async fn walk_through(&self, customers: i64) -> Result<f64, String> {
        let (answers, mut line) = (Answers::new(), Line::open(self.port).await?);
        let (mut query, mut newest) = (format!("?limit={LIMIT}"), customers);
        let (mut waited, mut expected) = (Duration::ZERO, Vec::new());
        loop {
            let request = self.request(&format!("v3/customers{query}"));
            let since = Instant::now();
            let answer = line.send(&request).await?;
            waited += since.elapsed();
            expected.clear();
            let count = newest.min(LIMIT);
            answers.page(newest, count, &mut expected);
            expected.extend_from_slice(b"],");
            let body = answer.body.bytes();
            if answer.status != 200 || !body.starts_with(&expected) {
                return Err(format!("a wrong page from {newest} on: {}", shown(body)));
            }
            newest -= count;
            let meta = &body[expected.len()..];
            let next = memmem::find(meta, br#""next":""#).map(|at| &meta[at + 8..]);
            match next.and_then(|next| next.split(|byte| *byte == b'"').next()) {
                Some(next) if newest > 0 => query = String::from_utf8_lossy(next).into_owned(),
                None if newest == 0 => break,
                _ => return Err(format!("{newest} customers left, and {}", shown(meta))),
            }
        }
        let customers = f64::from(i32::try_from(customers).unwrap_or(i32::MAX));
        Ok(customers / waited.as_secs_f64())
    }
}

/// What the document says of it.
pub(crate) fn section(sizes: &[Size]) -> String {
    let Some(smallest) = sizes.first() else { return String::new() };
    let mut text = format!(
        "## Size\n\nCustodia on SQLite. Customers are drawn uniformly from all that there are, by 64 connections; pages of {LIMIT} are \
         asked for by one connection, at the two ends of the list in turn. Whole walk: one page after the other from the newest \
         customer to the oldest, each of them looked at.\n\n\
         | customers | file, MB | filled in, s | GET V2 customer, requests/s | CPU us | times the smallest store's | page after a cursor, us: newest, oldest | \
         before a cursor | whole walk, customers/s |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for size in sizes {
        let median = |figure: fn(&Figures) -> f64| {
            let all: Vec<f64> = size.reads.iter().map(figure).collect();
            Spread::of(&all).map_or(f64::NAN, |it| it.median)
        };
        let times = size.of(smallest).map_or_else(String::new, report::ratio);
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.0} | {:.1} | {times} | {:.0}, {:.0} | {:.0}, {:.0} | {:.0} |",
            report::thousands(size.customers),
            size.megabytes,
            size.seconds,
            median(|it| it.per_second),
            median(|it| it.cpu),
            size.pages(|ends| ends.newest[0]),
            size.pages(|ends| ends.oldest[0]),
            size.pages(|ends| ends.newest[1]),
            size.pages(|ends| ends.oldest[1]),
            size.walked,
        );
    }
    text + "\n"
}
