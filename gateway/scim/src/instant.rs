//! Parses SCIM's dateTime values (RFC 7643 §2.3.5) for comparison. Stored values stay as written.

use jiff::Timestamp;

/// RFC 7643 §2.3.5: a dateTime is an `xsd:dateTime` and "MUST include both a date and a time". The offset is optional; its
/// default is UTC. Digits past the nanosecond are ignored.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    // jiff accepts more than xsd:dateTime: bare dates, a space for the T, zone names in brackets.
    let date_ends = text.find(['T', 't'])?;
    let is_plain =
        bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b'T' | b't' | b'Z' | b'z' | b':' | b'.' | b'-' | b'+'));
    let time = text.get(date_ends + 1..)?;
    if !is_plain || date_ends < "0000-00-00".len() || !has_seconds(time) || !has_whole_offset(time) {
        return None;
    }
    let text = cut_fraction(text)?;
    if text.get(date_ends..)?.contains(['Z', 'z', '+', '-']) {
        text.parse().ok()
    } else {
        format!("{text}Z").parse().ok()
    }
}

fn has_seconds(time: &str) -> bool {
    matches!(time.as_bytes(), [_, _, b':', _, _, b':', _, _, ..])
}

/// XML Schema part 2, §3.2.7.3: an offset is `Z` or has hours and minutes (`+02:00`). It may be absent.
fn has_whole_offset(time: &str) -> bool {
    let Some(start) = time.find(['Z', 'z', '+', '-']) else { return true };
    let offset = time.as_bytes().get(start..).unwrap_or_default();
    matches!(offset, [b'Z' | b'z'] | [b'+' | b'-', _, _, b':', _, _])
}

/// `text` with at most nine fractional digits. .NET writes seven, other clients more than nine.
fn cut_fraction(text: &str) -> Option<String> {
    let Some((head, tail)) = text.split_once('.') else { return Some(text.to_owned()) };
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    let (kept, offset) = (tail.get(..digits.min(9))?, tail.get(digits..)?);
    Some(format!("{head}.{kept}{offset}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_instant_are_equal() {
        let noon: Timestamp = "2026-03-01T12:00:00.1234567Z".parse().unwrap();
        for text in [
            "2026-03-01T12:00:00.1234567Z",
            "2026-03-01t12:00:00.1234567z",
            "2026-03-01T12:00:00.1234567",
            "2026-03-01T14:00:00.1234567+02:00",
            "2026-03-01T06:30:00.123456700-05:30",
            "2026-03-01T12:00:00.123456700000Z",
        ] {
            assert_eq!(parse(text), Some(noon), "{text}");
        }
    }

    #[test]
    fn malformed_date_times_are_refused() {
        for text in [
            "",
            "T",
            "2026-03-01",
            "12:00:00",
            "2026-03-01 12:00:00Z",
            "2026-03-01T12:00Z",
            "2026-03-01T",
            "2026-02-30T12:00:00Z",
            "2026-03-01T25:00:00Z",
            "2026-03-01T12:00:00Z[UTC]",
            "2026-03-01T12:00:00.Z",
            "yesterdayT12:00:00Z",
            "99999999-01-01T00:00:00Z",
            "2026-03-01T12:00:00.1Ж",
            "2026-03-01T12:00:00+02",
            "2026-03-01T12:00:00-2",
            "2026-03-01T12:00:00+0200",
            "2026-03-01T12:00:00+02:0",
            "2026-03-01T12:00:00+02:00:00",
            "2026-03-01T12:00:00Z02:00",
            "2026-03-01T12:00:00+02:",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
