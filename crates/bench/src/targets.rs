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
}

/// How one target stands.
pub(crate) struct Standing {
    pub(crate) to_reach: String,
    pub(crate) measured: Spread,
    pub(crate) unit: &'static str,
    pub(crate) verdict: String,
}

pub(crate) const ALL: &[Target] = &[
    Target::share("GET consent, hot, of the ceiling", 0.85, |r| {
        of("consent-hot", Kind::Ceiling, r)
    }),
    Target::share("GET V2 customer, hot, of the ceiling", 0.85, |r| of("v2-hot", Kind::Ceiling, r)),
    Target::share("GET consent, uniform, of the control", 0.90, |r| {
        of("consent-uniform", Kind::Control, r)
    }),
    Target::share("GET V2 customer, uniform, of the control", 0.90, |r| {
        of("v2-uniform", Kind::Control, r)
    }),
    Target::share("a list of 250, pages that differ, of a static body", 0.45, |r| {
        of("list", Kind::Ceiling, r)
    }),
    Target::share("a list of 250, always the same page, of a static body", 0.80, |r| {
        of("list-again", Kind::Ceiling, r)
    }),
    Target::share("GET and PUT consent, 95 to 5, hot, of the ceiling's GET", 0.75, |r| {
        r.ratio(("mixed", Kind::Sqlite), ("consent-hot", Kind::Ceiling), |f| f.per_second)
    }),
    Target::share("PUT consent, many connections, of one alone (SQLite)", 8.0, |r| {
        r.ratio(("put-many", Kind::Sqlite), ("put-alone", Kind::Sqlite), |f| f.per_second)
    }),
    Target::share("PUT consent, together, 100 us a sync, of the control", 0.80, |r| {
        of("put-many-100us", Kind::Control, r)
    }),
    Target::at_most("the same, 99 of 100 answers within", 6.0, " ms", |r| p99("put-many-100us", r)),
    Target::share("PUT consent, together, 1 ms a sync, of the control", 0.80, |r| {
        of("put-many", Kind::Control, r)
    }),
    Target::at_most("the same, 99 of 100 answers within", 12.0, " ms", |r| p99("put-many", r)),
    Target::share("POST customers, 10 at a time, of the control", 0.75, |r| {
        of("post", Kind::Control, r)
    }),
    Target::share("GET V2 customer, uniform, PostgreSQL, of its control", 0.80, |r| {
        on_postgres("v2-uniform", r)
    }),
    Target::share("PUT consent, together, 1 ms a sync, PostgreSQL, of its control", 0.80, |r| {
        on_postgres("put-many", r)
    }),
    Target::at_most("GET V2 customer, ten million, of one thousand", 1.2, " times", |r| {
        r.sizes.iter().find(|size| size.customers == 10_000_000)?.of(r.sizes.first()?)
    }),
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
    }),
];

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
        Self { what, reach, at_most: false, unit: "", measured }
    }

    const fn at_most(
        what: &'static str,
        reach: f64,
        unit: &'static str,
        measured: fn(&Results) -> Option<Spread>,
    ) -> Self {
        Self { what, reach, at_most: true, unit, measured }
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
        })
    }
}
