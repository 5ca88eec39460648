//! Changes of a resource type's definition: whether all stored documents stay valid, and which one does not.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::ResourceType;
use super::validate::validate;
use crate::attribute::{Attribute, Returned, Uniqueness};
use crate::fold::is_case_exact;
use crate::value::elements;

/// Whether every valid document of the old type is valid under the new one: nothing is removed and nothing new is required.
#[must_use]
pub fn is_compatible(old: &ResourceType, new: &ResourceType) -> bool {
    old.schema.id == new.schema.id
        && old.name_attribute == new.name_attribute
        && are_compatible(&old.schema.attributes, &new.schema.attributes)
        && old.extensions.iter().all(|before| {
            let after = new.extensions.iter().find(|after| after.schema.id == before.schema.id);
            after.is_some_and(|after| {
                (before.required || !after.required)
                    && are_compatible(&before.schema.attributes, &after.schema.attributes)
            })
        })
        && new.extensions.iter().all(|after| !after.required || old.extension(&after.schema.id).is_some())
}

/// The same for the attributes of a schema, or the sub-attributes of an attribute.
fn are_compatible(old: &[Arc<Attribute>], new: &[Arc<Attribute>]) -> bool {
    old.iter().all(|before| {
        let after = new.iter().find(|after| after.name == before.name);
        after.is_some_and(|after| is_compatible_attribute(before, after))
    }) && new.iter().all(|after| !after.required || old.iter().any(|before| before.is_named(&after.name)))
}

fn is_compatible_attribute(old: &Attribute, new: &Attribute) -> bool {
    let fixed =
        |it: &Attribute| (it.kind, it.multi_valued, is_case_exact(it), it.uniqueness, it.mutability, it.returned);
    let canonical_values = new.canonical_values.is_empty()
        || !old.canonical_values.is_empty()
            && old.canonical_values.iter().all(|value| new.canonical_values.contains(value));
    fixed(old) == fixed(new)
        && canonical_values
        && (old.required || !new.required)
        && are_compatible(&old.sub_attributes, &new.sub_attributes)
}

/// The first conflict of a stored document with the new type, as a sentence. Without a new type, any document is one.
#[must_use]
pub fn conflict(document: &Map<String, Value>, old: &ResourceType, new: Option<&ResourceType>) -> Option<String> {
    let Some(new) = new else { return Some(format!("It is a {}.", old.name)) };
    if let Err(refusal) = validate(document, new) {
        return Some(refusal.detail);
    }
    if old.name_attribute != new.name_attribute {
        return Some(format!("It is named by {}.", old.name_attribute));
    }
    attributes(new).find_map(|(extension, after)| {
        let part = match extension {
            None => document,
            Some(urn) => document.get(urn)?.as_object()?,
        };
        let value = part.get(&after.name)?;
        let before = match extension {
            None => old.schema.attribute(&after.name),
            Some(urn) => old.extension(urn).and_then(|it| it.schema.attribute(&after.name)),
        };
        let name = extension.map_or_else(|| after.name.clone(), |urn| format!("{urn}:{}", after.name));
        value_conflict(value, before.map(AsRef::as_ref), after, &name)
    })
}

fn attributes(resource_type: &ResourceType) -> impl Iterator<Item = (Option<&str>, &Attribute)> {
    let own = resource_type.schema.attributes.iter().map(|it| (None, it.as_ref()));
    let extended = resource_type.extensions.iter().flat_map(|extension| {
        extension.schema.attributes.iter().map(|it| (Some(extension.schema.id.as_str()), it.as_ref()))
    });
    own.chain(extended)
}

/// Conflicts that validating a request does not cover, because a request cannot have them.
fn value_conflict(value: &Value, before: Option<&Attribute>, after: &Attribute, name: &str) -> Option<String> {
    if after.returned == Returned::Never {
        return Some(format!("{name} has a value, and what is never returned is not kept."));
    }
    // The stored unique keys would have to be folded again.
    let refolds = |before: &Attribute| {
        is_case_exact(before) != is_case_exact(after)
            && [before.uniqueness, after.uniqueness].iter().all(|it| *it != Uniqueness::None)
    };
    if before.is_some_and(refolds) {
        return Some(format!(
            "{name} has a value that is unique by another caseExact; change uniqueness to none first, and back after."
        ));
    }
    let elements = elements(Some(value));
    let changed = before.is_none_or(|before| before.canonical_values != after.canonical_values);
    let is_other = |element: &Value| {
        let Value::String(text) = element else { return false };
        let same = |known: &String| if is_case_exact(after) { known == text } else { known.eq_ignore_ascii_case(text) };
        !after.canonical_values.iter().any(same)
    };
    if changed && !after.canonical_values.is_empty() && elements.iter().any(is_other) {
        return Some(format!("{name} has a value that is none of its canonicalValues."));
    }
    after.sub_attributes.iter().find_map(|sub| {
        let earlier = before.and_then(|before| before.sub_attribute(&sub.name)).map(AsRef::as_ref);
        let full = format!("{name}.{}", sub.name);
        elements.iter().find_map(|element| value_conflict(element.get(&sub.name)?, earlier, sub, &full))
    })
}

#[cfg(test)]
mod tests;
