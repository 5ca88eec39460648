//! Complex values and the elements of multi-valued attributes: identity, merging, and the primary element.

use serde_json::{Map, Value};

use crate::attribute::Attribute;
use crate::fold::comparison_key;
use crate::value::{is_primary, keep_primary};

/// Merges the new sub-attributes into `into` and removes the `cleared` ones; the others stay. RFC 7644 §3.5.2.3: "If the
/// target location specifies a complex attribute, a set of sub-attributes SHALL be specified in the "value" parameter that
/// replaces any existing values or adds where an attribute did not previously exist. … Sub-attributes that are not
/// specified SHALL be left unchanged".
pub(super) fn merge(into: &mut Map<String, Value>, new: Map<String, Value>, cleared: &[String]) {
    let before = into.get("value").cloned();
    let has_ref = new.contains_key("$ref");
    into.extend(new);
    for key in cleared {
        into.shift_remove(key);
    }
    // A `$ref` to the former value would contradict the new one (`manager`).
    if before.is_some() && into.get("value") != before.as_ref() && !has_ref {
        into.shift_remove("$ref");
    }
}

/// Whether adding `new` would repeat `present`. RFC 7644 §3.5.2.1: "If the target location already contains the value
/// specified, no changes SHOULD be made". Elements are the same if `value` and `type` are; those without a `value`
/// (addresses) if `present` has everything that `new` has.
pub(super) fn is_same(present: &Value, new: &Value) -> bool {
    let (Some(present), Some(new)) = (present.as_object(), new.as_object()) else { return present == new };
    if new.get("value").is_some_and(|value| present.get("value") == Some(value)) {
        return new.get("type").is_none_or(|kind| present.get("type") == Some(kind));
    }
    new.iter().all(|(key, value)| present.get(key) == Some(value))
}

/// Whether `listed`, an element of a removal's value list, identifies `present`. `$ref` and `display` are derived from the
/// value, so they are ignored.
pub(super) fn is_listed(present: &Value, listed: &Value, attribute: &Attribute) -> bool {
    let (Some(present), Some(listed)) = (present.as_object(), listed.as_object()) else {
        return is_same_scalar(present, listed, attribute);
    };
    let mut identifying = listed.iter().filter(|(key, _)| !matches!(key.as_str(), "$ref" | "display")).peekable();
    if identifying.peek().is_none() {
        return false;
    }
    let by_value = listed.contains_key("value");
    identifying.filter(|(key, _)| !by_value || matches!(key.as_str(), "value" | "type")).all(|(key, value)| {
        let (Some(own), Some(sub)) = (present.get(key), attribute.sub_attribute(key)) else { return false };
        is_same_scalar(own, value, sub)
    })
}

fn is_same_scalar(left: &Value, right: &Value, attribute: &Attribute) -> bool {
    match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => comparison_key(left, attribute) == comparison_key(right, attribute),
        _ => left == right,
    }
}

/// Whether an element has only `type` and `primary` left. An element that a value path created for its value is removed
/// with its value; otherwise the two Entra dialects would end in different states.
pub(super) fn has_only_labels(element: &Value) -> bool {
    element.as_object().is_some_and(|members| members.keys().all(|key| matches!(key.as_str(), "type" | "primary")))
}

/// RFC 7644 §3.5.2: "a PATCH operation that sets a value's "primary" sub-attribute to "true" SHALL cause the server to
/// automatically set "primary" to "false" for any other values in the array." The last element that the operation wrote as
/// primary stays primary.
pub(super) fn keep_one_primary(before: Option<&Value>, elements: &mut [Value]) {
    let present = before.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let written = elements.iter().rposition(|element| is_primary(element) && !present.contains(element));
    if let Some(keep) = written.or_else(|| elements.iter().rposition(is_primary)) {
        keep_primary(elements, keep);
    }
}
