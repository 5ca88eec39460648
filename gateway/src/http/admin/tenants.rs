//! `/admin/v1/tenants`.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::{OperatorAccess, SCIM_BASE, TENANT_PREFIX};
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::Operator;
use crate::operation::admin::{log_redaction, retention, tenant_names, tenants};
use crate::store::tenant::Tenant as TenantRow;

/// A new tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenant {
    /// 1 to 40 lower-case letters (a-z), digits and hyphens, with no hyphen at either end.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    name: String,
}

/// What to change of a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantChange {
    state: Option<TenantState>,
    limits: Option<TenantLimits>,
    retention: Option<TenantRetention>,
    /// Attributes whose values the provisioning log does not have from now on, with their sub-attributes; `*` stands for all.
    #[serde(rename = "logRedaction")]
    #[schema(nullable = false)]
    log_redaction: Option<Vec<String>>,
    /// A new name. The one that the tenant has becomes a former one, with which its address stays valid.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    name: Option<String>,
}

/// For how many days the tenant keeps what. What is left out follows the default, 30 days.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TenantRetention {
    /// Deleted resources. Then they are purged with everything that belongs to them, and can't be restored any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 3650)]
    tombstone_days: Option<u32>,
    /// Events. Those that a product which still reads has not read are kept longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 3650)]
    event_days: Option<u32>,
    /// The provisioning log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 366)]
    log_days: Option<u32>,
}

/// How much the tenant's SCIM client may send at once, and how much its product. What is left out follows the server's default.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantLimits {
    /// Requests in progress at once, in each replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 100_000)]
    requests: Option<u32>,
    /// Requests a second, and how many may come at once after a pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]+/[0-9]+$", example = "50/200")]
    rate: Option<String>,
}

/// Whether the tenant's requests are served.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TenantState {
    /// They are served.
    Active,
    /// They get 403.
    Suspended,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tenant {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    #[schema(value_type = TenantState)]
    state: &'static str,
    /// The profile that was chosen for the SCIM client.
    client_profile: String,
    /// The tenant's own limits.
    limits: TenantLimits,
    /// For how many days the tenant keeps what.
    retention: TenantRetention,
    /// Attributes whose values the provisioning log does not have.
    log_redaction: Vec<String>,
    /// Names that the tenant had before, which its address may have as well.
    former_names: Vec<String>,
    /// The number of the active mapping revision; 0 for none.
    active_mapping: i32,
    #[schema(format = DateTime)]
    created_at: String,
    /// The tenant's own address of the SCIM endpoint.
    scim_url: String,
}

/// Every tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantList {
    tenants: Vec<Tenant>,
}

/// Create a tenant.
#[utoipa::path(
    post, path = "/admin/v1/tenants", operation_id = "createTenant", tag = "tenants", request_body = NewTenant,
    responses(
        (status = 201, description = "The tenant is created.", body = Tenant),
        (status = 409, description = "The name is in use."),
    )
)]
pub(super) async fn create(
    OperatorAccess(operator): OperatorAccess,
    Json(body): Json<NewTenant>,
) -> Result<(StatusCode, Json<Tenant>), ApiFailure> {
    let tenant = tenants::create(&operator, &body.name).await?;
    Ok((StatusCode::CREATED, Json(wire(&operator, tenant))))
}

/// List the tenants.
#[utoipa::path(
    get, path = "/admin/v1/tenants", operation_id = "listTenants", tag = "tenants",
    responses((status = 200, description = "Every tenant, by name.", body = TenantList))
)]
pub(super) async fn list(OperatorAccess(operator): OperatorAccess) -> Result<Json<TenantList>, ApiFailure> {
    let tenants = tenants::list(&operator).await?;
    Ok(Json(TenantList { tenants: tenants.into_iter().map(|tenant| wire(&operator, tenant)).collect() }))
}

/// Show a tenant.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}", operation_id = "getTenant", tag = "tenants",
    responses((status = 200, description = "The tenant.", body = Tenant))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(name): Path<String>,
) -> Result<Json<Tenant>, ApiFailure> {
    let tenant = operator.tenant(&name).await?;
    Ok(Json(wire(&operator, tenant)))
}

/// Suspend, resume or rename a tenant, or set its limits, its retention or the redaction of its log.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{tenant}", operation_id = "changeTenant", tag = "tenants",
    request_body = TenantChange,
    responses(
        (status = 200, description = "The tenant after the change.", body = Tenant),
        (status = 409, description = "Another tenant has the new name, or had it before."),
    )
)]
pub(super) async fn patch(
    OperatorAccess(operator): OperatorAccess,
    Path(name): Path<String>,
    Json(body): Json<TenantChange>,
) -> Result<Json<Tenant>, ApiFailure> {
    let mut tenant = operator.tenant(&name).await?;
    if let Some(limits) = body.limits {
        tenant = tenants::set_limits(&operator, &name, limits.requests, limits.rate.as_deref()).await?;
    }
    if let Some(it) = body.retention {
        let days = retention::Days { tombstones: it.tombstone_days, events: it.event_days, log: it.log_days };
        tenant = retention::set(&operator, &name, days).await?;
    }
    if let Some(attributes) = body.log_redaction {
        tenant = log_redaction::set(&operator, &name, &attributes).await?;
    }
    if let Some(state) = body.state {
        tenant = tenants::set_suspended(&operator, &name, matches!(state, TenantState::Suspended)).await?;
    }
    // Last: the others find the tenant by the name that it has.
    if let Some(new) = body.name {
        tenant = tenant_names::rename(&operator, &name, &new).await?;
    }
    Ok(Json(wire(&operator, tenant)))
}

/// Delete a tenant.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}", operation_id = "deleteTenant", tag = "tenants",
    responses((
        status = 204,
        description = "The tenant is deleted: its tokens stop working and its name is free. Its rows are kept until it is erased.",
    ))
)]
pub(super) async fn delete(
    OperatorAccess(operator): OperatorAccess,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiFailure> {
    tenants::delete(&operator, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a former name of a tenant: requests to the address with it are refused, and another tenant may have it.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/former-names/{former}", operation_id = "forgetFormerName", tag = "tenants",
    responses((status = 200, description = "The tenant after the change.", body = Tenant))
)]
pub(super) async fn forget_name(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Json<Tenant>, ApiFailure> {
    let tenant = tenant_names::forget(&operator, &tenant, &name).await?;
    Ok(Json(wire(&operator, tenant)))
}

fn wire(operator: &Operator, tenant: TenantRow) -> Tenant {
    let limits = tenants::limits(&tenant);
    let days = |days: Option<i32>| days.and_then(|days| u32::try_from(days).ok());
    Tenant {
        id: tenant.id.to_string(),
        state: tenant.state.word(),
        client_profile: tenant.client.profile,
        limits: TenantLimits { requests: limits.requests, rate: limits.rate.map(|rate| rate.to_string()) },
        retention: TenantRetention {
            tombstone_days: days(tenant.retention.tombstones),
            event_days: days(tenant.retention.events),
            log_days: days(tenant.retention.log),
        },
        log_redaction: tenant.log_redacted,
        former_names: tenant.former_names,
        active_mapping: tenant.active_mapping,
        created_at: rfc3339(tenant.created_at),
        scim_url: format!("{}{TENANT_PREFIX}{}{SCIM_BASE}", operator.gateway.public_url, tenant.name),
        name: tenant.name,
    }
}
