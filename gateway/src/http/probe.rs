//! Probes for monitoring: whether the process is alive, and whether it can serve. They need no credentials and show nothing of
//! a tenant.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::facts;
use crate::operation::{Gateway, metrics};
use crate::store;
use crate::store::postgres::migrate::KNOWN;

/// Longest wait for the database: the reply is to come within the timeout of the caller.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(4);

/// The routes of the probes.
pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
        .route_layer(map_request(facts::add_route))
}

/// The process answers. An unavailable database is no reason to restart it.
async fn live() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}

/// What this process counts, for Prometheus.
async fn show_metrics(State(gateway): State<Gateway>) -> Response {
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], metrics::text(&gateway)).into_response()
}

/// The database can be reached and has the schema that this binary needs.
async fn ready(State(gateway): State<Gateway>) -> Response {
    let version = tokio::time::timeout(DATABASE_TIMEOUT, gateway.store.schema_version()).await;
    match missing(version.ok()) {
        None => axum::Json(json!({ "status": "ready", "missing": [] })).into_response(),
        Some(sentence) => {
            let body = json!({ "status": "not ready", "missing": [sentence] });
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
        }
    }
}

/// What is missing, by the schema version that the database answered within the time limit. A newer schema is
/// fine: a migration keeps the previous binary working.
fn missing(version: Option<Result<i32, store::Error>>) -> Option<String> {
    match version {
        Some(Ok(version)) if version >= KNOWN => None,
        Some(Ok(version)) => Some(format!(
            "The database's schema is at version {version} and this binary needs {KNOWN}. Run `scimgate migrate`."
        )),
        Some(Err(error)) => Some(format!("The database cannot be used: {error}.")),
        None => Some(format!("The database did not answer within {} s.", DATABASE_TIMEOUT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_schema_and_an_unavailable_database_are_named() {
        assert_eq!(missing(Some(Ok(KNOWN))), None);
        assert_eq!(missing(Some(Ok(KNOWN + 1))), None);
        assert!(missing(Some(Ok(KNOWN - 1))).unwrap().contains("scimgate migrate"));
        assert!(missing(None).unwrap().contains("did not answer"));
        let unavailable = store::Error::Conflict { doing: "asking" };
        assert!(missing(Some(Err(unavailable))).unwrap().starts_with("The database cannot be used"));
    }
}
