//! Sorts by attributes that the database has no order for. The values of all matching resources are collected and sorted
//! here, within the limit of documents that may be examined; then the resources of the page are read again.

use std::cmp::Ordering;

use scimgate_scim::sort::{Sort, SortKey};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::cursor_position::{self, Boundary, CursorPosition, Direction};
use crate::operation::list::examine::Examination;
use crate::operation::list::page::{CursorPage, Slice, Wanted};
use crate::operation::list::request::Request;
use crate::operation::pace::Pace;
use crate::store::resource::list::Position;
use crate::store::resource::read::Stored;

/// A resource and the value that it is sorted by.
struct Entry {
    key: Option<SortKey>,
    id: Uuid,
}

impl Entry {
    fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let order = Sort::compare(self.key.as_ref(), other.key.as_ref()).then(self.id.cmp(&other.id));
        if descending { order.reverse() } else { order }
    }

    fn position(&self) -> Position {
        Position { key: self.key.as_ref().map(SortKey::to_text), id: self.id }
    }
}

/// The requested part of the list.
pub(super) async fn read(ctx: &Context, request: &Request, wanted: &Wanted) -> Result<Slice, Error> {
    let entries = entries(ctx, request).await?;
    let total = entries.len() as u64;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let page = entries.iter().skip(size(wanted.offset)).take(size(wanted.count));
    Ok(Slice { rows: rows(ctx, request, page).await?, total, more: false })
}

/// The page from a position, in its direction.
pub(super) async fn page(
    ctx: &Context,
    request: &Request,
    position: Option<&CursorPosition>,
) -> Result<CursorPage, Error> {
    let entries = entries(ctx, request).await?;
    let (total, count) = (entries.len(), usize::try_from(request.paging.count).unwrap_or(usize::MAX));
    let at = match position {
        Some(position) => count_before(&entries, request, &position.boundary)?,
        None => 0,
    };
    let (start, end) = match position.map(|position| position.direction) {
        Some(Direction::Backward) => (at.saturating_sub(count), at),
        _ => (at, at.saturating_add(count).min(total)),
    };
    let beside = |entry: &Entry, before| Boundary { beside: entry.position(), before };
    // Each neighbour begins at the page itself, or a resource inserted in between would be on neither.
    let (first, last) = (entries.get(start), end.checked_sub(1).and_then(|last| entries.get(last)));
    let previous = first.map(|first| beside(first, true)).or_else(|| last.map(|last| beside(last, false)));
    let next = last.map(|last| beside(last, false)).or_else(|| first.map(|first| beside(first, true)));
    let page = entries.get(start..end).unwrap_or_default();
    Ok(CursorPage {
        rows: rows(ctx, request, page.iter()).await?,
        total: Some(total as u64),
        previous: previous.filter(|_| start > 0),
        next: next.filter(|_| end < total),
    })
}

/// How many entries come before a boundary.
fn count_before(entries: &[Entry], request: &Request, boundary: &Boundary) -> Result<usize, Error> {
    let key = boundary
        .beside
        .key
        .as_deref()
        .map(|text| SortKey::from_text(text).ok_or_else(cursor_position::invalid))
        .transpose()?;
    let beside = Entry { key, id: boundary.beside.id };
    Ok(entries.partition_point(|entry| match entry.compare(&beside, request.descending()) {
        Ordering::Equal => !boundary.before,
        order => order == Ordering::Less,
    }))
}

/// All matching resources, in order.
async fn entries(ctx: &Context, request: &Request) -> Result<Vec<Entry>, Error> {
    let Some(sort) = &request.sort else { return Ok(Vec::new()) };
    let limit = ctx.gateway.lists.examined;
    if request.plan.is_everything()
        && u64::try_from(ctx.store.count(request.plan.types()).await?).unwrap_or_default() > limit
    {
        return Err(request.too_many(ctx));
    }
    let mut entries = gather(ctx, request, sort).await?;
    entries.sort_by(|one, other| one.compare(other, sort.descending));
    Ok(entries)
}

async fn rows(ctx: &Context, request: &Request, page: impl Iterator<Item = &Entry>) -> Result<Vec<Stored>, Error> {
    let ids: Vec<Uuid> = page.map(|entry| entry.id).collect();
    let mut stored = ctx.store.by_ids(request.plan.types(), &ids, request.read_options()).await?;
    // Missing are only resources that were deleted meanwhile.
    let position = |id: &Uuid| ids.iter().position(|other| other == id);
    stored.sort_by_cached_key(|stored| position(&stored.id));
    Ok(stored)
}

async fn gather(ctx: &Context, request: &Request, sort: &Sort) -> Result<Vec<Entry>, Error> {
    let mut examination = Examination::unshown(ctx, request);
    let (mut entries, mut pace) = (Vec::new(), Pace::begin());
    while let Some(batch) = examination.next().await? {
        for found in batch {
            pace.step().await;
            if !examination.matches(&found)? {
                continue;
            }
            entries.push(Entry { key: examination.sort_key(sort, &found)?, id: found.stored.id });
        }
    }
    Ok(entries)
}
