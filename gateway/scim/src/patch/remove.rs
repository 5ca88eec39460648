//! The operation remove (RFC 7644 §3.5.2.2).

use serde_json::Value;

use super::context::Context;
use super::parse::tolerate_value_list;
use super::{element, write};
use crate::attribute::Attribute;
use crate::error::{ScimError, ScimType};
use crate::leniency::Leniency;

/// The value after the operation. "If the target location is a multi-valued attribute and no filter is specified, the
/// attribute and all values are removed […]. If […] a complex filter is specified comparing a "value", the values matched
/// by the filter are removed. If no other values remain after removal of the selected values, the multi-valued attribute
/// SHALL be considered unassigned."
pub(super) fn edit(
    current: Option<Value>,
    value: Option<Value>,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let target = context.target;
    let attribute = &target.reference.attribute;
    if let Some(sub) = &target.reference.sub {
        return part(current, sub, context);
    }
    if target.element.is_some() {
        return selected(current, context);
    }
    let listed = value.filter(|value| attribute.multi_valued && !value.is_null() && value.as_str() != Some(""));
    match listed {
        Some(listed) => only_listed(current, listed, context),
        None => Ok(None),
    }
}

/// A list of values takes only those, and an empty list none.
fn only_listed(current: Option<Value>, listed: Value, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    tolerate_value_list(context.leniencies, &context.attribute_name(), context.warnings)?;
    let attribute = &context.target.reference.attribute;
    let listed = write::supplied(listed, context)?;
    let mut elements = write::elements(current);
    elements.retain(|present| !listed.iter().any(|listed| element::is_meant(present, listed, attribute)));
    Ok(write::rejoined(elements, context))
}

fn selected(current: Option<Value>, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    let mut elements = write::elements(current);
    let places = write::places(&elements, context.target.element.as_ref());
    if places.is_empty() {
        nothing_there(context)?;
    }
    for place in places.iter().rev() {
        elements.remove(*place);
    }
    Ok(write::rejoined(elements, context))
}

/// One sub-attribute: of a single complex value, of every element, or of the elements a filter selects.
fn part(current: Option<Value>, sub: &Attribute, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    let mut elements = write::elements(current);
    let places = write::places(&elements, context.target.element.as_ref());
    if places.is_empty() && context.target.element.is_some() {
        nothing_there(context)?;
    }
    for place in &places {
        if let Some(Value::Object(parts)) = elements.get_mut(*place) {
            write::set(parts, sub, None)?;
        }
    }
    if context.target.reference.attribute.multi_valued {
        write::drop_hollow(&mut elements, &places, context);
    }
    Ok(write::rejoined(elements, context))
}

/// RFC 7644 table 9, `noTarget`: "The specified "path" did not yield an attribute or attribute value that could be
/// operated on." What is to be gone and is gone already, though, is as the client wants it.
fn nothing_there(context: &mut Context<'_>) -> Result<(), ScimError> {
    let name = context.attribute_name();
    context.leniencies.tolerate(Leniency::RemovalOfNothing, &name, context.warnings, || {
        let detail = format!("No element of {name} is what the path selects.");
        ScimError::bad_request(ScimType::NoTarget, detail)
    })
}
