//! A tenant's schemas of the source document and of the mapped document, built from its definitions.

use moka::future::Cache;
use scimgate_scim::schema::Schema;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::registry::Registry;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

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

/// Registries of tenants with equal definitions, by their digest. Most tenants have the same, and one copy for all of them stays in
/// the processor's caches.
#[derive(Clone)]
pub(super) struct SharedRegistries(Cache<[u8; 32], Registries>);

/// Definitions whose registries are kept.
const MAX_SHARED_REGISTRIES: u64 = 1_000;

impl SharedRegistries {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_SHARED_REGISTRIES))
    }

    /// The registries of a tenant's definitions.
    ///
    /// # Errors
    /// As [`Registries::of`].
    pub(super) async fn of(&self, definitions: &Definitions) -> Result<Registries, Error> {
        let text = serde_json::to_vec(definitions).map_err(|why| Error::Corrupt(format!("definitions: {why}")))?;
        let digest = Sha256::digest(text).into();
        if let Some(known) = self.0.get(&digest).await {
            return Ok(known);
        }
        let new = Registries::of(definitions)?;
        self.0.insert(digest, new.clone()).await;
        Ok(new)
    }
}

/// Reads a stored definition.
pub(crate) fn read(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a schema definition: {why}")))
}
