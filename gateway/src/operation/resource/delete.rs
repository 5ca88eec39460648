//! DELETE (RFC 7644 §3.6).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::schema::ResourceType;

use crate::operation::resource::reply::Reply;
use crate::operation::{ATTEMPTS, Context, Error};
use crate::store::resource::content::Written;
use crate::store::resource::read::ReadOptions;

/// Deletes a resource: from now on it is found nowhere and its names are free.
///
/// # Errors
/// 404 where there is none (any more), 412 where `If-Match` does not hold.
pub async fn run(
    ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    if_match: Option<Condition>,
) -> Result<Reply, Error> {
    let key = crate::operation::resource::get::parse_id(&resource_type, id)?;
    let absent = || ScimError::not_found(&resource_type.name, id);
    for _ in 0..ATTEMPTS {
        let mut expected = None;
        if if_match.is_some() {
            let before = ctx.store.get(&resource_type.name, key, ReadOptions::default()).await?.ok_or_else(absent)?;
            crate::operation::check_match(if_match.as_ref(), &before)?;
            expected = Some((before.own_version, before.member_changes));
        }
        let written = ctx.store.delete(&resource_type.name, key, expected, &ctx.stamp()).await;
        match crate::operation::lost_on_conflict(written, Written::Lost)? {
            Written::Done(_) => {
                ctx.gateway.events_waiting.notify_one();
                return Ok(Reply::no_content());
            }
            Written::Lost if expected.is_none() => {
                // Without a condition only its absence, or a deadlock that was resolved against us, keeps it from going.
                if ctx.store.get(&resource_type.name, key, ReadOptions::default()).await?.is_none() {
                    return Err(absent().into());
                }
            }
            Written::Lost => {}
        }
    }
    Err(Error::Contended)
}
