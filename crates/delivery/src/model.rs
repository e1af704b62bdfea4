//! What happens next. One function decides it, from what is known and the time that it is given; whoever calls it does
//! what it says.

use std::{str::FromStr, time::Duration};

use kernel::Timestamp;

/// How patient a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    ladder: Vec<Duration>,
    blocks: bool,
    is_trial: bool,
}

impl Profile {
    /// What is published: eleven retries in about 48 hours, and domains that fail are blocked.
    #[must_use]
    pub fn published() -> Self {
        Self { ladder: LADDER.map(Duration::from_secs).to_vec(), blocks: true, is_trial: false }
    }

    /// For trying an app: other pauses between the attempts, and perhaps no block. With it nothing is sent to anywhere but
    /// the ranges that the operator allowed.
    #[must_use]
    pub fn trial(ladder: Option<Vec<Rung>>, blocks: bool) -> Self {
        let published = Self::published();
        let ladder = ladder.map(|rungs| rungs.into_iter().map(|Rung(pause)| pause).collect());
        Self { ladder: ladder.unwrap_or(published.ladder), blocks, is_trial: true }
    }

    /// Whether it is for trying only.
    #[must_use]
    pub fn is_trial(&self) -> bool {
        self.is_trial
    }

    /// Whether the ladder could have been climbed since then.
    fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        let whole: Duration = self.ladder.iter().sum();
        now >= after(since, whole)
    }

    /// Whether domains that fail are blocked.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.blocks
    }
}

/// A pause between two attempts, as an operator writes it: `500ms`, `1s`, `5m`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung(pub Duration);

/// A text is no such pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no pause of at most a week, such as 500ms, 1s, 5m or 2h")]
pub struct NoRung;

impl FromStr for Rung {
    type Err = NoRung;

    fn from_str(text: &str) -> Result<Self, NoRung> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| NoRung)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(NoRung),
        };
        let pause = number.checked_mul(millis).map(Duration::from_millis).ok_or(NoRung)?;
        (pause <= Duration::from_hours(7 * 24)).then_some(Self(pause)).ok_or(NoRung)
    }
}

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was an answer, with this status.
    Answered(u16),
    /// There was none.
    Failed(Fault),
}

impl Outcome {
    /// Whether the event has arrived: any 2xx says so.
    #[must_use]
    pub fn has_arrived(self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The destination is no address that can be used.
    Address,
    /// It leads to where nothing may be sent.
    Forbidden,
    /// A trial sends nothing to there. Nothing was attempted.
    OutsideTrial,
    /// Its name leads nowhere.
    Name,
    /// Nobody took the connection.
    Connection,
    /// The other side could not show who it is.
    Certificate,
    /// It took too long.
    Timeout,
    /// What came back was no answer.
    Broken,
}

impl Fault {
    /// The word that is kept of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Forbidden => "forbidden",
            Self::OutsideTrial => "outside_trial",
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Certificate => "certificate",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
        }
    }
}

/// Something about which it is to be decided what happens next.
#[derive(Clone, Copy, Debug)]
pub enum Occasion<'a> {
    /// A delivery is due, to a domain that is blocked until then.
    Due { blocked_until: Timestamp },
    /// An attempt has ended, after so many others that failed, at a webhook to which this had happened.
    Attempted { failures: i64, outcome: Outcome, past: Past },
    /// The attempts at a domain were counted, a slot of some seconds each.
    Counted { slots: &'a [Slot], blocked_until: Timestamp },
    /// Nothing has arrived at a webhook since then.
    Silent { since: Timestamp },
    /// An attempt has failed, and its account was last told of such at this destination then.
    Failing { told_at: Timestamp },
}

/// What had happened to a webhook before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// When it was made, or last changed by its owner, who may have repaired it.
    pub changed_at: Timestamp,
    /// Since when all attempts failed; `None` while something arrives.
    pub failing_since: Option<Timestamp>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Rest,
    /// The event is sent.
    Send,
    /// It has arrived.
    Done,
    /// It is sent again, then.
    RetryAt(Timestamp),
    /// It is sent again, then, and climbs the ladder from its foot: the webhook is another than the one that failed.
    BeginAnewAt(Timestamp),
    /// It is looked at again, then; nothing was attempted, and nothing counts.
    WaitUntil(Timestamp),
    /// The webhook is made inactive, and gets nothing any more.
    Deactivate,
    /// Nothing is sent to the domain until then.
    BlockUntil(Timestamp),
    /// The account is told.
    Tell,
}

/// How many attempts there were at a domain in the seconds that began then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub begun_at: Timestamp,
    pub attempts: i64,
    pub failures: i64,
}

impl Slot {
    /// When the slot of an instant begins.
    #[must_use]
    pub fn of(at: Timestamp) -> Timestamp {
        Timestamp(at.0 - at.0.rem_euclid(SLOT))
    }

    /// The slots that began before then count no more.
    #[must_use]
    pub fn oldest(now: Timestamp) -> Timestamp {
        Timestamp(now.0 - WINDOW)
    }
}

/// Decide what happens next.
#[must_use]
pub fn next(profile: &Profile, occasion: Occasion<'_>, now: Timestamp) -> Step {
    match occasion {
        Occasion::Due { blocked_until } if profile.blocks && now < blocked_until => {
            Step::WaitUntil(blocked_until)
        }
        Occasion::Due { .. } => Step::Send,
        Occasion::Attempted { outcome, .. } if outcome.has_arrived() => Step::Done,
        Occasion::Attempted { outcome: Outcome::Failed(Fault::OutsideTrial), .. } => {
            Step::WaitUntil(now.plus_seconds(60))
        }
        Occasion::Attempted { failures, past, .. } => {
            let rung = usize::try_from(failures).ok().and_then(|it| profile.ladder.get(it));
            // Where much waits for a destination that is dead, a delivery's turn comes too seldom for it to reach the
            // ladder's end.
            let is_hopeless = past.failing_since.is_some_and(|since| profile.is_over(since, now));
            match rung {
                _ if is_hopeless && profile.is_over(past.changed_at, now) => Step::Deactivate,
                Some(pause) => Step::RetryAt(after(now, *pause)),
                None if profile.is_over(past.changed_at, now) => Step::Deactivate,
                None => {
                    let foot = profile.ladder.first().copied().unwrap_or_default();
                    Step::BeginAnewAt(after(now, foot))
                }
            }
        }
        Occasion::Counted { slots, blocked_until } => {
            let counted = slots.iter().filter(|slot| slot.begun_at > Slot::oldest(now));
            let (attempts, failures) = counted.fold((0, 0), |(attempts, failures), slot| {
                (attempts + slot.attempts, failures + slot.failures)
            });
            let fails = attempts >= ENOUGH && failures * 10 > attempts;
            if profile.blocks && fails && now >= blocked_until {
                Step::BlockUntil(Timestamp(now.0 + BLOCK))
            } else {
                Step::Rest
            }
        }
        Occasion::Silent { since } if now.0 - since.0 >= SILENCE => Step::Deactivate,
        Occasion::Failing { told_at } if now.0 - told_at.0 >= TELLING => Step::Tell,
        Occasion::Silent { .. } | Occasion::Failing { .. } => Step::Rest,
    }
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)))
}

/// The pauses that are published, in seconds.
const LADDER: [u64; 11] = [60, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 50_400, 86_400];

/// How long attempts count for a domain's block.
const WINDOW: i64 = 120 * Timestamp::SECOND;

/// How finely that is known.
const SLOT: i64 = 5 * Timestamp::SECOND;

/// From how many attempts on they tell something of a domain.
const ENOUGH: i64 = 100;

/// How long a block lasts.
const BLOCK: i64 = 180 * Timestamp::SECOND;

/// After how long without a delivery a webhook is made inactive.
const SILENCE: i64 = 90 * 86_400 * Timestamp::SECOND;

/// How often an account is told that a destination fails.
const TELLING: i64 = 600 * Timestamp::SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_717_243_200);
    const BUSY: Outcome = Outcome::Answered(503);

    fn attempted(profile: &Profile, failures: i64, outcome: Outcome, now: Timestamp) -> Step {
        let past = Past { changed_at: Timestamp(0), failing_since: None };
        next(profile, Occasion::Attempted { failures, outcome, past }, now)
    }

    #[test]
    fn an_event_that_never_arrives_is_tried_for_48_hours_and_then_its_webhook_is_made_inactive() {
        let profile = Profile::published();
        let (mut now, mut failures, mut pauses) = (NOON, 0, Vec::new());
        loop {
            match attempted(&profile, failures, BUSY, now) {
                Step::RetryAt(at) => {
                    pauses.push((at.0 - now.0) / Timestamp::SECOND);
                    now = at;
                    failures += 1;
                }
                step => {
                    assert_eq!(step, Step::Deactivate);
                    break;
                }
            }
        }
        let published = [60, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 50_400, 86_400];
        assert_eq!(pauses, published);
        assert_eq!((now.0 - NOON.0) / Timestamp::SECOND, 173_040, "48 hours and 4 minutes");
    }

    #[test]
    fn an_event_may_arrive_on_every_rung_and_only_a_2xx_says_so() {
        let profile = Profile::published();
        for failures in 0..=11 {
            for status in [200, 201, 202, 204, 299] {
                let step = attempted(&profile, failures, Outcome::Answered(status), NOON);
                assert_eq!(step, Step::Done);
            }
        }
        for status in [100, 199, 300, 301, 302, 307, 400, 404, 410, 429, 500, 503] {
            let step = attempted(&profile, 0, Outcome::Answered(status), NOON);
            assert_eq!(step, Step::RetryAt(NOON.plus_seconds(60)), "{status}");
        }
        for fault in [
            Fault::Address,
            Fault::Forbidden,
            Fault::Name,
            Fault::Connection,
            Fault::Certificate,
            Fault::Timeout,
            Fault::Broken,
        ] {
            let step = attempted(&profile, 3, Outcome::Failed(fault), NOON);
            assert_eq!(step, Step::RetryAt(NOON.plus_seconds(600)), "{fault:?}");
        }
    }

    #[test]
    fn a_trial_climbs_its_own_ladder_and_nothing_counts_that_it_may_not_send() {
        let rungs = ["1s", "2s", "500ms"].map(|text| text.parse().unwrap());
        let profile = Profile::trial(Some(rungs.to_vec()), false);
        assert_eq!(attempted(&profile, 1, BUSY, NOON), Step::RetryAt(NOON.plus_seconds(2)));
        assert_eq!(attempted(&profile, 2, BUSY, NOON), Step::RetryAt(Timestamp(NOON.0 + 500_000)));
        assert_eq!(attempted(&profile, 3, BUSY, NOON), Step::Deactivate);
        let outside = Outcome::Failed(Fault::OutsideTrial);
        for failures in [0, 3, 99] {
            let step = attempted(&profile, failures, outside, NOON);
            assert_eq!(step, Step::WaitUntil(NOON.plus_seconds(60)));
        }
    }

    #[test]
    fn a_webhook_that_was_changed_meanwhile_is_given_the_whole_ladder_again() {
        let profile = Profile::published();
        let given_up = |changed_at| {
            let past = Past { changed_at, failing_since: Some(Timestamp(0)) };
            next(&profile, Occasion::Attempted { failures: 11, outcome: BUSY, past }, NOON)
        };
        assert_eq!(given_up(NOON), Step::BeginAnewAt(NOON.plus_seconds(60)));
        assert_eq!(given_up(NOON.plus_seconds(-173_039)), Step::BeginAnewAt(NOON.plus_seconds(60)));
        assert_eq!(given_up(NOON.plus_seconds(-173_040)), Step::Deactivate);
    }

    #[test]
    fn a_webhook_at_which_nothing_arrives_for_48_hours_is_given_up_however_seldom_its_events_have_their_turn()
     {
        let profile = Profile::published();
        let first = |failing_since, outcome| {
            let past = Past { changed_at: Timestamp(0), failing_since };
            next(&profile, Occasion::Attempted { failures: 0, outcome, past }, NOON)
        };
        let retry = Step::RetryAt(NOON.plus_seconds(60));
        assert_eq!(first(None, BUSY), retry);
        assert_eq!(first(Some(NOON.plus_seconds(-173_039)), BUSY), retry);
        assert_eq!(first(Some(NOON.plus_seconds(-173_040)), BUSY), Step::Deactivate);
        assert_eq!(first(Some(Timestamp(1)), Outcome::Answered(200)), Step::Done);
        let outside = Outcome::Failed(Fault::OutsideTrial);
        assert_eq!(first(Some(Timestamp(1)), outside), Step::WaitUntil(NOON.plus_seconds(60)));
    }

    #[test]
    fn a_pause_is_read_as_operators_write_it() {
        let check = |text: &str, expected: Option<u64>| {
            let rung = expected.map(|millis| Rung(Duration::from_millis(millis)));
            assert_eq!(text.parse::<Rung>().ok(), rung, "{text}");
        };
        check("500ms", Some(500));
        check("1s", Some(1_000));
        check("5m", Some(300_000));
        check("2h", Some(7_200_000));
        for text in
            ["", "1", "s", "-1s", "1.5s", "1d", "1 s", "999h", "99999999999999999999s", "1sé"]
        {
            check(text, None);
        }
    }

    /// So many attempts in each slot from so many seconds before now on, of which so many fail.
    fn slots(from: i64, each: i64, failures: i64) -> Vec<Slot> {
        let begun = |seconds: i64| Slot::of(NOON.plus_seconds(-seconds));
        let slot = |begun_at| Slot { begun_at, attempts: each, failures };
        (0..from).step_by(5).map(|seconds| slot(begun(seconds))).collect()
    }

    fn counted(slots: &[Slot], now: Timestamp) -> Step {
        let occasion = Occasion::Counted { slots, blocked_until: Timestamp(0) };
        next(&Profile::published(), occasion, now)
    }

    #[test]
    fn a_domain_is_blocked_for_three_minutes_when_fewer_than_nine_in_ten_of_a_hundred_arrive() {
        let block = Step::BlockUntil(NOON.plus_seconds(180));
        let one = |attempts, failures| [Slot { begun_at: Slot::of(NOON), attempts, failures }];
        assert_eq!(counted(&one(99, 99), NOON), Step::Rest, "too few to tell");
        assert_eq!(counted(&one(100, 10), NOON), Step::Rest, "nine in ten");
        assert_eq!(counted(&one(100, 11), NOON), block);
        assert_eq!(counted(&one(1_000_000, 100_000), NOON), Step::Rest);
        assert_eq!(counted(&one(1_000_000, 100_001), NOON), block);
        // Spread over two minutes it counts as well, and no longer.
        assert_eq!(counted(&slots(120, 5, 5), NOON), block);
        assert_eq!(counted(&slots(60, 10, 10), NOON.plus_seconds(59)), BLOCKED_LATER);
        assert_eq!(counted(&slots(60, 10, 10), NOON.plus_seconds(90)), Step::Rest, "70 are left");
        assert_eq!(counted(&slots(60, 10, 10), NOON.plus_seconds(121)), Step::Rest);
    }

    const BLOCKED_LATER: Step = Step::BlockUntil(NOON.plus_seconds(59 + 180));

    #[test]
    fn a_blocked_domain_waits_and_is_not_blocked_anew_meanwhile() {
        let profile = Profile::published();
        let blocked_until = NOON.plus_seconds(180);
        let due = Occasion::Due { blocked_until };
        assert_eq!(next(&profile, due, NOON), Step::WaitUntil(blocked_until));
        assert_eq!(next(&profile, due, NOON.plus_seconds(179)), Step::WaitUntil(blocked_until));
        assert_eq!(next(&profile, due, blocked_until), Step::Send);
        let slots = slots(30, 100, 100);
        let counted = Occasion::Counted { slots: &slots, blocked_until };
        assert_eq!(next(&profile, counted, NOON.plus_seconds(20)), Step::Rest);
        // What failed before the block is forgotten when it ends.
        assert_eq!(next(&profile, counted, blocked_until), Step::Rest);
    }

    #[test]
    fn a_profile_without_blocks_neither_blocks_nor_waits() {
        let profile = Profile::trial(None, false);
        let due = Occasion::Due { blocked_until: NOON.plus_seconds(180) };
        assert_eq!(next(&profile, due, NOON), Step::Send);
        let slots = slots(30, 100, 100);
        let counted = Occasion::Counted { slots: &slots, blocked_until: Timestamp(0) };
        assert_eq!(next(&profile, counted, NOON), Step::Rest);
    }

    #[test]
    fn a_webhook_that_nothing_reached_for_90_days_is_made_inactive() {
        let day = |days: i64| NOON.plus_seconds(days * 86_400);
        let silent = |now| next(&Profile::published(), Occasion::Silent { since: NOON }, now);
        assert_eq!(silent(day(0)), Step::Rest);
        assert_eq!(silent(Timestamp(day(90).0 - 1)), Step::Rest);
        assert_eq!(silent(day(90)), Step::Deactivate);
    }

    #[test]
    fn an_account_is_told_of_a_destination_once_in_ten_minutes() {
        let failing = |now| next(&Profile::published(), Occasion::Failing { told_at: NOON }, now);
        assert_eq!(failing(NOON.plus_seconds(1)), Step::Rest);
        assert_eq!(failing(NOON.plus_seconds(599)), Step::Rest);
        assert_eq!(failing(NOON.plus_seconds(600)), Step::Tell);
    }
}
