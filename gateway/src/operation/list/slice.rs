//! A part of a list: by the database alone where it decides everything, else by looking at documents.

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::request::Request;
use crate::operation::list::{examine, sorted};
use crate::store;
use crate::store::resource::list::Order;
use crate::store::resource::list::Position;
use crate::store::resource::list::Window;
use crate::store::resource::read::Stored;
use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// How many to pass over first.
    pub(super) offset: u64,
    /// How many.
    pub(super) count: u64,
    /// What those end with, where that is known: then they are not counted again.
    pub(super) after: Option<Uuid>,
    /// How many there are on all pages, as the client was told on the page before.
    pub(super) told: u64,
}

impl Wanted {
    /// The place that they begin after, in the order of ids.
    pub(super) fn position(&self) -> Option<Position> {
        self.after.map(|id| Position { key: None, id })
    }
}

/// A part of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Slice {
    pub(super) rows: Vec<Stored>,
    /// How many there are on all pages.
    pub(super) total: u64,
    /// Whether there are more after these.
    pub(super) more: bool,
}

pub(super) async fn read(ctx: &Context, request: &Request, wanted: &Wanted) -> Result<Slice, Error> {
    match request.order {
        None => sorted::read(ctx, request, wanted).await,
        Some(order) if request.plan.is_exact() => by_database(ctx, request, wanted, order).await,
        Some(order) => examine::read(ctx, request, wanted, order).await,
    }
}

async fn by_database(ctx: &Context, request: &Request, wanted: &Wanted, order: Order) -> Result<Slice, Error> {
    if wanted.count == 0 {
        return Ok(Slice { total: total(ctx, request).await?, ..Slice::default() });
    }
    let window = Window {
        order,
        descending: request.descending(),
        after: wanted.position(),
        inclusive: false,
        offset: if wanted.after.is_some() { 0 } else { to_i64(wanted.offset) },
        // One more tells whether the page is the last: then nobody need count.
        limit: to_i64(wanted.count.saturating_add(1)),
    };
    let page = ctx.store.window(&request.plan, &window, request.read_options()).await;
    let mut page = page.map_err(|error| slow(ctx, request, error))?;
    let read = page.found.len() as u64;
    let more = read > wanted.count;
    // Past the end of the list, where nobody knows how far.
    let beyond = read == 0 && wanted.offset > 0 && wanted.after.is_none();
    let mut total = match page.total {
        _ if wanted.after.is_some() && !more => wanted.offset + read,
        Some(known) => u64::try_from(known).unwrap_or_default(),
        None if more || beyond => total(ctx, request).await?,
        None => wanted.offset + read,
    };
    if more {
        // Who is told of fewer than before, since some of those seen are gone, would stop too early.
        total = total.max(wanted.told).max(wanted.offset + read);
    }
    page.found.truncate(usize::try_from(wanted.count).unwrap_or(usize::MAX));
    Ok(Slice { rows: page.found.into_iter().map(|found| found.stored).collect(), total, more })
}

async fn total(ctx: &Context, request: &Request) -> Result<u64, Error> {
    let total = if request.plan.is_everything() {
        ctx.store.count(request.plan.types()).await?
    } else {
        ctx.store.count_matching(&request.plan, None).await.map_err(|error| slow(ctx, request, error))?
    };
    Ok(u64::try_from(total).unwrap_or_default())
}

/// Where the server had much to do it gave up for that; a short statement was kept waiting, and the client may come again.
pub(super) fn slow(ctx: &Context, request: &Request, error: store::Error) -> Error {
    if error.is_timeout() && !request.is_short() { request.too_many(ctx.gateway.lists.examined) } else { error.into() }
}

pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
