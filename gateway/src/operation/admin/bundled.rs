//! The plugins that come with the gateway, in the database of `scimgate dev`: those that were built anew are brought up to date there,
//! with the demo tenant's mapping.

use std::fmt::Write as _;

use scimgate_scim::error::ScimError;
use sha2::{Digest as _, Sha256};

use crate::mapping::Step;
use crate::operation::admin::mappings::{self, DryRun, NewMapping};
use crate::operation::admin::plugins::push::{Upload, push};
use crate::operation::admin::plugins::{self, MAX_LISTED, Plugin};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};

/// A plugin that comes with the gateway.
#[derive(Clone, Debug)]
pub struct Bundled {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub wasm: Vec<u8>,
}

/// What was brought up to date, in sentences.
pub type Changes = Vec<String>;

/// The release of a plugin's bytes, and whether it is new: under the plugin's version, or as a push between releases where the version
/// has other bytes.
pub(super) async fn release(operator: &Operator, bundled: &Bundled) -> Result<(Plugin, bool), Error> {
    let releases = releases(operator, &bundled.name).await?;
    let digest = digest(&bundled.wasm);
    if let Some(known) = releases.into_iter().find(|known| known.digest == digest) {
        return Ok((known, false));
    }
    let upload = |dev| Upload { wasm: bundled.wasm.clone(), dev, ..Upload::default() };
    let pushed = match push(operator, upload(false)).await {
        Err(Error::Scim(ScimError { status: 409, .. })) => push(operator, upload(true)).await?,
        pushed => pushed?,
    };
    Ok((pushed.plugin, true))
}

/// Every release of a name.
async fn releases(operator: &Operator, name: &str) -> Result<Vec<Plugin>, Error> {
    let mut all: Vec<Plugin> = Vec::new();
    loop {
        let after = all.last().map(|last| (last.manifest.name.clone(), last.version.clone()));
        let after = after.as_ref().map(|(name, version)| (name.as_str(), version.as_str()));
        let mut page = plugins::list(operator, None, Some(name), (after, MAX_LISTED)).await?;
        all.append(&mut page.plugins);
        if !page.more {
            return Ok(all);
        }
    }
}

fn digest(wasm: &[u8]) -> String {
    Sha256::digest(wasm).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Releases those of the plugins that the database has with other bytes, and makes a tenant's active mapping use what they are now.
pub(super) async fn update(operator: &Operator, tenant: &str, bundled: &[Bundled]) -> Result<Changes, Error> {
    let mut changes = Changes::new();
    let mut current = Vec::new();
    for plugin in bundled {
        if releases(operator, &plugin.name).await?.is_empty() {
            continue;
        }
        let (released, added) = release(operator, plugin).await?;
        if added {
            changes.push(format!(
                "The plugin {} that comes with the gateway is another one than before: it is {} now, with the digest {}.",
                plugin.name,
                released.title(),
                released.digest
            ));
        }
        current.push(released);
    }
    changes.extend(remap(operator, tenant, &current).await?);
    for change in &changes {
        log_change!(operator, tenant.name = tenant, "brought up to date: {change}");
    }
    Ok(changes)
}

/// A new revision of the tenant's mapping, if a step of the active one uses another release of such a plugin.
async fn remap(operator: &Operator, tenant: &str, current: &[Plugin]) -> Result<Option<String>, Error> {
    let Some(active) = mappings::active(operator, tenant).await? else { return Ok(None) };
    let number = active.head.revision;
    let mut changed = Vec::new();
    let steps: Vec<Step> = active
        .steps
        .into_iter()
        .map(|it| match current.iter().find(|plugin| plugin.manifest.name == it.name) {
            Some(plugin) if plugin.digest != it.step.plugin => {
                changed.push(plugin.title());
                Step { plugin: plugin.digest.clone(), ..it.step }
            }
            _ => it.step,
        })
        .collect();
    if changed.is_empty() {
        return Ok(None);
    }
    let changed = changed.join(", ");
    let new = NewMapping {
        on_failure: active.on_failure,
        steps,
        note: Some(format!("Revision {number} with the plugins that come with the gateway now: {changed}")),
    };
    match mappings::put(operator, tenant, new, DryRun::Required).await {
        Ok(put) => Ok(Some(format!("The tenant {tenant} is mapped by it since revision {}.", put.head.revision))),
        Err(Error::Scim(refusal)) => Ok(Some(format!(
            "The tenant {tenant} stays with the older one in revision {number}, since the mapping would be refused: {}",
            refusal.detail
        ))),
        Err(error) => Err(error),
    }
}
