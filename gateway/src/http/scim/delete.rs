//! `DELETE /Users/{id}`, `DELETE /Groups/{id}`.

use axum::extract::Path;
use axum::http::HeaderMap;

use super::parameters::condition;
use super::{ResourcePath, run_detached};
use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;
use crate::operation::resource::delete;
use crate::operation::resource::reply::Reply;

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    headers: HeaderMap,
) -> Result<Reply, ScimFailure> {
    let resource_type = ctx.resource_type(&path.endpoint)?;
    let condition = condition(&ctx, &headers)?;
    run_detached((ctx.deadline, ctx.large.clone()), async move {
        delete::run(ctx, resource_type, &path.id, condition).await
    })
    .await
}
