//! A paging session: a client reads a list by startIndex and count, in the order of creation. Each page begins just after the
//! last resource of the page before, not at a number of resources from the beginning: by number, as many resources would be
//! skipped as were deleted meanwhile.

use scimgate_scim::search::Search;
use sha2::{Digest, Sha256};

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::page::{Slice, Wanted, to_i64};
use crate::operation::list::request::Request;
use crate::store::resource::list::Order;
use crate::store::resource::page_position::{PageKey, PagePosition};

/// One page of a session.
pub(super) struct PagingSession {
    key: PageKey,
    position: Option<PagePosition>,
}

impl PagingSession {
    /// None where the list is in another order, or only counted.
    pub(super) async fn find(ctx: &Context, request: &Request, search: &Search) -> Result<Option<Self>, Error> {
        if request.order != Some(Order::Id) || request.descending() || request.paging.count == 0 {
            return Ok(None);
        }
        let key = PageKey {
            list: session_digest(ctx, request, search),
            start_index: to_i64(request.paging.start_index),
            request_shape: shape_digest(request, search),
        };
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
