//! Which attributes of a resource type have index keys, and in which form.

use scimgate_scim::attribute::Type;
use scimgate_scim::schema::{AttributeRef, NamedAttribute, ResourceType};

use crate::store::error::Error;

/// How a tenant's keys are stored. New tenants begin with the last form; the others are for replicas of the version before,
/// until `scimgate migrate --finish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyLayout {
    /// As the version before reads them: search keys as text in `resource_key`, and userName in `unique_key`. A trigger copies
    /// search keys to `search_key`, which is not complete yet.
    Text,
    /// The same, and `search_key` is complete.
    Mirrored,
    /// Search keys are hashes in `search_key` alone; userName is unique by an index of `resource`.
    Hashed,
}

impl KeyLayout {
    /// Reads the number in the database.
    pub(in crate::store) fn from_number(number: i16) -> Result<Self, Error> {
        match number {
            0 => Ok(Self::Text),
            1 => Ok(Self::Mirrored),
            2 => Ok(Self::Hashed),
            _ => Err(Error::Corrupt { what: "key layout", why: format!("{number} is none") }),
        }
    }
}

/// Which attributes of a tenant can be searched by value, and how their keys are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchKeys {
    /// Canonical names of the attributes whose keys are written.
    pub attributes: Vec<String>,
    /// Those that every stored resource has keys of, so that a filter can rely on them.
    pub ready: Vec<String>,
    /// The form.
    pub layout: KeyLayout,
}

impl Default for SearchKeys {
    /// Those of a new tenant.
    fn default() -> Self {
        let attributes = vec!["emails.value".to_owned()];
        Self { ready: attributes.clone(), attributes, layout: KeyLayout::Hashed }
    }
}

/// The attributes of one resource type that have keys.
#[derive(Clone, Debug)]
pub struct IndexedAttributes {
    pub(super) unique: Vec<NamedAttribute>,
    pub(super) searchable: Vec<NamedAttribute>,
}

impl IndexedAttributes {
    /// Those of a resource type of the tenant with these search keys.
    #[must_use]
    pub fn of(resource_type: &ResourceType, search: &SearchKeys) -> Self {
        let keeps_name = search.layout != KeyLayout::Hashed;
        let unique = resource_type.unique_attributes().iter();
        let unique = unique.filter(|attribute| keeps_name || !is_unique_by_row(attribute, resource_type));
        let searchable = search.attributes.iter().filter_map(|name| resource_type.resolve(name));
        Self { unique: unique.cloned().collect(), searchable: searchable.map(NamedAttribute::new).collect() }
    }

    /// Those that must be unique, userName included.
    #[must_use]
    pub fn unique(resource_type: &ResourceType) -> Self {
        Self { unique: resource_type.unique_attributes().to_vec(), searchable: Vec::new() }
    }
}

/// Where the values of an attribute are indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum KeyTable {
    /// `unique_key`: what must be unique.
    Unique,
    /// `resource_key`: what can be looked up.
    Text,
    /// `search_key`: what can be looked up, by hash.
    Hashed,
}

/// The table that has a key for every value of this attribute, if one has.
pub(in crate::store) fn key_table(
    attribute: &AttributeRef,
    resource_type: &ResourceType,
    search: &SearchKeys,
) -> Option<KeyTable> {
    // Values of other types are compared as values, and one value may be written in many ways.
    if !matches!(attribute.leaf().kind, Type::String | Type::Reference | Type::Binary) {
        return None;
    }
    let name = attribute.name();
    if search.ready.contains(&name) {
        return Some(if search.layout == KeyLayout::Text { KeyTable::Text } else { KeyTable::Hashed });
    }
    let is_unique = resource_type.unique_attributes().iter().any(|unique| **unique == *attribute);
    (is_unique && !is_unique_by_row(attribute, resource_type)).then_some(KeyTable::Unique)
}

/// Whether the row's own index makes the attribute unique: a user's userName.
pub(in crate::store) fn is_unique_by_row(attribute: &AttributeRef, resource_type: &ResourceType) -> bool {
    resource_type.name == "User"
        && attribute.extension.is_none()
        && attribute.attribute.name == resource_type.name_attribute
}

/// The attribute that the name column holds.
#[must_use]
pub fn name_attribute(resource_type: &ResourceType) -> &str {
    &resource_type.name_attribute
}

/// The attributes by which a filter with `eq` on this type is answered from indexes.
#[must_use]
pub fn indexed_names(resource_type: &ResourceType, search: &SearchKeys) -> Vec<String> {
    let mut names = vec!["id".to_owned(), "externalId".to_owned(), name_attribute(resource_type).to_owned()];
    names.extend(search.ready.iter().filter_map(|name| resource_type.resolve(name)).map(|found| found.name()));
    names.extend(unique_names(resource_type));
    names.extend(resource_type.detached.map(str::to_owned));
    names.extend(resource_type.resolve_in(None, "groups").map(|groups| groups.name()));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The attributes that must be unique among a type's living resources.
#[must_use]
pub fn unique_names(resource_type: &ResourceType) -> Vec<String> {
    resource_type.unique_attributes().iter().map(|attribute| attribute.full_name().to_string()).collect()
}
