//! `GET /Users/{id}`, `GET /Groups/{id}`.

use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use scimgate_scim::error::ScimError;
use scimgate_scim::etag;

use super::ResourcePath;
use super::parameters::{Parameters, condition};
use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;
use crate::operation::resource::reply::Reply;
use crate::operation::resource::{get, members};

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ScimFailure> {
    let resource_type = ctx.resource_type(&path.endpoint)?;
    let projection = Parameters::read(query.as_deref()).projection(&resource_type)?;
    let condition = condition(&ctx, &headers)?;
    let shows_groups = members::read_options(&resource_type, projection.as_ref()).groups;
    let (reply, parts) = get::run(ctx, resource_type, &path.id, projection).await?;
    let Some(condition) = condition else { return Ok(reply.in_parts(parts)) };
    // RFC 9110 §13.2.2: `If-Match` comes first.
    if !condition.if_match_holds(reply.version) {
        let version = reply.version.map(etag::weak).unwrap_or_default();
        return Err(ScimError::new(412, format!("The resource has version {version} now.")).into());
    }
    // RFC 7644 §3.14: what the client has already is not sent again. A user's groups change without a new version of the user.
    let unchanged = !shows_groups && !condition.if_none_match_holds(reply.version);
    if unchanged {
        return Ok(Reply { status: 304, body: None, ..reply }.into_response());
    }
    Ok(reply.in_parts(parts))
}
