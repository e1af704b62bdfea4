//! What is to be reached, and whether it is.

use crate::{
    contenders::Kind,
    results::{Results, Spread},
};

/// One line of the table.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    reach: f64,
    /// Whether less is better.
    at_most: bool,
    unit: &'static str,
    measured: fn(&Results) -> Option<Spread>,
    /// Where it is not reached: what the profile of 2026-11-23, on an Intel Xeon, blames, and what was tried.
    pub(crate) because: &'static str,
}

/// How one target stands.
pub(crate) struct Standing {
    pub(crate) to_reach: String,
    pub(crate) measured: Spread,
    pub(crate) unit: &'static str,
    pub(crate) verdict: String,
    pub(crate) is_reached: bool,
}

pub(crate) const ALL: &[Target] = &[
    Target::share("GET consent, hot, of the ceiling", 0.85, |r| {
        of("consent-hot", Kind::Ceiling, r)
    })
    .because(HOT),
    Target::share("GET V2 customer, hot, of the ceiling", 0.85, |r| of("v2-hot", Kind::Ceiling, r))
        .because(HOT),
    Target::share("GET consent, uniform, of the control", 0.90, |r| {
        of("consent-uniform", Kind::Control, r)
    })
    .because(UNIFORM),
    Target::share("GET V2 customer, uniform, of the control", 0.90, |r| {
        of("v2-uniform", Kind::Control, r)
    })
    .because(UNIFORM),
    Target::share("a list of 250, pages that differ, of a static body", 0.45, |r| {
        of("list", Kind::Ceiling, r)
    })
    .because(LIST),
    Target::share("a list of 250, always the same page, of a static body", 0.80, |r| {
        of("list-again", Kind::Ceiling, r)
    }),
    Target::share("GET and PUT consent, 95 to 5, hot, of the ceiling's GET", 0.75, |r| {
        r.ratio(("mixed", Kind::Sqlite), ("consent-hot", Kind::Ceiling), |f| f.per_second)
    })
    .because(MIXED),
    Target::share("PUT consent, many connections, of one alone (SQLite)", 8.0, |r| {
        r.ratio(("put-many", Kind::Sqlite), ("put-alone", Kind::Sqlite), |f| f.per_second)
    }),
    Target::share("PUT consent, together, 100 us a sync, of the control", 0.80, |r| {
        of("put-many-100us", Kind::Control, r)
    })
    .because(PUT),
    Target::at_most("the same, 99 of 100 answers within", 6.0, " ms", |r| p99("put-many-100us", r))
        .because(LATE),
    Target::share("PUT consent, together, 1 ms a sync, of the control", 0.80, |r| {
        of("put-many", Kind::Control, r)
    })
    .because(PUT),
    Target::at_most("the same, 99 of 100 answers within", 12.0, " ms", |r| p99("put-many", r))
        .because(LATE),
    Target::share("POST customers, 10 at a time, of the control", 0.75, |r| {
        of("post", Kind::Control, r)
    })
    .because(POST),
    Target::share("GET V2 customer, uniform, PostgreSQL, of its control", 0.80, |r| {
        on_postgres("v2-uniform", r)
    })
    .because(POSTGRES),
    Target::share("PUT consent, together, 1 ms a sync, PostgreSQL, of its control", 0.80, |r| {
        on_postgres("put-many", r)
    })
    .because(POSTGRES),
    Target::at_most("GET V2 customer, ten million, of one thousand", 1.2, " times", |r| {
        r.sizes.iter().find(|size| size.customers == 10_000_000)?.of(r.sizes.first()?)
    })
    .because(SIZE),
    Target::at_most(
        "a page at the end of ten million, of one at the beginning",
        1.5,
        " times",
        |r| r.sizes.iter().find(|size| size.customers == 10_000_000)?.last_of_first(),
    ),
    Target::at_most("first answer after start (SQLite)", 15.0, " ms", |r| {
        Spread::of(&r.bodies.iter().find(|body| body.kind == Kind::Sqlite)?.starts)
    }),
    Target::at_most("idle memory (SQLite)", 12.0, " MB", |r| {
        Spread::of(&[r.bodies.iter().find(|body| body.kind == Kind::Sqlite)?.idle])
    })
    .because(IDLE),
];

const HOT: &str = "a kept answer takes 20,100 instructions (V2 21,100): SHA-256 of the token, the router, a dozen headers, and the \
line of log, which the ceiling does not write; nothing of it stands out. Tried: the way into an operation compiled once and not for each, and what \
only PostgreSQL needs taken off a request's back (21,100 before). In quieter runs both were at 0.84 to 0.88.";

const UNIFORM: &str = "half of the processor's time is the system's: sockets, and a fifth of all for SQLite's reads of pages that are not \
among its 4 MB, which the control has as well. Tried: columns are looked for where they stand (V2: 98,200 instructions before, 60,900 now), texts \
escaped sixteen bytes at a time. A file mapped into memory was up to 12 % faster where its pages had been touched \
and no faster where not; not kept, for then an error of the disk ends the process. Runs of the same commit were at 0.82 to 1.04.";

const LIST: &str = "250 rows of 17 columns are 3.7 million instructions (5.5 before, of which much compared the names of columns): SQLite's steps 18 %, \
taking columns out of its rows and making texts of them 30 %, JSON 20 %, memory moved 11 %. The body alone costs the ceiling 25 us, so that some 130 are \
left for all of it, and stepping over such rows takes SQLite 118. Tried: JSON written without a look at each byte. Not tried: customers kept \
ready written, which would help who asks for the same ones again, and not who walks through millions.";

const MIXED: &str = "it is the writes, of which one in twenty answers waits for a sync, and each of which \
has the next GET of its customer read anew. At nine tenths of the ceiling's rate the PUTs alone would take a third of both cores. Tried: what is said at PUT \
(0.56 before).";

const PUT: &str = "one connection writes, and never rests. Of some 75 us a PUT, measured with a library that timed each call, a quarter was waiting for \
syncs of the log (0.3 ms beside a file that is being synced, 0.13 alone), 10 % writing it (3.1 pages a PUT, of which two are changed by nobody else), 7 % reading pages, and 7 % the \
syncs of the file that only the writer can do; the control has as much of all that, 35 us, and 11 us of its own, custodia some 40: the turns of those who write and the handing over of \
them, 10 % for the signed ledger and 2 % for emptying the outbox, which the control does not keep. Tried: no table filled to see what an index holds, and memory not \
counted (209,000 instructions a PUT before, 188,000 now; an UPDATE that returns what it wrote costs 10,000 of them, and one statement for both engines was preferred); leaves written in canonical order without a library, transactions of 62 leaves, the log copied beside the writer. Tried without \
effect: 16 and 64 MB for the writer's pages, the log copied in doses of 500 to 32,000 pages, more threads, parameters bound without their names. A file mapped into memory \
for the writer was 6 % faster, and an error of the disk would end the process. Not tried: leaves made before the turn begins, a quarter of the ledger's share.";

const LATE: &str = "64 connections at some 14,000 a second wait 4 ms in the mean; beyond that it is the disk, on which a sync of the log takes four to eight \
milliseconds while some thousand pages of the file are synced, and that is so for an eighth of the time. Tried: the log copied beside the writer (ADR 14; 121 ms before, in a run of three \
seconds), in doses from 500 to 32,000 pages (12 to 19 ms). The control copies its log as it commits: it stands still for 0.1 s three times a second, which of so few connections fewer than one answer in a \
hundred notices. Not tried: a ledger that falls behind while much is written.";

const POST: &str = "between 0.46 and 0.83 on different days and machines. Ten customers are 1.35 million instructions (1.5 before an event was written without filling \
a table), most of them SQLite's for seven indexes and their rows, events and audit lines; 11 % bind parameters. Tried: parameters bound without asking for their names \
(to see whether one may costs as much). Tried before: the order in which addresses that are taken are looked for (a POST of ten had read the whole store).";

const POSTGRES: &str = "between 0.76 and 0.85 on the same day. What is custodia's own is the 12 us that a kept answer takes on SQLite; the control has no token, \
no headers and no log.";

const SIZE: &str = "a thousand customers lie within the 4 MB that each of SQLite's readers keeps; of ten million three pages of each read come from the \
system. Against a million it is 1.1 times. Reckoned and not tried: customers in one tree by their number (WITHOUT ROWID). There rows lie in inner pages as well, which then hold \
some ten and not hundreds, and no longer fit among the 4 MB: as many pages as now. A file mapped into memory was not kept: an error of the disk would end the process.";

const IDLE: &str = "some 12 MB of it are pages of files, of which the binary has 10, and less than 3 are its own. The system maps 64 KB around each page that is run: 841 pages of code \
are run, 3.4 MB, and 8.5 are mapped. Tried: what is run once, as the server starts, laid side by side, and relocations packed (needs glibc 2.36): 13.5 MB; identical functions folded: 0.2 MB of code. Neither was kept: pages \
of a file cost nothing where memory is short. Tried before: each transaction compiled once and not for each engine and \
each unit of code, handlers behind one pointer (21 MB of code before, 19 MB idle). Reckoned and not tried: optimising for size what is seldom run has 2.5 MB of code to begin with.";

/// Custodia on `SQLite` beside another contender at the same work.
fn of(work: &'static str, other: Kind, results: &Results) -> Option<Spread> {
    results.ratio((work, Kind::Sqlite), (work, other), |figures| figures.per_second)
}

/// Custodia on `PostgreSQL` beside the control there.
fn on_postgres(work: &'static str, results: &Results) -> Option<Spread> {
    results.ratio((work, Kind::Postgres), (work, Kind::PostgresControl), |it| it.per_second)
}

/// How soon custodia on `SQLite` answers all but one in a hundred, in milliseconds.
fn p99(work: &'static str, results: &Results) -> Option<Spread> {
    results.spread((work, Kind::Sqlite), |figures| figures.p99 / 1_000.0)
}

impl Target {
    const fn share(
        what: &'static str,
        reach: f64,
        measured: fn(&Results) -> Option<Spread>,
    ) -> Self {
        Self { what, reach, at_most: false, unit: "", measured, because: "" }
    }

    const fn at_most(
        what: &'static str,
        reach: f64,
        unit: &'static str,
        measured: fn(&Results) -> Option<Spread>,
    ) -> Self {
        Self { what, reach, at_most: true, unit, measured, because: "" }
    }

    const fn because(self, because: &'static str) -> Self {
        Self { because, ..self }
    }

    pub(crate) fn standing(&self, results: &Results) -> Option<Standing> {
        let measured = (self.measured)(results)?;
        let (word, missing) = if self.at_most {
            ("at most", measured.median / self.reach - 1.0)
        } else {
            ("at least", 1.0 - measured.median / self.reach)
        };
        let verdict = if missing <= 0.0 {
            "reached".to_owned()
        } else if self.at_most {
            format!("**not reached**: {:.0} % too much", missing * 100.0)
        } else {
            format!("**not reached**: {:.0} % short", missing * 100.0)
        };
        let reach =
            if self.at_most { self.reach.to_string() } else { format!("{:.2}", self.reach) };
        Some(Standing {
            to_reach: format!("{word} {reach}{}", self.unit),
            measured,
            unit: self.unit,
            verdict,
            is_reached: missing <= 0.0,
        })
    }
}
