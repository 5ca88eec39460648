//! Which attributes of a resource a reply has (RFC 7644 §3.9): what the client asked for, within what the schema's
//! `returned` characteristics allow.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::attribute::{Attribute, Returned};
use crate::error::ScimError;
use crate::schema::{AttributeRef, ResourceType, Schema, common_attributes};

/// The attributes a client asked for, or asked to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    mode: Mode,
    targets: Vec<Target>,
    /// What the client has just written.
    specified: Specified,
    resource_type: ResourceType,
}

/// What a write's client specified of the resource that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Specified {
    /// Nothing: it is read, and not written.
    Nothing,
    /// All of it, by POST or PUT.
    Everything,
    /// These attributes, by PATCH.
    Attributes(Vec<AttributeRef>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// `attributes`: these alone.
    Only,
    /// `excludedAttributes`: all but these. Without any it is what a plain reply has.
    Without,
}

/// One name of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// Every attribute of the base schema (`None`) or of an extension.
    Schema(Option<Arc<Schema>>),
    /// An attribute or a sub-attribute.
    Attribute(AttributeRef),
}

/// How much of an attribute was named.
enum Named<'a> {
    Not,
    Whole,
    Parts(Vec<&'a str>),
}

impl Projection {
    /// Reads `attributes` and `excludedAttributes`, lists of names with commas between them. `None` means that the
    /// whole resource is the reply, because nothing was asked for and the type has nothing that must be asked for.
    /// Names that mean nothing are ignored.
    ///
    /// # Errors
    /// 400 `invalidValue` if both are given.
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
            (false, false) if has_unasked(resource_type) => (Mode::Without, None),
            (false, false) => return Ok(None),
        };
        let targets =
            names(list.unwrap_or_default()).into_iter().filter_map(|name| target(name, resource_type)).collect();
        Ok(Some(Self { mode, targets, specified: Specified::Nothing, resource_type: resource_type.clone() }))
    }

    /// The same for the answer to a write. RFC 7643 §7 `request`: "The attribute is returned in response to any PUT, POST, or
    /// PATCH operations if the attribute was specified by the client".
    #[must_use]
    pub fn after_write(self, specified: Specified) -> Self {
        Self { specified, ..self }
    }

    /// Whether the client asked for it, so that it wants to see what it asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.mode == Mode::Only || !self.targets.is_empty()
    }

    /// The part of a resource that the reply has. What no schema defines is kept unless certain attributes alone
    /// were asked for.
    #[must_use]
    pub fn apply(&self, document: Map<String, Value>) -> Map<String, Value> {
        let mut kept = Map::new();
        for (key, value) in document {
            let extension = self.resource_type.extensions.iter().find(|e| e.schema.id == key).map(|e| &e.schema);
            let value = match (extension, value) {
                (Some(schema), Value::Object(members)) => {
                    let members = self.within(Some(schema), members);
                    (!members.is_empty()).then_some(Value::Object(members))
                }
                (_, value) => self.one(None, &key, value),
            };
            if let Some(value) = value {
                kept.insert(key, value);
            }
        }
        kept
    }

    /// Whether the reply would have any of the attribute `name`, so that what is not needed is not even read.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let Some(found) = self.resource_type.resolve(name) else { return self.mode == Mode::Without };
        let named = self.named(found.extension.as_ref(), &found.attribute);
        self.keeps(&found.attribute, &named)
    }

    fn within(&self, extension: Option<&Arc<Schema>>, members: Map<String, Value>) -> Map<String, Value> {
        members
            .into_iter()
            .filter_map(|(key, value)| self.one(extension, &key, value).map(|value| (key, value)))
            .collect()
    }

    fn one(&self, extension: Option<&Arc<Schema>>, key: &str, value: Value) -> Option<Value> {
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
        match value {
            Value::Object(members) => self.parts(members, &found.attribute, &named).map(Value::Object),
            Value::Array(elements) => {
                let elements: Vec<Value> = elements
                    .into_iter()
                    .filter_map(|element| match element {
                        Value::Object(members) => self.parts(members, &found.attribute, &named).map(Value::Object),
                        other => Some(other),
                    })
                    .collect();
                (!elements.is_empty()).then_some(Value::Array(elements))
            }
            other => Some(other),
        }
    }

    /// Whether a plain reply has an attribute that must be asked for, because the client wrote it.
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

    /// RFC 7643 §7 `returned`, and what was asked for.
    fn keeps(&self, attribute: &Attribute, named: &Named<'_>) -> bool {
        match (attribute.returned, self.mode) {
            // "always: The attribute is always returned, regardless of the contents of the 'attributes' parameter."
            (Returned::Always, _) => true,
            (Returned::Never, _) | (Returned::Request, Mode::Without) => false,
            (Returned::Default | Returned::Request, Mode::Only) => !matches!(named, Named::Not),
            (Returned::Default, Mode::Without) => !matches!(named, Named::Whole),
        }
    }

    /// The sub-attributes of one value that the reply has; `None` if that is none of them.
    fn parts(&self, members: Map<String, Value>, parent: &Attribute, named: &Named<'_>) -> Option<Map<String, Value>> {
        let kept: Map<String, Value> = members
            .into_iter()
            .filter(|(key, _)| {
                let listed =
                    matches!(named, Named::Parts(parts) if parts.iter().any(|part| part.eq_ignore_ascii_case(key)));
                let returned = parent.sub_attribute(key).map_or(Returned::Default, |sub| sub.returned);
                match (returned, self.mode) {
                    (Returned::Always, _) => true,
                    (Returned::Never, _) | (Returned::Request, Mode::Without) => false,
                    (Returned::Request, Mode::Only) => listed,
                    (Returned::Default, Mode::Without) => !listed,
                    // A complex attribute that was named itself has its default sub-attributes.
                    (Returned::Default, Mode::Only) => listed || !matches!(named, Named::Parts(_)),
                }
            })
            .collect();
        (!kept.is_empty()).then_some(kept)
    }

    fn named(&self, extension: Option<&Arc<Schema>>, attribute: &Arc<Attribute>) -> Named<'_> {
        let mut parts = Vec::new();
        for target in &self.targets {
            match target {
                Target::Schema(schema) if schema.as_ref() == extension => return Named::Whole,
                Target::Attribute(found) if found.extension.as_ref() == extension && found.attribute == *attribute => {
                    match &found.sub {
                        None => return Named::Whole,
                        Some(sub) => parts.push(sub.name.as_str()),
                    }
                }
                _ => {}
            }
        }
        if parts.is_empty() { Named::Not } else { Named::Parts(parts) }
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

/// Whether a resource of this type can hold what a plain reply leaves out.
fn has_unasked(resource_type: &ResourceType) -> bool {
    let unasked = |attribute: &Attribute| matches!(attribute.returned, Returned::Request);
    let extensions = resource_type.extensions.iter().flat_map(|e| &e.schema.attributes);
    let mut all = resource_type.schema.attributes.iter().chain(common_attributes()).chain(extensions);
    all.any(|attribute| unasked(attribute) || attribute.sub_attributes.iter().any(|sub| unasked(sub)))
}

#[cfg(test)]
mod tests;
