//! `POST /Users`, `POST /Groups`.

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use scimgate_scim::recognition;

use super::parameters::Parameters;
use super::{ResourcePath, body, run_detached};
use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;
use crate::operation::resource::create;
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
    let ctx = ctx.record_client_signal(recognition::in_body("POST", &content)).await;
    run_detached((ctx.deadline, ctx.large.clone()), create::run(ctx, resource_type, content, projection)).await
}
