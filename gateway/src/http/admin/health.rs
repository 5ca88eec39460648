//! `/admin/v1/tenants/{tenant}/health` and `/admin/v1/health`.

mod model;

use axum::extract::Path;
use scimgate_scim::error::ScimError;
use serde::Deserialize;
use utoipa::IntoParams;

use self::model::{HealthList, TenantHealth, listed, shown};
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::{Parameters, number};
use crate::operation::admin::health::{self, MAX_PAGE, Order};

/// Which tenants to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HealthQuery {
    /// `health`: those in trouble first; `name`: by name.
    #[param(default = "health")]
    order: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most tenants of the reply.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 50)]
    limit: Option<String>,
}

/// Show the health of a tenant.
///
/// What its identity provider does, what is wrong with it, and what to do. The reply is of this moment; what the provider sends is in it after
/// some seconds.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/health", operation_id = "getTenantHealth", tag = "health",
    responses((status = 200, description = "The health of the tenant.", body = TenantHealth))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<TenantHealth>, ApiFailure> {
    Ok(Json(shown(health::get(&operator, &tenant).await?)))
}

/// List the health of all tenants.
///
/// A new tenant is among those in trouble first after half a minute, by name at once.
#[utoipa::path(
    get, path = "/admin/v1/health", operation_id = "listHealth", tag = "health", params(HealthQuery),
    responses(
        (status = 200, description = "A page of tenants.", body = HealthList),
        (status = 400, description = "A parameter cannot be read."),
    )
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Parameters(query): Parameters<HealthQuery>,
) -> Result<Json<HealthList>, ApiFailure> {
    let order = match query.order.as_deref() {
        None | Some("health") => Order::Health,
        Some("name") => Order::Name,
        Some(_) => return Err(ScimError::new(400, "order must be health or name.").into()),
    };
    let limit = number("limit", query.limit.as_deref(), 50, 1..=MAX_PAGE)?;
    Ok(Json(listed(health::list(&operator, order, query.cursor.as_deref(), limit).await?)))
}
