//! The changes themselves, on values that have been checked.

use serde_json::{Map, Value};

use super::{AccessError, extension_data, fitting};
use crate::filter::ElementFilter;
use crate::path::{Path, Target};
use crate::schema::validate::MAX_ELEMENTS;
use crate::schema::{AttributeRef, ResourceType, Schema};

pub(super) fn set_extension(
    document: &mut Map<String, Value>,
    schema: &Schema,
    value: Value,
) -> Result<u32, AccessError> {
    let data = extension_data(schema, value)?;
    document.insert(schema.id.clone(), Value::Object(data));
    Ok(1)
}

pub(super) fn set(
    document: &mut Map<String, Value>,
    attribute: &AttributeRef,
    filter: Option<&ElementFilter>,
    value: Value,
) -> Result<u32, AccessError> {
    let name = &attribute.attribute.name;
    match (filter, &attribute.sub) {
        (None, None) => {
            let Some(container) = container(document, attribute) else { return Ok(0) };
            container.insert(name.clone(), value);
            Ok(1)
        }
        (None, Some(sub)) if !attribute.attribute.multi_valued => {
            let Some(container) = container(document, attribute) else { return Ok(0) };
            let parent = container.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            let Some(parent) = parent.as_object_mut() else { return Ok(0) };
            parent.insert(sub.name.clone(), value);
            Ok(1)
        }
        _ => {
            let described = filter.and_then(ElementFilter::equalities);
            let matched = set_elements(document, attribute, filter, described.as_deref(), &value);
            match described {
                Some(described) if matched == 0 => create(document, attribute, described, value),
                _ => Ok(matched),
            }
        }
    }
}

/// Writes to every element that meets the filter.
fn set_elements(
    document: &mut Map<String, Value>,
    attribute: &AttributeRef,
    filter: Option<&ElementFilter>,
    described: Option<&[(String, Value)]>,
    value: &Value,
) -> u32 {
    let Some(whole) = whole(document, attribute) else { return 0 };
    let mut touched = Vec::new();
    for (index, element) in each_mut(whole).iter_mut().enumerate() {
        if filter.is_some_and(|filter| !filter.matches_element(element)) {
            continue;
        }
        match (&attribute.sub, element.as_object_mut()) {
            (Some(sub), Some(object)) => {
                object.insert(sub.name.clone(), value.clone());
            }
            (Some(_), None) => continue,
            (None, _) => *element = completed(value.clone(), described.unwrap_or_default()),
        }
        touched.push(index);
    }
    keep_one_primary(each_mut(whole), &touched);
    u32::try_from(touched.len()).unwrap_or(u32::MAX)
}

/// Makes the element that a path of `eq` terms describes.
fn create(
    document: &mut Map<String, Value>,
    attribute: &AttributeRef,
    described: Vec<(String, Value)>,
    value: Value,
) -> Result<u32, AccessError> {
    let parent = AttributeRef { sub: None, ..attribute.clone() };
    let element = match &attribute.sub {
        None => completed(value, &described),
        Some(sub) => {
            let mut object: Map<String, Value> = described.into_iter().collect();
            object.insert(sub.name.clone(), value);
            Value::Object(object)
        }
    };
    if parent.attribute.multi_valued {
        // The terms of the path have not been checked as values yet: a fraction for an integer, say.
        let Some(Value::Array(elements)) = fitting(Value::Array(vec![element]), &parent, None)? else { return Ok(0) };
        return append(document, &parent, elements);
    }
    // A single value that is there and is not what the path describes stays as it is.
    let Some(element) = fitting(element, &parent, None)? else { return Ok(0) };
    let Some(container) = container(document, &parent) else { return Ok(0) };
    if container.contains_key(&parent.attribute.name) {
        return Ok(0);
    }
    container.insert(parent.attribute.name.clone(), element);
    Ok(1)
}

/// An element written under a path of `eq` terms is one that the path finds again.
fn completed(mut value: Value, described: &[(String, Value)]) -> Value {
    if let Some(object) = value.as_object_mut() {
        for (name, term) in described {
            object.entry(name.clone()).or_insert_with(|| term.clone());
        }
    }
    value
}

pub(super) fn append(
    document: &mut Map<String, Value>,
    attribute: &AttributeRef,
    elements: Vec<Value>,
) -> Result<u32, AccessError> {
    // Each new element is compared with all that are there, and no clock runs meanwhile.
    let too_many = |count: usize| {
        let name = attribute.name();
        AccessError::WrongValue(format!("{name} would have {count} values or more; it can have {MAX_ELEMENTS}."))
    };
    if elements.len() > MAX_ELEMENTS {
        return Err(too_many(elements.len()));
    }
    let Some(container) = container(document, attribute) else { return Ok(0) };
    let whole = container.entry(attribute.attribute.name.clone()).or_insert_with(|| Value::Array(Vec::new()));
    let Some(present) = whole.as_array_mut() else { return Ok(0) };
    let before = present.len();
    for element in elements {
        if before <= MAX_ELEMENTS && present.contains(&element) {
            continue;
        }
        if present.len() >= MAX_ELEMENTS {
            present.truncate(before);
            return Err(too_many(before + 1));
        }
        present.push(element);
    }
    let touched: Vec<usize> = (before..present.len()).collect();
    keep_one_primary(present, &touched);
    Ok(u32::try_from(touched.len()).unwrap_or(u32::MAX))
}

pub(super) fn remove(document: &mut Map<String, Value>, path: &Path) -> u32 {
    let attribute = match &path.target {
        Target::Extension(schema) => return u32::from(document.shift_remove(&schema.id).is_some()),
        Target::Attribute(attribute) => attribute,
    };
    let Some(whole) = whole(document, attribute) else { return 0 };
    let chosen = |element: &Value| path.element.as_ref().is_none_or(|filter| filter.matches_element(element));
    let mut count = 0;
    let mut take = |element: &mut Value| {
        if !chosen(element) {
            return false;
        }
        let Some(sub) = &attribute.sub else {
            count += 1;
            return true;
        };
        let Some(object) = element.as_object_mut() else { return false };
        count += u32::from(object.shift_remove(&sub.name).is_some());
        object.is_empty()
    };
    let is_empty = match whole {
        Value::Array(elements) => {
            elements.retain_mut(|element| !take(element));
            elements.is_empty()
        }
        single => take(single),
    };
    if is_empty && let Some(container) = container(document, attribute) {
        container.shift_remove(&attribute.attribute.name);
    }
    count
}

/// RFC 7643 §3: `schemas` lists what the resource has data of; so an extension enters it with its first attribute and
/// leaves it with its last.
pub(super) fn settle(document: &mut Map<String, Value>, resource_type: &ResourceType, target: &Target) {
    let schema = match target {
        Target::Extension(schema) | Target::Attribute(AttributeRef { extension: Some(schema), .. }) => schema,
        Target::Attribute(_) => return,
    };
    let has_data = document.get(&schema.id).and_then(Value::as_object).is_some_and(|data| !data.is_empty());
    if !has_data {
        document.shift_remove(&schema.id);
    }
    let base = || Value::Array(vec![Value::String(resource_type.schema.id.clone())]);
    let Some(listed) = document.entry("schemas").or_insert_with(base).as_array_mut() else { return };
    let is_it = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(&schema.id));
    if !has_data {
        listed.retain(|urn| !is_it(urn));
    } else if !listed.iter().any(is_it) {
        listed.push(Value::String(schema.id.clone()));
    }
}

/// The object that holds the attribute: the document, or the extension's, made if need be.
fn container<'d>(document: &'d mut Map<String, Value>, attribute: &AttributeRef) -> Option<&'d mut Map<String, Value>> {
    match &attribute.extension {
        None => Some(document),
        Some(schema) => document.entry(schema.id.clone()).or_insert_with(|| Value::Object(Map::new())).as_object_mut(),
    }
}

/// The value of the attribute with all its elements.
fn whole<'d>(document: &'d mut Map<String, Value>, attribute: &AttributeRef) -> Option<&'d mut Value> {
    let container = match &attribute.extension {
        None => document,
        Some(schema) => document.get_mut(&schema.id)?.as_object_mut()?,
    };
    container.get_mut(&attribute.attribute.name)
}

fn each_mut(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(elements) => elements,
        single => std::slice::from_mut(single),
    }
}

/// RFC 7643 §2.4: "The primary attribute value 'true' MUST appear no more than once." The last one written has it.
fn keep_one_primary(elements: &mut [Value], touched: &[usize]) {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    let Some(keeper) = touched.iter().rev().copied().find(|index| elements.get(*index).is_some_and(is_primary)) else {
        return;
    };
    for (index, element) in elements.iter_mut().enumerate() {
        if index != keeper && is_primary(element) {
            element["primary"] = Value::Bool(false);
        }
    }
}
