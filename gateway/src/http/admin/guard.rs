//! `/admin/v1/tenants/{tenant}/guard`.

use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::guard;
use crate::store::guard::GuardRow;

/// The guard against mass deprovisioning. What is more than a number within an hour, and more than the share of the tenant's users, is
/// held.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Guard {
    /// Users that may be deactivated, deleted or excluded within an hour; null switches the guard off.
    #[schema(minimum = 0, maximum = 1_000_000)]
    users: Option<i32>,
    /// Memberships that may be removed within an hour.
    #[schema(minimum = 0, maximum = 1_000_000)]
    members: Option<i32>,
    /// The share of the tenant's users, in percent, up to which either may be more.
    #[schema(minimum = 0, maximum = 100)]
    percent: Option<i32>,
    /// A SCIM filter: users that it matches never leave the product without an operator.
    protected: Option<String>,
    /// Activating a mapping by whose plan so many users would vanish from the product, or more, must be confirmed.
    #[serde(default = "first")]
    #[schema(minimum = 1, maximum = 1_000_000, default = 1)]
    confirm_from: i32,
}

fn first() -> i32 {
    1
}

/// Show a tenant's guard.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/guard", operation_id = "getGuard", tag = "held changes",
    responses((status = 200, description = "The guard.", body = Guard))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<Guard>, ApiFailure> {
    Ok(Json(guard::get(&operator, &tenant).await?.into()))
}

/// Set a tenant's guard.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/guard", operation_id = "setGuard", tag = "held changes", request_body = Guard,
    responses((status = 200, description = "The guard after the change.", body = Guard))
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<Guard>,
) -> Result<Json<Guard>, ApiFailure> {
    let Guard { users, members, percent, protected, confirm_from } = body;
    let row = GuardRow { users, members, percent, protected, confirm_from };
    Ok(Json(guard::set(&operator, &tenant, &row).await?.into()))
}

impl From<GuardRow> for Guard {
    fn from(row: GuardRow) -> Self {
        let GuardRow { users, members, percent, protected, confirm_from } = row;
        Self { users, members, percent, protected, confirm_from }
    }
}
