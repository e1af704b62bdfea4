use std::{fmt, str::FromStr};

/// An amount in 1/10000 of a currency unit, as both engines store it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(pub i64);

impl Money {
    /// As V2 writes it: four decimals, always (`150.7500`).
    #[must_use]
    pub fn to_four_decimals(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        format!("{sign}{}.{:04}", amount / Self::UNIT, amount % Self::UNIT)
    }

    /// As V3 writes it: a JSON number with no digit more than it needs (`43.15`, `0`).
    #[must_use]
    pub fn to_shortest(self) -> String {
        let text = self.to_four_decimals();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// As the published V2 page writes it: two decimals, or as many as the amount needs (`150.75`).
    #[must_use]
    pub fn to_two_decimals(self) -> String {
        let text = self.to_four_decimals();
        let (text, last) = text.split_at(text.len() - 2);
        format!("{text}{}", last.trim_end_matches('0'))
    }

    const UNIT: u64 = 10_000;
}

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMoney;

impl fmt::Display for NotMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an amount with at most four decimals")
    }
}

impl FromStr for Money {
    type Err = NotMoney;

    /// Read a decimal number, with or without an exponent, exactly: what does not fit in four decimals
    /// is not rounded but refused.
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let (text, exponent) = match text.split_once(['e', 'E']) {
            Some((text, exponent)) => (text, exponent.parse::<i32>().map_err(|_| NotMoney)?),
            None => (text, 0),
        };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || digits.ends_with('.') || !all_digits(whole) || !all_digits(fraction)
        {
            return Err(NotMoney);
        }
        let mut amount: i64 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let shifted = amount.checked_mul(10).ok_or(NotMoney)?;
            amount = shifted.checked_add(i64::from(digit - b'0')).ok_or(NotMoney)?;
        }
        let decimals = i32::try_from(fraction.len()).map_err(|_| NotMoney)?;
        let mut shift =
            exponent.checked_sub(decimals).and_then(|n| n.checked_add(4)).ok_or(NotMoney)?;
        while shift != 0 && amount != 0 {
            if shift > 0 {
                amount = amount.checked_mul(10).ok_or(NotMoney)?;
                shift -= 1;
            } else if amount % 10 == 0 {
                amount /= 10;
                shift += 1;
            } else {
                return Err(NotMoney);
            }
        }
        Ok(Self(if negative { -amount } else { amount }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(text.parse::<Money>().ok().map(|money| money.0), expected, "{text}");
    }

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        check("0", Some(0));
        check("43.15", Some(431_500));
        check("-1.5", Some(-15_000));
        check("8000.00", Some(80_000_000));
        check("1e2", Some(1_000_000));
        check("1.5e-3", Some(15));
        check("0.00001", None);
        check("0.10000", Some(1000));
        check("922337203685477.5807", Some(i64::MAX));
        check("922337203685477.5808", None);
        check("1e400", None);
        check("0e400", Some(0));
        for not in ["", "-", ".5", "5.", "1,5", "abc", "1.2.3", "NaN", "+1", " 1"] {
            check(not, None);
        }
    }

    #[test]
    fn each_wire_writes_its_own_form() {
        assert_eq!(Money(1_507_500).to_four_decimals(), "150.7500");
        assert_eq!(Money(1_507_500).to_shortest(), "150.75");
        assert_eq!(Money(1_507_500).to_two_decimals(), "150.75");
        assert_eq!(Money(0).to_shortest(), "0");
        assert_eq!(Money(0).to_two_decimals(), "0.00");
        assert_eq!(Money(100_000).to_shortest(), "10");
        assert_eq!(Money(12_345).to_two_decimals(), "1.2345");
        assert_eq!(Money(-5).to_four_decimals(), "-0.0005");
    }
}
