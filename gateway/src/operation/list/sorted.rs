//! Sorts by what the database has no order for: the values of all resources that match are gathered and sorted here,
//! within the limit of documents that may be looked at, and only those of the page are read again.

use scimgate_scim::sort::{Sort, SortKey};
use uuid::Uuid;

use super::examine::Examination;
use super::request::Request;
use super::slice::{Slice, Wanted};
use crate::operation::reply::tree;
use crate::operation::{Context, Error};

/// A resource in the making of the order.
struct Entry {
    key: Option<SortKey>,
    id: Uuid,
}

pub(super) async fn read(ctx: &Context, request: &Request, wanted: &Wanted) -> Result<Slice, Error> {
    let Some(sort) = &request.sort else { return Ok(Slice::default()) };
    let limit = ctx.gateway.lists.examined;
    if request.plan.is_everything()
        && u64::try_from(ctx.store.count(request.plan.types()).await?).unwrap_or_default() > limit
    {
        return Err(request.too_many(limit));
    }
    let mut entries = gather(ctx, request, sort).await?;
    entries.sort_by(|one, other| {
        let order = Sort::compare(one.key.as_ref(), other.key.as_ref()).then(one.id.cmp(&other.id));
        if sort.descending { order.reverse() } else { order }
    });
    let total = entries.len() as u64;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let page = entries.iter().skip(size(wanted.offset)).take(size(wanted.count));
    let ids: Vec<Uuid> = page.map(|entry| entry.id).collect();
    let mut stored = ctx.store.by_ids(request.plan.types(), &ids, request.along()).await?;
    // Whoever is deleted meanwhile is missing, and nobody else.
    let place = |id: &Uuid| ids.iter().position(|other| other == id);
    stored.sort_by_key(|stored| place(&stored.id));
    Ok(Slice { rows: stored, total, more: false })
}

async fn gather(ctx: &Context, request: &Request, sort: &Sort) -> Result<Vec<Entry>, Error> {
    let mut examination = Examination::unseen(ctx, request);
    let mut entries = Vec::new();
    while let Some(batch) = examination.next().await? {
        for found in batch {
            if !examination.matches(&found)? {
                continue;
            }
            let (resource_type, _) = request.of_type(&found.stored.resource_type)?;
            let document = tree(ctx, resource_type, &found.stored)?;
            let key = sort.value(&document).and_then(|value| sort.key(value));
            entries.push(Entry { key, id: found.stored.id });
        }
    }
    Ok(entries)
}
