//! A batch of a job, under its lease.

use std::time::{Duration, Instant};

use crate::operation::error::Error;
use crate::store::TenantStore;
use crate::store::job::{Job, JobLease};

/// A lease is renewed, and a cancelled job noticed, that often.
const RENEW_INTERVAL: Duration = Duration::from_secs(2);

/// A batch at work.
pub(super) struct Batch {
    store: TenantStore,
    lease: JobLease,
    renewed: Instant,
    /// The job; its progress is kept when the batch ends, for whatever reason.
    pub(super) job: Job,
}

impl Batch {
    pub(super) fn new(store: TenantStore, lease: JobLease, job: Job) -> Self {
        Self { store, lease, renewed: Instant::now(), job }
    }

    pub(super) fn lease(&self) -> &JobLease {
        &self.lease
    }

    /// Whether the batch may do one resource more: asked before each.
    pub(super) async fn may_continue(&mut self) -> Result<bool, Error> {
        if self.renewed.elapsed() < RENEW_INTERVAL {
            return Ok(true);
        }
        self.renewed = Instant::now();
        Ok(self.store.renew_job(&self.lease).await?)
    }
}
