//! `/admin/v1/tenants/{tenant}/mapping`: the active one.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::mapping::{OnFailure, Step};
use crate::operation::admin::mappings::{self, Active, ActiveStep};

/// A new mapping. One that was read can be sent back as it is: what only replies have is ignored, while a misspelled name is
/// refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewMapping {
    #[serde(default)]
    on_failure: FailurePolicy,
    /// The steps, in order.
    #[schema(min_items = 1, max_items = 32)]
    steps: Vec<NewStep>,
    /// Ignored.
    #[serde(default, rename = "revision")]
    #[schema(value_type = Value)]
    _revision: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "createdAt")]
    #[schema(value_type = Value)]
    _created_at: IgnoredAny,
}

/// A step of a new mapping.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewStep {
    /// The plugin's digest, its `name@version`, or a name that only one plugin has.
    plugin: String,
    /// The configuration, by the plugin's schema.
    #[serde(default = "no_configuration")]
    config: Value,
    /// The resource types it applies to; empty: all that the plugin names.
    #[serde(default)]
    resource_types: Vec<String>,
    /// Ignored.
    #[serde(default, rename = "name")]
    #[schema(value_type = Value)]
    _name: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "version")]
    #[schema(value_type = Value)]
    _version: IgnoredAny,
}

fn no_configuration() -> Value {
    json!({})
}

/// What happens to a document whose mapping fails.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FailurePolicy {
    /// Nothing is stored.
    #[default]
    Refuse,
    /// The source is stored; the mapped document stays as it was and is marked stale.
    Keep,
}

/// The active mapping. Revision 0 without steps: none is active.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mapping {
    revision: i32,
    on_failure: FailurePolicy,
    /// The steps, in order.
    steps: Vec<MappingStep>,
    #[schema(format = DateTime, required)]
    created_at: Option<String>,
}

/// A step of the active mapping.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MappingStep {
    /// The plugin's digest.
    plugin: String,
    /// The plugin's name.
    name: String,
    /// The plugin's version.
    version: String,
    config: Value,
    /// The resource types it applies to; empty: all that the plugin names.
    resource_types: Vec<String>,
}

/// Put a mapping as a new revision, active at once.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/mapping", operation_id = "putMapping", tag = "mapping",
    request_body = NewMapping,
    responses((status = 200, description = "The new revision is active.", body = Mapping))
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewMapping>,
) -> Result<Json<Mapping>, ApiFailure> {
    let steps = body.steps.into_iter().map(Step::from).collect();
    Ok(Json(mappings::put(&operator, &tenant, body.on_failure.into(), steps).await?.into()))
}

/// Show the active mapping.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping", operation_id = "getMapping", tag = "mapping",
    responses((status = 200, description = "The active mapping.", body = Mapping))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<Mapping>, ApiFailure> {
    Ok(Json(mappings::get(&operator, &tenant).await?.into()))
}

/// Deactivate the mapping.
///
/// A job does the same to stored resources.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/mapping", operation_id = "deactivateMapping", tag = "mapping",
    responses((status = 204, description = "No mapping is active."))
)]
pub(super) async fn deactivate(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<StatusCode, ApiFailure> {
    mappings::deactivate(&operator, &tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<NewStep> for Step {
    fn from(new: NewStep) -> Self {
        Self { plugin: new.plugin, config: new.config, resource_types: new.resource_types }
    }
}

impl From<FailurePolicy> for OnFailure {
    fn from(policy: FailurePolicy) -> Self {
        match policy {
            FailurePolicy::Refuse => Self::Refuse,
            FailurePolicy::Keep => Self::Keep,
        }
    }
}

impl From<OnFailure> for FailurePolicy {
    fn from(policy: OnFailure) -> Self {
        match policy {
            OnFailure::Refuse => Self::Refuse,
            OnFailure::Keep => Self::Keep,
        }
    }
}

impl From<Active> for Mapping {
    fn from(active: Active) -> Self {
        Self {
            revision: active.revision,
            on_failure: active.on_failure.into(),
            steps: active.steps.into_iter().map(MappingStep::from).collect(),
            created_at: active.created_at.map(rfc3339),
        }
    }
}

impl From<ActiveStep> for MappingStep {
    fn from(active: ActiveStep) -> Self {
        let Step { plugin, config, resource_types } = active.step;
        Self { plugin, name: active.name, version: active.version, config, resource_types }
    }
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
        let shown = serde_json::to_value(Mapping::from(active)).unwrap();
        let read: NewMapping = serde_json::from_value(shown).unwrap();
        assert_eq!(OnFailure::from(read.on_failure), OnFailure::Keep);
        assert_eq!(read.steps.into_iter().map(Step::from).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn the_defaults_are_refuse_and_no_configuration() {
        let read: NewMapping = serde_json::from_value(json!({ "steps": [{ "plugin": "trim" }] })).unwrap();
        assert_eq!(OnFailure::from(read.on_failure), OnFailure::Refuse);
        assert_eq!(read.steps[0].config, json!({}));
    }

    #[test]
    fn a_misspelled_field_is_refused() {
        for body in [
            json!({ "steps": [], "onfailure": "keep" }),
            json!({ "steps": [{ "plugin": "trim", "resourcetypes": ["User"] }] }),
        ] {
            let message = serde_json::from_value::<NewMapping>(body).unwrap_err().to_string();
            assert!(message.starts_with("unknown field"), "{message}");
        }
    }
}
