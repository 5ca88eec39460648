//! The connections of a pool at one moment, for metrics.

use prometheus_client::metrics::histogram::Histogram;

use crate::store::postgres::pool::Pool;

/// The connections of a pool.
#[derive(Clone, Debug)]
pub struct PoolFigures {
    /// Most connections.
    pub max: usize,
    /// Connections that run a batch.
    pub in_use: usize,
    /// Open connections that do not.
    pub idle: usize,
    /// Batches that wait for a connection; those that wait for their tenant's turn are not among them.
    pub waiting: usize,
    /// How long batches wait, in seconds.
    pub wait: Histogram,
}

impl Pool {
    /// The connections now.
    pub(in crate::store) fn figures(&self) -> PoolFigures {
        let status = self.connections.status();
        PoolFigures {
            max: status.max_size,
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            waiting: status.waiting,
            wait: self.waits.clone(),
        }
    }
}
