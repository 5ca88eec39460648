//! A batch of a job, under its lease.

use std::time::{Duration, Instant};

use crate::operation::error::Error;
use crate::store::TenantStore;
use crate::store::job::{Job, JobLease};

/// How often a lease is renewed; that is also how soon a cancelled job ends.
const RENEW_INTERVAL: Duration = Duration::from_secs(2);

/// How a batch ended.
pub(super) enum End {
    /// There is more to do.
    More,
    /// There is more to do, but not before this time has passed.
    Pause(Duration),
    /// It was the last batch.
    Finished,
}

impl End {
    pub(super) fn after(was_last: bool) -> Self {
        if was_last { Self::Finished } else { Self::More }
    }
}

/// A running batch.
pub(super) struct Batch {
    store: TenantStore,
    lease: JobLease,
    renewed: Instant,
    /// The job; its progress is saved when the batch ends, even by an error.
    pub(super) job: Job,
}

impl Batch {
    pub(super) fn new(store: TenantStore, lease: JobLease, job: Job) -> Self {
        Self { store, lease, renewed: Instant::now(), job }
    }

    pub(super) fn lease(&self) -> &JobLease {
        &self.lease
    }

    /// Whether the batch may do another resource. Call it before each: it renews the lease when that is due.
    pub(super) async fn may_continue(&mut self) -> Result<bool, Error> {
        if self.renewed.elapsed() < RENEW_INTERVAL {
            return Ok(true);
        }
        self.renewed = Instant::now();
        Ok(self.store.renew_job(&self.lease).await?)
    }
}
