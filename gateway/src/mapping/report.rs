//! What is told of a step that did not map its document: to the client, and in the log, which holds no personal data.

use std::sync::Arc;
use std::time::Duration;

use scimgate_plugin_host::{Component, Decision as StepOutcome, Failure, FailureKind, LogLine};
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};

use super::breaker::{self, Change, Cost};
use super::call::{Call, LONGEST, MapError};
use super::chain::{Chain, Step};

/// Time that the wall clock alone counts is the machine's: a plugin cannot wait by itself.
pub(super) fn cost(outcome: &Result<StepOutcome, Failure>) -> Cost {
    match outcome.as_ref().map_err(|failure| failure.kind) {
        Err(FailureKind::CpuTime | FailureKind::Memory) => Cost::Unbearable,
        Err(FailureKind::Overloaded | FailureKind::WallTime) => Cost::Unknown,
        Ok(_) | Err(_) => Cost::Bearable,
    }
}

/// Which step it is that runs, for what is told of it.
pub(super) struct At<'a> {
    pub(super) revision: i32,
    pub(super) index: usize,
    pub(super) step: &'a Step,
    pub(super) component: &'a Arc<Component>,
}

impl At<'_> {
    fn plugin(&self) -> String {
        let manifest = self.component.manifest();
        format!("{} {}", manifest.name, manifest.version)
    }

    pub(super) fn open(&self, remaining: Duration) -> MapError {
        let seconds = u32::try_from(remaining.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        MapError::Open { plugin: self.plugin(), step: self.index + 1, seconds }
    }

    /// The document's length, exactly where it may be too much.
    pub(super) fn check_length(
        &self,
        call: &Call<'_>,
        tree: &Map<String, Value>,
        at_most: usize,
    ) -> Result<usize, MapError> {
        if at_most <= LONGEST {
            return Ok(at_most);
        }
        let length = serde_json::to_string(tree).map_or(usize::MAX, |text| text.len());
        if length <= LONGEST {
            return Ok(length);
        }
        let reason = format!("the document would be longer than {LONGEST} bytes, the longest accepted");
        tracing::warn!(
            tenant.name = call.tenant, plugin.id = self.component.digest(), resource.type = %call.resource_type.name,
            resource.id = %call.id, kind = "document_size", %reason, "a plugin failed"
        );
        Err(self.failure(call, reason, false))
    }

    pub(super) fn failed(&self, call: &Call<'_>, failure: &Failure) -> MapError {
        // A plugin's own words may hold what it read, and personal data has no place in the log.
        let reason = match failure.kind {
            FailureKind::Reported => "the plugin said why, to the client alone",
            _ => failure.reason.as_str(),
        };
        tracing::warn!(
            tenant.name = call.tenant, plugin.id = self.component.digest(), resource.type = %call.resource_type.name,
            resource.id = %call.id, kind = failure.kind.as_str(), reason, "a plugin failed"
        );
        self.failure(call, failure.reason.trim_end_matches('.').to_owned(), failure.kind.is_transient())
    }

    fn failure(&self, call: &Call<'_>, reason: String, may_pass: bool) -> MapError {
        let resource_type = call.resource_type.name.clone();
        MapError::Failed { plugin: self.plugin(), step: self.index + 1, resource_type, reason, may_pass }
    }

    /// A plugin's lines are for its author, and may hold what it read: they are left out unless asked for.
    pub(super) fn log(&self, call: &Call<'_>, line: &LogLine) {
        tracing::debug!(
            tenant.name = call.tenant, plugin.id = self.component.digest(), resource.id = %call.id,
            plugin.level = ?line.level, plugin.message = line.message, "plugin says"
        );
    }
}

/// Tells the operator that a step is left alone, or called again.
pub(super) fn tell(step: &breaker::Step, component: &Component, change: Change) {
    let (tenant, plugin, revision, number) = (&step.tenant, component.digest(), step.revision, step.index + 1);
    match change {
        Change::None => {}
        Change::Opened(length) => tracing::warn!(
            tenant.name = tenant,
            plugin.id = plugin,
            mapping.revision = revision,
            step = number,
            seconds = length.as_secs(),
            "a plugin keeps failing and is not called for a while"
        ),
        Change::Closed => tracing::info!(
            tenant.name = tenant,
            plugin.id = plugin,
            mapping.revision = revision,
            step = number,
            "a plugin that kept failing is called again"
        ),
    }
}

/// What comes out must be what the directory's schemas allow: the product relies on it.
pub(super) fn check(chain: &Chain, call: &Call<'_>, tree: &Map<String, Value>) -> Result<(), MapError> {
    validate(tree, call.resource_type).map_err(|refusal| {
        let reason = "what came out does not fit the directory's schemas";
        // What exactly does not fit may be a plugin's own invention: it is told to the client alone.
        tracing::warn!(
            tenant.name = call.tenant, mapping.revision = chain.revision, resource.type = %call.resource_type.name,
            resource.id = %call.id, kind = "bad_output", reason, "a mapping failed"
        );
        MapError::Failed {
            plugin: format!("of revision {}", chain.revision),
            step: chain.steps.len(),
            resource_type: call.resource_type.name.clone(),
            reason: format!("{reason}: {}", refusal.detail.trim_end_matches('.')),
            may_pass: false,
        }
    })
}

/// A plugin's rejection becomes the client's error; its keyword only where RFC 7644 knows it.
pub(super) fn rejection(scim_type: Option<&str>, detail: String) -> ScimError {
    use scimgate_scim::error::ScimType;
    match scim_type {
        Some("uniqueness") => ScimError::uniqueness(detail),
        Some("mutability") => ScimError::mutability(detail),
        Some("invalidSyntax") => ScimError::invalid_syntax(detail),
        _ => ScimError::bad_request(ScimType::InvalidValue, detail),
    }
}
