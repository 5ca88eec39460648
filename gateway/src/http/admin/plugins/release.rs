//! `/admin/v1/plugins/{plugin}/{version}` and what is done with a release.

use axum::extract::Path;
use axum::http::StatusCode;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::access::OperatorAccess;
use crate::http::admin::plugins::model::Plugin;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::Parameters;
use crate::operation::admin::plugins::{self, Named, uses};

/// Whose release.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct OwnerQuery {
    /// The tenant that owns it; if it is not given, one of all tenants is meant.
    tenant: Option<String>,
}

impl OwnerQuery {
    fn named<'a>(&'a self, name: &'a str, version: &'a str) -> Named<'a> {
        Named { tenant: self.tenant.as_deref(), name, version }
    }
}

/// Show a release of a plugin.
#[utoipa::path(
    get, path = "/admin/v1/plugins/{plugin}/{version}", operation_id = "getPlugin", tag = "plugins", params(OwnerQuery),
    responses((status = 200, description = "The release.", body = Plugin))
)]
pub(in crate::http::admin) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path((name, version)): Path<(String, String)>,
    Parameters(query): Parameters<OwnerQuery>,
) -> Result<Json<Plugin>, ApiFailure> {
    Ok(Json(plugins::get(&operator, query.named(&name, &version)).await?.into()))
}

/// What to change about a release.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct ReleaseChange {
    /// Whether new mapping revisions are kept from it. Those that use it go on.
    yanked: bool,
}

/// Yank a release, or take that back.
#[utoipa::path(
    patch, path = "/admin/v1/plugins/{plugin}/{version}", operation_id = "yankPlugin", tag = "plugins", params(OwnerQuery),
    request_body = ReleaseChange, responses((status = 200, description = "The release as it is now.", body = Plugin))
)]
pub(in crate::http::admin) async fn patch(
    OperatorAccess(operator): OperatorAccess,
    Path((name, version)): Path<(String, String)>,
    Parameters(query): Parameters<OwnerQuery>,
    Json(body): Json<ReleaseChange>,
) -> Result<Json<Plugin>, ApiFailure> {
    Ok(Json(uses::yank(&operator, query.named(&name, &version), body.yanked).await?.into()))
}

/// Remove a release that no mapping revision uses.
#[utoipa::path(
    delete, path = "/admin/v1/plugins/{plugin}/{version}", operation_id = "removePlugin", tag = "plugins", params(OwnerQuery),
    responses(
        (status = 204, description = "The release is removed."),
        (status = 409, description = "A mapping revision uses it."),
    )
)]
pub(in crate::http::admin) async fn remove(
    OperatorAccess(operator): OperatorAccess,
    Path((name, version)): Path<(String, String)>,
    Parameters(query): Parameters<OwnerQuery>,
) -> Result<StatusCode, ApiFailure> {
    uses::remove(&operator, query.named(&name, &version)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which uses to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct UsesQuery {
    /// The tenant that owns the release; if it is not given, one of all tenants is meant.
    tenant: Option<String>,
    /// Uses after this one: `next` of the page before.
    after: Option<String>,
}

/// Mapping revisions that use a release.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct UseList {
    /// A hundred at most.
    uses: Vec<PluginUse>,
    /// `after` of the next page; null after the last.
    #[schema(required)]
    next: Option<String>,
}

/// A mapping revision that uses a release.
#[derive(Debug, Serialize, ToSchema)]
struct PluginUse {
    tenant: String,
    revision: i32,
    /// `draft`, `active` or `retired`.
    state: &'static str,
}

/// List the mapping revisions that use a release.
#[utoipa::path(
    get, path = "/admin/v1/plugins/{plugin}/{version}/uses", operation_id = "listPluginUses", tag = "plugins", params(UsesQuery),
    responses((status = 200, description = "The revisions, by the age of their tenants and by number.", body = UseList))
)]
pub(in crate::http::admin) async fn list_uses(
    OperatorAccess(operator): OperatorAccess,
    Path((name, version)): Path<(String, String)>,
    Parameters(query): Parameters<UsesQuery>,
) -> Result<Json<UseList>, ApiFailure> {
    let after = query.after.as_deref().map(position).transpose()?;
    let named = Named { tenant: query.tenant.as_deref(), name: &name, version: &version };
    let found = uses::uses(&operator, named, after).await?;
    let uses = found.uses.into_iter();
    let uses = uses.map(|it| PluginUse { tenant: it.tenant, revision: it.revision, state: it.state.name() }).collect();
    Ok(Json(UseList { uses, next: found.next.map(|(tenant, revision)| format!("{tenant}.{revision}")) }))
}

/// The place of a use among the others.
fn position(text: &str) -> Result<(Uuid, i32), ScimError> {
    let parsed =
        text.split_once('.').and_then(|(tenant, revision)| Some((tenant.parse().ok()?, revision.parse().ok()?)));
    parsed.ok_or_else(|| ScimError::new(400, "after must be `next` of a page before."))
}
