//! The resources of a page as texts. A group is shown with all of its members.

use scimgate_scim::error::{ScimError, ScimType};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::request::Request;
use crate::operation::pace::Pace;
use crate::operation::resource::{members, reply};
use crate::store::membership::MembersByGroup;
use crate::store::resource::read::Stored;

/// Groups whose members are read together.
const BATCH_SIZE: usize = 50;

pub(super) async fn resources(ctx: &Context, request: &Request, rows: &[Stored]) -> Result<Vec<String>, Error> {
    check_members(ctx, request, rows).await?;
    let (mut texts, mut pace) = (Vec::with_capacity(rows.len()), Pace::begin());
    ctx.compute(rows.iter().map(Stored::bytes).max().unwrap_or_default()).await;
    for batch in rows.chunks(BATCH_SIZE) {
        let groups = with_members(request, batch)?;
        let listed = if groups.is_empty() { MembersByGroup::new() } else { ctx.store.members(&groups).await? };
        for row in batch {
            pace.step().await;
            let (resource_type, projection) = request.of_type(&row.resource_type)?;
            let members = listed.get(&row.id).map(Vec::as_slice).unwrap_or_default();
            texts.push(reply::render(ctx, resource_type, row, members, projection)?);
        }
    }
    Ok(texts)
}

/// The groups whose members the reply shows.
fn with_members(request: &Request, rows: &[Stored]) -> Result<Vec<Uuid>, Error> {
    let mut groups = Vec::new();
    for row in rows {
        let (resource_type, projection) = request.of_type(&row.resource_type)?;
        if members::are_shown(resource_type, projection) {
            groups.push(row.id);
        }
    }
    Ok(groups)
}

/// Refuses a page with too many members, unless it has a single group. Clients that add `count` to startIndex, and not
/// `itemsPerPage`, would skip groups after a shorter page, and would take a shorter list of members for the whole.
async fn check_members(ctx: &Context, request: &Request, rows: &[Stored]) -> Result<(), Error> {
    let groups = with_members(request, rows)?;
    let limit = ctx.gateway.lists.members;
    if groups.len() < 2 || ctx.store.count_members(&groups, limit.saturating_add(1)).await? <= limit {
        return Ok(());
    }
    let detail = format!(
        "The {} groups of this page have more than {limit} members together. Ask for fewer groups with count, or for \
         groups without members by excludedAttributes=members.",
        groups.len()
    );
    Err(ScimError::bad_request(ScimType::TooMany, detail).into())
}
