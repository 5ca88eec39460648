//! From uploaded bytes to a component: imports checked, wrapped, compiled, asked for its manifest.

use std::{
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use semver::Version;
use sha2::{Digest, Sha256};
use wasmtime::{
    component::Component as Compiled,
    wasmparser::{ComponentTypeRef, Encoding, Parser, Payload, TypeBounds},
};
use wit_component::ComponentEncoder;

use crate::{
    complexity,
    component::Component,
    engine::Host,
    error::Error,
    instance,
    interface::{self, Import},
    limits::Limits,
    wasi,
};

/// All that a plugin may import besides the interfaces and the empty WASI, as components and core modules spell it.
const ALLOWED_IMPORTS: [&str; 2] = ["log", "$root"];

/// CPU time for the call that asks for the manifest: code that runs for the first time is slow.
const DESCRIBE_CPU: Duration = Duration::from_millis(100);

impl Host {
    /// Prepares a plugin under this host's limits. See [`prepare_with`](Self::prepare_with).
    pub fn prepare(&self, bytes: &[u8]) -> Result<Component, Error> {
        self.prepare_with(bytes, &self.describe_limits())
    }

    /// The limits of a call that asks for the manifest.
    pub(crate) fn describe_limits(&self) -> Limits {
        Limits { cpu: DESCRIBE_CPU, ..self.limits() }
    }

    /// Prepares a plugin: a component, or a core module that carries its component type. Takes tenths of a second
    /// on all cores, so keep it off the request path. The limits apply to the call that asks for the manifest.
    pub fn prepare_with(&self, bytes: &[u8], limits: &Limits) -> Result<Component, Error> {
        if bytes.len() > self.max_upload() {
            return Err(Error::TooLarge { size: bytes.len(), limit: self.max_upload() });
        }
        let outermost = check_imports(bytes)?;
        complexity::check(bytes)?;
        let wrapped;
        let component = if outermost.encoding == Encoding::Module {
            wrapped = wrap(bytes)?;
            check_imports(&wrapped)?;
            &wrapped
        } else {
            bytes
        };
        let compiled = self.compile(component)?;
        let linked = self.link(&compiled).map_err(|error| match outermost.newer {
            // It uses a function that only its version has.
            Some(version) => Error::Interface { version: version.to_string() },
            None => error,
        })?;
        let manifest = instance::describe(self, &linked, limits).map_err(Error::Describe)?;
        Component::new(linked, manifest, Sha256::digest(bytes).into())
    }
}

impl Host {
    /// Some components of several with memories of their own make the engine panic.
    fn compile(&self, component: &[u8]) -> Result<Compiled, Error> {
        let compiled = panic::catch_unwind(AssertUnwindSafe(|| Compiled::new(self.engine(), component)));
        compiled.map_err(|_| Error::Compile(UNSUPPORTED.into()))?.map_err(|error| Error::Compile(error.into()))
    }
}

const UNSUPPORTED: &str = "it consists of components in a way that is not supported";

/// A core module that carries its component type, as the component that the engine runs.
pub fn wrap(module: &[u8]) -> Result<Vec<u8>, Error> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| Error::not_a_plugin(&error.root_cause()))
}

/// What the checks of the imports find.
struct Outermost {
    encoding: Encoding,
    /// The version of the interface, if it is newer than the host's.
    newer: Option<Version>,
}

/// Names the first import that is not allowed, before anything is compiled. Only the outermost imports count: what
/// the modules inside a component import must be provided or imported by the component itself.
fn check_imports(bytes: &[u8]) -> Result<Outermost, Error> {
    let mut outermost = None;
    let mut newer = None;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| Error::not_a_plugin(&error))? {
            Payload::Version { encoding, .. } => {
                outermost.get_or_insert(encoding);
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ImportSection(section) if depth == 1 => {
                for import in section.into_imports() {
                    let import = import.map_err(|error| Error::not_a_plugin(&error))?;
                    newer = check_import(import.module, import.name)?.or(newer);
                }
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(|error| Error::not_a_plugin(&error))?;
                    // An alias of a known type imports nothing.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        newer = check_import(import.name.name, "")?.or(newer);
                    }
                }
            }
            _ => {}
        }
    }
    let encoding = outermost.ok_or_else(|| Error::not_a_plugin(&"it is empty"))?;
    Ok(Outermost { encoding, newer })
}

/// The version of the interface, if the import is of a newer one than the host's.
fn check_import(module: &str, name: &str) -> Result<Option<Version>, Error> {
    match interface::classify(module) {
        Import::Known { newer } => Ok(newer),
        Import::OtherVersion(version) => Err(Error::Interface { version: version.to_string() }),
        Import::Foreign if ALLOWED_IMPORTS.contains(&module) || wasi::interface(module).is_some() => Ok(None),
        Import::Foreign => {
            let import = if name.is_empty() { module.to_owned() } else { format!("{module} {name}") };
            Err(Error::ForbiddenImport { import })
        }
    }
}
