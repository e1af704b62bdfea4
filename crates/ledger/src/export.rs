//! A whole ledger as NDJSON: one line that opens it, one for each leaf, one that closes it. Each line is canonical JSON
//! (RFC 8785), so whatever byte of it is changed can be noticed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    checkpoint::{Head, PublicKey},
    leaf::Leaf,
    receipt::Step,
    recount::{Fault, Recount},
    tree::Hash,
};

/// The first line: whose ledger it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// What the installation signs with, and has signed with, the oldest first. Whoever checks the export has the
    /// keys from elsewhere.
    pub public_keys: Vec<String>,
    /// [`SCHEMA`].
    pub schema: String,
    /// The store's hash, as in the API's paths.
    pub store_hash: String,
}

/// A line in the middle.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// What the tree has as the leaf's hash, in Base64.
    hash: Step,
    /// From 0.
    index: u64,
    leaf: Leaf,
}

/// The last line: the signed head of a tree of all these leaves.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    checkpoint: String,
}

/// The one structure that there is.
pub const SCHEMA: &str = "custodia/ledger/1";

/// The longest line that an export has, in bytes.
pub const LONGEST_LINE: usize = 1 << 16;

impl Opening {
    /// The first line of a store's export.
    #[must_use]
    pub fn new(store_hash: &str, keys: &[PublicKey]) -> Self {
        Self {
            public_keys: keys.iter().map(ToString::to_string).collect(),
            schema: SCHEMA.to_owned(),
            store_hash: store_hash.to_owned(),
        }
    }

    /// Read a first line; `None` where it is none.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        read(line).filter(|opening: &Self| {
            let is_key = |key: &String| key.parse::<PublicKey>().is_ok();
            opening.schema == SCHEMA && opening.public_keys.iter().all(is_key)
        })
    }

    /// The line, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        line(self)
    }
}

/// The line of a leaf, without its end: the leaf just as it is kept, and beside it the hash that the tree has of it.
#[must_use]
pub fn entry(index: u64, hash: &Hash, leaf: &str) -> String {
    format!(r#"{{"hash":"{}","index":{index},"leaf":{leaf}}}"#, STANDARD.encode(hash))
}

/// The last line, without its end.
#[must_use]
pub fn closing(checkpoint: &str) -> String {
    line(&Closing { checkpoint: checkpoint.to_owned() })
}

/// Checks an export, line by line.
#[derive(Debug)]
pub struct Reading {
    store_hash: String,
    recount: Recount,
    /// How many lines there were so far.
    lines: u64,
    checkpoint: Option<String>,
    /// Whether what follows cannot be understood any more.
    is_lost: bool,
}

impl Reading {
    /// Begin after the opening. These heads were signed when the tree had fewer leaves.
    #[must_use]
    pub fn new(opening: &Opening, older: impl IntoIterator<Item = Head>) -> Self {
        Self {
            store_hash: opening.store_hash.clone(),
            recount: Recount::new(older),
            lines: 1,
            checkpoint: None,
            is_lost: false,
        }
    }

    /// Go on by a line, without its end.
    pub fn line(&mut self, line: &str) {
        self.lines += 1;
        if self.is_lost {
            return;
        }
        if self.checkpoint.is_some() {
            self.lose();
        } else if let Some(Closing { checkpoint }) = read(line) {
            self.checkpoint = Some(checkpoint);
        } else if let Some(entry) = read::<Entry>(line).filter(|it| self.fits(it)) {
            if entry.index != self.recount.size() {
                self.recount.note(Fault::NoLeaf(self.recount.size()));
                self.is_lost = true;
                return;
            }
            let hash = entry.leaf.hash();
            if hash != entry.hash.0 {
                self.recount.differs(entry.index);
            }
            self.recount.leaf(hash);
        } else {
            self.lose();
        }
    }

    /// How many leaves there were so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.recount.size()
    }

    /// All that is wrong with it, by these keys.
    #[must_use]
    pub fn end(mut self, keys: &[PublicKey]) -> Vec<Fault> {
        match self.checkpoint {
            _ if self.is_lost => self.recount.lost(),
            None => {
                self.recount.note(Fault::Open);
                self.recount.lost()
            }
            Some(checkpoint) => self.recount.end(&self.store_hash, Head::read(&checkpoint, keys)),
        }
    }

    fn fits(&self, entry: &Entry) -> bool {
        entry.leaf.version == 1 && entry.leaf.store_hash == self.store_hash
    }

    fn lose(&mut self) {
        self.recount.note(Fault::Line(self.lines));
        self.is_lost = true;
    }
}

/// A line that is canonical JSON of this kind.
fn read<T: Serialize + DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok().filter(|value| line(value) == text)
}

fn line(value: &impl Serialize) -> String {
    serde_json_canonicalizer::to_string(value).expect("texts and whole numbers can be said in JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkpoint::SigningKey,
        leaf::{Commitment, Salt},
        tree::Tree,
    };

    fn key() -> SigningKey {
        SigningKey::new("custodia/1", &[1; 32]).unwrap()
    }

    /// The lines of an export of three leaves, and the heads of a tree of so many.
    fn export() -> (Vec<String>, Vec<Head>) {
        let mut lines = vec![Opening::new("shop", &[key().public().clone()]).line()];
        let mut tree = Tree::default();
        let mut heads = Vec::new();
        for index in 0..3 {
            let sequence = i64::from(index) + 1;
            let person = crate::leaf::Person { customer_id: 5, sequence, session: None };
            let person = person.commitment(&Salt::new([index; 32]));
            let leaf = Leaf {
                version: 1,
                store_hash: "shop".to_owned(),
                declared_at: 1_700_000_000_000_000 + i64::from(index),
                allow: vec!["essential".to_owned()],
                deny: Vec::new(),
                source: "management_api".to_owned(),
                client_id: None,
                channel_id: None,
                locale: Some("de-DE".to_owned()),
                gpc: false,
                policy: None,
                person: Commitment(person.0),
            };
            tree.append(leaf.hash()).unwrap();
            let text = String::from_utf8(leaf.to_bytes()).unwrap();
            lines.push(entry(u64::from(index), &leaf.hash(), &text));
            let (origin, size) = ("custodia/1/shop".to_owned(), tree.size());
            heads.push(Head { origin, size, root: tree.root().unwrap() });
        }
        lines.push(closing(&heads[2].sign(&key())));
        (lines, heads)
    }

    fn faults(lines: &[String], older: &[Head]) -> Vec<Fault> {
        let Some(opening) = lines.first().and_then(|line| Opening::read(line)) else {
            return vec![Fault::Line(1)];
        };
        if opening.store_hash != "shop" {
            // Whoever checks it sees whose it is.
            return vec![Fault::Line(1)];
        }
        let mut reading = Reading::new(&opening, older.to_vec());
        for line in &lines[1..] {
            reading.line(line);
        }
        reading.end(&[key().public().clone()])
    }

    #[test]
    fn an_export_holds_by_itself_and_against_older_heads() {
        let (lines, heads) = export();
        assert_eq!(faults(&lines, &heads), []);
        let mut other = heads[1].clone();
        other.root = [0; 32];
        assert_eq!(faults(&lines, &[other]), [Fault::Rewritten(2)]);
        let longer = Head { size: 4, ..heads[2].clone() };
        assert_eq!(faults(&lines, &[longer]), [Fault::Cut { signed: 4, found: 3 }]);
    }

    #[test]
    fn a_change_of_any_character_is_noticed() {
        let (lines, _) = export();
        for (number, line) in lines.iter().enumerate() {
            for at in (0..line.len()).filter(|at| line.is_char_boundary(*at)) {
                for by in *b"0a" {
                    let mut changed = line.clone().into_bytes();
                    if changed[at] == by {
                        continue;
                    }
                    changed[at] = by;
                    let Ok(changed) = String::from_utf8(changed) else { continue };
                    let mut lines = lines.clone();
                    lines[number] = changed;
                    let found = faults(&lines, &[]);
                    assert!(!found.is_empty(), "line {number}, at {at}: {}", lines[number]);
                }
            }
        }
    }

    #[test]
    fn what_was_changed_is_named() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut Vec<String>), expected: &[Fault]) {
            let (mut lines, _) = export();
            change(&mut lines);
            assert_eq!(faults(&lines, &[]), expected);
        }
        check(|it| it[2] = it[2].replace("de-DE", "de-AT"), &[Fault::Leaf(1)]);
        check(|it| it.swap(2, 3), &[Fault::NoLeaf(1)]);
        check(
            |it| {
                it.swap(2, 3);
                it[2] = it[2].replace(r#""index":2"#, r#""index":1"#);
                it[3] = it[3].replace(r#""index":1"#, r#""index":2"#);
            },
            &[Fault::Root],
        );
        check(|it| drop(it.remove(3)), &[Fault::NoLeaf(2)]);
        check(|it| it.truncate(4), &[Fault::Open]);
        check(|it| it[2].push(' '), &[Fault::Line(3)]);
        check(|it| it.push(String::new()), &[Fault::Line(6)]);
        check(|it| it[1] = it[1].replace("shop", "other"), &[Fault::Line(2)]);
    }
}
