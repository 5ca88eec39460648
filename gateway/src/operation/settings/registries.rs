//! A tenant's schemas of the source document and of the mapped document, built from its definitions.

use scimgate_scim::schema::Schema;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::registry::Registry;
use serde_json::Value;

use crate::operation::error::Error;
use crate::store::schema::Definitions;

/// The registries of the two documents: what the SCIM client may send, and what a mapped document may hold.
#[derive(Clone, Debug)]
pub struct Registries {
    /// What the SCIM client may send and reads back.
    pub client: Registry,
    /// The same, and the directory-only extensions.
    pub directory: Registry,
}

impl Registries {
    /// Builds them from a tenant's definitions.
    ///
    /// # Errors
    /// A definition contradicts another or the core schemas.
    pub fn of(definitions: &Definitions) -> Result<Self, Error> {
        let mut client = Registry::standard();
        for row in &definitions.types {
            client = client.with_type(TypeDefinition::from_json(&read(&row.definition)?)?.resource_type())?;
        }
        let mut directory = client.clone();
        for row in &definitions.schemas {
            let schema = Schema::from_json(&read(&row.definition)?)?;
            directory = directory.with_extension(&row.resource_type, schema.clone(), false)?;
            if !row.directory_only {
                client = client.with_extension(&row.resource_type, schema, row.required)?;
            }
        }
        Ok(Self { client, directory })
    }
}

/// Reads a stored definition.
pub(crate) fn read(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a schema definition: {why}")))
}
