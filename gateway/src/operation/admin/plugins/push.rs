//! Uploads a plugin and releases it.

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use semver::Version;
use serde_json::json;

use super::check::{check_title, check_types, dev_version};
use super::{Manifest, Named, Plugin, change, find, releases};
use crate::mapping::MapError;
use crate::operation::admin::mappings::current_settings;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::signature::key_id;
use crate::store;
use crate::store::plugin::NewPlugin;
use crate::store::plugin_release::{NewRelease, Releases};

/// Unused pushes of a plugin between releases that are kept; those before them are removed.
pub const MAX_DEV_RELEASES: i64 = 20;
/// Attempts at a release whose plugin or version others remove at the same moment.
const MAX_ATTEMPTS: usize = 5;

/// An upload.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// The plugin's bytes.
    pub wasm: Vec<u8>,
    /// The tenant that owns it; none: all tenants may use it.
    pub tenant: Option<String>,
    /// Whether it is a push between releases.
    pub dev: bool,
    /// A signature of the bytes, as minisign writes it.
    pub signature: Option<String>,
    /// Where it was pulled from.
    pub source: Option<String>,
    /// The version that it must have.
    pub expected_version: Option<Version>,
}

/// What came of an upload.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The release.
    pub plugin: Plugin,
    /// Whether it was added; otherwise it was there before.
    pub added: bool,
    /// What its uploader may want to know.
    pub warnings: Vec<String>,
}

/// Checks a plugin's WebAssembly and its signature, reads its manifest, and releases it under the name and version there. The same bytes
/// again change nothing, but a signature that comes with them is kept.
///
/// # Errors
/// 400 with the reason why the bytes are not a plugin that may be released, 404 for an unknown tenant, 409 where the version is other bytes.
pub async fn push(operator: &Operator, upload: Upload) -> Result<Pushed, Error> {
    let gateway = &operator.gateway;
    let Upload { wasm, tenant, dev, signature, source, expected_version } = upload;
    if !wasm.starts_with(b"\0asm") {
        let detail = "A plugin is uploaded as the bytes of its WebAssembly file (.wasm); these are not such a file's.";
        return Err(ScimError::new(400, detail).into());
    }
    let (releases, warnings_of) = (releases(operator, tenant.as_deref()).await?, tenant.clone());
    let wasm = verified(operator, wasm, signature.clone()).await?;
    let component = gateway.mapper.prepare(wasm.clone()).await.map_err(refused)?;
    let stated = component.manifest();
    let manifest = Manifest {
        name: stated.name.clone(),
        version: stated.version.clone(),
        resource_types: stated.resource_types.clone(),
        config_schema: stated.config_schema.clone(),
    };
    check_title(&manifest)?;
    check_expected(&manifest, expected_version.as_ref())?;
    let warnings = warnings(operator, &manifest, warnings_of.as_deref()).await?;
    let digest = component.digest();
    let version = if dev { dev_version(&manifest.version, &digest) } else { manifest.version.clone() };
    let text = serde_json::to_string(&manifest).map_err(|why| Error::Corrupt(format!("a manifest: {why}")))?;
    let plugin =
        NewPlugin { digest: &digest, name: &manifest.name, version: &manifest.version, manifest: &text, wasm: &wasm };
    let new = NewRelease {
        name: &manifest.name,
        version: &version,
        digest: &digest,
        dev,
        author: &operator.actor,
        source: source.as_deref(),
        signature: signature.as_deref(),
    };
    let named = Named { tenant: tenant.as_deref(), name: &manifest.name, version: &version };
    let added = release(operator, (&releases, named), (&plugin, &new)).await?;
    if added {
        gateway.mapper.keep_compiled(&component).await;
        log_change!(
            operator, plugin.name = %manifest.name, plugin.version = %version, plugin.digest = %digest,
            tenant.name = tenant.as_deref(), "plugin released"
        );
    }
    if dev {
        let old = releases.remove_old_dev(&manifest.name, MAX_DEV_RELEASES).await?;
        gateway.store.control().delete_unreleased(&old).await?;
    }
    Ok(Pushed { plugin: find(&releases, named).await?, added, warnings })
}

/// The bytes, once their signature is checked: before anything of them is compiled.
async fn verified(operator: &Operator, wasm: Vec<u8>, signature: Option<String>) -> Result<Vec<u8>, Error> {
    let keys = Arc::clone(&operator.gateway.plugins);
    let checking = tokio::task::spawn_blocking(move || {
        let checked = crate::operation::signature::check(&keys, &wasm, signature.as_deref());
        (wasm, checked)
    });
    let (wasm, checked) = checking.await.map_err(Error::Task)?;
    checked.map_err(|why| ScimError::new(400, why.to_string()))?;
    Ok(wasm)
}

fn check_expected(manifest: &Manifest, expected: Option<&Version>) -> Result<(), ScimError> {
    match expected {
        Some(expected) if expected.to_string() != manifest.version => {
            let detail = format!(
                "The plugin's manifest says {}@{}, and its reference says version {expected}.",
                manifest.name, manifest.version
            );
            Err(ScimError::new(400, detail))
        }
        _ => Ok(()),
    }
}

async fn warnings(operator: &Operator, manifest: &Manifest, tenant: Option<&str>) -> Result<Vec<String>, Error> {
    let Some(name) = tenant else { return Ok(check_types(manifest, None)?) };
    let settings = current_settings(operator, &operator.tenant(name).await?).await?;
    Ok(check_types(manifest, Some(&settings.directory))?)
}

/// Stores the plugin and then its release: the primary key decides which of two uploads of a version is the first, the foreign key that
/// what is released is there. Gives whether the release is new.
async fn release(
    operator: &Operator,
    (releases, named): (&Releases, Named<'_>),
    (plugin, new): (&NewPlugin<'_>, &NewRelease<'_>),
) -> Result<bool, Error> {
    let control = operator.gateway.store.control();
    for _ in 0..MAX_ATTEMPTS {
        if let Some(known) = releases.get(new.name, new.version).await? {
            control.delete_unreleased(&[new.digest.to_owned()]).await?;
            if known.digest != new.digest {
                return Err(taken(new, &known.digest).into());
            }
            if let Some(signature) = new.signature.filter(|text| known.signature.as_deref() != Some(*text)) {
                let entry = change(operator, "plugin.sign", named).await?;
                let entry = entry.after(&json!({ "digest": new.digest, "signedBy": key_id(signature) }));
                releases.audited(entry).sign(new.name, new.version, signature).await?;
                log_change!(
                    operator,
                    plugin.name = new.name,
                    plugin.version = new.version,
                    plugin.digest = new.digest,
                    "plugin signed"
                );
            }
            return Ok(false);
        }
        let now = operator.gateway.clock.now();
        control.insert_plugin(plugin, now).await?;
        let entry = change(operator, "plugin.push", named).await?;
        let entry = entry.after(&json!({ "digest": new.digest, "dev": new.dev, "source": new.source }));
        match releases.audited(entry).insert(new, now).await {
            Ok(true) => return Ok(true),
            // Another release of the version came first, or the plugin was removed with its last release.
            Ok(false) | Err(store::Error::Reference { .. }) => {}
            Err(error) => {
                // The tenant may be gone, and nothing would delete the plugin later.
                control.delete_unreleased(&[new.digest.to_owned()]).await?;
                return Err(error.into());
            }
        }
    }
    Err(Error::Contended)
}

fn taken(new: &NewRelease<'_>, known: &str) -> ScimError {
    let NewRelease { name, version, digest, .. } = new;
    let detail = format!(
        "{name}@{version} is released already, with the digest {known}; these bytes have the digest {digest}. A version never changes: \
         give the plugin another version, or upload it as a dev push."
    );
    ScimError::new(409, detail)
}

/// A plugin that cannot be prepared: on upload the client's mistake, where for a stored plugin it is an internal error.
fn refused(error: MapError) -> Error {
    match error {
        MapError::Unusable { why, .. } => {
            ScimError::new(400, format!("This is not a plugin that can be run here: {}.", why.trim_end_matches('.')))
                .into()
        }
        other => other.into(),
    }
}
