//! Runs jobs: leased, in batches, resumable, cancellable.
//!
//! A batch is a limited number of resources. After it the job pauses, so that a tenant's jobs take a share of one worker and one
//! connection at most (`--job-share`), and other tenants' jobs run in between. A process runs one batch at a time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::job::batch::{Batch, End};
use crate::operation::job::{
    directory_check, erase, group_rules, held, plan, reconcile, remap, retention, search_keys,
};
use crate::operation::worker::Worker;
use crate::store;
use crate::store::job::{JobKind, JobLease};
use crate::tenant::TenantId;

/// How long a lease lasts. If a process is killed in a batch, another one can continue its job only after that.
const LEASE_TTL: Duration = Duration::from_secs(30);
/// Pause after a batch that failed.
const RETRY_REST: Duration = Duration::from_secs(2);
/// Longest pause after a batch.
const MAX_REST: Duration = Duration::from_mins(1);
/// Longest time between two polls for due jobs.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often a process looks for tenants whose next purge is due.
const PURGE_POLL_INTERVAL: Duration = Duration::from_mins(10);
/// Most jobs that one poll returns.
const MAX_DUE_JOBS: i64 = 100;

/// Tenants' jobs whose failures are followed; of more each failure is logged.
const MAX_FAILING: usize = 1_000;

/// One process's runner.
pub struct Runner {
    holder: Uuid,
    ttl: Duration,
    /// When this process looks for tenants to purge next.
    purges_at: Mutex<Instant>,
    /// The jobs whose last batch failed.
    failing: Mutex<HashMap<(TenantId, &'static str), Worker>>,
}

impl Default for Runner {
    fn default() -> Self {
        Self {
            holder: Uuid::new_v4(),
            ttl: LEASE_TTL,
            purges_at: Mutex::new(Instant::now()),
            failing: Mutex::default(),
        }
    }
}

impl Runner {
    /// The runner of a database that only one process can open at a time, as the embedded one: it goes on at once with what an earlier
    /// process was killed in.
    #[must_use]
    pub fn alone() -> Self {
        Self { holder: Uuid::nil(), ..Self::default() }
    }

    /// Runs a batch of every job and every erasure that is due; returns the pause until the next poll. An error in one tenant's job is logged
    /// and does not affect the others.
    ///
    /// # Errors
    /// The due jobs cannot be read.
    pub async fn run_due(&self, gateway: &Gateway) -> Result<Duration, Error> {
        let control = gateway.store.control();
        for tenant in control.tenants_to_adopt().await? {
            let adopted = gateway.store.tenant(tenant).adopt_job().await;
            self.note(gateway, (tenant, "adopt"), "a job of an older replica cannot be taken over", adopted);
        }
        self.begin_purges(gateway).await?;
        let mut rest = self.run_erasures(gateway).await?;
        for (tenant, kind) in control.due_jobs(MAX_DUE_JOBS, self.holder).await? {
            match self.run(gateway, tenant, kind).await {
                Ok(Some(wanted)) => rest = rest.min(wanted),
                Ok(None) => {}
                Err(error) => self.note(gateway, (tenant, kind.name()), "a job cannot be run", Err::<(), _>(error)),
            }
        }
        Ok(rest)
    }

    /// Begins the purges that are due: a limited number at once, so that other jobs run in between.
    async fn begin_purges(&self, gateway: &Gateway) -> Result<(), Error> {
        if Instant::now() < *self.purges_at.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(());
        }
        let (tenants, may_have_more) = gateway.store.control().tenants_to_purge(retention::INTERVAL).await?;
        for tenant in tenants {
            match gateway.store.tenant(tenant).begin_purge(gateway.clock.now()).await {
                Ok(_) | Err(store::Error::Deleted { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !may_have_more {
            *self.purges_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + PURGE_POLL_INTERVAL;
        }
        Ok(())
    }

    /// Runs a batch of every erasure that is due; returns the pause until the next poll.
    async fn run_erasures(&self, gateway: &Gateway) -> Result<Duration, Error> {
        let mut rest = POLL_INTERVAL;
        for tenant in gateway.store.control().due_erasures(self.holder).await? {
            let share = |took| gateway.job_share.rest(took).min(MAX_REST);
            match erase::run(gateway, tenant, (self.holder, self.ttl), (share, RETRY_REST)).await {
                Ok((wanted, done)) => {
                    self.note(gateway, (tenant, "erase"), "a tenant's rows cannot be erased; it is tried again", done);
                    rest = rest.min(wanted.unwrap_or(rest));
                }
                Err(error) => {
                    self.note(gateway, (tenant, "erase"), "a tenant's erasure cannot be run", Err::<(), _>(error));
                }
            }
        }
        Ok(rest)
    }

    /// Runs a batch of one job; returns the pause until its next batch. None if the job is finished, or leased by another
    /// process.
    async fn run(&self, gateway: &Gateway, tenant: TenantId, kind: JobKind) -> Result<Option<Duration>, Error> {
        let store = gateway.store.tenant(tenant);
        let Some(job) = store.claim_job(kind, self.holder, self.ttl).await? else { return Ok(None) };
        let begun = Instant::now();
        let lease = JobLease { kind, id: job.id, holder: self.holder, ttl: self.ttl };
        let mut batch = Batch::new(store.clone(), lease, job);
        let work = async {
            match kind {
                JobKind::Reconcile => reconcile::batch(gateway, tenant, &mut batch).await.map(End::after),
                JobKind::SearchKeys => search_keys::batch(gateway, tenant, &mut batch).await.map(End::after),
                JobKind::Remap => remap::batch(gateway, tenant, &mut batch).await,
                JobKind::Plan => plan::batch(gateway, tenant, &mut batch).await,
                JobKind::DirectoryCheck => directory_check::batch(gateway, tenant, &mut batch).await,
                JobKind::GroupRules => group_rules::batch(gateway, tenant, &mut batch).await,
                JobKind::Held => held::batch(gateway, tenant, &mut batch).await.map(End::after),
                JobKind::Retention => retention::batch(gateway, tenant, &mut batch).await,
            }
        };
        let done = gateway.large.run(tenant, work).await;
        let rest = match done {
            Ok(End::Pause(rest)) => rest,
            Ok(_) => gateway.job_share.rest(begun.elapsed()).min(MAX_REST),
            Err(_) => RETRY_REST,
        };
        let finished = matches!(done, Ok(End::Finished));
        let now = gateway.clock.now();
        store.save_job(batch.lease(), &batch.job.progress, finished, (rest, now)).await?;
        self.note(gateway, (tenant, kind.name()), "a job's batch failed and is tried again", done);
        Ok((!finished).then_some(rest))
    }

    /// Logs when a tenant's job begins to fail, and when it succeeds again.
    fn note<T>(
        &self,
        gateway: &Gateway,
        (tenant, job): (TenantId, &'static str),
        sentence: &'static str,
        outcome: Result<T, impl Into<Error>>,
    ) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failing.remove(&(tenant, job));
        if known.is_none() && outcome.is_ok() {
            return;
        }
        let mut worker = known.unwrap_or_else(|| gateway.workers.worker(job, sentence));
        tracing::warn_span!("job", tenant.id = %tenant, job).in_scope(|| worker.note(outcome));
        if worker.is_failing() && failing.len() < MAX_FAILING {
            failing.insert((tenant, job), worker);
        }
    }
}
