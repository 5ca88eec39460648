//! Complex values and the elements of multi-valued attributes: when two are the same, how one is merged into
//! another, and which one is primary.

use serde_json::{Map, Value};

use crate::attribute::Attribute;
use crate::fold::comparison_key;

/// Merges the supplied sub-attributes into `into` and takes the `cleared` ones away; the others stay
/// (RFC 7644 §3.5.2.3: "If the target location specifies a complex attribute, a set of sub-attributes SHALL be
/// specified in the "value" parameter that replaces any existing values or adds where an attribute did not
/// previously exist. … Sub-attributes that are not specified SHALL be left unchanged").
pub(super) fn merge(into: &mut Map<String, Value>, supplied: Map<String, Value>, cleared: &[String]) {
    let before = into.get("value").cloned();
    let says_ref = supplied.contains_key("$ref");
    for (key, value) in supplied {
        into.insert(key, value);
    }
    for key in cleared {
        into.shift_remove(key);
    }
    // A `$ref` that points at the former value would contradict the new one (`manager`).
    if before.is_some() && into.get("value") != before.as_ref() && !says_ref {
        into.shift_remove("$ref");
    }
}

/// Whether adding `new` would only say again what `present` is. RFC 7644 §3.5.2.1: "If the target location already
/// contains the value specified, no changes SHOULD be made". Two elements are the same value when `value` and
/// `type` are; elements without a `value` (addresses) when all that `new` says is there already.
pub(super) fn is_same(present: &Value, new: &Value) -> bool {
    let (Some(present), Some(new)) = (present.as_object(), new.as_object()) else { return present == new };
    if new.get("value").is_some_and(|value| present.get("value") == Some(value)) {
        return new.get("type").is_none_or(|kind| present.get("type") == Some(kind));
    }
    new.iter().all(|(key, value)| present.get(key) == Some(value))
}

/// Whether `listed`, an element of a removal's value list, means `present`. `$ref` and `display` are derived from
/// the value, so they do not tell elements apart.
pub(super) fn is_meant(present: &Value, listed: &Value, attribute: &Attribute) -> bool {
    let (Some(present), Some(listed)) = (present.as_object(), listed.as_object()) else {
        return same_scalar(present, listed, attribute);
    };
    let mut telling = listed.iter().filter(|(key, _)| !matches!(key.as_str(), "$ref" | "display")).peekable();
    if telling.peek().is_none() {
        return false;
    }
    let by_value = listed.contains_key("value");
    telling.filter(|(key, _)| !by_value || matches!(key.as_str(), "value" | "type")).all(|(key, value)| {
        let (Some(there), Some(sub)) = (present.get(key), attribute.sub_attribute(key)) else { return false };
        same_scalar(there, value, sub)
    })
}

fn same_scalar(left: &Value, right: &Value, attribute: &Attribute) -> bool {
    match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => comparison_key(left, attribute) == comparison_key(right, attribute),
        _ => left == right,
    }
}

/// Whether nothing is left of an element but the labels that told it apart. What a value path made for its value
/// goes with its value, or the two Entra dialects would end in different states.
pub(super) fn is_hollow(element: &Value) -> bool {
    element.as_object().is_some_and(|parts| parts.keys().all(|key| matches!(key.as_str(), "type" | "primary")))
}

fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// RFC 7644 §3.5.2: "a PATCH operation that sets a value's "primary" sub-attribute to "true" SHALL cause the server to
/// automatically set "primary" to "false" for any other values in the array." The winner is the last element the
/// operation wrote as primary.
pub(super) fn keep_one_primary(before: Option<&Value>, elements: &mut [Value]) {
    if elements.iter().filter(|element| is_primary(element)).count() < 2 {
        return;
    }
    let present = before.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let was_primary = |element: &Value| is_primary(element) && present.contains(element);
    let written = elements.iter().rposition(|element| is_primary(element) && !was_primary(element));
    let Some(winner) = written.or_else(|| elements.iter().rposition(is_primary)) else { return };
    for (place, element) in elements.iter_mut().enumerate() {
        if place != winner && is_primary(element) {
            element["primary"] = Value::Bool(false);
        }
    }
}
