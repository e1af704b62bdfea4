use std::{fmt, str::FromStr};

/// A place where the real service does something its documents deny, or a reasonable person would call a
/// fault; or one where stores may want something that it has not. Switched per store. `docs/quirks.md` tells of each,
/// with its evidence and its test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// `updated_at` of a consent GET is the time of the call (ruling 7). The real service has it.
    ConsentTimeOfCall,
    /// V2 shows ISO 8601 dates and amounts like `150.75`, as its published page does (ruling 35). The real
    /// service has not: recordings show RFC 2822 and four decimals.
    V2PublishedFormats,
    /// A browser that says `Sec-GPC: 1` refuses targeting for who signs in and has not decided about it. Ours.
    HonourGpc,
}

impl Quirk {
    /// Every quirk.
    pub const ALL: [Self; 3] = [Self::ConsentTimeOfCall, Self::V2PublishedFormats, Self::HonourGpc];

    /// How it is written on the command line, in the database and in `docs/quirks.md`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConsentTimeOfCall => "consent_time_of_call",
            Self::V2PublishedFormats => "v2_published_formats",
            Self::HonourGpc => "honour_gpc",
        }
    }

    /// Whether the real service has it: `faithful` turns on just these.
    #[must_use]
    pub fn is_real(self) -> bool {
        match self {
            Self::ConsentTimeOfCall => true,
            Self::V2PublishedFormats | Self::HonourGpc => false,
        }
    }
}

/// The quirks that are on for a store. All are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks(u32);

impl Quirks {
    /// Those the real service has.
    #[must_use]
    pub fn faithful() -> Self {
        Quirk::ALL
            .into_iter()
            .filter(|quirk| quirk.is_real())
            .fold(Self::default(), |on, quirk| on.with(quirk, true))
    }

    /// Whether this one is on.
    #[must_use]
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 & Self::bit(quirk) != 0
    }

    /// The same, with one turned on or off.
    #[must_use]
    pub fn with(self, quirk: Quirk, on: bool) -> Self {
        Self(if on { self.0 | Self::bit(quirk) } else { self.0 & !Self::bit(quirk) })
    }

    fn bit(quirk: Quirk) -> u32 {
        1 << quirk as u32
    }
}

/// Names separated by spaces, as the database keeps them.
impl fmt::Display for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Quirk::ALL.into_iter().filter(|quirk| self.has(*quirk)).map(Quirk::name);
        f.write_str(&names.collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Quirk {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|quirk| quirk.name() == name);
        found.ok_or_else(|| format!("no such quirk: {name}"))
    }
}

impl FromStr for Quirks {
    type Err = String;

    fn from_str(names: &str) -> Result<Self, String> {
        names
            .split_whitespace()
            .try_fold(Self::default(), |on, name| Ok(on.with(name.parse()?, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirks_survive_the_database_and_faithful_is_what_the_real_service_has() {
        let both = Quirks::default()
            .with(Quirk::ConsentTimeOfCall, true)
            .with(Quirk::V2PublishedFormats, true);
        assert_eq!(both.to_string().parse(), Ok(both));
        assert_eq!(Quirks::faithful().to_string(), "consent_time_of_call");
        assert_eq!("".parse(), Ok(Quirks::default()));
        assert!("nonsense".parse::<Quirks>().is_err());
    }
}
