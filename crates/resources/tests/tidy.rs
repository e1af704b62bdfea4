//! The layout, held by tests: `model`, `filter` < `rows` < `within` < `belongings`, `sequencer`, `walk` < `ops` <
//! `answers` < `shape` < `v2`, `v3`, `own`, `storefront`, and the words that each of them may not say. `within` is what several resources'
//! transactions do to one resource, `shape` the JSON that several resources' wires share, `answers` that of form
//! fields, which other shapes hold. What counts is code: comments are left out, and texts but for SQL.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each kind of file in a resource's folder: its layer, and what it never says.
const LAYERS: [(&str, usize, &[&str]); 21] = [
    ("model", 0, PURE),
    ("filter", 0, PURE),
    ("countries", 0, PURE),
    ("foreign_hash", 0, PURE),
    ("guest", 0, PURE),
    ("form", 1, PURE),
    ("rows", 1, ROWS),
    ("lists", 1, ROWS),
    ("password", 1, &["axum::", "serde", "rest::v2", "rest::v3", ".query(", ".db"]),
    ("within", 2, INSIDE),
    ("standing", 2, INSIDE),
    ("belongings", 3, INSIDE),
    ("sequencer", 3, OPS),
    ("walk", 3, OPS),
    ("ops", 4, OPS),
    ("answers", 5, &["axum::", "sql::", ".query(", ".db"]),
    ("shape", 6, &["axum::", "sql::", ".query(", ".db"]),
    ("v2", 7, &["sql::", ".query(", ".db"]),
    ("v3", 7, &["sql::", ".query(", ".db"]),
    ("own", 7, &["sql::", ".query(", ".db"]),
    ("storefront", 7, &["sql::", ".query(", ".db"]),
];

/// What rules never say.
const PURE: &[&str] = &["sql::", "axum::", "serde", "rest::", "async fn", ".query("];

/// What has the SQL never says.
const ROWS: &[&str] =
    &["axum::", "serde", "rest::v2", "rest::v3", "rest::json", ".db", "StatusCode"];

/// What opens transactions never says.
const OPS: &[&str] =
    &["axum::", "serde", "rest::v2", "rest::v3", "rest::json", ".query(", "StatusCode"];

/// What is done inside a transaction that another file has opened never says.
const INSIDE: &[&str] = &["axum::", "serde", "rest::", ".query(", ".db", "StatusCode"];

#[test]
fn every_resource_keeps_its_layers() {
    let src = crates().join("resources/src");
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files(&src).into_iter().filter(|file| file.parent() != Some(&src)) {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        if stem == "mod" {
            let faults_of_mod =
                read(&file).lines().enumerate().filter_map(mod_fault).collect::<Vec<_>>();
            let found = faults_of_mod.into_iter();
            faults
                .extend(found.map(|line| format!("{}:{line}: more than modules", file.display())));
            continue;
        }
        let Some((name, ..)) = LAYERS.iter().find(|(name, ..)| *name == stem) else {
            faults.push(format!("{}: a file of no layer", file.display()));
            continue;
        };
        seen.insert(*name);
        let found = layer_faults(name, &read(&file));
        faults.extend(
            found.into_iter().map(|(line, fault)| format!("{}:{line}: {fault}", file.display())),
        );
    }
    assert_eq!(seen.len(), LAYERS.len(), "a kind of file that there is not any more: {seen:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_file_that_reaches_up_or_says_a_wrong_word_is_caught() {
    #[track_caller]
    fn check(layer: &str, source: &str, expected: &[(usize, &str)]) {
        let found = layer_faults(layer, source);
        assert_eq!(
            found.iter().map(|(line, fault)| (*line, fault.as_str())).collect::<Vec<_>>(),
            expected
        );
    }
    check(
        "rows",
        "use super::model::Customer;\n\nuse super::{\n    ops,\n};\n",
        &[(5, "reaches up to ops")],
    );
    check("rows", "fn f() {\n    crate::consent::v3::get();\n}", &[(2, "reaches up to v3")]);
    check(
        "ops",
        "use super::rows;\nuse crate::consent::ops::declare;",
        &[(2, "reaches across to ops")],
    );
    check(
        "ops",
        "use crate::{\n    audit::{self, model::Change},\n    consent::{rows, v3},\n};",
        &[(4, "reaches up to v3")],
    );
    check(
        "model",
        "// axum:: and ops:: in a comment\nlet word = \"sql:: in a text\";\nasync fn f() {}",
        &[(3, "says async fn")],
    );
    check(
        "v3",
        "use rest::{App, v3::{Body}};\nuse crate::consent::v3::routes;",
        &[(2, "reaches across to v3")],
    );
    check(
        "ops",
        "use crate::addresses;\nfn f() { addresses::ops::create() }",
        &[(2, "reaches across to ops")],
    );
    check(
        "ops",
        "use crate::addresses::{\n    model::Address,\n    ops::{self as other, Draft},\n};",
        &[(4, "reaches across to ops")],
    );
    check("v2", "use super::{ops, v3};", &[(1, "reaches across to v3")]);
    check("v2", "use super::{filter::Filter, model, ops};\nuse rest::v2::Json;", &[]);
    check(
        "ops",
        "use super::{model::Changes, password, rows};\nfn hash() { password::hash() }",
        &[],
    );
    check("ops", "use rest::{App, v3::Failure};", &[(1, "says rest::v3")]);
    check("ops", "pub(super) use crate::x::{ops};", &[(1, "reaches across to ops")]);
    check("ops", "use super::super::x::{ops, within};", &[(1, "reaches across to ops")]);
    check("ops", "use x::{ops};", &[(1, "reaches across to ops")]);
    check("ops", "use crate::x::*;", &[(1, "brings in all of crate::x::*")]);
    check("ops", "use sql as s;", &[(1, "calls sql by another name")]);
    check("v3", "fn f() { super::own::g() }", &[(1, "reaches across to own")]);
    check("model", "pub password: Option<Password>, // rows of ops", &[]);
}

/// The line of a folder's `mod.rs` that is something else than a comment or a module.
fn mod_fault((at, line): (usize, &str)) -> Option<usize> {
    let is_mod = |line: &str| line.trim_start_matches("pub ").starts_with("mod ");
    let is_plain = line.is_empty() || line.starts_with("//") || is_mod(line);
    (!is_plain).then_some(at + 1)
}

/// What a file of this layer does that it may not: the line, and what it is.
fn layer_faults(layer: &str, source: &str) -> Vec<(usize, String)> {
    let (_, rank, forbidden) =
        LAYERS.into_iter().find(|(name, ..)| *name == layer).expect("a layer");
    let (code, _) = code_and_texts(source);
    let mut faults = Vec::new();
    let mut in_use = String::new();
    for (at, line) in code.lines().enumerate() {
        let trimmed = line.trim_start();
        let begins = trimmed.starts_with("use ")
            || (trimmed.starts_with("pub") && trimmed.contains(" use "));
        if in_use.is_empty() && begins {
            let (_, path) = trimmed.split_once("use ").expect("a use");
            path.clone_into(&mut in_use);
        } else if !in_use.is_empty() {
            in_use.push_str(trimmed);
        } else {
            faults.extend(reached(layer, rank, line).map(|fault| (at + 1, fault)));
        }
        let said = forbidden.iter().filter(|word| line.contains(**word));
        let mut said: Vec<String> = said.map(|word| format!("says {word}")).collect();
        if let Some((tree, _)) = in_use.split_once(';') {
            for path in paths(tree) {
                let words = forbidden.iter().filter(|word| format!("{path}::").contains(**word));
                said.extend(words.map(|word| format!("says {word}")));
                said.extend(judged(layer, rank, &path));
            }
            in_use.clear();
        }
        said.sort();
        said.dedup();
        faults.extend(said.into_iter().map(|fault| (at + 1, fault)));
    }
    faults
}

/// The full paths of what a `use` brings in: `a::{b, c::{self, d}}` is `a::b`, `a::c::self` and `a::c::d`.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let mut depth = 0;
    let items = inner.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let items = items.filter(|item| !item.trim().is_empty());
    items.flat_map(paths).map(|path| format!("{before}{path}")).collect()
}

/// What is wrong with bringing in this path.
fn judged(layer: &str, rank: usize, path: &str) -> Option<String> {
    let (path, renamed) = path.split_once(" as ").unwrap_or((path, ""));
    let segments: Vec<&str> = path.split("::").map(str::trim).collect();
    let of_module = segments.iter().all(|name| !name.starts_with(char::is_uppercase));
    if segments.last() == Some(&"*") && of_module && segments != ["super", "*"] {
        return Some(format!("brings in all of {path}"));
    }
    if segments.len() == 1 && !renamed.is_empty() {
        return Some(format!("calls {path} by another name"));
    }
    if segments[0] == "rest" {
        return None;
    }
    let own = segments[0] == "super" && segments.get(1) != Some(&"super");
    let found = segments.iter().skip(1).find_map(|name| LAYERS.iter().find(|(it, ..)| it == name));
    let (name, other, _) = found?;
    let is_peer = WIRES.contains(&layer) && WIRES.contains(name) && layer != *name;
    match other.cmp(&rank) {
        Ordering::Greater => Some(format!("reaches up to {name}")),
        Ordering::Equal if !own || is_peer => Some(format!("reaches across to {name}")),
        _ => None,
    }
}

/// What a line of code reaches for that it may not: `addresses::ops::create()`, `ops::create()` in `rows`.
fn reached(layer: &str, rank: usize, line: &str) -> impl Iterator<Item = String> {
    let mut found = BTreeSet::new();
    for (start, end) in segments(line) {
        let Some((name, other, _)) = LAYERS.iter().find(|(name, ..)| *name == &line[start..end])
        else {
            continue;
        };
        let before = &line[..start];
        let is_path = line[end..].starts_with("::") || before.ends_with("::");
        let of_another =
            before.ends_with("::") && !before.ends_with("super::") && !before.ends_with("self::");
        let is_peer = WIRES.contains(&layer) && WIRES.contains(name) && layer != *name;
        if !is_path || before.ends_with("rest::") {
            continue;
        }
        match other.cmp(&rank) {
            Ordering::Greater => drop(found.insert(format!("reaches up to {name}"))),
            Ordering::Equal if of_another || is_peer => {
                found.insert(format!("reaches across to {name}"));
            }
            _ => {}
        }
    }
    found.into_iter()
}

/// Files that speak to callers: none of them knows another.
const WIRES: [&str; 4] = ["v2", "v3", "own", "storefront"];

#[test]
fn every_statement_of_a_resource_says_whose_rows_it_means() {
    let (mut statements, mut excepted) = (0, 0);
    let mut faults = Vec::new();
    let delivery = files(&crates().join("delivery/src"));
    let files = files(&crates().join("resources/src")).into_iter().chain(delivery);
    for file in files.filter(|file| holds_sql(file)) {
        let source = read(&file);
        let (_, texts) = code_and_texts(&source);
        statements += texts.iter().filter(|(_, text)| is_sql(text)).count();
        let found = sql_faults(&source).into_iter().filter(|(_, fault)| {
            let is_excepted = OVER_ALL_STORES.iter().any(|text| fault.contains(text));
            excepted += usize::from(is_excepted);
            !is_excepted
        });
        faults.extend(found.map(|(line, fault)| format!("{}:{line}: {fault}", file.display())));
    }
    assert_eq!(excepted, OVER_ALL_STORES.len(), "an exception that there is not any more");
    assert!(statements >= 20, "{statements} statements were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// How the worker learns where there is something to do; all else that it does is for one store.
const OVER_ALL_STORES: [&str; 2] = [
    "SELECT store_id FROM outbox WHERE store_id > $1 ORDER BY store_id LIMIT 1",
    "SELECT store_id, hook_id, due_at FROM delivery_lane WHERE (store_id, hook_id) > ($1, $2)",
];

#[test]
fn of_the_worker_only_ops_opens_a_transaction_and_only_the_network_is_awaited_outside() {
    let mut faults = Vec::new();
    for file in files(&crates().join("delivery/src")) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let source = read(&file);
        let (code, _) = code_and_texts(production(&source));
        let forbidden: &[&str] = match name.as_str() {
            "ops.rs" => &["post.send(", "axum::", ".query("],
            "model.rs" | "guard.rs" | "letter.rs" => {
                &["sql::", "rest::", "axum::", "async fn", ".await", "tokio", ".now()"]
            }
            "rows.rs" | "counts.rs" => &[".db", "rest::", "axum::", "tokio", ".now()"],
            _ => {
                &[".db.write", ".db.read", ".db.snapshot", ".db.scan", "sql::", "axum::", ".query("]
            }
        };
        let said = forbidden.iter().filter(|word| code.contains(**word));
        faults.extend(said.map(|word| format!("{name} says {word}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn sql_is_in_rows_alone() {
    let resources = files(&crates().join("resources/src"));
    let access = files(&crates().join("access/src"));
    let others = ["rest/src", "server/src", "cli/src", "kernel/src", "delivery/src"]
        .into_iter()
        .flat_map(|src| files(&crates().join(src)));
    let mut faults = Vec::new();
    for file in resources.into_iter().chain(access).chain(others).filter(|file| !holds_sql(file)) {
        let source = read(&file);
        let (_, texts) = code_and_texts(production(&source));
        faults.extend(
            texts
                .iter()
                .filter(|(_, text)| is_sql(text))
                .map(|(line, _)| format!("{}:{line}", file.display())),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Answers that are shown again are made of what these change, and who changes it moves a mark.
const SHOWN_AGAIN: [(&str, &str); 11] = [
    ("INSERT INTO customer\n", LISTED),
    ("UPDATE customer ", LISTED),
    ("UPDATE customer ", ITS_OWN),
    ("DELETE FROM customer ", LISTED),
    ("DELETE FROM customer ", ITS_OWN),
    ("INSERT INTO consent_declaration", ITS_OWN),
    ("INSERT INTO form_value", ITS_OWN),
    ("DELETE FROM form_value", ITS_OWN),
    ("INSERT INTO form_field", ITS_OWN),
    ("UPDATE form_field SET re", ITS_OWN),
    ("DELETE FROM form_field", ITS_OWN),
];

const LISTED: &str = "tx.mark(Mark::of(store.0, LISTED))";
const ITS_OWN: &str = "tx.mark(Mark::of(store.0, ";

/// What of a customer is in no list, and what belongs to addresses, which are not shown again.
const ASIDE: [(&str, &str); 3] = [
    ("SET password_hash = ", LISTED),
    ("SET declarations = ", LISTED),
    ("address_id > 0", ITS_OWN),
];

#[test]
fn whoever_changes_what_is_shown_again_moves_its_mark() {
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    let rows = files(&crates().join("resources/src")).into_iter().filter(|file| holds_sql(file));
    // Of a store that is being deleted nobody is shown anything, for its tokens went first; and there one function moves
    // the mark of the whole store for every table.
    for file in rows.filter(|file| !file.ends_with("stores/rows.rs")) {
        for item in production(&read(&file)).split("\n}\n") {
            let (code, texts) = code_and_texts(item);
            for (_, text) in &texts {
                let changed = SHOWN_AGAIN.iter().filter(|(change, mark)| {
                    let is_aside =
                        ASIDE.iter().any(|(aside, at)| at == mark && text.contains(aside));
                    text.trim_start().starts_with(change) && !is_aside
                });
                for it @ (change, mark) in changed {
                    seen.insert(it);
                    // One's own is besides that of the lists.
                    let marks = code.replace(LISTED, if *mark == LISTED { LISTED } else { "" });
                    if !marks.contains(mark) {
                        faults.push(format!("{}: {change}: {mark}", file.display()));
                    }
                }
            }
        }
    }
    assert_eq!(seen.len(), SHOWN_AGAIN.len(), "a change that there is not any more: {seen:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_statement_that_forgets_the_store_is_caught() {
    #[track_caller]
    fn check(source: &str, expected: usize) {
        assert_eq!(sql_faults(source).len(), expected, "{source}");
    }
    check(r#"tx.query("SELECT a FROM t WHERE store_id = $1 AND b = $2")"#, 0);
    check(r#"tx.query("SELECT a FROM t WHERE b = $1")"#, 1);
    check(r#"tx.query("DELETE FROM t WHERE store_id = $1 AND a IN (SELECT a FROM t)")"#, 1);
    check(r#"tx.query("INSERT INTO t (store_id, a) VALUES ($1, $2)")"#, 0);
    check(r#"tx.query("INSERT INTO t (a, store_id) VALUES ($1, $2)")"#, 1);
    check(
        "const SELECT: &str = \"SELECT a FROM t \";\ntx.query(SELECT)\n.push(\"WHERE store_id = $1\")",
        0,
    );
    let begun = "const LABEL: &str = \"SELECT a FROM t \";\n";
    check(&format!("{begun}tx.query(LABEL).push(\"WHERE a = $1\")"), 1);
    check(&format!("{begun}tx.query(LABEL).push(\" WHERE store_id = $1\")"), 0);
    check(&format!("{begun}tx.query(LABEL).push(\"WHERE store_id = $1\"); tx.query(LABEL)"), 1);
    check(
        &format!(
            "{begun}tx.query(LABEL).push(\"WHERE store_id = $1\"); tx.query(\"DELETE FROM t\")"
        ),
        1,
    );
    check(r#"query.push(" AND a IN (SELECT a FROM t)")"#, 1);
    check("const SELECT: &str = \"SELECT a FROM t \";\ntx.query(SELECT).push(\"WHERE a = $1\")", 1);
}

/// The statements that do not bind every query block in them to the store.
fn sql_faults(source: &str) -> Vec<(usize, String)> {
    let (_, texts) = code_and_texts(source);
    let mut faults = Vec::new();
    for (line, text) in &texts {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
        let blocks = ["SELECT ", "DELETE FROM ", "UPDATE "]
            .map(|verb| flat.matches(verb).count())
            .into_iter()
            .sum::<usize>();
        let bound = flat.matches("store_id = $1").count();
        let is_insert = flat.starts_with("INSERT ");
        let inserts_own = flat.contains("(store_id, ") && flat.contains("VALUES ($1, ");
        // `DO UPDATE` of an upsert touches the row that it would have inserted.
        let upserts = flat.matches("DO UPDATE ").count();
        let is_at_fault = blocks - upserts > bound || (is_insert && !inserts_own);
        if is_at_fault && !goes_on_bound(source, *line) {
            faults.push((*line, format!("no store_id = $1: {flat}")));
        }
    }
    faults
}

/// Whether a text is a constant with which a statement begins, and every statement that begins with it goes on with
/// the store.
fn goes_on_bound(source: &str, line: usize) -> bool {
    // The text may begin on the line after the name.
    let name =
        source.lines().enumerate().skip(line.saturating_sub(2)).take(2).find_map(|(at, it)| {
            let (_, named) = it.split_once("const ")?;
            let (name, text) = named.split_once(": &str =")?;
            (at + 1 == line || text.trim().is_empty()).then_some(name.trim())
        });
    let Some(name) = name else { return false };
    let flat: String = source.split_whitespace().collect();
    let uses = flat.matches(&format!("query({name})")).count();
    let bound = flat.matches(&format!("query({name}).push(\"WHEREstore_id=$1")).count();
    uses > 0 && uses == bound
}

/// `rows.rs`, and the rooms of their own that two of them have.
fn holds_sql(file: &Path) -> bool {
    ["rows.rs", "customers/lists.rs", "delivery/src/counts.rs"].iter().any(|it| file.ends_with(it))
}

fn is_sql(text: &str) -> bool {
    ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "]
        .iter()
        .any(|verb| text.trim_start().starts_with(verb))
}

#[test]
fn a_store_that_is_deleted_is_deleted_from_every_table() {
    let mut of_stores = BTreeSet::new();
    for migration in resources::SCHEMA {
        for table in migration.text.split("CREATE TABLE ").skip(1) {
            let (name, columns) = table.split_once('(').expect("a table has columns");
            let columns = columns.split("\n);").next().expect("a table ends");
            let has_store = columns.lines().any(|line| line.trim_start().starts_with("store_id "));
            if has_store && !["store", "account"].contains(&name.trim()) {
                of_stores.insert(name.trim().to_owned());
            }
        }
    }
    assert!(of_stores.len() >= 5);
    let held: BTreeSet<String> =
        resources::stores::rows::HELD.iter().map(|held| held.table.to_owned()).collect();
    assert_eq!(held, of_stores);
    assert_eq!(held.len(), resources::stores::rows::HELD.len(), "each once");
}

#[test]
fn only_sql_names_an_engine() {
    only("rusqlite", &["sql", "bench"], &[]);
    only("tokio_postgres", &["sql", "bench"], &[]);
    only("deadpool_postgres", &["sql", "bench"], &[]);
}

#[test]
fn only_the_wire_names_axum() {
    only(
        "axum",
        &["rest", "server", "testkit", "bench"],
        &["v2.rs", "v3.rs", "own.rs", "storefront.rs"],
    );
}

#[test]
fn only_the_kernel_reads_the_wall_clock_and_draws_randomness() {
    for word in ["SystemTime::now", "Timestamp::now", "Zoned::now", "UNIX_EPOCH"] {
        only(word, &["bench"], &["time.rs"]);
    }
    for word in ["rand::rng", "rand::random", "thread_rng", "OsRng", "getrandom"] {
        only(word, &["bench"], &["chance.rs"]);
    }
}

/// Nobody but these crates, and files of these names, says the word.
#[track_caller]
fn only(word: &str, allowed_crates: &[&str], allowed_files: &[&str]) {
    let mut faults = Vec::new();
    for folder in
        fs::read_dir(crates()).expect("crates").map(|entry| entry.expect("a crate").path())
    {
        let is_allowed = allowed_crates.iter().any(|name| folder.ends_with(name));
        if is_allowed || !folder.join("src").is_dir() {
            continue;
        }
        for file in files(&folder.join("src")) {
            if allowed_files.iter().any(|name| file.ends_with(name)) {
                continue;
            }
            let source = read(&file);
            let (code, _) = code_and_texts(production(&source));
            let said = code.lines().enumerate().filter(|(_, line)| says(line, word));
            faults.extend(said.map(|(at, _)| format!("{}:{}", file.display(), at + 1)));
        }
    }
    assert!(faults.is_empty(), "{word} is said in\n{}", faults.join("\n"));
}

/// Whether a line has the word, and not as part of a longer one.
fn says(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
    })
}

#[test]
fn a_word_is_found_only_as_a_whole() {
    assert!(says("use axum::Router;", "axum") && says("axum", "axum"));
    assert!(!says("use axum_server::Handle;", "axum") && !says("let taxum = 1;", "axum"));
}

/// A file without its unit tests, which stand at its end.
fn production(source: &str) -> &str {
    source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default()
}

/// Source without comments and texts (each is blanked out, lines stay), and the texts with their lines.
fn code_and_texts(source: &str) -> (String, Vec<(usize, String)>) {
    let mut code = String::with_capacity(source.len());
    let mut texts = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if c == '"' {
            let end = end_of_text(rest);
            texts.push((line, rest[1..end - 1].replace("\\\n", "\n")));
            end
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else {
            line += usize::from(c == '\n');
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        line += rest[..length].matches('\n').count();
        code.extend(rest[..length].chars().filter(|c| *c == '\n'));
        rest = &rest[length..];
    }
    (code, texts)
}

/// Where a text that begins with `"` ends.
fn end_of_text(source: &str) -> usize {
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    source.len()
}

/// Where the names in a line begin and end.
fn segments(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut begun = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        let is_part = c.is_alphanumeric() || c == '_';
        match begun {
            None if is_part => begun = Some(at),
            Some(start) if !is_part => {
                found.push((start, at));
                begun = None;
            }
            _ => {}
        }
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
    {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates").to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a source file")
}
