//! What a PUT leaves aside: GET never shows it, so a body that does not mention it says nothing about it.

use serde_json::{Map, Value};

use super::entry::meaning;
use crate::aside::Aside;
use crate::aside::names::{MAX_CHANGES, MAX_NAMES, one_change_too_many, one_too_many, related};
use crate::error::ScimError;
use crate::schema::{AttributeRef, ResourceType};

/// Keeps what was aside before and a body does not mention: neither in what is aside of it, nor in its document, nor as
/// `cleared`, which are full names of attributes and URNs of extensions.
///
/// # Errors
/// 400 where more would be kept than can be, and more than there was.
pub fn keep_omitted(
    set_aside: &mut Aside,
    before: &Aside,
    document: &Map<String, Value>,
    cleared: &[String],
    resource_type: &ResourceType,
) -> Result<(), ScimError> {
    let mut kept = before.clone();
    for name in cleared {
        kept.forget(name);
    }
    kept.entries.retain_mut(|entry| {
        let schema = resource_type.split_urn(&entry.name).filter(|found| found.rest.is_empty());
        let (Some(_), Some(Value::Object(members))) = (schema, &mut entry.value) else {
            return !is_said(&entry.name, document, resource_type);
        };
        members.retain(|key, _| !is_said(&format!("{}:{key}", entry.name), document, resource_type));
        !members.is_empty()
    });
    set_aside.entries.retain(|new| {
        // What is said again keeps its place, so that nothing has changed where nothing has.
        let mut same = kept.entries.iter().filter(|old| related(&old.name, &new.name));
        let repeated = same.next() == Some(new) && same.next().is_none();
        if !repeated {
            kept.forget(&new.name);
        }
        !repeated
    });
    kept.entries.append(&mut set_aside.entries);
    *set_aside = kept;
    let over = |count: usize, most: usize, before: usize| count > most.max(before);
    let last = set_aside.entries.last().map(|entry| entry.name.as_str()).unwrap_or_default();
    if over(set_aside.names(), MAX_NAMES, before.names()) {
        return Err(one_too_many(last));
    }
    if over(set_aside.entries.len(), MAX_CHANGES, before.entries.len()) {
        return Err(one_change_too_many(last));
    }
    Ok(())
}

/// Whether the document says what a name means by now.
fn is_said(name: &str, document: &Map<String, Value>, resource_type: &ResourceType) -> bool {
    let Some(found) = meaning(name, resource_type) else { return false };
    let AttributeRef { sub, .. } = &found;
    match (found.value(document), sub) {
        (Some(Value::Array(elements)), Some(sub)) => elements.iter().any(|element| element.get(&sub.name).is_some()),
        (Some(value), Some(sub)) => value.get(&sub.name).is_some(),
        (value, None) => value.is_some(),
        (None, Some(_)) => false,
    }
}
