//! `/admin/v1/schema-packs`, and adding one to a tenant.

use axum::extract::Path;
use scimgate_scim::schema::packs::Pack;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::packs;

/// The pack to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PackChoice {
    /// The pack's name.
    pack: String,
}

/// A schema pack: extensions and resource types that come with the gateway.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SchemaPack {
    name: &'static str,
    description: &'static str,
    /// Where its definitions come from.
    source: &'static str,
    /// Whether every tenant has it.
    built_in: bool,
    /// The URNs of its extension schemas.
    schemas: Vec<&'static str>,
    /// The names of its resource types.
    resource_types: Vec<&'static str>,
    /// The endpoints of its resource types.
    endpoints: Vec<&'static str>,
}

/// Every schema pack.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SchemaPackList {
    packs: Vec<SchemaPack>,
}

/// List the schema packs.
#[utoipa::path(
    get, path = "/admin/v1/schema-packs", operation_id = "listSchemaPacks", tag = "schema packs",
    responses((status = 200, description = "Every schema pack.", body = SchemaPackList))
)]
pub(super) async fn list(_access: OperatorAccess) -> Json<SchemaPackList> {
    Json(SchemaPackList { packs: packs::list().iter().map(SchemaPack::from).collect() })
}

/// Add a schema pack to a tenant.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/schema-packs", operation_id = "addSchemaPack", tag = "schema packs",
    request_body = PackChoice,
    responses(
        (status = 200, description = "The tenant has all of the pack.", body = SchemaPack),
        (status = 409, description = "Every tenant has the pack, or stored resources conflict with it."),
    )
)]
pub(super) async fn add(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<PackChoice>,
) -> Result<Json<SchemaPack>, ApiFailure> {
    Ok(Json(packs::add(&operator, &tenant, &body.pack).await?.into()))
}

impl From<&'static Pack> for SchemaPack {
    fn from(pack: &'static Pack) -> Self {
        Self {
            name: &pack.name,
            description: &pack.description,
            source: &pack.source,
            built_in: pack.built_in,
            schemas: pack.extensions.iter().map(|(_, schema)| schema.id.as_str()).collect(),
            resource_types: pack.resource_types.iter().map(|it| it.name.as_str()).collect(),
            endpoints: pack.resource_types.iter().map(|it| it.endpoint.as_str()).collect(),
        }
    }
}
