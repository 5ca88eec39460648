//! One definition after another: whether all that was right stays right, and what in a stored document is not.

use serde_json::{Map, Value};

use super::validate::validate;
use super::{ResourceType, Schema};
use crate::attribute::{Attribute, Returned, Uniqueness};
use crate::fold::is_case_exact;

/// Whether every document of the old type is one of the new: nothing is taken away, and nothing is asked for that was not.
#[must_use]
pub fn only_grows(old: &ResourceType, new: &ResourceType) -> bool {
    old.schema.id == new.schema.id
        && old.named_by == new.named_by
        && grows(&old.schema, &new.schema)
        && old.extensions.iter().all(|before| {
            let after = new.extensions.iter().find(|after| after.schema.id == before.schema.id);
            after.is_some_and(|after| (before.required || !after.required) && grows(&before.schema, &after.schema))
        })
        && new.extensions.iter().all(|after| !after.required || old.extension(&after.schema.id).is_some())
}

fn grows(old: &Schema, new: &Schema) -> bool {
    old.attributes.iter().all(|before| {
        let after = new.attributes.iter().find(|after| after.name == before.name);
        after.is_some_and(|after| continues(before, after))
    }) && new.attributes.iter().all(|after| !after.required || old.attribute(&after.name).is_some())
}

/// Whether what was right by the one definition is right by the other.
fn continues(old: &Attribute, new: &Attribute) -> bool {
    let marks =
        |it: &Attribute| (it.kind, it.multi_valued, is_case_exact(it), it.uniqueness, it.mutability, it.returned);
    let suggestions = new.canonical_values.is_empty()
        || !old.canonical_values.is_empty()
            && old.canonical_values.iter().all(|value| new.canonical_values.contains(value));
    marks(old) == marks(new)
        && suggestions
        && (old.required || !new.required)
        && old.sub_attributes.iter().all(|before| {
            let after = new.sub_attributes.iter().find(|after| after.name == before.name);
            after.is_some_and(|after| continues(before, after))
        })
        && new.sub_attributes.iter().all(|after| !after.required || old.sub_attribute(&after.name).is_some())
}

/// What in a stored document the new type does not allow, as a sentence; `None` for a type that is to go.
#[must_use]
pub fn contradiction(document: &Map<String, Value>, old: &ResourceType, new: Option<&ResourceType>) -> Option<String> {
    let Some(new) = new else { return Some(format!("It is a {}.", old.name)) };
    if let Err(refusal) = validate(document, new) {
        return Some(refusal.detail);
    }
    if old.named_by != new.named_by {
        return Some(format!("It is named by {}.", old.named_by));
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
        in_value(value, before.map(AsRef::as_ref), after, &name)
    })
}

fn attributes(resource_type: &ResourceType) -> impl Iterator<Item = (Option<&str>, &Attribute)> {
    let own = resource_type.schema.attributes.iter().map(|it| (None, it.as_ref()));
    let extended = resource_type.extensions.iter().flat_map(|extension| {
        extension.schema.attributes.iter().map(|it| (Some(extension.schema.id.as_str()), it.as_ref()))
    });
    own.chain(extended)
}

/// What the validation of a request does not ask, since a request cannot be wrong in it.
fn in_value(value: &Value, before: Option<&Attribute>, after: &Attribute, name: &str) -> Option<String> {
    if after.returned == Returned::Never {
        return Some(format!("{name} has a value, and what is never returned is not kept."));
    }
    let folds_anew = before.is_some_and(|before| is_case_exact(before) != is_case_exact(after));
    if folds_anew && after.uniqueness != Uniqueness::None && before.is_some_and(|it| it.uniqueness != Uniqueness::None)
    {
        return Some(format!(
            "{name} has a value that is unique by another caseExact; change uniqueness to none first, and back after."
        ));
    }
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let narrowed = before.is_none_or(|before| before.canonical_values != after.canonical_values);
    let strange = |element: &&Value| {
        let Value::String(text) = element else { return false };
        let same = |known: &String| if is_case_exact(after) { known == text } else { known.eq_ignore_ascii_case(text) };
        !after.canonical_values.iter().any(same)
    };
    if narrowed && !after.canonical_values.is_empty() && elements.iter().any(|element| strange(&element)) {
        return Some(format!("{name} has a value that is none of its canonicalValues."));
    }
    after.sub_attributes.iter().find_map(|sub| {
        let earlier = before.and_then(|before| before.sub_attribute(&sub.name)).map(AsRef::as_ref);
        let full = format!("{name}.{}", sub.name);
        elements.iter().find_map(|element| in_value(element.get(&sub.name)?, earlier, sub, &full))
    })
}

#[cfg(test)]
mod tests;
