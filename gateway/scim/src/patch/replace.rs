//! The operation replace (RFC 7644 §3.5.2.3).

use serde_json::{Map, Value};

use super::context::Context;
use super::{add, write};
use crate::error::ScimError;
use crate::filter::ElementFilter;
use crate::leniency::{Choice, Leniency};

/// The value after the operation. "If the target location is a single-value attribute, the attribute's value is
/// replaced. If the target location is a multi-valued attribute and no filter is specified, the attribute and all
/// values are replaced. If the target location path specifies an attribute that does not exist, the service provider
/// SHALL treat the operation as an 'add'."
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
        let whole = context.leniencies.chooses(Choice::ComplexReplacedWhole);
        return write::single(current, value, whole, context);
    }
    context.coerced(value)
}

/// "If the target location is a multi-valued attribute and a value selection ('valuePath') filter is specified that
/// matches one or more values of the multi-valued attribute, then all matching record values SHALL be replaced." The
/// new values stand where the first of the old ones stood.
fn selected(current: Option<Value>, value: Value, context: &mut Context<'_>) -> Result<Option<Value>, ScimError> {
    let filter = context.target.element.as_ref();
    let mut elements = write::elements(current);
    let places = write::places(&elements, filter);
    let new = write::supplied(value, context)?;
    let terms = match places.first() {
        None => match write::described(context, !elements.is_empty(), new.is_empty())? {
            None => return Ok(write::rejoined(elements, context)),
            Some(terms) => terms,
        },
        // A value that leaves out what it was selected by is still the one the client goes on to call by it.
        Some(_) if context.leniencies.allows(Leniency::ValuePathCreated) => {
            filter.and_then(ElementFilter::equalities).unwrap_or_default().into_iter().collect()
        }
        Some(_) => Map::new(),
    };
    let first = places.first().copied().unwrap_or(elements.len());
    for place in places.iter().rev() {
        elements.remove(*place);
    }
    let new: Vec<Value> = new.into_iter().map(|element| add::filled(element, terms.clone())).collect();
    elements.splice(first..first, new);
    Ok(write::rejoined(elements, context))
}
