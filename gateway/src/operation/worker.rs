//! What background work logs of its failures: the first of a series, and the end of the series. Each one is counted.

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::operation::error::Error;
use crate::store::availability::Availability;
use crate::telemetry::chain;

/// All background work of a process.
#[derive(Clone)]
pub struct Workers {
    /// Failures by the name of the work.
    pub failures: Family<[(&'static str, &'static str); 1], Counter>,
    availability: Arc<Availability>,
}

impl Workers {
    /// None has failed yet.
    #[must_use]
    pub fn new(availability: Arc<Availability>) -> Self {
        Self { failures: Family::default(), availability }
    }

    /// Background work with a name for metrics, and a sentence for the log that says what fails.
    #[must_use]
    pub fn worker(&self, name: &'static str, failing: &'static str) -> Worker {
        let failures = self.failures.get_or_create_owned(&[("worker", name)]);
        Worker { name, failing, failures, availability: Arc::clone(&self.availability), series: None }
    }
}

/// The failures of one kind of background work.
pub struct Worker {
    name: &'static str,
    /// The sentence of the log.
    failing: &'static str,
    failures: Counter,
    availability: Arc<Availability>,
    series: Option<Series>,
}

struct Series {
    since: Instant,
    failures: u64,
    /// Whether its begin was logged. While the database is lost it is not: that is logged already.
    is_logged: bool,
}

impl Worker {
    /// Takes the outcome of one try; gives what it produced.
    pub fn note<T, E: Into<Error>>(&mut self, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(done) => {
                self.recovered();
                Some(done)
            }
            Err(error) => {
                let error = error.into();
                // A store's error says more than that the store failed.
                self.failed(&if let Error::Store(source) = &error { chain(source) } else { chain(&error) });
                None
            }
        }
    }

    /// Takes the failure of one try that is none of the gateway's own errors.
    pub fn note_error(&mut self, error: &dyn std::error::Error) {
        self.failed(&chain(error));
    }

    /// Whether the last try failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.series.is_some()
    }

    fn failed(&mut self, error: &str) {
        self.failures.inc();
        let series = self.series.get_or_insert_with(|| Series { since: Instant::now(), failures: 0, is_logged: false });
        series.failures += 1;
        let (worker, failing) = (self.name, self.failing);
        if series.is_logged || self.availability.is_lost() {
            tracing::debug!(worker, error, "{failing}");
        } else {
            series.is_logged = true;
            tracing::warn!(worker, error, "{failing}");
        }
    }

    /// A try has succeeded.
    pub fn recovered(&mut self) {
        let Some(series) = self.series.take() else { return };
        if series.is_logged {
            let seconds = series.since.elapsed().as_secs();
            tracing::info!(worker = self.name, failures = series.failures, seconds, "background work succeeds again");
        }
    }
}
