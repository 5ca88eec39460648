//! What was asked and how it was answered: counts, statuses and latencies of each kind of request in each step.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::step::Step;

/// Collects while a simulation runs.
#[derive(Debug, Default)]
pub struct Recorder {
    lines: BTreeMap<(Step, &'static str), Samples>,
    /// Answers 429 and 503 after which was waited.
    pub waits: u64,
    /// Connections that broke or were refused, and were tried again.
    pub broken: u64,
}

#[derive(Debug, Default)]
struct Samples {
    statuses: BTreeMap<u16, u64>,
    micros: Vec<u32>,
}

/// One kind of request in one step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The step.
    pub step: &'static str,
    /// What was asked.
    pub request: &'static str,
    /// How often.
    pub requests: u64,
    /// How often each status came.
    pub statuses: BTreeMap<u16, u64>,
    /// Latencies in milliseconds.
    pub latency_ms: Latency,
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the answers came within this.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
    /// All.
    pub max: f64,
}

impl Recorder {
    /// An answer came, after this long.
    pub fn answered(&mut self, asked: (Step, &'static str), status: u16, after: Duration) {
        let samples = self.lines.entry(asked).or_default();
        *samples.statuses.entry(status).or_default() += 1;
        samples.micros.push(u32::try_from(after.as_micros()).unwrap_or(u32::MAX));
    }

    /// The table.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let line = |(&(step, request), samples): (&(Step, &'static str), &Samples)| Line {
            step: step.name(),
            request,
            requests: u64::try_from(samples.micros.len()).unwrap_or(u64::MAX),
            statuses: samples.statuses.clone(),
            latency_ms: latency(samples.micros.clone()),
        };
        self.lines.iter().map(line).collect()
    }

    /// All requests together.
    #[must_use]
    pub fn latency(&self) -> Latency {
        latency(self.lines.values().flat_map(|samples| samples.micros.iter().copied()).collect())
    }

    /// How many requests were answered.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.lines.values().map(|samples| u64::try_from(samples.micros.len()).unwrap_or_default()).sum()
    }
}

fn latency(mut micros: Vec<u32>) -> Latency {
    micros.sort_unstable();
    let at = |share: usize| {
        // The smallest sample that at least this share of all does not exceed.
        let rank = (micros.len() * share).div_ceil(100).saturating_sub(1);
        micros.get(rank).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    };
    Latency { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_that_was_taken() {
        assert_eq!(latency(Vec::new()), Latency::default());
        assert_eq!(latency(vec![2000]), Latency { p50: 2.0, p90: 2.0, p99: 2.0, max: 2.0 });
        let hundred = (1..=100).rev().map(|number| number * 1000).collect();
        assert_eq!(latency(hundred), Latency { p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 });
    }

    #[test]
    fn lines_come_in_the_order_of_the_steps() {
        let mut recorder = Recorder::default();
        for (step, status) in [(Step::CleanUp, 204), (Step::TestConnection, 200), (Step::CleanUp, 404)] {
            recorder.answered((step, "it"), status, Duration::from_millis(1));
        }
        let lines = recorder.lines();
        assert_eq!(lines.iter().map(|line| line.step).collect::<Vec<_>>(), ["test connection", "clean up"]);
        assert_eq!(lines[1].statuses, BTreeMap::from([(204, 1), (404, 1)]));
        assert_eq!(recorder.requests(), 3);
    }
}
