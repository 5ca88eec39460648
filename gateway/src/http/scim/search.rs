//! `POST /Users/.search`, `POST /Groups/.search`, and all types at once: `GET /` and `POST /.search` (RFC 7644 §3.4.2.1,
//! §3.4.3).

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use scimgate_scim::search::Search;

use super::ResourcePath;
use super::parameters::Parameters;
use crate::http::access::ScimAccess;
use crate::http::body;
use crate::http::error::Failure;
use crate::http::response::scim_json;
use crate::operation::{Context, list};

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Failure> {
    let resource_type = ctx.resource_type(&path.endpoint).map_err(Failure::scim)?;
    let search = read(&headers, content).await?;
    list::run(ctx, vec![resource_type], search).await.map(scim_json).map_err(Failure::scim)
}

pub(super) async fn everywhere(
    ScimAccess(ctx): ScimAccess,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Failure> {
    let search = read(&headers, content).await?;
    of_all_types(ctx, search).await
}

pub(super) async fn root(ScimAccess(ctx): ScimAccess, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    of_all_types(ctx, Parameters::read(query.as_deref()).search()).await
}

async fn of_all_types(ctx: Context, search: Search) -> Result<Response, Failure> {
    let types = ctx.settings.registry.resource_types().to_vec();
    list::run(ctx, types, search).await.map(scim_json).map_err(Failure::scim)
}

async fn read(headers: &HeaderMap, content: Body) -> Result<Search, Failure> {
    let content = body::read(headers, content).await.map_err(Failure::scim)?;
    Search::from_json(&content).map_err(Failure::scim)
}
