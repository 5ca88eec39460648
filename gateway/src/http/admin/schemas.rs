//! `/admin/v1/tenants/{tenant}/schemas`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use scimgate_scim::error::ScimError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Json, made, reply};
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::Error;
use crate::operation::Gateway;
use crate::operation::admin::schemas;
use crate::operation::admin::schemas::{Source, Wanted};
use crate::store::schema::SchemaRow;

/// The body of a POST: a definition or the name of a pack, and how it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct New {
    schema: Option<Value>,
    pack: Option<String>,
    #[serde(default = "user")]
    resource_type: String,
    #[serde(default)]
    directory_only: bool,
    #[serde(default)]
    required: bool,
}

fn user() -> String {
    "User".to_owned()
}

pub(super) async fn put(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
    Json(body): Json<New>,
) -> Result<Response, Failure> {
    let wanted = Wanted {
        source: source(body.schema, body.pack).map_err(Failure::internal)?,
        resource_type: body.resource_type,
        directory_only: body.directory_only,
        required: body.required,
    };
    let put = schemas::put(&gateway, &tenant, wanted).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.name = %tenant, schema.id = %put.row.id, new = put.new, "schema put");
    Ok(reply(made(put.new), shown(&put.row).map_err(Failure::internal)?))
}

pub(super) async fn list(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
) -> Result<Response, Failure> {
    let rows = schemas::list(&gateway, &tenant).await.map_err(Failure::internal)?;
    let shown = rows.iter().map(shown).collect::<Result<Vec<_>, _>>().map_err(Failure::internal)?;
    Ok(reply(StatusCode::OK, json!({ "schemas": shown })))
}

pub(super) async fn get(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path((tenant, urn)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let row = schemas::get(&gateway, &tenant, &urn).await.map_err(Failure::internal)?;
    Ok(reply(StatusCode::OK, shown(&row).map_err(Failure::internal)?))
}

pub(super) async fn remove(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path((tenant, urn)): Path<(String, String)>,
) -> Result<Response, Failure> {
    schemas::remove(&gateway, &tenant, &urn).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.name = %tenant, schema.id = %urn, "schema removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn source(schema: Option<Value>, pack: Option<String>) -> Result<Source, ScimError> {
    match (schema, pack) {
        (Some(definition), None) => Ok(Source::Definition(definition)),
        (None, Some(name)) => Ok(Source::Pack(name)),
        _ => {
            Err(ScimError::new(400, "Give either schema, a definition as /Schemas shows it, or pack, the name of one."))
        }
    }
}

fn shown(row: &SchemaRow) -> Result<Value, Error> {
    let definition: Value =
        serde_json::from_str(&row.definition).map_err(|why| Error::Corrupt(format!("schema {}: {why}", row.id)))?;
    Ok(json!({
        "id": row.id,
        "resourceType": row.resource_type,
        "directoryOnly": row.directory_only,
        "required": row.required,
        "schema": definition,
    }))
}
