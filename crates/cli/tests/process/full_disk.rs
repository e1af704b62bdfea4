//! A disk that is full: writes are refused, reads go on, and when there is room again so are there writes.

use std::{collections::HashSet, fs, process::Command};

use serde_json::json;

use crate::{
    database::Database,
    http::Client,
    place::{Engine, Place, succeeded, variable},
    running::Server,
};

#[test]
fn sqlite_lives_through_a_file_that_may_not_grow() {
    let place = Place::new(Engine::Sqlite);
    let account = place.store("acme");
    let server = place.serve_only();
    let mut writer = Writer::new(server.client(&account));
    writer.write(20);
    let log = fs::metadata(place.path("custodia.db-wal")).expect("a log").len();
    limit_files(&server, &(log + 300_000).to_string());
    // 500 as well as 503: to SQLite a limit is no full disk, but a write that failed.
    writer.write_until_refused();
    writer.read_on();
    limit_files(&server, "unlimited");
    writer.write(20);
    writer.check(&place.database());
    // What the server itself finds after it was killed is the same.
    server.kill();
    let server = place.serve_only();
    writer.client = server.client(&account);
    writer.write(1);
    writer.check(&place.database());
}

#[test]
fn postgres_lives_through_a_full_tablespace() {
    let small = variable(
        "CUSTODIA_TEST_POSTGRES_SMALL",
        "a tablespace of the PostgreSQL server on a file system of some 16 MB",
    );
    let place = Place::in_tablespace(&small);
    let account = place.store("acme");
    let server = place.serve_only();
    let mut writer = Writer::new(server.client(&account));
    writer.write(20);
    let database = place.database();
    fill(&database);
    assert_eq!(writer.write_until_refused(), [503; 10], "which says that nothing was kept");
    writer.read_on();
    database.run("DROP TABLE filler");
    database.run("CHECKPOINT");
    writer.write(20);
    writer.check(&database);
    server.stop();
}

/// How large a file the running server may make it. Only the soft limit: the hard one could not be raised again.
pub(crate) fn limit_files(server: &Server, most: &str) {
    let pid = server.pid().to_string();
    succeeded(Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={most}:")]));
}

/// Leave next to no room.
fn fill(database: &Database) {
    database.run("CREATE TABLE filler (bytes TEXT)");
    for rows in [1_000, 100, 10, 1] {
        let more = format!(
            "INSERT INTO filler SELECT repeat('x', 1900) FROM generate_series(1, {rows} * 4)"
        );
        while let Ok(()) = database.try_run(&more) {}
    }
}

/// One who writes, and remembers what became of it.
struct Writer {
    client: Client,
    count: u32,
    acknowledged: Vec<String>,
    /// Not kept, though a 500 would leave that open.
    refused: Vec<String>,
    last_id: i64,
}

impl Writer {
    fn new(client: Client) -> Self {
        Self { client, count: 0, acknowledged: Vec::new(), refused: Vec::new(), last_id: 0 }
    }

    /// The status of one more write.
    fn status(&mut self) -> u16 {
        self.count += 1;
        let email = format!("{}@example.com", self.count);
        let notes = "A long note. ".repeat(100);
        let row =
            json!({"email": email, "first_name": "Ada", "last_name": "Byron", "notes": notes});
        let answer = self.client.post("/v3/customers", &json!([row])).expect("an answer");
        match answer.status {
            200 => {
                self.last_id = answer.json()["data"][0]["id"].as_i64().expect("an id");
                self.acknowledged.push(email);
            }
            status => {
                assert!(status >= 500, "{status}: {}", answer.text());
                self.refused.push(email);
            }
        }
        answer.status
    }

    #[track_caller]
    fn write(&mut self, times: u32) {
        for _ in 0..times {
            assert_eq!(self.status(), 200);
        }
    }

    /// Until ten in a row are refused: small writes may fit where larger ones did not.
    fn write_until_refused(&mut self) -> Vec<u16> {
        let mut refusals = Vec::new();
        for _ in 0..20_000 {
            match self.status() {
                200 => refusals.clear(),
                status => refusals.push(status),
            }
            if refusals.len() == 10 {
                return refusals;
            }
        }
        panic!("nothing was refused");
    }

    fn read_on(&mut self) {
        for _ in 0..20 {
            let path = format!("/v3/customers?id:in={}", self.last_id);
            let answer = self.client.get(&path).expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["data"][0]["id"], self.last_id);
        }
    }

    /// All that was acknowledged, and nothing of what was refused.
    fn check(&self, database: &Database) {
        let rows = database.rows("SELECT email FROM customer");
        let there: HashSet<_> = rows.into_iter().map(|mut row| row.remove(0)).collect();
        let lost: Vec<_> = self.acknowledged.iter().filter(|it| !there.contains(*it)).collect();
        let kept: Vec<_> = self.refused.iter().filter(|it| there.contains(*it)).collect();
        assert!(lost.is_empty(), "acknowledged, and lost: {lost:?}");
        assert!(kept.is_empty(), "refused, and kept: {kept:?}");
        let count = |table| database.number(&format!("SELECT count(*) FROM {table}"));
        assert_eq!((count("outbox"), count("audit")), (count("customer"), count("customer")));
    }
}
