use kernel::{AccountId, HookId, Timestamp};

/// The webhook whose deliveries are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub hook: HookId,
    /// Where it must belong to this account. Only the operator asks for everybody's.
    pub of: Option<AccountId>,
}

/// What has become of an event for one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was not tried yet, since it happened or since it was asked for again.
    Waiting,
    /// An attempt failed, and there will be another.
    Failing,
    /// The last attempt arrived.
    Arrived,
    /// It was given up, or its webhook became inactive meanwhile.
    Dead,
}

impl Status {
    /// All of them, with their words.
    pub const ALL: [(&'static str, Self); 4] = [
        ("waiting", Self::Waiting),
        ("arrived", Self::Arrived),
        ("failing", Self::Failing),
        ("dead", Self::Dead),
    ];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Arrived => "arrived",
            Self::Failing => "failing",
            Self::Dead => "dead",
        }
    }
}

/// What a list of deliveries is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub status: Option<Status>,
    pub scope: Option<String>,
    /// When the event happened, at the earliest and at the latest.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// An event, and what has become of it for a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place in a list; larger for what happened later.
    pub event_id: i64,
    /// Its name on the wire.
    pub hash: String,
    pub scope: String,
    pub subject: i64,
    pub created_at: Timestamp,
    pub status: Status,
    /// The failures that count for the ladder.
    pub failures: i64,
    /// Of one that waits or fails.
    pub due_at: Option<Timestamp>,
    /// Of a dead one.
    pub died_at: Option<Timestamp>,
    /// The last attempt; its answer's beginning is shown with the one delivery alone.
    pub last: Option<Attempt>,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub event_id: i64,
    /// From 1.
    pub number: i64,
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub took: i64,
    /// Of the answer; 0 where there was none.
    pub status: i64,
    /// Why there was none; empty where there was one.
    pub fault: String,
    /// How the answer began.
    pub answer: String,
}

/// One delivery, with what was sent and all that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    pub delivery: Delivery,
    pub body: String,
    pub attempts: Vec<Attempt>,
}

/// What is asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// The event of this name, whatever became of it.
    One(String),
    /// Every dead letter, and what waits after an attempt that failed, of those that failed since then.
    FailedSince(Timestamp),
    /// Every dead letter.
    Dead,
}

/// How far a call has come that asks for many again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub replayed: i64,
    /// Whether there may be more, for another call.
    pub is_more: bool,
}

/// How many there are; where there are more than are counted, how many were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub count: i64,
    pub is_more: bool,
}

impl Count {
    /// Of a number for which one more than [`MOST_COUNTED`] rows were looked at.
    #[must_use]
    pub fn of(counted: i64) -> Self {
        Self { count: counted.min(MOST_COUNTED), is_more: counted > MOST_COUNTED }
    }
}

/// How a webhook stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    pub waiting: Count,
    pub failing: Count,
    pub dead: Count,
    /// When the oldest event happened that is still to arrive.
    pub oldest: Option<Timestamp>,
    /// The attempts of each of the last hours, the oldest first.
    pub hours: Vec<Hour>,
}

/// The attempts of the hour that began then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hour {
    pub begun_at: Timestamp,
    pub arrived: i64,
    pub failed: i64,
}

impl Hour {
    /// When the hour of an instant began.
    #[must_use]
    pub fn of(at: Timestamp) -> Timestamp {
        Timestamp(at.0 - at.0.rem_euclid(HOUR))
    }

    /// When the first of the hours that are shown began.
    #[must_use]
    pub fn first(now: Timestamp) -> Timestamp {
        Timestamp(Self::of(now).0 - (HOURS - 1) * HOUR)
    }

    /// Every hour that is shown, the oldest first, also those in which there was no attempt.
    #[must_use]
    pub fn all(counted: &[Self], now: Timestamp) -> Vec<Self> {
        let first = Self::first(now).0;
        let begun = (0..HOURS).map(|at| Timestamp(first + at * HOUR));
        let of = |begun_at: Timestamp| {
            let counted = counted.iter().find(|hour| hour.begun_at == begun_at).copied();
            counted.unwrap_or(Self { begun_at, arrived: 0, failed: 0 })
        };
        begun.map(of).collect()
    }
}

/// Nobody waits for more to be counted.
pub const MOST_COUNTED: i64 = 10_000;

/// How many one call asks for again.
pub const MOST_REPLAYED: i64 = 10_000;

const HOURS: i64 = 24;

const HOUR: i64 = 3600 * Timestamp::SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_hours_is_shown_also_where_there_was_no_attempt() {
        let now = Timestamp::from_seconds(1_717_243_200 + 59);
        let noon = Timestamp::from_seconds(1_717_243_200);
        let counted = [
            Hour { begun_at: noon.plus_seconds(-24 * 3600), arrived: 9, failed: 9 },
            Hour { begun_at: noon.plus_seconds(-23 * 3600), arrived: 1, failed: 2 },
            Hour { begun_at: noon, arrived: 3, failed: 0 },
        ];
        let all = Hour::all(&counted, now);
        assert_eq!(all.len(), 24);
        assert_eq!((all[0], all[23]), (counted[1], counted[2]));
        assert_eq!(all.iter().map(|hour| hour.arrived + hour.failed).sum::<i64>(), 6);
    }

    #[test]
    fn what_is_more_than_is_counted_is_told() {
        assert_eq!(Count::of(10_000), Count { count: 10_000, is_more: false });
        assert_eq!(Count::of(10_001), Count { count: 10_000, is_more: true });
    }

    #[test]
    fn a_status_has_its_word() {
        assert!(Status::ALL.iter().all(|(word, status)| status.name() == *word));
    }
}
