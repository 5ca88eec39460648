//! The definition of a resource type by a tenant or a pack: its own schema, without extensions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Derived, ResourceType, Schema};
use crate::error::ScimError;

/// The definition of a resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDefinition {
    /// The name, which is also its id.
    pub name: String,
    /// The path under the base URL, with its slash.
    pub endpoint: String,
    /// The description.
    pub description: String,
    /// The attribute of the schema that names a resource.
    pub name_attribute: String,
    /// The type's own schema.
    pub schema: Schema,
}

impl TypeDefinition {
    /// Reads a definition that follows the [rules](super::rules). An error is 400 `invalidValue`.
    pub fn from_json(value: &Value) -> Result<Self, ScimError> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let schema = Schema::from_json(value.get("schema").unwrap_or(&Value::Null))?;
        let name = text("name");
        let wanted = value.get("nameAttribute").and_then(Value::as_str).filter(|name| !name.is_empty());
        let wanted = wanted.unwrap_or("displayName");
        let name_attribute = schema.attribute(wanted).ok_or_else(|| {
            ScimError::invalid_value(format!(
                "{name}: nameAttribute is {wanted}, which {} does not define; name the attribute that people know a \
                 resource by.",
                schema.id
            ))
        })?;
        Ok(Self {
            endpoint: format!("/{}", text("endpoint").trim_start_matches('/')),
            description: text("description"),
            name_attribute: name_attribute.name.clone(),
            name,
            schema,
        })
    }

    /// The definition in the form that [`TypeDefinition::from_json`] reads.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.description,
            "nameAttribute": self.name_attribute,
            "schema": self.schema.to_json(),
        })
    }

    /// The defined resource type.
    #[must_use]
    pub fn resource_type(&self) -> ResourceType {
        ResourceType {
            name: self.name.clone(),
            endpoint: self.endpoint.clone(),
            description: self.description.clone(),
            schema: Arc::new(self.schema.clone()),
            extensions: Vec::new(),
            name_attribute: self.name_attribute.clone(),
            detached: None,
            derived: Derived::default(),
        }
    }
}
