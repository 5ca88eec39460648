//! Attributes with their full names, and the unique ones of a resource type: worked out once per type, since every write needs
//! them.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::kept::Kept;
use super::{AttributeRef, ResourceType};
use crate::attribute::{Attribute, Uniqueness};

/// An attribute with its full name, which [`AttributeRef::name`] would put together anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAttribute {
    name: Arc<str>,
    attribute: AttributeRef,
}

impl NamedAttribute {
    /// An attribute with its name.
    #[must_use]
    pub fn new(attribute: AttributeRef) -> Self {
        Self { name: attribute.name().into(), attribute }
    }

    /// The full name in canonical spelling.
    #[must_use]
    pub fn full_name(&self) -> &Arc<str> {
        &self.name
    }

    /// The values in a canonical document: of each element the sub-attribute, if the name has one.
    pub fn leaves<'a>(&'a self, document: &'a Map<String, Value>) -> impl Iterator<Item = &'a Value> {
        let value = self.attribute.value(document);
        let elements = value.map_or(&[][..], |value| match value {
            Value::Array(elements) => elements.as_slice(),
            single => std::slice::from_ref(single),
        });
        elements.iter().filter_map(|element| match &self.attribute.sub {
            Some(sub) => element.get(&sub.name),
            None => Some(element),
        })
    }
}

impl Deref for NamedAttribute {
    type Target = AttributeRef;

    fn deref(&self) -> &AttributeRef {
        &self.attribute
    }
}

fn unique(resource_type: &ResourceType) -> Vec<NamedAttribute> {
    let own = resource_type.schema.attributes.iter().map(|attribute| (None, attribute));
    let extended = resource_type.extensions.iter().flat_map(|extension| {
        extension.schema.attributes.iter().map(move |attribute| (Some(&extension.schema), attribute))
    });
    let unique = own.chain(extended).filter(|(_, attribute)| is_unique(attribute));
    let whole = |(extension, attribute): (Option<&Arc<_>>, &Arc<Attribute>)| {
        let (extension, attribute) = (extension.cloned(), Arc::clone(attribute));
        NamedAttribute::new(AttributeRef { extension, attribute, sub: None })
    };
    unique.map(whole).collect()
}

fn is_unique(attribute: &Attribute) -> bool {
    attribute.uniqueness != Uniqueness::None && !attribute.is_complex() && attribute.name != "id"
}

/// What is worked out of a type when it is used. It is not a part of the type's value: a copy, which may be changed, starts
/// without it.
#[derive(Debug, Default)]
pub(crate) struct Derived {
    unique: OnceLock<Vec<NamedAttribute>>,
    paths: Kept,
}

impl ResourceType {
    /// The attributes that must be unique among the type's resources; worked out at the first call.
    #[must_use]
    pub fn unique_attributes(&self) -> &[NamedAttribute] {
        self.derived.unique.get_or_init(|| unique(self))
    }

    /// Paths in the forms that plugins use, parsed by this type's schemas.
    pub(crate) fn kept_paths(&self) -> &Kept {
        &self.derived.paths
    }
}

impl Clone for Derived {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Derived {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;
    use crate::schema::registry::Registry;

    fn names(attributes: &[NamedAttribute]) -> Vec<&str> {
        attributes.iter().map(|attribute| attribute.full_name().as_ref()).collect()
    }

    #[test]
    fn an_extension_adds_its_unique_attributes() {
        let standard = Registry::standard();
        let user = standard.resource_type("User").unwrap();
        assert_eq!(names(user.unique_attributes()), ["userName"]);
        let badge = json!({
            "id": "urn:acme:badge", "attributes": [{ "name": "number", "uniqueness": "server" }, { "name": "colour" }],
        });
        let extended = standard.with_extension("User", Schema::from_json(&badge).unwrap(), false).unwrap();
        let unique = extended.resource_type("User").unwrap().unique_attributes();
        assert_eq!(names(unique), ["userName", "urn:acme:badge:number"]);
    }

    #[test]
    fn leaves_are_the_values_of_every_element() {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let named = |name: &str| NamedAttribute::new(user.resolve(name).unwrap());
        let document = json!({ "emails": [{ "value": "a" }, { "type": "work" }, { "value": "b" }] });
        let mails = named("emails.value");
        let found: Vec<&Value> = mails.leaves(document.as_object().unwrap()).collect();
        assert_eq!(found, [&json!("a"), &json!("b")]);
        assert_eq!(named("title").leaves(document.as_object().unwrap()).count(), 0);
    }
}
