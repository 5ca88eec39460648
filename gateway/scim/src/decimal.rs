//! Exact comparison of JSON numbers by value. As floats, two different ids of twenty digits would be equal.

use std::cmp::Ordering;

use serde_json::Number;

/// A number as its significant digits: `0.d₁d₂d₃… × 10^exponent`, without leading and trailing zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    exponent: i64,
    digits: Vec<u8>,
}

impl Decimal {
    /// The value of a JSON number. An exponent beyond 64 bits is taken as the largest one.
    #[must_use]
    pub fn new(number: &Number) -> Self {
        let text = number.to_string();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all.iter().rev().take_while(|digit| **digit == b'0').count();
        if leading == all.len() {
            return Self { negative: false, exponent: 0, digits: Vec::new() };
        }
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) - i64::try_from(leading).unwrap_or(0);
        let digits = all[leading..all.len() - trailing].to_vec();
        Self { negative, exponent: exponent.saturating_add(point), digits }
    }

    /// Whether the number has no fraction: `1.0` and `1e3` have none.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|length| length <= self.exponent) || self.digits.is_empty()
    }

    /// A whole number without point and exponent, if it has at most `max_digits` digits.
    #[must_use]
    pub fn plain(&self, max_digits: usize) -> Option<String> {
        let length = usize::try_from(self.exponent).ok().filter(|length| *length <= max_digits && self.is_whole())?;
        let digits = self.signed_digits();
        let length = length + usize::from(self.negative);
        Some(if digits.is_empty() { "0".to_owned() } else { format!("{digits:0<length$}") })
    }

    /// A text that is the same for equal numbers only.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}e{}", self.signed_digits(), self.exponent)
    }

    fn signed_digits(&self) -> String {
        let digits: String = self.digits.iter().copied().map(char::from).collect();
        if self.negative { format!("-{digits}") } else { digits }
    }

    /// The number cut to `digits` significant digits.
    #[must_use]
    pub fn shortened(mut self, digits: usize) -> Self {
        self.digits.truncate(digits);
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        self
    }

    /// The reverse of [`Decimal::key`].
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        let (negative, rest) = key.strip_prefix('-').map_or((false, key), |rest| (true, rest));
        let (digits, exponent) = rest.split_once('e')?;
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        Some(Self { negative, exponent: exponent.parse().ok()?, digits: digits.into() })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

fn parse_exponent(text: &str) -> i64 {
    let beyond = if text.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    text.parse().map_or(beyond, |exponent: i64| exponent.clamp(i64::MIN / 2, i64::MAX / 2))
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Without leading zeros, the digits compare like text.
        let magnitude = || self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits));
        self.sign().cmp(&other.sign()).then_with(|| if self.negative { magnitude().reverse() } else { magnitude() })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::new(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let ascending = [
            "-1e999999999999999999999",
            "-100",
            "-99.5",
            "-1e-5",
            "0",
            "1e-400",
            "0.001",
            "0.1",
            "1",
            "1.5",
            "2",
            "10",
            "18446744073709551615",
            "18446744073709551616",
            "1e400",
            "2e400",
        ];
        for (index, low) in ascending.iter().enumerate() {
            assert_eq!(decimal(low), decimal(low));
            for high in &ascending[index + 1..] {
                assert!(decimal(low) < decimal(high), "{low} {high}");
                assert!(decimal(high) > decimal(low), "{low} {high}");
            }
        }
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for (one, other) in
            [("1", "1.0"), ("100", "1e2"), ("0", "-0.0"), ("0.5", "5E-1"), ("-120", "-1.20e+2"), ("0e9", "0")]
        {
            assert_eq!(decimal(one), decimal(other), "{one} {other}");
        }
    }

    #[test]
    fn keys_survive_a_round_trip_and_malformed_ones_are_refused() {
        for text in ["0", "-1e999999999999999999999", "12.5", "-0.001", "18446744073709551616"] {
            assert_eq!(Decimal::from_key(&decimal(text).key()), Some(decimal(text)), "{text}");
        }
        for key in ["", "1", "-e", "1.5e2", "1e", "xe1", "1ex"] {
            assert_eq!(Decimal::from_key(key), None, "{key}");
        }
    }

    #[test]
    fn a_shortened_number_has_no_trailing_zeros() {
        assert_eq!(decimal("1.2005").shortened(4), decimal("1.2"));
        assert_eq!(decimal("-987").shortened(2), decimal("-980"));
    }

    #[test]
    fn is_whole_distinguishes_fractions() {
        for (text, whole) in [
            ("0", true),
            ("1.0", true),
            ("1e3", true),
            ("1.5", false),
            ("1e-3", false),
            ("120", true),
            ("12e-1", false),
        ] {
            assert_eq!(decimal(text).is_whole(), whole, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_integers(a in any::<i32>(), b in any::<i32>()) {
            prop_assert_eq!(decimal(&a.to_string()).cmp(&decimal(&b.to_string())), a.cmp(&b));
        }
    }
}
