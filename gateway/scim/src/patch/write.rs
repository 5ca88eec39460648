//! The common parts of add and replace: single values, sub-attributes, and the elements that a value path selects or
//! describes.

use serde_json::{Map, Value};

use super::context::Context;
use super::element;
use crate::attribute::{Attribute, Mutability};
use crate::effort::of_value;
use crate::error::{ScimError, ScimType};
use crate::filter::ElementFilter;
use crate::leniency::Leniency;
use crate::normalise::value::empty_string_clears;
use crate::value::is_unassigned;

/// A whole single-valued attribute. The sub-attributes that `value` does not name stay unless it is `replaced`.
pub(super) fn single(
    current: Option<Value>,
    value: Value,
    replaced: bool,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let attribute = &context.target.reference.attribute;
    if !attribute.is_complex() {
        return context.coerce(value);
    }
    let cleared = cleared_sub_attributes(&value, attribute, context);
    let names_sub_attributes = value.is_object() || !cleared.is_empty();
    let new = match context.coerce(value)? {
        Some(Value::Object(new)) => new,
        Some(other) => return Ok(Some(other)),
        None if names_sub_attributes => Map::new(),
        None => return Ok(None),
    };
    let mut members = into_object(current);
    for (name, sub) in attribute.sub_attributes.iter().map(|sub| (&sub.name, sub)) {
        let is_replaced = replaced && sub.mutability != Mutability::ReadOnly && members.contains_key(name);
        if new.contains_key(name) || cleared.contains(name) || is_replaced {
            check_mutability(&members, sub, new.get(name))?;
        }
        if is_replaced && !new.contains_key(name) {
            members.shift_remove(name);
        }
    }
    element::merge(&mut members, new, &cleared);
    Ok(Some(Value::Object(members)))
}

/// A sub-attribute of a single complex value, of every element, or of the elements that a filter selects.
pub(super) fn sub_attribute(
    current: Option<Value>,
    value: Value,
    sub: &Attribute,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let (target, name) = (context.target, context.target.reference.name());
    let value = context.coercion().value(value, sub, &name)?;
    if target.element.is_none() && !target.reference.attribute.multi_valued {
        let mut members = into_object(current);
        set(&mut members, sub, value)?;
        return Ok(Some(Value::Object(members)));
    }
    let mut elements = into_elements(current);
    let matching = matching(&elements, context)?;
    let clears = value.is_none();
    if matching.is_empty() {
        let described = described_element(context, !elements.is_empty(), clears)?;
        if let (Some(described), Some(value)) = (described, value) {
            let mut members = Map::from_iter(described);
            members.insert(sub.name.clone(), value);
            elements.push(Value::Object(members));
        }
        return Ok(join(elements, context));
    }
    // Each of the selected elements gets a copy.
    context.effort.compare(matching.len(), value.as_ref().map_or(0, of_value))?;
    for index in &matching {
        if let Some(Value::Object(members)) = elements.get_mut(*index) {
            set(members, sub, value.clone())?;
        }
    }
    if clears {
        remove_empty(&mut elements, &matching, context);
    }
    Ok(join(elements, context))
}

/// The element that a value path without a match describes by its `eq` terms. RFC 7644 §3.5.2.3 requires 400 `noTarget`;
/// Entra ID expects that the element is created. Clearing an absent element creates none.
pub(super) fn described_element(
    context: &mut Context<'_>,
    has_elements: bool,
    clears: bool,
) -> Result<Option<Vec<(String, Value)>>, ScimError> {
    let name = context.attribute_name();
    let is_occupied = has_elements && !context.target.reference.attribute.multi_valued;
    let terms = context.target.element.as_ref().map_or(Some(Vec::new()), ElementFilter::equalities);
    match terms {
        _ if !context.leniencies.allows(Leniency::ValuePathCreated) => Err(no_target(&name)),
        _ if clears => Ok(None),
        Some(terms) if !is_occupied => {
            context.warnings.add(Leniency::ValuePathCreated, name);
            Ok(Some(terms))
        }
        _ => Err(no_target(&name)),
    }
}

pub(super) fn no_target(name: &str) -> ScimError {
    ScimError::bad_request(ScimType::NoTarget, format!("No element of {name} is what the path selects."))
}

/// Sets or clears a sub-attribute.
pub(super) fn set(members: &mut Map<String, Value>, sub: &Attribute, value: Option<Value>) -> Result<(), ScimError> {
    check_mutability(members, sub, value.as_ref())?;
    match value {
        Some(value) => element::merge(members, Map::from_iter([(sub.name.clone(), value)]), &[]),
        None => element::merge(members, Map::new(), std::slice::from_ref(&sub.name)),
    }
    Ok(())
}

/// Merges sub-attributes into a present element.
pub(super) fn merge(
    present: &mut Map<String, Value>,
    new: Map<String, Value>,
    attribute: &Attribute,
) -> Result<(), ScimError> {
    for sub in &attribute.sub_attributes {
        if let Some(value) = new.get(&sub.name) {
            check_mutability(present, sub, Some(value))?;
        }
    }
    element::merge(present, new, &[]);
    Ok(())
}

/// Checks that an immutable sub-attribute is set only once and a required one is not removed.
fn check_mutability(members: &Map<String, Value>, sub: &Attribute, value: Option<&Value>) -> Result<(), ScimError> {
    let present = members.get(&sub.name);
    if sub.mutability == Mutability::Immutable && present.is_some() && present != value {
        return Err(ScimError::mutability(format!("{} is immutable and has a value already.", sub.name)));
    }
    if sub.required && present.is_some() && value.is_none() {
        return Err(ScimError::mutability(format!("{} is required and cannot be left without a value.", sub.name)));
    }
    Ok(())
}

/// The elements of the current value.
pub(super) fn into_elements(current: Option<Value>) -> Vec<Value> {
    match current {
        None => Vec::new(),
        Some(Value::Array(elements)) => elements,
        Some(single) => vec![single],
    }
}

/// The elements in the value of an operation. A single object needs no array around it.
pub(super) fn new_elements(value: Value, context: &mut Context<'_>) -> Result<Vec<Value>, ScimError> {
    let is_single = value.is_object() && context.target.reference.attribute.multi_valued;
    let value = if is_single { Value::Array(vec![value]) } else { value };
    Ok(into_elements(context.coerce(value)?))
}

/// The reverse of [`into_elements`].
pub(super) fn join(mut elements: Vec<Value>, context: &Context<'_>) -> Option<Value> {
    if context.target.reference.attribute.multi_valued { Some(Value::Array(elements)) } else { elements.pop() }
}

/// The indices of the elements that the path selects, in ascending order.
pub(super) fn matching(elements: &[Value], context: &mut Context<'_>) -> Result<Vec<usize>, ScimError> {
    match &context.target.element {
        Some(filter) => filter.select(elements, context.effort),
        None => Ok((0..elements.len()).collect()),
    }
}

/// Removes the elements at these indices, which are in ascending order.
pub(super) fn remove_at(elements: &mut Vec<Value>, indices: &[usize]) {
    let mut index = 0;
    elements.retain(|_| {
        let is_removed = indices.binary_search(&index).is_ok();
        index += 1;
        !is_removed
    });
}

/// Removes the changed elements that have nothing left, or nothing but the labels that a value path would create again.
pub(super) fn remove_empty(elements: &mut Vec<Value>, changed: &[usize], context: &Context<'_>) {
    let drops_labels = context.leniencies.allows(Leniency::ValuePathCreated);
    let is_empty = |element: &Value| is_unassigned(element) || (drops_labels && element::has_only_labels(element));
    let emptied: Vec<usize> =
        changed.iter().copied().filter(|index| elements.get(*index).is_some_and(is_empty)).collect();
    remove_at(elements, &emptied);
}

fn into_object(current: Option<Value>) -> Map<String, Value> {
    match current {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The sub-attributes that `value` names without a value.
fn cleared_sub_attributes(value: &Value, attribute: &Attribute, context: &Context<'_>) -> Vec<String> {
    let members = match value {
        Value::Array(elements) if elements.len() == 1 => elements[0].as_object(),
        other => other.as_object(),
    };
    let clears = |value: &Value, sub: &Attribute| {
        let empty = value.as_str() == Some("") && empty_string_clears(sub, context.leniencies);
        empty || (is_unassigned(value) && !value.is_object())
    };
    let named = members.into_iter().flatten().filter_map(|(key, value)| Some((value, attribute.sub_attribute(key)?)));
    let cleared = named.filter(|(value, sub)| sub.mutability != Mutability::ReadOnly && clears(value, sub));
    cleared.map(|(_, sub)| sub.name.clone()).collect()
}
