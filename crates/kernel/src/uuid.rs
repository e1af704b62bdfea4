use std::{fmt, str::FromStr};

use crate::{Chance, hex};

/// A random UUID (version 4): what segments and shopper profiles are named by, and what opens a wishlist.
/// The default is the one of zeros, which is nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// A new one. Of its 128 bits 122 are random, so it is not checked against those there are.
    #[must_use]
    pub fn draw(chance: &dyn Chance) -> Self {
        let mut bytes = [0; 16];
        chance.fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

/// `02d55481-13eb-4d1e-9d79-9062b518570d`.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex(&self.0);
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| &digits[group]);
        f.write_str(&groups.join("-"))
    }
}

/// The text is no UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUuid;

/// Five groups of digits, joined by `-`; of any version, with letters of either case.
impl FromStr for Uuid {
    type Err = NotUuid;

    fn from_str(text: &str) -> Result<Self, NotUuid> {
        let mut bytes = [0; 16];
        let mut digits = Vec::with_capacity(32);
        for (at, byte) in text.bytes().enumerate() {
            match (at, byte) {
                (8 | 13 | 18 | 23, b'-') => {}
                (8 | 13 | 18 | 23, _) => return Err(NotUuid),
                _ => digits.push(char::from(byte).to_digit(16).ok_or(NotUuid)?),
            }
        }
        if text.len() != 36 {
            return Err(NotUuid);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::try_from(pair[0] << 4 | pair[1]).map_err(|_| NotUuid)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededChance;

    #[test]
    fn what_is_written_is_read_again_and_says_its_version() {
        let chance = SeededChance::new(3);
        for _ in 0..100 {
            let drawn = Uuid::draw(&chance);
            let text = drawn.to_string();
            assert_eq!(text.parse(), Ok(drawn));
            assert_eq!(text.to_uppercase().parse(), Ok(drawn));
            assert_eq!((text.len(), &text[14..15]), (36, "4"), "{text}");
            assert!("89ab".contains(&text[19..20]), "{text}");
        }
    }

    #[test]
    fn what_has_another_form_is_refused() {
        let good = "02d55481-13eb-4d1e-9d79-9062b518570d";
        assert_eq!(good.parse::<Uuid>().unwrap().to_string(), good);
        for not in [
            "",
            "1",
            "02d5548113eb4d1e9d799062b518570d",
            "{02d55481-13eb-4d1e-9d79-9062b518570d}",
            "02d55481-13eb-4d1e-9d79-9062b518570",
            "02d55481-13eb-4d1e-9d79-9062b518570d0",
            "02d55481-13eb-4d1e-9d79-9062b518570g",
            "02d55481 13eb 4d1e 9d79 9062b518570d",
            "02d55481-13eb-4d1e-9d79-9062b51857\u{fc}",
        ] {
            assert_eq!(not.parse::<Uuid>(), Err(NotUuid), "{not}");
        }
    }
}
