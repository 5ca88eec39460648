//! `PATCH /Users/{id}`, `PATCH /Groups/{id}`.

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use scimgate_scim::recognition;

use super::parameters::{Parameters, condition};
use super::{ResourcePath, run_detached};
use crate::http::access::ScimAccess;
use crate::http::body;
use crate::http::error::Failure;
use crate::operation::resource::patch;
use crate::operation::resource::reply::Reply;

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    content: Body,
) -> Result<Reply, Failure> {
    let resource_type = ctx.resource_type(&path.endpoint).map_err(Failure::scim)?;
    let projection = Parameters::read(query.as_deref()).projection(&resource_type).map_err(Failure::scim)?;
    let content = body::read(&headers, content).await.map_err(Failure::scim)?;
    let ctx = ctx.record_client_signal(recognition::in_body("PATCH", &content)).await;
    let condition = condition(&ctx, &headers).map_err(Failure::scim)?;
    run_detached(
        ctx.deadline,
        async move { patch::run(ctx, resource_type, &path.id, content, condition, projection).await },
    )
    .await
}
