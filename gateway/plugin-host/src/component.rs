//! From uploaded bytes to a plugin that is ready to run: wrapped, checked, compiled, asked what it is.

use std::{fmt, sync::Arc};

use serde_json::Value;
use sha2::{Digest, Sha256};
use wasmtime::{
    component::Component as Compiled,
    wasmparser::{ComponentTypeRef, Encoding, Parser, Payload, TypeBounds},
};
use wit_component::ComponentEncoder;

use crate::{
    Error, Host, Limits,
    bindings::{MappingPre, types},
    instance::{self, State},
    schema, shape,
};

/// All that a plugin may import, as components and as core modules name it.
const ALLOWED: [&str; 4] = ["scimgate:mapping/types@0.1.0", "scimgate:mapping/documents@0.1.0", "log", "$root"];

/// Longest name, version and resource type, in bytes.
const NAME_LENGTH: usize = 100;
/// Most resource types that a plugin names.
const RESOURCE_TYPES: usize = 32;

/// What a plugin says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// The resource types it knows how to map.
    pub resource_types: Vec<String>,
    /// JSON Schema of its configuration.
    pub config_schema: Value,
}

/// A plugin, compiled and checked. Cheap to clone.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

struct Inner {
    pre: MappingPre<State>,
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
    /// What the plugin says about itself.
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

    /// Bytes of compiled code, to weigh it in a cache.
    #[must_use]
    pub fn code_size(&self) -> usize {
        let image = self.compiled().image_range();
        image.end.addr() - image.start.addr()
    }

    /// Checks a configuration against the plugin's schema; every complaint is a sentence that names its place.
    pub fn check_config(&self, config: &Value) -> Result<(), Vec<String>> {
        let complaints: Vec<String> = self
            .0
            .schema
            .iter_errors(config)
            .map(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                place => format!("{place}: {error}"),
            })
            .collect();
        if complaints.is_empty() { Ok(()) } else { Err(complaints) }
    }

    pub(crate) fn pre(&self) -> &MappingPre<State> {
        &self.0.pre
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        self.0.pre.instance_pre().component()
    }

    pub(crate) fn digest_bytes(&self) -> &[u8; 32] {
        &self.0.digest
    }
}

impl Host {
    /// Prepares a plugin under the default limits. See [`prepare_with`](Self::prepare_with).
    pub fn prepare(&self, bytes: &[u8]) -> Result<Component, Error> {
        self.prepare_with(bytes, &Limits::default())
    }

    /// Prepares a plugin: a component, or a core module that carries its component type. Takes tenths of a second
    /// of all cores, so keep it off the request path; `limits` are those of asking the plugin what it is.
    pub fn prepare_with(&self, bytes: &[u8], limits: &Limits) -> Result<Component, Error> {
        if bytes.len() > self.max_upload() {
            return Err(Error::TooLarge { size: bytes.len(), limit: self.max_upload() });
        }
        let encoding = check_imports(bytes)?;
        shape::check(bytes)?;
        let wrapped;
        let component = if encoding == Encoding::Module {
            wrapped = wrap(bytes)?;
            check_imports(&wrapped)?;
            &wrapped
        } else {
            bytes
        };
        let compiled = Compiled::new(self.engine(), component).map_err(|error| Error::Compile(error.into()))?;
        let pre = self.link(&compiled)?;
        let _watch = self.watch();
        let manifest = instance::describe(self.engine(), &pre, limits, self.escalate()).map_err(Error::Describe)?;
        component_of(pre, manifest, Sha256::digest(bytes).into())
    }

    pub(crate) fn link(&self, compiled: &Compiled) -> Result<MappingPre<State>, Error> {
        let pre = self.linker().instantiate_pre(compiled).map_err(|error| Error::Compile(error.into()))?;
        MappingPre::new(pre).map_err(|error| not_a_plugin(&error))
    }
}

pub(crate) fn component_of(
    pre: MappingPre<State>,
    manifest: types::Manifest,
    digest: [u8; 32],
) -> Result<Component, Error> {
    let (manifest, schema) = checked(manifest)?;
    Ok(Component(Arc::new(Inner { pre, manifest, schema, digest })))
}

pub(crate) fn not_a_plugin(reason: &dyn fmt::Display) -> Error {
    Error::NotAPlugin { reason: reason.to_string() }
}

fn wrap(module: &[u8]) -> Result<Vec<u8>, Error> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| not_a_plugin(&error.root_cause()))
}

/// Checked before anything is compiled: the first import that is not on the list is named. What the modules inside of
/// a component import, the component itself must provide or import, so only the outermost imports count.
fn check_imports(bytes: &[u8]) -> Result<Encoding, Error> {
    let mut outermost = None;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| not_a_plugin(&error))? {
            Payload::Version { encoding, .. } => {
                outermost.get_or_insert(encoding);
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ImportSection(section) if depth == 1 => {
                for import in section.into_imports() {
                    let import = import.map_err(|error| not_a_plugin(&error))?;
                    allow(import.module, import.name)?;
                }
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(|error| not_a_plugin(&error))?;
                    // A name for a type that is known anyway brings nothing in.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        allow(import.name.name, "")?;
                    }
                }
            }
            _ => {}
        }
    }
    outermost.ok_or_else(|| not_a_plugin(&"it is empty"))
}

fn allow(module: &str, name: &str) -> Result<(), Error> {
    if ALLOWED.contains(&module) {
        return Ok(());
    }
    let import = if name.is_empty() { module.to_owned() } else { format!("{module} {name}") };
    Err(Error::ForbiddenImport { import })
}

fn checked(manifest: types::Manifest) -> Result<(Manifest, jsonschema::Validator), Error> {
    let unusable = |reason: String| Error::Manifest { reason };
    for (what, text) in [("name", &manifest.name), ("version", &manifest.version)] {
        if !is_name(text) {
            return Err(unusable(format!("its {what} must have 1 to {NAME_LENGTH} printable characters")));
        }
    }
    if manifest.resource_types.is_empty() {
        return Err(unusable("it names no resource type".to_owned()));
    }
    if manifest.resource_types.len() > RESOURCE_TYPES || !manifest.resource_types.iter().all(|name| is_name(name)) {
        let reason = format!("it may name {RESOURCE_TYPES} resource types of 1 to {NAME_LENGTH} printable characters");
        return Err(unusable(reason));
    }
    let (config_schema, validator) = schema::read(&manifest.config_schema).map_err(unusable)?;
    let types::Manifest { name, version, resource_types, .. } = manifest;
    Ok((Manifest { name, version, resource_types, config_schema }, validator))
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= NAME_LENGTH && !text.chars().any(char::is_control)
}
