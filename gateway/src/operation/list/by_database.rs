//! A part of a list by the database alone: no document is examined.

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::page::{Slice, Wanted, to_i64};
use crate::operation::list::request::Request;
use crate::store;
use crate::store::resource::list::{Order, Window};

/// The requested part, where the database decides the whole filter and has the order.
pub(super) async fn read(ctx: &Context, request: &Request, wanted: &Wanted, order: Order) -> Result<Slice, Error> {
    if wanted.count == 0 {
        return Ok(Slice { total: total(ctx, request).await?, ..Slice::default() });
    }
    let window = Window {
        order,
        descending: request.descending(),
        after: wanted.position(),
        inclusive: false,
        offset: if wanted.after.is_some() { 0 } else { to_i64(wanted.offset) },
        // One more row shows whether this is the last page; its total needs no count.
        limit: to_i64(wanted.count.saturating_add(1)),
    };
    let page = ctx.store.window(&request.plan, &window, request.read_options()).await;
    let mut page = page.map_err(|error| refuse_slow(ctx, request, error))?;
    let read = page.found.len() as u64;
    let more = read > wanted.count;
    // The page begins past the end of the list, so its total is unknown.
    let beyond = read == 0 && wanted.offset > 0 && wanted.after.is_none();
    let mut total = match page.total {
        _ if wanted.after.is_some() && !more => wanted.offset + read,
        Some(known) => u64::try_from(known).unwrap_or_default(),
        None if more || beyond => total(ctx, request).await?,
        None => wanted.offset + read,
    };
    if more {
        // If resources that the client has read are deleted, a smaller total than before would make it stop too early.
        total = total.max(wanted.reported_total).max(wanted.offset + read);
    }
    page.found.truncate(usize::try_from(wanted.count).unwrap_or(usize::MAX));
    Ok(Slice { rows: page.found.into_iter().map(|found| found.stored).collect(), total, more })
}

async fn total(ctx: &Context, request: &Request) -> Result<u64, Error> {
    let total = if request.plan.is_everything() {
        ctx.store.count(request.plan.types()).await?
    } else {
        ctx.store.count_matching(&request.plan, None).await.map_err(|error| refuse_slow(ctx, request, error))?
    };
    Ok(u64::try_from(total).unwrap_or_default())
}

/// The error of a statement that timed out: a refusal if the request is expensive. A cheap statement was only delayed, so it
/// stays 503 and the client may retry.
pub(super) fn refuse_slow(ctx: &Context, request: &Request, error: store::Error) -> Error {
    if error.is_timeout() && !request.is_short() { request.too_many(ctx) } else { error.into() }
}
