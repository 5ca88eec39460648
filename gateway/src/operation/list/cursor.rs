//! A page by cursor (RFC 9865): read from a place, not by a number, so that nobody who is there throughout is passed over or
//! met twice, whoever comes and goes meanwhile.

use futures_util::future::try_join;
use scimgate_scim::list::{Cursors, cursor_response};
use scimgate_scim::search::Search;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::examine::{Batch, Examination};
use crate::operation::list::place::{Gap, Place, Query, Way};
use crate::operation::list::request::Request;
use crate::operation::list::slice::{self, Wanted, slow, to_i64};
use crate::operation::list::{render, sorted};
use crate::store::resource::list::Found;
use crate::store::resource::list::Order;
use crate::store::resource::list::Position;
use crate::store::resource::list::Window;
use crate::store::resource::read::Stored;

/// Most resources that are counted for a page's `totalResults`. Where there are more it is left out.
const COUNTED: i64 = 10_000;

/// A page and where its neighbours are.
pub(super) struct Page {
    pub(super) rows: Vec<Stored>,
    /// How many there are on all pages, where that is known.
    pub(super) total: Option<u64>,
    /// Where the previous page ends.
    pub(super) previous: Option<Gap>,
    /// Where the next page begins.
    pub(super) next: Option<Gap>,
}

/// The list response's text.
pub(super) async fn run(ctx: &Context, request: &Request, search: &Search, cursor: &str) -> Result<String, Error> {
    let query = Query::new(ctx, request, search);
    let place = query.open(cursor)?;
    if request.paging.count == 0 {
        // RFC 9865 §2: "no resource results are to be returned except for totalResults".
        let nothing = Wanted { offset: 0, count: 0, after: None, told: 0 };
        let total = slice::read(ctx, request, &nothing).await?.total;
        return Ok(cursor_response::<String>(&[], Some(total), &Cursors::default()));
    }
    let page = match request.order {
        Some(order) => by_key(ctx, request, order, place.as_ref()).await?,
        None => sorted::page(ctx, request, place.as_ref()).await?,
    };
    let resources = render::resources(ctx, request, &page.rows).await?;
    let cursors = Cursors {
        previous: page.previous.map(|gap| query.cursor(gap, Way::Backward)),
        next: page.next.map(|gap| query.cursor(gap, Way::Forward)),
    };
    Ok(cursor_response(&resources, page.total, &cursors))
}

/// A page in an order that the database reads in.
async fn by_key(ctx: &Context, request: &Request, order: Order, place: Option<&Place>) -> Result<Page, Error> {
    let way = place.map_or(Way::Forward, |place| place.way);
    let gap = place.map(|place| &place.gap);
    let behind = async {
        match gap {
            Some(gap) => Ok(stretch(ctx, request, order, (Some(gap), way.back()), 0).await?.beyond.is_some()),
            None => Ok(false),
        }
    };
    let (mut stretch, behind) =
        try_join(stretch(ctx, request, order, (gap, way), request.paging.count), behind).await?;
    let behind = gap.filter(|_| behind).cloned();
    let (previous, next) = match way {
        Way::Forward => (behind, stretch.beyond),
        Way::Backward => (stretch.beyond, behind),
    };
    let whole = previous.is_none() && next.is_none();
    let total = match stretch.total {
        _ if whole => Some(stretch.rows.len() as u64),
        None => total(ctx, request).await?,
        known => known,
    };
    if way == Way::Backward {
        stretch.rows.reverse();
    }
    Ok(Page { rows: stretch.rows, total, previous, next })
}

/// What is read from a place one way, in the order of reading.
#[derive(Default)]
struct Stretch {
    rows: Vec<Stored>,
    /// How many there are in the whole list, where a counter tells.
    total: Option<u64>,
    /// Where reading goes on; none at the end of the list. For the examined it may lead to nobody.
    beyond: Option<Gap>,
}

/// So many from a place one way. With a count of 0 it only tells whether there is anybody.
async fn stretch(
    ctx: &Context,
    request: &Request,
    order: Order,
    (from, way): (Option<&Gap>, Way),
    count: u64,
) -> Result<Stretch, Error> {
    let window = Window {
        order,
        descending: request.descending() != (way == Way::Backward),
        after: from.map(|gap| gap.beside.clone()),
        // From just before it forwards, and from just after it backwards, the resource itself comes first.
        inclusive: from.is_some_and(|gap| gap.before == (way == Way::Forward)),
        offset: 0,
        // One more tells whether there is more.
        limit: to_i64(count.saturating_add(1)),
    };
    let options = if count == 0 { request.along_unseen() } else { request.read_options() };
    let mut found = Vec::new();
    let mut stretch = Stretch::default();
    if request.plan.is_exact() {
        let page = ctx.store.window(&request.plan, &window, options).await;
        let page = page.map_err(|error| slow(ctx, request, error))?;
        stretch.total = page.total.and_then(|total| u64::try_from(total).ok());
        found = page.found;
    } else {
        let examination = Examination::over(ctx, request, window, options);
        stretch.beyond = examine(examination, count, &mut found).await?.map(|last| beyond(last, way));
    }
    if found.len() as u64 > count {
        found.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        stretch.beyond = found.last().map(|last| beyond(last.position.clone(), way)).or_else(|| from.cloned());
    }
    stretch.rows = found.into_iter().map(|found| found.stored).collect();
    Ok(stretch)
}

/// Just past one, as it is read.
fn beyond(last: Position, way: Way) -> Gap {
    Gap { beside: last, before: way == Way::Backward }
}

/// Gathers one more than `count` that match. Gives the place of the last document that was looked at where no more of them
/// may be, and the page is short for it: RFC 9865 §2 lets it be, and the next one goes on there.
async fn examine(
    mut examination: Examination<'_>,
    count: u64,
    matching: &mut Vec<Found>,
) -> Result<Option<Position>, Error> {
    let mut last = None;
    loop {
        let batch = match examination.batch().await? {
            Batch::Documents(batch) => batch,
            Batch::End => return Ok(None),
            Batch::Exhausted => return last.map(Some).ok_or_else(|| examination.too_many()),
        };
        for found in batch {
            last = Some(found.position.clone());
            if examination.matches(&found)? {
                matching.push(found);
            }
            if matching.len() as u64 > count {
                return Ok(None);
            }
        }
    }
}

/// How many there are on all pages: what a counter knows, or what is soon counted.
async fn total(ctx: &Context, request: &Request) -> Result<Option<u64>, Error> {
    if request.plan.is_everything() {
        return Ok(u64::try_from(ctx.store.count(request.plan.types()).await?).ok());
    }
    if !request.plan.is_exact() {
        return Ok(None);
    }
    let counted = ctx.store.count_matching(&request.plan, Some(COUNTED + 1)).await;
    let counted = counted.map_err(|error| slow(ctx, request, error))?;
    Ok(u64::try_from(counted).ok().filter(|_| counted <= COUNTED))
}
