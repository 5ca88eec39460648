//! GET of one resource (RFC 7644 §3.4.1).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::large_group::{LargeGroup, MAX_MEMBERS_AT_ONCE, Parts};
use crate::operation::resource::members;
use crate::operation::resource::reply::{Reply, members_text, show};
use crate::store::membership::Member;
use crate::store::membership::page::Viewer;
use crate::store::resource::read::{ReadOptions, Stored};

/// Shows a resource: as a reply, or, for a group with many members, as one without a body and the body's parts.
///
/// # Errors
/// 404 where the tenant has none with this id.
pub async fn run(
    ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    projection: Option<Projection>,
) -> Result<(Reply, Option<Parts>), Error> {
    let key = parse_id(id).ok_or_else(|| ScimError::not_found(&resource_type.name, id))?;
    let options = members::read_options(&resource_type, projection.as_ref());
    let stored = find(&ctx, &resource_type, key, options).await?;
    let Some(attribute) = resource_type.detached.filter(|_| members::are_shown(&resource_type, projection.as_ref()))
    else {
        return Ok((show(&ctx, 200, &resource_type, &stored, &[], projection.as_ref())?, None));
    };
    if let Some(few) = ctx.store.few_members(key, Viewer::Client, MAX_MEMBERS_AT_ONCE).await? {
        return Ok((show(&ctx, 200, &resource_type, &stored, &few, projection.as_ref())?, None));
    }
    let mut reply = show(&ctx, 200, &resource_type, &stored, &[], projection.as_ref())?;
    let text = reply.body.take().unwrap_or_default();
    let render =
        Box::new(move |ctx: &Context, members: &[Member]| members_text(ctx, attribute, members, projection.as_ref()));
    let group = LargeGroup { ctx, id: key, viewer: Viewer::Client, text, attribute, render };
    Ok((reply, Some(group.parts())))
}

/// Reads a living resource.
///
/// # Errors
/// 404 where the tenant has none with this id.
pub(crate) async fn find(
    ctx: &Context,
    resource_type: &ResourceType,
    id: Uuid,
    options: ReadOptions,
) -> Result<Stored, Error> {
    let found = ctx.store.get(&resource_type.name, id, options).await?;
    let found = found.ok_or_else(|| ScimError::not_found(&resource_type.name, &id.to_string()))?;
    ctx.compute(found.bytes()).await;
    Ok(found)
}

/// Ids are case-exact (RFC 7643 §3.1), so only a UUID in canonical form is an id.
pub(crate) fn parse_id(id: &str) -> Option<Uuid> {
    id.parse().ok().filter(|known: &Uuid| *id == *known.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}
