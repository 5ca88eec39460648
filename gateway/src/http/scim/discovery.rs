//! `GET /ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4).

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use scimgate_scim::discovery;
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Choice;
use scimgate_scim::profile::Profile;
use serde_json::Value;
use std::collections::HashMap;

use super::parameters::Parameters;
use crate::http::access::ScimAccess;
use crate::http::error::Failure;
use crate::http::response::scim_json;
use crate::operation::list::CURSOR_LIFE;

pub(super) async fn service_provider_config(ScimAccess(ctx): ScimAccess) -> Response {
    let mut config = discovery::service_provider_config(&ctx.base_url, CURSOR_LIFE.as_secs());
    if ctx.settings.leniencies.chooses(Choice::NoEtags) {
        config["etag"]["supported"] = false.into();
    }
    if ctx.settings.client.profile == Profile::Interop2026 {
        config["interopProfileConformant"] = true.into();
    }
    show(&config)
}

pub(super) async fn resource_types(
    ScimAccess(ctx): ScimAccess,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    refuse_filter(query.as_deref())?;
    Ok(show(&discovery::resource_types(&ctx.settings.registry, &ctx.base_url)))
}

pub(super) async fn resource_type(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<HashMap<String, String>>,
) -> Result<Response, Failure> {
    let name = path.get("name").map(String::as_str).unwrap_or_default();
    let found = discovery::resource_type(&ctx.settings.registry, name, &ctx.base_url);
    found
        .as_ref()
        .map(show)
        .ok_or_else(|| Failure::scim(ScimError::new(404, format!("There is no resource type {name}."))))
}

pub(super) async fn schemas(ScimAccess(ctx): ScimAccess, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    refuse_filter(query.as_deref())?;
    Ok(show(&discovery::schemas(&ctx.settings.registry, &ctx.base_url)))
}

pub(super) async fn schema(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<HashMap<String, String>>,
) -> Result<Response, Failure> {
    let urn = path.get("urn").map(String::as_str).unwrap_or_default();
    let found = discovery::schema(&ctx.settings.registry, urn, &ctx.base_url);
    found.as_ref().map(show).ok_or_else(|| Failure::scim(ScimError::new(404, format!("There is no schema {urn}."))))
}

/// RFC 7644 §4: "If a "filter" is provided, the service provider SHOULD respond with HTTP status code 403".
fn refuse_filter(query: Option<&str>) -> Result<(), Failure> {
    if Parameters::read(query).get("filter").is_some() {
        return Err(Failure::scim(ScimError::new(
            403,
            "Schemas and resource types are listed whole; leave the filter out.",
        )));
    }
    Ok(())
}

fn show(body: &Value) -> Response {
    scim_json(body.to_string())
}
