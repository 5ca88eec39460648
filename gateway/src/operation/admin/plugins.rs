//! Plugins: uploaded once, identified by the digest of their bytes, never changed and never removed.

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::mapping::MapError;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::plugin::PluginRow;

/// A plugin's manifest, as the plugin states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The resource types it is for; empty: every one.
    pub resource_types: Vec<String>,
    /// The JSON Schema of its configuration.
    pub config_schema: Value,
}

/// A stored plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    pub digest: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// When it was uploaded first.
    pub created_at: SystemTime,
}

impl Plugin {
    /// Its name for people: `name@version`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}@{}", self.manifest.name, self.manifest.version)
    }
}

/// An upload.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The plugin.
    pub plugin: Plugin,
    /// Whether it was added; otherwise it had been uploaded before.
    pub added: bool,
}

/// Checks a plugin's WebAssembly, reads its manifest and stores it. Uploading the same bytes again changes nothing.
///
/// # Errors
/// 400 with the reason why the bytes are not a plugin.
pub async fn upload(operator: &Operator, wasm: Vec<u8>) -> Result<Uploaded, Error> {
    let uploaded = store(operator, wasm).await?;
    log_change!(operator, plugin.id = %uploaded.plugin.digest, added = uploaded.added, "plugin uploaded");
    Ok(uploaded)
}

async fn store(operator: &Operator, wasm: Vec<u8>) -> Result<Uploaded, Error> {
    let gateway = &operator.gateway;
    if !wasm.starts_with(b"\0asm") {
        let detail = "A plugin is uploaded as the bytes of its WebAssembly file (.wasm); these are none.";
        return Err(ScimError::new(400, detail).into());
    }
    let component = gateway.mapper.prepare(wasm.clone()).await.map_err(refused)?;
    let digest = component.digest();
    if let Some(plugin) = list(operator).await?.into_iter().find(|known| known.digest == digest) {
        return Ok(Uploaded { plugin, added: false });
    }
    let stated = component.manifest();
    let manifest = Manifest {
        name: stated.name.clone(),
        version: stated.version.clone(),
        resource_types: stated.resource_types.clone(),
        config_schema: stated.config_schema.clone(),
    };
    let row = PluginRow {
        digest,
        name: stated.name.clone(),
        version: stated.version.clone(),
        manifest: serde_json::to_string(&manifest).map_err(|why| Error::Corrupt(format!("a manifest: {why}")))?,
        created_at: gateway.clock.now(),
    };
    let entry = operator.change("plugin.upload", &row.digest);
    let entry = entry.after(&json!({ "name": row.name, "version": row.version }));
    gateway.store.control().audited(entry).insert_plugin(&row, &wasm).await?;
    gateway.mapper.keep_compiled(&component).await;
    Ok(Uploaded { plugin: Plugin { digest: row.digest, manifest, created_at: row.created_at }, added: true })
}

/// Every plugin, by name and age.
pub async fn list(operator: &Operator) -> Result<Vec<Plugin>, Error> {
    operator.gateway.store.control().plugins().await?.into_iter().map(read).collect()
}

fn read(row: PluginRow) -> Result<Plugin, Error> {
    let manifest = serde_json::from_str(&row.manifest);
    let manifest = manifest.map_err(|why| Error::Corrupt(format!("the manifest of plugin {}: {why}", row.digest)))?;
    Ok(Plugin { digest: row.digest, manifest, created_at: row.created_at })
}

/// A plugin that cannot be prepared: on upload the client's mistake, where for a stored plugin it is an internal error.
fn refused(error: MapError) -> Error {
    match error {
        MapError::Unusable { why, .. } => {
            ScimError::new(400, format!("This is no plugin that can be run here: {}.", why.trim_end_matches('.')))
                .into()
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_is_stored_in_camel_case() {
        let manifest = Manifest {
            name: "trim".into(),
            version: "1.0.0".into(),
            resource_types: vec!["User".into()],
            config_schema: json!({}),
        };
        let stored = serde_json::to_string(&manifest).unwrap();
        assert_eq!(stored, r#"{"name":"trim","version":"1.0.0","resourceTypes":["User"],"configSchema":{}}"#);
        assert_eq!(serde_json::from_str::<Manifest>(&stored).unwrap(), manifest);
    }
}
