//! What a part of the server counts of itself, for metrics. `operation/metrics.rs` names and explains it.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

/// Labels of a metric whose values are few and known: none is made of what a request contains.
pub type Labels<const N: usize> = [(&'static str, &'static str); N];

/// How often a cache had what was asked for.
#[derive(Clone, Debug, Default)]
pub struct CacheCounts {
    hits: Counter,
    misses: Counter,
}

/// A cache at this moment.
#[derive(Clone, Debug)]
pub struct CacheFigures {
    /// What it has.
    pub name: &'static str,
    /// How often it had it.
    pub hits: u64,
    /// How often it did not.
    pub misses: u64,
    /// How many entries it has, about.
    pub entries: u64,
}

impl CacheCounts {
    /// Counts whether something was found, and gives it.
    pub fn note<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_some() {
            self.hits.inc()
        } else {
            self.misses.inc()
        };
        found
    }

    /// The figures of the cache with this name and so many entries.
    #[must_use]
    pub fn figures(&self, name: &'static str, entries: u64) -> CacheFigures {
        CacheFigures { name, hits: self.hits.get(), misses: self.misses.get(), entries }
    }
}

/// A histogram of times in seconds, from half a millisecond to ten seconds.
#[must_use]
pub fn seconds() -> Histogram {
    const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
    Histogram::new(BOUNDS)
}
