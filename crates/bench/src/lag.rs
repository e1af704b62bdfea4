//! How long a declaration waits for its leaf while 64 writers declare.

use std::{
    cell::Cell,
    fmt,
    time::{Duration, Instant},
};

use futures_util::future::{join, try_join_all};
use kernel::{Clock as _, SystemClock};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    contenders::{Arena, Kind, Purpose},
    load::Line,
    shop::{Shop, micros},
};

/// What was seen. Times are in seconds, from the moment that the server gave a declaration to the moment that its leaf
/// could be read, which is after its head was signed.
pub(crate) struct Lag {
    /// What was to be declared in a second; as much as can be where nothing was said.
    pace: Option<f64>,
    per_second: f64,
    half: f64,
    most: f64,
    pub(crate) longest: f64,
    /// How many waited when the writers stopped, and how long until none did.
    waited: u64,
    rest: f64,
}

const WRITERS: u32 = 64;

/// Every customer that there is, each of one writer.
const CUSTOMERS: u32 = 960;

pub(crate) fn measure(
    arena: &Arena,
    kind: Kind,
    runtime: &Runtime,
    pace: Option<f64>,
    seconds: f64,
) -> Result<Lag, String> {
    let server = arena.start(kind, Purpose::Reading)?;
    let shop = Shop::of(arena, kind, &server);
    runtime.block_on(async {
        let mut line = Line::open(shop.port).await?;
        let body = shop.see(&mut line, "custodia/ledger/checkpoint").await?;
        let size = body["data"]["size"].as_u64().ok_or("a checkpoint without a size")?;
        let (declared, ended) = (Cell::new(0), Cell::new(None));
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let writers = async {
            let writer = |number| write(&shop, number, pace, end, &declared);
            let written = try_join_all((0..WRITERS).map(writer)).await;
            ended.set(Some(Instant::now()));
            written
        };
        let follow = follow(&shop, &mut line, size, &declared, &ended);
        let (written, followed) = join(writers, follow).await;
        written?;
        let (took, waited, rest) = followed?;
        let of = |share| micros(took.clone(), share) / 1e6;
        let longest = took.iter().max().map_or(0.0, Duration::as_secs_f64);
        let per_second = f64::from(u32::try_from(declared.get()).unwrap_or(u32::MAX)) / seconds;
        Ok(Lag { pace, per_second, half: of(0.5), most: of(0.99), longest, waited, rest })
    })
}

/// Declare until the end, in turn for each of one's own customers.
async fn write(
    shop: &Shop,
    number: u32,
    pace: Option<f64>,
    end: Instant,
    declared: &Cell<u64>,
) -> Result<(), String> {
    let mut line = Line::open(shop.port).await?;
    let body = r#"{"allow":["essential"],"deny":["targeting"]}"#;
    let between = pace.map_or(0.0, |pace| f64::from(WRITERS) / pace);
    let mut next =
        Instant::now() + Duration::from_secs_f64(between).mul_f64(f64::from(number) / 64.0);
    for at in 0.. {
        if between > 0.0 {
            tokio::time::sleep_until(next.into()).await;
            next += Duration::from_secs_f64(between);
        }
        if Instant::now() > end {
            break;
        }
        let customer = 1 + number + WRITERS * (at % (CUSTOMERS / WRITERS));
        let path = format!("v3/customers/{customer}/consent");
        let status = line.send(&shop.with_body("PUT", &path, body)).await?.status;
        if status != 200 {
            return Err(format!("{path}: {status}"));
        }
        declared.set(declared.get() + 1);
    }
    Ok(())
}

/// Read leaves as they come, until there is one for each declaration: how long each took, how many were missing when
/// the writers stopped, and how long those took.
async fn follow(
    shop: &Shop,
    line: &mut Line,
    size: u64,
    declared: &Cell<u64>,
    ended: &Cell<Option<Instant>>,
) -> Result<(Vec<Duration>, u64, f64), String> {
    let (mut took, mut waited) = (Vec::new(), None);
    loop {
        let found = took.len() as u64;
        if let Some(ended) = ended.get() {
            let waited = *waited.get_or_insert(declared.get().saturating_sub(found));
            if found >= declared.get() {
                return Ok((took, waited, ended.elapsed().as_secs_f64()));
            }
            if ended.elapsed() > PATIENCE {
                return Err(format!("{waited} declarations are no leaves after {PATIENCE:?}"));
            }
        }
        let path = format!("custodia/ledger/leaves?from={}&limit=250", size + found);
        let body = shop.see(line, &path).await?;
        let now = SystemClock.now().0;
        let leaves = body["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        for leaf in leaves {
            let declared_at =
                leaf["leaf"]["declared_at"].as_i64().ok_or("a leaf without a time")?;
            took.push(Duration::from_micros(u64::try_from(now - declared_at).unwrap_or(0)));
        }
        if leaves.len() < 250 {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = match self.pace {
            Some(pace) => format!("{pace:.0} a second"),
            None => "as fast as they can".to_owned(),
        };
        let Self { per_second, half, most, longest, waited, rest, .. } = self;
        write!(
            f,
            "{WRITERS} writers, {pace}: {per_second:.0} declarations a second; until each was a signed leaf: p50 {half:.3} s, \
             p99 {most:.3} s, at most {longest:.3} s; {waited} waited at the end, for {rest:.1} s"
        )
    }
}

/// How long the last leaf is waited for.
const PATIENCE: Duration = Duration::from_mins(3);
