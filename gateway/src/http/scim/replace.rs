//! `PUT /Users/{id}`, `PUT /Groups/{id}`.

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;

use super::parameters::{Parameters, condition};
use super::{ResourcePath, body, run_detached};
use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;
use crate::operation::resource::replace;
use crate::operation::resource::reply::Reply;

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    content: Body,
) -> Result<Reply, ScimFailure> {
    let resource_type = ctx.resource_type(&path.endpoint)?;
    let projection = Parameters::read(query.as_deref()).projection(&resource_type)?;
    let content = body::read(&ctx, &headers, content).await?;
    let condition = condition(&ctx, &headers)?;
    run_detached((ctx.deadline, ctx.large.clone()), async move {
        replace::run(ctx, resource_type, &path.id, content, condition, projection).await
    })
    .await
}
