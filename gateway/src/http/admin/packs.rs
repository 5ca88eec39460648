//! `/admin/v1/schema-packs`, and adding one to a tenant.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use scimgate_scim::schema::packs::Pack;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Json, reply};
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::Gateway;
use crate::operation::admin::packs;

/// The body of a POST.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pack: String,
}

pub(super) async fn list(_: OperatorAccess) -> Response {
    let shown: Vec<Value> = packs::list().iter().map(shown).collect();
    reply(StatusCode::OK, json!({ "packs": shown }))
}

pub(super) async fn add(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
    Json(body): Json<Wanted>,
) -> Result<Response, Failure> {
    let pack = packs::add(&gateway, &tenant, &body.pack).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.name = %tenant, pack = %pack.name, "schema pack added");
    Ok(reply(StatusCode::OK, shown(pack)))
}

fn shown(pack: &Pack) -> Value {
    let types = pack.resource_types.iter();
    json!({
        "name": pack.name,
        "description": pack.description,
        "source": pack.source,
        "builtIn": pack.built_in,
        "schemas": pack.extensions.iter().map(|(_, schema)| &schema.id).collect::<Vec<_>>(),
        "resourceTypes": types.clone().map(|it| &it.name).collect::<Vec<_>>(),
        "endpoints": types.map(|it| &it.endpoint).collect::<Vec<_>>(),
    })
}
