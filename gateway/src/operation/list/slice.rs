//! A part of a list by number: by the database alone where it decides everything, else by examining documents.

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::page::{Slice, Wanted};
use crate::operation::list::request::Request;
use crate::operation::list::{by_database, examine, sorted};

pub(super) async fn read(ctx: &Context, request: &Request, wanted: &Wanted) -> Result<Slice, Error> {
    match request.order {
        None => sorted::read(ctx, request, wanted).await,
        Some(order) if request.plan.is_exact() => by_database::read(ctx, request, wanted, order).await,
        Some(order) => examine::read(ctx, request, wanted, order).await,
    }
}
