//! `/admin/v1/plugins`.

use axum::extract::Request;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::{Json, put_status, read};
use crate::operation::admin::plugins::{self, Plugin as StoredPlugin};

/// Longest plugin in bytes. A component that brings a language's whole runtime has 12 to 18 MiB.
const MAX_PLUGIN_BYTES: usize = 32 * 1024 * 1024;

/// A plugin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plugin {
    /// SHA-256 of the uploaded bytes, in hexadecimal.
    digest: String,
    name: String,
    version: String,
    /// The resource types it is for; empty: every one.
    resource_types: Vec<String>,
    /// The JSON Schema of its configuration.
    config_schema: Value,
    #[schema(format = DateTime)]
    created_at: String,
}

/// Every plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginList {
    plugins: Vec<Plugin>,
}

/// Upload a plugin.
///
/// The media type is not checked. Uploading the same bytes again changes nothing.
#[utoipa::path(
    post, path = "/admin/v1/plugins", operation_id = "uploadPlugin", tag = "plugins",
    request_body(content_type = "application/wasm", description = "The plugin's WebAssembly component, 32 MiB at most."),
    responses(
        (status = 200, description = "The plugin was uploaded before.", body = Plugin),
        (status = 201, description = "The plugin is uploaded.", body = Plugin),
    )
)]
pub(super) async fn upload(
    OperatorAccess(operator): OperatorAccess,
    request: Request,
) -> Result<(StatusCode, Json<Plugin>), ApiFailure> {
    let wasm = read(request.into_body(), MAX_PLUGIN_BYTES).await?;
    let uploaded = plugins::upload(&operator, wasm.into()).await?;
    Ok((put_status(uploaded.added), Json(uploaded.plugin.into())))
}

/// List the plugins.
#[utoipa::path(
    get, path = "/admin/v1/plugins", operation_id = "listPlugins", tag = "plugins",
    responses((status = 200, description = "Every plugin, by name and age.", body = PluginList))
)]
pub(super) async fn list(OperatorAccess(operator): OperatorAccess) -> Result<Json<PluginList>, ApiFailure> {
    let plugins = plugins::list(&operator).await?;
    Ok(Json(PluginList { plugins: plugins.into_iter().map(Plugin::from).collect() }))
}

impl From<StoredPlugin> for Plugin {
    fn from(plugin: StoredPlugin) -> Self {
        Self {
            digest: plugin.digest,
            name: plugin.manifest.name,
            version: plugin.manifest.version,
            resource_types: plugin.manifest.resource_types,
            config_schema: plugin.manifest.config_schema,
            created_at: rfc3339(plugin.created_at),
        }
    }
}
