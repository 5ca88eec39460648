//! A walk through a list by startIndex and count, in the order in which resources were made. A page begins just after the
//! last resource of the page before, not at a number of resources from the beginning: where some of those were deleted
//! meanwhile, that would pass over as many who were there all the time.

use scimgate_scim::search::Search;
use sha2::{Digest, Sha256};

use crate::operation::list::request::Request;
use crate::operation::list::slice::{Slice, Wanted, to_i64};
use crate::operation::{Context, Error};
use crate::store::resource::list::Order;
use crate::store::resource::page_position::PageKey;
use crate::store::resource::page_position::PagePosition;

/// One page of a walk.
pub(super) struct Walk {
    place: PageKey,
    bookmark: Option<PagePosition>,
}

impl Walk {
    /// None where the list has another order, or none of it is asked for.
    pub(super) async fn find(ctx: &Context, request: &Request, search: &Search) -> Result<Option<Self>, Error> {
        if request.order != Some(Order::Id) || request.descending() || request.paging.count == 0 {
            return Ok(None);
        }
        let place = PageKey {
            list: digest(ctx, request, search),
            start_index: to_i64(request.paging.start_index),
            request_shape: alike(request, search),
        };
        let bookmark = if request.paging.offset() == 0 {
            None
        } else {
            ctx.store.page_position(&place, ctx.gateway.clock.now()).await?
        };
        Ok(Some(Self { place, bookmark }))
    }

    /// Where its page begins.
    pub(super) fn narrow(&self, wanted: &mut Wanted) {
        if let Some(bookmark) = &self.bookmark {
            wanted.after = Some(bookmark.after);
            wanted.told = u64::try_from(bookmark.total).unwrap_or_default();
        }
    }

    /// Remembers where the next page begins, or that there is none.
    pub(super) async fn go_on(self, ctx: &Context, slice: &Slice) -> Result<(), Error> {
        let Self { mut place, bookmark } = self;
        let now = ctx.gateway.clock.now();
        let begun = bookmark.as_ref().map(|bookmark| bookmark.session);
        let Some(last) = slice.rows.last().filter(|_| slice.more) else {
            return match begun {
                Some(begun) => Ok(ctx.store.finish_paging_session(&place.list, begun, now).await?),
                None => Ok(()),
            };
        };
        place.start_index = place.start_index.saturating_add(to_i64(slice.rows.len() as u64));
        let next = PagePosition {
            session: begun.unwrap_or_else(|| ctx.gateway.clock.new_id()),
            after: last.id,
            total: to_i64(slice.total),
        };
        Ok(ctx.store.save_page_position(&place, &next, (now, begun.is_none())).await?)
    }
}

/// Who walks through what. Another number or another choice of attributes may be the same walk.
fn digest(ctx: &Context, request: &Request, search: &Search) -> Vec<u8> {
    let types = request.plan.types().join(" ");
    of_parts([&ctx.actor, &types, search.filter.as_deref().unwrap_or_default()]).finalize().to_vec()
}

/// The number and the choice of attributes, which most clients leave as they are from page to page.
fn alike(request: &Request, search: &Search) -> i32 {
    let count = request.paging.count.to_string();
    let (attributes, excluded) = (search.attributes.as_deref(), search.excluded_attributes.as_deref());
    let digest = of_parts([&count, attributes.unwrap_or_default(), excluded.unwrap_or_default()]).finalize();
    i32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

fn of_parts(parts: [&str; 3]) -> Sha256 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest
}
