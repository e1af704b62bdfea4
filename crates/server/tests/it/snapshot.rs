//! The snapshots, read back: what was asked and what was answered, for tests that hold them to something else.

use std::{fs, path::Path};

use serde_json::Value;

/// One of `tests/it/snapshots`.
pub(crate) struct Snapshot {
    /// The operation: `get_v3_customers_ID_consent`.
    pub(crate) operation: String,
    /// What it shows: `never-declared`.
    pub(crate) outcome: String,
    /// In lower case.
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// The names of the query's parameters, without brackets.
    pub(crate) parameters: Vec<String>,
    /// What was sent; null where it was nothing, or no JSON.
    pub(crate) sent: Value,
    pub(crate) status: String,
    /// Names in lower case, and values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Snapshot {
    /// The value of a header of the answer; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let known = self.headers.iter().find(|(known, _)| known == name);
        known.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Every one that is checked in, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "snap"))
            .collect();
        files.sort();
        let read = |path: &std::path::PathBuf| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            Self::read(name, &fs::read_to_string(path).unwrap())
        };
        files.iter().map(read).collect()
    }

    /// Read one: `name` is `operation@outcome`.
    fn read(name: &str, text: &str) -> Self {
        let (operation, outcome) = name.split_once('@').unwrap_or((name, ""));
        let text = text.splitn(3, "---\n").nth(2).expect(name);
        let (asked, answered) = text.split_once("\n\n").expect(name);
        let (head, body) = answered.split_once("\n\n").unwrap_or((answered, ""));
        let mut head = head.lines();
        let status = head.next().expect(name).to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            (name.trim_end_matches(':').to_lowercase(), value.to_owned())
        };
        let headers = head.map(header).collect();
        let mut asked = asked.lines();
        let (method, whole) = asked.next().and_then(|line| line.split_once(' ')).expect(name);
        let is_header = |line: &&str| !line.starts_with(['{', '[']) && line.contains(": ");
        let sent: String = asked.skip_while(is_header).collect();
        let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
        let store = if path.starts_with("/v") { "/stores/acme" } else { "" };
        let parameters = form_urlencoded::parse(query.as_bytes())
            .map(|(name, _)| name.trim_end_matches("[]").to_owned())
            .collect();
        Self {
            operation: operation.to_owned(),
            outcome: outcome.to_owned(),
            method: method.to_lowercase(),
            path: format!("{store}{path}"),
            parameters,
            sent: serde_json::from_str(&sent).unwrap_or_default(),
            status,
            headers,
            body: body.trim_end_matches('\n').to_owned(),
        }
    }
}

#[test]
fn a_snapshot_is_read_back_as_it_was_shown() {
    let text = "---\nsource: x\n---\nPUT /v3/a/1?id:in%5B%5D=1&b=2\nX-Auth-Token: t\n[{\"a\":\"b: c\"}]\n\n\
                422\ncontent-type: application/json\n\n{\"status\":422}";
    let read = Snapshot::read("put_v3_a_ID@no-b", text);
    assert_eq!((read.operation.as_str(), read.outcome.as_str()), ("put_v3_a_ID", "no-b"));
    assert_eq!((read.method.as_str(), read.path.as_str()), ("put", "/stores/acme/v3/a/1"));
    assert_eq!(read.parameters, ["id:in", "b"]);
    assert_eq!(read.sent, serde_json::json!([{"a": "b: c"}]));
    assert_eq!((read.status.as_str(), read.header("content-type")), ("422", "application/json"));
    assert_eq!(read.body, "{\"status\":422}");
}
