//! What a PUT leaves in the log. GET never shows unknown attributes, so a body that omits one does not remove it.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::log::UnknownAttributes;
use crate::effort::Effort;
use crate::error::ScimError;
use crate::leniency::{Leniencies, Warnings};
use crate::schema::ResourceType;
use crate::value::elements;

/// Adds to the unknown attributes of a body what was kept before and the body does not mention: neither there, nor in its
/// document, nor in `cleared`, which are full names of attributes and URNs of extensions.
///
/// # Errors
/// 400 where the bounds are exceeded and the tenant refuses to drop changes, 413 where too much would be compared.
pub fn keep_omitted(
    unknown: &mut UnknownAttributes,
    before: &UnknownAttributes,
    document: &Map<String, Value>,
    cleared: &[String],
    resource_type: &ResourceType,
    leniencies: &Leniencies,
) -> Result<Warnings, ScimError> {
    let cleared: HashSet<String> = cleared.iter().map(|name| name.to_ascii_lowercase()).collect();
    let is_said = |path: &str| is_cleared(path, &cleared) || is_in(document, path, resource_type);
    let mut kept = before.clone();
    kept.entries.retain_mut(|entry| {
        let path = &entry.path;
        if is_said(path) {
            return false;
        }
        let Some(Value::Object(members)) = entry.value.as_mut().filter(|_| path.contains(':')) else { return true };
        members.retain(|key, _| !is_said(&format!("{path}:{key}")));
        !members.is_empty()
    });
    let mut effort = Effort::patch();
    for entry in std::mem::take(&mut unknown.entries) {
        kept.assign(entry, &mut effort)?;
    }
    let mut warnings = Warnings::default();
    if kept != *before {
        kept.enforce_bounds(leniencies, &mut warnings)?;
    }
    *unknown = kept;
    Ok(warnings)
}

/// Whether a path names one of these, which are in lower case, or a part of one.
fn is_cleared(path: &str, cleared: &HashSet<String>) -> bool {
    let path = path.to_ascii_lowercase();
    let mut outer = path.match_indices([':', '.', '[']).filter_map(|(end, _)| path.get(..end));
    !cleared.is_empty() && (cleared.contains(&path) || outer.any(|outer| cleared.contains(outer)))
}

/// Whether the document now has what a path names.
fn is_in(document: &Map<String, Value>, path: &str, resource_type: &ResourceType) -> bool {
    let Some(found) = resource_type.resolve_any(path) else { return false };
    let value = found.value(document);
    match &found.sub {
        Some(sub) => elements(value).iter().any(|element| element.get(&sub.name).is_some()),
        None => value.is_some(),
    }
}
