//! The requests sent and their responses: counts, statuses and latencies per kind of request and step.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::step::Step;

/// Collects statistics while a simulation runs.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    samples: BTreeMap<(Step, &'static str), Samples>,
    /// Responses 429 and 503 that were obeyed.
    pub(crate) waits: u64,
    /// Connections that failed and were tried again.
    pub(crate) failed_connections: u64,
}

#[derive(Debug, Default)]
struct Samples {
    statuses: BTreeMap<u16, u64>,
    micros: Vec<u32>,
}

/// One kind of request in one step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestStats {
    /// The step's name.
    pub step: &'static str,
    /// The request's name.
    pub request: &'static str,
    /// The number of responses.
    pub requests: u64,
    /// The number of responses per status.
    pub statuses: BTreeMap<u16, u64>,
    /// Latencies in milliseconds.
    pub latency_ms: Latency,
}

/// Percentiles of latencies, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Recorder {
    /// Records a response.
    pub(crate) fn record(&mut self, request: (Step, &'static str), status: u16, latency: Duration) {
        let samples = self.samples.entry(request).or_default();
        *samples.statuses.entry(status).or_default() += 1;
        samples.micros.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// The statistics in the order of the steps.
    pub(crate) fn stats(&self) -> Vec<RequestStats> {
        let stats = |(&(step, request), samples): (&(Step, &'static str), &Samples)| RequestStats {
            step: step.name(),
            request,
            requests: u64::try_from(samples.micros.len()).unwrap_or(u64::MAX),
            statuses: samples.statuses.clone(),
            latency_ms: latency(samples.micros.clone()),
        };
        self.samples.iter().map(stats).collect()
    }

    /// The latency of all requests.
    pub(crate) fn latency(&self) -> Latency {
        latency(self.samples.values().flat_map(|samples| samples.micros.iter().copied()).collect())
    }

    /// The number of responses.
    pub(crate) fn requests(&self) -> u64 {
        self.samples.values().map(|samples| u64::try_from(samples.micros.len()).unwrap_or_default()).sum()
    }
}

fn latency(mut micros: Vec<u32>) -> Latency {
    micros.sort_unstable();
    let percentile = |percent: usize| {
        // The smallest sample that is at least as long as this share of all.
        let rank = (micros.len() * percent).div_ceil(100).saturating_sub(1);
        micros.get(rank).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    };
    Latency { p50: percentile(50), p90: percentile(90), p99: percentile(99), max: percentile(100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        assert_eq!(latency(Vec::new()), Latency::default());
        assert_eq!(latency(vec![2000]), Latency { p50: 2.0, p90: 2.0, p99: 2.0, max: 2.0 });
        let hundred = (1..=100).rev().map(|number| number * 1000).collect();
        assert_eq!(latency(hundred), Latency { p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 });
    }

    #[test]
    fn stats_are_in_the_order_of_the_steps() {
        let mut recorder = Recorder::default();
        for (step, status) in [(Step::CleanUp, 204), (Step::TestConnection, 200), (Step::CleanUp, 404)] {
            recorder.record((step, "it"), status, Duration::from_millis(1));
        }
        let stats = recorder.stats();
        assert_eq!(stats.iter().map(|it| it.step).collect::<Vec<_>>(), ["test connection", "clean up"]);
        assert_eq!(stats[1].statuses, BTreeMap::from([(204, 1), (404, 1)]));
        assert_eq!(recorder.requests(), 3);
    }
}
