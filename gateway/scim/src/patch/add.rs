//! The operation add (RFC 7644 §3.5.2.1).

use serde_json::{Map, Value};

use super::context::Context;
use super::{element, write};
use crate::attribute::Attribute;
use crate::error::ScimError;
use crate::schema::validate::check_elements;

/// The value after the operation. "If the target location does not exist, the attribute and value are added. […] If the
/// target location specifies a multi-valued attribute, a new value is added to the attribute. If the target location
/// specifies a single-valued attribute, the existing value is replaced."
pub(super) fn edit(
    current: Option<Value>,
    value: Value,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let target = context.target;
    if let Some(sub) = &target.reference.sub {
        return write::part(current, value, sub, context);
    }
    if target.element.is_some() {
        return selected(current, value, context);
    }
    if !target.reference.attribute.multi_valued {
        return write::single(current, value, false, context);
    }
    let new = write::supplied(value, context)?;
    let mut elements = write::elements(current);
    // Each new element is compared with all that are there.
    check_elements(elements.len().saturating_add(new.len()), &context.attribute_name())?;
    for new in new {
        include(&mut elements, new, &target.reference.attribute)?;
    }
    Ok(write::rejoined(elements, context))
}

/// Appends an element, or tells the one that is the same value what it does not say yet.
fn include(elements: &mut Vec<Value>, new: Value, attribute: &Attribute) -> Result<(), ScimError> {
    let same = elements.iter_mut().find(|present| element::is_same(present, &new));
    match (same, new) {
        (Some(Value::Object(present)), Value::Object(new)) => write::merge(present, new, attribute)?,
        (Some(_), _) => {}
        (None, new) => elements.push(new),
    }
    Ok(())
}

/// The elements a filter selects, each merged with the value.
fn selected(current: Option<Value>, value: Value, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    let new = write::supplied(value, context)?;
    let attribute = &context.target.reference.attribute;
    let mut elements = write::elements(current);
    let places = write::places(&elements, context.target.element.as_ref());
    if places.is_empty() {
        if let Some(terms) = write::described(context, !elements.is_empty(), new.is_empty())? {
            for new in new {
                elements.push(filled(new, terms.clone()));
            }
        }
        return Ok(write::rejoined(elements, context));
    }
    for place in places {
        for new in &new {
            match (elements.get_mut(place), new) {
                (Some(Value::Object(present)), Value::Object(new)) => write::merge(present, new.clone(), attribute)?,
                (Some(present), new) => *present = new.clone(),
                (None, _) => {}
            }
        }
    }
    Ok(write::rejoined(elements, context))
}

/// An element with the terms of the path that selects it, where it does not say otherwise itself.
pub(super) fn filled(element: Value, terms: Map<String, Value>) -> Value {
    let Value::Object(mut parts) = element else { return element };
    for (name, value) in terms {
        parts.entry(name).or_insert(value);
    }
    Value::Object(parts)
}
