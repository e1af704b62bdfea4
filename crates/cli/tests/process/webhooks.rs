//! Webhooks, with receivers that fail, and with workers and servers that are killed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    authors::{Author, Told, customer_of},
    full_disk::limit_files,
    http::Client,
    place::{Account, Engine, Place, failed, soaking},
    receivers::{Heard, Manner, Receiver},
    running::{LONGEST, Server, free_port, until},
};

on_each_engine! {
    fn every_event_arrives_though_receivers_fail_and_servers_and_workers_are_killed(place: Place) {
        let (events, kills): (usize, &[Kill]) = if soaking() {
            (100_000, &[Kill::ServerThatDelivers, Kill::Worker, Kill::Server, Kill::Both, Kill::ServerThatDelivers])
        } else {
            (5_000, &[Kill::ServerThatDelivers, Kill::Both])
        };
        let mut story = Story::begin(place);
        for (number, kill) in kills.iter().enumerate() {
            story.write_until_killed(*kill, events * (number + 1) / (kills.len() + 1));
        }
        story.end(events);
        story.check();
    }

    /// Three minutes of it are real: only a soak has them.
    fn a_domain_at_which_too_little_arrives_is_blocked_for_three_minutes_and_then_hears_of_everything(place: Place) {
        if !soaking() {
            return;
        }
        let mut story = Story::begin(place);
        let exceptions = Receiver::listen("127.0.0.4", Manner::Takes);
        story.subscribe("store/hook/deliveryException", &exceptions.url("/exceptions"));
        let (server, worker) = (story.serve(false), deliverer(place, &TRIAL[2..]));
        let clients = story.clients(&server);
        story.quota.store(10_000, Ordering::Relaxed);
        let database = place.database();
        let (blocked_at, told, _) = story.write(clients, || {
            story.until_so(|| database.number("SELECT count(*) FROM delivery_domain WHERE blocked_until > 0") == 1);
            let blocked_at = Instant::now();
            story.until_so(|| story.acknowledged() >= 10_000);
            blocked_at
        });
        story.told.extend(told);
        story.written = story.begun.elapsed();
        // What was on its way has landed. It would take everything now, and a new worker would send it.
        sleep(Duration::from_secs(2));
        let refusing = &story.receivers[1];
        refusing.become_one_that(Manner::Takes);
        let known = refusing.heard().len();
        story.kills.push((Kill::Worker, Instant::now(), 0));
        worker.kill();
        let worker = deliverer(place, &TRIAL[2..]);
        while blocked_at.elapsed() < Duration::from_secs(176) {
            sleep(Duration::from_millis(100));
            assert_eq!(refusing.heard().len(), known, "{:?} after the block began", blocked_at.elapsed());
        }
        let elsewhere = [0, 2].map(|other| story.receivers[other].arrivals());
        story.until_quiet();
        story.ended = story.begun.elapsed();
        let first = refusing.heard()[known].at - blocked_at;
        assert!(first < Duration::from_secs(190), "{first:?}");
        let later = [0, 2].map(|other| story.receivers[other].arrivals());
        assert_eq!(elsewhere, later, "nobody else was kept waiting");
        let codes: Vec<String> = exceptions.heard().iter()
            .map(|heard| format!("{} of {}", heard.data["error_code"], heard.data["id"])).collect();
        println!("{:?}: the first came again {first:?} after the block began; {codes:?}", place.engine);
        for hook in ["90003 of 4", "90003 of 5"] {
            assert_eq!(codes.iter().filter(|code| *code == hook).count(), 1, "{codes:?}");
        }
        let domain = "SELECT count(*) FROM delivery_domain WHERE blocked_until > 0 AND domain = '127.0.0.2'";
        assert_eq!(database.number(domain), 1);
        worker.stop();
        server.stop();
        story.check();
    }
}

#[test]
fn a_worker_goes_on_when_its_database_is_back_and_nothing_is_lost() {
    let place = Place::new(Engine::Postgres);
    let log = sent_amid_a_fault(&place, |_, story| {
        place.without_its_database(|| story.sleep_until_nothing_arrives());
    });
    assert!(log.contains("WARN"), "it says so: {log}");
}

#[test]
fn a_worker_goes_on_when_there_is_room_on_the_disk_again_and_nothing_is_lost() {
    let place = Place::new(Engine::Sqlite);
    let log = sent_amid_a_fault(&place, |worker, story| {
        limit_files(worker, "4096");
        story.sleep_until_nothing_arrives();
        limit_files(worker, "unlimited");
    });
    assert!(log.contains("WARN"), "it says so: {log}");
}

/// What a worker says that has much to send when something happens, and lives through it.
fn sent_amid_a_fault(place: &Place, fault: impl FnOnce(&Server, &Story<'_>)) -> String {
    let mut story = Story::begin(place);
    let server = story.serve(false);
    story.quota.store(usize::MAX, Ordering::Relaxed);
    let enough = || story.until_so(|| story.acknowledged() >= 3_000);
    let ((), told, _) = story.write(story.clients(&server), enough);
    story.told = told;
    server.stop();
    let worker = deliverer(place, &TRIAL);
    story.until_so(|| story.arrivals() >= 500);
    // Whatever is on its way then cannot be recorded, as if the worker had been killed.
    story.kills.push((Kill::Worker, Instant::now(), 0));
    fault(&worker, &story);
    story.until_quiet();
    story.ended = story.begun.elapsed();
    let log = worker.stop();
    story.check();
    log
}

#[test]
fn a_trial_is_refused_where_nothing_is_allowed() {
    let place = Place::new(Engine::Sqlite);
    for options in [["--ladder", "1s,2s"], ["--block", "off"]] {
        let words = failed(place.custodia(&["deliver"]).args(options));
        assert!(words.contains("--webhook-allow"), "{words}");
    }
    let words =
        failed(&mut place.custodia(&["deliver", "--ladder", "1d", "--webhook-allow", "::1"]));
    assert!(words.contains("1d"), "{words}");
}

#[test]
fn a_worker_alone_ends_when_it_is_told_to() {
    let place = Place::new(Engine::Sqlite);
    place.store("acme");
    let worker = deliverer(&place, &[]);
    let log = worker.stop();
    assert!(log.contains("stopped"), "{log}");
}

/// Whatever an environment says of proxies, letters go to where they are addressed.
#[test]
fn no_proxy_is_asked_that_the_environment_names() {
    let place = Place::new(Engine::Sqlite);
    let account = place.store("acme");
    let [receiver, proxy] =
        ["127.0.0.1", "127.0.0.2"].map(|host| Receiver::listen(host, Manner::Takes));
    let server = Server::start(&place, &[&ALLOW[..], &["--no-deliver"]].concat());
    let mut client = server.client(&account);
    let hook = json!({"scope": CUSTOMERS, "destination": receiver.url("/hook")});
    assert_eq!(client.post("/v3/hooks", &hook).expect("an answer").status, 200);
    let mut command = place.custodia(&["deliver"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    {
        command.env(name, proxy.url(""));
    }
    let worker = deliverer_as(command, &place, &[]);
    let row = json!([{"email": "a@example.com", "first_name": "A", "last_name": "B"}]);
    assert_eq!(client.post("/v3/customers", &row).expect("an answer").status, 200);
    until(LONGEST, || receiver.arrivals() == 1);
    assert_eq!((receiver.heard()[0].path.as_str(), proxy.heard().len()), ("/hook", 0));
    worker.stop();
}

/// `custodia deliver`, once it does.
pub(crate) fn deliverer(place: &Place, options: &[&str]) -> Server {
    deliverer_as(place.custodia(&["deliver"]), place, options)
}

fn deliverer_as(mut command: Command, place: &Place, options: &[&str]) -> Server {
    command.args(ALLOW).args(options);
    let port = free_port();
    let worker = Server::spawn(command, port, &place.path(&format!("deliver-{port}")));
    until(LONGEST, || worker.log().contains("delivering"));
    worker
}

pub(crate) const ALLOW: [&str; 2] = ["--webhook-allow", "127.0.0.0/8"];

/// So many attempts that each event arrives, and so soon that a test sees it.
pub(crate) const TRIAL: [&str; 4] = [
    "--block",
    "off",
    "--ladder",
    "1s,1s,1s,1s,2s,2s,2s,2s,5s,5s,5s,5s,10s,10s,10s,10s,20s,20s,20s,20s",
];

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    /// One process does both.
    ServerThatDelivers,
    /// `custodia deliver`, and the server goes on.
    Worker,
    /// `custodia serve`, and the worker goes on.
    Server,
    /// Both at once.
    Both,
}

/// A webhook, and who hears it.
struct Hook {
    scope: &'static str,
    path: &'static str,
    receiver: usize,
}

/// The steady one hears of everything; the others fail in their ways.
const HOOKS: [Hook; 6] = [
    Hook { scope: CUSTOMERS, path: "/customers", receiver: 0 },
    Hook { scope: METAFIELDS, path: "/metafields", receiver: 0 },
    Hook { scope: CONSENT, path: "/consent", receiver: 0 },
    Hook { scope: CUSTOMERS, path: "/customers", receiver: 1 },
    Hook { scope: CONSENT, path: "/consent", receiver: 1 },
    Hook { scope: METAFIELDS, path: "/metafields", receiver: 2 },
];

const CUSTOMERS: &str = "store/customer/*";
const METAFIELDS: &str = "store/metafield/*";
const CONSENT: &str = "custodia/customer/consent/updated";

/// Each on an address of its own: a domain that fails keeps only its own letters waiting.
const RECEIVERS: [(&str, Manner); 3] = [
    ("127.0.0.1", Manner::Takes),
    ("127.0.0.2", Manner::RefusesAThird),
    ("127.0.0.3", Manner::Hangs(400)),
];

/// How many write at once.
const AUTHORS: usize = 4;

/// How long a lease holds.
const LEASE: Duration = Duration::from_secs(20);

/// How many letters a worker has on their way at most.
const ON_THEIR_WAY: usize = 256;

/// What was written, and who was told.
struct Story<'p> {
    place: &'p Place,
    account: Account,
    receivers: Vec<Receiver>,
    begun: Instant,
    acknowledged: AtomicUsize,
    /// From how many acknowledged events on authors are in no hurry.
    quota: AtomicUsize,
    told: Vec<Told>,
    /// When, and how many lanes were leased then.
    kills: Vec<(Kill, Instant, i64)>,
    written: Duration,
    ended: Duration,
}

impl<'p> Story<'p> {
    fn begin(place: &'p Place) -> Self {
        let receivers = RECEIVERS.iter().map(|(host, manner)| Receiver::listen(host, *manner));
        let story = Self {
            place,
            account: place.store("acme"),
            receivers: receivers.collect(),
            begun: Instant::now(),
            acknowledged: AtomicUsize::new(0),
            quota: AtomicUsize::new(0),
            told: Vec::new(),
            kills: Vec::new(),
            written: Duration::ZERO,
            ended: Duration::ZERO,
        };
        for hook in &HOOKS {
            story.subscribe(hook.scope, &story.receivers[hook.receiver].url(hook.path));
        }
        story
    }

    fn subscribe(&self, scope: &str, destination: &str) {
        let server = self.serve(false);
        let body = json!({"scope": scope, "destination": destination});
        let answer = server.client(&self.account).post("/v3/hooks", &body).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        server.stop();
    }

    /// Write until so many events were acknowledged in all, and half of the deliveries have arrived; then kill.
    fn write_until_killed(&mut self, kill: Kill, quota: usize) {
        let is_one = kill == Kill::ServerThatDelivers;
        // A server has the published ladder: what failed there would keep the test waiting.
        for (receiver, (_, manner)) in self.receivers.iter().zip(RECEIVERS) {
            receiver.become_one_that(if is_one { Manner::Takes } else { manner });
        }
        self.quota.store(quota, Ordering::Relaxed);
        let mut server = Some(self.serve(is_one));
        let mut worker = (!is_one).then(|| deliverer(self.place, &TRIAL));
        let known = self.arrivals();
        let database = self.place.database();
        let leased = "SELECT count(*) FROM delivery_lane WHERE lease <> 0";
        let clients = self.clients(server.as_ref().expect("one"));
        let (killed, told, ends) = self.write(clients, || {
            self.until_so(|| {
                let (acknowledged, arrivals) = (self.acknowledged(), self.arrivals());
                acknowledged >= quota
                    && arrivals >= acknowledged.max(known + 40)
                    && database.number(leased) > 0
            });
            // Not a moment at which nobody waits for an answer, neither here nor there.
            self.quota.store(usize::MAX, Ordering::Relaxed);
            for receiver in &self.receivers {
                receiver.take_time(Duration::from_millis(60));
            }
            sleep(Duration::from_millis(100));
            self.until_so(|| database.number(leased) > 0);
            if kill != Kill::Server {
                let delivers = if is_one { server.take() } else { worker.take() };
                delivers.expect("one").kill();
            }
            if matches!(kill, Kill::Server | Kill::Both) {
                server.take().expect("one").kill();
            }
            (kill, Instant::now(), database.number(leased))
        });
        assert_eq!(
            ends,
            if kill == Kill::Worker { AUTHORS } else { 0 },
            "who came to an end of their own"
        );
        for receiver in &self.receivers {
            receiver.take_time(Duration::ZERO);
        }
        println!(
            "{:?}: after {:?} killed: {kill:?}, with {} lanes leased",
            self.place.engine,
            self.begun.elapsed(),
            killed.2
        );
        self.kills.push(killed);
        self.told.extend(told);
        for other in [server, worker].into_iter().flatten() {
            other.stop();
        }
    }

    /// Write the rest, and wait until nobody is to be told of anything.
    fn end(&mut self, quota: usize) {
        for (receiver, (_, manner)) in self.receivers.iter().zip(RECEIVERS) {
            receiver.become_one_that(manner);
        }
        self.quota.store(quota, Ordering::Relaxed);
        let (server, worker) = (self.serve(false), deliverer(self.place, &TRIAL));
        let clients = self.clients(&server);
        let (written, told, ends) = self.write(clients, || {
            self.until_so(|| self.acknowledged() >= quota);
            self.begun.elapsed()
        });
        assert_eq!(ends, AUTHORS);
        self.told.extend(told);
        self.written = written;
        self.until_quiet();
        self.ended = self.begun.elapsed();
        for log in [worker.stop(), server.stop()] {
            assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
        }
    }

    fn serve(&self, delivers: bool) -> Server {
        let apart: &[&str] = if delivers { &[] } else { &["--no-deliver"] };
        Server::start(self.place, &[&ALLOW[..], apart].concat())
    }

    /// Wait until nobody is to be told of anything.
    fn until_quiet(&self) {
        let database = self.place.database();
        let waiting = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery)";
        self.until_so(|| database.number(waiting) == 0);
    }

    fn arrivals(&self) -> usize {
        let arrivals: u64 = self.receivers.iter().map(Receiver::arrivals).sum();
        usize::try_from(arrivals).expect("a count")
    }

    /// Wait until nothing has arrived anywhere for three seconds.
    fn sleep_until_nothing_arrives(&self) {
        let (mut last, mut since) = (self.arrivals(), Instant::now());
        let begun = Instant::now();
        while since.elapsed() < Duration::from_secs(3) {
            sleep(Duration::from_millis(50));
            if self.arrivals() != last {
                (last, since) = (self.arrivals(), Instant::now());
            }
            assert!(begun.elapsed() < LONGEST, "it arrives all the same");
        }
    }

    /// Wait for it, for as long as anything happens.
    #[track_caller]
    fn until_so(&self, is_so: impl Fn() -> bool) {
        let happened = || (self.arrivals(), self.acknowledged());
        let (mut last, mut since) = (happened(), Instant::now());
        while !is_so() {
            let now = happened();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < Duration::from_mins(1), "nothing happens at {last:?}");
            sleep(Duration::from_millis(50));
        }
    }

    fn clients(&self, server: &Server) -> Vec<Client> {
        (0..AUTHORS).map(|_| server.client(&self.account)).collect()
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Have authors write until something is done. What came of it, what they were told, and how many of them stopped when
    /// they were asked to.
    fn write<T>(&self, clients: Vec<Client>, act: impl FnOnce() -> T) -> (T, Vec<Told>, usize) {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let begin = |(number, client)| {
                let (acknowledged, quota, stop) = (&self.acknowledged, &self.quota, &stop);
                let name = format!("author-{}-{number}", self.kills.len());
                let mut author = Author {
                    client,
                    name,
                    acknowledged,
                    quota,
                    stop,
                    told: Vec::new(),
                    may_be_shut_out: false,
                };
                scope.spawn(move || (author.write(), author.told))
            };
            let authors: Vec<_> = clients.into_iter().enumerate().map(begin).collect();
            let done = act();
            stop.store(true, Ordering::Relaxed);
            let (mut told, mut ends) = (Vec::new(), 0);
            for author in authors {
                let (end, more) = author.join().expect("an author ends");
                ends += usize::from(end.is_ok());
                told.extend(more);
            }
            (done, told, ends)
        })
    }

    fn check(&self) {
        let attempts: Vec<Vec<Heard>> =
            self.receivers.iter().map(|receiver| receiver.heard().clone()).collect();
        let database = self.place.database();
        assert_eq!(database.number("SELECT count(*) FROM hook WHERE is_active = FALSE"), 0);
        let lines =
            database.rows("SELECT action, subject, count(*) FROM audit GROUP BY action, subject");
        let happened: Counts = lines
            .iter()
            .filter_map(|row| {
                let (_, scope) = SCOPES.iter().find(|(action, _)| *action == row[0])?;
                let number = |text: &str| text.parse().expect("a number");
                Some(((*scope, number(&row[1])), number(&row[2])))
            })
            .collect();
        let total: i64 = happened.values().sum();
        one_name_says_one_thing(&attempts);
        let (mut arrivals, mut by_kills, mut otherwise) = (0, 0, 0);
        let (mut orders, mut whole) = (0, 0);
        for hook in &HOOKS {
            let attempts: Vec<&Heard> =
                attempts[hook.receiver].iter().filter(|heard| heard.path == hook.path).collect();
            let told = || self.told.iter().filter(|told| covers(hook.scope, told.scope));
            all_that_happened_has_arrived_once(hook, &attempts, &happened);
            all_that_was_acknowledged_has_arrived(hook, &attempts, told());
            let (some, to_the_end) = each_customers_events_are_in_order(&attempts, told());
            (orders, whole) = (orders + some, whole + to_the_end);
            arrivals += attempts.iter().filter(|heard| heard.has_arrived()).count();
            let twice = duplicates(&attempts, &self.kills);
            (by_kills, otherwise) = (by_kills + twice.0, otherwise + twice.1);
        }
        let sent: usize = attempts.iter().map(Vec::len).sum();
        let of = |status| attempts.iter().flatten().filter(|heard| heard.status == status).count();
        println!(
            "{:?}: {total} events, {} acknowledged; {sent} attempts, {arrivals} arrived, {} refused, {} unanswered, {} cut off by kills; \
             written after {:?}, all had arrived after {:?}; {by_kills} twice by {} kills, {otherwise} otherwise; \
             {orders} orders of customers' events, {whole} to the end",
            self.place.engine,
            self.told.len(),
            of(500),
            of(0),
            of(499),
            self.written,
            self.ended,
            self.kills.len(),
        );
        assert!(otherwise * 100 < arrivals, "{otherwise} of {arrivals} twice, and not by a kill");
        assert!(by_kills <= self.kills.len() * ON_THEIR_WAY, "{by_kills}");
        assert!(whole * 3 > orders, "or the order would not be shown: {whole} of {orders}");
    }
}

/// How often something happened to whom.
type Counts = BTreeMap<(&'static str, i64), i64>;

/// A change's audit line, and the event that tells of it: each is there exactly when the change is.
const SCOPES: [(&str, &str); 10] = [
    ("customer.created", "store/customer/created"),
    ("customer.updated", "store/customer/updated"),
    ("customer.deleted", "store/customer/deleted"),
    ("address.created", "store/customer/address/created"),
    ("address.updated", "store/customer/address/updated"),
    ("address.deleted", "store/customer/address/deleted"),
    ("metafield.created", "store/metafield/created"),
    ("metafield.updated", "store/metafield/updated"),
    ("metafield.deleted", "store/metafield/deleted"),
    ("consent.declared", "custodia/customer/consent/updated"),
];

fn covers(wanted: &str, scope: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == scope, |below| scope.starts_with(below))
}

/// Every attempt at an event, to anybody, has the same bytes.
#[track_caller]
fn one_name_says_one_thing(attempts: &[Vec<Heard>]) {
    let mut digests = HashMap::new();
    for heard in attempts.iter().flatten() {
        let known = digests.entry(&heard.id).or_insert(heard.digest);
        assert_eq!(*known, heard.digest, "{heard:?}");
    }
}

/// No more and no less, by what was written beside each change.
#[track_caller]
fn all_that_happened_has_arrived_once(hook: &Hook, attempts: &[&Heard], happened: &Counts) {
    let arrived: BTreeMap<&str, &Heard> = attempts
        .iter()
        .filter(|heard| heard.has_arrived())
        .map(|heard| (heard.id.as_str(), *heard))
        .collect();
    let mut balance: BTreeMap<(&str, i64), i64> = happened
        .iter()
        .filter(|((scope, _), _)| covers(hook.scope, scope))
        .map(|((scope, id), count)| ((*scope, *id), *count))
        .collect();
    for heard in arrived.values() {
        let id = heard.data["id"].as_i64().expect("an id");
        *balance.entry((heard.scope.as_str(), id)).or_default() -= 1;
    }
    let wrong: Vec<_> = balance.iter().filter(|(_, count)| **count != 0).collect();
    let lost = wrong.iter().filter(|(_, count)| **count > 0).count();
    let first = &wrong[..wrong.len().min(10)];
    assert!(
        wrong.is_empty(),
        "{}: of {} events {lost} are lost, others are too many: {first:?}",
        hook.path,
        arrived.len()
    );
}

/// By body.
#[track_caller]
fn all_that_was_acknowledged_has_arrived<'t>(
    hook: &Hook,
    attempts: &[&Heard],
    told: impl Iterator<Item = &'t Told>,
) {
    let mut names: HashMap<(&str, String), HashSet<&str>> = HashMap::new();
    for heard in attempts.iter().filter(|heard| heard.has_arrived()) {
        names.entry((&heard.scope, heard.data.to_string())).or_default().insert(&heard.id);
    }
    let mut counts: HashMap<(&str, String), usize> = HashMap::new();
    for told in told {
        *counts.entry((told.scope, told.data.to_string())).or_default() += 1;
    }
    let lost: Vec<_> = counts
        .iter()
        .filter(|(event, count)| names.get(event).map_or(0, HashSet::len) < **count)
        .collect();
    let first = &lost[..lost.len().min(10)];
    assert!(
        lost.is_empty(),
        "{}: acknowledged, and never told of: {} such as {first:?}",
        hook.path,
        lost.len()
    );
}

/// Up to the first attempt of each that failed. How many customers' were looked at, and how many did not fail.
#[track_caller]
fn each_customers_events_are_in_order<'t>(
    attempts: &[&Heard],
    told: impl Iterator<Item = &'t Told>,
) -> (usize, usize) {
    let mut heard_of: HashMap<i64, Vec<&Heard>> = HashMap::new();
    for heard in attempts {
        heard_of.entry(customer_of(&heard.data)).or_default().push(heard);
    }
    let mut told_of: BTreeMap<i64, Vec<&Told>> = BTreeMap::new();
    for told in told {
        told_of.entry(told.customer).or_default().push(told);
    }
    let mut whole = 0;
    for (customer, told) in &told_of {
        let (mut known, mut order, mut has_failed) = (HashSet::new(), Vec::new(), false);
        for heard in &heard_of[customer] {
            if known.insert(&heard.id) {
                order.push((heard.scope.as_str(), &heard.data));
            }
            if matches!(heard.status, 0 | 500) {
                has_failed = true;
                break;
            }
        }
        let expected: Vec<_> = told.iter().map(|told| (told.scope, &told.data)).collect();
        let common = order.len().min(expected.len());
        assert_eq!(order[..common], expected[..common], "of customer {customer}");
        whole += usize::from(!has_failed && common == expected.len());
    }
    (told_of.len(), whole)
}

/// What arrived more often than once: because of a kill, and otherwise. A kill can only make somebody send again what was
/// leased then.
fn duplicates(attempts: &[&Heard], kills: &[(Kill, Instant, i64)]) -> (usize, usize) {
    let mut times: HashMap<&str, Vec<Instant>> = HashMap::new();
    for heard in attempts.iter().filter(|heard| heard.has_arrived()) {
        times.entry(&heard.id).or_default().push(heard.at);
    }
    let (mut by_kills, mut otherwise) = (0, 0);
    for times in times.values() {
        for pair in times.windows(2) {
            let lies_between = |(_, at, _): &&(Kill, Instant, i64)| {
                pair[0] < *at && *at < pair[1] && *at - pair[0] < LEASE
            };
            if kills.iter().find(lies_between).is_some() {
                by_kills += 1;
            } else {
                otherwise += 1;
            }
        }
    }
    (by_kills, otherwise)
}
