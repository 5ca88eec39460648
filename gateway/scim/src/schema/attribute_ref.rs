//! A resolved attribute name, and the place of its value in a canonical document.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Schema;
use crate::attribute::Attribute;
use crate::value::is_unassigned;

/// An attribute, or a sub-attribute, of a resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRef {
    /// The extension that defines it; `None` for the base schema and the common attributes.
    pub extension: Option<Arc<Schema>>,
    /// The attribute.
    pub attribute: Arc<Attribute>,
    /// The sub-attribute, if one was named.
    pub sub: Option<Arc<Attribute>>,
}

impl AttributeRef {
    /// The definition of the named attribute: the sub-attribute if there is one.
    #[must_use]
    pub fn leaf(&self) -> &Arc<Attribute> {
        self.sub.as_ref().unwrap_or(&self.attribute)
    }

    /// Whether its values are compared in the same way as the other's.
    #[must_use]
    pub(crate) fn compares_like(&self, other: &Self) -> bool {
        let kind = |it: &Attribute| (it.kind, it.case_exact, it.multi_valued);
        kind(&self.attribute) == kind(&other.attribute) && kind(self.leaf()) == kind(other.leaf())
    }

    /// The full name in canonical spelling: `urn:…:User:manager.displayName`, `name.givenName`.
    #[must_use]
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// Whether it is the same attribute of the same type.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same = |one: Option<&Arc<Attribute>>, other: Option<&Arc<Attribute>>| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        // Types may share a schema, but no type has one twice.
        same(Some(&self.attribute), Some(&other.attribute)) && same(self.sub.as_ref(), other.sub.as_ref())
    }

    /// The full name without the sub-attribute.
    #[must_use]
    pub(crate) fn attribute_name(&self) -> String {
        match &self.extension {
            Some(schema) => format!("{}:{}", schema.id, self.attribute.name),
            None => self.attribute.name.clone(),
        }
    }

    /// The value of the attribute, not of the sub-attribute, in a canonical document.
    #[must_use]
    pub fn value<'d>(&self, document: &'d Map<String, Value>) -> Option<&'d Value> {
        match &self.extension {
            None => document.get(&self.attribute.name),
            Some(schema) => document.get(&schema.id)?.get(&self.attribute.name),
        }
    }

    /// As [`AttributeRef::value`], to be changed.
    pub(crate) fn value_mut<'d>(&self, document: &'d mut Map<String, Value>) -> Option<&'d mut Value> {
        match &self.extension {
            None => document.get_mut(&self.attribute.name),
            Some(schema) => document.get_mut(&schema.id)?.get_mut(&self.attribute.name),
        }
    }

    /// As [`AttributeRef::set`] for a value, with a name that is kept if it is the canonical one.
    pub(crate) fn insert(&self, document: &mut Map<String, Value>, name: String, value: Value) {
        if self.extension.is_none() && name == self.attribute.name && !is_unassigned(&value) {
            document.insert(name, value);
        } else {
            self.set(document, Some(value));
        }
    }

    /// Sets the value of the attribute; none, or an unassigned one, removes it. The object of an extension is created with
    /// its first attribute and removed with its last.
    pub(crate) fn set(&self, document: &mut Map<String, Value>, value: Option<Value>) {
        let value = value.filter(|value| !is_unassigned(value));
        let Some(schema) = &self.extension else { return set_member(document, &self.attribute.name, value) };
        if value.is_some() && !document.get(&schema.id).is_some_and(Value::is_object) {
            document.insert(schema.id.clone(), Value::Object(Map::new()));
        }
        let Some(Value::Object(members)) = document.get_mut(&schema.id) else { return };
        set_member(members, &self.attribute.name, value);
        if members.is_empty() {
            document.shift_remove(&schema.id);
        }
    }
}

impl fmt::Display for AttributeRef {
    /// The full name in canonical spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.extension {
            write!(f, "{}:", schema.id)?;
        }
        f.write_str(&self.attribute.name)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{}", sub.name))
    }
}

fn set_member(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.shift_remove(name)),
    }
}
