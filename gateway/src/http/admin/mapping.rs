//! `/admin/v1/tenants/{tenant}/mapping`: the one that is active.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::json::{Json, reply};
use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::mapping::{OnFailure, Step};
use crate::operation::Gateway;
use crate::operation::admin::mappings::{self, Active, ActiveStep};

/// The body of a PUT. A mapping that was read can be sent back as it is: what only replies tell is passed over, while
/// a misspelled name is still refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct New {
    #[serde(default)]
    on_failure: OnFailure,
    steps: Vec<NewStep>,
    #[serde(default, rename = "revision")]
    _revision: IgnoredAny,
    #[serde(default, rename = "createdAt")]
    _created_at: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewStep {
    plugin: String,
    #[serde(default = "no_configuration")]
    config: Value,
    #[serde(default)]
    resource_types: Vec<String>,
    #[serde(default, rename = "name")]
    _name: IgnoredAny,
    #[serde(default, rename = "version")]
    _version: IgnoredAny,
}

fn no_configuration() -> Value {
    json!({})
}

impl From<NewStep> for Step {
    fn from(new: NewStep) -> Self {
        Self { plugin: new.plugin, config: new.config, resource_types: new.resource_types }
    }
}

pub(super) async fn put(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
    Json(body): Json<New>,
) -> Result<Response, Failure> {
    let steps = body.steps.into_iter().map(Step::from).collect();
    let active = mappings::put(&gateway, &tenant, body.on_failure, steps).await.map_err(Failure::internal)?;
    tracing::info!(
        actor = %access.actor, tenant.name = %tenant, revision = active.revision, "mapping revision activated"
    );
    Ok(reply(StatusCode::OK, shown(&active)))
}

pub(super) async fn get(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
) -> Result<Response, Failure> {
    let active = mappings::get(&gateway, &tenant).await.map_err(Failure::internal)?;
    Ok(reply(StatusCode::OK, shown(&active)))
}

pub(super) async fn deactivate(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
) -> Result<Response, Failure> {
    mappings::deactivate(&gateway, &tenant).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.name = %tenant, "mapping switched off");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Revision 0 without steps says that no mapping is active.
fn shown(active: &Active) -> Value {
    json!({
        "revision": active.revision,
        "onFailure": active.on_failure.word(),
        "steps": active.steps.iter().map(shown_step).collect::<Vec<_>>(),
        "createdAt": active.created_at.map(rfc3339),
    })
}

fn shown_step(active: &ActiveStep) -> Value {
    json!({
        "plugin": active.step.plugin,
        "name": active.name,
        "version": active.version,
        "config": active.step.config,
        "resourceTypes": active.step.resource_types,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_that_was_read_can_be_sent_back() {
        let step = Step { plugin: "aa".into(), config: json!({ "n": 1.50 }), resource_types: vec!["User".into()] };
        let active = Active {
            revision: 3,
            on_failure: OnFailure::Keep,
            steps: vec![ActiveStep { step: step.clone(), name: "trim".into(), version: "1.0.0".into() }],
            created_at: Some(std::time::UNIX_EPOCH),
        };
        let read: New = serde_json::from_value(shown(&active)).unwrap();
        assert_eq!(read.on_failure, OnFailure::Keep);
        assert_eq!(read.steps.into_iter().map(Step::from).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn what_is_left_out_is_refuse_and_no_configuration() {
        let read: New = serde_json::from_value(json!({ "steps": [{ "plugin": "trim" }] })).unwrap();
        assert_eq!(read.on_failure, OnFailure::Refuse);
        assert_eq!(read.steps[0].config, json!({}));
    }

    #[test]
    fn a_misspelled_field_is_refused() {
        for body in [
            json!({ "steps": [], "onfailure": "keep" }),
            json!({ "steps": [{ "plugin": "trim", "resourcetypes": ["User"] }] }),
        ] {
            let message = serde_json::from_value::<New>(body).unwrap_err().to_string();
            assert!(message.starts_with("unknown field"), "{message}");
        }
    }
}
