//! Erasing tenants: `/admin/v1/tenants/{tenant}/erasure` begins, `/admin/v1/erasures` shows how far it has come and what was proven.

use axum::extract::Path;
use axum::http::StatusCode;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::erasures::{self, ErasureStatus};
use crate::store::erasure::ErasedTable;
use crate::store::tenant::deleted::DeletedTenant as DeletedRow;

/// Confirms an erasure.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewErasure {
    /// The tenant's name once more; of a deleted tenant whose name is not known, its id.
    confirm: String,
}

/// The erasure of a tenant. It is kept when the tenant is gone, as ids, times and numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Erasure {
    /// The tenant's id.
    #[schema(format = "uuid")]
    tenant: String,
    /// What the tenant was called; null once it is erased.
    #[schema(required)]
    name: Option<String>,
    #[schema(value_type = ErasureState)]
    state: &'static str,
    #[schema(format = DateTime)]
    requested_at: String,
    /// The operator key that asked for it; null for a command.
    #[schema(format = "uuid", required)]
    key: Option<String>,
    /// What stopped the last batch, which is tried again; null where nothing did.
    #[schema(required)]
    problem: Option<String>,
    /// When the last batch ended.
    #[schema(format = DateTime)]
    moved_at: String,
    #[schema(format = DateTime, required)]
    finished_at: Option<String>,
    /// Rows that were erased, in all tables. Not in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    erased: Option<i64>,
    /// Rows at the beginning, counted up to 1,000,000 of each table. Not in a list, and not before they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total: Option<i64>,
    /// The search at the end. Not in a list, and not before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    proof: Option<Proof>,
    /// Each table. Not in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<Table>,
}

/// Whether all is done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the OpenAPI document")]
enum ErasureState {
    /// Rows are being erased.
    Running,
    /// No row is left, and the tenant is gone.
    Finished,
}

/// What the search over every table with rows of tenants found.
#[derive(Debug, Serialize, ToSchema)]
struct Proof {
    /// How many tables were searched.
    tables: usize,
    /// How many rows of the tenant were found: 0.
    rows: i64,
}

/// One table.
#[derive(Debug, Serialize, ToSchema)]
struct Table {
    name: String,
    /// Rows at the beginning.
    counted: i64,
    /// Rows that were erased.
    erased: i64,
    /// Rows that the search at the end found; null before it.
    #[schema(required)]
    found: Option<i64>,
}

/// The latest erasures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasureList {
    erasures: Vec<Erasure>,
}

/// A deleted tenant, whose rows are still there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedTenant {
    #[schema(format = "uuid")]
    id: String,
    /// What it was called; null where a version before this one deleted it.
    #[schema(required)]
    name: Option<String>,
    #[schema(format = DateTime, required)]
    deleted_at: Option<String>,
    /// Whether its rows are being erased.
    erasing: bool,
}

/// Deleted tenants.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedTenantList {
    tenants: Vec<DeletedTenant>,
}

/// Delete a tenant, if it is not deleted, and erase its rows in the background: in every table, without a way back.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/erasure", operation_id = "eraseTenant", tag = "tenants", request_body = NewErasure,
    responses(
        (status = 202, description = "The erasure has begun, now or before: the tenant's tokens stop working and its name is free.", body = Erasure),
        (status = 400, description = "The confirmation is not the tenant's name."),
        (status = 409, description = "Several deleted tenants had this name: say which by its id."),
    )
)]
pub(super) async fn begin(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewErasure>,
) -> Result<(StatusCode, Json<Erasure>), ApiFailure> {
    let status = erasures::begin(&operator, &tenant, &body.confirm).await?;
    Ok((StatusCode::ACCEPTED, Json(wire(status, true))))
}

/// List the latest erasures.
#[utoipa::path(
    get, path = "/admin/v1/erasures", operation_id = "listErasures", tag = "tenants",
    responses((status = 200, description = "Up to 500 erasures, the latest first.", body = ErasureList))
)]
pub(super) async fn list(OperatorAccess(operator): OperatorAccess) -> Result<Json<ErasureList>, ApiFailure> {
    let erasures = erasures::list(&operator).await?;
    Ok(Json(ErasureList { erasures: erasures.into_iter().map(|status| wire(status, false)).collect() }))
}

/// Show how far a tenant's erasure has come, and what was proven at its end.
#[utoipa::path(
    get, path = "/admin/v1/erasures/{erased}", operation_id = "getErasure", tag = "tenants",
    responses((status = 200, description = "The erasure.", body = Erasure))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(id): Path<String>,
) -> Result<Json<Erasure>, ApiFailure> {
    let id = id.parse().map_err(|_| ScimError::new(404, "An erasure is found by the tenant's id, a UUID."))?;
    Ok(Json(wire(erasures::status(&operator, id).await?, true)))
}

/// List the deleted tenants whose rows are still there.
#[utoipa::path(
    get, path = "/admin/v1/deleted-tenants", operation_id = "listDeletedTenants", tag = "tenants",
    responses((status = 200, description = "Up to 1,000 deleted tenants, by name.", body = DeletedTenantList))
)]
pub(super) async fn deleted(OperatorAccess(operator): OperatorAccess) -> Result<Json<DeletedTenantList>, ApiFailure> {
    let tenants = erasures::deleted(&operator).await?.into_iter().map(DeletedTenant::from).collect();
    Ok(Json(DeletedTenantList { tenants }))
}

fn wire(ErasureStatus { erasure, tables }: ErasureStatus, with_tables: bool) -> Erasure {
    let rows: Option<i64> = tables.iter().map(|table| table.found).sum();
    let proof = rows.filter(|_| erasure.is_finished && with_tables).map(|rows| Proof { tables: tables.len(), rows });
    Erasure {
        tenant: erasure.tenant.to_string(),
        name: erasure.name,
        state: if erasure.is_finished { "finished" } else { "running" },
        requested_at: rfc3339(erasure.requested_at),
        key: erasure.key.map(|key| key.to_string()),
        problem: erasure.problem,
        moved_at: rfc3339(erasure.moved_at),
        finished_at: erasure.finished_at.map(rfc3339),
        erased: with_tables.then(|| tables.iter().map(|table| table.erased).sum()),
        total: (with_tables && erasure.is_counted).then(|| tables.iter().map(|table| table.counted).sum()),
        proof,
        tables: tables.into_iter().map(Table::from).collect(),
    }
}

impl From<ErasedTable> for Table {
    fn from(table: ErasedTable) -> Self {
        let ErasedTable { name, counted, erased, found } = table;
        Self { name, counted, erased, found }
    }
}

impl From<DeletedRow> for DeletedTenant {
    fn from(row: DeletedRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            deleted_at: row.deleted_at.map(rfc3339),
            erasing: row.is_being_erased,
        }
    }
}
