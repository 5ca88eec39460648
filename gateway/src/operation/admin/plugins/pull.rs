//! Pulls a plugin from an OCI registry, and releases it.

use scimgate_scim::error::ScimError;
use semver::Version;

use super::push::{Pushed, Upload, push};
use crate::config::PluginRegistry;
use crate::oci::{self, Reference};
use crate::operation::error::Error;
use crate::operation::operator::Operator;

/// What to pull.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its reference: `ghcr.io/acme/house:1.0.0`, with a digest, or both.
    pub reference: String,
    /// The tenant that owns it; none: all tenants may use it.
    pub tenant: Option<String>,
    /// Whether it is a push between releases.
    pub dev: bool,
    /// A signature, in place of one in the registry.
    pub signature: Option<String>,
}

/// Pulls a plugin and releases it as an upload is. A tag that is a version must be the plugin's.
///
/// # Errors
/// As an upload; 400 for a reference that is none, or is of a registry that is not configured; 502 with the reason where it cannot be
/// pulled.
pub async fn pull(operator: &Operator, wanted: Wanted) -> Result<Pushed, Error> {
    let Wanted { reference: text, tenant, dev, signature } = wanted;
    let reference = Reference::parse(&text).map_err(|why| ScimError::new(400, format!("{text} {why}.")))?;
    let registry = registry(&operator.gateway.plugins.registries, &reference)?;
    let pulled = oci::pull(&reference, registry).await;
    let pulled = pulled.map_err(|why| ScimError::new(502, format!("{text} was not pulled: {why}.")))?;
    let tag = reference.tag.as_deref().map(|tag| tag.strip_prefix('v').unwrap_or(tag));
    let upload = Upload {
        wasm: pulled.wasm,
        tenant,
        dev,
        signature: signature.or(pulled.signature),
        source: Some(pulled.source),
        expected_version: tag.and_then(|tag| Version::parse(tag).ok()),
    };
    push(operator, upload).await
}

fn registry<'r>(registries: &'r [PluginRegistry], reference: &Reference) -> Result<&'r PluginRegistry, ScimError> {
    registries.iter().find(|registry| registry.host == reference.host).ok_or_else(|| {
        let known: Vec<&str> = registries.iter().map(|registry| registry.host.as_str()).collect();
        let detail = if known.is_empty() {
            "Plugins are pulled from no registry here: none is configured (--plugin-registry). Upload the file instead."
                .to_owned()
        } else {
            format!(
                "Plugins are not pulled from {} here, but from: {} (--plugin-registry).",
                reference.host,
                known.join(", ")
            )
        };
        ScimError::new(400, detail)
    })
}
