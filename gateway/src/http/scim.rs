//! The routes of the SCIM endpoint.

mod body;
mod bulk;
mod create;
mod delete;
mod discovery;
mod get;
mod list;
mod me;
mod parameters;
mod patch;
mod replace;
mod response;
mod search;

use axum::Router;
use axum::extract::OriginalUri;
use axum::routing::{get as on_get, post as on_post};
use scimgate_scim::error::ScimError;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::access::{SCIM_BASE, ScimAccess, TENANT_PREFIX};
use super::error::ScimFailure;
use crate::operation::large::Large;
use crate::operation::{Error, Gateway};
use crate::trace;

/// Every SCIM address, with the tenant from the token and with the tenant in the path.
pub(super) fn routes() -> Router<Gateway> {
    Router::new().nest(SCIM_BASE, endpoints()).nest(&format!("{TENANT_PREFIX}{{tenant}}{SCIM_BASE}"), endpoints())
}

fn endpoints() -> Router<Gateway> {
    Router::new()
        .route("/ServiceProviderConfig", on_get(discovery::service_provider_config))
        .route("/ResourceTypes", on_get(discovery::resource_types))
        .route("/ResourceTypes/{name}", on_get(discovery::resource_type))
        .route("/Schemas", on_get(discovery::schemas))
        .route("/Schemas/{urn}", on_get(discovery::schema))
        .route("/Me", on_get(me::handle).post(me::handle).put(me::handle).patch(me::handle).delete(me::handle))
        .route("/", on_get(search::root))
        .route("/.search", on_post(search::everywhere))
        .route("/Bulk", on_post(bulk::handle))
        .route("/{endpoint}/.search", on_post(search::handle))
        .route("/{endpoint}", on_get(list::handle).post(create::handle))
        .route("/{endpoint}/{id}", on_get(get::handle).put(replace::handle).patch(patch::handle).delete(delete::handle))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
}

/// 404 only for authenticated clients; others get 401 for every address.
async fn not_found(_access: ScimAccess, OriginalUri(uri): OriginalUri) -> ScimFailure {
    ScimError::new(404, format!("There is nothing at {}.", uri.path())).into()
}

async fn method_not_allowed(_access: ScimAccess, OriginalUri(uri): OriginalUri) -> ScimFailure {
    ScimError::new(405, format!("{} does not allow this method.", uri.path())).into()
}

/// The resource that a path names. A tenant's own address has one part more, so these are read by name.
#[derive(serde::Deserialize)]
struct ResourcePath {
    endpoint: String,
    #[serde(default)]
    id: String,
}

/// Runs a use case that a client cannot abort by disconnecting. The deadline does abort it: the client then gets 503 and
/// retries, and a late write would undo the retried one. A transaction that was already sent is committed whole.
async fn run_detached<T: Send + 'static>(
    (deadline, large): (Instant, Large),
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, ScimFailure> {
    let task = tokio::spawn(trace::carried(large.run(timeout_at(deadline, work)).in_current_span()));
    Ok(task.await?.map_err(|_elapsed| Error::TimedOut)??)
}
