//! `GET /Users/{id}`, `GET /Groups/{id}`.

use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;

use super::ResourcePath;
use super::parameters::{Parameters, if_none_match};
use crate::http::access::ScimAccess;
use crate::http::error::Failure;
use crate::operation::get;
use crate::operation::reply::Reply;

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Reply, Failure> {
    let resource_type = ctx.resource_type(&path.endpoint).map_err(Failure::scim)?;
    let projection = Parameters::read(query.as_deref()).projection(&resource_type).map_err(Failure::scim)?;
    let known = if_none_match(&headers).map_err(Failure::scim)?;
    let reply = get::run(ctx, resource_type, &path.id, projection).await.map_err(Failure::scim)?;
    // RFC 7644 §3.14: what the client has already is not sent again.
    let unchanged = known.is_some_and(|tags| tags.holds(reply.version));
    Ok(if unchanged { Reply { status: 304, body: None, ..reply } } else { reply })
}
