//! .NET's custom date formats, split into parts, and writing by them.

use std::fmt::Write as _;

use super::names::{DAYS, MONTHS, SHORT};
use super::{Date, half_day};

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A letter with a meaning, and how often it stands there.
    Field(char, usize),
    /// Anything else.
    Literal(String),
}

/// Splits a format; none if a quotation mark is not closed or a backslash ends it.
pub(super) fn parts(format: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            'd' | 'f' | 'F' | 'g' | 'h' | 'H' | 'K' | 'm' | 'M' | 's' | 't' | 'y' | 'z' | ':' | '/' => {
                let mut count = 1;
                while letters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                if matches!(letter, ':' | '/') {
                    literal(&mut parts, &letter.to_string().repeat(count));
                } else {
                    parts.push(Part::Field(letter, count));
                }
            }
            '\'' | '"' => {
                let mut text = String::new();
                loop {
                    match letters.next()? {
                        end if end == letter => break,
                        '\\' => text.push(letters.next()?),
                        other => text.push(other),
                    }
                }
                literal(&mut parts, &text);
            }
            '\\' => literal(&mut parts, &letters.next()?.to_string()),
            // Makes a single letter a custom format.
            '%' => {}
            other => literal(&mut parts, &other.to_string()),
        }
    }
    Some(parts)
}

fn literal(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Literal(last)) => last.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

/// The custom format of a standard one, which is a single letter; a custom format as it is.
pub(super) fn custom(format: &str) -> Option<&str> {
    let mut letters = format.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        return (!format.is_empty()).then_some(format);
    };
    Some(match letter {
        'd' => "MM/dd/yyyy",
        'D' => "dddd, dd MMMM yyyy",
        'f' => "dddd, dd MMMM yyyy HH:mm",
        'F' | 'U' => "dddd, dd MMMM yyyy HH:mm:ss",
        'g' => "MM/dd/yyyy HH:mm",
        'G' => "MM/dd/yyyy HH:mm:ss",
        'M' | 'm' => "MMMM dd",
        'O' | 'o' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
        'R' | 'r' => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
        's' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
        't' => "HH:mm",
        'T' => "HH:mm:ss",
        'u' => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
        'Y' | 'y' => "yyyy MMMM",
        _ => return None,
    })
}

impl Date {
    /// The text of this moment in a .NET format, with the invariant culture's names; none if the format is none.
    pub(crate) fn write(self, format: &str) -> Option<String> {
        let mut text = String::new();
        for part in parts(custom(format)?)? {
            match part {
                Part::Literal(literal) => text.push_str(&literal),
                Part::Field(letter, count) => self.write_field(letter, count, &mut text)?,
            }
        }
        Some(text)
    }

    fn write_field(self, letter: char, count: usize, text: &mut String) -> Option<()> {
        let at = self.0;
        let mut number = |value: i64, width: usize| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{value:0width$}");
        };
        match (letter, count) {
            ('d', 1 | 2) => number(at.day().into(), count),
            ('d', _) => {
                let name = DAYS[usize::try_from(at.weekday().to_sunday_zero_offset()).ok()?];
                text.push_str(if count == 3 { &name[..SHORT] } else { name });
            }
            ('M', 1 | 2) => number(at.month().into(), count),
            ('M', _) => {
                let name = MONTHS[usize::try_from(at.month() - 1).ok()?];
                text.push_str(if count == 3 { &name[..SHORT] } else { name });
            }
            ('y', 1 | 2) => number((at.year() % 100).into(), count),
            ('y', _) => number(at.year().into(), count),
            ('H', _) => number(at.hour().into(), count.min(2)),
            ('h', _) => number(half_day(at.hour()).0.into(), count.min(2)),
            ('m', _) => number(at.minute().into(), count.min(2)),
            ('s', _) => number(at.second().into(), count.min(2)),
            ('t', 1) => text.push_str(&half_day(at.hour()).1[..1]),
            ('t', _) => text.push_str(half_day(at.hour()).1),
            ('z', 1) => text.push_str("+0"),
            ('z', 2) => text.push_str("+00"),
            ('z', _) => text.push_str("+00:00"),
            ('K', _) => text.push('Z'),
            ('g', _) => text.push_str("A.D."),
            ('f', 1..=7) => text.push_str(&fraction(self)[..count]),
            ('F', 1..=7) => {
                let digits = fraction(self);
                let digits = digits[..count].trim_end_matches('0');
                if digits.is_empty() && text.ends_with('.') {
                    text.pop();
                }
                text.push_str(digits);
            }
            _ => return None,
        }
        Some(())
    }
}

/// Seven digits of the second's fraction.
fn fraction(date: Date) -> String {
    format!("{:07}", date.0.subsec_nanosecond() / 100)
}
