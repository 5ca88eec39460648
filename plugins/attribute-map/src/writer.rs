//! Writes a value of an expression. Expressions make texts where the target may be a boolean, a number, a date or
//! multi-valued: the host knows the type, so the forms of the value are tried until one fits.

use expressions::Value;
use scimgate_plugin_sdk::{
    Document, Error, PathError,
    serde_json::{Value as Json, json},
};

/// Sets the target to the value's first form that the target's type accepts.
pub(crate) fn set(document: &Document<'_>, target: &str, value: &Value) -> Result<(), Error> {
    let mut refused = None;
    for form in forms(value) {
        match document.set(target, form) {
            Ok(_) => return Ok(()),
            Err(Error::Path(PathError::WrongValue(why))) => refused = refused.or(Some(why)),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Path(PathError::WrongValue(refused.unwrap_or_default())))
}

/// From the nearest to the farthest.
fn forms(value: &Value) -> impl Iterator<Item = Json> {
    let others = std::iter::once_with(|| [single_forms(value), many_forms(value)].concat()).flatten();
    std::iter::once(value.to_json()).chain(others)
}

fn single_forms(value: &Value) -> Vec<Json> {
    let value = match value {
        Value::List(values) if values.len() == 1 => &values[0],
        Value::List(_) | Value::Complex(_) => return Vec::new(),
        single => single,
    };
    let Some(text) = value.text() else { return Vec::new() };
    let mut forms = vec![json!(text)];
    match text.to_ascii_lowercase().as_str() {
        "true" => forms.push(json!(true)),
        "false" => forms.push(json!(false)),
        number => forms.extend(number.parse::<i64>().ok().map(Json::from)),
    }
    if let Some(date) = expressions::Date::from_text(&text) {
        forms.push(json!(date.to_rfc3339()));
    }
    forms
}

/// As elements of a multi-valued attribute, then as `value` of its elements.
fn many_forms(value: &Value) -> Vec<Json> {
    let elements = match value.to_json() {
        Json::Array(elements) => elements,
        single => vec![single],
    };
    let with_value = elements.iter().map(|element| json!({ "value": element })).collect();
    vec![Json::Array(elements), Json::Array(with_value)]
}
