//! The document's plot: for each kind of work a bar a contender, and beside it what a request costs it. An SVG of our
//! own writing, that can be read on light and on dark.

use std::fmt::Write as _;

use crate::{
    contenders::Kind,
    results::Results,
    work::{self, Work},
};

/// Where the labels of bars begin, where bars do, and how long they may be; in units of the picture.
const LEFT: f64 = 190.0;
const LENGTH: f64 = 280.0;
const RIGHT: f64 = 570.0;
const WIDTH: f64 = 960.0;
const BAR: f64 = 15.0;
/// Above the first bar of a work.
const HEAD: f64 = 28.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#1f2328}.t{font-weight:bold;font-size:13px}.s{fill:#59636e;font-weight:normal;font-size:12px}.r{stroke:#59636e;stroke-dasharray:2 3}\
.k0{fill:#8c959f}.k1{fill:#bf8700}.k2{fill:#0969da}.k3{fill:#8250df}.k4{fill:#1a7f37}.k5{fill:#cf222e}.d{opacity:.45}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}.r{stroke:#9198a1}\
.k0{fill:#9198a1}.k1{fill:#d29922}.k2{fill:#4493f8}.k3{fill:#ab7df8}.k4{fill:#3fb950}.k5{fill:#f85149}}";

/// Draw it.
pub(crate) fn svg(results: &Results, kinds: &[Kind]) -> String {
    let mut bars = String::new();
    let mut y = 34.0;
    for work in work::ALL {
        let measured: Vec<Kind> =
            kinds.iter().copied().filter(|&kind| results.has(work, kind)).collect();
        if !measured.is_empty() {
            y = group(&mut bars, y, work, results, (kinds, &measured));
        }
    }
    let height = y + 28.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Requests a second and processor time a request\">\
         <style>{STYLE}</style>\n\
         <text x=\"{LEFT}\" y=\"18\" class=\"t\">requests/s, as a share</text>\
         <text x=\"{RIGHT}\" y=\"18\" class=\"t\">CPU us a request (paler: PostgreSQL's)</text>\n{bars}\
         <text x=\"{RIGHT}\" y=\"{}\" class=\"s\">Each kind of work has a scale of its own for CPU.</text></svg>\n",
        y + 20.0
    )
}

/// One kind of work; where the next may begin.
fn group(
    text: &mut String,
    top: f64,
    work: &Work,
    results: &Results,
    (kinds, measured): (&[Kind], &[Kind]),
) -> f64 {
    let whole = [Kind::Ceiling, Kind::Control].into_iter().find(|it| measured.contains(it));
    let share = |kind| {
        let per_second =
            results.ratio((work.key, kind), (work.key, whole.unwrap_or(kind)), |figures| {
                figures.per_second
            });
        per_second.map_or(0.0, |spread| spread.median)
    };
    let cost = |kind| {
        let own = results.spread((work.key, kind), |figures| figures.cpu);
        let database = results.spread((work.key, kind), |figures| figures.database_cpu);
        [own, database].map(|spread| spread.map_or(0.0, |spread| spread.median))
    };
    let most_share = measured.iter().map(|&kind| share(kind)).fold(1.0, f64::max);
    let most_cost = measured.iter().map(|&kind| cost(kind).iter().sum()).fold(0.001, f64::max);
    let of = whole
        .map_or("", |it| if it == Kind::Ceiling { "of the ceiling" } else { "of the control" });
    let title = escaped(work.title);
    let _ = writeln!(
        text,
        "<text x=\"8\" y=\"{:.1}\" class=\"t\">{title}<tspan dx=\"8\" class=\"s\">{of}</tspan></text>",
        top + 18.0
    );
    let mut y = top + HEAD;
    for &kind in measured {
        let colour = kinds.iter().position(|it| *it == kind).unwrap_or(0) % 6;
        let (share, [own, database]) = (share(kind), cost(kind));
        let (long, costs, more) =
            (share / most_share * LENGTH, own / most_cost * LENGTH, database / most_cost * LENGTH);
        let name = escaped(kind.title());
        let height = BAR - 4.0;
        let mut rectangle = |x: f64, width: f64, class: &str| {
            let _ = write!(
                text,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" class=\"k{colour}{class}\"/>"
            );
        };
        rectangle(LEFT, long, "");
        rectangle(RIGHT, costs, "");
        if more > 0.0 {
            rectangle(RIGHT + costs, more, " d");
        }
        let more_text = if database > 0.0 { format!(" + {database:.1}") } else { String::new() };
        let line = y + 10.0;
        let _ = writeln!(
            text,
            "<text x=\"8\" y=\"{line:.1}\">{name}</text>\
             <text x=\"{:.1}\" y=\"{line:.1}\" class=\"s\">{share:.2}</text>\
             <text x=\"{:.1}\" y=\"{line:.1}\" class=\"s\">{own:.1}{more_text}</text>",
            LEFT + long + 5.0,
            RIGHT + costs + more + 5.0
        );
        y += BAR;
    }
    let one = LEFT + LENGTH / most_share;
    let _ = writeln!(
        text,
        "<line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" class=\"r\"/>",
        top + HEAD - 4.0,
        y
    );
    y
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::{Figures, Written},
        results::Cell,
    };

    fn cell(kind: Kind, per_second: f64, database_cpu: f64) -> Cell {
        let figures = Figures {
            per_second,
            cpu: 10.0,
            database_cpu,
            own_cpu: 1.0,
            others: 0.0,
            p50: 1.0,
            p99: 2.0,
            written: Written::default(),
        };
        Cell { round: 0, work: "consent-hot", kind, figures }
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_of_the_ceiling() {
        let mut results = Results::default();
        results.cells.push(cell(Kind::Ceiling, 100.0, 0.0));
        results.cells.push(cell(Kind::Sqlite, 50.0, 30.0));
        let drawn = svg(&results, &[Kind::Ceiling, Kind::Sqlite]);
        let bar = |x: &str, width: &str, class: &str| {
            let found = drawn.contains(&format!(
                "<rect x=\"{x}\" y=\"77.0\" width=\"{width}\" height=\"11\" class=\"{class}\"/>"
            ));
            assert!(found, "{x} {width} {class} in {drawn}");
        };
        bar("190.0", "140.0", "k1");
        bar("570.0", "70.0", "k1");
        bar("640.0", "210.0", "k1 d");
        assert!(drawn.contains(">0.50<") && drawn.contains(">10.0 + 30.0<"), "{drawn}");
        assert!(!drawn.contains("GET V2 customer"), "what was not measured is not drawn");
    }
}
