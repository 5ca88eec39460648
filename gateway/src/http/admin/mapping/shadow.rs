//! `/admin/v1/tenants/{tenant}/mapping/shadow`: a draft that also maps live writes.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::admin::mapping::plan::ReportReply;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::shadow::{self, Shadowed};

/// Which draft maps live writes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewShadow {
    /// The revision, which must not be the active one.
    revision: i32,
    /// How many writes, in per cent.
    #[serde(default = "all")]
    #[schema(minimum = 1, maximum = 100, default = 100)]
    percent: u8,
}

fn all() -> u8 {
    100
}

/// What a draft makes of live writes, compared with what the active mapping makes of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::admin) struct ShadowReply {
    revision: i32,
    /// How many writes it maps, in per cent; 0: it is switched off.
    percent: i16,
    /// The active revision; 0 for none.
    active_revision: i32,
    #[serde(flatten)]
    report: ReportReply,
    /// Writes of the sample that were not mapped, since the queue was full.
    dropped: i64,
}

/// Let a draft also map live writes. Nothing is stored of resources.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/mapping/shadow", operation_id = "putMappingShadow", tag = "mapping",
    request_body = NewShadow,
    responses(
        (status = 200, description = "It maps writes from now on.", body = ShadowReply),
        (status = 409, description = "The revision is active."),
    )
)]
pub(in crate::http::admin) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewShadow>,
) -> Result<Json<ShadowReply>, ApiFailure> {
    Ok(Json(shadow::on(&operator, &tenant, body.revision, body.percent).await?.into()))
}

/// Show what it found, which stays after it was switched off.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping/shadow", operation_id = "getMappingShadow", tag = "mapping",
    responses(
        (status = 200, description = "What it found until a few seconds ago.", body = ShadowReply),
        (status = 404, description = "No draft ever mapped live writes."),
    )
)]
pub(in crate::http::admin) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<ShadowReply>, ApiFailure> {
    Ok(Json(shadow::report(&operator, &tenant).await?.into()))
}

/// Switch it off.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/mapping/shadow", operation_id = "deleteMappingShadow", tag = "mapping",
    responses((status = 204, description = "No draft maps live writes."))
)]
pub(in crate::http::admin) async fn delete(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<StatusCode, ApiFailure> {
    shadow::off(&operator, &tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Shadowed> for ShadowReply {
    fn from(it: Shadowed) -> Self {
        let Shadowed { revision, percent, active, report, dropped } = it;
        Self { revision, percent, active_revision: active, report: report.into(), dropped }
    }
}
