//! Members of groups, kept beside their document.

use scimgate_scim::member::Member;
use scimgate_scim::patch::MemberDelta;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use super::{Context, Error};
use crate::store::membership::{self, Members};
use crate::store::resource::Along;

/// A PATCH's net effect as the store takes it.
pub(crate) fn from_delta(delta: &MemberDelta) -> Members {
    Members { replace_all: delta.replace_all, add: values(&delta.add), remove: delta.remove.clone() }
}

/// These and no others.
pub(crate) fn exactly(members: &[Member]) -> Members {
    Members { replace_all: true, add: values(members), remove: Vec::new() }
}

fn values(members: &[Member]) -> Vec<String> {
    let mut values: Vec<String> = members.iter().map(|member| canonical(&member.value)).collect();
    values.sort();
    values.dedup();
    values
}

/// An id in other letters is the same id: ours are UUIDs.
fn canonical(value: &str) -> String {
    value.parse::<Uuid>().map_or_else(|_| value.to_owned(), |id| id.to_string())
}

/// What a read must take along for a reply.
pub(crate) fn along(resource_type: &ResourceType, projection: Option<&Projection>) -> Along {
    let has_groups = resource_type.detached.is_none() && resource_type.resolve("groups").is_some();
    Along { groups: has_groups && projection.is_none_or(|asked| asked.wants("groups")) }
}

/// The members of a group, where the reply shows them; a request that leaves them out never loads them.
pub(crate) async fn shown(
    ctx: &Context,
    resource_type: &ResourceType,
    id: Uuid,
    projection: Option<&Projection>,
) -> Result<Vec<membership::Member>, Error> {
    if !are_shown(resource_type, projection) {
        return Ok(Vec::new());
    }
    Ok(ctx.store.members(&[id]).await?.remove(&id).unwrap_or_default())
}

/// Whether a reply shows members.
pub(crate) fn are_shown(resource_type: &ResourceType, projection: Option<&Projection>) -> bool {
    resource_type.detached.is_some_and(|name| projection.is_none_or(|asked| asked.wants(name)))
}
