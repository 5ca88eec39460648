//! Uploaded plugins: immutable, found by their digest.

use std::time::{Duration, SystemTime};

use crate::store::ControlStore;
use crate::store::error::Error;

/// A plugin without its code.
#[derive(Clone, Debug)]
pub struct PluginRow {
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The plugin's manifest, as JSON text.
    pub manifest: String,
    /// When it was uploaded first.
    pub created_at: SystemTime,
}

/// How long a compiled plugin of another version of the engine is kept.
const OTHER_ENGINE_TTL: Duration = Duration::from_hours(7 * 24);

impl ControlStore {
    /// Stores a plugin; uploading the same bytes again changes nothing.
    pub async fn insert_plugin(&self, plugin: &PluginRow, wasm: &[u8]) -> Result<(), Error> {
        let sql = "INSERT INTO plugin (digest, name, version, manifest, wasm, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (digest) DO NOTHING";
        let it = plugin;
        self.query("storing a plugin", sql, &[&it.digest, &it.name, &it.version, &it.manifest, &wasm, &it.created_at])
            .await?;
        Ok(())
    }

    /// Every plugin, by name and age.
    pub async fn plugins(&self) -> Result<Vec<PluginRow>, Error> {
        let sql = "SELECT digest, name, version, manifest, created_at FROM plugin ORDER BY name, created_at";
        let rows = self.query("listing plugins", sql, &[]).await?;
        let plugins = rows.iter().map(|row| PluginRow {
            digest: row.get(0),
            name: row.get(1),
            version: row.get(2),
            manifest: row.get(3),
            created_at: row.get(4),
        });
        Ok(plugins.collect())
    }

    /// A plugin as this version of the engine has compiled it.
    pub async fn plugin_artifact(&self, digest: &str, engine: &str) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT artifact FROM plugin_artifact WHERE digest = $1 AND engine = $2";
        let rows = self.query("reading a compiled plugin", sql, &[&digest, &engine]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Keeps a compiled plugin, in place of one that could not be loaded. Those of other versions of the engine go after a while, when no older process can need them.
    pub async fn keep_plugin_artifact(
        &self,
        digest: &str,
        (engine, artifact): (&str, &[u8]),
        at: SystemTime,
    ) -> Result<(), Error> {
        let sql = "WITH old AS (DELETE FROM plugin_artifact WHERE digest = $1 AND engine <> $2 AND created_at < $5) \
                   INSERT INTO plugin_artifact (digest, engine, artifact, created_at) \
                   SELECT digest, $2, $3, $4 FROM plugin WHERE digest = $1 \
                   ON CONFLICT (digest, engine) DO UPDATE SET artifact = excluded.artifact, created_at = excluded.created_at";
        let doing = "keeping a compiled plugin";
        self.query(doing, sql, &[&digest, &engine, &artifact, &at, &(at - OTHER_ENGINE_TTL)]).await?;
        Ok(())
    }

    /// A plugin's code.
    pub async fn plugin_wasm(&self, digest: &str) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.query("reading a plugin", "SELECT wasm FROM plugin WHERE digest = $1", &[&digest]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }
}
