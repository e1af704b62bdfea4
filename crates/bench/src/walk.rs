//! What the end of a list costs beside its beginning, and what a filter that no index serves costs others.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    contenders::{Arena, Kind, Purpose, Server},
    disk::Disk,
    load::Line,
    postgres::Postgres,
    shop::{Shop, micros, runtime},
    wire::shown,
};

/// How large a store is walked.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Customers; each has three addresses, two metafields and two form field values.
    #[arg(long, default_value_t = 1_000_000)]
    customers: i64,
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

/// How much more than its first page the last page of a list may cost.
const MOST: f64 = 1.5;

/// How much longer than alone 99 of 100 reads may take beside filters that no index serves, in milliseconds.
const MOST_DELAY: f64 = 20.0;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let runtime = runtime()?;
    let mut arena = Arena::new(options.dir.join("walk"), options.custodia.clone(), Disk::default());
    let walked = walk(&mut arena, options, &runtime);
    let cleared = runtime.block_on(arena.clear());
    walked.and(cleared)
}

fn walk(arena: &mut Arena, options: &Options, runtime: &Runtime) -> Result<(), String> {
    eprintln!("filling the databases with {} customers and what is theirs", options.customers);
    let mut kinds = vec![Kind::Sqlite];
    arena.make_sqlite(options.customers, &kinds)?;
    arena.add_belongings(options.customers)?;
    if let Some(address) = &options.postgres {
        let postgres = Postgres::parse(address)?;
        runtime.block_on(arena.make_postgres(postgres, options.customers, &[Kind::Postgres]))?;
        runtime.block_on(arena.add_belongings_on_postgres(options.customers))?;
        kinds.push(Kind::Postgres);
    }
    let mut slow = Vec::new();
    for kind in kinds {
        let server = arena.start(kind, Purpose::Reading)?;
        let shop = Shop::of(arena, kind, &server);
        println!(
            "## {}\n\n| list | first page, us | last page, us | times |\n|---|---:|---:|---:|",
            kind.title()
        );
        for list in lists(&shop, options.customers)? {
            let (first, last) = runtime.block_on(shop.pages(&list))?;
            let times = last / first;
            println!("| {} | {first:.0} | {last:.0} | {times:.2} |", list.title);
            if times > MOST {
                slow.push(format!(
                    "{}: the last page of {} costs {times:.2} times the first",
                    kind.title(),
                    list.title
                ));
            }
        }
        println!();
        let delay = scans(&shop, &server, runtime)?;
        if delay > MOST_DELAY {
            slow.push(format!("{}: a scan delays others by {delay:.1} ms", kind.title()));
        }
    }
    if slow.is_empty() { Ok(()) } else { Err(slow.join("\n")) }
}

/// The first and the last page of one list, as queries.
struct List {
    title: &'static str,
    first: String,
    last: String,
}

/// Every list of customers by cursor, addresses by their customers, metafields and form field values. The cursor
/// before the last page of customers is the end of a first page read from the other side.
fn lists(shop: &Shop, customers: i64) -> Result<Vec<List>, String> {
    let runtime = runtime()?;
    let cursor_of = |path: String| runtime.block_on(shop.end_cursor(&path));
    let cursor = |query: String| cursor_of(format!("v3/customers?{query}"));
    let mut lists = Vec::new();
    let newest = cursor("id:in=51&limit=1".to_owned())?;
    for (title, include) in [("customers", ""), ("customers with addresses", "&include=addresses")]
    {
        let first = format!("v3/customers?limit=50{include}");
        lists.push(List { title, last: format!("{first}&after={newest}"), first });
    }
    for (title, there, back) in [
        ("customers by date_created, up", "date_created:asc", "date_created:desc"),
        ("customers by date_created, down", "date_created:desc", "date_created:asc"),
        ("customers by date_modified, up", "date_modified:asc", "date_modified:desc"),
        ("customers by date_modified, down", "date_modified:desc", "date_modified:asc"),
        ("customers by last_name, up", "last_name:asc", "last_name:desc"),
        ("customers by last_name, down", "last_name:desc", "last_name:asc"),
    ] {
        let after = cursor(format!("sort={back}&limit=51"))?;
        let first = format!("v3/customers?limit=50&sort={there}");
        lists.push(List { title, last: format!("{first}&after={after}"), first });
    }
    let of = |from: i64| {
        let ids: Vec<String> = (from..from + 16).map(|id| id.to_string()).collect();
        format!("v3/customers/addresses?limit=50&customer_id:in={}", ids.join(","))
    };
    lists.push(List { title: "addresses of 16 customers", first: of(1), last: of(customers - 16) });
    // Of each customer two: what lies behind those of the 26th from the end is one page.
    let metafields = |id: i64| cursor_of(format!("v3/customers/{id}/metafields?limit=50"));
    let values =
        |id: i64| cursor_of(format!("v3/customers/form-field-values?limit=50&customer_id={id}"));
    for (title, path, first, last) in [
        ("metafields", "metafields", metafields(1)?, metafields(customers - 25)?),
        ("form field values", "form-field-values", values(1)?, values(customers - 25)?),
    ] {
        let after = |cursor| format!("v3/customers/{path}?limit=50&after={cursor}");
        lists.push(List { title, first: after(first), last: after(last) });
    }
    Ok(lists)
}

impl Shop {
    async fn end_cursor(&self, path: &str) -> Result<String, String> {
        let mut line = Line::open(self.port).await?;
        let answer = line.send(&self.request(path)).await?;
        let body: Value = serde_json::from_slice(answer.body.bytes()).map_err(|e| e.to_string())?;
        let cursor = body["meta"]["cursor_pagination"]["end_cursor"].as_str();
        cursor
            .map(str::to_owned)
            .ok_or_else(|| format!("no cursor: {}", shown(answer.body.bytes())))
    }

    /// What a first and a last page of 50 rows take, in microseconds: the medians of pages asked in turn.
    async fn pages(&self, list: &List) -> Result<(f64, f64), String> {
        let mut line = Line::open(self.port).await?;
        let requests = [self.request(&list.first), self.request(&list.last)];
        let mut took = [Vec::new(), Vec::new()];
        for round in 0..420 {
            // The other way round every other time: scans change threads, and asked in lockstep one page would
            // always be read on the same.
            for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                let (request, took) = (&requests[at], &mut took[at]);
                let since = Instant::now();
                let answer = line.send(request).await?;
                if round >= 20 {
                    took.push(since.elapsed());
                }
                let whole = || {
                    let body: Value = serde_json::from_slice(answer.body.bytes()).ok()?;
                    Some(body["data"].as_array()?.len())
                };
                if answer.status != 200 || (round == 0 && !matches!(whole(), Some(48..=50))) {
                    return Err(format!("{}: {}", list.title, shown(answer.body.bytes())));
                }
            }
        }
        let [beginning, end] = took.map(|took| micros(took, 0.5));
        Ok((beginning, end))
    }

    /// How long reads by key take one after another, for two seconds: 99 of 100 of them, in milliseconds.
    async fn reads(&self) -> Result<f64, String> {
        let mut line = Line::open(self.port).await?;
        let (since, mut took) = (Instant::now(), Vec::new());
        while since.elapsed() < Duration::from_secs(2) {
            let request = self.request(&format!("v3/customers/{}/consent", took.len() % 1_000 + 1));
            let asked = Instant::now();
            let status = line.send(&request).await?.status;
            took.push(asked.elapsed());
            if status != 200 {
                return Err(format!("a read beside scans: {status}"));
            }
        }
        Ok(micros(took, 0.99) / 1_000.0)
    }
}

/// Reads by key alone, and beside eight callers whose filters no index serves; the difference in milliseconds.
fn scans(shop: &Shop, server: &Server, runtime: &Runtime) -> Result<f64, String> {
    let alone = runtime.block_on(shop.reads())?;
    let done = AtomicBool::new(false);
    let beside = thread::scope(|scope| {
        let scanners: Vec<_> =
            (0..8).map(|_| scope.spawn(|| scan(shop, server.port, &done))).collect();
        thread::sleep(Duration::from_millis(200));
        let beside = runtime.block_on(shop.reads());
        done.store(true, Ordering::Relaxed);
        let scanned =
            scanners.into_iter().map(|scanner| scanner.join().map_err(|_| "a scanner panicked")?);
        let scanned = scanned.collect::<Result<Vec<usize>, String>>();
        scanned.and_then(|scanned| Ok((beside?, scanned.iter().sum::<usize>())))
    });
    let (beside, scanned) = beside?;
    println!(
        "GET consent, p99: {alone:.1} ms alone, {beside:.1} ms beside 8 callers of `name:like` and `phone:in` ({scanned} such lists meanwhile)\n"
    );
    Ok(beside - alone)
}

/// Ask for what nobody is called, until `done`; how often.
fn scan(shop: &Shop, port: u16, done: &AtomicBool) -> Result<usize, String> {
    runtime()?.block_on(async {
        let mut line = Line::open(port).await?;
        let mut asked = 0;
        while !done.load(Ordering::Relaxed) {
            for filter in ["name:like=zzyzx", "phone:in=000"] {
                let status =
                    line.send(&shop.request(&format!("v3/customers?{filter}"))).await?.status;
                // A scan that finds no place in time is refused, which is what bounds it.
                if !matches!(status, 200 | 503) {
                    return Err(format!("{filter}: {status}"));
                }
                asked += 1;
            }
        }
        Ok(asked)
    })
}
