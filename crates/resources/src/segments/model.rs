use std::collections::BTreeSet;

use kernel::{Result, SegmentNumber, Timestamp, Uuid, Violations};

/// A group of shoppers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// By which rows refer to it; no caller sees it.
    pub number: SegmentNumber,
    pub id: Uuid,
    /// Not two segments of a store have the same, byte for byte.
    pub name: String,
    pub description: String,
    /// How many profiles are in it.
    pub members: i64,
    pub created_at: Timestamp,
    /// When its name or description last changed.
    pub updated_at: Timestamp,
}

/// What a request says of a segment: every field it names, and no other. It has been checked.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    name: Option<String>,
    description: Option<String>,
}

impl Changes {
    /// Check what was said. Faults are named by field.
    pub fn new(name: Option<String>, description: Option<String>) -> Result<Self> {
        let mut faults = Violations::default();
        if name.as_ref().is_some_and(|name| !(1..=255).contains(&name.chars().count())) {
            faults.add("name", "must be 1 to 255 characters long");
        }
        if description.as_ref().is_some_and(|text| text.chars().count() > 1_000) {
            faults.add("description", "must be 0 to 1000 characters long");
        }
        faults.or(Self { name, description })
    }
}

impl Segment {
    /// A new segment. The wire has seen to it that a name is there.
    #[must_use]
    pub fn new(number: SegmentNumber, id: Uuid, changes: &Changes, at: Timestamp) -> Self {
        let mut segment = Self {
            number,
            id,
            name: String::new(),
            description: String::new(),
            members: 0,
            created_at: at,
            updated_at: at,
        };
        segment.apply(changes);
        segment
    }

    /// Take over what was said.
    pub fn apply(&mut self, changes: &Changes) {
        let Changes { name, description } = changes;
        self.name.clone_from(name.as_ref().unwrap_or(&self.name.clone()));
        self.description.clone_from(description.as_ref().unwrap_or(&self.description.clone()));
    }

    /// The names of the fields that were others before.
    #[must_use]
    pub fn differing(&self, before: &Self) -> Vec<&'static str> {
        let fields = [
            ("name", self.name != before.name),
            ("description", self.description != before.description),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}

/// A name that two of these segments have.
#[must_use]
pub fn shared_name<'s>(segments: impl IntoIterator<Item = &'s Segment>) -> Option<&'s str> {
    let mut seen = BTreeSet::new();
    let mut names = segments.into_iter().map(|segment| segment.name.as_str());
    names.find(|name| !seen.insert(*name))
}

/// Published: segments of one store. As many a profile may be in.
pub const MOST_SEGMENTS: i64 = 1_000;

#[cfg(test)]
mod tests {
    use kernel::{Error, SeededChance};

    use super::*;

    fn said(name: &str, description: &str) -> Result<Changes> {
        Changes::new(Some(name.to_owned()), Some(description.to_owned()))
    }

    #[test]
    fn what_breaks_a_rule_is_named_by_field() {
        let Err(Error::Invalid(faults)) = said("", &"d".repeat(1_001)) else { panic!("refused") };
        assert_eq!(faults.into_map().into_keys().collect::<Vec<_>>(), ["description", "name"]);
        assert!(said(&"ü".repeat(255), &"ü".repeat(1_000)).is_ok());
        assert!(said(&"n".repeat(256), "").is_err());
        assert!(Changes::new(None, None).is_ok());
    }

    #[test]
    fn only_what_differs_counts_and_names_are_told_apart_by_their_bytes() {
        let id = Uuid::draw(&SeededChance::new(1));
        let at = Timestamp(5);
        let one = Segment::new(SegmentNumber(1), id, &said("VIP", "").unwrap(), at);
        let mut other = Segment::new(SegmentNumber(2), id, &said("vip", "x").unwrap(), at);
        assert_eq!(shared_name([&one, &other]), None);
        let before = other.clone();
        other.apply(&Changes::new(Some("VIP".to_owned()), Some("x".to_owned())).unwrap());
        assert_eq!(other.differing(&before), ["name"]);
        assert_eq!(shared_name([&one, &other]), Some("VIP"));
    }
}
