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
    batch::{self, Batch},
    board::Board,
    data::DECLARATIONS,
    pages::{Page, Pages},
    process::Cpu,
    shop::{Shop, runtime},
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
    /// Acknowledged declarations and customers, those of the warm-up too.
    pub(crate) written: Written,
}

/// What was acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    pub(crate) declarations: i64,
    pub(crate) customers: i64,
}

/// What one connection saw.
pub(crate) struct Seen {
    /// Nanoseconds, of the measured part.
    pub(crate) latencies: Vec<u32>,
    pub(crate) written: Written,
}

/// How many converse, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What some kinds of work need to know beforehand.
#[derive(Default)]
struct Ground {
    pages: Pages,
    board: Board,
}

/// What was asked last, to be asked for once more in the end.
enum Last {
    Nothing,
    /// A customer's declaration.
    Declared(i64, usize),
    /// The last customer of a batch.
    Made(i64, Batch),
}

/// Run the load and measure `server` meanwhile.
pub(crate) fn run(load: Load, server: &Cpu) -> Result<Figures, String> {
    let Load { connections, warm_up, measured, .. } = load;
    let ground = Arc::new(runtime()?.block_on(Ground::survey(&load))?);
    let load = Arc::new(load);
    let pace = Pace { connections, warm_up, measured };
    pace.run(server, |number, begin, end| {
        converse(Arc::clone(&load), Arc::clone(&ground), number, begin, end)
    })
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
        let (mut latencies, mut written) = (Vec::new(), Written::default());
        while let Some(seen) = connections.join_next().await {
            let seen = seen.map_err(|e| e.to_string())??;
            latencies.extend(seen.latencies);
            written.declarations += seen.written.declarations;
            written.customers += seen.written.customers;
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
            written,
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
    ground: Arc<Ground>,
    number: usize,
    begin: Instant,
    end: Instant,
) -> Result<Seen, String> {
    let mut line = Line::open(load.port).await?;
    let mut draw = Draw::new(load.seed.wrapping_mul(1_000).wrapping_add(number as u64));
    let mut seen = Seen { latencies: Vec::with_capacity(1 << 12), written: Written::default() };
    let mut sent = Instant::now();
    let mut last = Last::Nothing;
    loop {
        let it = load.turn(&ground, &mut line, number, &mut draw).await?;
        match it {
            Last::Nothing => {}
            Last::Declared(..) => seen.written.declarations += 1,
            Last::Made(..) => seen.written.customers += batch::SIZE,
        }
        if !matches!(it, Last::Nothing) {
            last = it;
        }
        let now = Instant::now();
        if now > end {
            line.confirm(&load.examiner, &last).await?;
            return Ok(seen);
        }
        if now >= begin {
            seen.latencies.push(u32::try_from((now - sent).as_nanos()).unwrap_or(u32::MAX));
        }
        sent = now;
    }
}

impl Ground {
    /// Look around before anybody is measured.
    async fn survey(load: &Load) -> Result<Self, String> {
        let examiner = &load.examiner;
        match load.ask {
            Ask::List => {
                let shop = Shop::at(load.port, examiner.token());
                let pages = Pages::of(&shop, load.customers, examiner.always()).await?;
                Ok(Self { pages, ..Self::default() })
            }
            Ask::Mixed => {
                let mut line = Line::open(load.port).await?;
                let mut present = Vec::new();
                for id in 1..=load.customers {
                    present.push(line.present(examiner, id).await?);
                }
                Ok(Self { board: Board::new(&present), ..Self::default() })
            }
            _ => Ok(Self::default()),
        }
    }
}

impl Load {
    /// Ask one question and examine the answer. What was written by it.
    async fn turn(
        &self,
        ground: &Ground,
        line: &mut Line,
        number: usize,
        draw: &mut Draw,
    ) -> Result<Last, String> {
        let examiner = &self.examiner;
        match self.ask {
            Ask::Consent | Ask::V2Customer => {
                line.ask(examiner, self.ask, self.any(draw), 0).await?;
                Ok(Last::Nothing)
            }
            Ask::PutConsent => {
                let id = self.own(number, draw).unwrap_or_else(|| self.any(draw));
                let declaration = usize::try_from(draw.below(DECLARATIONS as u64)).unwrap_or(0);
                line.ask(examiner, self.ask, id, declaration).await?;
                Ok(Last::Declared(id, declaration))
            }
            Ask::List => {
                let place = draw.below(ground.pages.len() as u64);
                line.page(ground.pages.at(usize::try_from(place).unwrap_or(0))).await?;
                Ok(Last::Nothing)
            }
            Ask::Mixed if draw.below(20) == 0 => {
                let Some(id) = self.own(number, draw) else { return Ok(Last::Nothing) };
                let declaration = ground.board.send(id);
                line.ask(examiner, Ask::PutConsent, id, declaration).await?;
                ground.board.acknowledge(id);
                Ok(Last::Declared(id, declaration))
            }
            Ask::Mixed => {
                line.look(examiner, self.any(draw), &ground.board).await?;
                Ok(Last::Nothing)
            }
            Ask::Post => {
                let batch = Batch::next();
                let id = line.post(examiner, &batch).await?;
                Ok(Last::Made(id, batch))
            }
        }
    }

    /// Any customer.
    fn any(&self, draw: &mut Draw) -> i64 {
        1 + i64::try_from(draw.below(self.customers.unsigned_abs())).unwrap_or(0)
    }

    /// One of the customers that this connection alone writes, so that it knows what it wrote last; there are none where
    /// there are more connections than customers.
    fn own(&self, number: usize, draw: &mut Draw) -> Option<i64> {
        let customers = self.customers.unsigned_abs();
        let (number, of) = (number as u64, self.connections as u64);
        let own = customers.checked_sub(number)?.div_ceil(of);
        (own > 0).then(|| i64::try_from(1 + number + of * draw.below(own)).unwrap_or(1))
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

    /// Ask for a page, and insist on the right one.
    pub(crate) async fn page(&mut self, page: &Page) -> Result<(), String> {
        let answer = self.send(page.request()).await?;
        if page.is_shown(&answer) {
            return Ok(());
        }
        let (body, expected) = (answer.body.bytes(), page.shown());
        let differ = body.iter().zip(expected).take_while(|(one, other)| one == other).count();
        let from = differ.saturating_sub(100);
        Err(format!(
            "a wrong page, status {}: from byte {from} on {}\nexpected {}",
            answer.status,
            wire::shown(&body[from..]),
            wire::shown(&expected[from..])
        ))
    }

    /// Look at a customer's consent while others write it.
    async fn look(&mut self, examiner: &Examiner, id: i64, board: &Board) -> Result<(), String> {
        self.output.clear();
        examiner.request(Ask::Consent, id, 0, &mut self.output);
        let floor = board.floor(id);
        let answer = self.exchange().await?;
        if board.may_show(id, floor, |declaration| examiner.shows(declaration, &answer)) {
            return Ok(());
        }
        let body = wire::shown(answer.body.bytes());
        Err(format!("customer {id} cannot have this consent now, status {}: {body}", answer.status))
    }

    /// What a customer has declared last.
    async fn present(&mut self, examiner: &Examiner, id: i64) -> Result<usize, String> {
        self.output.clear();
        examiner.request(Ask::Consent, id, 0, &mut self.output);
        let answer = self.exchange().await?;
        let found = (0..DECLARATIONS).find(|declaration| examiner.shows(*declaration, &answer));
        found.ok_or_else(|| format!("no consent: {}", wire::shown(answer.body.bytes())))
    }

    /// Make customers; the id of the last of them.
    async fn post(&mut self, examiner: &Examiner, batch: &Batch) -> Result<i64, String> {
        let request =
            Shop::at(0, examiner.token()).with_body("POST", "v3/customers", &batch.body());
        let mut scratch = std::mem::take(&mut self.scratch);
        let answer = self.send(&request).await?;
        let last = batch.made(&answer, &mut scratch);
        let last = last.ok_or_else(|| {
            let body = wire::shown(answer.body.bytes());
            format!("a wrong answer to {}: {} {body}", batch.body(), answer.status)
        })?;
        self.scratch = scratch;
        Ok(last)
    }

    /// What was written last is what a reader now sees.
    async fn confirm(&mut self, examiner: &Examiner, last: &Last) -> Result<(), String> {
        let (ask, id) = match last {
            Last::Nothing => return Ok(()),
            Last::Declared(id, _) => (Ask::Consent, *id),
            Last::Made(id, _) => (Ask::V2Customer, *id),
        };
        self.output.clear();
        examiner.request(ask, id, 0, &mut self.output);
        let answer = self.exchange().await?;
        let is_there = match last {
            Last::Nothing => true,
            Last::Declared(_, declaration) => examiner.shows(*declaration, &answer),
            Last::Made(_, batch) => {
                let address = batch.last_address();
                let body = answer.body.bytes();
                answer.status == 200
                    && body.windows(address.len()).any(|part| part == address.as_bytes())
            }
        };
        if is_there {
            return Ok(());
        }
        let body = wire::shown(answer.body.bytes());
        Err(format!("customer {id} lost what was acknowledged: {} {body}", answer.status))
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
    /// Seeds that follow each other would else give one sequence, a step apart: what one connection asks for, the next
    /// would ask for again at once.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).below(u64::MAX))
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
