//! `/admin/v1/tenants/{tenant}/mapping`: the active revision.

pub(super) mod model;
pub(super) mod plan;
pub(super) mod preview;
pub(super) mod revisions;

use axum::extract::Path;
use axum::http::StatusCode;

use crate::http::access::OperatorAccess;
use crate::http::admin::mapping::model::{CheckQuery, Mapping, NewMapping};
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::Parameters;
use crate::operation::admin::mappings;

/// Put a mapping as a new revision, active at once.
///
/// It is checked as a draft is.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/mapping", operation_id = "putMapping", tag = "mapping", params(CheckQuery),
    request_body = NewMapping,
    responses((status = 200, description = "The new revision is active.", body = Mapping))
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(query): Parameters<CheckQuery>,
    Json(body): Json<NewMapping>,
) -> Result<Json<Mapping>, ApiFailure> {
    Ok(Json(mappings::put(&operator, &tenant, body.into(), query.dry_run()).await?.into()))
}

/// Show the active mapping.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping", operation_id = "getMapping", tag = "mapping",
    responses((status = 200, description = "The active mapping.", body = Mapping))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<Mapping>, ApiFailure> {
    let active = mappings::active(&operator, &tenant).await?;
    Ok(Json(active.map_or_else(Mapping::none, Mapping::from)))
}

/// Deactivate the mapping.
///
/// A job does the same to stored resources.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/mapping", operation_id = "deactivateMapping", tag = "mapping",
    responses((status = 204, description = "No mapping is active."))
)]
pub(super) async fn deactivate(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<StatusCode, ApiFailure> {
    mappings::deactivate(&operator, &tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}
