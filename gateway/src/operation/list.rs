//! GET of many resources: by page, or by a filter (RFC 7644 §3.4.2).

use std::sync::Arc;

use scimgate_scim::error::{ScimError, ScimType};
use scimgate_scim::filter::Filter;
use scimgate_scim::list::{Paging, list_response};
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use super::reply::{render, tree};
use super::{Context, Error, members};
use crate::store::filter_sql::Plan;
use crate::store::membership::MembersByGroup;
use crate::store::resource::Stored;

/// Most documents that one filter may examine.
const EXAMINED: u64 = 2_000;

/// What is asked for.
pub struct Query {
    /// The filter's text.
    pub filter: Option<String>,
    /// Which page.
    pub paging: Paging,
    /// Which attributes.
    pub projection: Option<Projection>,
}

/// The list response's text.
///
/// # Errors
/// 400 `invalidFilter` for a filter that is malformed or cannot be answered, 400 `tooMany` for one that finds too much.
pub async fn run(ctx: Context, resource_type: Arc<ResourceType>, query: Query) -> Result<String, Error> {
    let filter = query.filter.as_deref().map(|text| Filter::parse(text, &resource_type)).transpose()?;
    let (page, total) = match filter {
        Some(filter) => filtered(&ctx, &resource_type, &filter, &query).await?,
        None => unfiltered(&ctx, &resource_type, &query).await?,
    };
    let listed = listed_members(&ctx, &resource_type, &page, query.projection.as_ref()).await?;
    let nobody = Vec::new();
    let resources = page
        .iter()
        .map(|stored| {
            let members = listed.get(&stored.id).unwrap_or(&nobody);
            render(&ctx, &resource_type, stored, members, query.projection.as_ref())
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(list_response(&resources, total, query.paging.start_index))
}

async fn unfiltered(ctx: &Context, resource_type: &ResourceType, query: &Query) -> Result<(Vec<Stored>, u64), Error> {
    let total = u64::try_from(ctx.store.count(&resource_type.name).await?).unwrap_or_default();
    let paging = &query.paging;
    if paging.count == 0 || paging.start_index > total {
        return Ok((Vec::new(), total));
    }
    let along = members::along(resource_type, query.projection.as_ref());
    let (offset, limit) = (to_i64(paging.offset()), to_i64(paging.count));
    Ok((ctx.store.page(&resource_type.name, offset, limit, along).await?, total))
}

async fn filtered(
    ctx: &Context,
    resource_type: &ResourceType,
    filter: &Filter,
    query: &Query,
) -> Result<(Vec<Stored>, u64), Error> {
    let plan = Plan::of(filter, resource_type)?;
    let along = members::along(resource_type, query.projection.as_ref());
    let candidates = ctx.store.find(&resource_type.name, &plan.conditions, to_i64(EXAMINED + 1), along).await?;
    if candidates.len() as u64 > EXAMINED {
        return Err(ScimError::bad_request(
            ScimType::TooMany,
            format!("This filter finds more than {EXAMINED} resources. Add a condition on id, userName, displayName or externalId."),
        )
        .into());
    }
    let mut found = Vec::new();
    for stored in candidates {
        let tree = tree(ctx, resource_type, &stored)?;
        if plan.remainder.iter().all(|term| term.matches(&tree)) {
            found.push(stored);
        }
    }
    let total = found.len() as u64;
    let skipped = usize::try_from(query.paging.offset()).unwrap_or(usize::MAX);
    let taken = usize::try_from(query.paging.count).unwrap_or(usize::MAX);
    let page = found.into_iter().skip(skipped).take(taken).collect();
    Ok((page, total))
}

async fn listed_members(
    ctx: &Context,
    resource_type: &ResourceType,
    page: &[Stored],
    projection: Option<&Projection>,
) -> Result<MembersByGroup, Error> {
    if page.is_empty() || !members::are_shown(resource_type, projection) {
        return Ok(MembersByGroup::new());
    }
    let ids: Vec<Uuid> = page.iter().map(|stored| stored.id).collect();
    Ok(ctx.store.members(&ids).await?)
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
