//! The SCIM endpoint's table of contents.

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
mod search;

use axum::Router;
use axum::extract::OriginalUri;
use axum::routing::{get as on_get, post as on_post};
use scimgate_scim::error::ScimError;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::access::{SCIM_BASE, ScimAccess};
use super::error::Failure;
use super::server::too_late;
use crate::operation::Gateway;

/// Every SCIM address, with the tenant from the token and with the tenant in the path.
pub fn routes() -> Router<Gateway> {
    Router::new().nest(SCIM_BASE, endpoints()).nest(&format!("/t/{{tenant}}{SCIM_BASE}"), endpoints())
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
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_here)
}

/// Only who is let in learns what there is and what not.
async fn nothing_here(_access: ScimAccess, OriginalUri(uri): OriginalUri) -> Failure {
    Failure::scim(ScimError::new(404, format!("There is nothing at {}.", uri.path())))
}

async fn wrong_method(_access: ScimAccess, OriginalUri(uri): OriginalUri) -> Failure {
    Failure::scim(ScimError::new(405, format!("{} does not allow this method.", uri.path())))
}

/// Which resource a path means. Under a tenant's path there is one part more, so these are read by name.
#[derive(serde::Deserialize)]
struct ResourcePath {
    endpoint: String,
    #[serde(default)]
    id: String,
}

/// Runs a use case where a client that goes away cannot cut it in the middle. Past the deadline it is cut all the same:
/// the client was told to try again, and a write that is made after the repeated one would undo it. Whatever was sent to
/// the database by then is a whole transaction.
async fn run_detached<T: Send + 'static>(
    deadline: Instant,
    work: impl Future<Output = Result<T, crate::operation::Error>> + Send + 'static,
) -> Result<T, Failure> {
    let task = tokio::spawn(timeout_at(deadline, work).in_current_span());
    let in_time = task.await.map_err(Failure::scim)?;
    in_time.map_err(|_| Failure::scim(too_late()))?.map_err(Failure::scim)
}
