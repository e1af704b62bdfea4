//! The worker: takes events to those who subscribed to them, and loses none.
//!
//! # The protocol
//!
//! **An event** is a row of `outbox`, written in the transaction of the change it tells of. It is there exactly when the
//! change is; this is where nothing can be lost. From there it takes four steps. Each is one short transaction, or none,
//! and whoever is killed in between leaves the rows as they were, to be found by the next one who looks.
//!
//! 1. **Fan out.** Take the lowest rows of a store's outbox; for each event that an active webhook wants write one `event`
//!    (its name and its body, whose bytes every delivery repeats), one `delivery` for each such webhook, and delete the
//!    row from the outbox. There is no cursor: numbers of events are drawn before their transactions commit, and what
//!    is in the outbox is what waits. One worker at a time takes a store's events (`delivery_turn`), so that the later
//!    ones are not taken before the earlier.
//! 2. **Lease.** The deliveries of one subject (a customer) to one webhook make a *lane*. To lease lanes is to hold some
//!    that are due, passing over those that another worker holds, and to set their `due_at` to when the lease ends, under a
//!    number of its own. The first delivery in each is sent, and no other one: a customer's events keep
//!    their order. A lane's `due_at` is that of its first delivery, so a lease reads as many rows as it takes, however
//!    many wait, and it is made for one webhook, so that no other's backlog is in the way.
//! 3. **Send.** Over the network, with no transaction open, for ten seconds at most.
//! 4. **Record.** What landed for a webhook is recorded together: as many letters as there are when it is their turn. Nobody
//!    waits for more of them. Hold their lanes, and go on with those that still have their lease's number; keep what came of
//!    each attempt; then do what `model::next` says: the delivery goes, or waits for its next rung; or it is a dead letter,
//!    and the webhook is made inactive. Give the lanes back: due when what is first in them now is due, and gone where
//!    nothing is. If that fails, each letter is recorded alone, so that one which cannot be spoils no other.
//!
//! **What fails keeps nobody waiting.** A delivery that failed has a later `due_at`, and the next event of the customer may
//! go: that is where order ends, as it does on the real service.
//!
//! **A lease that runs out** is one whose worker died. The lane is due again, and its delivery is sent once more, with
//! the same name: only so is anything sent twice. Who comes back late with an outcome finds another number, and keeps
//! nothing. A lease is twice as long as an attempt; the clocks of the machines are to agree within those ten seconds.
//!
//! **A slow destination delays no other.** Each may have a few letters on their way; one that fails has a single one
//! until something arrives there. Those at which things arrive have a room that no other takes from; those of which nothing is
//! known, and those that fail, have smaller ones, of which an account has a part at most. For whom there was no room is asked
//! again, in turn, as soon as there is. A domain that fails too often is blocked: the counts are rows that all workers add
//! to once a second, and so is the block.
//!
//! **What is dead is given up**: a webhook whose event has climbed the whole ladder, and one at which nothing arrived for
//! as long as that takes, whatever its events have climbed by then; where much waits, each has its turn too seldom. Its
//! owner may have repaired it meanwhile: who changed it has the whole ladder again.
//!
//! **Whoever is gone** (a webhook deleted or made inactive, an account revoked, a store being deleted) is found when a
//! lease is wanted. Nothing of a webhook or its secrets is remembered from one lease to the next: what its owner was told is so
//! holds for the next letter that is leased. What waits for it is then dropped, some rows at a time; for one that is inactive it
//! becomes dead letters, as does what was given up: they are kept, and may be asked for again. A customer who is erased takes the
//! events of consent and metafields along, in the same transaction (`deliveries::rows`).
//!
//! **Once more.** Who asks for an event again writes its `delivery` and opens its lane, as fan-out does; the ladder begins
//! anew, and the numbers of its attempts go on.
//!
//! **Who listens** (`listeners`) is left a note of each event at its fan-out, also of one that no webhook wants, and of each
//! attempt as it is recorded: a row of numbers, in the same transaction. Where nobody does, that costs a look at an empty
//! index for each fan-out, and nothing else.
//!
//! **Waking.** A write rings `App::changed` after its commit. Whether other processes left something in an outbox is looked
//! for four times a second, in one statement where there is nothing, and more often while there is. What waits for its rung
//! and what a dead worker had is looked for once a second: one statement where there is nothing, and one for each webhook for
//! which something waits. A lease is asked for when something was fanned out or is due again, and, where the last one
//! found more than there was room for, when letters have been recorded.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    future::Future,
    ops::Bound,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use kernel::{AccountId, Result, StoreId};
use resources::{hooks::model::Headers, listeners};
use rest::App;
use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    letter::{self, Letter},
    model::{self, Fault, Occasion, Outcome, Profile, Step},
    ops::{self, Addressee, Landed},
    post::{Attempt, Post},
    rows::{Parcel, Queue},
};

/// Delivers the webhooks of all stores. Cheap to clone; any number of them may run, here and elsewhere.
#[derive(Clone)]
pub struct Worker(Arc<Inside>);

struct Inside {
    app: App,
    profile: Profile,
    post: Post,
    /// For whom fan-out has found something.
    fresh: Mutex<BTreeSet<Queue>>,
    bell: Notify,
    paces: Mutex<Paces>,
    /// For whom more is due than there was room for, by where that goes.
    more: Mutex<HashMap<Destination, BTreeSet<Queue>>>,
    /// What came of letters and is not recorded yet, of each webhook for which somebody is about to.
    landed: Mutex<HashMap<Queue, Vec<Flown>>>,
    /// Leaves the database to others, however many letters land at once.
    recording: Semaphore,
    /// Attempts and failures that are not counted yet.
    uncounted: Mutex<HashMap<Destination, (i64, i64)>>,
    /// What arrived at webhooks and what failed, that is not tallied yet.
    untallied: Mutex<BTreeMap<Queue, (i64, i64)>>,
}

/// A domain that a store's webhooks lead to.
type Destination = (StoreId, String);

/// How many letters are on their way, and to where.
#[derive(Debug, Default)]
struct Paces {
    /// To destinations of each standing; and to those at which nothing has arrived, of each account's.
    by: [usize; 3],
    doubtful: HashMap<(StoreId, AccountId), usize>,
    of: HashMap<Destination, Pace>,
    /// For whom there was no room among the destinations of that standing, in the order in which they are served.
    refused: [VecDeque<Queue>; 3],
}

/// How many letters may be on their way to a destination, and how many are.
#[derive(Clone, Copy, Debug)]
struct Pace {
    most: usize,
    now: usize,
    standing: Standing,
    /// When something was last sent there.
    at: Instant,
}

/// What came of the last letter to a destination. Those at which nothing arrives share a room of their own: however many
/// there are, they keep nobody else waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Arriving = 0,
    Unknown = 1,
    Failing = 2,
}

impl Standing {
    /// How many letters may be on their way at once to destinations of this standing.
    fn room(self) -> usize {
        match self {
            Self::Arriving => 256,
            Self::Unknown => 128,
            Self::Failing => 64,
        }
    }
}

impl Worker {
    /// A worker that sends by this post.
    #[must_use]
    pub fn new(app: App, profile: Profile, post: Post) -> Self {
        Self(Arc::new(Inside {
            app,
            profile,
            post,
            fresh: Mutex::default(),
            bell: Notify::new(),
            paces: Mutex::default(),
            more: Mutex::default(),
            landed: Mutex::default(),
            recording: Semaphore::new(RECORDERS),
            uncounted: Mutex::default(),
            untallied: Mutex::default(),
        }))
    }

    /// Deliver until `stop`; then begin nothing more, and wait for what is on its way.
    pub async fn keep(&self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.fan_out() => {}
            () = self.sweep() => {}
            () = self.deliver(stop) => {}
        }
    }

    /// Deliver all that can be delivered now, and tell how many attempts that took.
    pub async fn pass(&self) -> Result<usize> {
        let app = &self.0.app;
        let mut attempts = 0;
        loop {
            for store in ops::stores(app).await? {
                while {
                    let fanned = ops::fan_out(app, store).await?;
                    fanned.is_more || fanned.is_anothers
                } {}
            }
            let mut flights = JoinSet::new();
            for queue in ops::due(app).await? {
                while self.send_off(self.take(queue).await?, &mut flights) == Again::AtOnce {}
            }
            if flights.is_empty() {
                return Ok(attempts);
            }
            attempts += flights.len();
            while flights.join_next().await.is_some() {}
            self.count().await?;
        }
    }

    /// Look for what is old in every store, as is done once an hour.
    pub async fn tidy_up(&self) -> Result<()> {
        let Inside { app, profile, .. } = &*self.0;
        access::accounts::forget_former(&app.db, app.clock.now()).await?;
        for store in access::stores::list(&app.db).await? {
            if !store.deleted {
                listeners::ops::sweep(&app.db, store.id, app.clock.now()).await?;
                ops::sweep(app, profile, store.id).await?;
            }
        }
        Ok(())
    }

    async fn sweep(&self) {
        loop {
            sleep(SWEEP).await;
            if let Err(error) = self.tidy_up().await {
                tracing::warn!(%error, "what is old among the webhooks stays for now");
            }
        }
    }

    /// Follow the outboxes.
    async fn fan_out(&self) {
        let app = &self.0.app;
        let mut stores = BTreeSet::new();
        let mut look = Instant::now();
        loop {
            let has_looked = Instant::now() >= look;
            if has_looked {
                let found = ops::stores(app).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the outboxes cannot be read");
                    BTreeSet::new()
                });
                // Where another process leaves something, more is soon to come.
                look = Instant::now() + if found.is_empty() { FOLLOW } else { TOGETHER };
                stores.extend(found);
            }
            let mut left = BTreeSet::new();
            for store in stores {
                match ops::fan_out(app, store).await {
                    Ok(fanned) => {
                        self.note(fanned.queues);
                        left.extend(fanned.is_more.then_some(store));
                        if fanned.is_anothers && has_looked {
                            // Should they die, or have no eyes for the last of it, it is found then.
                            look = Instant::now() + FOLLOW;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(store_id = store.0, %error, "events wait in the outbox");
                    }
                }
            }
            let patience = look.saturating_duration_since(Instant::now());
            let patience = if left.is_empty() { patience } else { TOGETHER };
            stores = app.changed.take(patience).await.unwrap_or_default();
            if left.is_empty() {
                // What happens meanwhile shares the transaction.
                sleep(TOGETHER).await;
            }
            stores.extend(left);
        }
    }

    async fn deliver(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let (mut flights, mut leases, mut looks) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        let (mut due, mut leasing) = (BTreeSet::new(), BTreeSet::new());
        let mut last = None;
        let mut look = Instant::now();
        loop {
            // Asked of each time, or those who land all the time would keep the others waiting.
            due.append(&mut std::mem::take(&mut *held(&self.0.fresh)));
            if looks.is_empty() && Instant::now() >= look {
                let (worker, begun) = (self.clone(), Instant::now());
                looks.spawn(async move { (worker.look().await, begun.elapsed()) });
            }
            // Whoever was served last is last in turn.
            let after = last.map_or(Bound::Unbounded, Bound::Excluded);
            let later = due.range((after, Bound::Unbounded)).chain(&due).take(due.len());
            let is_free = |queue: &&Queue| !leasing.contains(*queue);
            let turns: Vec<Queue> =
                later.filter(is_free).copied().take(LEASES.saturating_sub(leases.len())).collect();
            for queue in turns {
                due.remove(&queue);
                leasing.insert(queue);
                let worker = self.clone();
                leases.spawn(async move { (queue, worker.take(queue).await) });
                last = Some(queue);
            }
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(taken) = leases.join_next() => {
                    let (queue, again) = self.leased(taken, &mut flights);
                    match queue {
                        Some(queue) => { leasing.remove(&queue); }
                        None => leasing.clear(),
                    }
                    due.extend(queue.filter(|_| again == Again::AtOnce));
                }
                // Before those who land, or where they land all the time nobody would be found.
                Some(looked) = looks.join_next() => {
                    let (found, took) = looked.unwrap_or_else(|error| {
                        tracing::error!(%error, "what is due is looked for later");
                        Default::default()
                    });
                    due.extend(found);
                    // Where much waits a look takes longer, and there are fewer.
                    look = Instant::now() + LOOK.max(took * 4);
                }
                Some(_) = flights.join_next() => while flights.try_join_next().is_some() {},
                () = self.0.bell.notified() => {}
                () = sleep_until(look), if looks.is_empty() => {}
            }
        }
        while let Some(taken) = leases.join_next().await {
            self.leased(taken, &mut flights);
        }
        while flights.join_next().await.is_some() {}
        while looks.join_next().await.is_some() {}
        if let Err(error) = self.count().await {
            tracing::warn!(%error, "attempts are not counted");
        }
    }

    /// For whom something is due; and what was attempted is counted.
    async fn look(&self) -> BTreeSet<Queue> {
        self.0.post.tidy();
        held(&self.0.paces).of.retain(|_, pace| pace.now > 0 || pace.at.elapsed() < REMEMBERED);
        if let Err(error) = self.count().await {
            tracing::warn!(%error, "attempts are not counted");
        }
        ops::due(&self.0.app).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is due cannot be read");
            BTreeSet::new()
        })
    }

    /// Send off what was leased. For whom, unless a panic hides it, and whether that one is asked again at once.
    fn leased(
        &self,
        leased: std::result::Result<(Queue, Result<Taken>), JoinError>,
        flights: &mut JoinSet<()>,
    ) -> (Option<Queue>, Again) {
        match leased {
            Ok((queue, Ok(taken))) => (Some(queue), self.send_off(taken, flights)),
            Ok((queue, Err(error))) => {
                let (store_id, hook_id) = (queue.store.0, queue.hook.0);
                tracing::warn!(store_id, hook_id, %error, "deliveries wait");
                (Some(queue), Again::Later)
            }
            Err(error) => {
                tracing::error!(%error, "deliveries wait");
                (None, Again::Later)
            }
        }
    }

    /// Lease what is due to a webhook, as far as there is room.
    async fn take(&self, queue: Queue) -> Result<Taken> {
        let Inside { app, profile, more, .. } = &*self.0;
        let nothing = |again| Taken { letters: Vec::new(), again };
        let Some(to) = ops::addressee(app, queue).await?.map(Arc::new) else {
            held(more).retain(|_, queues| {
                queues.remove(&queue);
                !queues.is_empty()
            });
            let is_more = ops::discard(app, queue).await?;
            return Ok(nothing(if is_more { Again::AtOnce } else { Again::Later }));
        };
        let blocked_until = to.recipient.blocked_until;
        let occasion = Occasion::Due { blocked_until };
        if model::next(profile, occasion, app.clock.now()) != Step::Send {
            return Ok(nothing(Again::Later));
        }
        let destination = (queue.store, to.domain().to_owned());
        // Said before it is known, or what lands meanwhile would ask for nothing.
        held(more).entry(destination.clone()).or_default().insert(queue);
        let mut slots = self.slots(queue, to.hook().account, &destination);
        if slots.is_empty() {
            return Ok(nothing(Again::Later));
        }
        let limit = slots.len();
        let parcels = ops::lease(app, queue, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
        if parcels.len() < limit {
            let mut more = held(more);
            if let Some(queues) = more.get_mut(&destination) {
                queues.remove(&queue);
                if queues.is_empty() {
                    more.remove(&destination);
                }
            }
        }
        let letters =
            parcels.into_iter().map(|parcel| (Arc::clone(&to), parcel, slots.pop())).collect();
        Ok(Taken { letters, again: Again::Later })
    }

    fn send_off(&self, Taken { letters, again }: Taken, flights: &mut JoinSet<()>) -> Again {
        for (to, parcel, slot) in letters {
            let worker = self.clone();
            flights.spawn(async move { worker.send(to, parcel, slot).await });
        }
        again
    }

    /// One letter: send it, and record what came of it.
    async fn send(&self, to: Arc<Addressee>, parcel: Parcel, slot: Option<Slot>) {
        let Inside { app, post, .. } = &*self.0;
        let hook = to.hook();
        let sent_at = app.clock.now().seconds();
        let headers = hook.headers.iter().flat_map(Headers::iter);
        let letter = Letter {
            destination: hook.destination.url().to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            signature: letter::signature(&to.secrets, &parcel.hash, sent_at, &parcel.body),
            id: parcel.hash.clone(),
            sent_at,
            body: parcel.body.clone(),
        };
        let attempt = post.send(&letter).await;
        let (store_id, hook_id, event_id) = (to.queue.store.0, to.queue.hook.0, parcel.event_id);
        let (outcome, micros) = (attempt.outcome, attempt.took.as_micros());
        tracing::debug!(store_id, hook_id, event_id, ?outcome, %micros, "sent");
        if let Some(slot) = &slot {
            slot.learn(&attempt);
        }
        if outcome != Outcome::Failed(Fault::OutsideTrial) {
            let mut untallied = held(&self.0.untallied);
            let (arrived, failed) = untallied.entry(to.queue).or_default();
            *if outcome.has_arrived() { arrived } else { failed } += 1;
        }
        self.record(Flown { to, landed: Landed { parcel, attempt }, _slot: slot }).await;
    }

    /// Record what came of a letter, together with those to the same webhook that land meanwhile: whoever is first does so
    /// for all of them, as long as there are any.
    async fn record(&self, flown: Flown) {
        let queue = flown.to.queue;
        {
            let mut landed = held(&self.0.landed);
            if let Some(others) = landed.get_mut(&queue) {
                others.push(flown);
                return;
            }
            landed.insert(queue, vec![flown]);
        }
        let mut recorder = Recorder { worker: self, queue, is_done: false };
        loop {
            let turn = self.0.recording.acquire().await;
            let Some(some) = recorder.next() else { return };
            let outcome = self.try_to_record(&some).await;
            drop(turn);
            if let Err(error) = outcome {
                let (store_id, hook_id) = (queue.store.0, queue.hook.0);
                tracing::warn!(store_id, hook_id, %error, "attempts are not recorded yet");
                // One alone may be what is wrong with all of them.
                join_all(some.iter().map(|it| self.record_alone(it))).await;
            }
            let domain = some.last().map(|it| it.to.domain().to_owned()).unwrap_or_default();
            drop(some);
            // There is room for all who share the destination.
            let waiting = held(&self.0.more).get(&(queue.store, domain)).cloned();
            if let Some(waiting) = waiting {
                self.note(waiting);
            }
        }
    }

    async fn record_alone(&self, flown: &Flown) {
        let (queue, event_id) = (flown.to.queue, flown.landed.parcel.event_id);
        let (store_id, hook_id) = (queue.store.0, queue.hook.0);
        for patience in RECORDING {
            let recorded = {
                let _turn = self.0.recording.acquire().await;
                self.try_to_record(std::slice::from_ref(flown)).await
            };
            let Err(error) = recorded else { return };
            tracing::warn!(store_id, hook_id, event_id, %error, "an attempt is not recorded yet");
            sleep(patience).await;
        }
        tracing::warn!(store_id, hook_id, event_id, "an attempt is not recorded; it is made again");
    }

    async fn try_to_record(&self, flown: &[Flown]) -> Result<()> {
        let Inside { app, profile, .. } = &*self.0;
        let Some(to) = flown.last().map(|it| &it.to) else { return Ok(()) };
        let landed: Vec<&Landed> = flown.iter().map(|it| &it.landed).collect();
        let recorded = ops::record(app, profile, to, &landed).await?;
        if recorded.is_told {
            app.changed.note(to.queue.store);
        }
        if recorded.is_due {
            self.note([to.queue]);
        }
        Ok(())
    }

    /// Add what was attempted since to what all workers have counted.
    async fn count(&self) -> Result<()> {
        let Inside { app, profile, uncounted, untallied, .. } = &*self.0;
        let mut by_store: BTreeMap<StoreId, Vec<_>> = BTreeMap::new();
        for (queue, counts) in std::mem::take(&mut *held(untallied)) {
            by_store.entry(queue.store).or_default().push((queue.hook, counts));
        }
        for (store, counts) in by_store {
            ops::tally(app, store, &counts).await?;
        }
        let mut by_store: BTreeMap<StoreId, Vec<_>> = BTreeMap::new();
        for ((store, domain), counts) in std::mem::take(&mut *held(uncounted)) {
            by_store.entry(store).or_default().push((domain, counts));
        }
        by_store.retain(|_, _| profile.blocks());
        for (store, mut counts) in by_store {
            // Whoever counts several does so in one order.
            counts.sort_unstable();
            for domain in ops::count(app, profile, store, &counts).await? {
                tracing::warn!(store_id = store.0, domain, "blocked: too little arrives there");
                app.changed.note(store);
            }
        }
        Ok(())
    }

    /// Something is due to these.
    fn note(&self, queues: impl IntoIterator<Item = Queue>) {
        held(&self.0.fresh).extend(queues);
        self.0.bell.notify_one();
    }

    /// The slots that are free at a destination, or none until it is worth a lease.
    fn slots(&self, queue: Queue, account: AccountId, destination: &Destination) -> Vec<Slot> {
        let account = (queue.store, account);
        let mut paces = held(&self.0.paces);
        let Paces { by, doubtful, of, refused } = &mut *paces;
        let at = Instant::now();
        let fresh = Pace { most: FIRST, now: 0, standing: Standing::Unknown, at };
        let pace = of.entry(destination.clone()).or_insert(fresh);
        let standing = pace.standing;
        let mut room = standing.room().saturating_sub(by[standing as usize]);
        if standing != Standing::Arriving {
            let taken = doubtful.get(&account).copied().unwrap_or_default();
            room = room.min(OF_AN_ACCOUNT.saturating_sub(taken));
        }
        if room == 0 {
            let refused = &mut refused[standing as usize];
            if !refused.contains(&queue) {
                refused.push_back(queue);
            }
            return Vec::new();
        }
        let free = pace.most.saturating_sub(pace.now).min(room);
        if free == 0 || free * 2 < pace.most.min(room) {
            return Vec::new();
        }
        (pace.now, pace.at) = (pace.now + free, at);
        by[standing as usize] += free;
        if standing != Standing::Arriving {
            *doubtful.entry(account).or_default() += free;
        }
        let slot =
            || Slot { worker: self.clone(), account, destination: destination.clone(), standing };
        std::iter::repeat_with(slot).take(free).collect()
    }
}

/// What was leased for a webhook.
struct Taken {
    letters: Vec<(Arc<Addressee>, Parcel, Option<Slot>)>,
    again: Again,
}

/// When a webhook is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    AtOnce,
    /// When something lands, happens or is due.
    Later,
}

/// A letter of which it is known what came of it, in its place until that is recorded.
struct Flown {
    to: Arc<Addressee>,
    landed: Landed,
    _slot: Option<Slot>,
}

/// Who records what lands for a webhook. Should it end before it is done, what waits for it is given up, and is sent again
/// when its leases have run out.
struct Recorder<'w> {
    worker: &'w Worker,
    queue: Queue,
    is_done: bool,
}

impl Recorder<'_> {
    fn next(&mut self) -> Option<Vec<Flown>> {
        let mut landed = held(&self.worker.0.landed);
        let waiting = landed.get_mut(&self.queue)?;
        if waiting.is_empty() {
            landed.remove(&self.queue);
            self.is_done = true;
            return None;
        }
        Some(waiting.drain(..waiting.len().min(ops::RECORDED_AT_ONCE)).collect())
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let lost = held(&self.worker.0.landed).remove(&self.queue);
            drop(lost);
        }
    }
}

/// A letter's place among those on their way to a destination.
struct Slot {
    worker: Worker,
    account: (StoreId, AccountId),
    destination: Destination,
    /// What the destination's was when the letter left.
    standing: Standing,
}

impl Slot {
    /// What came of the attempt says how many there may be at once: more where they arrive soon, fewer where that takes
    /// long, and one where they do not.
    fn learn(&self, attempt: &Attempt) {
        let has_arrived = attempt.outcome.has_arrived();
        let worker = &self.worker.0;
        if let Some(pace) = held(&worker.paces).of.get_mut(&self.destination) {
            pace.standing = if has_arrived { Standing::Arriving } else { Standing::Failing };
            pace.most = match (has_arrived, attempt.took < SOON) {
                (true, true) => (pace.most * 2).min(AT_ONE),
                (true, false) => (pace.most / 2).max(FIRST.min(pace.most)),
                (false, _) => 1,
            };
        }
        if attempt.outcome == Outcome::Failed(Fault::OutsideTrial) {
            return;
        }
        let mut uncounted = held(&worker.uncounted);
        let (attempts, failures) = uncounted.entry(self.destination.clone()).or_default();
        *attempts += 1;
        *failures += i64::from(!has_arrived);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let standing = self.standing as usize;
        let next = {
            let mut paces = held(&self.worker.0.paces);
            paces.by[standing] = paces.by[standing].saturating_sub(1);
            if self.standing != Standing::Arriving
                && let Some(taken) = paces.doubtful.get_mut(&self.account)
            {
                *taken = taken.saturating_sub(1);
                if *taken == 0 {
                    paces.doubtful.remove(&self.account);
                }
            }
            if let Some(pace) = paces.of.get_mut(&self.destination) {
                pace.now = pace.now.saturating_sub(1);
            }
            paces.refused[standing].pop_front()
        };
        self.worker.note(next);
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many letters may be on their way at once to destinations of an account's at which nothing has arrived.
const OF_AN_ACCOUNT: usize = 16;

/// For how long it is remembered of a destination to which nothing is sent how it stood.
const REMEMBERED: Duration = Duration::from_mins(10);

/// How many letters may be on their way to one destination of which nothing is known.
const FIRST: usize = 4;

/// How many of them to one destination that takes them.
const AT_ONE: usize = 16;

/// How long an answer takes that is soon.
const SOON: Duration = Duration::from_secs(1);

/// How often it is looked for what nobody rang for.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is looked whether another process left events in an outbox.
const FOLLOW: Duration = Duration::from_millis(250);

/// How long events are waited for that share a transaction.
const TOGETHER: Duration = Duration::from_millis(10);

/// How often what is old is looked for; each store's is, once an hour.
const SWEEP: Duration = Duration::from_mins(1);

/// For how many webhooks something is leased at once.
const LEASES: usize = 8;

/// For how many of them it is recorded at once what came of their letters.
const RECORDERS: usize = 8;

/// How long it is waited for, after each try, to record an attempt: less than a lease holds.
const RECORDING: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];
