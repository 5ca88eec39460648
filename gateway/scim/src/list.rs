//! The list response (RFC 7644 §3.4.2, RFC 9865 §2) and the paging parameters.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::error::{ScimError, ScimType};

/// The URN of a list response.
pub const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The resources of a page without `count`.
pub const DEFAULT_COUNT: u64 = 100;

/// The most resources of a page.
pub const MAX_COUNT: u64 = 1000;

/// The capacity for a list response besides its resources, including cursors.
const ENVELOPE_BYTES: usize = 1024;

/// The requested part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The 1-based index of the first result.
    pub start_index: u64,
    /// The most results; 0 requests only the total.
    pub count: u64,
}

impl Paging {
    /// Parses `startIndex` and `count`. An error is 400 `invalidValue`.
    pub fn parse(start_index: Option<&str>, count: Option<&str>) -> Result<Self, ScimError> {
        // RFC 7644 §3.4.2.4: "A value less than 1 SHALL be interpreted as 1."
        let start_index = start_index.map_or(Ok(1), |text| whole("startIndex", text))?.max(1);
        // "A negative value SHALL be interpreted as '0'."
        let count = count.map_or(Ok(DEFAULT_COUNT), |text| whole("count", text))?.min(MAX_COUNT);
        Ok(Self { start_index, count })
    }

    /// Parses `count` beside a `cursor`. An error is 400 `invalidCount`, or `invalidValue` beside a `startIndex`.
    pub fn with_cursor(start_index: Option<&str>, count: Option<&str>) -> Result<Self, ScimError> {
        if start_index.is_some() {
            return Err(ScimError::invalid_value(
                "startIndex and cursor are two ways through a list: send one of them. An empty cursor asks for the first \
                 page.",
            ));
        }
        let count = count.map_or(Ok(DEFAULT_COUNT), |text| whole("count", text));
        // RFC 9865 §2.1: "Count value must be between 0 and service provider's maxPageSize".
        match count {
            Ok(count) if count <= MAX_COUNT => Ok(Self { start_index: 1, count }),
            _ => {
                let detail = format!("With a cursor count must be a whole number, {MAX_COUNT} at most.");
                Err(ScimError::bad_request(ScimType::InvalidCount, detail))
            }
        }
    }

    /// The number of results before the page.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.start_index.saturating_sub(1)
    }
}

impl Default for Paging {
    fn default() -> Self {
        Self { start_index: 1, count: DEFAULT_COUNT }
    }
}

/// A whole number; a negative one is 0, and one too large for any list is the largest.
fn whole(name: &str, text: &str) -> Result<u64, ScimError> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!("{name} must be a whole number.")));
    }
    // The offsets of a database are signed.
    let largest = i64::MAX.unsigned_abs();
    Ok(if negative { 0 } else { digits.parse().unwrap_or(largest).min(largest) })
}

/// The body of a list response, from the JSON texts of its resources. `itemsPerPage` is the actual number of resources.
/// `Resources` is present even if empty, because Entra ID requires it.
#[must_use]
pub fn list_response<R: AsRef<str>>(resources: &[R], total: u64, start_index: u64) -> String {
    response(resources, Some(total)) + &format!(",\"startIndex\":{start_index}}}")
}

/// The cursors of the adjacent pages (RFC 9865 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursors {
    /// `previousCursor`.
    pub previous: Option<String>,
    /// `nextCursor`.
    pub next: Option<String>,
}

/// The body of a list response to a request with a cursor. RFC 9865 §2: a provider "unable to estimate totalResults MAY
/// choose to omit the totalResults attribute".
#[must_use]
pub fn cursor_response<R: AsRef<str>>(resources: &[R], total: Option<u64>, cursors: &Cursors) -> String {
    let mut body = response(resources, total);
    for (name, cursor) in [("previousCursor", &cursors.previous), ("nextCursor", &cursors.next)] {
        if let Some(cursor) = cursor {
            // Writing to a String cannot fail.
            let _ = write!(body, ",\"{name}\":{}", Value::from(cursor.as_str()));
        }
    }
    body + "}"
}

/// The common members of list responses, without the last brace.
fn response<R: AsRef<str>>(resources: &[R], total: Option<u64>) -> String {
    let size: usize = resources.iter().map(|resource| resource.as_ref().len() + 1).sum();
    // A page may have megabytes, which a growing string would copy several times.
    let mut body = String::with_capacity(size + ENVELOPE_BYTES);
    // Writing to a String cannot fail.
    let _ = write!(body, "{{\"schemas\":[\"{LIST_SCHEMA}\"],");
    if let Some(total) = total {
        let _ = write!(body, "\"totalResults\":{total},");
    }
    body.push_str("\"Resources\":[");
    for (index, resource) in resources.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(resource.as_ref());
    }
    let _ = write!(body, "],\"itemsPerPage\":{}", resources.len());
    body
}

/// The body of a list without paging, such as that of the schemas.
#[must_use]
pub fn list_response_tree(resources: Vec<Value>) -> Value {
    let total = resources.len();
    json!({
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "startIndex": 1,
        "itemsPerPage": total,
        "Resources": Value::Array(resources),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paging_parameters_are_clamped() {
        for (start_index, count, expected) in [
            (None, None, (1, 100)),
            (Some("1"), Some("2"), (1, 2)),
            (Some("0"), Some("0"), (1, 0)),
            (Some("-5"), Some("-1"), (1, 0)),
            (Some("6"), Some("5000"), (6, 1000)),
            (Some(" +11 "), None, (11, 100)),
            (Some("99999999999999999999999"), Some("99999999999999999999999"), (i64::MAX as u64, 1000)),
            (Some("-99999999999999999999999"), None, (1, 100)),
        ] {
            let paging = Paging::parse(start_index, count).unwrap();
            assert_eq!((paging.start_index, paging.count), expected, "{start_index:?} {count:?}");
        }
        assert_eq!(Paging::parse(Some("6"), None).unwrap().offset(), 5);
        assert_eq!(Paging::parse(None, None).unwrap(), Paging::default());
    }

    #[test]
    fn non_numbers_are_refused() {
        for text in ["", "x", "1.5", "1e3", "--1", "٣"] {
            assert!(Paging::parse(Some(text), None).is_err(), "{text}");
            assert!(Paging::parse(None, Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn an_invalid_count_with_a_cursor_is_refused() {
        for (count, expected) in [(None, 100), (Some("7"), 7), (Some("1000"), 1000), (Some("0"), 0), (Some("-3"), 0)] {
            assert_eq!(Paging::with_cursor(None, count).unwrap().count, expected, "{count:?}");
        }
        for count in ["1001", "99999999999999999999", "", "ten", "1.5"] {
            let refusal = Paging::with_cursor(None, Some(count)).unwrap_err();
            assert_eq!(refusal.scim_type, Some(ScimType::InvalidCount), "{count}");
        }
        let both = Paging::with_cursor(Some("1"), None).unwrap_err();
        assert_eq!(both.scim_type, Some(ScimType::InvalidValue));
    }

    #[test]
    fn a_cursor_response_omits_unknown_totals_and_absent_cursors() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let both = Cursors { previous: Some("p".into()), next: Some("n".into()) };
        let body = read(&cursor_response(&["{\"id\":\"1\"}"], Some(3), &both));
        let expected = json!({
            "schemas": [LIST_SCHEMA], "totalResults": 3, "Resources": [{ "id": "1" }], "itemsPerPage": 1,
            "previousCursor": "p", "nextCursor": "n"
        });
        assert_eq!(body, expected);
        let neither = read(&cursor_response::<String>(&[], None, &Cursors::default()));
        assert_eq!(neither, json!({ "schemas": [LIST_SCHEMA], "Resources": [], "itemsPerPage": 0 }));
    }

    #[test]
    fn a_list_response_counts_its_resources() {
        let body: Value = serde_json::from_str(&list_response(&["{\"id\":\"1\"}", "{\"id\":\"2\"}"], 12, 6)).unwrap();
        let expected = json!({
            "schemas": [LIST_SCHEMA], "totalResults": 12, "Resources": [{ "id": "1" }, { "id": "2" }],
            "startIndex": 6, "itemsPerPage": 2
        });
        assert_eq!(body, expected);
        let empty: Value = serde_json::from_str(&list_response::<String>(&[], 0, 1)).unwrap();
        assert_eq!((&empty["Resources"], &empty["itemsPerPage"]), (&json!([]), &json!(0)));
    }
}
