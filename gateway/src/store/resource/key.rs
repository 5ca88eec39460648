//! The index keys of a document: its unique values, its searchable values, and those in columns of their own.
//!
//! Keys are folded in Rust by the protocol's one function, never by the database, whose folding changes with its build.

use std::fmt::Write as _;
use std::sync::Arc;

use scimgate_scim::attribute::Attribute;
use scimgate_scim::decimal::Decimal;
use scimgate_scim::fold::{comparison_key, folded};
use scimgate_scim::schema::{NamedAttribute, ResourceType};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::store::resource::indexed::{IndexedAttributes, name_attribute};

/// A longer value keeps its beginning and gets a digest, so that equality still holds.
const MAX_KEY_BYTES: usize = 512;

/// A key of this many bytes or fewer is not truncated, and no truncated key is equal to it.
pub(in crate::store) const MAX_WHOLE_BYTES: usize = 508;

/// A key begins with at least this many bytes of its value, truncated or not.
pub(in crate::store) const PREFIX_BYTES: usize = 440;

/// One index entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The attribute's canonical name.
    pub attribute: Arc<str>,
    /// The folded value.
    pub key: String,
}

impl Key {
    /// The entry in `search_key`.
    pub(in crate::store) fn hash(&self) -> i64 {
        hash(&self.attribute, &self.key)
    }
}

/// The hash of a key as `search_key` has it, and `search_key_hash` in the database: values that share one are told apart by
/// the filter's evaluator.
pub(in crate::store) fn hash(attribute: &str, key: &str) -> i64 {
    let digest = Sha256::new().chain_update(attribute).chain_update([0x1f]).chain_update(key).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
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
    pub fn of(document: &Map<String, Value>, resource_type: &ResourceType, indexed: &IndexedAttributes) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        Self {
            name_key: text(name_attribute(resource_type)).map(|name| truncate(folded(name).into_owned())),
            external_id: text("externalId").map(|id| truncate(id.to_owned())),
            active: document.get("active").and_then(Value::as_bool),
            unique: entries(document, &indexed.unique),
            searchable: entries(document, &indexed.searchable),
        }
    }
}

/// The key under which a value is indexed.
pub(in crate::store) fn key_of(attribute: &Attribute, value: &str) -> String {
    truncate(comparison_key(value, attribute).into_owned())
}

fn entries(document: &Map<String, Value>, attributes: &[NamedAttribute]) -> Vec<Key> {
    let mut found = Vec::new();
    for attribute in attributes {
        for leaf in attribute.leaves(document) {
            let key = match leaf {
                Value::String(text) => key_of(attribute.leaf(), text),
                // 7 and 7.0 are one number.
                Value::Number(number) => truncate(Decimal::new(number).key()),
                _ => continue,
            };
            found.push(Key { attribute: Arc::clone(attribute.full_name()), key });
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
