//! What add and replace have in common: single values, the parts of a complex value, and the elements a value path
//! selects or, where there are none, describes.

use serde_json::{Map, Value};

use super::context::Context;
use super::{element, slot};
use crate::attribute::{Attribute, Mutability};
use crate::error::{ScimError, ScimType};
use crate::filter::ElementFilter;
use crate::leniency::Leniency;
use crate::normalise::value;

/// A single-valued attribute as a whole. Of a complex one the parts that are not named stay, unless it is `replaced`.
pub(super) fn single(
    current: Option<Value>,
    value: Value,
    replaced: bool,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let attribute = &context.target.reference.attribute;
    if !attribute.is_complex() {
        return context.coerced(value);
    }
    let cleared = cleared_parts(&value, attribute, context);
    let names_parts = value.is_object() || !cleared.is_empty();
    let supplied = match context.coerced(value)? {
        Some(Value::Object(supplied)) => supplied,
        Some(other) => return Ok(Some(other)),
        None if names_parts => Map::new(),
        None => return Ok(None),
    };
    let mut parts = object(current);
    for (name, sub) in attribute.sub_attributes.iter().map(|sub| (&sub.name, sub)) {
        let goes = replaced && sub.mutability != Mutability::ReadOnly && parts.contains_key(name);
        if supplied.contains_key(name) || cleared.contains(name) || goes {
            guard_part(&parts, sub, supplied.get(name))?;
        }
        if goes && !supplied.contains_key(name) {
            parts.shift_remove(name);
        }
    }
    element::merge(&mut parts, supplied, &cleared);
    Ok(Some(Value::Object(parts)))
}

/// One sub-attribute: of a single complex value, of every element, or of the elements a filter selects.
pub(super) fn part(
    current: Option<Value>,
    value: Value,
    sub: &Attribute,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let (target, name) = (context.target, context.target.reference.name());
    let value = context.coercion().value(value, sub, &name)?;
    if target.element.is_none() && !target.reference.attribute.multi_valued {
        let mut parts = object(current);
        set(&mut parts, sub, value)?;
        return Ok(Some(Value::Object(parts)));
    }
    let mut elements = elements(current);
    let places = places(&elements, target.element.as_ref());
    let clears = value.is_none();
    if places.is_empty() {
        let described = described(context, !elements.is_empty(), clears)?;
        if let (Some(mut parts), Some(value)) = (described, value) {
            parts.insert(sub.name.clone(), value);
            elements.push(Value::Object(parts));
        }
        return Ok(rejoined(elements, context));
    }
    for place in &places {
        if let Some(Value::Object(parts)) = elements.get_mut(*place) {
            set(parts, sub, value.clone())?;
        }
    }
    if clears {
        drop_hollow(&mut elements, &places, context);
    }
    Ok(rejoined(elements, context))
}

/// What a value path without a match stands for: the element its `eq` terms describe. RFC 7644 §3.5.2.3 has a 400 with
/// `noTarget` for it; Entra ID takes for granted that the element is made.
pub(super) fn described(
    context: &mut Context<'_>,
    others: bool,
    clears: bool,
) -> Result<Option<Map<String, Value>>, ScimError> {
    let name = context.attribute_name();
    let refuse = || {
        let detail = format!("No element of {name} is what the path selects.");
        Err(ScimError::bad_request(ScimType::NoTarget, detail))
    };
    let terms = context.target.element.as_ref().map_or(Some(Vec::new()), ElementFilter::equalities);
    let single = !context.target.reference.attribute.multi_valued;
    if !context.leniencies.allows(Leniency::ValuePathCreated) {
        return refuse();
    }
    match terms {
        // There is nothing to clear in what is not there.
        _ if clears => Ok(None),
        Some(terms) if !(single && others) => {
            context.warnings.add(Leniency::ValuePathCreated, name);
            Ok(Some(terms.into_iter().collect()))
        }
        _ => refuse(),
    }
}

/// Sets or clears one part.
pub(super) fn set(parts: &mut Map<String, Value>, sub: &Attribute, value: Option<Value>) -> Result<(), ScimError> {
    guard_part(parts, sub, value.as_ref())?;
    match value {
        Some(value) => element::merge(parts, Map::from_iter([(sub.name.clone(), value)]), &[]),
        None => element::merge(parts, Map::new(), std::slice::from_ref(&sub.name)),
    }
    Ok(())
}

/// Merges parts into those of an element that is there.
pub(super) fn merge(
    present: &mut Map<String, Value>,
    supplied: Map<String, Value>,
    attribute: &Attribute,
) -> Result<(), ScimError> {
    for sub in &attribute.sub_attributes {
        if let Some(value) = supplied.get(&sub.name) {
            guard_part(present, sub, Some(value))?;
        }
    }
    element::merge(present, supplied, &[]);
    Ok(())
}

/// The `mutability` of a part: an immutable one is set once, a required one is not taken away.
fn guard_part(parts: &Map<String, Value>, sub: &Attribute, value: Option<&Value>) -> Result<(), ScimError> {
    let present = parts.get(&sub.name);
    if sub.mutability == Mutability::Immutable && present.is_some() && present != value {
        return Err(ScimError::mutability(format!("{} is immutable and has a value already.", sub.name)));
    }
    if sub.required && present.is_some() && value.is_none() {
        return Err(ScimError::mutability(format!("{} is required and cannot be left without a value.", sub.name)));
    }
    Ok(())
}

/// The elements of a value, whether there are none, one or many.
pub(super) fn elements(current: Option<Value>) -> Vec<Value> {
    match current {
        None => Vec::new(),
        Some(Value::Array(elements)) => elements,
        Some(one) => vec![one],
    }
}

/// The elements an operation brings. Where it speaks of elements, an object is one and needs no array around it.
pub(super) fn supplied(value: Value, context: &mut Context<'_>) -> Result<Vec<Value>, ScimError> {
    let alone = value.is_object() && context.target.reference.attribute.multi_valued;
    let value = if alone { Value::Array(vec![value]) } else { value };
    Ok(elements(context.coerced(value)?))
}

/// The value the elements make.
pub(super) fn rejoined(mut elements: Vec<Value>, context: &Context<'_>) -> Option<Value> {
    if context.target.reference.attribute.multi_valued { Some(Value::Array(elements)) } else { elements.pop() }
}

/// Where the elements are that a filter selects.
pub(super) fn places(elements: &[Value], filter: Option<&ElementFilter>) -> Vec<usize> {
    let meets = |element: &Value| filter.is_none_or(|filter| filter.matches_element(element));
    elements.iter().enumerate().filter(|(_, element)| meets(element)).map(|(place, _)| place).collect()
}

/// Takes out those elements of which clearing a part has left nothing, or nothing but the labels that a value path
/// would make anew.
pub(super) fn drop_hollow(elements: &mut Vec<Value>, places: &[usize], context: &Context<'_>) {
    let labels_go = context.leniencies.allows(Leniency::ValuePathCreated);
    let mut place = 0;
    elements.retain(|element| {
        let touched = places.binary_search(&place).is_ok();
        place += 1;
        !(touched && (slot::is_unassigned(element) || (labels_go && element::is_hollow(element))))
    });
}

fn object(current: Option<Value>) -> Map<String, Value> {
    match current {
        Some(Value::Object(parts)) => parts,
        _ => Map::new(),
    }
}

/// The parts that `value` names only to clear them: what becomes of a part that is not named is another matter.
fn cleared_parts(value: &Value, attribute: &Attribute, context: &Context<'_>) -> Vec<String> {
    let parts = match value {
        Value::Object(parts) => parts,
        Value::Array(elements) => match elements.as_slice() {
            [Value::Object(parts)] => parts,
            _ => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let clears = |value: &Value, sub: &Attribute| {
        let empty = value.as_str() == Some("") && value::clears(sub, context.leniencies);
        empty || (slot::is_unassigned(value) && !value.is_object())
    };
    let named = parts.iter().filter_map(|(key, value)| Some((value, attribute.sub_attribute(key)?)));
    let cleared = named.filter(|(value, sub)| sub.mutability != Mutability::ReadOnly && clears(value, sub));
    cleared.map(|(_, sub)| sub.name.clone()).collect()
}
