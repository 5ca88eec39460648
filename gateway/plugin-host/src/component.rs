//! A plugin that is compiled, checked and ready to run.

use std::{fmt, sync::Arc};

use serde_json::Value;
use wasmtime::component::Component as Compiled;

use crate::{
    bindings::{MappingPre, types},
    error::Error,
    schema,
    state::State,
};

/// Longest name, version and resource type.
const MAX_NAME_BYTES: usize = 100;
/// Most resource types in a manifest.
const MAX_RESOURCE_TYPES: usize = 32;

/// The plugin's description of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// The resource types that the plugin can map.
    pub resource_types: Vec<String>,
    /// JSON Schema of its configuration.
    pub config_schema: Value,
}

/// A plugin, compiled and checked. Cheap to clone.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

/// Compiled code, linked to what it imports of the host.
pub(crate) struct Linked {
    pub(crate) pre: MappingPre<State>,
    /// Whether it imports any of the empty WASI.
    pub(crate) has_wasi: bool,
}

struct Inner {
    linked: Linked,
    manifest: Manifest,
    schema: jsonschema::Validator,
    digest: [u8; 32],
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").field("name", &self.0.manifest.name).field("digest", &self.digest()).finish()
    }
}

impl Component {
    /// A linked plugin with its manifest, which is checked here.
    pub(crate) fn new(linked: Linked, manifest: types::Manifest, digest: [u8; 32]) -> Result<Self, Error> {
        let (manifest, schema) = check_manifest(manifest)?;
        Ok(Self(Arc::new(Inner { linked, manifest, schema, digest })))
    }

    /// The plugin's description of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// SHA-256 of the uploaded bytes in hex: the plugin's identity.
    #[must_use]
    pub fn digest(&self) -> String {
        use fmt::Write;
        self.0.digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Bytes of compiled code, as a cache's weight for it.
    #[must_use]
    pub fn code_size(&self) -> usize {
        let image = self.compiled().image_range();
        image.end.addr() - image.start.addr()
    }

    /// Checks a configuration against the plugin's schema. Each problem is a sentence with its location.
    pub fn check_config(&self, config: &Value) -> Result<(), Vec<String>> {
        let problems: Vec<String> = self
            .0
            .schema
            .iter_errors(config)
            .map(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                location => format!("{location}: {error}"),
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub(crate) fn linked(&self) -> &Linked {
        &self.0.linked
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        self.0.linked.pre.instance_pre().component()
    }

    pub(crate) fn digest_bytes(&self) -> &[u8; 32] {
        &self.0.digest
    }
}

fn check_manifest(manifest: types::Manifest) -> Result<(Manifest, jsonschema::Validator), Error> {
    let unusable = |reason: String| Error::Manifest { reason };
    for (what, text) in [("name", &manifest.name), ("version", &manifest.version)] {
        if !is_name(text) {
            return Err(unusable(format!("its {what} must have 1 to {MAX_NAME_BYTES} printable characters")));
        }
    }
    if manifest.resource_types.is_empty() {
        return Err(unusable("it names no resource type".to_owned()));
    }
    if manifest.resource_types.len() > MAX_RESOURCE_TYPES || !manifest.resource_types.iter().all(|name| is_name(name)) {
        let reason =
            format!("it may name {MAX_RESOURCE_TYPES} resource types of 1 to {MAX_NAME_BYTES} printable characters");
        return Err(unusable(reason));
    }
    let (config_schema, validator) = schema::read(&manifest.config_schema).map_err(unusable)?;
    let types::Manifest { name, version, resource_types, .. } = manifest;
    Ok((Manifest { name, version, resource_types, config_schema }, validator))
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control)
}
