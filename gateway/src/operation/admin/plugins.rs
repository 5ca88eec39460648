//! The registry of plugins: a plugin's bytes are identified by their digest, and released under a name and a version, for all tenants
//! or for one. A version never changes what it means.

mod check;
pub mod pull;
pub mod push;
pub mod uses;

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mapping::Step;
use crate::operation::error::Error;
use crate::operation::operator::Operator;
use crate::operation::signature::key_id;
use crate::store::audit::Entry;
use crate::store::plugin_release::{ReleaseRow, Releases, Wanted};
use crate::store::tenant::Tenant;

/// Most releases of one page.
pub const MAX_LISTED: i64 = 100;
/// Digits of a digest in hexadecimal.
const DIGEST_DIGITS: usize = 64;
/// Greater than any name.
const LAST_NAME: &str = "\u{10ffff}";

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

/// A release of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// The tenant that owns it; none: all tenants use it.
    pub tenant: Option<String>,
    /// The version that it is released as: its manifest's, with the digest if it is a push between releases.
    pub version: String,
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    pub digest: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// The number of its bytes.
    pub size: u64,
    /// Whether it is a push between releases.
    pub dev: bool,
    /// The operator key's id, or the name of a command.
    pub author: Option<String>,
    /// Where it was pulled from.
    pub source: Option<String>,
    /// The signature of its bytes.
    pub signature: Option<String>,
    /// When it was released.
    pub created_at: SystemTime,
    /// Since when, and by whom, no new mapping revision may use it.
    pub yanked: Option<(SystemTime, String)>,
}

impl Plugin {
    /// Its name for people: `name@version`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}@{}", self.manifest.name, self.version)
    }

    /// The id of the key that signed it, as minisign shows it.
    #[must_use]
    pub fn signed_by(&self) -> Option<String> {
        self.signature.as_deref().and_then(key_id)
    }
}

/// A release: its owner, its name and its version.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The owner's name; none: all tenants.
    pub tenant: Option<&'a str>,
    /// The plugin's name.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
}

/// Some of an owner's releases, by name and version.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The releases.
    pub plugins: Vec<Plugin>,
    /// Whether others follow.
    pub more: bool,
}

/// The releases of a tenant's own, or of all tenants, after one of them; of one name where it is given.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(
    operator: &Operator,
    tenant: Option<&str>,
    name: Option<&str>,
    (after, limit): (Option<(&str, &str)>, i64),
) -> Result<Listed, Error> {
    let releases = releases(operator, tenant).await?;
    let limit = limit.clamp(1, MAX_LISTED);
    let after = after.or(name.map(|name| (name, ""))).unwrap_or_default();
    let up_to = name.unwrap_or(LAST_NAME);
    if [after.0, after.1, up_to].iter().any(|text| text.contains('\0')) {
        return Ok(Listed { plugins: Vec::new(), more: false });
    }
    // One more than the limit shows whether there is another page.
    let mut rows = releases.list(after, up_to, limit + 1).await?;
    let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        rows.pop();
    }
    Ok(Listed { plugins: rows.into_iter().map(|row| read(row, tenant)).collect::<Result<_, _>>()?, more })
}

/// A release.
///
/// # Errors
/// 404 for an unknown tenant or release.
pub async fn get(operator: &Operator, named: Named<'_>) -> Result<Plugin, Error> {
    find(&releases(operator, named.tenant).await?, named).await
}

/// The releases that a tenant's steps may mean: its own first.
pub(super) async fn of_steps(operator: &Operator, tenant: &Tenant, steps: &[Step]) -> Result<Vec<Plugin>, Error> {
    let mut wanted = Wanted::default();
    // What the database refuses names no plugin.
    for text in steps.iter().map(|step| step.plugin.as_str()).filter(|text| !text.contains('\0')) {
        if is_digest(text) {
            wanted.digests.push(text.to_ascii_lowercase());
        } else if let Some((name, version)) = text.split_once('@') {
            wanted.names.push(name.to_owned());
            wanted.versions.push(version.to_owned());
        } else {
            wanted.bare.push(text.to_owned());
        }
    }
    let found = operator.gateway.store.tenant(tenant.id).releases().named(&wanted).await?;
    found.into_iter().map(|row| read(row, Some(&tenant.name))).collect()
}

/// The releases that a tenant's mapping revision uses.
pub(super) async fn of_revision(operator: &Operator, tenant: &Tenant, revision: i32) -> Result<Vec<Plugin>, Error> {
    let found = operator.gateway.store.tenant(tenant.id).releases().of_revision(revision).await?;
    found.into_iter().map(|row| read(row, Some(&tenant.name))).collect()
}

/// Whether a text is a digest rather than a name.
pub(super) fn is_digest(text: &str) -> bool {
    text.len() == DIGEST_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The releases of a tenant, or of all tenants.
async fn releases(operator: &Operator, tenant: Option<&str>) -> Result<Releases, Error> {
    let store = &operator.gateway.store;
    Ok(match tenant {
        Some(name) => store.tenant(operator.tenant(name).await?.id).releases(),
        None => store.control().releases(),
    })
}

/// A change of a release, to be recorded.
async fn change(operator: &Operator, action: &'static str, named: Named<'_>) -> Result<Entry, Error> {
    let subject = format!("{}@{}", named.name, named.version);
    Ok(match named.tenant {
        Some(name) => operator.change_of(&operator.tenant(name).await?, action, subject),
        None => operator.change(action, subject),
    })
}

async fn find(releases: &Releases, named: Named<'_>) -> Result<Plugin, Error> {
    let Named { tenant, name, version } = named;
    // The database refuses U+0000, and no release has it.
    let is_name = ![name, version].iter().any(|text| text.contains('\0'));
    let row = if is_name { releases.get(name, version).await? } else { None };
    row.map_or_else(|| Err(no_plugin(named).into()), |row| read(row, tenant))
}

fn no_plugin(named: Named<'_>) -> ScimError {
    let Named { tenant, name, version } = named;
    let whose = tenant.map_or_else(|| "for all tenants".to_owned(), |tenant| format!("of the tenant {tenant}'s own"));
    ScimError::new(404, format!("There is no plugin {name}@{version} {whose}."))
}

fn read(row: ReleaseRow, tenant: Option<&str>) -> Result<Plugin, Error> {
    let manifest = serde_json::from_str(&row.manifest);
    let manifest = manifest.map_err(|why| Error::Corrupt(format!("the manifest of plugin {}: {why}", row.digest)))?;
    Ok(Plugin {
        tenant: tenant.filter(|_| !row.is_global).map(str::to_owned),
        version: row.version,
        digest: row.digest,
        manifest,
        size: u64::try_from(row.size).unwrap_or_default(),
        dev: row.dev,
        author: row.author,
        source: row.source,
        signature: row.signature,
        created_at: row.created_at,
        yanked: row.yanked_at.map(|at| (at, row.yanked_by.unwrap_or_default())),
    })
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

    #[test]
    fn a_digest_is_no_name() {
        assert!(is_digest(&"aB".repeat(32)));
        for text in ["", "trim", &"a".repeat(63), &"g".repeat(64)] {
            assert!(!is_digest(text), "{text}");
        }
    }
}
