//! `GET /Users/{id}`, `GET /Groups/{id}`.

use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use scimgate_scim::error::ScimError;
use scimgate_scim::etag;

use super::ResourcePath;
use super::parameters::{Parameters, condition};
use crate::http::access::ScimAccess;
use crate::http::error::Failure;
use crate::operation::resource::get;
use crate::operation::resource::members;
use crate::operation::resource::reply::Reply;

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Reply, Failure> {
    let resource_type = ctx.resource_type(&path.endpoint).map_err(Failure::scim)?;
    let projection = Parameters::read(query.as_deref()).projection(&resource_type).map_err(Failure::scim)?;
    let condition = condition(&ctx, &headers).map_err(Failure::scim)?;
    let shows_groups = members::read_options(&resource_type, projection.as_ref()).groups;
    let reply = get::run(ctx, resource_type, &path.id, projection).await.map_err(Failure::scim)?;
    let Some(condition) = condition else { return Ok(reply) };
    // RFC 9110 §13.2.2: `If-Match` comes first.
    if !condition.if_match_holds(reply.version) {
        let version = reply.version.map(etag::weak).unwrap_or_default();
        return Err(Failure::scim(ScimError::new(412, format!("The resource has version {version} now."))));
    }
    // RFC 7644 §3.14: what the client has already is not sent again. The groups of a user, though, change without the user.
    let unchanged = !shows_groups && !condition.if_none_match_holds(reply.version);
    Ok(if unchanged { Reply { status: 304, body: None, ..reply } } else { reply })
}
