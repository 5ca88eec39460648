//! `GET /Users`, `GET /Groups`.

use axum::extract::{Path, RawQuery};
use axum::response::Response;

use super::ResourcePath;
use super::parameters::Parameters;
use super::response::scim_json;
use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;
use crate::operation::list;

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    Path(path): Path<ResourcePath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ScimFailure> {
    let resource_type = ctx.resource_type(&path.endpoint)?;
    let search = Parameters::read(query.as_deref()).search();
    Ok(scim_json(list::run(ctx, vec![resource_type], search).await?))
}
