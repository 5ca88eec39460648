//! Compares a document with what it must hold, and names the place where it differs.

use serde_json::Value;

/// The first difference between a document and what it must hold, if any. An expected null means no value, `"$any"` any
/// value; arrays must have the expected length, objects may have more members.
#[must_use]
pub fn difference(expected: &Value, found: &Value) -> Option<String> {
    at("", expected, found)
}

fn at(place: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::String(any), found) if any == "$any" => found.is_null().then(|| format!("{place}: nothing is there")),
        (Value::Object(expected), Value::Object(found)) => expected
            .iter()
            .find_map(|(name, value)| at(&format!("{place}/{name}"), value, found.get(name).unwrap_or(&Value::Null))),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => expected
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(index, (expected, found))| at(&format!("{place}/{index}"), expected, found)),
        (expected, found) if expected == found => None,
        (expected, found) => Some(format!("{place}: expected {expected}, found {found}")),
    }
}

/// Panics where a document does not hold what is expected.
#[track_caller]
pub fn assert_holds(what: &str, expected: &Value, found: &Value) {
    if let Some(difference) = difference(expected, found) {
        panic!("{what}: {difference}\n{found:#}");
    }
}
