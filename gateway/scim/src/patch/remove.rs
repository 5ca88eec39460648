//! The operation remove (RFC 7644 §3.5.2.2).

use serde_json::Value;

use super::context::Context;
use super::parse::tolerate_value_list;
use super::same::Listed;
use super::write;
use crate::attribute::Attribute;
use crate::error::ScimError;
use crate::leniency::Leniency;
use crate::value::{assigned, is_blank};

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

/// Removes the listed values only; an empty list removes none. A list that identifies nothing would seem to succeed.
fn only_listed(current: Option<Value>, listed: Value, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    let name = context.attribute_name();
    tolerate_value_list(context.leniencies, &name, context.warnings)?;
    let sent = assigned(&listed);
    let new = write::new_elements(listed, context)?;
    let attribute = &context.target.reference.attribute;
    let identified = if new.len() == sent { Listed::new(&new, attribute, context.effort)? } else { None };
    let Some(listed) = identified else {
        return Err(ScimError::invalid_value(format!(
            "Each of the listed values must identify a value of {name}, by its value for example."
        )));
    };
    let mut elements = Vec::new();
    for element in write::into_elements(current) {
        if !listed.contains(&element, context.effort)? {
            elements.push(element);
        }
    }
    Ok(write::join(elements, context))
}

fn selected(current: Option<Value>, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    let mut elements = write::into_elements(current);
    let matching = write::matching(&elements, context)?;
    if matching.is_empty() {
        tolerate_no_match(context)?;
    }
    write::remove_at(&mut elements, &matching);
    Ok(write::join(elements, context))
}

/// A sub-attribute of a single complex value, of every element, or of the elements that a filter selects.
fn sub_attribute(
    current: Option<Value>,
    sub: &Attribute,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let mut elements = write::into_elements(current);
    let matching = write::matching(&elements, context)?;
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
