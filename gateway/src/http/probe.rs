//! For whoever watches the process: whether it lives, and whether it can serve. No credentials, and nothing of a
//! tenant's.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::operation::Gateway;
use crate::store;
use crate::store::postgres::migrate::KNOWN;

/// Longest wait for the database: whoever asks must get the answer before losing patience.
const PATIENCE: Duration = Duration::from_secs(4);

/// The table of the probes.
pub fn routes() -> Router<Gateway> {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready))
}

/// The process answers. That is all: a database that is away is no reason to restart it.
async fn live() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}

/// The database can be reached and has the schema that this binary needs.
async fn ready(State(gateway): State<Gateway>) -> Response {
    let asked = tokio::time::timeout(PATIENCE, gateway.store.schema_version()).await;
    match missing(asked.ok()) {
        None => axum::Json(json!({ "status": "ready", "missing": [] })).into_response(),
        Some(sentence) => {
            let body = json!({ "status": "not ready", "missing": [sentence] });
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
        }
    }
}

/// What is missing, by the answer of the database; no answer is one that did not come in time. A schema that is newer
/// than the binary is no hindrance: migrations keep the binary before them working.
fn missing(version: Option<Result<i32, store::Error>>) -> Option<String> {
    match version {
        Some(Ok(version)) if version >= KNOWN => None,
        Some(Ok(version)) => Some(format!(
            "The database's schema is at version {version} and this binary needs {KNOWN}. Run `scimgate migrate`."
        )),
        Some(Err(error)) => Some(format!("The database cannot be used: {error}.")),
        None => Some(format!("The database did not answer within {} s.", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(missing(Some(Ok(KNOWN))), None);
        assert_eq!(missing(Some(Ok(KNOWN + 1))), None);
        assert!(missing(Some(Ok(KNOWN - 1))).unwrap().contains("scimgate migrate"));
        assert!(missing(None).unwrap().contains("did not answer"));
        let away = store::Error::Conflict { doing: "asking" };
        assert!(missing(Some(Err(away))).unwrap().starts_with("The database cannot be used"));
    }
}
