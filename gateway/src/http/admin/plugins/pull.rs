//! `/admin/v1/plugins/pull`.

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::admin::plugins::model::PushedPlugin;
use crate::http::error::ApiFailure;
use crate::http::json::{Json, put_status};
use crate::operation::admin::plugins::pull::{self, Wanted};

/// What to pull, and for whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct PullRequest {
    /// `registry.example.com/plugins/house:1.0.0`, with the manifest's digest behind it (`@sha256:…`) or in place of the tag. Without
    /// a digest the tag is what it is now. A tag that is a version must be the plugin's.
    reference: String,
    /// The tenant that owns the plugin and alone may use it; if it is not given, all tenants may.
    tenant: Option<String>,
    /// Whether it is a push between releases.
    #[serde(default)]
    dev: bool,
    /// The plugin's signature, as minisign writes it, in place of one in the registry.
    signature: Option<String>,
}

/// Pull a plugin from an OCI registry and release it, as an upload is.
///
/// Only registries that the server is started with (`--plugin-registry`) are asked. The source of the release has the manifest's digest.
#[utoipa::path(
    post, path = "/admin/v1/plugins/pull", operation_id = "pullPlugin", tag = "plugins", request_body = PullRequest,
    responses(
        (status = 200, description = "The plugin was released before.", body = PushedPlugin),
        (status = 201, description = "The plugin is released.", body = PushedPlugin),
        (status = 409, description = "The version is released with other bytes."),
        (status = 502, description = "The registry did not send a plugin; the detail says why."),
    )
)]
pub(in crate::http::admin) async fn pull(
    OperatorAccess(operator): OperatorAccess,
    Json(body): Json<PullRequest>,
) -> Result<(StatusCode, Json<PushedPlugin>), ApiFailure> {
    let PullRequest { reference, tenant, dev, signature } = body;
    let pushed = pull::pull(&operator, Wanted { reference, tenant, dev, signature }).await?;
    Ok((put_status(pushed.added), Json(pushed.into())))
}
