//! Runs one step of a chain: calls its plugin, and turns every failure into an error for the client and a log line without
//! personal data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scimgate_plugin_host::{CallResult, Component, Context, Decision, Failure, FailureKind, Host, LogLine};
use scimgate_scim::access::Overlay;
use scimgate_scim::error::{ScimError, ScimType};

use super::Mapper;
use super::call_counts::CallOutcome;
use super::chain::Step;
use super::contain::{Blocked, Purpose, StepKey};
use super::document::{DocumentInfo, MAX_DOCUMENT_BYTES, ScimDocument};
use super::error::MapError;
use super::report::{StepReport, StepResult};

/// The document between two steps.
#[derive(Clone)]
pub(super) struct Intermediate {
    pub(super) tree: Overlay,
    /// An upper bound of its length, which is cheaper than the length itself.
    pub(super) max_length: usize,
}

/// A step about to run on a document.
pub(super) struct StepRun<'a> {
    pub(super) revision: i32,
    /// The step's position in the chain, from 1.
    pub(super) number: usize,
    pub(super) step: &'a Step,
    pub(super) info: &'a DocumentInfo<'a>,
    pub(super) purpose: Purpose,
}

impl Mapper {
    /// Runs a step: mapped, excluded or skipped. Returns the document for the next one.
    pub(super) async fn run_step(
        &self,
        step: &StepRun<'_>,
        document: Intermediate,
        report: &mut StepReport,
    ) -> Result<(StepResult, Intermediate), MapError> {
        let component = self.component(&step.step.plugin).await?;
        let manifest = component.manifest();
        report.title = format!("{}@{}", manifest.name, manifest.version);
        if !step.step.applies_to(&step.info.resource_type.name, &manifest.resource_types) {
            return Ok((StepResult::Skipped, document));
        }
        let Intermediate { tree, max_length } = document;
        let call = step.call(self.compiled.host.clone(), component.clone(), tree);
        let begun = Instant::now();
        let result = self.containment.call(step.key(), move || call.run()).await;
        self.count(step, &manifest.name, (begun.elapsed(), &result));
        let CallResult { document: returned, decision, log, cpu, written, memory, host_calls } =
            result.map_err(|blocked| step.blocked(&component, blocked))?;
        for line in &log {
            step.trace(line);
        }
        let (tree, refused_paths) = returned.into_parts();
        (report.cpu, report.log, report.refused_paths) = (cpu, log, refused_paths);
        (report.memory, report.host_calls, report.written) = (memory, host_calls, written);
        report.failure = decision.as_ref().err().map(|failure| failure.kind);
        let mut document = Intermediate { tree, max_length: max_length.saturating_add(written) };
        match decision {
            Ok(Decision::Mapped) => {
                step.check_length(&component, &mut document)?;
                Ok((StepResult::Mapped, document))
            }
            Ok(Decision::Excluded(reason)) => Ok((StepResult::Excluded(reason), document)),
            Ok(Decision::Rejected { scim_type, detail }) => {
                Err(MapError::Rejected(rejection(scim_type.as_deref(), detail)))
            }
            Err(failure) => Err(step.failed(&component, &failure)),
        }
    }
}

impl Mapper {
    /// Counts a call for a document that is stored.
    fn count(
        &self,
        step: &StepRun<'_>,
        plugin: &str,
        (took, result): (Duration, &Result<CallResult<ScimDocument>, Blocked>),
    ) {
        if step.purpose != Purpose::Write {
            return;
        }
        let outcome = match result.as_ref().map(|call| &call.decision) {
            Ok(Ok(Decision::Mapped)) => CallOutcome::Mapped,
            Ok(Ok(Decision::Excluded(_))) => CallOutcome::Excluded,
            Ok(Ok(Decision::Rejected { .. })) => CallOutcome::Rejected,
            Ok(Err(_)) => CallOutcome::Failed,
            Err(Blocked::Busy) => CallOutcome::Busy,
            Err(Blocked::Open(_)) => CallOutcome::Open,
        };
        let cpu = result.as_ref().map_or(Duration::ZERO, |call| call.cpu);
        self.calls.count(plugin, outcome, (took, cpu));
    }
}

/// A call of a plugin with all it needs, since it may outlive the request.
struct PluginCall {
    host: Arc<Host>,
    component: Arc<Component>,
    context: Context,
    config: Arc<str>,
    document: ScimDocument,
}

impl PluginCall {
    fn run(self) -> CallResult<ScimDocument> {
        self.host.run(&self.component, &self.context, &self.config, self.document, &self.host.limits())
    }
}

impl StepRun<'_> {
    fn key(&self) -> StepKey {
        let tenant = self.info.tenant.to_owned();
        StepKey {
            tenant,
            revision: self.revision,
            number: self.number,
            plugin: self.step.plugin.clone(),
            purpose: self.purpose,
        }
    }

    fn call(&self, host: Arc<Host>, component: Arc<Component>, tree: Overlay) -> PluginCall {
        let info = self.info;
        let context = Context {
            tenant: info.tenant.to_owned(),
            resource_type: info.resource_type.name.clone(),
            resource_id: info.id.to_string(),
            last_modified: info.last_modified.clone(),
        };
        let document = ScimDocument::new(tree, info.resource_type.clone());
        PluginCall { host, component, context, config: self.step.config.text(), document }
    }

    /// Measures the document only if it may be too long.
    fn check_length(&self, component: &Component, document: &mut Intermediate) -> Result<(), MapError> {
        if document.max_length <= MAX_DOCUMENT_BYTES {
            return Ok(());
        }
        document.max_length = document.tree.to_json().len();
        if document.max_length <= MAX_DOCUMENT_BYTES {
            return Ok(());
        }
        let reason = format!("the document would be longer than {MAX_DOCUMENT_BYTES} bytes, the longest accepted");
        self.warn("document_size", &reason);
        Err(self.error(component, reason, false))
    }

    fn blocked(&self, component: &Component, blocked: Blocked) -> MapError {
        match blocked {
            Blocked::Busy => MapError::Busy,
            Blocked::Open(remaining) => {
                MapError::Open { plugin: plugin(component), step: self.number, seconds: seconds(remaining) }
            }
        }
    }

    fn failed(&self, component: &Component, failure: &Failure) -> MapError {
        let reason = match failure.kind {
            // The plugin's own words may contain personal data, which must not be logged.
            FailureKind::Reported => "the plugin's own reason is in the reply only",
            _ => failure.reason.as_str(),
        };
        self.warn(failure.kind.as_str(), reason);
        self.error(component, failure.reason.trim_end_matches('.').to_owned(), failure.kind.is_transient())
    }

    fn error(&self, component: &Component, reason: String, transient: bool) -> MapError {
        let resource_type = self.info.resource_type.name.clone();
        MapError::Failed { plugin: plugin(component), step: self.number, resource_type, reason, transient }
    }

    /// Where nothing is stored, a failure is for the one who asked for the run.
    fn warn(&self, kind: &str, reason: &str) {
        if self.purpose != Purpose::Write {
            return;
        }
        tracing::warn!(
            tenant.name = self.info.tenant, plugin.digest = self.step.plugin,
            resource.type = %self.info.resource_type.name, resource.id = %self.info.id, kind, reason, "a plugin failed"
        );
    }

    /// A plugin's log is for its author and may contain personal data, so it is visible at `debug` only.
    fn trace(&self, line: &LogLine) {
        tracing::debug!(
            tenant.name = self.info.tenant, plugin.digest = self.step.plugin, resource.id = %self.info.id,
            plugin.level = ?line.level, plugin.message = line.message, "plugin says"
        );
    }
}

fn plugin(component: &Component) -> String {
    let manifest = component.manifest();
    format!("{} {}", manifest.name, manifest.version)
}

/// Whole seconds, rounded up.
fn seconds(remaining: Duration) -> u32 {
    u32::try_from(remaining.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}

/// A plugin's rejection as the client's error. A scimType that does not apply to a written resource becomes `invalidValue`.
fn rejection(scim_type: Option<&str>, detail: String) -> ScimError {
    match scim_type {
        Some("uniqueness") => ScimError::uniqueness(detail),
        Some("mutability") => ScimError::mutability(detail),
        Some("invalidSyntax") => ScimError::invalid_syntax(detail),
        _ => ScimError::bad_request(ScimType::InvalidValue, detail),
    }
}
