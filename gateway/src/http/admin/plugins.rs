//! `/admin/v1/plugins`.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::json::{made, read, reply};
use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::Gateway;
use crate::operation::admin::plugins::{self, Plugin};

/// Longest plugin in bytes. A component that carries a language's whole runtime has 12 to 18 MiB.
const LONGEST: usize = 32 * 1024 * 1024;

/// The body is the plugin itself, of whatever media type.
pub(super) async fn upload(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    request: Request,
) -> Result<Response, Failure> {
    let wasm = read(request.into_body(), LONGEST).await.map_err(Failure::internal)?;
    let uploaded = plugins::upload(&gateway, wasm.into()).await.map_err(Failure::internal)?;
    let plugin = &uploaded.plugin;
    tracing::info!(actor = %access.actor, plugin.id = %plugin.digest, new = uploaded.new, "plugin uploaded");
    Ok(reply(made(uploaded.new), shown(plugin)))
}

pub(super) async fn list(_: OperatorAccess, State(gateway): State<Gateway>) -> Result<Response, Failure> {
    let plugins = plugins::list(&gateway).await.map_err(Failure::internal)?;
    let shown: Vec<Value> = plugins.iter().map(shown).collect();
    Ok(reply(StatusCode::OK, json!({ "plugins": shown })))
}

fn shown(plugin: &Plugin) -> Value {
    json!({
        "digest": plugin.digest,
        "name": plugin.manifest.name,
        "version": plugin.manifest.version,
        "resourceTypes": plugin.manifest.resource_types,
        "configSchema": plugin.manifest.config_schema,
        "createdAt": rfc3339(plugin.created_at),
    })
}
