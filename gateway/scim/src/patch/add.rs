//! The operation add on a multi-valued attribute or a value path (RFC 7644 §3.5.2.1).

use serde_json::Value;

use super::context::Context;
use super::{element, write};
use crate::attribute::Attribute;
use crate::error::ScimError;
use crate::schema::validate::check_elements;
use crate::value::complete;

/// "If the target location specifies a multi-valued attribute, a new value is added to the attribute."
pub(super) fn elements(
    current: Option<Value>,
    value: Value,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let new = write::new_elements(value, context)?;
    let mut elements = write::into_elements(current);
    // Each new element is compared with all present ones.
    check_elements(elements.len().saturating_add(new.len()), &context.attribute_name())?;
    for new in new {
        add_element(&mut elements, new, &context.target.reference.attribute)?;
    }
    Ok(write::join(elements, context))
}

/// Appends an element, or merges it into the present element with the same value.
fn add_element(elements: &mut Vec<Value>, new: Value, attribute: &Attribute) -> Result<(), ScimError> {
    let same = elements.iter_mut().find(|present| element::is_same(present, &new));
    match (same, new) {
        (Some(Value::Object(present)), Value::Object(new)) => write::merge(present, new, attribute)?,
        (Some(_), _) => {}
        (None, new) => elements.push(new),
    }
    Ok(())
}

/// Merges the value into each element that the filter selects.
pub(super) fn selected(
    current: Option<Value>,
    value: Value,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let new = write::new_elements(value, context)?;
    let attribute = &context.target.reference.attribute;
    let mut elements = write::into_elements(current);
    let matching = write::matching(&elements, context.target.element.as_ref());
    if matching.is_empty()
        && let Some(terms) = write::described_element(context, !elements.is_empty(), new.is_empty())?
    {
        elements.extend(new.into_iter().map(|new| complete(new, &terms)));
        return Ok(write::join(elements, context));
    }
    for index in matching {
        for new in &new {
            match (elements.get_mut(index), new) {
                (Some(Value::Object(present)), Value::Object(new)) => write::merge(present, new.clone(), attribute)?,
                (Some(present), new) => *present = new.clone(),
                (None, _) => {}
            }
        }
    }
    Ok(write::join(elements, context))
}
