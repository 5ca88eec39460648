//! The attributes of a resource in a reply (RFC 7644 §3.9): those that the client requested and the schema's `returned`
//! characteristics allow.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::attribute::{Attribute, Returned};
use crate::error::ScimError;
use crate::schema::{AttributeRef, ResourceType, Schema, common_attributes};

/// The attributes that a client requested or excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    mode: Mode,
    targets: Vec<Target>,
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

/// A name in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// Every attribute of the base schema (`None`) or of an extension.
    Schema(Option<Arc<Schema>>),
    /// An attribute or a sub-attribute.
    Attribute(AttributeRef),
}

/// The parts of an attribute that the list names.
enum Named<'a> {
    Nothing,
    Whole,
    SubAttributes(Vec<&'a str>),
}

impl Projection {
    /// Parses `attributes` and `excludedAttributes`, comma-separated lists of names. Returns `None` if the reply is the whole
    /// resource: neither was given and the type has no attribute with `returned` `request`. Unknown names are ignored. An
    /// error is 400 `invalidValue` if both are given.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &ResourceType,
    ) -> Result<Option<Self>, ScimError> {
        let given = |list: Option<&str>| list.is_some_and(|list| !names(list).is_empty());
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
        let targets =
            names(list.unwrap_or_default()).into_iter().filter_map(|name| target(name, resource_type)).collect();
        Ok(Some(Self { mode, targets, specified: Specified::Nothing, resource_type: resource_type.clone() }))
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
        self.mode == Mode::Only || !self.targets.is_empty()
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
        self.keeps(&found.attribute, &named)
    }

    fn attribute(&self, extension: Option<&Arc<Schema>>, key: &str, value: Value) -> Option<Value> {
        let Some(found) = self.resource_type.resolve_in(extension, key) else {
            return (self.mode == Mode::Without).then_some(value);
        };
        let named = self.named(extension, &found.attribute);
        if !self.keeps(&found.attribute, &named) && !self.was_written(&found, &named) {
            return None;
        }
        if !found.attribute.is_complex() {
            return Some(value);
        }
        let reduce = |element| match element {
            Value::Object(members) => self.sub_attributes(members, &found.attribute, &named).map(Value::Object),
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
    fn was_written(&self, found: &AttributeRef, named: &Named<'_>) -> bool {
        found.attribute.returned == Returned::Request
            && self.mode == Mode::Without
            && !matches!(named, Named::Whole)
            && match &self.specified {
                Specified::Nothing => false,
                Specified::Everything => true,
                Specified::Attributes(written) => {
                    written.iter().any(|it| it.extension == found.extension && it.attribute == found.attribute)
                }
            }
    }

    /// RFC 7643 §7 `returned`, combined with the list.
    fn keeps(&self, attribute: &Attribute, named: &Named<'_>) -> bool {
        match (attribute.returned, self.mode) {
            // "always: The attribute is always returned, regardless of the contents of the 'attributes' parameter."
            (Returned::Always, _) => true,
            (Returned::Never, _) | (Returned::Request, Mode::Without) => false,
            (Returned::Default | Returned::Request, Mode::Only) => !matches!(named, Named::Nothing),
            (Returned::Default, Mode::Without) => !matches!(named, Named::Whole),
        }
    }

    /// The sub-attributes of a value in the reply; `None` if there are none.
    fn sub_attributes(
        &self,
        mut members: Map<String, Value>,
        parent: &Attribute,
        named: &Named<'_>,
    ) -> Option<Map<String, Value>> {
        members.retain(|key, _| {
            let listed =
                matches!(named, Named::SubAttributes(subs) if subs.iter().any(|it| it.eq_ignore_ascii_case(key)));
            let returned = parent.sub_attribute(key).map_or(Returned::Default, |sub| sub.returned);
            match (returned, self.mode) {
                (Returned::Always, _) => true,
                (Returned::Never, _) | (Returned::Request, Mode::Without) => false,
                (Returned::Request, Mode::Only) => listed,
                (Returned::Default, Mode::Without) => !listed,
                // A complex attribute named as a whole has its default sub-attributes.
                (Returned::Default, Mode::Only) => listed || !matches!(named, Named::SubAttributes(_)),
            }
        });
        (!members.is_empty()).then_some(members)
    }

    fn named(&self, extension: Option<&Arc<Schema>>, attribute: &Arc<Attribute>) -> Named<'_> {
        let mut subs = Vec::new();
        for target in &self.targets {
            match target {
                Target::Schema(schema) if schema.as_ref() == extension => return Named::Whole,
                Target::Attribute(found) if found.extension.as_ref() == extension && found.attribute == *attribute => {
                    match &found.sub {
                        None => return Named::Whole,
                        Some(sub) => subs.push(sub.name.as_str()),
                    }
                }
                _ => {}
            }
        }
        if subs.is_empty() { Named::Nothing } else { Named::SubAttributes(subs) }
    }
}

fn names(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

fn target(name: &str, resource_type: &ResourceType) -> Option<Target> {
    match resource_type.split_urn(name) {
        Some(qualified) if qualified.rest.is_empty() => Some(Target::Schema(qualified.extension.cloned())),
        _ => resource_type.resolve(name).map(Target::Attribute),
    }
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
