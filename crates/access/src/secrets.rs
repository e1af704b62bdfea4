use std::{fmt, str::FromStr};

use kernel::Timestamp;

/// What an account signs with: its client secret, and for a while after a rotation the one before it.
///
/// Without `Debug`: nothing prints a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// What is signed with when there is one signature.
    pub current: String,
    /// What was signed with before, while that is still taken.
    pub former: Option<String>,
}

impl Secrets {
    /// Every secret that is valid now, the current one first.
    pub fn valid(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.current.as_str()).chain(self.former.as_deref())
    }
}

/// How long the secret before stays valid after a rotation: up to 30 days, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grace(i64);

/// A number or a text is no such time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time of at most 30 days, such as 0, 90s, 30m, 24h or 7d")]
pub struct NoGrace;

impl Grace {
    /// What nobody has chosen otherwise: a day.
    pub const DAY: Self = Self(86_400);

    /// So many seconds.
    pub fn seconds(seconds: i64) -> Result<Self, NoGrace> {
        (0..=30 * 86_400).contains(&seconds).then_some(Self(seconds)).ok_or(NoGrace)
    }

    /// When it is over, if the rotation is now. `None` where there is none.
    #[must_use]
    pub fn until(self, now: Timestamp) -> Option<Timestamp> {
        (self.0 > 0).then(|| now.plus_seconds(self.0))
    }
}

impl FromStr for Grace {
    type Err = NoGrace;

    fn from_str(text: &str) -> Result<Self, NoGrace> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: i64 = number.parse().map_err(|_| NoGrace)?;
        let seconds = match unit {
            "" if number == 0 => 1,
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(NoGrace),
        };
        Self::seconds(number.checked_mul(seconds).ok_or(NoGrace)?)
    }
}

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            seconds if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_at_most_thirty_days() {
        #[track_caller]
        fn check(text: &str, expected: Option<i64>) {
            assert_eq!(text.parse::<Grace>().ok(), expected.map(Grace), "{text}");
        }
        check("0", Some(0));
        check("0s", Some(0));
        check("90s", Some(90));
        check("30m", Some(1_800));
        check("24h", Some(86_400));
        check("30d", Some(2_592_000));
        for text in [
            "",
            "1",
            "-1s",
            "d",
            "31d",
            "2592001s",
            "1.5h",
            "1 h",
            "1w",
            "99999999999999999999s",
            "9223372036854775807d",
        ] {
            check(text, None);
        }
        assert_eq!([Grace::DAY, Grace(0), Grace(90)].map(|it| it.to_string()), ["24h", "0", "90s"]);
        assert_eq!(Grace(0).until(Timestamp(7)), None);
        assert_eq!(Grace(2).until(Timestamp(7)), Some(Timestamp(7).plus_seconds(2)));
    }
}
