//! What it costs to go over a value: work that one request can ask for is counted by it, since no clock runs in here.

use serde_json::Value;

use crate::filter::ElementFilter;

/// What an element or a value costs besides its text.
const VALUE: usize = 16;

/// About how much there is to look at. The values of a document nest no deeper than its text was allowed to.
pub(crate) fn weight(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Object(members) => members.values().map(weight).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    inner.saturating_add(VALUE)
}

/// What it costs to ask a filter of every element: each of its terms is held against every text, and each of its own texts
/// is made ready for every element.
pub(crate) fn of_filter(filter: &ElementFilter, value: Option<&Value>) -> usize {
    let (bytes, elements) = match value {
        Some(value @ Value::Array(elements)) => (weight(value), elements.len()),
        Some(single) => (weight(single), 1),
        None => (0, 0),
    };
    let terms = filter.filter().terms().saturating_mul(bytes);
    terms.saturating_add(filter.filter().bytes().saturating_mul(elements))
}
