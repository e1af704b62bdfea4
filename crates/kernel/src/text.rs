use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;

/// The key under which a text is compared "without case": NFC, then Unicode lower case.
///
/// Done here and not in SQL, so that both engines agree (the contract's rule on strings).
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.nfc().collect::<String>().to_lowercase()
    }
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_letters_are_the_same_without_case() {
        assert_eq!(fold("JOSE\u{301}"), fold("jos\u{e9}"));
        assert_eq!(fold("Straße"), "straße");
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }
}
