//! `/admin/v1/tenants/{tenant}/resource-types`: the tenant's own.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use scimgate_scim::schema::definition::TypeDefinition;
use serde_json::{Value, json};

use super::json::{Json, made, reply};
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::Gateway;
use crate::operation::admin::resource_types;

pub(super) async fn put(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
    Json(body): Json<Value>,
) -> Result<Response, Failure> {
    let put = resource_types::put(&gateway, &tenant, &body).await.map_err(Failure::internal)?;
    let name = &put.definition.name;
    tracing::info!(actor = %access.actor, tenant.name = %tenant, resource.type = %name, new = put.new, "resource type put");
    Ok(reply(made(put.new), put.definition.to_json()))
}

pub(super) async fn list(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
) -> Result<Response, Failure> {
    let types = resource_types::list(&gateway, &tenant).await.map_err(Failure::internal)?;
    let shown: Vec<Value> = types.iter().map(TypeDefinition::to_json).collect();
    Ok(reply(StatusCode::OK, json!({ "resourceTypes": shown })))
}

pub(super) async fn get(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let definition = resource_types::get(&gateway, &tenant, &name).await.map_err(Failure::internal)?;
    Ok(reply(StatusCode::OK, definition.to_json()))
}

pub(super) async fn remove(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    resource_types::remove(&gateway, &tenant, &name).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.name = %tenant, resource.type = %name, "resource type removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}
