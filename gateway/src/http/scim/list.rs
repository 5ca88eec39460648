//! `GET /Users`, `GET /Groups`.

use axum::extract::{Path, RawQuery};
use axum::response::Response;

use super::ResourcePath;
use super::parameters::Parameters;
use crate::http::access::ScimAccess;
use crate::http::error::Failure;
use crate::http::response::scim_json;
use crate::operation::list;

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let resource_type = ctx.resource_type(&path.endpoint).map_err(Failure::scim)?;
    let search = Parameters::read(query.as_deref()).search();
    list::run(ctx, vec![resource_type], search).await.map(scim_json).map_err(Failure::scim)
}
