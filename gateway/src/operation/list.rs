//! Many resources: by page, by a filter, in an order (RFC 7644 §3.4.2).

mod by_database;
mod cursor;
mod cursor_position;
mod examine;
pub mod limits;
mod page;
mod paging_session;
mod render;
mod request;
mod slice;
mod sorted;

use std::sync::Arc;

use futures_util::future::try_join;
use scimgate_scim::list::list_response;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::search::Search;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::page::Wanted;
use crate::operation::list::paging_session::PagingSession;
use crate::operation::list::request::Request;
use crate::operation::request_facts::Page;
use crate::store;

pub use cursor_position::CURSOR_TTL;
pub use limits::Limits;

/// The list response's text, for resources of these types.
///
/// # Errors
/// 400 `invalidFilter` for a filter that is malformed, 400 `tooMany` for one that leaves too many documents to examine;
/// 400 `invalidCursor`, `expiredCursor` and `invalidCount` for a page by cursor; [`Error::Busy`] where the tenant's part is used up.
pub async fn run(ctx: Context, types: Vec<Arc<ResourceType>>, search: Search) -> Result<String, Error> {
    let mut request = Request::read(&ctx, types, &search)?;
    let _scan = if request.is_short() { None } else { ctx.scan().await? };
    let _page = ctx.page(request.paging.count).await?;
    if let Some(cursor) = &search.cursor {
        let (text, page) = cursor::run(&ctx, &request, &search, cursor).await?;
        ctx.facts.add(|facts| facts.page = Some(page));
        return Ok(text);
    }
    match by_number(&ctx, &request, &search).await {
        // RFC 7644 §3.4.2.4: without count "the server MAY set the maximum number of results".
        Err(Error::Store(store::Error::TooLong { fit: Some(fit) })) if search.count.is_none() => {
            request.paging.count = request.paging.count.min(fit as u64);
            by_number(&ctx, &request, &search).await
        }
        page => page,
    }
}

/// A page by `startIndex`.
async fn by_number(ctx: &Context, request: &Request, search: &Search) -> Result<String, Error> {
    let paging = request.paging;
    if let Some(slice) = paging_session::ordinary_page(ctx, request, search).await? {
        let resources = render::resources(ctx, request, &slice.rows).await?;
        sent(ctx, Some(paging.start_index), resources.len(), Some(slice.total));
        return Ok(list_response(&resources, slice.total, paging.start_index));
    }
    let session = PagingSession::find(ctx, request, search).await?;
    let mut wanted = Wanted { offset: paging.offset(), count: paging.count, after: None, reported_total: 0 };
    if let Some(session) = &session {
        session.narrow(&mut wanted);
    }
    let slice = slice::read(ctx, request, &wanted).await?;
    let kept = async {
        match session {
            Some(session) => session.keep(ctx, &slice).await,
            None => Ok(()),
        }
    };
    let (resources, ()) = try_join(render::resources(ctx, request, &slice.rows), kept).await?;
    sent(ctx, Some(paging.start_index), resources.len(), Some(slice.total));
    Ok(list_response(&resources, slice.total, paging.start_index))
}

/// Adds the page that is sent to the facts of the request.
fn sent(ctx: &Context, start_index: Option<u64>, returned: usize, total: Option<u64>) {
    ctx.facts.add(|facts| facts.page = Some(Page { start_index, returned, total }));
}
