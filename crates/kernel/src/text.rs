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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 0xf)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
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
