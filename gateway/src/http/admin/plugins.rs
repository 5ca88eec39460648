//! `/admin/v1/plugins`: the registry.

mod model;
pub(super) mod pull;
pub(super) mod release;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::access::OperatorAccess;
use crate::http::admin::plugins::model::{Plugin, PushedPlugin, flag};
use crate::http::error::ApiFailure;
use crate::http::json::{Json, put_status, read};
use crate::http::query::{Parameters, number};
use crate::operation::admin::plugins::push::{self, Upload};
use crate::operation::admin::plugins::{self, MAX_LISTED};

/// Longest plugin in bytes. A component that brings a language's whole runtime has 12 to 18 MiB.
const MAX_PLUGIN_BYTES: usize = 32 * 1024 * 1024;
/// Longest signature. Minisign's have 300 bytes, with long comments a few more.
const MAX_SIGNATURE_BYTES: usize = 4096;
/// The header with the signature of an uploaded plugin.
const SIGNATURE_HEADER: &str = "plugin-signature";

/// Whose plugin is uploaded, and as what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// The tenant that owns it and alone may use it; if it is not given, all tenants may.
    tenant: Option<String>,
    /// Whether it is a push between releases: its version gets the digest as build metadata, `0.1.0+sha256-0123456789ab`. The newest
    /// twenty of a name are kept, and those that a mapping revision uses.
    #[param(value_type = Option<bool>, default = false)]
    dev: Option<String>,
}

/// Which releases to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The tenant whose own plugins are listed; if it is not given, those of all tenants are.
    tenant: Option<String>,
    /// Only releases of this name.
    name: Option<String>,
    /// Releases after this one: `next` of the page before.
    after: Option<String>,
    /// Most releases of the reply.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 100)]
    limit: Option<String>,
}

/// Releases, by name and version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginList {
    plugins: Vec<Plugin>,
    /// `after` of the next page; null after the last.
    #[schema(required)]
    next: Option<String>,
}

/// Upload a plugin and release it under its manifest's name and version.
///
/// The media type is not checked. A version never changes what it means: uploading the same bytes again changes nothing, but that a
/// signature that comes with them is kept; other bytes are refused. The header `Plugin-Signature` has the signature: the file that
/// minisign writes, in base64.
#[utoipa::path(
    post, path = "/admin/v1/plugins", operation_id = "uploadPlugin", tag = "plugins",
    params(UploadQuery, ("Plugin-Signature" = Option<String>, Header, description = "A minisign signature of the body, in base64.")),
    request_body(content_type = "application/wasm", description = "The plugin's WebAssembly component, 32 MiB at most."),
    responses(
        (status = 200, description = "The plugin was released before.", body = PushedPlugin),
        (status = 201, description = "The plugin is released.", body = PushedPlugin),
        (status = 409, description = "The version is released with other bytes."),
    )
)]
pub(super) async fn upload(
    OperatorAccess(operator): OperatorAccess,
    Parameters(query): Parameters<UploadQuery>,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, Json<PushedPlugin>), ApiFailure> {
    let dev = flag("dev", query.dev.as_deref())?;
    let signature = signature(&headers)?;
    let wasm = read(request.into_body(), MAX_PLUGIN_BYTES).await?;
    let upload = Upload { wasm: wasm.into(), tenant: query.tenant, dev, signature, ..Upload::default() };
    let pushed = push::push(&operator, upload).await?;
    Ok((put_status(pushed.added), Json(pushed.into())))
}

/// The signature in a request's header, as minisign writes it.
fn signature(headers: &HeaderMap) -> Result<Option<String>, ScimError> {
    let Some(sent) = headers.get(SIGNATURE_HEADER) else { return Ok(None) };
    let refused =
        || ScimError::new(400, "The header Plugin-Signature must be the file that minisign writes, in base64.");
    let bytes = STANDARD.decode(sent.as_bytes()).map_err(|_| refused())?;
    if bytes.len() > MAX_SIGNATURE_BYTES {
        return Err(refused());
    }
    String::from_utf8(bytes).map(Some).map_err(|_| refused())
}

/// List the releases of plugins.
#[utoipa::path(
    get, path = "/admin/v1/plugins", operation_id = "listPlugins", tag = "plugins", params(ListQuery),
    responses((status = 200, description = "The releases.", body = PluginList))
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<PluginList>, ApiFailure> {
    let limit = number("limit", query.limit.as_deref(), MAX_LISTED, 1..=MAX_LISTED)?;
    let after = query.after.as_deref().map(|text| text.split_once('@').unwrap_or((text, "")));
    let (tenant, name) = (query.tenant.as_deref(), query.name.as_deref());
    let listed = plugins::list(&operator, tenant, name, (after, limit)).await?;
    let next = listed.plugins.last().filter(|_| listed.more).map(plugins::Plugin::title);
    Ok(Json(PluginList { plugins: listed.plugins.into_iter().map(Plugin::listed).collect(), next }))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_signature_is_text_in_base64_of_a_bounded_length() {
        let read = |value: &str| {
            let headers =
                HeaderMap::from_iter([("plugin-signature".parse().unwrap(), HeaderValue::from_str(value).unwrap())]);
            signature(&headers).map_err(|refusal| refusal.status)
        };
        assert_eq!(signature(&HeaderMap::new()), Ok(None));
        assert_eq!(read(&STANDARD.encode("untrusted comment: x\n")), Ok(Some("untrusted comment: x\n".to_owned())));
        for wrong in
            ["untrusted comment: x", &STANDARD.encode([0xff, 0xfe]), &STANDARD.encode([b'a'; MAX_SIGNATURE_BYTES + 1])]
        {
            assert_eq!(read(wrong), Err(400));
        }
    }
}
