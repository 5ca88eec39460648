//! The changes themselves, on values that have been checked.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{AccessError, MAX_CALL_EFFORT, Overlay, checked, extension_data, selected};
use crate::effort::of_value;
use crate::filter::ElementFilter;
use crate::path::{Path, Target};
use crate::schema::validate::MAX_ELEMENTS;
use crate::schema::{AttributeRef, Schema};
use crate::value::{complete, elements, elements_mut, is_primary, keep_primary};

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
            let count = set_elements(document, attribute, filter, described.as_deref(), &value)?;
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
) -> Result<u32, AccessError> {
    let selected = selected(elements(document.value(attribute)), attribute, filter)?;
    if of_value(value).saturating_mul(selected.len()) > MAX_CALL_EFFORT {
        let detail = format!("The value is too large for {} values of {}.", selected.len(), attribute.attribute.name);
        return Err(AccessError::TooMuch(detail));
    }
    let Some(elements) = document.value_mut(attribute).map(elements_mut) else { return Ok(0) };
    let mut changed = Vec::new();
    for index in selected {
        let Some(element) = elements.get_mut(index) else { continue };
        match (&attribute.sub, element.as_object_mut()) {
            (Some(sub), Some(members)) => drop(members.insert(sub.name.clone(), value.clone())),
            (Some(_), None) => continue,
            (None, _) => *element = complete(value.clone(), described.unwrap_or_default()),
        }
        changed.push(index);
    }
    keep_last_primary(elements, &changed);
    Ok(count(changed.len()))
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
            Some(Value::Array(elements)) => append(document, &parent, &elements),
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

pub(super) fn append(document: &mut Overlay, attribute: &AttributeRef, elements: &[Value]) -> Result<u32, AccessError> {
    let too_many = |count: usize| {
        let name = attribute.name();
        AccessError::TooMuch(format!("{name} would have {count} values or more; it can have {MAX_ELEMENTS}."))
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
    let mut known: HashSet<&Value> = present.iter().collect();
    let new: Vec<Value> = elements.iter().filter(|element| known.insert(*element)).cloned().collect();
    if !new.is_empty() && before + new.len() > MAX_ELEMENTS {
        return Err(too_many(before + new.len()));
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

pub(super) fn remove(document: &mut Overlay, path: &Path) -> Result<u32, AccessError> {
    let attribute = match &path.target {
        Target::Extension(schema) => return Ok(u32::from(document.remove(&schema.id))),
        Target::Attribute(attribute) => attribute,
    };
    let selected = selected(elements(document.value(attribute)), attribute, path.element.as_ref())?;
    let Some(value) = document.value_mut(attribute) else { return Ok(0) };
    let mut count = 0;
    // Removes from one element, and returns whether nothing of it is left.
    let mut remove_from = |index: usize, element: &mut Value| {
        if selected.binary_search(&index).is_err() {
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
            let mut indices = 0..;
            elements.retain_mut(|element| !indices.next().is_some_and(|index| remove_from(index, element)));
            elements.is_empty()
        }
        single => remove_from(0, single),
    };
    if is_empty {
        document.set(attribute, None);
    }
    Ok(count)
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
