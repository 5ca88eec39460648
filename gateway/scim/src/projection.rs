//! The attributes of a resource in a reply (RFC 7644 §3.9): those that the client requested and the schema's `returned`
//! characteristics allow.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::attribute::{Attribute, Returned};
use crate::error::ScimError;
use crate::schema::{AttributeRef, ResourceType, Schema, common_attributes};

/// The most different names in `attributes` or `excludedAttributes`.
pub const MAX_NAMES: usize = 200;
/// The most bytes of `attributes` or `excludedAttributes`.
pub const MAX_LIST_BYTES: usize = 64 << 10;

/// The attributes that a client requested or excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    mode: Mode,
    /// The schemas of which all attributes are named: URNs.
    schemas: HashSet<String>,
    /// The named attributes, by the address of their definition, which `resource_type` keeps.
    attributes: HashMap<usize, Named>,
    specified: Specified,
    resource_type: ResourceType,
}

/// The attributes that the request itself wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Specified {
    /// None: a read.
    Nothing,
    /// All: POST or PUT.
    Everything,
    /// These: PATCH.
    Attributes(Vec<AttributeRef>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// `attributes`.
    Only,
    /// `excludedAttributes`; the default with an empty list.
    Without,
}

/// The parts of an attribute that the list names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Whole,
    /// Sub-attributes in canonical spelling.
    SubAttributes(HashSet<String>),
}

impl Projection {
    /// Parses `attributes` and `excludedAttributes`, comma-separated lists of names. Returns `None` if the reply is the whole
    /// resource: neither was given and the type has no attribute with `returned` `request`. Unknown names are ignored, and a
    /// name with a filter (`emails[type eq "work"]`) is read without it. An error is 400 `invalidValue` if both are given, or
    /// one has more than [`MAX_NAMES`] different names or [`MAX_LIST_BYTES`] bytes.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &ResourceType,
    ) -> Result<Option<Self>, ScimError> {
        for (parameter, list) in [("attributes", attributes), ("excludedAttributes", excluded)] {
            check_length(parameter, list.unwrap_or_default())?;
        }
        let given = |list: Option<&str>| list.is_some_and(|list| names(list).next().is_some());
        let (mode, list) = match (given(attributes), given(excluded)) {
            // RFC 7644 §3.4.2.5: excludedAttributes is "mutually exclusive" with attributes.
            (true, true) => {
                return Err(ScimError::invalid_value(
                    "attributes and excludedAttributes exclude each other; send one of them.",
                ));
            }
            (true, false) => (Mode::Only, attributes),
            (false, true) => (Mode::Without, excluded),
            (false, false) if has_request_attributes(resource_type) => (Mode::Without, None),
            (false, false) => return Ok(None),
        };
        let mut projection = Self {
            mode,
            schemas: HashSet::new(),
            attributes: HashMap::new(),
            specified: Specified::Nothing,
            resource_type: resource_type.clone(),
        };
        for name in distinct(list.unwrap_or_default(), mode)? {
            projection.name(&name);
        }
        Ok(Some(projection))
    }

    /// Adds a name of the list.
    fn name(&mut self, name: &str) {
        if let Some(qualified) = self.resource_type.split_urn(name).filter(|qualified| qualified.rest.is_empty()) {
            let schema = qualified.extension.unwrap_or(&self.resource_type.schema);
            self.schemas.insert(schema.id.clone());
        } else if let Some(found) = self.resource_type.resolve_any(name) {
            let named = self.attributes.entry(Arc::as_ptr(&found.attribute).addr());
            let named = named.or_insert_with(|| Named::SubAttributes(HashSet::new()));
            match (named, &found.sub) {
                (named, None) => *named = Named::Whole,
                (Named::SubAttributes(subs), Some(sub)) => drop(subs.insert(sub.name.clone())),
                (Named::Whole, Some(_)) => {}
            }
        }
    }

    /// The projection for the reply to a write. RFC 7643 §7 `request`: "The attribute is returned in response to any PUT,
    /// POST, or PATCH operations if the attribute was specified by the client".
    #[must_use]
    pub fn after_write(self, specified: Specified) -> Self {
        Self { specified, ..self }
    }

    /// Whether the client requested this projection.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.mode == Mode::Only || !self.schemas.is_empty() || !self.attributes.is_empty()
    }

    /// Reduces a resource to the attributes of the reply. Unknown attributes stay unless `attributes` was given.
    #[must_use]
    pub fn apply(&self, document: Map<String, Value>) -> Map<String, Value> {
        let mut kept = Map::new();
        for (key, value) in document {
            let extension = self.resource_type.extensions.iter().find(|e| e.schema.id == key).map(|e| &e.schema);
            let value = match (extension, value) {
                (Some(schema), Value::Object(members)) => {
                    let members = members.into_iter();
                    let members: Map<String, Value> = members
                        .filter_map(|(key, value)| self.attribute(Some(schema), &key, value).map(|value| (key, value)))
                        .collect();
                    (!members.is_empty()).then_some(Value::Object(members))
                }
                (_, value) => self.attribute(None, &key, value),
            };
            if let Some(value) = value {
                kept.insert(key, value);
            }
        }
        kept
    }

    /// Whether the reply includes any part of the attribute `name`. A caller need not read the others.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        let Some(found) = self.resource_type.resolve(name) else { return self.mode == Mode::Without };
        let named = self.named(found.extension.as_ref(), &found.attribute);
        self.keeps(&found.attribute, named)
    }

    fn attribute(&self, extension: Option<&Arc<Schema>>, key: &str, value: Value) -> Option<Value> {
        let Some(found) = self.resource_type.resolve_in(extension, key) else {
            return (self.mode == Mode::Without).then_some(value);
        };
        let named = self.named(extension, &found.attribute);
        if !self.keeps(&found.attribute, named) && !self.was_written(&found, named) {
            return None;
        }
        if !found.attribute.is_complex() {
            return Some(value);
        }
        let reduce = |element| match element {
            Value::Object(members) => self.sub_attributes(members, &found.attribute, named).map(Value::Object),
            other => Some(other),
        };
        match value {
            Value::Array(elements) => {
                let elements: Vec<Value> = elements.into_iter().filter_map(reduce).collect();
                (!elements.is_empty()).then_some(Value::Array(elements))
            }
            single => reduce(single),
        }
    }

    /// Whether the reply has a `request` attribute because the request wrote it.
    fn was_written(&self, found: &AttributeRef, named: Option<&Named>) -> bool {
        found.attribute.returned == Returned::Request
            && self.mode == Mode::Without
            && !matches!(named, Some(Named::Whole))
            && match &self.specified {
                Specified::Nothing => false,
                Specified::Everything => true,
                Specified::Attributes(written) => {
                    written.iter().any(|it| it.extension == found.extension && it.attribute == found.attribute)
                }
            }
    }

    /// RFC 7643 §7 `returned`, combined with the list.
    fn keeps(&self, attribute: &Attribute, named: Option<&Named>) -> bool {
        match (attribute.returned, self.mode) {
            // "always: The attribute is always returned, regardless of the contents of the 'attributes' parameter."
            (Returned::Always, _) => true,
            (Returned::Never, _) | (Returned::Request, Mode::Without) => false,
            (Returned::Default | Returned::Request, Mode::Only) => named.is_some(),
            (Returned::Default, Mode::Without) => !matches!(named, Some(Named::Whole)),
        }
    }

    /// The sub-attributes of a value in the reply; `None` if there are none.
    fn sub_attributes(
        &self,
        mut members: Map<String, Value>,
        parent: &Attribute,
        named: Option<&Named>,
    ) -> Option<Map<String, Value>> {
        members.retain(|key, _| {
            let sub = parent.sub_attribute(key);
            let listed = match named {
                Some(Named::SubAttributes(subs)) => sub.is_some_and(|sub| subs.contains(&sub.name)),
                _ => false,
            };
            let returned = sub.map_or(Returned::Default, |sub| sub.returned);
            match (returned, self.mode) {
                (Returned::Always, _) => true,
                (Returned::Never, _) | (Returned::Request, Mode::Without) => false,
                (Returned::Request, Mode::Only) => listed,
                (Returned::Default, Mode::Without) => !listed,
                // A complex attribute named as a whole has its default sub-attributes.
                (Returned::Default, Mode::Only) => listed || !matches!(named, Some(Named::SubAttributes(_))),
            }
        });
        (!members.is_empty()).then_some(members)
    }

    fn named(&self, extension: Option<&Arc<Schema>>, attribute: &Arc<Attribute>) -> Option<&Named> {
        let schema = extension.unwrap_or(&self.resource_type.schema);
        let is_whole = self.schemas.contains(&schema.id);
        if is_whole { Some(&Named::Whole) } else { self.attributes.get(&Arc::as_ptr(attribute).addr()) }
    }
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Checked before the list is split.
fn check_length(parameter: &str, list: &str) -> Result<(), ScimError> {
    if list.len() <= MAX_LIST_BYTES {
        return Ok(());
    }
    let detail = format!("{parameter} has {} bytes; at most {MAX_LIST_BYTES} are read.", list.len());
    Err(ScimError::invalid_value(detail))
}

/// The names of a list in lower case, each once.
fn distinct(list: &str, mode: Mode) -> Result<HashSet<String>, ScimError> {
    let names: HashSet<String> = names(list).map(str::to_ascii_lowercase).collect();
    if names.len() <= MAX_NAMES {
        return Ok(names);
    }
    let parameter = if mode == Mode::Only { "attributes" } else { "excludedAttributes" };
    let detail = format!("{parameter} has {} names; at most {MAX_NAMES} are accepted.", names.len());
    Err(ScimError::invalid_value(detail))
}

/// Whether the type has an attribute that is only returned on request.
fn has_request_attributes(resource_type: &ResourceType) -> bool {
    let extensions = resource_type.extensions.iter().flat_map(|e| &e.schema.attributes);
    let mut all = resource_type.schema.attributes.iter().chain(common_attributes()).chain(extensions);
    all.any(|it| {
        it.returned == Returned::Request || it.sub_attributes.iter().any(|sub| sub.returned == Returned::Request)
    })
}

#[cfg(test)]
mod tests;
