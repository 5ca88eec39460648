//! Uploaded plugins, found by their digest, and what was compiled of them. What they are called is in
//! [`plugin_release`](super::plugin_release).

use std::time::{Duration, SystemTime};

use crate::store::ControlStore;
use crate::store::error::Error;

/// A plugin about to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewPlugin<'a> {
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    pub digest: &'a str,
    /// The name in its manifest.
    pub name: &'a str,
    /// The version in its manifest.
    pub version: &'a str,
    /// The plugin's manifest, as JSON text.
    pub manifest: &'a str,
    /// The uploaded bytes.
    pub wasm: &'a [u8],
}

/// How long a compiled plugin of another version of the engine is kept.
const OTHER_ENGINE_TTL: Duration = Duration::from_hours(7 * 24);

impl ControlStore {
    /// Stores a plugin; storing the same bytes again changes nothing.
    pub async fn insert_plugin(&self, plugin: &NewPlugin<'_>, at: SystemTime) -> Result<(), Error> {
        let sql = "INSERT INTO plugin (digest, name, version, manifest, wasm, created_at, size) \
                   VALUES ($1, $2, $3, $4, $5, $6, octet_length($5::bytea)) ON CONFLICT (digest) DO NOTHING";
        let it = plugin;
        self.query("storing a plugin", sql, &[&it.digest, &it.name, &it.version, &it.manifest, &it.wasm, &at]).await?;
        Ok(())
    }

    /// Deletes those of the plugins that have no release, with what was compiled of them.
    pub async fn delete_unreleased(&self, digests: &[String]) -> Result<(), Error> {
        let sql = "DELETE FROM plugin p WHERE p.digest = ANY($1) \
                   AND NOT EXISTS (SELECT 1 FROM plugin_release r WHERE r.digest = p.digest)";
        match self.query("deleting plugins", sql, &[&digests]).await {
            // One was released at the same moment, and stays.
            Ok(_) | Err(Error::Reference { .. }) => Ok(()),
            Err(error) => Err(error),
        }
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
        match self.query(doing, sql, &[&digest, &engine, &artifact, &at, &(at - OTHER_ENGINE_TTL)]).await {
            // The plugin was removed meanwhile.
            Ok(_) | Err(Error::Reference { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A plugin's code.
    pub async fn plugin_wasm(&self, digest: &str) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.query("reading a plugin", "SELECT wasm FROM plugin WHERE digest = $1", &[&digest]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// The signatures of a plugin's releases.
    pub async fn plugin_signatures(&self, digest: &str) -> Result<Vec<String>, Error> {
        let sql = "SELECT DISTINCT signature FROM plugin_release WHERE digest = $1 AND signature IS NOT NULL";
        let rows = self.query("reading a plugin's signatures", sql, &[&digest]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
