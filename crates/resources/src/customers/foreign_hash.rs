//! Hashes of passwords that another system made: bcrypt, argon2 and PBKDF2. One is read within bounds, so that
//! checking a password against it takes no more than about a second and 64 MB
//! (docs/adr/0009-passwords-from-elsewhere.md).

use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// A hash that can be checked against, with costs within the bounds. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignHash {
    text: String,
    kind: Kind,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Bcrypt,
    Argon2 { algorithm: Algorithm, version: Version, params: Params },
    Pbkdf2 { function: Function, rounds: u32 },
}

/// What PBKDF2 repeats.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Sha1,
    Sha256,
    Sha512,
}

impl std::fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForeignHash(…)")
    }
}

impl ForeignHash {
    /// Read a hash, or say which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err(UNKNOWN);
        }
        let kind = if text.starts_with("$2") { bcrypt(text)? } else { phc(text)? };
        Ok(Self { text: text.to_owned(), kind })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is the hash of this password. Takes up to a second of a processor.
    #[must_use]
    pub fn is_of(&self, password: &[u8]) -> bool {
        match &self.kind {
            Kind::Bcrypt => ::bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::Argon2 { algorithm, version, params } => {
                let argon2 = Argon2::new(*algorithm, *version, params.clone());
                self.is_filled_with(|salt, out| {
                    argon2.hash_password_into(password, salt, out).is_ok()
                })
            }
            Kind::Pbkdf2 { function, rounds } => self.is_filled_with(|salt, out| {
                match function {
                    Function::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, *rounds, out),
                    Function::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, *rounds, out),
                    Function::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *rounds, out),
                }
                true
            }),
        }
    }

    /// Whether `fill`, given the salt, fills a buffer with the hash.
    fn is_filled_with(&self, fill: impl FnOnce(&[u8], &mut [u8]) -> bool) -> bool {
        let Ok(parsed) = PasswordHash::new(&self.text) else { return false };
        let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return false };
        let mut out = vec![0; expected.as_bytes().len()];
        fill(salt.as_ref(), &mut out) && same(&out, expected.as_bytes())
    }
}

/// Compared to the end, wherever they differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differing = left.iter().zip(right).fold(0, |all, (left, right)| all | (left ^ right));
    left.len() == right.len() && differing == 0
}

/// `$2b$12$` and 53 characters of salt and hash.
fn bcrypt(text: &str) -> Result<Kind, &'static str> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", "2a" | "2b" | "2y", cost, rest] = parts[..] else { return Err(UNKNOWN) };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/';
    let is_number = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || rest.len() != 53 || !rest.bytes().all(is_plain) {
        return Err(UNKNOWN);
    }
    let cost: u32 = cost.parse().map_err(|_| UNKNOWN)?;
    if !(4..=MOST_BCRYPT).contains(&cost) {
        return Err("must have a bcrypt cost of 4 to 13");
    }
    // A salt or hash with bits set where its last character has none is no hash that anybody made.
    text.parse::<::bcrypt::HashParts>().map(|_| Kind::Bcrypt).map_err(|_| UNKNOWN)
}

fn phc(text: &str) -> Result<Kind, &'static str> {
    let hash = PasswordHash::new(text).map_err(|_| UNKNOWN)?;
    let (Some(_), Some(output)) = (hash.salt, hash.hash) else { return Err(UNKNOWN) };
    let function = match hash.algorithm.as_str() {
        "argon2d" | "argon2i" | "argon2id" => return argon2(&hash),
        "pbkdf2" | "pbkdf2-sha1" => Function::Sha1,
        "pbkdf2-sha256" => Function::Sha256,
        "pbkdf2-sha512" => Function::Sha512,
        _ => return Err(UNKNOWN),
    };
    let rounds = hash.params.get_decimal("i").ok_or(UNKNOWN)?;
    let length = output.as_bytes().len();
    let said = hash.params.get_decimal("l").map(usize::try_from);
    if said.is_some_and(|said| said != Ok(length))
        || hash.params.iter().any(|(name, _)| !["i", "l"].contains(&name.as_str()))
    {
        return Err(UNKNOWN);
    }
    let blocks = u32::try_from(length.div_ceil(function.width())).map_err(|_| UNKNOWN)?;
    if rounds == 0 || rounds.saturating_mul(blocks) > MOST_ROUNDS {
        return Err(
            "must have at most 1000000 PBKDF2 iterations, counted for each block of its length",
        );
    }
    Ok(Kind::Pbkdf2 { function, rounds })
}

fn argon2(hash: &PasswordHash) -> Result<Kind, &'static str> {
    let algorithm = Algorithm::new(hash.algorithm.as_str()).map_err(|_| UNKNOWN)?;
    // Before version 1.3 hashes did not say theirs.
    let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from);
    let version = version.map_err(|_| UNKNOWN)?;
    let params = Params::try_from(hash).map_err(|_| UNKNOWN)?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MOST_KIBIBYTES || work > MOST_WORK || params.p_cost() > MOST_LANES {
        return Err("must take at most 65536 KiB of memory, ten times over, in at most 16 lanes");
    }
    Ok(Kind::Argon2 { algorithm, version, params })
}

impl Function {
    /// Bytes of one block.
    fn width(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

const UNKNOWN: &str = "must be a bcrypt hash, or an argon2 or PBKDF2 hash as a PHC string";

/// Longer than any PHC string.
const LONGEST: usize = 512;

/// Half a second of a processor.
const MOST_BCRYPT: u32 = 13;

const MOST_ROUNDS: u32 = 1_000_000;

const MOST_KIBIBYTES: u32 = 64 * 1024;

/// Kibibytes times passes.
const MOST_WORK: u64 = 10 * MOST_KIBIBYTES as u64;

const MOST_LANES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn knows(text: &str, password: &str) {
        let hash = ForeignHash::parse(text).unwrap();
        assert!(hash.is_of(password.as_bytes()), "{text}");
        assert!(!hash.is_of(format!("{password}x").as_bytes()), "{text}");
    }

    #[track_caller]
    fn refuses(text: &str, rule: &str) {
        let refused = ForeignHash::parse(text).err().unwrap_or("nothing");
        assert!(refused.contains(rule), "{text}: {refused}");
    }

    #[test]
    fn a_hash_of_each_kind_knows_its_password() {
        for version in ["2a", "2b", "2y"] {
            let text =
                format!("${version}$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa");
            knows(&text, "hunter22");
        }
        for text in [
            "$pbkdf2$i=1000,l=20$MDEyMzQ1Njc4OWFiY2RlZg$KwthxV9WuFwB/bguLKmJmXZCg0c",
            "$pbkdf2-sha1$i=1000,l=20$MDEyMzQ1Njc4OWFiY2RlZg$KwthxV9WuFwB/bguLKmJmXZCg0c",
            "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$ueBbYQVkDHSR2wInfuEbu55EoAdDx3ozbiXKophExIU",
            "$pbkdf2-sha512$i=1000,l=64$MDEyMzQ1Njc4OWFiY2RlZg$Xg4EL7+rA8+/LUT63Xnyx+M07DB00Ik0jgihW+CwUKZ/i0YJ7ls5kTqGHv6FnbyBgjbhv/S9rJboL4EAjFPYtw",
            "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$ueBbYQVkDHSR2wInfuEbu55EoAdDx3ozbiXKophExIXP3XJuQzgr43OhTU4w4rfR34BIPcPB+5QvyaijNi0GXg",
        ] {
            knows(text, "hunter22");
        }
        // Of the reference implementation's own tests.
        for text in [
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
            "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
        ] {
            knows(text, "password");
        }
    }

    #[test]
    fn a_hash_that_would_cost_too_much_is_refused() {
        let rest = "abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa";
        assert!(ForeignHash::parse(&format!("$2b$13${rest}")).is_ok());
        for cost in ["14", "31", "99", "00", "03"] {
            refuses(&format!("$2b${cost}${rest}"), "cost of 4 to 13");
        }
        let pbkdf2 = |name: &str, rounds: &str, bytes: usize| {
            format!(
                "${name}$i={rounds}$MDEyMzQ1Njc4OWFiY2RlZg${}",
                "A".repeat((bytes * 8).div_ceil(6))
            )
        };
        assert!(ForeignHash::parse(&pbkdf2("pbkdf2-sha256", "1000000", 32)).is_ok());
        refuses(&pbkdf2("pbkdf2-sha256", "1000001", 32), "1000000");
        refuses(&pbkdf2("pbkdf2-sha256", "500001", 64), "1000000");
        refuses(&pbkdf2("pbkdf2", "500001", 32), "1000000");
        refuses(&pbkdf2("pbkdf2-sha512", "4294967295", 64), "1000000");
        refuses(&pbkdf2("pbkdf2-sha512", "0", 64), "1000000");
        let argon2 = |m: u64, t: u64, p: u64| {
            format!(
                "$argon2id$v=19$m={m},t={t},p={p}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
            )
        };
        assert!(ForeignHash::parse(&argon2(65_536, 10, 16)).is_ok());
        for (m, t, p) in [
            (65_537, 1, 1),
            (65_536, 11, 1),
            (4_194_304, 1, 1),
            (8, 4_294_967_295, 1),
            (65_536, 1, 17),
        ] {
            refuses(&argon2(m, t, p), "65536 KiB");
        }
    }

    #[test]
    fn what_is_no_known_hash_is_refused() {
        for text in [
            "",
            "hunter22",
            "$2x$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa",
            "$2b$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5x",
            "$2b$+4$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa",
            "$2b$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5x\u{e9}",
            "$1$abc$def",
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=18$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=1,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$pbkdf2-sha256$MDEyMzQ1Njc4OWFiY2RlZg$ueBbYQVkDHSR2wInfuEbu55EoAdDx3ozbiXKophExIU",
            "$pbkdf2-sha256$i=1000,l=20$MDEyMzQ1Njc4OWFiY2RlZg$ueBbYQVkDHSR2wInfuEbu55EoAdDx3ozbiXKophExIU",
            "$pbkdf2-sha256$i=1000,x=1$MDEyMzQ1Njc4OWFiY2RlZg$ueBbYQVkDHSR2wInfuEbu55EoAdDx3ozbiXKophExIU",
            "$pbkdf2-md5$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$ueBbYQVkDHSR2wInfuEbu55EoAdDx3ozbiXKophExIU",
        ] {
            refuses(text, "must be a bcrypt hash");
        }
        refuses(&"x".repeat(1_000_000), "must be a bcrypt hash");
        let hash =
            ForeignHash::parse("$2b$04$abcdefghijklmnopqrstuunBMgByaIAZYuFgMUjBx8aaeU/9We5xa");
        assert_eq!(format!("{hash:?}"), "Ok(ForeignHash(…))");
    }
}
