//! A server that runs.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    http::{Client, probe},
    place::{Account, Place, succeeded},
};

/// A running process of ours that answers on a port. Killed when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    output: PathBuf,
    log: PathBuf,
}

impl Server {
    /// `custodia serve` on a place's database, once it answers.
    #[track_caller]
    pub(crate) fn start(place: &Place, options: &[&str]) -> Self {
        let mut server = Self::begin(place, options);
        server.wait_until_it_answers();
        server
    }

    /// `custodia serve`, not waited for.
    pub(crate) fn begin(place: &Place, options: &[&str]) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = place.custodia(&["serve", "--listen", &listen]);
        command.args(options);
        Self::spawn(command, port, &place.path(&format!("serve-{port}")))
    }

    /// Any command that answers on a port; what it prints goes beside `name`.
    pub(crate) fn spawn(mut command: Command, port: u16, name: &Path) -> Self {
        let (output, log) = (name.with_extension("out"), name.with_extension("log"));
        command.stdin(Stdio::null());
        command.stdout(File::create(&output).expect("a file for its output"));
        command.stderr(File::create(&log).expect("a file for its log"));
        Self { port, child: command.spawn().expect("it starts"), output, log }
    }

    #[track_caller]
    pub(crate) fn wait_until_it_answers(&mut self) {
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("it ended ({status}): {}", self.log());
            }
            assert!(since.elapsed() < LONGEST, "it does not answer: {}", self.log());
            sleep(Duration::from_millis(2));
        }
    }

    #[track_caller]
    pub(crate) fn client(&self, account: &Account) -> Client {
        Client::connect(self.port, account).expect("it accepts")
    }

    pub(crate) fn is_ready(&self) -> bool {
        probe(self.port, "/readyz").is_ok_and(|status| status == 200)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("its log")
    }

    /// What it has printed.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("its output")
    }

    /// SIGKILL: no warning, no last word.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ends");
    }

    /// Ask it to end, and go on.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.pid());
    }

    /// Ask it to end, and wait; with its log.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        let status = self.wait(LONGEST);
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }

    /// Wait until it has ended.
    #[track_caller]
    pub(crate) fn wait(&mut self, patience: Duration) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(since.elapsed() < patience, "it still runs: {}", self.log());
            sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(name: &str, pid: u32) {
    succeeded(Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")));
}

/// A port on which nothing listens, and which the kernel gives to no outgoing connection.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 12_000 + u16::try_from(std::process::id() % 180).expect("small") * 100;
    loop {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed) % 1_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Try until it is so, or time is up; how long that took.
#[track_caller]
pub(crate) fn until(patience: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < patience, "not so after {patience:?}");
        sleep(Duration::from_millis(5));
    }
    since.elapsed()
}

/// How long anything may take on a busy machine.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);
