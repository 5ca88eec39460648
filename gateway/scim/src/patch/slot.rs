//! Where an attribute's value is in a canonical document.

use serde_json::{Map, Value};

use crate::schema::AttributeRef;

/// Takes the value of the attribute, not of the sub-attribute, out of the document. The key stays behind with a
/// null, so that [`put`] keeps the member order the client gave.
pub(super) fn take(document: &mut Map<String, Value>, target: &AttributeRef) -> Option<Value> {
    let container = match &target.extension {
        None => document,
        Some(schema) => document.get_mut(&schema.id)?.as_object_mut()?,
    };
    container.get_mut(&target.attribute.name).map(Value::take).filter(|value| !value.is_null())
}

/// Puts the value in its place, or takes the attribute away. An extension's object comes and goes with its
/// first and last attribute.
pub(crate) fn put(document: &mut Map<String, Value>, target: &AttributeRef, value: Option<Value>) {
    let Some(schema) = &target.extension else {
        return put_in(document, &target.attribute.name, value);
    };
    if !document.get(&schema.id).is_some_and(Value::is_object) {
        if value.is_none() {
            return;
        }
        document.insert(schema.id.clone(), Value::Object(Map::new()));
    }
    let Some(Value::Object(container)) = document.get_mut(&schema.id) else { return };
    put_in(container, &target.attribute.name, value);
    if container.is_empty() {
        document.shift_remove(&schema.id);
    }
}

fn put_in(container: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value.filter(|value| !is_unassigned(value)) {
        Some(value) => {
            container.insert(key.to_owned(), value);
        }
        None => {
            container.shift_remove(key);
        }
    }
}

/// RFC 7643 §2.5: "Unassigned attributes, the null value, or an empty array (in the case of a multi-valued
/// attribute) SHALL be considered to be equivalent in 'state'." A complex value without parts is the same.
pub(crate) fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        _ => false,
    }
}
