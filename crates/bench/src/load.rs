//! The load generator: a number of connections, kept alive, each asking its next question as soon as the
//! last one is answered, all on one thread. Every answer is examined; the first wrong one ends the run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    data::DECLARATIONS,
    process::Cpu,
    wire::{self, Answer},
    work::{Ask, Examiner},
};

/// What to ask, how often and of whom.
pub(crate) struct Load {
    pub(crate) port: u16,
    pub(crate) ask: Ask,
    pub(crate) customers: i64,
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Which of the repeatable sequences of questions.
    pub(crate) seed: u64,
    pub(crate) examiner: Arc<Examiner>,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Right answers a second.
    pub(crate) per_second: f64,
    /// Of the server's processor time, in microseconds a request.
    pub(crate) cpu: f64,
    /// Of the database server's, where there is one.
    pub(crate) database_cpu: f64,
    /// Of the load generator's own.
    pub(crate) own_cpu: f64,
    /// How much of the machine, of 1, went to processes that have no part in this.
    pub(crate) others: f64,
    /// Half of the answers came within this many microseconds.
    pub(crate) p50: f64,
    /// All but one in a hundred did.
    pub(crate) p99: f64,
    /// All answers, those of the warm-up too.
    pub(crate) answers: u64,
}

/// What one connection saw.
pub(crate) struct Seen {
    /// Nanoseconds, of the measured part.
    pub(crate) latencies: Vec<u32>,
    pub(crate) answers: u64,
}

/// How many converse, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// Run the load and measure `server` meanwhile.
pub(crate) fn run(load: Load, server: &Cpu) -> Result<Figures, String> {
    let Load { connections, warm_up, measured, .. } = load;
    let load = Arc::new(load);
    let pace = Pace { connections, warm_up, measured };
    pace.run(server, |number, begin, end| converse(Arc::clone(&load), number, begin, end))
}

impl Pace {
    /// Let each connection converse, given its number, when to begin to measure and when to end; measure `server`
    /// meanwhile.
    pub(crate) fn run<F>(
        self,
        server: &Cpu,
        converse: impl FnMut(usize, Instant, Instant) -> F,
    ) -> Result<Figures, String>
    where
        F: Future<Output = Result<Seen, String>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let limit = self.warm_up + self.measured + Duration::from_secs(20);
        let driven = async { tokio::time::timeout(limit, self.drive(server, converse)).await };
        runtime.block_on(driven).map_err(|_| "the server stopped answering".to_owned())?
    }

    async fn drive<F>(
        self,
        server: &Cpu,
        mut converse: impl FnMut(usize, Instant, Instant) -> F,
    ) -> Result<Figures, String>
    where
        F: Future<Output = Result<Seen, String>> + Send + 'static,
    {
        let begin = Instant::now() + self.warm_up;
        let end = begin + self.measured;
        let mut connections = JoinSet::new();
        for number in 0..self.connections {
            connections.spawn(converse(number, begin, end));
        }
        tokio::time::sleep_until(begin.into()).await;
        let (before, own_before) = (server.read(), Cpu::own().read());
        tokio::time::sleep_until(end.into()).await;
        let (after, own_after) = (server.read(), Cpu::own().read());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let whole =
            self.measured.as_secs_f64() * 1e6 * f64::from(u32::try_from(cores).unwrap_or(1));
        let (server_used, database_used) =
            (after.server - before.server, after.database - before.database);
        let own_used = own_after.server - own_before.server;
        let others = after.machine - before.machine - server_used - database_used - own_used;
        let (mut latencies, mut answers) = (Vec::new(), 0);
        while let Some(seen) = connections.join_next().await {
            let seen = seen.map_err(|e| e.to_string())??;
            latencies.extend(seen.latencies);
            answers += seen.answers;
        }
        if latencies.is_empty() {
            return Err("not one answer in time".to_owned());
        }
        let requests = latencies.len().to_string().parse::<f64>().unwrap_or(f64::NAN);
        Ok(Figures {
            per_second: requests / self.measured.as_secs_f64(),
            cpu: server_used / requests,
            database_cpu: database_used / requests,
            own_cpu: own_used / requests,
            others: (others / whole).clamp(0.0, 1.0),
            p50: quantile(&mut latencies, 50),
            p99: quantile(&mut latencies, 99),
            answers,
        })
    }
}

/// The latency, in microseconds, that this many percent stayed within.
fn quantile(latencies: &mut [u32], percent: usize) -> f64 {
    let at = (latencies.len() * percent / 100).min(latencies.len() - 1);
    f64::from(*latencies.select_nth_unstable(at).1) / 1_000.0
}

/// One connection, from the first question to the last.
async fn converse(
    load: Arc<Load>,
    number: usize,
    begin: Instant,
    end: Instant,
) -> Result<Seen, String> {
    let mut line = Line::open(load.port).await?;
    let mut draw = Draw::new(load.seed.wrapping_mul(1_000).wrapping_add(number as u64));
    let mut seen = Seen { latencies: Vec::with_capacity(1 << 12), answers: 0 };
    let mut sent = Instant::now();
    loop {
        let id = load.customer(number, &mut draw);
        let declaration = draw.below(DECLARATIONS as u64);
        let declaration = usize::try_from(declaration).unwrap_or(0);
        line.ask(&load.examiner, load.ask, id, declaration).await?;
        let now = Instant::now();
        seen.answers += 1;
        if now > end {
            if load.ask == Ask::PutConsent {
                line.confirm(&load.examiner, id, declaration).await?;
            }
            return Ok(seen);
        }
        if now >= begin {
            seen.latencies.push(u32::try_from((now - sent).as_nanos()).unwrap_or(u32::MAX));
        }
        sent = now;
    }
}

impl Load {
    /// The next customer of this connection. Writers share none, so that each knows what it wrote last.
    fn customer(&self, number: usize, draw: &mut Draw) -> i64 {
        let customers = self.customers.unsigned_abs();
        let (number, of) = (number as u64, self.connections as u64);
        let id = if self.ask == Ask::PutConsent && customers > of {
            1 + number + of * draw.below((customers - number).div_ceil(of))
        } else {
            1 + draw.below(customers)
        };
        i64::try_from(id).unwrap_or(1)
    }
}

/// One connection and its buffers.
pub(crate) struct Line {
    stream: TcpStream,
    output: Vec<u8>,
    input: Vec<u8>,
    scratch: Vec<u8>,
}

impl Line {
    pub(crate) async fn open(port: u16) -> Result<Self, String> {
        let stream =
            TcpStream::connect(("127.0.0.1", port)).await.map_err(|e| format!("connect: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let buffer = || Vec::with_capacity(4_096);
        Ok(Self { stream, output: buffer(), input: buffer(), scratch: buffer() })
    }

    /// Ask, and insist on the right answer.
    async fn ask(
        &mut self,
        examiner: &Examiner,
        ask: Ask,
        id: i64,
        declaration: usize,
    ) -> Result<(), String> {
        self.output.clear();
        examiner.request(ask, id, declaration, &mut self.output);
        let mut scratch = std::mem::take(&mut self.scratch);
        let answer = self.exchange().await?;
        let right = examiner.is_right(ask, id, declaration, &answer, &mut scratch);
        if !right {
            let (head, body) = (wire::shown(answer.head), wire::shown(answer.body.bytes()));
            let expected = wire::shown(&scratch);
            return Err(format!(
                "a wrong answer to {ask:?} of {id}:\n{head}\n{body}\nexpected\n{expected}"
            ));
        }
        self.scratch = scratch;
        Ok(())
    }

    /// What was written last is what a reader now sees.
    async fn confirm(
        &mut self,
        examiner: &Examiner,
        id: i64,
        declaration: usize,
    ) -> Result<(), String> {
        self.output.clear();
        examiner.request(Ask::Consent, id, declaration, &mut self.output);
        let answer = self.exchange().await?;
        if examiner.shows(declaration, &answer) {
            return Ok(());
        }
        Err(format!(
            "customer {id} lost an acknowledged declaration: {}",
            wire::shown(answer.body.bytes())
        ))
    }

    /// Send any text and give back the answer's headers and body.
    pub(crate) async fn send(&mut self, request: &str) -> Result<Answer<'_>, String> {
        self.output.clear();
        self.output.extend_from_slice(request.as_bytes());
        self.exchange().await
    }

    async fn exchange(&mut self) -> Result<Answer<'_>, String> {
        self.stream.write_all(&self.output).await.map_err(|e| format!("write: {e}"))?;
        self.input.clear();
        loop {
            let read =
                self.stream.read_buf(&mut self.input).await.map_err(|e| format!("read: {e}"))?;
            if read == 0 {
                return Err(format!("the server hung up after {}", wire::shown(&self.input)));
            }
            if wire::read(&self.input)?.is_some() {
                break;
            }
        }
        wire::read(&self.input)?.ok_or_else(|| "half an answer".to_owned())
    }
}

/// A small repeatable source of numbers (`SplitMix64`).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `bound`, each as likely as the other.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        u64::try_from((u128::from(z) * u128::from(bound)) >> 64).unwrap_or(0)
    }
}
