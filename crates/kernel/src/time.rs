use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{
    civil::{Date, DateTime},
    fmt::rfc2822,
    tz::{Offset, TimeZone},
};

/// An instant, in microseconds since 1970, as both engines store it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant this many whole seconds after 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * Self::SECOND)
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(Self::SECOND)
    }

    /// This instant moved by a number of seconds.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds * Self::SECOND)
    }

    /// The form V2 puts on the wire: `Thu, 01 Nov 2012 18:15:06 +0000`.
    #[must_use]
    pub fn to_rfc2822(self) -> String {
        // Written by hand, as the other forms are: a pattern takes longer to interpret than a row to read.
        let at = self.civil();
        let mut text = String::with_capacity(31);
        text.push_str(WEEKDAYS[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs())]);
        text.push_str(", ");
        push(&mut text, at.day(), 2);
        text.push(' ');
        text.push_str(MONTHS[usize::from(at.month().unsigned_abs()) - 1]);
        text.push(' ');
        push(&mut text, at.year(), 4);
        text.push(' ');
        push_time(&mut text, at);
        text.push_str(" +0000");
        text
    }

    /// The form V3 puts on the wire: `2012-11-01T18:15:06Z`, without a fraction.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let mut text = self.to_iso_8601();
        text.push('Z');
        text
    }

    /// The form of those V3 resources that write out their offset: `2012-11-01T18:15:06+00:00`.
    #[must_use]
    pub fn to_rfc3339_with_offset(self) -> String {
        let mut text = self.to_iso_8601();
        text.push_str("+00:00");
        text
    }

    /// The form of log lines: `2012-11-01T18:15:06.000000Z`.
    #[must_use]
    pub fn to_rfc3339_micros(self) -> String {
        let mut text = self.to_iso_8601();
        text.push('.');
        push(&mut text, self.0.rem_euclid(Self::SECOND), 6);
        text.push('Z');
        text
    }

    /// One second, in microseconds.
    pub const SECOND: i64 = 1_000_000;

    /// Date and time without a zone or a fraction.
    fn to_iso_8601(self) -> String {
        let at = self.civil();
        let mut text = String::with_capacity("2012-11-01T18:15:06.000000Z".len());
        push(&mut text, at.year(), 4);
        text.push('-');
        push(&mut text, at.month(), 2);
        text.push('-');
        push(&mut text, at.day(), 2);
        text.push('T');
        push_time(&mut text, at);
        text
    }

    /// The whole second in UTC. An instant that no form can show becomes 1970.
    fn civil(self) -> DateTime {
        let shown = in_range(self.seconds()).unwrap_or(Self(0));
        let instant = jiff::Timestamp::from_second(shown.seconds()).unwrap_or_default();
        Offset::UTC.to_datetime(instant)
    }
}

fn push_time(text: &mut String, at: DateTime) {
    push(text, at.hour(), 2);
    text.push(':');
    push(text, at.minute(), 2);
    text.push(':');
    push(text, at.second(), 2);
}

/// A number that is not negative, in this many digits.
#[inline]
fn push(text: &mut String, number: impl Into<i64>, digits: u32) {
    let number = number.into().unsigned_abs();
    for place in (0..digits).rev() {
        let digit = number / 10_u64.pow(place) % 10;
        text.push(char::from(DIGITS[usize::try_from(digit).unwrap_or(0)]));
    }
}

const DIGITS: &[u8; 10] = b"0123456789";
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What a date in a filter means (ruling 13): an instant to the second, or a whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhenFilter {
    /// The named second, or the midnight a bare date begins at.
    pub from: Timestamp,
    /// The last microsecond that equals it: of the second, or of the day for a bare date.
    pub to: Timestamp,
}

impl WhenFilter {
    /// Read a date as callers write it: ISO 8601 (a bare date, with or without a zone, a fraction, a
    /// colon in the offset), RFC 2822, or UNIX seconds. No zone is UTC. A space before an offset is a `+`
    /// that a form decoder took away.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(date) = text.parse::<Date>()
            && text.len() == 10
        {
            let from = seconds(date.to_datetime(jiff::civil::Time::midnight()))?;
            return Some(Self { from, to: Timestamp(from.plus_seconds(86_400).0 - 1) });
        }
        let from = instant(text)?;
        Some(Self { from, to: Timestamp(from.plus_seconds(1).0 - 1) })
    }

    /// The first microsecond that a `:max` of this value leaves out: a bare date stands for its midnight.
    #[must_use]
    pub fn last_of_max(self) -> Timestamp {
        Timestamp(self.from.plus_seconds(1).0 - 1)
    }
}

/// A stretch of time; both ends belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Its first instant; none is the beginning of time.
    pub from: Option<Timestamp>,
    /// Its last; none is the end.
    pub to: Option<Timestamp>,
}

impl Span {
    /// `:min`, `:max` and the plain name of a date filter (ruling 13), all that are there.
    #[must_use]
    pub fn new(
        min: Option<WhenFilter>,
        max: Option<WhenFilter>,
        equal: Option<WhenFilter>,
    ) -> Self {
        let from = min.map(|when| when.from).into_iter().chain(equal.map(|when| when.from)).max();
        let to =
            max.map(WhenFilter::last_of_max).into_iter().chain(equal.map(|when| when.to)).min();
        Self { from, to }
    }
}

/// A moment written out in full, to the second.
fn instant(text: &str) -> Option<Timestamp> {
    if !text.is_empty() && text.len() <= 11 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return in_range(text.parse().ok()?);
    }
    let with_plus = match text.rsplit_once(' ') {
        Some((moment, offset)) if is_offset(offset) => {
            // RFC 2822 names the month; before its offset stands a blank, in ISO 8601 nothing.
            let names_month = moment.bytes().any(|byte| byte.is_ascii_alphabetic() && byte != b'T');
            let between = if names_month { " " } else { "" };
            Some(format!("{}{between}+{offset}", moment.trim_end()))
        }
        _ => None,
    };
    let zoned = |text: &str| {
        let instant = text.parse::<jiff::Timestamp>().ok();
        instant.or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
    };
    if let Some(instant) = zoned(text).or_else(|| zoned(&with_plus?)) {
        return in_range(instant.as_second());
    }
    seconds(text.parse::<DateTime>().ok()?)
}

fn is_offset(text: &str) -> bool {
    matches!(text.len(), 2..=5) && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

fn seconds(civil: DateTime) -> Option<Timestamp> {
    in_range(TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

/// Years 0 to 9999: what every form we write can show, and far from overflow.
fn in_range(seconds: i64) -> Option<Timestamp> {
    (-62_167_219_200..=253_402_207_200).contains(&seconds).then(|| Timestamp::from_seconds(seconds))
}

/// The only source of the current time.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }
}

/// A clock that stands where it was set: for tests, and for the demo data of `custodia dev`.
#[derive(Debug)]
pub struct SetClock(AtomicI64);

impl SetClock {
    /// A clock that stands at `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Move it.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_717_243_200_000_000);

    #[test]
    fn each_wire_writes_its_own_form() {
        let at = Timestamp(NOON.0 + 999_999);
        assert_eq!(at.to_rfc3339(), "2024-06-01T12:00:00Z");
        assert_eq!(at.to_rfc3339_with_offset(), "2024-06-01T12:00:00+00:00");
        assert_eq!(at.to_rfc3339_micros(), "2024-06-01T12:00:00.999999Z");
        assert_eq!(at.to_rfc2822(), "Sat, 01 Jun 2024 12:00:00 +0000");
        assert_eq!(Timestamp(-1).to_rfc3339_micros(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp(-1).to_rfc2822(), "Wed, 31 Dec 1969 23:59:59 +0000");
        assert_eq!(Timestamp(i64::MAX).to_rfc3339(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_written_is_read_again() {
        // A step that brings by every month, weekday and hour.
        for second in (-62_167_219_200..253_402_207_200).step_by(7_654_321_987) {
            let at = Timestamp::from_seconds(second);
            for form in [at.to_rfc3339(), at.to_rfc2822()] {
                assert_eq!(WhenFilter::parse(&form).map(|when| when.from), Some(at), "{form}");
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: Option<(i64, i64)>) {
        let parsed = WhenFilter::parse(text);
        assert_eq!(parsed.map(|when| (when.from.0, when.to.0)), expected, "{text}");
    }

    #[test]
    fn dates_are_read_in_every_form_that_clients_send() {
        let second = Some((NOON.0, NOON.0 + 999_999));
        for form in [
            "2024-06-01T12:00:00",
            "2024-06-01T12:00:00Z",
            "2024-06-01T12:00:00.999Z",
            "2024-06-01T12:00:00+00:00",
            "2024-06-01T12:00:00 00:00",
            "2024-06-01T12:00:00+0000",
            "2024-06-01T08:00:00-0400",
            "2024-06-01T14:00:00 02:00",
            "2024-06-01 12:00:00",
            "Sat, 01 Jun 2024 12:00:00 +0000",
            "Sat, 01 Jun 2024 12:00:00 GMT",
            "Sat, 01 Jun 2024 12:00:00  0000",
            "Sat, 01 Jun 2024 12:00:00 0000",
            "2024-06-01 14:00:00 02:00",
            "1717243200",
        ] {
            check(form, second);
        }
        let midnight = 1_717_200_000_000_000;
        check("2024-06-01", Some((midnight, midnight + 86_400_000_000 - 1)));
        for not in ["", "yesterday", "2024-13-01", "2024-06-01T25:00:00", "99999999999999", "-1"] {
            check(not, None);
        }
    }

    #[test]
    fn a_span_takes_in_both_seconds_and_a_bare_max_is_its_midnight() {
        let when = |text: &str| WhenFilter::parse(text);
        let span = Span::new(when("2024-06-01T12:00:00Z"), when("2024-06-01T12:00:00Z"), None);
        assert_eq!(span.to.unwrap().0 - span.from.unwrap().0, 999_999);
        let day = Span::new(None, None, when("2024-06-01"));
        assert_eq!(day.to.unwrap().0 - day.from.unwrap().0, 86_400 * 1_000_000 - 1);
        let until = Span::new(None, when("2024-06-01"), None);
        assert_eq!(until.to.unwrap().0 - day.from.unwrap().0, 999_999);
    }
}
