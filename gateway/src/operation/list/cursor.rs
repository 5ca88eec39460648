//! A page by cursor (RFC 9865). It begins at a position and not at a number, so that a resource that exists throughout is
//! neither skipped nor shown twice, whatever is created and deleted meanwhile.

use futures_util::future::try_join;
use scimgate_scim::list::{Cursors, cursor_response};
use scimgate_scim::search::Search;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::by_database::refuse_slow;
use crate::operation::list::cursor_position::{Boundary, CursorPosition, CursorSeal, Direction};
use crate::operation::list::examine::{Batch, Examination, Kept};
use crate::operation::list::page::{CursorPage, Wanted, to_i64};
use crate::operation::list::request::Request;
use crate::operation::list::{render, slice, sorted};
use crate::operation::pace::Pace;
use crate::operation::request_facts::Page;
use crate::store::resource::list::{Found, Order, Position, Window};
use crate::store::resource::read::Stored;

/// Most resources that are counted for a page's `totalResults`. Where there are more it is left out.
const MAX_COUNTED: i64 = 10_000;

/// The list response's text, and the page that it has.
pub(super) async fn run(
    ctx: &Context,
    request: &Request,
    search: &Search,
    cursor: &str,
) -> Result<(String, Page), Error> {
    let seal = CursorSeal::new(ctx, request, search);
    let position = seal.open(cursor)?;
    if request.paging.count == 0 {
        // RFC 9865 §2: "no resource results are to be returned except for totalResults".
        let nothing = Wanted { offset: 0, count: 0, after: None, reported_total: 0 };
        let total = slice::read(ctx, request, &nothing).await?.total;
        let page = Page { start_index: None, returned: 0, total: Some(total) };
        return Ok((cursor_response::<String>(&[], Some(total), &Cursors::default()), page));
    }
    let page = match request.order {
        Some(order) => by_key(ctx, request, order, position.as_ref()).await?,
        None => sorted::page(ctx, request, position.as_ref()).await?,
    };
    let resources = render::resources(ctx, request, &page.rows).await?;
    let cursors = Cursors {
        previous: page.previous.map(|boundary| seal.cursor(boundary, Direction::Backward)),
        next: page.next.map(|boundary| seal.cursor(boundary, Direction::Forward)),
    };
    let sent = Page { start_index: None, returned: resources.len(), total: page.total };
    Ok((cursor_response(&resources, page.total, &cursors), sent))
}

/// A page in an order that the database has.
async fn by_key(
    ctx: &Context,
    request: &Request,
    order: Order,
    position: Option<&CursorPosition>,
) -> Result<CursorPage, Error> {
    let direction = position.map_or(Direction::Forward, |position| position.direction);
    let boundary = position.map(|position| &position.boundary);
    let behind = async {
        match boundary {
            Some(from) => {
                Ok(read_run(ctx, request, order, (Some(from), direction.reversed()), 0).await?.beyond.is_some())
            }
            None => Ok(false),
        }
    };
    let (mut run, behind) =
        try_join(read_run(ctx, request, order, (boundary, direction), request.paging.count), behind).await?;
    let behind = boundary.filter(|_| behind).cloned();
    let (previous, next) = match direction {
        Direction::Forward => (behind, run.beyond),
        Direction::Backward => (run.beyond, behind),
    };
    let is_whole = previous.is_none() && next.is_none();
    let total = match run.total {
        _ if is_whole => Some(run.rows.len() as u64),
        None => total(ctx, request).await?,
        known => known,
    };
    if direction == Direction::Backward {
        run.rows.reverse();
    }
    Ok(CursorPage { rows: run.rows, total, previous, next })
}

/// Rows read from a boundary in one direction, in the order of reading.
#[derive(Default)]
struct Run {
    rows: Vec<Stored>,
    /// The number of resources in the whole list, if a counter has it.
    total: Option<u64>,
    /// Where the next page in this direction begins; none at the end of the list. Where documents are examined, that page can
    /// be empty.
    beyond: Option<Boundary>,
}

/// Reads rows from a boundary in one direction. With a count of 0 it only finds out whether there are any.
async fn read_run(
    ctx: &Context,
    request: &Request,
    order: Order,
    (from, direction): (Option<&Boundary>, Direction),
    count: u64,
) -> Result<Run, Error> {
    let is_forward = direction == Direction::Forward;
    let window = Window {
        order,
        descending: request.descending() == is_forward,
        after: from.map(|boundary| boundary.beside.clone()),
        // Forward from just before a resource, and backward from just after it, the resource itself comes first.
        inclusive: from.is_some_and(|boundary| boundary.before == is_forward),
        offset: 0,
        // One more row shows whether more follow.
        limit: to_i64(count.saturating_add(1)),
    };
    let options = if count == 0 { request.options_unshown() } else { request.read_options() };
    let mut found = Vec::new();
    let mut run = Run::default();
    if request.plan.is_exact() {
        let page = ctx.store.window(&request.plan, &window, options).await;
        let page = page.map_err(|error| refuse_slow(ctx, request, error))?;
        run.total = page.total.and_then(|total| u64::try_from(total).ok());
        found = page.found;
    } else {
        let examination = Examination::over(ctx, request, window, options);
        run.beyond = examine(examination, count, &mut found).await?.map(|last| past(last, direction));
    }
    if found.len() as u64 > count {
        found.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        run.beyond = found.last().map(|last| past(last.position.clone(), direction)).or_else(|| from.cloned());
    }
    run.rows = found.into_iter().map(|found| found.stored).collect();
    Ok(run)
}

/// The boundary just past a resource, in the direction of reading.
fn past(last: Position, direction: Direction) -> Boundary {
    Boundary { beside: last, before: direction == Direction::Backward }
}

/// Gathers one match more than `count`. Where no more documents may be examined, the page ends short and the position of the
/// last one examined is returned: RFC 9865 §2 allows short pages, and the next one begins there.
async fn examine(
    mut examination: Examination<'_>,
    count: u64,
    matching: &mut Vec<Found>,
) -> Result<Option<Position>, Error> {
    let (mut last, mut kept, mut pace) = (None, Kept::default(), Pace::begin());
    loop {
        let batch = match examination.batch().await? {
            Batch::Documents(batch) => batch,
            Batch::End => return examination.keep(&kept).await.map(|()| None),
            Batch::Exhausted => {
                let last = last.ok_or_else(|| examination.too_many())?;
                return examination.keep(&kept).await.map(|()| Some(last));
            }
        };
        for found in batch {
            pace.step().await;
            last = Some(found.position.clone());
            if examination.matches(&found)? {
                kept.add(&found)?;
                matching.push(found);
            }
            if matching.len() as u64 > count {
                return examination.keep(&kept).await.map(|()| None);
            }
        }
    }
}

/// The number of resources in all pages, from a counter or a bounded count; none where it is too expensive.
async fn total(ctx: &Context, request: &Request) -> Result<Option<u64>, Error> {
    if request.plan.is_everything() {
        return Ok(u64::try_from(ctx.store.count(request.plan.types()).await?).ok());
    }
    if !request.plan.is_exact() {
        return Ok(None);
    }
    let counted = ctx.store.count_matching(&request.plan, Some(MAX_COUNTED + 1)).await;
    let counted = counted.map_err(|error| refuse_slow(ctx, request, error))?;
    Ok(u64::try_from(counted).ok().filter(|_| counted <= MAX_COUNTED))
}
