//! A resource type as a tenant or a pack defines it: with its own schema, without the extensions that others add.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ResourceType, Schema};
use crate::error::ScimError;

/// The definition of a resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDefinition {
    /// The name, which is also its id.
    pub name: String,
    /// The path under the base, with its slash.
    pub endpoint: String,
    /// A sentence for people.
    pub description: String,
    /// The attribute of the schema that names a resource.
    pub name_attribute: String,
    /// The type's own schema.
    pub schema: Schema,
}

impl TypeDefinition {
    /// Reads a definition that follows the [rules](super::rules).
    ///
    /// # Errors
    /// 400 `invalidValue` for a schema that cannot be read, or one without what names a resource.
    pub fn from_json(value: &Value) -> Result<Self, ScimError> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let schema = Schema::from_json(value.get("schema").unwrap_or(&Value::Null))?;
        let name = text("name");
        let wanted = match text("nameAttribute") {
            empty if empty.is_empty() => "displayName".to_owned(),
            written => written,
        };
        let named_by = schema.attribute(&wanted).ok_or_else(|| {
            ScimError::invalid_value(format!(
                "{name}: nameAttribute is {wanted}, which {} does not define; name the attribute that people know a \
                 resource by.",
                schema.id
            ))
        })?;
        Ok(Self {
            endpoint: format!("/{}", text("endpoint").trim_start_matches('/')),
            description: text("description"),
            name_attribute: named_by.name.clone(),
            name,
            schema,
        })
    }

    /// The definition as it is shown and read back.
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

    /// The resource type that it defines.
    #[must_use]
    pub fn resource_type(&self) -> ResourceType {
        ResourceType {
            name: self.name.clone(),
            endpoint: self.endpoint.clone(),
            description: self.description.clone(),
            schema: Arc::new(self.schema.clone()),
            extensions: Vec::new(),
            named_by: self.name_attribute.clone(),
            detached: None,
        }
    }
}
