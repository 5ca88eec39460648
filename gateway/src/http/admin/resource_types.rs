//! `/admin/v1/tenants/{tenant}/resource-types`: the tenant's own.

use axum::extract::Path;
use axum::http::StatusCode;
use scimgate_scim::schema::definition::TypeDefinition;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::{Json, put_status};
use crate::operation::admin::resource_types;

/// A resource type: `name`, `endpoint`, `description`, `nameAttribute`, and its `schema` as `/Schemas` shows it (RFC 7643
/// §7). docs/schemas.md describes them.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(super) struct ResourceTypeDefinition(Value);

/// The resource types of a tenant's own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceTypeList {
    resource_types: Vec<ResourceTypeDefinition>,
}

/// Add a resource type, or replace the one with its name.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/resource-types", operation_id = "putResourceType", tag = "resource types",
    request_body = ResourceTypeDefinition,
    responses(
        (status = 200, description = "The resource type is replaced.", body = ResourceTypeDefinition),
        (status = 201, description = "The resource type is added.", body = ResourceTypeDefinition),
        (status = 409, description = "Stored resources conflict with it, or another change of schemas is under way."),
    )
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<ResourceTypeDefinition>,
) -> Result<(StatusCode, Json<ResourceTypeDefinition>), ApiFailure> {
    let put = resource_types::put(&operator, &tenant, &body.0).await?;
    Ok((put_status(put.added), Json((&put.definition).into())))
}

/// List a tenant's own resource types.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/resource-types", operation_id = "listResourceTypes", tag = "resource types",
    responses((status = 200, description = "Every resource type of its own, the oldest first.", body = ResourceTypeList))
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<ResourceTypeList>, ApiFailure> {
    let types = resource_types::list(&operator, &tenant).await?;
    Ok(Json(ResourceTypeList { resource_types: types.iter().map(ResourceTypeDefinition::from).collect() }))
}

/// Show one of a tenant's own resource types.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/resource-types/{name}", operation_id = "getResourceType",
    tag = "resource types",
    responses((status = 200, description = "The resource type.", body = ResourceTypeDefinition))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Json<ResourceTypeDefinition>, ApiFailure> {
    Ok(Json((&resource_types::get(&operator, &tenant, &name).await?).into()))
}

/// Remove one of a tenant's own resource types, with its extensions.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/resource-types/{name}", operation_id = "removeResourceType",
    tag = "resource types",
    responses(
        (status = 204, description = "The resource type is removed."),
        (status = 409, description = "There are resources of it, or another change of schemas is under way."),
    )
)]
pub(super) async fn remove(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiFailure> {
    resource_types::remove(&operator, &tenant, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<&TypeDefinition> for ResourceTypeDefinition {
    fn from(definition: &TypeDefinition) -> Self {
        Self(definition.to_json())
    }
}
