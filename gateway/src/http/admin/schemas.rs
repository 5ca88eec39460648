//! `/admin/v1/tenants/{tenant}/schemas`.

use axum::extract::Path;
use axum::http::StatusCode;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::{Json, put_status};
use crate::operation::Error;
use crate::operation::admin::schemas::{self, Source, Wanted};
use crate::store::schema::SchemaRow;

/// A new extension schema: a definition or the name of a pack, and how it is used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewSchema {
    /// A definition as `/Schemas` shows it (RFC 7643 §7).
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
    /// The name of a schema pack that is one extension, in place of a definition.
    pack: Option<String>,
    /// The resource type that it extends.
    #[serde(default = "user")]
    #[schema(default = "User")]
    resource_type: String,
    /// Whether only mapped documents have it.
    #[serde(default)]
    directory_only: bool,
    /// Whether every resource must have it.
    #[serde(default)]
    required: bool,
}

fn user() -> String {
    "User".to_owned()
}

/// An extension schema of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtensionSchema {
    /// Its URN.
    id: String,
    /// The resource type that it extends.
    resource_type: String,
    /// Whether only mapped documents have it.
    directory_only: bool,
    /// Whether every resource must have it.
    required: bool,
    /// The definition as `/Schemas` shows it (RFC 7643 §7).
    #[schema(value_type = Object)]
    schema: Value,
}

/// The extension schemas of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SchemaList {
    schemas: Vec<ExtensionSchema>,
}

/// Add an extension schema, or replace the one with its URN.
///
/// The URN of the schema of a resource type of the tenant's own replaces that schema.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/schemas", operation_id = "putSchema", tag = "schemas",
    request_body = NewSchema,
    responses(
        (status = 200, description = "The schema is replaced.", body = ExtensionSchema),
        (status = 201, description = "The schema is added.", body = ExtensionSchema),
        (status = 409, description = "Stored resources conflict with it, or another change of schemas is under way."),
    )
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewSchema>,
) -> Result<(StatusCode, Json<ExtensionSchema>), ApiFailure> {
    let wanted = Wanted {
        source: source(body.schema, body.pack)?,
        resource_type: body.resource_type,
        directory_only: body.directory_only,
        required: body.required,
    };
    let put = schemas::put(&operator, &tenant, wanted).await?;
    Ok((put_status(put.added), Json(put.row.try_into()?)))
}

/// List a tenant's extension schemas.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/schemas", operation_id = "listSchemas", tag = "schemas",
    responses((status = 200, description = "Every extension schema, the oldest first.", body = SchemaList))
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<SchemaList>, ApiFailure> {
    let rows = schemas::list(&operator, &tenant).await?;
    let schemas = rows.into_iter().map(ExtensionSchema::try_from).collect::<Result<_, _>>()?;
    Ok(Json(SchemaList { schemas }))
}

/// Show an extension schema.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/schemas/{urn}", operation_id = "getSchema", tag = "schemas",
    responses((status = 200, description = "The schema.", body = ExtensionSchema))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, urn)): Path<(String, String)>,
) -> Result<Json<ExtensionSchema>, ApiFailure> {
    Ok(Json(schemas::get(&operator, &tenant, &urn).await?.try_into()?))
}

/// Remove an extension schema.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/schemas/{urn}", operation_id = "removeSchema", tag = "schemas",
    responses(
        (status = 204, description = "The schema is removed."),
        (status = 409, description = "Stored resources have data of it, or another change of schemas is under way."),
    )
)]
pub(super) async fn remove(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, urn)): Path<(String, String)>,
) -> Result<StatusCode, ApiFailure> {
    schemas::remove(&operator, &tenant, &urn).await?;
    Ok(StatusCode::NO_CONTENT)
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

impl TryFrom<SchemaRow> for ExtensionSchema {
    type Error = Error;

    fn try_from(row: SchemaRow) -> Result<Self, Error> {
        let schema = serde_json::from_str(&row.definition);
        let schema = schema.map_err(|why| Error::Corrupt(format!("schema {}: {why}", row.id)))?;
        Ok(Self {
            id: row.id,
            resource_type: row.resource_type,
            directory_only: row.directory_only,
            required: row.required,
            schema,
        })
    }
}
