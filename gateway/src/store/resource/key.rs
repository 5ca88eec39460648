//! The index keys of a document: its unique values, its searchable values, and those in columns of their own.
//!
//! Keys are folded in Rust by the protocol's one function, never by the database, whose folding changes with its build.

use std::fmt::Write as _;

use scimgate_scim::attribute::{Attribute, Type, Uniqueness};
use scimgate_scim::decimal::Decimal;
use scimgate_scim::fold::{comparison_key, fold};
use scimgate_scim::schema::{AttributeRef, ResourceType};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// A longer value keeps its beginning and gets a digest, so that equality still holds.
const MAX_KEY_BYTES: usize = 512;

/// A key of this many bytes or fewer is not truncated, and no truncated key is equal to it.
pub(in crate::store) const MAX_WHOLE_BYTES: usize = 508;

/// A key begins with at least this many bytes of its value, truncated or not.
pub(in crate::store) const PREFIX_BYTES: usize = 440;

/// Attributes that are indexed besides the columns, by canonical name.
const SEARCHABLE: [&str; 3] = [
    "emails.value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
];

/// One index entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The attribute's canonical name.
    pub attribute: String,
    /// The folded value.
    pub key: String,
}

/// All index keys of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The attribute that names the type's resources, folded.
    pub name_key: Option<String>,
    /// Verbatim: externalId is case-exact (RFC 7643 §3.1).
    pub external_id: Option<String>,
    /// `active`, where the document has it.
    pub active: Option<bool>,
    /// Values that must be unique among the type's living resources, sorted.
    pub unique: Vec<Key>,
    /// Values that can be looked up, sorted.
    pub searchable: Vec<Key>,
}

impl Keys {
    /// Adds the keys of the same document under other schemas.
    pub fn join(&mut self, other: Self) {
        for (own, more) in [(&mut self.unique, other.unique), (&mut self.searchable, other.searchable)] {
            own.extend(more);
            own.sort();
            own.dedup();
        }
    }

    /// Reads the keys of a canonical document.
    #[must_use]
    pub fn of(document: &Map<String, Value>, resource_type: &ResourceType) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let unique_names = unique_attributes(resource_type);
        Self {
            name_key: text(name_attribute(resource_type)).map(|name| truncate(fold(name))),
            external_id: text("externalId").map(|id| truncate(id.to_owned())),
            active: document.get("active").and_then(Value::as_bool),
            unique: entries(document, unique_names.iter()),
            searchable: entries(
                document,
                SEARCHABLE.iter().filter_map(|name| resource_type.resolve(name)).collect::<Vec<_>>().iter(),
            ),
        }
    }
}

/// The attribute that the name column holds.
#[must_use]
pub fn name_attribute(resource_type: &ResourceType) -> &str {
    &resource_type.name_attribute
}

/// Where the values of an attribute are indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum KeyTable {
    /// What must be unique.
    Unique,
    /// What can be looked up.
    Searchable,
}

/// The table that has a key for every value of this attribute, if one has.
pub(in crate::store) fn key_table(attribute: &AttributeRef, resource_type: &ResourceType) -> Option<KeyTable> {
    // Values of other types are compared as values, and one value may be written in many ways.
    if !matches!(attribute.leaf().kind, Type::String | Type::Reference | Type::Binary) {
        return None;
    }
    if SEARCHABLE.contains(&attribute.name().as_str()) {
        return Some(KeyTable::Searchable);
    }
    unique_attributes(resource_type).contains(attribute).then_some(KeyTable::Unique)
}

/// The attributes by which a filter on this type is answered from indexes.
#[must_use]
pub fn indexed_names(resource_type: &ResourceType) -> Vec<String> {
    let mut names = vec!["id".to_owned(), "externalId".to_owned(), name_attribute(resource_type).to_owned()];
    names.extend(SEARCHABLE.iter().filter_map(|name| resource_type.resolve(name)).map(|found| found.name()));
    names.extend(unique_names(resource_type));
    names.extend(resource_type.detached.map(str::to_owned));
    names.extend(resource_type.resolve_in(None, "groups").map(|groups| groups.name()));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The key under which a value is indexed.
pub(in crate::store) fn key_of(attribute: &Attribute, value: &str) -> String {
    truncate(comparison_key(value, attribute).into_owned())
}

/// The attributes that must be unique among a type's living resources.
#[must_use]
pub fn unique_names(resource_type: &ResourceType) -> Vec<String> {
    unique_attributes(resource_type).iter().map(AttributeRef::name).collect()
}

fn unique_attributes(resource_type: &ResourceType) -> Vec<AttributeRef> {
    let own = resource_type.schema.attributes.iter().map(|attribute| (None, attribute));
    let extended = resource_type.extensions.iter().flat_map(|extension| {
        extension.schema.attributes.iter().map(move |attribute| (Some(extension.schema.clone()), attribute))
    });
    own.chain(extended)
        .filter(|(_, attribute)| {
            attribute.uniqueness != Uniqueness::None && !attribute.is_complex() && attribute.name != "id"
        })
        .map(|(extension, attribute)| AttributeRef { extension, attribute: attribute.clone(), sub: None })
        .collect()
}

fn entries<'a>(document: &Map<String, Value>, attributes: impl Iterator<Item = &'a AttributeRef>) -> Vec<Key> {
    let mut found = Vec::new();
    for attribute in attributes {
        let Some(value) = attribute.value(document) else { continue };
        let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for element in elements {
            let leaf = match &attribute.sub {
                Some(sub) => element.get(&sub.name),
                None => Some(element),
            };
            let key = match leaf {
                Some(Value::String(text)) => key_of(attribute.leaf(), text),
                // 7 and 7.0 are one number.
                Some(Value::Number(number)) => truncate(Decimal::new(number).key()),
                _ => continue,
            };
            found.push(Key { attribute: attribute.name(), key });
        }
    }
    found.sort();
    found.dedup();
    found
}

pub(in crate::store) fn truncate(mut key: String) -> String {
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    let digest = Sha256::digest(key.as_bytes());
    let mut end = MAX_KEY_BYTES - 65;
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.truncate(end);
    key.push('#');
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_key_keeps_its_prefix_and_differs_from_every_short_one() {
        for filler in ["x", "é", "€", "😀"] {
            let long = filler.repeat(600 / filler.len());
            let key = truncate(long.clone());
            assert!(key.len() > MAX_WHOLE_BYTES && key.len() <= MAX_KEY_BYTES, "{filler}: {}", key.len());
            let kept = key.bytes().zip(long.bytes()).take_while(|(one, other)| one == other).count();
            assert!(kept >= PREFIX_BYTES, "{filler}: {kept}");
            assert_ne!(key, truncate(long + "y"));
        }
        let short = "x".repeat(MAX_KEY_BYTES);
        assert_eq!(truncate(short.clone()), short);
    }
}
