//! The list response (RFC 7644 §3.4.2, RFC 9865 §2) and the window of it that a client asks for.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::error::{ScimError, ScimType};

/// The URN of the list response message.
pub const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// How many resources a page has if the client does not say.
pub const DEFAULT_COUNT: u64 = 100;

/// How many resources a page can have.
pub const MAX_COUNT: u64 = 1000;

/// The window of a list that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The first result, counted from 1.
    pub start_index: u64,
    /// How many results at most; 0 asks for the total alone.
    pub count: u64,
}

impl Paging {
    /// Reads `startIndex` and `count` as they stand in the query.
    ///
    /// # Errors
    /// 400 `invalidValue` if one is no whole number.
    pub fn parse(start_index: Option<&str>, count: Option<&str>) -> Result<Self, ScimError> {
        // RFC 7644 §3.4.2.4: "A value less than 1 SHALL be interpreted as 1."
        let start_index = start_index.map_or(Ok(1), |text| whole("startIndex", text))?.max(1);
        // "A negative value SHALL be interpreted as '0'."
        let count = count.map_or(Ok(DEFAULT_COUNT), |text| whole("count", text))?.min(MAX_COUNT);
        Ok(Self { start_index, count })
    }

    /// Reads `count` as it stands beside a `cursor`, where it is held to what the first page said.
    ///
    /// # Errors
    /// 400 `invalidCount` if it is no whole number or more than a page can have, `invalidValue` beside a `startIndex`.
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

    /// How many results come before the window.
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

/// A whole number; negative is 0, and one too large for any list is the largest, which is past every end.
fn whole(name: &str, text: &str) -> Result<u64, ScimError> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!("{name} must be a whole number.")));
    }
    // A larger one would not fit the signed offsets of a database.
    let largest = i64::MAX.unsigned_abs();
    Ok(if negative { 0 } else { digits.parse().unwrap_or(largest).min(largest) })
}

/// The body of a list response, from the JSON texts of its resources.
///
/// `itemsPerPage` is what the page holds, and not what was asked for; `Resources` is there even if it is empty,
/// since Entra ID wants it.
#[must_use]
pub fn list_response<R: AsRef<str>>(resources: &[R], total: u64, start_index: u64) -> String {
    response(resources, Some(total)) + &format!(",\"startIndex\":{start_index}}}")
}

/// Where the pages before and after this one are to be had (RFC 9865 §2); none before the first and after the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursors {
    /// `previousCursor`.
    pub previous: Option<String>,
    /// `nextCursor`.
    pub next: Option<String>,
}

/// The body of a list response to a request with a cursor. RFC 9865 §2: who is "unable to estimate totalResults MAY choose
/// to omit the totalResults attribute".
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

/// Bytes of a list response beside its resources, cursors included.
const BESIDE: usize = 1024;

/// What all list responses have, without the last brace.
fn response<R: AsRef<str>>(resources: &[R], total: Option<u64>) -> String {
    let size: usize = resources.iter().map(|resource| resource.as_ref().len() + 1).sum();
    // A page may have megabytes, which growing would copy several times.
    let mut body = String::with_capacity(size + BESIDE);
    // Writing to a String cannot fail.
    let _ = write!(body, "{{\"schemas\":[\"{LIST_SCHEMA}\"],");
    if let Some(total) = total {
        let _ = write!(body, "\"totalResults\":{total},");
    }
    body.push_str("\"Resources\":[");
    for (place, resource) in resources.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str(resource.as_ref());
    }
    let _ = write!(body, "],\"itemsPerPage\":{}", resources.len());
    body
}

/// The body of a list that is always sent whole, such as that of the schemas.
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
    fn paging_follows_the_rfc_at_its_edges() {
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
    fn what_is_no_number_is_refused() {
        for text in ["", "x", "1.5", "1e3", "--1", "٣"] {
            assert!(Paging::parse(Some(text), None).is_err(), "{text}");
            assert!(Paging::parse(None, Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn with_a_cursor_a_count_is_right_or_refused() {
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
    fn a_page_tells_of_its_neighbours_and_of_nothing_it_does_not_know() {
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
    fn a_list_counts_what_it_holds() {
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
