//! `/admin/v1/tenants/{tenant}/search-attributes`.

use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::search_attributes;
use crate::store::resource::indexed::SearchKeys;

/// The attributes to search by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchAttributesChange {
    /// Their names, such as `emails.value`; all others are given up.
    attributes: Vec<String>,
}

/// The attributes by whose values a filter with `eq` is a look-up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SearchAttributes {
    attributes: Vec<String>,
    /// Those that filters rely on already; for the others the job `search-keys` inserts the keys of stored resources.
    ready: Vec<String>,
}

/// Show the attributes that a tenant's resources can be searched by.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/search-attributes", operation_id = "getSearchAttributes", tag = "schemas",
    responses((status = 200, description = "The attributes.", body = SearchAttributes))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<SearchAttributes>, ApiFailure> {
    Ok(Json(search_attributes::get(&operator, &tenant).await?.into()))
}

/// Set the attributes that a tenant's resources can be searched by.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/search-attributes", operation_id = "setSearchAttributes", tag = "schemas",
    request_body = SearchAttributesChange,
    responses((status = 200, description = "The attributes after the change.", body = SearchAttributes))
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<SearchAttributesChange>,
) -> Result<Json<SearchAttributes>, ApiFailure> {
    Ok(Json(search_attributes::set(&operator, &tenant, &body.attributes).await?.into()))
}

impl From<SearchKeys> for SearchAttributes {
    fn from(search: SearchKeys) -> Self {
        Self { attributes: search.attributes, ready: search.ready }
    }
}
