//! `docs/compatibility.md`, made from what the tests know of each operation. There is no sum: each column is
//! evidence of its own kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use kernel::Scope;
use rest::{Operation, Version};

use crate::{
    snapshot::Snapshot,
    surface::{EXTRAS, data, erased, has_body, is_documentation, listed, slug},
};

/// The page is written by `scripts/compatibility`, which sets `CUSTODIA_WRITE`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "tests have no command line")]
async fn the_page_says_what_the_tests_know() {
    let page = page(&listed().await);
    let file = root().join("docs/compatibility.md");
    if std::env::var("CUSTODIA_WRITE").is_ok() {
        fs::write(&file, &page).expect("the page is written");
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == page, "docs/compatibility.md says something else: run scripts/compatibility");
}

/// That both engines give the bytes of one snapshot follows from how tests are written: whoever shows an
/// answer does so in a test that runs on each.
#[test]
fn every_snapshot_is_shown_on_both_engines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut files = 0;
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(source) = fs::read_to_string(&file) else { continue };
        // This file only speaks of it.
        let shows = source.contains("crate::shows") && !file.ends_with("compatibility.rs");
        if shows {
            files += 1;
            assert!(source.contains("on_each_engine! {"), "{}", file.display());
            assert!(!source.contains("#[tokio::test"), "{}", file.display());
        }
    }
    assert!(files >= 5, "{files}");
}

/// What the hand-kept tables name has to be there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_of_evidence_name_operations_and_tests_that_are_there() {
    let known: BTreeSet<String> =
        published().into_iter().chain(EXTRAS.map(str::to_owned)).collect();
    for (table, column) in [("recorded.tsv", 0), ("isolation.tsv", 0), (DRIVEN, 1)] {
        for row in rows(table) {
            let operation = erased(&row[column]);
            assert!(known.contains(&operation), "{table}: no such operation: {operation}");
        }
    }
    for row in rows("differences.tsv") {
        assert!(known.iter().any(|it| is_meant(&row[0], it)), "no such operation: {}", row[0]);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let sources: String = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    for row in rows("isolation.tsv") {
        assert!(sources.contains(&format!("async fn {}(", row[1])), "no such test: {}", row[1]);
    }
}

fn page(answered: &[Operation]) -> String {
    let mut snapshots: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
    for shown in Snapshot::all() {
        snapshots.entry(shown.operation.clone()).or_default().push(shown);
    }
    let answered: BTreeMap<String, &Operation> =
        answered.iter().map(|it| (format!("{} {}", it.method, erased(it.path)), it)).collect();
    let evidence = Evidence { answered, snapshots, differences: differences() };
    let mut page = HEAD.to_owned();
    let published = published();
    for (title, prefix) in GROUPS {
        let of_group =
            published.iter().filter(|it| it.split(' ').nth(1).unwrap().starts_with(prefix));
        let of_group: Vec<&str> =
            of_group.filter(|it| group(it) == prefix).map(String::as_str).collect();
        evidence.table(&mut page, title, &of_group);
    }
    evidence.table(&mut page, "Ours, or asked for by clients", &EXTRAS);
    evidence.lists(&mut page, &published);
    page
}

/// Everything that is known, by operation: `GET /stores/{}/v3/customers`.
struct Evidence<'o> {
    answered: BTreeMap<String, &'o Operation>,
    /// By [`slug`].
    snapshots: BTreeMap<String, Vec<Snapshot>>,
    /// The operations meant, the beginning of the row, and the row.
    differences: Vec<(Vec<String>, String)>,
}

impl Evidence<'_> {
    fn table(&self, page: &mut String, title: &str, operations: &[&str]) {
        let _ = write!(page, "\n## {title}\n\n{COLUMNS}");
        for operation in operations {
            let shown = operation.replace("/stores/{}", "").replace("{}", "{id}");
            let cells = match self.answered.get(*operation) {
                Some(answered) => self.cells(operation, answered).join(" | "),
                None => "not yet | | | | | |".to_owned(),
            };
            let _ = writeln!(page, "| `{shown}` | {cells} |");
        }
    }

    fn cells(&self, operation: &str, answered: &Operation) -> [String; 7] {
        let shown = self.shown(operation);
        let engines = if is_documentation(answered) || !shown.is_empty() { "yes" } else { "" };
        [
            snapshots(answered, shown),
            refusals(answered).to_owned(),
            said("recorded.tsv", operation, 1),
            driven(operation),
            engines.to_owned(),
            isolation(operation, answered),
            self.numbers(operation),
        ]
    }

    fn shown(&self, operation: &str) -> &[Snapshot] {
        let (method, path) = operation.split_once(' ').unwrap();
        self.snapshots.get(&slug(method, path)).map(Vec::as_slice).unwrap_or_default()
    }

    fn numbers(&self, operation: &str) -> String {
        let numbered = self.differences.iter().enumerate();
        let meant =
            numbered.filter(|(_, (meant, _))| meant.iter().any(|it| is_meant(it, operation)));
        meant.map(|(at, _)| (at + 1).to_string()).collect::<Vec<_>>().join(", ")
    }

    /// What the cells were too small for.
    fn lists(&self, page: &mut String, published: &[String]) {
        let _ = writeln!(page, "\n## Differences\n");
        for (at, (_, row)) in self.differences.iter().enumerate() {
            let _ = writeln!(page, "{}. {row}", at + 1);
        }
        let _ = writeln!(page, "\n## Where it was recorded\n");
        for row in rows("recorded.tsv").iter().filter(|row| self.answered.contains_key(&row[0])) {
            let _ = writeln!(page, "- `{}`: {}. {}", short(&row[0]), row[1], row[2]);
        }
        let _ = writeln!(page, "\n## Tests about other stores' rows\n");
        for row in rows("isolation.tsv") {
            let _ = writeln!(page, "- `{}`: `{}`", short(&row[0]), row[1]);
        }
        let _ = writeln!(page, "\n## What the snapshots show\n");
        for operation in published.iter().map(String::as_str).chain(EXTRAS) {
            let outcomes: Vec<String> = (self.shown(operation).iter())
                .map(|it| format!("{} ({})", it.outcome.replace('-', " "), it.status))
                .collect();
            if !outcomes.is_empty() {
                let _ = writeln!(page, "- `{}`: {}", short(operation), outcomes.join(", "));
            }
        }
    }
}

/// How many there are of each status: `200 × 6, 422 × 8`.
fn snapshots(operation: &Operation, shown: &[Snapshot]) -> String {
    if is_documentation(operation) {
        return "none: it is made from the OpenAPI document".to_owned();
    }
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for snapshot in shown {
        *statuses.entry(&snapshot.status).or_default() += 1;
    }
    let counted = statuses.iter().map(|(status, count)| format!("{status} × {count}"));
    counted.collect::<Vec<_>>().join(", ")
}

/// What `surface.rs` asks of every operation that needs a token.
fn refusals(operation: &Operation) -> &'static str {
    match (operation.scope, operation.version, has_body(operation)) {
        (Scope::Public, ..) => "",
        (_, Version::V2, false) => "400, 401, 403, 404, 406",
        (_, Version::V2, true) => "400, 401, 403, 404, 406, 415",
        (_, _, false) => "401, 403, 404, 406, 422",
        (_, _, true) => "401, 403, 404, 406, 415, 422",
    }
}

/// The suites that have had it done, by name.
fn driven(operation: &str) -> String {
    let suites = rows(DRIVEN).into_iter().filter(|row| erased(&row[1]) == operation);
    suites.map(|row| row[0].clone()).collect::<Vec<_>>().join(", ")
}

fn isolation(operation: &str, answered: &Operation) -> String {
    let of_rows = rows("isolation.tsv").iter().any(|row| row[0] == operation);
    match (answered.scope, of_rows) {
        (Scope::Public, _) => "",
        (_, false) => "token",
        (_, true) => "token, rows",
    }
    .to_owned()
}

/// A column of a table's rows about this operation.
fn said(table: &str, operation: &str, column: usize) -> String {
    let rows = rows(table).into_iter().filter(|row| row[0] == operation);
    rows.map(|row| row[column].clone()).collect::<Vec<_>>().join("; ")
}

/// `differences.tsv` with the rows of `docs/quirks.md` that it means, each once, in its order.
fn differences() -> Vec<(Vec<String>, String)> {
    let quirks = data("../../../docs/quirks.md");
    let mut all: Vec<(Vec<String>, String)> = Vec::new();
    for row in rows("differences.tsv") {
        let begins =
            |line: &&str| line.strip_prefix("| ").is_some_and(|it| it.starts_with(&row[1]));
        let found: Vec<&str> = quirks.lines().filter(begins).collect();
        assert_eq!(found.len(), 1, "rows of docs/quirks.md that begin with {}", row[1]);
        let cells: Vec<&str> = found[0].trim_matches(['|', ' ']).split(" | ").collect();
        // The last cell of most tables names the test; that of the known differences says why.
        let cells = if cells.len() > 2 { &cells[..cells.len() - 1] } else { &cells[..] };
        let (last, first) = cells.split_last().unwrap();
        let told = format!("{} ({last})", first.join(": "));
        match all.iter_mut().find(|(_, known)| *known == told) {
            Some((operations, _)) => operations.push(row[0].clone()),
            None => all.push((vec![row[0].clone()], told)),
        }
    }
    all
}

/// Whether a pattern such as `* /stores/{}/v2/*` means this operation.
fn is_meant(pattern: &str, operation: &str) -> bool {
    let ((method, path), (its_method, its_path)) =
        (pattern.split_once(' ').unwrap(), operation.split_once(' ').unwrap());
    let is_path = match path.strip_suffix('*') {
        Some(prefix) => its_path.starts_with(prefix),
        None => its_path == path,
    };
    (method == "*" || method == its_method) && is_path
}

/// The published operations, in their order.
fn published() -> Vec<String> {
    rows("operations.tsv").iter().map(|row| format!("{} {}", row[0], erased(&row[1]))).collect()
}

fn short(operation: &str) -> String {
    operation.replace("/stores/{}", "").replace("{}", "{id}")
}

/// The rows of a table but for its first, cell by cell.
fn rows(table: &str) -> Vec<Vec<String>> {
    let text = data(table);
    let lines = text.lines().skip(usize::from(table != DRIVEN));
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The group that an operation belongs to: the longest prefix that fits.
fn group(operation: &str) -> &'static str {
    let path = operation.split(' ').nth(1).unwrap();
    let fits = GROUPS.iter().map(|(_, prefix)| *prefix).filter(|prefix| path.starts_with(prefix));
    fits.max_by_key(|prefix| prefix.len()).expect("a group for every path")
}

const GROUPS: [(&str, &str); 4] = [
    ("V3", "/stores/{}/v3/"),
    ("V2", "/stores/{}/v2/"),
    ("Webhooks", "/stores/{}/v3/hooks"),
    ("The storefront's side", "/"),
];

/// Written by `scripts/test clients`.
const DRIVEN: &str = "../../../clients/driven.tsv";

const COLUMNS: &str = "\
| operation | snapshots | refusals | recorded | clients | both engines | other stores | differences |
|---|---|---|---|---|---|---|---|
";

const HEAD: &str = "\
# Compatibility

What is known of each operation, and from what. `scripts/compatibility` writes this page from the tests; a test fails
while it says something else. Each column is evidence of its own kind, so there is no sum of them.

- **snapshots**: requests and answers that are compared to the byte, by status. What they show is listed below.
- **refusals**: statuses that the walk over all operations provokes, without any change to what is kept: no such store
  or path, no token or a wrong one, a scope that is missing, a parameter that is unknown, a body that cannot be read.
- **recorded**: what of the operation was recorded or measured at the real service, in public; where, is listed below.
  Elsewhere the published documentation is followed.
- **clients**: real libraries that have had the operation done on the release binary: `python` and `node` are
  BigCommerce's own, `pages` sends what the published pages show. `scripts/test clients` takes this from the server's
  log. Besides, `schemathesis` asks every operation of `/openapi.json`, and those of the published documents: what is
  not as their schemas have it is in [deviations.tsv](../clients/published/deviations.tsv), each with its reason.
- **both engines**: the same tests pass on SQLite and PostgreSQL, with the same bytes.
- **other stores**: `token`: another store's token is refused, by the walk. `rows`: a test, listed below, sees to it
  that nothing of another store is read or changed.
- **differences**: where the real service is known or thought to differ; the numbers are those of the list below.

Every snapshot is also an answer that the server's own `/openapi.json` allows. Oddities that are the real service's own are
no differences: they are in [quirks.md](quirks.md).
";
