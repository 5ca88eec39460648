//! The operation add on a multi-valued attribute or a value path (RFC 7644 §3.5.2.1).

use serde_json::Value;

use super::context::Context;
use super::same::{self, Present};
use super::write;
use crate::effort::of_value;
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
    check_elements(elements.len().saturating_add(new.len()), &context.attribute_name())?;
    // A single element is compared with each; only for several an index is worth its while.
    if new.len() == 1 {
        for new in new {
            match same::position(&elements, &new, context.effort)? {
                Some(index) => merge(elements.get_mut(index), new, context)?,
                None => elements.push(new),
            }
        }
        return Ok(write::join(elements, context));
    }
    let mut present = Present::new(&elements, context.effort)?;
    for new in new {
        match (present.find(&elements, &new, context.effort)?, new) {
            (Some(index), new) => merge(elements.get_mut(index), new, context)?,
            (None, new) => {
                present.insert(elements.len(), &new, context.effort)?;
                elements.push(new);
            }
        }
    }
    Ok(write::join(elements, context))
}

/// Merges an element into the present one that is the same.
fn merge(present: Option<&mut Value>, new: Value, context: &Context<'_>) -> Result<(), ScimError> {
    match (present, new) {
        (Some(Value::Object(present)), Value::Object(new)) => {
            write::merge(present, new, &context.target.reference.attribute)
        }
        _ => Ok(()),
    }
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
    let matching = write::matching(&elements, context)?;
    if matching.is_empty()
        && let Some(terms) = write::described_element(context, !elements.is_empty(), new.is_empty())?
    {
        elements.extend(new.into_iter().map(|new| complete(new, &terms)));
        return Ok(write::join(elements, context));
    }
    // Each of the selected elements gets a copy.
    context.effort.compare(matching.len(), new.iter().map(of_value).sum())?;
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
