//! The changes themselves, on values that have been checked.

use serde_json::{Map, Value};

use super::{AccessError, Overlay, checked, extension_data};
use crate::filter::ElementFilter;
use crate::path::{Path, Target};
use crate::schema::validate::MAX_ELEMENTS;
use crate::schema::{AttributeRef, Schema};
use crate::value::{complete, elements_mut, is_primary, keep_primary};

pub(super) fn set_extension(document: &mut Overlay, schema: &Schema, value: Value) -> Result<u32, AccessError> {
    let data = extension_data(schema, value)?;
    document.insert(&schema.id, Value::Object(data));
    Ok(1)
}

pub(super) fn set(
    document: &mut Overlay,
    attribute: &AttributeRef,
    filter: Option<&ElementFilter>,
    value: Value,
) -> Result<u32, AccessError> {
    match (filter, &attribute.sub) {
        (None, None) => {
            document.set(attribute, Some(value));
            Ok(1)
        }
        (None, Some(sub)) if !attribute.attribute.multi_valued => {
            match document.value_mut(attribute) {
                Some(Value::Object(members)) => drop(members.insert(sub.name.clone(), value)),
                Some(_) => return Ok(0),
                None => {
                    let members = Map::from_iter([(sub.name.clone(), value)]);
                    document.set(attribute, Some(Value::Object(members)));
                }
            }
            Ok(1)
        }
        _ => {
            let described = filter.and_then(ElementFilter::equalities);
            let count = set_elements(document, attribute, filter, described.as_deref(), &value);
            match described {
                Some(described) if count == 0 => create(document, attribute, described, value),
                _ => Ok(count),
            }
        }
    }
}

/// Writes to every element that matches the filter.
fn set_elements(
    document: &mut Overlay,
    attribute: &AttributeRef,
    filter: Option<&ElementFilter>,
    described: Option<&[(String, Value)]>,
    value: &Value,
) -> u32 {
    let Some(elements) = document.value_mut(attribute).map(elements_mut) else { return 0 };
    let mut changed = Vec::new();
    for (index, element) in elements.iter_mut().enumerate() {
        if filter.is_some_and(|filter| !filter.matches_element(element)) {
            continue;
        }
        match (&attribute.sub, element.as_object_mut()) {
            (Some(sub), Some(members)) => drop(members.insert(sub.name.clone(), value.clone())),
            (Some(_), None) => continue,
            (None, _) => *element = complete(value.clone(), described.unwrap_or_default()),
        }
        changed.push(index);
    }
    keep_last_primary(elements, &changed);
    count(changed.len())
}

/// Creates the element that a path of `eq` terms describes.
fn create(
    document: &mut Overlay,
    attribute: &AttributeRef,
    described: Vec<(String, Value)>,
    value: Value,
) -> Result<u32, AccessError> {
    let parent = AttributeRef { sub: None, ..attribute.clone() };
    let element = match &attribute.sub {
        None => complete(value, &described),
        Some(sub) => {
            let mut members = Map::from_iter(described);
            members.insert(sub.name.clone(), value);
            Value::Object(members)
        }
    };
    // The terms of the path have not been checked as values yet: one may be a fraction for an integer.
    if parent.attribute.multi_valued {
        return match checked(Value::Array(vec![element]), &parent, None)? {
            Some(Value::Array(elements)) => append(document, &parent, elements),
            _ => Ok(0),
        };
    }
    let Some(element) = checked(element, &parent, None)? else { return Ok(0) };
    // A single value that the path does not describe stays unchanged.
    if document.value(&parent).is_some() {
        return Ok(0);
    }
    document.set(&parent, Some(element));
    Ok(1)
}

pub(super) fn append(
    document: &mut Overlay,
    attribute: &AttributeRef,
    elements: Vec<Value>,
) -> Result<u32, AccessError> {
    // Each new element is compared with all present ones, which takes time.
    let too_many = |count: usize| {
        let name = attribute.name();
        AccessError::WrongValue(format!("{name} would have {count} values or more; it can have {MAX_ELEMENTS}."))
    };
    if elements.len() > MAX_ELEMENTS {
        return Err(too_many(elements.len()));
    }
    let present = match document.value(attribute) {
        Some(Value::Array(present)) => present.as_slice(),
        Some(_) => return Ok(0),
        None => &[],
    };
    let before = present.len();
    let mut new = Vec::new();
    for element in elements {
        if before <= MAX_ELEMENTS && (present.contains(&element) || new.contains(&element)) {
            continue;
        }
        if before + new.len() >= MAX_ELEMENTS {
            return Err(too_many(before + 1));
        }
        new.push(element);
    }
    let appended: Vec<usize> = (before..before + new.len()).collect();
    match document.value_mut(attribute) {
        Some(Value::Array(present)) => present.extend(new),
        _ => document.set(attribute, Some(Value::Array(new))),
    }
    if let Some(value) = document.value_mut(attribute) {
        keep_last_primary(elements_mut(value), &appended);
    }
    Ok(count(appended.len()))
}

pub(super) fn remove(document: &mut Overlay, path: &Path) -> u32 {
    let attribute = match &path.target {
        Target::Extension(schema) => return u32::from(document.remove(&schema.id)),
        Target::Attribute(attribute) => attribute,
    };
    let Some(value) = document.value_mut(attribute) else { return 0 };
    let mut count = 0;
    // Removes from one element, and returns whether nothing of it is left.
    let mut remove_from = |element: &mut Value| {
        if path.element.as_ref().is_some_and(|filter| !filter.matches_element(element)) {
            return false;
        }
        let Some(sub) = &attribute.sub else {
            count += 1;
            return true;
        };
        let Some(members) = element.as_object_mut() else { return false };
        count += u32::from(members.shift_remove(&sub.name).is_some());
        members.is_empty()
    };
    let is_empty = match value {
        Value::Array(elements) => {
            elements.retain_mut(|element| !remove_from(element));
            elements.is_empty()
        }
        single => remove_from(single),
    };
    if is_empty {
        document.set(attribute, None);
    }
    count
}

/// Of the changed elements, the last primary one becomes the only primary one.
fn keep_last_primary(elements: &mut [Value], changed: &[usize]) {
    let last = changed.iter().rev().find(|index| elements.get(**index).is_some_and(is_primary));
    if let Some(last) = last {
        keep_primary(elements, *last);
    }
}

fn count(elements: usize) -> u32 {
    u32::try_from(elements).unwrap_or(u32::MAX)
}
