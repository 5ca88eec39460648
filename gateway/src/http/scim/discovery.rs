//! `GET /ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4).

use std::collections::HashMap;

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use scimgate_scim::discovery;
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Choice;
use scimgate_scim::profile::Profile;
use serde_json::Value;

use super::parameters::Parameters;
use super::response::scim_json;
use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;
use crate::operation::list::CURSOR_TTL;

pub(super) async fn service_provider_config(ScimAccess(ctx): ScimAccess) -> Response {
    let mut config = discovery::service_provider_config(&ctx.base_url, CURSOR_TTL.as_secs());
    if ctx.settings.leniencies.chooses(Choice::NoEtags) {
        config["etag"]["supported"] = false.into();
    }
    if ctx.settings.client.profile == Profile::Interop2026 {
        config["interopProfileConformant"] = true.into();
    }
    reply(&config)
}

pub(super) async fn resource_types(
    ScimAccess(ctx): ScimAccess,
    RawQuery(query): RawQuery,
) -> Result<Response, ScimFailure> {
    refuse_filter(query.as_deref())?;
    Ok(reply(&discovery::resource_types(&ctx.settings.registry, &ctx.base_url)))
}

pub(super) async fn resource_type(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<HashMap<String, String>>,
) -> Result<Response, ScimFailure> {
    let name = path.get("name").map(String::as_str).unwrap_or_default();
    let found = discovery::resource_type(&ctx.settings.registry, name, &ctx.base_url);
    Ok(reply(&found.ok_or_else(|| ScimError::new(404, format!("There is no resource type {name}.")))?))
}

pub(super) async fn schemas(ScimAccess(ctx): ScimAccess, RawQuery(query): RawQuery) -> Result<Response, ScimFailure> {
    refuse_filter(query.as_deref())?;
    Ok(reply(&discovery::schemas(&ctx.settings.registry, &ctx.base_url)))
}

pub(super) async fn schema(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<HashMap<String, String>>,
) -> Result<Response, ScimFailure> {
    let urn = path.get("urn").map(String::as_str).unwrap_or_default();
    let found = discovery::schema(&ctx.settings.registry, urn, &ctx.base_url);
    Ok(reply(&found.ok_or_else(|| ScimError::new(404, format!("There is no schema {urn}.")))?))
}

/// RFC 7644 §4: "If a "filter" is provided, the service provider SHOULD respond with HTTP status code 403".
fn refuse_filter(query: Option<&str>) -> Result<(), ScimFailure> {
    if Parameters::read(query).get("filter").is_some() {
        let detail = "Schemas and resource types cannot be filtered; leave the filter out.";
        return Err(ScimError::new(403, detail).into());
    }
    Ok(())
}

fn reply(body: &Value) -> Response {
    scim_json(body.to_string())
}
