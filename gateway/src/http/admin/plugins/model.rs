//! Plugins as the admin API sends them.

use scimgate_scim::error::ScimError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::operation::admin::plugins::Plugin as Released;
use crate::operation::admin::plugins::push::Pushed;

/// A release of a plugin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::admin) struct Plugin {
    name: String,
    version: String,
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    digest: String,
    /// The tenant that owns it and alone may use it; null: all tenants may.
    #[schema(required)]
    tenant: Option<String>,
    /// The resource types it is for; empty: every one.
    resource_types: Vec<String>,
    /// The JSON Schema of its configuration; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    config_schema: Option<Value>,
    /// The number of its bytes.
    size: u64,
    /// Whether it is a push between releases.
    dev: bool,
    /// Where it was pulled from.
    #[schema(required)]
    source: Option<String>,
    /// The id of the key that signed it, as minisign shows it.
    #[schema(required)]
    signed_by: Option<String>,
    /// The signature, as minisign writes it; absent in lists, and where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signature: Option<String>,
    /// The operator key's id, or the name of a command.
    #[schema(required)]
    author: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Since when no new mapping revision may use it.
    #[schema(format = DateTime, required)]
    yanked_at: Option<String>,
    /// Who yanked it.
    #[schema(required)]
    yanked_by: Option<String>,
}

/// The release that an upload made, or that was there.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct PushedPlugin {
    #[serde(flatten)]
    plugin: Plugin,
    /// Whether it is new; otherwise the same bytes were released before.
    added: bool,
    /// What its uploader may want to know.
    warnings: Vec<String>,
}

impl From<Released> for Plugin {
    fn from(plugin: Released) -> Self {
        let signed_by = plugin.signed_by();
        let (yanked_at, yanked_by) = plugin.yanked.map(|(at, by)| (rfc3339(at), by)).unzip();
        Self {
            name: plugin.manifest.name,
            version: plugin.version,
            digest: plugin.digest,
            tenant: plugin.tenant,
            resource_types: plugin.manifest.resource_types,
            config_schema: Some(plugin.manifest.config_schema),
            size: plugin.size,
            dev: plugin.dev,
            source: plugin.source,
            signed_by,
            signature: plugin.signature,
            author: plugin.author,
            created_at: rfc3339(plugin.created_at),
            yanked_at,
            yanked_by,
        }
    }
}

impl Plugin {
    /// Without what is long.
    pub(super) fn listed(plugin: Released) -> Self {
        Self { config_schema: None, signature: None, ..plugin.into() }
    }
}

impl From<Pushed> for PushedPlugin {
    fn from(pushed: Pushed) -> Self {
        Self { plugin: pushed.plugin.into(), added: pushed.added, warnings: pushed.warnings }
    }
}

/// A parameter that is true or false, and false where it is not given.
pub(super) fn flag(name: &str, text: Option<&str>) -> Result<bool, ScimError> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ScimError::new(400, format!("{name} must be true or false."))),
    }
}
