//! Mappings as the admin API sends and takes them.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::clock::rfc3339;
use crate::mapping::{OnFailure, Step};
use crate::operation::admin::mappings::check::RevisionStep;
use crate::operation::admin::mappings::{DryRun, NewMapping as Wanted, Revision};
use crate::store::mapping::{RevisionHead, RevisionState};

/// How a revision is checked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct CheckQuery {
    /// Whether the steps are tried on example documents first, made from the tenant's schemas.
    #[serde(default = "yes")]
    #[param(default = true, required = false)]
    dry_run: bool,
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn dry_run(required: bool) -> DryRun {
    if required { DryRun::Required } else { DryRun::Skipped }
}

impl CheckQuery {
    pub(super) fn dry_run(&self) -> DryRun {
        dry_run(self.dry_run)
    }
}

/// A new mapping. One that was read can be sent back as it is: what only replies have is ignored, while a misspelled name is
/// refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http::admin) struct NewMapping {
    #[serde(default)]
    on_failure: FailurePolicy,
    /// The steps, in order.
    #[schema(min_items = 1, max_items = 32)]
    steps: Vec<NewStep>,
    /// Why it is made.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: Option<String>,
    /// Ignored.
    #[serde(default, rename = "revision")]
    #[schema(value_type = Value)]
    _revision: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "state")]
    #[schema(value_type = Value)]
    _state: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "author")]
    #[schema(value_type = Value)]
    _author: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "createdAt")]
    #[schema(value_type = Value)]
    _created_at: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "activatedAt")]
    #[schema(value_type = Value)]
    _activated_at: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "activatedBy")]
    #[schema(value_type = Value)]
    _activated_by: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "retiredAt")]
    #[schema(value_type = Value)]
    _retired_at: IgnoredAny,
    /// Ignored.
    #[serde(default, rename = "warnings")]
    #[schema(value_type = Value)]
    _warnings: IgnoredAny,
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
pub(super) enum FailurePolicy {
    /// Nothing is stored.
    #[default]
    Refuse,
    /// The source is stored; the mapped document stays as it was and is marked stale.
    Keep,
}

/// Where a revision is in its life.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RevisionStateName {
    /// It was never active.
    Draft,
    /// Writes are mapped by it.
    Active,
    /// It was active.
    Retired,
}

/// A revision of the mapping. Revision 0 without state and steps: none is active.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::admin) struct Mapping {
    revision: i32,
    #[schema(required)]
    state: Option<RevisionStateName>,
    on_failure: FailurePolicy,
    /// The steps, in order.
    steps: Vec<MappingStep>,
    /// The operator key's id, or the name of a command.
    #[schema(required)]
    author: Option<String>,
    /// Why it was made.
    #[schema(required)]
    note: Option<String>,
    #[schema(format = DateTime, required)]
    created_at: Option<String>,
    /// When it was activated last.
    #[schema(format = DateTime, required)]
    activated_at: Option<String>,
    /// Who activated it last.
    #[schema(required)]
    activated_by: Option<String>,
    /// When it ceased to be active.
    #[schema(format = DateTime, required)]
    retired_at: Option<String>,
    /// What the check found and did not refuse, where this reply follows one.
    warnings: Vec<String>,
}

/// A step of a revision.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MappingStep {
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

/// A revision without its steps.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedRevision {
    revision: i32,
    state: RevisionStateName,
    /// The operator key's id, or the name of a command.
    #[schema(required)]
    author: Option<String>,
    /// Why it was made.
    #[schema(required)]
    note: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was activated last.
    #[schema(format = DateTime, required)]
    activated_at: Option<String>,
    /// Who activated it last.
    #[schema(required)]
    activated_by: Option<String>,
    /// When it ceased to be active.
    #[schema(format = DateTime, required)]
    retired_at: Option<String>,
}

impl Mapping {
    /// That none is active.
    pub(super) fn none() -> Self {
        Self {
            revision: 0,
            state: None,
            on_failure: FailurePolicy::default(),
            steps: Vec::new(),
            author: None,
            note: None,
            created_at: None,
            activated_at: None,
            activated_by: None,
            retired_at: None,
            warnings: Vec::new(),
        }
    }
}

impl From<NewMapping> for Wanted {
    fn from(new: NewMapping) -> Self {
        let steps = new.steps.into_iter().map(Step::from).collect();
        Self { on_failure: new.on_failure.into(), steps, note: new.note }
    }
}

impl From<NewStep> for Step {
    fn from(new: NewStep) -> Self {
        Self { plugin: new.plugin, config: new.config.into(), resource_types: new.resource_types }
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

impl From<RevisionState> for RevisionStateName {
    fn from(state: RevisionState) -> Self {
        match state {
            RevisionState::Draft => Self::Draft,
            RevisionState::Active => Self::Active,
            RevisionState::Retired => Self::Retired,
        }
    }
}

impl From<Revision> for Mapping {
    fn from(it: Revision) -> Self {
        let head = ListedRevision::from(it.head);
        Self {
            revision: head.revision,
            state: Some(head.state),
            on_failure: it.on_failure.into(),
            steps: it.steps.into_iter().map(MappingStep::from).collect(),
            author: head.author,
            note: head.note,
            created_at: Some(head.created_at),
            activated_at: head.activated_at,
            activated_by: head.activated_by,
            retired_at: head.retired_at,
            warnings: it.warnings,
        }
    }
}

impl From<RevisionHead> for ListedRevision {
    fn from(head: RevisionHead) -> Self {
        Self {
            revision: head.revision,
            state: head.state.into(),
            author: head.author,
            note: head.note,
            created_at: rfc3339(head.created_at),
            activated_at: head.activated_at.map(rfc3339),
            activated_by: head.activated_by,
            retired_at: head.retired_at.map(rfc3339),
        }
    }
}

impl From<RevisionStep> for MappingStep {
    fn from(it: RevisionStep) -> Self {
        let Step { plugin, config, resource_types } = it.step;
        Self { plugin, name: it.name, version: it.version, config: config.into(), resource_types }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_that_was_read_can_be_sent_back() {
        let step =
            Step { plugin: "aa".into(), config: json!({ "n": 1.50 }).into(), resource_types: vec!["User".into()] };
        let revision = Revision {
            head: RevisionHead {
                revision: 3,
                state: RevisionState::Retired,
                on_failure: "keep".into(),
                author: Some("x".into()),
                note: Some("why".into()),
                created_at: std::time::UNIX_EPOCH,
                activated_at: Some(std::time::UNIX_EPOCH),
                activated_by: Some("y".into()),
                retired_at: Some(std::time::UNIX_EPOCH),
            },
            on_failure: OnFailure::Keep,
            steps: vec![RevisionStep { step: step.clone(), name: "trim".into(), version: "1.0.0".into() }],
            warnings: vec!["careful".into()],
        };
        let shown = serde_json::to_value(Mapping::from(revision)).unwrap();
        let read: Wanted = serde_json::from_value::<NewMapping>(shown).unwrap().into();
        assert_eq!((read.on_failure, read.note.as_deref(), read.steps), (OnFailure::Keep, Some("why"), vec![step]));
        let none = serde_json::to_value(Mapping::none()).unwrap();
        assert!(serde_json::from_value::<NewMapping>(none).is_ok());
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
