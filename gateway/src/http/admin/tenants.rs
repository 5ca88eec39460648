//! `/admin/v1/tenants`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Json, reply};
use crate::clock::rfc3339;
use crate::http::access::{OperatorAccess, SCIM_BASE};
use crate::http::error::Failure;
use crate::operation::Gateway;
use crate::operation::admin::tenants;
use crate::store::tenant::Tenant;

/// The body of a POST.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
}

/// The body of a PATCH.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    state: Wanted,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Active,
    Suspended,
}

pub(super) async fn create(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Json(body): Json<New>,
) -> Result<Response, Failure> {
    let tenant = tenants::create(&gateway, &body.name).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.id = %tenant.id, "tenant created");
    Ok(reply(StatusCode::CREATED, shown(&gateway, &tenant)))
}

pub(super) async fn list(_: OperatorAccess, State(gateway): State<Gateway>) -> Result<Response, Failure> {
    let tenants = tenants::list(&gateway).await.map_err(Failure::internal)?;
    let shown: Vec<Value> = tenants.iter().map(|tenant| shown(&gateway, tenant)).collect();
    Ok(reply(StatusCode::OK, json!({ "tenants": shown })))
}

pub(super) async fn get(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let tenant = tenants::get(&gateway, &name).await.map_err(Failure::internal)?;
    Ok(reply(StatusCode::OK, shown(&gateway, &tenant)))
}

pub(super) async fn patch(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    Json(body): Json<Change>,
) -> Result<Response, Failure> {
    let changed = match body.state {
        Wanted::Active => tenants::resume(&gateway, &name).await,
        Wanted::Suspended => tenants::suspend(&gateway, &name).await,
    };
    let tenant = changed.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.id = %tenant.id, state = tenant.state.word(), "tenant's state set");
    Ok(reply(StatusCode::OK, shown(&gateway, &tenant)))
}

pub(super) async fn delete(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let tenant = tenants::delete(&gateway, &name).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.id = %tenant.id, "tenant deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn shown(gateway: &Gateway, tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id.to_string(),
        "name": tenant.name,
        "state": tenant.state.word(),
        "clientProfile": tenant.client.profile,
        "activeMapping": tenant.active_mapping,
        "createdAt": rfc3339(tenant.created_at),
        "scimUrl": format!("{}/t/{}{SCIM_BASE}", gateway.public_url, tenant.name),
    })
}
