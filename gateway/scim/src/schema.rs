//! Schemas and resource types, and the resolution of attribute names in them.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use crate::attribute::Attribute;
use crate::error::ScimError;

pub use attribute_ref::AttributeRef;
pub(crate) use named_attribute::Derived;
pub use named_attribute::NamedAttribute;

mod attribute_ref;
pub mod compatibility;
pub mod definition;
mod kept;
mod named_attribute;
pub mod packs;
pub mod registry;
pub mod rules;
pub mod validate;

/// The URN of a schema definition itself (RFC 7643 §7).
pub const SCHEMA_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// A named set of attributes (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The description.
    pub description: String,
    /// The attributes, in the order of their definition.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// Reads a schema document. An error is 400 `invalidValue`.
    pub fn from_json(value: &Value) -> Result<Self, ScimError> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = text("id");
        if id.is_empty() {
            return Err(ScimError::invalid_value("A schema must have an id, which is its URN."));
        }
        let listed = value
            .get("attributes")
            .and_then(Value::as_array)
            .ok_or_else(|| ScimError::invalid_value(format!("{id}: attributes must be an array.")))?;
        let attributes =
            listed.iter().map(|item| Attribute::from_json(item).map(Arc::new)).collect::<Result<_, _>>()?;
        let schema = Self { name: text("name"), description: text("description"), attributes, id };
        schema.check_names()?;
        Ok(schema)
    }

    /// The schema document without `meta`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "schemas": [SCHEMA_SCHEMA],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes.iter().map(|attribute| attribute.to_json()).collect::<Value>(),
        })
    }

    /// The attribute called `name`, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|attribute| attribute.is_named(name))
    }

    /// Refuses two attributes with the same name.
    fn check_names(&self) -> Result<(), ScimError> {
        for (position, attribute) in self.attributes.iter().enumerate() {
            if self.attributes[..position].iter().any(|other| other.is_named(&attribute.name)) {
                let detail = format!("{}: the attribute {} is defined twice.", self.id, attribute.name);
                return Err(ScimError::invalid_value(detail));
            }
        }
        Ok(())
    }
}

/// A schema extension of a resource type (RFC 7643 §6 `schemaExtensions`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The extension's schema.
    pub schema: Arc<Schema>,
    /// Whether every resource must have it.
    pub required: bool,
}

/// A resource type (RFC 7643 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// The name, which is also its id.
    pub name: String,
    /// The path under the base URL, with its slash: `/Users`.
    pub endpoint: String,
    /// The description.
    pub description: String,
    /// The base schema.
    pub schema: Arc<Schema>,
    /// The extensions.
    pub extensions: Vec<Extension>,
    /// The attribute of the base schema that names a resource: `userName`, `displayName`.
    pub name_attribute: String,
    /// The attribute whose values are stored outside the document, such as `members` of a group.
    pub detached: Option<&'static str>,
    /// What follows from the rest.
    pub(crate) derived: Derived,
}

/// A URN-qualified name, split after the URN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qualified<'t, 'n> {
    /// The extension with the URN; `None` for the base schema.
    pub extension: Option<&'t Arc<Schema>>,
    /// The part after the URN and its colon; empty if the name is the URN alone.
    pub rest: &'n str,
    /// Whether the last colon of the URN was missing.
    pub malformed: bool,
}

impl ResourceType {
    /// Resolves a plain, dotted or URN-qualified name, in any case. A name without a URN is searched in the base schema,
    /// then in the common attributes, then in the extensions in their order, because Entra ID sends the path `manager`.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<AttributeRef> {
        let Some(qualified) = self.split_urn(name) else {
            let found = self.resolve_in(None, name);
            return found.or_else(|| self.extensions.iter().find_map(|e| self.resolve_in(Some(&e.schema), name)));
        };
        self.resolve_in(qualified.extension, qualified.rest)
    }

    /// Resolves a name with a filter in it to the attribute that it means, whichever of its values:
    /// `emails[type eq "work"].display` is `emails.display`.
    #[must_use]
    pub fn resolve_any(&self, path: &str) -> Option<AttributeRef> {
        let Some((head, rest)) = path.split_once('[') else { return self.resolve(path.trim()) };
        let part = rest.rsplit_once(']').map_or("", |(_, part)| part);
        self.resolve(&format!("{}{}", head.trim(), part.trim_end()))
    }

    /// Resolves `name` in one extension or, for `None`, in the base schema and the common attributes.
    #[must_use]
    pub fn resolve_in(&self, extension: Option<&Arc<Schema>>, name: &str) -> Option<AttributeRef> {
        let (attribute, sub) = match name.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (name, None),
        };
        let attribute = match extension {
            Some(schema) => schema.attribute(attribute)?,
            None => self.schema.attribute(attribute).or_else(|| common_attribute(attribute))?,
        };
        let sub = match sub {
            Some(sub) => Some(Arc::clone(attribute.sub_attribute(sub)?)),
            None => None,
        };
        Some(AttributeRef { extension: extension.cloned(), attribute: Arc::clone(attribute), sub })
    }

    /// Splits `name` after one of this type's URNs. URNs contain dots and colons (`…:2.0:User:manager.displayName`), so only
    /// known ones are recognised, the longest first.
    #[must_use]
    pub fn split_urn<'n>(&self, name: &'n str) -> Option<Qualified<'_, 'n>> {
        // Nearly all names are plain, and every URN has a colon.
        if !name.contains(':') {
            return None;
        }
        let base = (None, self.schema.id.as_str());
        let extensions = self.extensions.iter().map(|e| (Some(&e.schema), e.schema.id.as_str()));
        let mut best: Option<(usize, Qualified<'_, 'n>)> = None;
        for (extension, urn) in std::iter::once(base).chain(extensions) {
            let found = strip_urn(name, urn).map(|rest| (rest, false));
            let Some((rest, malformed)) = found.or_else(|| strip_malformed_urn(name, urn).map(|rest| (rest, true)))
            else {
                continue;
            };
            if best.is_none_or(|(length, _)| urn.len() > length) {
                best = Some((urn.len(), Qualified { extension, rest, malformed }));
            }
        }
        best.map(|(_, qualified)| qualified)
    }

    /// The extension with this URN, in any case.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }

    /// Whether the values of the attribute are stored outside the document.
    #[must_use]
    pub fn is_detached(&self, attribute: &AttributeRef) -> bool {
        attribute.extension.is_none() && self.detached == Some(attribute.attribute.name.as_str())
    }
}

/// The attributes of every resource (RFC 7643 §3): `schemas` and the common attributes of §3.1.
#[must_use]
pub fn common_attributes() -> &'static [Arc<Attribute>] {
    static COMMON: LazyLock<Schema> = LazyLock::new(|| packs::schema(packs::COMMON));
    &COMMON.attributes
}

fn common_attribute(name: &str) -> Option<&'static Arc<Attribute>> {
    common_attributes().iter().find(|attribute| attribute.is_named(name))
}

fn strip_urn<'n>(name: &'n str, urn: &str) -> Option<&'n str> {
    let rest = strip_prefix_ignoring_case(name, urn)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') }
}

/// Some Entra ID templates omit the last colon of the URN: `…:enterprise:2.0User:department`.
fn strip_malformed_urn<'n>(name: &'n str, urn: &str) -> Option<&'n str> {
    let (head, tail) = urn.rsplit_once(':')?;
    strip_urn(strip_prefix_ignoring_case(name, head)?, tail)
}

fn strip_prefix_ignoring_case<'n>(text: &'n str, prefix: &str) -> Option<&'n str> {
    let head = text.get(..prefix.len())?;
    if head.eq_ignore_ascii_case(prefix) { text.get(prefix.len()..) } else { None }
}

#[cfg(test)]
mod tests;
