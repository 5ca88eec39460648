//! The result of a simulation as values; the caller decides how to print it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::compare::Comparison;
use crate::error::Error;
use crate::finding::Finding;
use crate::options::Options;
use crate::recorder::{Latency, RequestStats};
use crate::session::Results;

/// Which provider was simulated, and in which variant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variant {
    pub(crate) provider: &'static str,
    /// The dialect of PATCH, if the provider has several.
    pub(crate) dialect: Option<&'static str>,
    /// The kind of app, if the provider has several.
    pub(crate) form: Option<&'static str>,
}

impl Variant {
    /// A provider that has one variant.
    pub(crate) fn of(provider: &'static str) -> Self {
        Self { provider, ..Self::default() }
    }
}

/// The result of a simulation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether it ran to its end and found nothing wrong.
    pub green: bool,
    /// The identity provider.
    pub provider: &'static str,
    /// The SCIM base URL.
    pub target: String,
    /// The dialect of PATCH, if the provider has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'static str>,
    /// The kind of app, if the provider has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<&'static str>,
    /// The seed.
    pub seed: u64,
    /// Users in scope.
    pub users: usize,
    /// Groups in scope.
    pub groups: usize,
    /// Requests that were answered.
    pub requests: u64,
    /// The duration, in seconds.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
    /// Responses 429 and 503 that were obeyed.
    pub waits: u64,
    /// Connections that failed and were tried again.
    pub broken_connections: u64,
    /// Latencies of all requests, in milliseconds.
    pub latency_ms: Latency,
    /// Each kind of request in each step.
    pub steps: Vec<RequestStats>,
    /// The comparisons of the end state.
    pub compared: Vec<Comparison>,
    /// Further results, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The first thousand findings, in order.
    pub findings: Vec<Finding>,
    /// The number of findings of each kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// The error that ended it early, if any. The caller writes it with its causes.
    #[serde(skip)]
    pub stopped: Option<Error>,
}

fn seconds<S: Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((took.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        variant: Variant,
        (results, took): (Results, Duration),
        stopped: Option<Error>,
    ) -> Self {
        let counts: BTreeMap<_, _> =
            results.findings.counts().iter().map(|(kind, count)| (kind.name(), *count)).collect();
        Self {
            green: counts.is_empty() && stopped.is_none(),
            provider: variant.provider,
            target: options.base_url.as_str().to_owned(),
            dialect: variant.dialect,
            form: variant.form,
            seed: options.seed,
            users: options.size.users,
            groups: options.size.groups,
            requests: results.recorder.requests(),
            took,
            waits: results.recorder.waits,
            broken_connections: results.recorder.failed_connections,
            latency_ms: results.recorder.latency(),
            steps: results.recorder.stats(),
            compared: Vec::new(),
            notes: Vec::new(),
            findings: results.findings.kept().to_vec(),
            counts,
            stopped,
        }
    }

    /// The number of findings.
    #[must_use]
    pub fn finding_count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Responses per second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        let requests = u32::try_from(self.requests).unwrap_or(u32::MAX);
        f64::from(requests) / self.took.as_secs_f64().max(0.001)
    }
}
