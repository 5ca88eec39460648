//! `POST /Users/.search`, `POST /Groups/.search`, and all types at once: `GET /` and `POST /.search` (RFC 7644 §3.4.2.1,
//! §3.4.3).

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use scimgate_scim::search::Search;

use super::parameters::Parameters;
use super::response::scim_json;
use super::{ResourcePath, body};
use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;
use crate::operation::{Context, list};

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, ScimFailure> {
    let resource_type = ctx.resource_type(&path.endpoint)?;
    let search = read(&ctx, &headers, content).await?;
    Ok(scim_json(list::run(ctx, vec![resource_type], search).await?))
}

pub(super) async fn everywhere(
    ScimAccess(ctx): ScimAccess,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, ScimFailure> {
    let search = read(&ctx, &headers, content).await?;
    of_all_types(ctx, search).await
}

pub(super) async fn root(ScimAccess(ctx): ScimAccess, RawQuery(query): RawQuery) -> Result<Response, ScimFailure> {
    of_all_types(ctx, Parameters::read(query.as_deref()).search()).await
}

async fn of_all_types(ctx: Context, search: Search) -> Result<Response, ScimFailure> {
    let types = ctx.settings.registry.resource_types().to_vec();
    Ok(scim_json(list::run(ctx, types, search).await?))
}

async fn read(ctx: &Context, headers: &HeaderMap, content: Body) -> Result<Search, ScimFailure> {
    let content = body::read(ctx, headers, content).await?;
    Ok(Search::from_json(&content)?)
}
