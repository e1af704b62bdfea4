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
    /// Where it is not reached: what the profile of 2026-11-23 blames, and what was tried.
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
escaped sixteen bytes at a time. Runs of the same day were at 0.85 to 0.97. Not tried: a file mapped into memory, for then an error of the disk ends the process.";

const LIST: &str = "250 rows of 17 columns are 3.7 million instructions (5.5 before, of which much compared the names of columns): SQLite's steps 18 %, \
taking columns out of its rows and making texts of them 30 %, JSON 20 %, memory moved 11 %. The body alone costs the ceiling 25 us, so that some 130 are \
left for all of it, and stepping over such rows takes SQLite 118. Tried: JSON written without a look at each byte. Not tried: customers kept \
ready written, which would help who asks for the same ones again, and not who walks through millions.";

const MIXED: &str = "the control, which keeps nothing, is about as fast: it is the writes, of which one in twenty answers waits for a sync, and each of which \
has the next GET of its customer read anew. See PUT.";

const PUT: &str = "one connection writes, and never rests. Of 1.9 s under this load 46 % were the turns of those who write (48 us each, \
of which a declaration's statements are 26), 38 % commits (1.4 ms for 36 declarations, each of which changes two pages that no other does; and a sync), 13 % handing \
over, 3 % finding a thread for the commit. The control does that too; but the turns are also those of the signed ledger (14 % of 95 us of processor time a PUT) and of \
the emptying of the outbox (7 %), and the control keeps neither. Tried: leaves written in canonical order without a library, transactions of 62 leaves, each by \
its key, the log copied beside the writer: 7,600 a second before, 9,200 to 11,000 now. Not tried: leaves made before the turn begins, some half of the ledger's share, for \
one more moment at which somebody may be erased meanwhile.";

const LATE: &str = "64 connections at some 10,000 a second wait 6 ms in the mean; beyond that it is the disk, on which a sync of the log takes several \
milliseconds while the file is synced. Tried: the log copied beside the writer (ADR 14; 121 ms before, in a run of three seconds). Not tried: a ledger \
that falls behind while much is written.";

const POST: &str = "between 0.53 and 0.83 on the same day. Ten customers are 1.5 million instructions, most of them SQLite's for seven indexes and \
their rows, events and audit lines; 5 % find parameters by their names, nothing else of ours stands out. Tried before: the order in which addresses that are taken \
are looked for (a POST of ten had read the whole store).";

const POSTGRES: &str = "between 0.76 and 0.85 on the same day. What is custodia's own is the 12 us that a kept answer takes on SQLite; the control has no token, \
no headers and no log.";

const SIZE: &str = "a thousand customers lie within the 4 MB that each of SQLite's readers keeps; of ten million three pages of each read come from the \
system. Against a million it is 1.1 times. Reckoned and not tried: customers in one tree by their number (WITHOUT ROWID). There rows lie in inner pages as well, which then hold \
some ten and not hundreds, and no longer fit among the 4 MB: as many pages as now. Not tried: a file mapped into memory, for then an error of the disk ends the process.";

const IDLE: &str = "12 MB of it are pages of the binary, which has 15 MB of code, and 3 are its own. Tried: each transaction compiled once and not for each engine and \
each unit of code, handlers behind one pointer (21 MB of code before, 19 MB idle). Reckoned and not tried: optimising for size what is seldom run (TLS, PostgreSQL's client, \
the command line, webhooks) has 2.5 MB of code to begin with, and could not give back 3.";

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
