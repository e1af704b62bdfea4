use kernel::{Result, Timestamp, Violations, hex};
use ledger::leaf::Terms;
use sha2::{Digest as _, Sha256};

/// What shoppers were shown when they were asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// In the order of registration, from 1.
    pub number: i64,
    /// As the store names it.
    pub version: String,
    /// The SHA-256 of its text, in hexadecimal digits.
    pub sha256: String,
    /// Who has to answer for what is done with the data.
    pub controller: String,
    /// How to reach them.
    pub contact: String,
    /// How a shopper takes consent back.
    pub withdrawal: String,
    /// Since when it holds.
    pub effective_at: Timestamp,
    pub registered_at: Timestamp,
}

/// A policy that is to be registered. It has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    words: Words,
    sha256: String,
}

/// What a request says of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub version: String,
    pub text: String,
    pub controller: String,
    pub contact: String,
    pub withdrawal: String,
    /// From its registration on, where none is said.
    pub effective_at: Option<Timestamp>,
}

impl Policy {
    /// What a leaf has the digest of.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            contact: self.contact.clone(),
            controller: self.controller.clone(),
            effective_at: self.effective_at.to_rfc3339(),
            sha256: self.sha256.clone(),
            version: self.version.clone(),
            withdrawal: self.withdrawal.clone(),
        }
    }
}

impl Draft {
    /// Check what was said. A version is 1 to 50 letters, digits, dots, hyphens and underscores: it stands in paths, and
    /// is never taken for a SHA-256.
    pub fn new(words: Words) -> Result<Self> {
        let mut faults = Violations::default();
        if !is_version(&words.version) {
            faults.add("version", "must be 1 to 50 letters, digits, dots, hyphens or underscores");
        }
        if words.text.trim().is_empty() || words.text.len() > LONGEST_TEXT {
            faults.add("text", format!("must be 1 to {LONGEST_TEXT} bytes long"));
        }
        let lines = [
            ("controller", &words.controller),
            ("contact", &words.contact),
            ("withdrawal", &words.withdrawal),
        ];
        for (field, text) in lines {
            if text.trim().is_empty() || text.chars().count() > LONGEST_LINE {
                faults.add(field, format!("must be 1 to {LONGEST_LINE} characters long"));
            }
        }
        let sha256 = hex(&Sha256::digest(words.text.as_bytes()));
        faults.or(Self { words, sha256 })
    }

    /// The policy that it becomes.
    #[must_use]
    pub fn policy(&self, number: i64, now: Timestamp) -> Policy {
        let Words { version, controller, contact, withdrawal, effective_at, .. } = &self.words;
        Policy {
            number,
            version: version.clone(),
            sha256: self.sha256.clone(),
            controller: controller.clone(),
            contact: contact.clone(),
            withdrawal: withdrawal.clone(),
            // As it is shown: what is answered can be sent again.
            effective_at: effective_at.unwrap_or_else(|| Timestamp::from_seconds(now.seconds())),
            registered_at: now,
        }
    }

    /// As the store names it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.words.version
    }

    /// What shoppers are shown.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.words.text
    }

    /// The SHA-256 of the text, in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The fields in which a policy that is registered says something else.
    #[must_use]
    pub fn differs_from(&self, policy: &Policy) -> Vec<&'static str> {
        let said = &self.words;
        let differs = [
            ("version", said.version != policy.version),
            ("text", self.sha256 != policy.sha256),
            ("controller", said.controller != policy.controller),
            ("contact", said.contact != policy.contact),
            ("withdrawal", said.withdrawal != policy.withdrawal),
            ("effective_at", said.effective_at.is_some_and(|at| at != policy.effective_at)),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}

fn is_version(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (1..=50).contains(&text.len())
        && text.bytes().all(fits)
        && text.bytes().any(|byte| byte != b'.')
}

/// How many policies a store has at most.
pub const MOST: i64 = 100;

/// In bytes.
const LONGEST_TEXT: usize = 65_535;

/// In characters.
const LONGEST_LINE: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words {
            version: "2024-06".to_owned(),
            text: "abc".to_owned(),
            controller: "Acme".to_owned(),
            contact: "privacy@acme.example".to_owned(),
            withdrawal: "In the account.".to_owned(),
            effective_at: None,
        }
    }

    #[track_caller]
    fn check(words: Words, expected: &[&str]) {
        let faults = match Draft::new(words) {
            Ok(_) => Vec::new(),
            Err(kernel::Error::Invalid(faults)) => faults.into_map().into_keys().collect(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_policy_goes_by_the_sha_256_of_its_text() {
        // FIPS 180-2, appendix B.1.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Draft::new(words()).unwrap().sha256(), known);
    }

    #[test]
    fn every_fault_is_told() {
        check(words(), &[]);
        check(Words::default(), &["contact", "controller", "text", "version", "withdrawal"]);
        for version in ["", "a b", "a/b", "..", "ü", &"a".repeat(51), &"0".repeat(64)] {
            check(Words { version: version.to_owned(), ..words() }, &["version"]);
        }
        check(Words { text: "a".repeat(65_535), ..words() }, &[]);
        check(Words { text: "a".repeat(65_536), ..words() }, &["text"]);
        check(Words { contact: "ü".repeat(500), ..words() }, &[]);
        check(Words { contact: "ü".repeat(501), ..words() }, &["contact"]);
    }

    #[test]
    fn what_says_the_same_differs_in_nothing() {
        let at = Timestamp::from_seconds(5);
        let policy = Draft::new(words()).unwrap().policy(1, at);
        let differs = |words| Draft::new(words).unwrap().differs_from(&policy);
        assert_eq!(differs(words()), [""; 0]);
        assert_eq!(differs(Words { effective_at: Some(at), ..words() }), [""; 0]);
        assert_eq!(
            differs(Words { effective_at: Some(Timestamp(0)), text: "abd".to_owned(), ..words() }),
            ["text", "effective_at"]
        );
    }
}
