use std::{fmt, str::FromStr};

/// How many requests an API account may send (ruling 23), as BigCommerce sells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// No limit; the four headers are sent all the same, with a quota that is never reached.
    #[default]
    Unlimited,
    /// 150 requests in 30 seconds: standard and sandbox stores.
    Standard,
    /// 450 requests in 30 seconds.
    Pro,
}

impl Plan {
    /// Every plan.
    pub const ALL: [Self; 3] = [Self::Unlimited, Self::Standard, Self::Pro];

    /// How it is written on the command line and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unlimited => "unlimited",
            Self::Standard => "150/30s",
            Self::Pro => "450/30s",
        }
    }

    /// Requests in one window, where there is a limit.
    #[must_use]
    pub fn quota(self) -> Option<u32> {
        match self {
            Self::Unlimited => None,
            Self::Standard => Some(150),
            Self::Pro => Some(450),
        }
    }

    /// Length of a window, in milliseconds.
    pub const WINDOW_MS: i64 = 30_000;
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|plan| plan.name() == name);
        found.ok_or_else(|| format!("no such plan: {name} (there are unlimited, 150/30s, 450/30s)"))
    }
}
