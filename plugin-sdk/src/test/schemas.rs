//! The schemas of a tenant, for tests.

use std::sync::Arc;

use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::{ResourceType, Schema, packs};
use serde_json::{Map, Value};

/// The schemas by which a document is read and its paths are resolved.
///
/// ```
/// use scimgate_plugin_sdk::{serde_json::json, test::{Resource, Schemas}};
///
/// let schemas = Schemas::standard()
///     .with_pack("ws1b")?
///     .with_extension("User", &json!({ "id": "urn:example:product:2.0:User", "name": "Product",
///         "attributes": [{ "name": "badgeNumber", "type": "string" }] }))?;
/// let user = Resource::of(&schemas, "User", json!({ "urn:example:product:2.0:User": { "badgeNumber": "7" } }))?;
/// assert!(user.document().set("urn:example:product:2.0:User:badge", "8").unwrap_err().to_string().contains("badge"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schemas(Registry);

impl Default for Schemas {
    fn default() -> Self {
        Self::standard()
    }
}

impl Schemas {
    /// User with the enterprise extension, and Group, as every tenant has them.
    #[must_use]
    pub fn standard() -> Self {
        Self(Registry::standard())
    }

    /// The same with a pack of the gateway's, by its name.
    ///
    /// # Errors
    /// There is no such pack, as a sentence with those that there are.
    pub fn with_pack(self, name: &str) -> Result<Self, String> {
        let pack = packs::pack(name).filter(|pack| !pack.built_in).ok_or_else(|| {
            let names: Vec<&str> = packs::names().collect();
            format!("there is no pack {name}; there are: {}", names.join(", "))
        })?;
        let mut registry = self.0;
        for definition in &pack.resource_types {
            registry = registry.with_type(definition.resource_type()).map_err(|error| error.detail)?;
        }
        for (resource_type, schema) in &pack.extensions {
            registry = registry.with_extension(resource_type, schema.clone(), false).map_err(|error| error.detail)?;
        }
        Ok(Self(registry))
    }

    /// The same with an extension of a resource type, as a schema of RFC 7643, section 7.
    ///
    /// # Errors
    /// The schema is none that the gateway accepts.
    pub fn with_extension(self, resource_type: &str, schema: &Value) -> Result<Self, String> {
        let schema = Schema::from_json(schema).map_err(|error| error.detail)?;
        let registry = self.0.with_extension(resource_type, schema, false).map_err(|error| error.detail)?;
        Ok(Self(registry))
    }

    /// The schemas of a fixture file's `schemas`: names of packs, and lists of extensions by resource type.
    pub(super) fn read(packs: &[String], extensions: &Map<String, Value>) -> Result<Self, String> {
        let mut schemas = Self::standard();
        for pack in packs {
            schemas = schemas.with_pack(pack)?;
        }
        for (resource_type, listed) in extensions {
            for schema in listed.as_array().into_iter().flatten() {
                schemas = schemas.with_extension(resource_type, schema)?;
            }
        }
        Ok(schemas)
    }

    /// A type by its name. For the gateway's own commands.
    #[doc(hidden)]
    pub fn resource_type(&self, name: &str) -> Result<Arc<ResourceType>, String> {
        self.0.resource_type(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = self.0.resource_types().iter().map(|known| known.name.as_str()).collect();
            format!("there is no resource type {name}; there are: {}", names.join(", "))
        })
    }
}
