//! The cost of reading a value or applying a filter to it. No clock runs in this crate, so limits on work count bytes.

use serde_json::Value;

use crate::filter::ElementFilter;
use crate::value::elements;

/// The cost of an element or a value besides its text.
const VALUE_COST: usize = 16;

/// The text in a value in bytes, plus a constant for each value in it. Parsing has bounded the depth.
pub(crate) fn of_value(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(of_value).sum(),
        Value::Object(members) => members.values().map(of_value).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    inner.saturating_add(VALUE_COST)
}

/// The cost of applying a filter to every element: each term is compared with each text, and each literal is folded once
/// per element.
pub(crate) fn of_filter(filter: &ElementFilter, value: Option<&Value>) -> usize {
    let terms = filter.filter().term_count().saturating_mul(value.map_or(0, of_value));
    let literals = filter.filter().literal_bytes().saturating_mul(elements(value).len());
    terms.saturating_add(literals)
}
