//! Examines documents one by one, in bounded batches: the database's condition narrows, the filter's evaluator decides.

use scimgate_scim::effort::Effort;
use scimgate_scim::filter::{Filter, Prepared};
use scimgate_scim::sort::{Sort, SortKey};

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::page::{Slice, Wanted, to_i64};
use crate::operation::list::request::Request;
use crate::operation::pace::Pace;
use crate::operation::resource::reply::tree;
use crate::store::memory::MAX_PAGE_BYTES;
use crate::store::resource::list::{Found, Order, Window};
use crate::store::resource::read::ReadOptions;
use crate::store::{self, TenantStore};

/// Documents that are read together.
const BATCH_SIZE: u64 = 256;

/// The result of reading on.
pub(super) enum Batch {
    /// The next documents.
    Documents(Vec<Found>),
    /// There are no more.
    End,
    /// There are more, and no more may be examined.
    Exhausted,
}

/// The documents that pass the database's condition, in an order.
pub(super) struct Examination<'a> {
    ctx: &'a Context,
    request: &'a Request,
    window: Window,
    options: ReadOptions,
    examined: u64,
    /// Documents that are read together: fewer where they are large.
    batch_size: u64,
    finished: bool,
    /// Holds the memory of the last batch.
    store: TenantStore,
    /// The filter, where the database does not decide alone.
    filter: Option<Prepared<'a>>,
    effort: Effort,
}

impl<'a> Examination<'a> {
    /// Examines documents in the requested order, with what the reply shows.
    pub(super) fn new(ctx: &'a Context, request: &'a Request, order: Order) -> Self {
        let window =
            Window { order, descending: request.descending(), after: None, inclusive: false, offset: 0, limit: 0 };
        Self::over(ctx, request, window, request.read_options())
    }

    /// Examines documents from a position, with these read options. The window's limit bounds the first batch; later ones may
    /// be larger.
    pub(super) fn over(ctx: &'a Context, request: &'a Request, window: Window, options: ReadOptions) -> Self {
        let filter = request.filter.as_ref().filter(|_| !request.plan.is_exact()).map(Filter::prepare);
        Self {
            ctx,
            request,
            window,
            options,
            examined: 0,
            batch_size: BATCH_SIZE,
            finished: false,
            store: ctx.store.clone(),
            filter,
            effort: Effort::list(),
        }
    }

    /// Examines documents in the order of ids, without what only a reply needs.
    pub(super) fn unshown(ctx: &'a Context, request: &'a Request) -> Self {
        let mut examination = Self::new(ctx, request, Order::Id);
        examination.window.descending = false;
        examination.options = request.options_unshown();
        examination
    }

    /// The next documents; none at the end.
    ///
    /// # Errors
    /// 400 `tooMany` where more documents would have to be examined than may be.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Found>>, Error> {
        match self.batch().await? {
            Batch::Documents(found) => Ok(Some(found)),
            Batch::End => Ok(None),
            Batch::Exhausted => Err(self.too_many()),
        }
    }

    /// The refusal where no more documents may be examined.
    pub(super) fn too_many(&self) -> Error {
        self.request.too_many(self.ctx)
    }

    /// The next documents.
    pub(super) async fn batch(&mut self) -> Result<Batch, Error> {
        if self.finished {
            return Ok(Batch::End);
        }
        let left = self.ctx.gateway.lists.examined.saturating_sub(self.examined);
        let first = u64::try_from(self.window.limit).ok().filter(|limit| self.examined == 0 && *limit > 0);
        // One row beyond the limit shows whether there are more.
        let size = if left == 0 { 1 } else { first.unwrap_or(BATCH_SIZE).min(self.batch_size).min(left) };
        self.window.limit = to_i64(size);
        // The memory of a batch is held until the next one.
        self.store = self.ctx.store.apart();
        let found = match self.store.window(&self.request.plan, &self.window, self.options).await {
            Ok(page) => page.found,
            // Fewer large documents at a time.
            Err(store::Error::TooLong { fit: Some(fit) }) if fit > 0 => {
                self.batch_size = fit as u64;
                return Box::pin(self.batch()).await;
            }
            Err(error) => return Err(error.into()),
        };
        let read = found.len() as u64;
        self.finished = read < size;
        if left == 0 {
            return Ok(if read == 0 { Batch::End } else { Batch::Exhausted });
        }
        self.examined += read;
        let largest = found.iter().map(|found| found.stored.bytes()).max().unwrap_or_default();
        let terms = self.request.filter.as_ref().map_or(1, Filter::term_count);
        self.ctx.compute(largest.saturating_mul(terms)).await;
        if let Some(last) = found.last() {
            self.window.after = Some(last.position.clone());
            self.window.inclusive = false;
        }
        Ok(Batch::Documents(found))
    }

    /// Whether a document matches the filter. Where the database decides alone, the evaluator is not called.
    ///
    /// # Errors
    /// 400 `tooMany` where more would have to be compared than may be.
    pub(super) fn matches(&mut self, found: &Found) -> Result<bool, Error> {
        let Some(filter) = &self.filter else { return Ok(true) };
        let (resource_type, _) = self.request.of_type(&found.stored.resource_type)?;
        let document = tree(self.ctx, resource_type, &found.stored)?;
        let external = |term: &Filter| self.request.plan.predicate_result(term, &found.predicate_results);
        Ok(filter.matches_within(&document, &external, &mut self.effort)?)
    }

    /// The key by which a resource is sorted.
    ///
    /// # Errors
    /// As for [`Examination::matches`].
    pub(super) fn sort_key(&mut self, sort: &Sort, found: &Found) -> Result<Option<SortKey>, Error> {
        let (resource_type, _) = self.request.of_type(&found.stored.resource_type)?;
        let document = tree(self.ctx, resource_type, &found.stored)?;
        Ok(sort.key(&document, &mut self.effort)?)
    }
}

impl Examination<'_> {
    /// Ends it: gives back the memory of the last batch, and holds that of what is kept until the reply is sent.
    pub(super) async fn keep(self, kept: &Kept) -> Result<(), Error> {
        let Self { ctx, store, .. } = self;
        drop(store);
        Ok(ctx.store.account().hold(kept.bytes).await?)
    }
}

/// What is kept of the batches for the reply.
#[derive(Default)]
pub(super) struct Kept {
    rows: usize,
    bytes: usize,
}

impl Kept {
    /// Counts a document.
    ///
    /// # Errors
    /// 400 `tooMany` beyond the longest page.
    pub(super) fn add(&mut self, found: &Found) -> Result<(), store::Error> {
        self.bytes += found.stored.bytes();
        if self.bytes > MAX_PAGE_BYTES {
            return Err(store::Error::TooLong { fit: Some(self.rows) });
        }
        self.rows += 1;
        Ok(())
    }
}

/// The requested part of what matches the filter, and the number of matches.
pub(super) async fn read(ctx: &Context, request: &Request, wanted: &Wanted, order: Order) -> Result<Slice, Error> {
    let mut examination = Examination::new(ctx, request, order);
    examination.window.after = wanted.position();
    let mut slice = Slice { total: if wanted.after.is_some() { wanted.offset } else { 0 }, ..Slice::default() };
    let mut kept = Kept::default();
    let mut pace = Pace::begin();
    while let Some(batch) = examination.next().await? {
        for found in batch {
            pace.step().await;
            if !examination.matches(&found)? {
                continue;
            }
            slice.total += 1;
            if slice.total > wanted.offset && (slice.rows.len() as u64) < wanted.count {
                kept.add(&found)?;
                slice.rows.push(found.stored);
            }
        }
    }
    examination.keep(&kept).await?;
    slice.more = slice.total > wanted.offset + slice.rows.len() as u64;
    Ok(slice)
}
