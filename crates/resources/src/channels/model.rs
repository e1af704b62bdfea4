use kernel::{ChannelId, Result, Timestamp, Violations};

/// A place where a store sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    pub name: String,
    pub kind: Kind,
    pub created_at: Timestamp,
}

/// What kind of place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Storefront,
    Pos,
    Marketplace,
    Marketing,
}

/// What a request says of a channel. It has been checked.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    // Invariant: 1 to 255 characters.
    name: Option<String>,
    kind: Option<Kind>,
}

impl Changes {
    /// Check what was said.
    pub fn new(name: Option<String>, kind: Option<Kind>) -> Result<Self> {
        let mut faults = Violations::default();
        let fits = |name: &String| !name.trim().is_empty() && name.chars().count() <= 255;
        if name.as_ref().is_some_and(|name| !fits(name)) {
            faults.add("name", "must be 1 to 255 characters long");
        }
        faults.or(Self { name, kind })
    }
}

impl Channel {
    /// A channel of which nothing is known but its number.
    #[must_use]
    pub fn new(id: ChannelId, at: Timestamp) -> Self {
        Self { id, name: format!("Channel {}", id.0), kind: Kind::Storefront, created_at: at }
    }

    /// Take over what was said; the names of the fields that are different now.
    pub fn apply(&mut self, changes: &Changes) -> Vec<&'static str> {
        let before = self.clone();
        if let Some(name) = &changes.name {
            self.name.clone_from(name);
        }
        self.kind = changes.kind.unwrap_or(self.kind);
        let differs = [("name", self.name != before.name), ("type", self.kind != before.kind)];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}

impl Kind {
    const ALL: [Self; 4] = [Self::Storefront, Self::Pos, Self::Marketplace, Self::Marketing];

    /// As the wire and the database write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Storefront => "storefront",
            Self::Pos => "pos",
            Self::Marketplace => "marketplace",
            Self::Marketing => "marketing",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Channels of one store.
pub const MOST: i64 = 1_000;
