//! The sync itself. A kill leaves the kernel's cache alone, so it cannot tell whether anything was synced; here a
//! shim before libc keeps beside the database what would have survived a power cut.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::json;

use crate::{
    database::Database,
    place::{Account, Engine, Place, bare, succeeded},
    running::{LONGEST, Server, free_port, until},
};

#[test]
fn whatever_was_acknowledged_survives_a_power_cut() {
    let place = Place::new(Engine::Sqlite);
    let cut = PowerCut::prepare(&place);
    let account = cut.settle(&place);
    // A server that ends well leaves no log behind; the next begins a new one.
    let server = cut.serve(&place, &place.address);
    let mut acknowledged = PowerCut::write(&server, &account, "before");
    server.stop();
    let server = cut.serve(&place, &place.address);
    acknowledged.extend(PowerCut::write(&server, &account, "after"));
    server.kill();

    let survived = cut.survived();
    let lost: Vec<_> = acknowledged.iter().filter(|email| !survived.contains(*email)).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), acknowledged.len());
}

/// Or the test above would prove nothing.
#[test]
fn without_syncs_a_power_cut_takes_what_was_acknowledged() {
    let place = Place::new(Engine::Sqlite);
    let cut = PowerCut::prepare(&place);
    let account = cut.settle(&place);
    let server = cut.serve(&place, &format!("{}?synchronous=off", place.address));
    let acknowledged = PowerCut::write(&server, &account, "unsynced");
    server.kill();

    let survived = cut.survived();
    let found = acknowledged.iter().filter(|email| survived.contains(*email)).count();
    assert!(found < acknowledged.len(), "all {found} survived, though nothing was synced");
    let there: HashSet<_> = emails(&place.database()).into_iter().collect();
    assert!(acknowledged.iter().all(|email| there.contains(email)), "they were written, though");
}

/// A directory with what was synced, and the shim that fills it.
struct PowerCut {
    shim: PathBuf,
    of: PathBuf,
    kept: PathBuf,
}

impl PowerCut {
    fn prepare(place: &Place) -> Self {
        let kept = place.path("survives");
        fs::create_dir(&kept).expect("a directory");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/shim/survives.c");
        let shim = place.path("survives.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-Wall", "-shared", "-fPIC", "-pthread", "-o"]);
        compiler.arg(&shim).arg(source).arg("-ldl");
        let output = compiler.output().expect("a C compiler, cc, which this test needs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // As the kernel names it.
        let directory = fs::canonicalize(place.path("")).expect("a directory");
        Self { shim, of: directory.join("custodia.db"), kept }
    }

    fn under(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", &self.shim);
        command.env("SURVIVES_OF", &self.of).env("SURVIVES_IN", &self.kept);
        command
    }

    /// A store and an account, synced.
    fn settle(&self, place: &Place) -> Account {
        let run = |arguments: &[&str]| succeeded(&mut self.under(place.custodia(arguments)));
        run(&["store", "create", "acme"]);
        let scope = ["--scope", "store_v2_customers", "--json"];
        Account::read(
            "acme",
            &run(&[&["account", "create", "--store", "acme"], &scope[..]].concat()),
        )
    }

    fn serve(&self, place: &Place, address: &str) -> Server {
        let port = free_port();
        let mut command = bare(&place.path(""));
        let listen = format!("127.0.0.1:{port}");
        command.args(["serve", "--listen", &listen, "--database", address]);
        let mut server =
            Server::spawn(self.under(command), port, &place.path(&format!("serve-{port}")));
        server.wait_until_it_answers();
        server
    }

    /// Eight writers at once, who are still writing when this returns what they were told: the e-mails.
    fn write(server: &Server, account: &Account, name: &str) -> Vec<String> {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        for writer in 0..8 {
            let mut client = server.client(account);
            let acknowledged = Arc::clone(&acknowledged);
            let name = format!("{name}-{writer}");
            thread::spawn(move || {
                for count in 0.. {
                    let email = format!("{name}-{count}@example.com");
                    let row = json!({"email": email, "first_name": "Ada", "last_name": "Byron"});
                    let Ok(answer) = client.post("/v3/customers", &json!([row])) else { return };
                    if answer.status != 200 {
                        return;
                    }
                    acknowledged.lock().expect("no panic").push(email);
                }
            });
        }
        until(LONGEST, || acknowledged.lock().expect("no panic").len() >= 200);
        let told = acknowledged.lock().expect("no panic");
        told.clone()
    }

    /// The e-mails that a power cut would have left.
    fn survived(&self) -> HashSet<String> {
        let copy = self.kept.join("custodia.db");
        assert!(copy.exists(), "the shim has seen no sync at all");
        let database = Database::open(&format!("sqlite:{}", copy.display()));
        assert_eq!(database.rows("PRAGMA integrity_check"), [["ok"]]);
        emails(&database).into_iter().collect()
    }
}

fn emails(database: &Database) -> Vec<String> {
    let rows = database.rows("SELECT email FROM customer");
    rows.into_iter().map(|mut row| row.remove(0)).collect()
}
