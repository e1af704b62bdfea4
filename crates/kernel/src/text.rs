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

/// What every e-mail address must be: one `@` with something on both sides, 3 to 250 characters, no blanks
/// (ruling 16). The error says it in words that follow the field's name.
pub fn check_email(email: &str) -> Result<(), &'static str> {
    let (local, domain) = email.split_once('@').ok_or("must be an e-mail address")?;
    let blank = |c: char| c.is_whitespace() || c.is_control();
    if local.is_empty() || domain.is_empty() || domain.contains('@') || email.contains(blank) {
        return Err("must be an e-mail address");
    }
    if email.chars().count() > 250 { Err("must be 3 to 250 characters long") } else { Ok(()) }
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
