//! The document. All of its words come from here, so that none of them can outlive what they describe.

use std::{collections::BTreeSet, fmt::Write as _};

use crate::{
    contenders::Kind,
    load::Figures,
    results::{Results, Spread},
    run::{Measure, Options},
    size, targets,
    work::{self, Work},
};

/// Write it.
pub(crate) fn document(
    results: &Results,
    measure: &Measure,
    options: &Options,
    kinds: &[Kind],
    machine: &[(&str, String)],
) -> String {
    let mut text = String::from(HEAD);
    if let (false, Some(plot)) = (options.quick, options.plot().file_name()) {
        let plot = plot.to_string_lossy();
        line(&mut text, &format!("![Requests a second and processor time a request]({plot})\n"));
    }
    line(&mut text, "## The machine\n\n| | |\n|---|---|");
    for (name, value) in machine {
        line(&mut text, &format!("| {name} | {value} |"));
    }
    line(&mut text, &format!("| taken by other processes meanwhile | {} |", others(results)));
    line(&mut text, &format!("| command | `{}` |", options.command));
    line(&mut text, "\n## What is reached\n\n| what | to reach | measured | |\n|---|---|---|---|");
    for target in targets::ALL {
        if let Some(it) = target.standing(results) {
            let measured =
                if it.unit.is_empty() { ratio(it.measured) } else { span(it.measured, it.unit) };
            line(
                &mut text,
                &format!("| {} | {} | {measured} | {} |", target.what, it.to_reach, it.verdict),
            );
        }
    }
    line(&mut text, SHARES);
    reasons(&mut text, results);
    for work in work::ALL {
        if kinds.iter().any(|&kind| results.has(work, kind)) {
            table(&mut text, work, results, measure, options, kinds);
        }
    }
    writes(&mut text, results, kinds);
    text += &size::section(&results.sizes);
    bodies(&mut text, results, measure);
    how(&mut text, measure, options, kinds);
    text
}

/// Why what is not reached is not, one reason each.
fn reasons(text: &mut String, results: &Results) {
    let missed = |it: &&targets::Target| it.standing(results).is_some_and(|it| !it.is_reached);
    let mut told = BTreeSet::new();
    for it in targets::ALL.iter().filter(missed).filter(|it| !it.because.is_empty()) {
        if told.is_empty() {
            line(text, REASONS);
        }
        if told.insert(it.because) {
            line(text, &format!("- **{}**: {}", it.what, it.because));
        }
    }
    line(text, "");
}

const REASONS: &str = "What is not reached, what the profile of 2026-11-23 blames (its times are those of an \
Intel Xeon of two cores, whatever this run's machine is), and what was tried:\n";

const HEAD: &str = "# Benchmarks\n\n\
Written by `scripts/bench`; not by hand. Run it again to have your own machine's figures: ratios taken in one \
alternating run can be compared between machines, absolute figures cannot.\n\n";

const SHARES: &str = "\nA share is the median, over the rounds, of requests a second divided by the other's in the same round; \
in brackets the least and the greatest round.\n";

fn table(
    text: &mut String,
    work: &Work,
    results: &Results,
    measure: &Measure,
    options: &Options,
    kinds: &[Kind],
) {
    let connections = if work.alone { 1 } else { options.connections };
    let of = thousands(work.customers(measure.customers));
    let sync = match (work.writes(), options.shim.is_some()) {
        (false, _) => String::new(),
        (true, true) if work.sync_us > 0 => format!(", {} us a sync injected", work.sync_us),
        (true, _) => ", nothing injected into a sync".to_owned(),
    };
    let (each, things) = work.things();
    line(text, &format!("## {}\n", work.title));
    let plural = if connections == 1 { "" } else { "s" };
    line(text, &format!("{connections} connection{plural}, {of} customers{sync}.\n"));
    line(
        text,
        &format!(
            "| | {things}/s | of the ceiling | of the control | CPU us a request | p50 us | p99 us |"
        ),
    );
    line(text, "|---|---:|---:|---:|---:|---:|---:|");
    for &kind in kinds.iter().filter(|&&kind| results.has(work, kind)) {
        let at = (work.key, kind);
        let median = |figure: fn(&Figures) -> f64| {
            results.spread(at, figure).map_or(f64::NAN, |spread| spread.median)
        };
        let share = |other| {
            let beside = if other == Kind::Ceiling { work.under() } else { work.key };
            let share = results.ratio(at, (beside, other), |figures| figures.per_second);
            share.filter(|_| kind != other).map_or_else(String::new, ratio)
        };
        let database = median(|figures| figures.database_cpu);
        let database = if database > 0.0 {
            format!(" + {database:.1} of PostgreSQL's")
        } else {
            String::new()
        };
        line(
            text,
            &format!(
                "| {} | {:.0} | {} | {} | {:.1}{database} | {:.0} | {:.0} |",
                kind.title(),
                median(|figures| figures.per_second) * each,
                share(Kind::Ceiling),
                share(kind.control()),
                median(|figures| figures.cpu),
                median(|figures| figures.p50),
                median(|figures| figures.p99),
            ),
        );
    }
    if work.under() != work.key {
        line(
            text,
            "\nThe ceiling's figure is the one that it has where there is nothing but GET consent, hot.",
        );
    }
    let own = kinds
        .iter()
        .filter_map(|&kind| results.spread((work.key, kind), |figures| figures.own_cpu));
    let own = own.map(|spread| spread.median).fold(0.0, f64::max);
    line(
        text,
        &format!("\nThe load generator took up to {own:.1} us a request of the same cores.\n"),
    );
}

fn writes(text: &mut String, results: &Results, kinds: &[Kind]) {
    let rows = kinds.iter().filter_map(|&kind| {
        let share =
            results.ratio(("put-many", kind), ("put-alone", kind), |figures| figures.per_second)?;
        Some(format!("| {} | {} |", kind.title(), ratio(share)))
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        line(
            text,
            "## Writing together\n\nRequests a second of many connections, as a multiple of one alone.\n",
        );
        line(text, "| | times one alone |\n|---|---:|");
        line(text, &(rows.join("\n") + "\n"));
    }
}

fn bodies(text: &mut String, results: &Results, measure: &Measure) {
    line(text, "## Start and memory\n");
    line(
        text,
        &format!(
            "First answer: from the start of the process to the first 200 on `/stores/{{hash}}/v2/time` with a token, {} starts on \
             the full database. Idle: resident memory after five seconds without a request. After: the same at the end of \
             all reading rounds.\n",
            measure.starts
        ),
    );
    line(text, "| | first answer, ms | idle, MB | after, MB |\n|---|---:|---:|---:|");
    for body in &results.bodies {
        let first = Spread::of(&body.starts).map_or_else(String::new, |spread| span(spread, ""));
        line(
            text,
            &format!("| {} | {first} | {:.1} | {:.1} |", body.kind.title(), body.idle, body.after),
        );
    }
    line(text, "");
}

fn how(text: &mut String, measure: &Measure, options: &Options, kinds: &[Kind]) {
    let Measure { rounds, seconds, warm_up, .. } = measure;
    line(text, "## How\n");
    line(
        text,
        &format!(
            "- {rounds} rounds. In each, every contender gets every kind of work for {seconds} s after {warm_up} s of warming up, one \
             after the other, and every round begins with another of them. All of them stay up; only one has work, and the others are stopped: what one left to be done in the background costs nobody else.\n\
             - The load generator is one thread in the same machine: raw HTTP/1.1 over kept connections, the next question as \
             soon as the last is answered. It checks status and body of every answer; a wrong, refused or rate-limited one ends \
             the run without a document. Customers are drawn uniformly.\n\
             - *ceiling*: axum, the same bytes for everybody, with the token check (SHA-256, a map in memory, the store compared) \
             and every header of a real answer; no log. *control*: axum and rusqlite, the same statements on the same file, \
             one read connection a thread, writes gathered by one thread into one transaction; no tokens, headers or log. \
             *control, PostgreSQL*: the same on tokio-postgres, statements prepared on as many connections as custodia has, \
             a transaction a write. The figures of custodia on PostgreSQL are shares of this one's. All three are in `crates/bench`. *custodia*: the release binary as `custodia serve` starts it, log and all, the log to a file; it allocates with mimalloc, the others with the system's allocator.\n\
             - *a list of 250*: V3's customers, newest first, by cursors that the server gave; 2,000 pages evenly spread over the store, or \
             all of them the same. The ceiling sends one page from memory. *95 to 5*: each answer must show a declaration that \
             could be current: none older than what was acknowledged, or shown to anybody, when the question was sent. *POST*: \
             each customer is new; the control puts the same rows into the same tables and does not ask whether an address is \
             taken.\n\
             - CPU is user and system time of the server's process, from `/proc/PID/stat`."
        ),
    );
    if options.shim.is_some() {
        line(
            text,
            "- Servers that write run under `crates/bench/shim/slowsync.c`, which makes each fsync and fdatasync take so much longer \
             as is injected. At the end each connection reads back what it wrote last, and each database is counted: it \
             holds exactly what was acknowledged.",
        );
    }
    if kinds.iter().any(|kind| kind.is_on_postgres()) {
        let slow = if options.postgres_is_slow {
            "under the same library"
        } else {
            "as it was found, without that library"
        };
        line(
            text,
            &format!(
                "- PostgreSQL runs on the same machine, {slow}, and is spoken to without TLS."
            ),
        );
    }
}

/// A machine that was not left alone gives figures that are not worth much; then this says so.
fn others(results: &Results) -> String {
    let shares: Vec<f64> = results.cells.iter().map(|cell| cell.figures.others * 100.0).collect();
    let Some(it) = Spread::of(&shares) else { return String::new() };
    let warning =
        if it.median > 5.0 { "; **too much: run it again on a quiet machine**" } else { "" };
    format!("{:.0} % of the processor in the median, {:.0} % at most{warning}", it.median, it.most)
}

pub(crate) fn ratio(spread: Spread) -> String {
    format!("{:.2} ({:.2}..{:.2})", spread.median, spread.least, spread.most)
}

fn span(spread: Spread, unit: &str) -> String {
    if spread.most - spread.least < 0.05 {
        return format!("{:.1}{unit}", spread.median);
    }
    format!("{:.1}{unit} ({:.1}..{:.1})", spread.median, spread.least, spread.most)
}

pub(crate) fn thousands(number: i64) -> String {
    let digits = number.to_string();
    let groups =
        digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}
