//! GET of one resource (RFC 7644 §3.4.1).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::Context;
use crate::operation::Error;
use crate::operation::resource::members;
use crate::operation::resource::reply::{Reply, show};

/// Shows a resource.
///
/// # Errors
/// 404 where the tenant has none with this id.
pub async fn run(
    ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    let key = parse_id(&resource_type, id)?;
    let options = members::read_options(&resource_type, projection.as_ref());
    let stored = ctx.store.get(&resource_type.name, key, options).await?;
    let stored = stored.ok_or_else(|| ScimError::not_found(&resource_type.name, id))?;
    let listed = members::shown(&ctx, &resource_type, key, projection.as_ref()).await?;
    show(&ctx, 200, &resource_type, &stored, &listed, projection.as_ref())
}

/// Ids are ours, and told apart by the case of their letters (RFC 7643 §3.1): a text that is no UUID as we write it names
/// nothing.
pub(crate) fn parse_id(resource_type: &ResourceType, id: &str) -> Result<Uuid, Error> {
    let known =
        id.parse().ok().filter(|known: &Uuid| *id == *known.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    known.ok_or_else(|| Error::Scim(ScimError::not_found(&resource_type.name, id)))
}
