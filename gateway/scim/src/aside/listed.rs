//! Elements that a removal means, before a schema says how they are compared: what is the same by the letter is the same
//! by any schema, and texts that differ by more than their case are by none.

use serde_json::{Map, Value};

use crate::fold::fold;

/// What the simplest of filters selects: `items[type eq "work"]`.
pub(super) struct Selection<'n> {
    pub(super) attribute: &'n str,
    /// The one thing that its elements have in common.
    pub(super) element: Value,
}

/// What a path selects, if it is of that form.
pub(super) fn selection(path: &str) -> Option<Selection<'_>> {
    let (attribute, filter) = path.strip_suffix(']')?.split_once('[')?;
    let (name, comparison) = filter.trim().split_once(' ')?;
    let (operator, literal) = comparison.trim_start().split_once(' ')?;
    if !operator.eq_ignore_ascii_case("eq") || !name.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let text: String = serde_json::from_str(literal.trim()).ok()?;
    Some(Selection { attribute, element: Value::Object(Map::from_iter([(name.to_owned(), text.into())])) })
}

/// Whether a removal of `listed` takes the element by any schema.
pub(super) fn is_meant(element: &Value, listed: &Value) -> bool {
    match (element, listed) {
        (Value::Object(_), Value::Object(_)) => {
            let mut telling = telling(listed).peekable();
            telling.peek().is_some() && telling.all(|(key, value)| element.get(key) == Some(value))
        }
        (element, Value::Object(_)) => only_value(listed) == Some(element),
        (element, listed) => element == listed,
    }
}

/// Whether a value is a list of which each element is meant, or not, by any schema. A value that is no list may be meant as
/// a whole, whatever is listed.
pub(super) fn is_clear(value: Option<&Value>, listed: &[Value]) -> bool {
    let Some(Value::Array(elements)) = value else { return false };
    let is_meant_or_not = |element: &Value| {
        listed.iter().any(|listed| is_meant(element, listed)) || listed.iter().all(|it| is_another(element, it))
    };
    elements.iter().all(is_meant_or_not)
}

/// Whether the element is not meant by any schema.
fn is_another(element: &Value, listed: &Value) -> bool {
    match (element, listed) {
        (Value::String(one), Value::String(other)) => {
            // It may be the JSON text of an element.
            !one.starts_with('{') && !other.starts_with('{') && fold(one) != fold(other)
        }
        (Value::Object(_), Value::Object(_)) => {
            telling(listed).any(|(key, value)| element.get(key).is_some_and(|own| is_another(own, value)))
        }
        (Value::String(_), Value::Object(_)) => only_value(listed).is_some_and(|value| is_another(element, value)),
        _ => false,
    }
}

/// The `value`, where an element is told by it alone: an element that is a text is its own.
fn only_value(listed: &Value) -> Option<&Value> {
    listed.get("value").filter(|_| telling(listed).count() == 1)
}

/// By what an element of a list tells which one it means.
fn telling(listed: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let by_value = listed.get("value").is_some();
    let members = listed.as_object().into_iter().flatten();
    members.filter(move |(key, _)| match key.as_str() {
        "$ref" | "display" => false,
        "value" | "type" => true,
        _ => !by_value,
    })
}
