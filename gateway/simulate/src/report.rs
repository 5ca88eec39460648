//! What came of a simulation, as values; how it is printed is not decided here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::compare::Compared;
use crate::error::Error;
use crate::finding::Finding;
use crate::options::Options;
use crate::recorder::{Latency, Line};
use crate::session::Seen;

/// Which client was played, and in which of its ways.
#[derive(Clone, Copy, Debug, Default)]
pub struct Played {
    /// Its name.
    pub provider: &'static str,
    /// How a PATCH was written, of a client that has several dialects.
    pub dialect: Option<&'static str>,
    /// In which form, of a client that has several.
    pub form: Option<&'static str>,
}

impl Played {
    /// A client that has one way.
    #[must_use]
    pub fn plainly(provider: &'static str) -> Self {
        Self { provider, ..Self::default() }
    }
}

/// What came of a simulation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether it came to its end and found nothing wrong.
    pub green: bool,
    /// Which identity provider was played.
    pub provider: &'static str,
    /// Against which base address.
    pub target: String,
    /// In which dialect, if it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'static str>,
    /// In which form, if it has several.
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
    /// How long it took, in seconds.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
    /// Answers 429 and 503 after which was waited.
    pub waits: u64,
    /// Connections that broke and were tried again.
    pub broken_connections: u64,
    /// Latencies of all requests, in milliseconds.
    pub latency_ms: Latency,
    /// Each kind of request in each step.
    pub steps: Vec<Line>,
    /// The comparisons of the end state.
    pub compared: Vec<Compared>,
    /// What else there is to tell, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What went wrong, in order; the first thousand.
    pub findings: Vec<Finding>,
    /// How often each kind of thing went wrong.
    pub counts: BTreeMap<&'static str, u64>,
    /// The error that ended it early, if any. The caller writes it with its causes.
    #[serde(skip)]
    pub stopped: Option<Error>,
}

fn seconds<S: Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((took.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl Report {
    /// The report of what was seen. Time, comparisons and the reason of an early end are put in by the provider.
    #[must_use]
    pub fn new(options: &Options, played: Played, seen: &Seen) -> Self {
        let counts: BTreeMap<_, _> = seen.findings.counts().iter().map(|(kind, count)| (kind.name(), *count)).collect();
        Self {
            green: counts.is_empty(),
            provider: played.provider,
            target: options.base.as_str().to_owned(),
            dialect: played.dialect,
            form: played.form,
            seed: options.seed,
            users: options.size.users,
            groups: options.size.groups,
            requests: seen.recorder.requests(),
            took: Duration::ZERO,
            waits: seen.recorder.waits,
            broken_connections: seen.recorder.broken,
            latency_ms: seen.recorder.latency(),
            steps: seen.recorder.lines(),
            compared: Vec::new(),
            notes: Vec::new(),
            findings: seen.findings.kept().to_vec(),
            counts,
            stopped: None,
        }
    }

    /// With what came of the play.
    #[must_use]
    pub fn of(self, took: Duration, compared: Vec<Compared>, stopped: Option<Error>) -> Self {
        Self { green: self.green && stopped.is_none(), took, compared, stopped, ..self }
    }

    /// With what else there is to tell.
    #[must_use]
    pub fn noting(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// All that went wrong.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Requests answered in a second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        let requests = u32::try_from(self.requests).unwrap_or(u32::MAX);
        f64::from(requests) / self.took.as_secs_f64().max(0.001)
    }
}
