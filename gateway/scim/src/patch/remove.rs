//! The operation remove (RFC 7644 §3.5.2.2).

use serde_json::Value;

use super::context::Context;
use super::parse::tolerate_value_list;
use super::{element, write};
use crate::attribute::Attribute;
use crate::error::ScimError;
use crate::leniency::Leniency;
use crate::value::is_blank;

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
    if let Some(sub) = &target.reference.sub {
        return sub_attribute(current, sub, context);
    }
    if target.element.is_some() {
        return selected(current, context);
    }
    match value.filter(|value| target.reference.attribute.multi_valued && !is_blank(value)) {
        Some(listed) => only_listed(current, listed, context),
        None => Ok(None),
    }
}

/// Removes the listed values only; an empty list removes none.
fn only_listed(current: Option<Value>, listed: Value, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    tolerate_value_list(context.leniencies, &context.attribute_name(), context.warnings)?;
    let attribute = &context.target.reference.attribute;
    let listed = write::new_elements(listed, context)?;
    let mut elements = write::into_elements(current);
    elements.retain(|present| !listed.iter().any(|listed| element::is_listed(present, listed, attribute)));
    Ok(write::join(elements, context))
}

fn selected(current: Option<Value>, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    let mut elements = write::into_elements(current);
    let matching = write::matching(&elements, context.target.element.as_ref());
    if matching.is_empty() {
        tolerate_no_match(context)?;
    }
    for index in matching.iter().rev() {
        elements.remove(*index);
    }
    Ok(write::join(elements, context))
}

/// A sub-attribute of a single complex value, of every element, or of the elements that a filter selects.
fn sub_attribute(
    current: Option<Value>,
    sub: &Attribute,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let mut elements = write::into_elements(current);
    let matching = write::matching(&elements, context.target.element.as_ref());
    if matching.is_empty() && context.target.element.is_some() {
        tolerate_no_match(context)?;
    }
    for index in &matching {
        if let Some(Value::Object(members)) = elements.get_mut(*index) {
            write::set(members, sub, None)?;
        }
    }
    if context.target.reference.attribute.multi_valued {
        write::remove_empty(&mut elements, &matching, context);
    }
    Ok(write::join(elements, context))
}

/// RFC 7644 table 9, `noTarget`: "The specified "path" did not yield an attribute or attribute value that could be
/// operated on." With the leniency, removing an absent element succeeds.
fn tolerate_no_match(context: &mut Context<'_>) -> Result<(), ScimError> {
    let name = context.attribute_name();
    let refuse = || write::no_target(&name);
    context.leniencies.tolerate(Leniency::RemovalOfNothing, &name, context.warnings, refuse)
}
