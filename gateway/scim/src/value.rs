//! Questions about the JSON values of a resource that reading, patching and filtering share.

use serde_json::{Map, Value};

/// The members of a document.
pub trait Members {
    /// The member with exactly this name.
    fn get(&self, name: &str) -> Option<&Value>;

    /// All of them, in their order.
    fn iter(&self) -> impl Iterator<Item = (&String, &Value)>;
}

impl Members for Map<String, Value> {
    fn get(&self, name: &str) -> Option<&Value> {
        Map::get(self, name)
    }

    fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        Map::iter(self)
    }
}

/// The member called `name`. RFC 7643 §2.1: "Attribute names are case insensitive".
pub(crate) fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Takes the member called `name`, in any case, out of the object.
pub(crate) fn take_member(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    object.shift_remove(&key)
}

/// The elements of an array, or the single value.
pub(crate) fn elements(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(elements)) => elements,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
}

/// As [`elements`], to be changed.
pub(crate) fn elements_mut(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(elements) => elements,
        single => std::slice::from_mut(single),
    }
}

/// RFC 7643 §2.5: "Unassigned attributes, the null value, or an empty array (in the case of a multi-valued
/// attribute) SHALL be considered to be equivalent in 'state'." A complex value without sub-attributes is the same.
pub(crate) fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Whether a value is null or `""`, which many clients send for no value.
pub(crate) fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// The number of elements that a client sent with something in them.
pub(crate) fn assigned(value: &Value) -> usize {
    elements(Some(value)).iter().filter(|element| !is_blank(element)).count()
}

/// RFC 7643 §2.4 `primary`.
pub(crate) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Makes every primary element but the one at `keep` non-primary. RFC 7643 §2.4: "The primary attribute value 'true' MUST
/// appear no more than once."
pub(crate) fn keep_primary(elements: &mut [Value], keep: usize) {
    for (index, element) in elements.iter_mut().enumerate() {
        if index != keep && is_primary(element) {
            element["primary"] = Value::Bool(false);
        }
    }
}

/// Adds the `defaults` that an element lacks: an element written under a path of `eq` terms must match that path.
pub(crate) fn complete(mut element: Value, defaults: &[(String, Value)]) -> Value {
    if let Some(members) = element.as_object_mut() {
        for (name, value) in defaults {
            members.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    element
}
