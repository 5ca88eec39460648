//! A paging session: a client reads a list by startIndex and count, in the order of creation. Each page begins just after the
//! last resource of the page before, not at a number of resources from the beginning: by number, as many resources would be
//! skipped as were deleted meanwhile.

use scimgate_scim::search::Search;
use sha2::{Digest, Sha256};

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::page::{Slice, Wanted, to_i64};
use crate::operation::list::request::Request;
use crate::store;
use crate::store::resource::list::Order;
use crate::store::resource::page_position::{PageKey, PagePosition};
use crate::store::resource::session_page::PageRequest;

/// One page of a session.
pub(super) struct PagingSession {
    key: PageKey,
    position: Option<PagePosition>,
}

/// The whole page in one statement: without a filter, of one type, and where the page before was requested. None otherwise.
pub(super) async fn ordinary_page(ctx: &Context, request: &Request, search: &Search) -> Result<Option<Slice>, Error> {
    let [resource_type] = request.plan.types() else { return Ok(None) };
    let Some(key) = key(ctx, request, search).filter(|_| request.plan.is_everything()) else { return Ok(None) };
    let (session, now) = (ctx.gateway.clock.new_id(), ctx.gateway.clock.now());
    let wanted = PageRequest { resource_type, key: &key, count: to_i64(request.paging.count), session, now };
    let mut page = match ctx.store.session_page(&wanted, request.read_options()).await {
        Ok(page) if !page.rows.is_empty() => page,
        // Another request finishes the same session at the same time.
        Ok(_) | Err(store::Error::Conflict { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let known = |number: i64| u64::try_from(number).unwrap_or_default();
    let read = request.paging.offset() + page.rows.len() as u64;
    let more = page.rows.len() as u64 > request.paging.count;
    let total = match page.reported {
        Some(_) if !more => read,
        // If resources that the client has read are deleted, a smaller total than before would make it stop too early.
        reported if more => known(page.counted).max(reported.map_or(0, known)).max(read),
        _ => known(page.counted),
    };
    if page.reported.is_none() {
        ctx.store.delete_expired_positions(session, now).await?;
    }
    page.rows.truncate(usize::try_from(request.paging.count).unwrap_or(usize::MAX));
    Ok(Some(Slice { rows: page.rows, total, more }))
}

/// None where the list is in another order, or only counted.
fn key(ctx: &Context, request: &Request, search: &Search) -> Option<PageKey> {
    let has_pages = request.order == Some(Order::Id) && !request.descending() && request.paging.count > 0;
    has_pages.then(|| PageKey {
        list: session_digest(ctx, request, search),
        start_index: to_i64(request.paging.start_index),
        request_shape: shape_digest(request, search),
    })
}

impl PagingSession {
    /// None where the list is in another order, or only counted.
    pub(super) async fn find(ctx: &Context, request: &Request, search: &Search) -> Result<Option<Self>, Error> {
        let Some(key) = key(ctx, request, search) else { return Ok(None) };
        let position = if request.paging.offset() == 0 {
            None
        } else {
            ctx.store.page_position(&key, ctx.gateway.clock.now()).await?
        };
        Ok(Some(Self { key, position }))
    }

    /// Sets where the page begins.
    pub(super) fn narrow(&self, wanted: &mut Wanted) {
        if let Some(position) = &self.position {
            wanted.after = Some(position.after);
            wanted.reported_total = u64::try_from(position.total).unwrap_or_default();
        }
    }

    /// Keeps where the next page begins, or that there is none.
    pub(super) async fn keep(self, ctx: &Context, slice: &Slice) -> Result<(), Error> {
        let Self { mut key, position } = self;
        let now = ctx.gateway.clock.now();
        let session = position.map(|position| position.session);
        let Some(last) = slice.rows.last().filter(|_| slice.more) else {
            return match session {
                Some(session) => Ok(ctx.store.finish_paging_session(&key.list, session, now).await?),
                None => Ok(()),
            };
        };
        key.start_index = key.start_index.saturating_add(to_i64(slice.rows.len() as u64));
        let next = PagePosition {
            session: session.unwrap_or_else(|| ctx.gateway.clock.new_id()),
            after: last.id,
            total: to_i64(slice.total),
        };
        Ok(ctx.store.save_page_position(&key, &next, (now, session.is_none())).await?)
    }
}

/// Which client reads which list. A session may change its count or attributes from page to page.
fn session_digest(ctx: &Context, request: &Request, search: &Search) -> Vec<u8> {
    let types = request.plan.types().join(" ");
    digest([&ctx.actor, &types, search.filter.as_deref().unwrap_or_default()]).finalize().to_vec()
}

/// The request's shape: count and attributes, which most clients don't change from page to page.
fn shape_digest(request: &Request, search: &Search) -> i32 {
    let count = request.paging.count.to_string();
    let (attributes, excluded) = (search.attributes.as_deref(), search.excluded_attributes.as_deref());
    let digest = digest([&count, attributes.unwrap_or_default(), excluded.unwrap_or_default()]).finalize();
    i32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

fn digest(parts: [&str; 3]) -> Sha256 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest
}
