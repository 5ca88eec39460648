//! `/admin/v1/tenants/{tenant}/export`: the whole tenant as lines of JSON.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    client, directory_schema, group_rules, guard, mapping, resource_types, schemas, search_attributes, tenants,
};
use crate::http::access::{OperatorAccess, SCIM_BASE, TENANT_PREFIX};
use crate::http::error::{self, ApiFailure};
use crate::http::json::Json;
use crate::operation::admin::export;
use crate::operation::{Error, Operator};

/// The media type of lines of JSON.
pub(super) const LINES: &str = "application/x-ndjson";

/// Export a tenant.
///
/// Each line is a JSON object with one of these members: `header`, the first one, with the version of the format and the tenant's
/// settings; `resource` as the SCIM client reads it, with `unknown`, its unknown attributes, beside it; `members` of a group, in lines of
/// at most 500; and `end` with their numbers, without which the export is not complete. It has no secrets. Writes meanwhile may be in it
/// or not; suspend the tenant for an exact copy.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/export", operation_id = "exportTenant", tag = "tenants",
    responses((status = 200, description = "The lines.", body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn export(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Response, ApiFailure> {
    let base_url = format!("{}{TENANT_PREFIX}{tenant}{SCIM_BASE}", operator.gateway.public_url);
    let begun = export::begin(&operator, &tenant, base_url).await?;
    let parts = begun.parts(settings(&operator, &tenant).await?).await?;
    let mut response = error::body(parts).into_response();
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(LINES));
    Ok(response)
}

/// The tenant's settings, each as its own route shows it.
async fn settings(operator: &Operator, tenant: &str) -> Result<Value, ApiFailure> {
    let of = || (OperatorAccess(operator.clone()), Path(tenant.to_owned()));
    let (access, name) = of();
    let shown = value(&tenants::get(access, name).await?)?;
    let (access, name) = of();
    let client = value(&client::get(access, name).await?)?;
    let (access, name) = of();
    let schemas = value(&schemas::list(access, name).await?)?;
    let (access, name) = of();
    let types = value(&resource_types::list(access, name).await?)?;
    let (access, name) = of();
    let search = value(&search_attributes::get(access, name).await?)?;
    let (access, name) = of();
    let directory = value(&directory_schema::get(access, name).await?)?;
    let (access, name) = of();
    let groups = value(&group_rules::get(access, name).await?)?;
    let (access, name) = of();
    let guard = value(&guard::get(access, name).await?)?;
    let (access, name) = of();
    let mapping = value(&mapping::get(access, name).await?)?;
    Ok(json!({
        "state": shown["state"],
        "limits": shown["limits"],
        "retention": shown["retention"],
        "logRedaction": shown["logRedaction"],
        "client": { "profile": client["profile"], "leniencies": client["leniencies"], "choices": client["choices"] },
        "schemas": schemas["schemas"],
        "resourceTypes": types["resourceTypes"],
        "searchAttributes": search["attributes"],
        "directorySchema": directory["rules"],
        "ssoSubject": directory["ssoSubject"],
        "groupRules": groups["rules"],
        "guard": guard,
        "mapping": mapping,
    }))
}

fn value<T: Serialize>(Json(reply): &Json<T>) -> Result<Value, Error> {
    serde_json::to_value(reply).map_err(|why| Error::Corrupt(format!("a tenant's settings: {why}")))
}
