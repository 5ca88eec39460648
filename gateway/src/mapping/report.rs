//! The result of a run, and what each step did, for a record of the write.

use std::time::Duration;

use scimgate_plugin_host::{FailureKind, LogLine, PathError};
use scimgate_scim::access::Overlay;

use super::error::MapError;

/// What a chain decides for a document.
#[derive(Clone, Debug, PartialEq)]
pub enum MappingOutcome {
    /// The mapped document.
    Mapped(Overlay),
    /// Accepted from the client, hidden from the product; the plugin's reason.
    Excluded(String),
}

/// One run of a chain over one document.
#[derive(Debug)]
pub struct MappingRun {
    /// The outcome, or why there is none.
    pub result: Result<MappingOutcome, MapError>,
    /// The steps up to the one that ended the run, in order.
    pub steps: Vec<StepReport>,
}

/// What one step did. Reasons and log lines are the plugin's words and may contain personal data.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Its position in the chain, from 1.
    pub number: usize,
    /// The plugin's digest.
    pub plugin: String,
    /// The plugin as `name@version`; empty if it could not be loaded.
    pub title: String,
    /// What the step did.
    pub result: StepResult,
    /// CPU time of the call; zero if the plugin was not called.
    pub cpu: Duration,
    /// Bytes of linear memory of the call.
    pub memory: usize,
    /// The plugin's calls of the host.
    pub host_calls: u32,
    /// Bytes that the plugin wrote, paths included.
    pub written: usize,
    /// What the plugin logged, bounded by the host's limits.
    pub log: Vec<LogLine>,
    /// How the call failed, if it did.
    pub failure: Option<FailureKind>,
    /// Paths that the plugin could not read or write, whatever it made of that; the first few.
    pub refused_paths: Vec<RefusedPath>,
}

/// A path that a plugin could not read or write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedPath {
    /// What the plugin did: `get`, `set`, `append` or `remove`.
    pub call: &'static str,
    /// The path, shortened if it is very long.
    pub path: String,
    /// Why.
    pub error: PathError,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It mapped the document.
    Mapped,
    /// It hid the document from the product, with the reason.
    Excluded(String),
    /// It rejected the document, with the detail for the client.
    Rejected(String),
    /// It failed, with the reason.
    Failed(String),
    /// It does not apply to this resource type.
    Skipped,
}

impl StepResult {
    /// Its name in the provisioning log and in traces.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Excluded(_) => "excluded",
            Self::Rejected(_) => "rejected",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl StepReport {
    /// The report of a step that has not run yet.
    pub(super) fn new(number: usize, plugin: &str) -> Self {
        let plugin = plugin.to_owned();
        Self {
            number,
            plugin,
            title: String::new(),
            result: StepResult::Skipped,
            cpu: Duration::ZERO,
            memory: 0,
            host_calls: 0,
            written: 0,
            log: Vec::new(),
            failure: None,
            refused_paths: Vec::new(),
        }
    }
}

impl From<&MapError> for StepResult {
    fn from(error: &MapError) -> Self {
        match error {
            MapError::Rejected(rejection) => Self::Rejected(rejection.detail.clone()),
            MapError::Failed { reason, .. } => Self::Failed(reason.clone()),
            other => Self::Failed(crate::telemetry::chain(other)),
        }
    }
}
