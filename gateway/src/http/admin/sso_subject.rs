//! `/admin/v1/tenants/{tenant}/sso-subject`.

use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::directory_schema::{self, Shown};

/// Which path of mapped users is the single sign-on subject.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSsoSubject {
    /// A path as in PATCH, of one text: `externalId`, `emails[type eq "work"].value`, `urn:…:User:objectId`; null for none.
    #[schema(required)]
    path: Option<String>,
}

/// The single sign-on subject of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SsoSubject {
    /// The path of mapped users; null for none.
    #[schema(required)]
    path: Option<String>,
    /// When it, or another rule of the directory schema, was set; null where none ever was.
    #[schema(format = DateTime, required)]
    changed_at: Option<String>,
    /// The operator key's id.
    #[schema(required)]
    changed_by: Option<String>,
}

/// Show which path of mapped users is the single sign-on subject.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/sso-subject", operation_id = "getSsoSubject", tag = "directory schema",
    responses((status = 200, description = "The path.", body = SsoSubject))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<SsoSubject>, ApiFailure> {
    Ok(Json(directory_schema::get(&operator, &tenant).await?.into()))
}

/// Set which path of mapped users is the single sign-on subject. It is a rule of the directory schema: writes are checked by it from then
/// on, and the job `directory-check` finds out how what is stored complies.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/sso-subject", operation_id = "setSsoSubject", tag = "directory schema",
    request_body = NewSsoSubject,
    responses(
        (status = 200, description = "The path.", body = SsoSubject),
        (status = 409, description = "The tenant's schemas are being changed."),
    )
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewSsoSubject>,
) -> Result<Json<SsoSubject>, ApiFailure> {
    Ok(Json(directory_schema::set_subject(&operator, &tenant, body.path).await?.into()))
}

impl From<Shown> for SsoSubject {
    fn from(shown: Shown) -> Self {
        let Shown { subject, changed_at, changed_by, .. } = shown;
        Self { path: subject, changed_at: changed_at.map(rfc3339), changed_by }
    }
}
