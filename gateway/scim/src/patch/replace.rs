//! The operation replace on a value path (RFC 7644 §3.5.2.3).

use serde_json::Value;

use super::context::Context;
use super::write;
use crate::error::ScimError;
use crate::filter::ElementFilter;
use crate::leniency::Leniency;
use crate::value::complete;

/// "If the target location is a multi-valued attribute and a value selection ('valuePath') filter is specified that
/// matches one or more values of the multi-valued attribute, then all matching record values SHALL be replaced." The
/// new values take the position of the first replaced one.
pub(super) fn selected(
    current: Option<Value>,
    value: Value,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let filter = context.target.element.as_ref();
    let mut elements = write::into_elements(current);
    let matching = write::matching(&elements, context)?;
    let new = write::new_elements(value, context)?;
    let terms = match matching.first() {
        None => match write::described_element(context, !elements.is_empty(), new.is_empty())? {
            None => return Ok(write::join(elements, context)),
            Some(terms) => terms,
        },
        // The client keeps addressing the element by this filter, even if the new value lacks its terms.
        Some(_) if context.leniencies.allows(Leniency::ValuePathCreated) => {
            filter.and_then(ElementFilter::equalities).unwrap_or_default()
        }
        Some(_) => Vec::new(),
    };
    let first = matching.first().copied().unwrap_or(elements.len());
    write::remove_at(&mut elements, &matching);
    elements.splice(first..first, new.into_iter().map(|element| complete(element, &terms)));
    Ok(write::join(elements, context))
}
