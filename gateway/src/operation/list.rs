//! Many resources: by page, by a filter, in an order (RFC 7644 §3.4.2).

mod cursor;
mod examine;
mod place;
mod render;
mod request;
mod slice;
mod sorted;
mod walk;

use std::sync::Arc;

use futures_util::future::try_join;
use scimgate_scim::list::list_response;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::search::Search;

use crate::operation::context::Context;
use crate::operation::error::Error;
use request::Request;
use slice::Wanted;
use walk::Walk;

pub use place::LIFE as CURSOR_LIFE;

/// How much work one list request may cause.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most documents that are read to answer one request by what no index knows.
    pub examined: u64,
    /// Most members that the groups of one page may have together.
    pub members: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { examined: 50_000, members: 100_000 }
    }
}

/// The list response's text, for resources of these types.
///
/// # Errors
/// 400 `invalidFilter` for a filter that is malformed, 400 `tooMany` for one that leaves too many documents to look at;
/// 400 `invalidCursor`, `expiredCursor` and `invalidCount` for a page by cursor.
pub async fn run(ctx: Context, types: Vec<Arc<ResourceType>>, search: Search) -> Result<String, Error> {
    let request = Request::read(&ctx, types, &search)?;
    if let Some(cursor) = &search.cursor {
        return cursor::run(&ctx, &request, &search, cursor).await;
    }
    let paging = request.paging;
    let walk = Walk::find(&ctx, &request, &search).await?;
    let mut wanted = Wanted { offset: paging.offset(), count: paging.count, after: None, told: 0 };
    if let Some(walk) = &walk {
        walk.narrow(&mut wanted);
    }
    let slice = slice::read(&ctx, &request, &wanted).await?;
    let remembered = async {
        match walk {
            Some(walk) => walk.go_on(&ctx, &slice).await,
            None => Ok(()),
        }
    };
    let (resources, ()) = try_join(render::resources(&ctx, &request, &slice.rows), remembered).await?;
    Ok(list_response(&resources, slice.total, paging.start_index))
}
