//! Complex values and the elements of multi-valued attributes: merging, and the primary element.

use std::collections::HashSet;

use serde_json::{Map, Value};

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

/// Whether an element has only `type` and `primary` left. An element that a value path created for its value is removed
/// with its value; otherwise the two Entra dialects would end in different states.
pub(super) fn has_only_labels(element: &Value) -> bool {
    element.as_object().is_some_and(|members| members.keys().all(|key| matches!(key.as_str(), "type" | "primary")))
}

/// RFC 7644 §3.5.2: "a PATCH operation that sets a value's "primary" sub-attribute to "true" SHALL cause the server to
/// automatically set "primary" to "false" for any other values in the array." The last element that the operation wrote as
/// primary stays primary.
pub(super) fn keep_one_primary(before: Option<&Value>, elements: &mut [Value]) {
    let present: HashSet<&Value> =
        before.and_then(Value::as_array).into_iter().flatten().filter(|element| is_primary(element)).collect();
    let written = elements.iter().rposition(|element| is_primary(element) && !present.contains(element));
    if let Some(keep) = written.or_else(|| elements.iter().rposition(is_primary)) {
        keep_primary(elements, keep);
    }
}
