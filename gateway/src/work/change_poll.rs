//! Polls for settings and credentials that another replica changed, so that a revoked token stops working everywhere within
//! about a second. What is cached of a tenant stays valid as long as the polls succeed: with thousands of tenants, reading
//! everything anew once a minute would cost more than their requests.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::store::Error;
use crate::tenant::TenantId;

const POLL_INTERVAL: Duration = Duration::from_millis(700);
/// How many older epochs each poll repeats. Epochs are numbered before commit, so one that commits late may be smaller than
/// those already seen.
const OVERLAP: i64 = 200;
/// One poll in so many, about twice a minute, compares the epochs of all tenants: whatever committed too late for the overlap.
pub const POLLS_PER_SWEEP: u64 = 40;
/// Longest time for which anything is cached without a successful poll.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut poll = ChangePoll::default();
    let mut worker = gateway.workers.worker("change_poll", "changed settings cannot be read");
    let mut confirmed = Instant::now();
    loop {
        let answered = tokio::select! {
            () = stop.cancelled() => return,
            answered = poll.once(&gateway) => answered,
        };
        if worker.note(answered).is_some() {
            confirmed = Instant::now();
        }
        if confirmed.elapsed() > MAX_STALENESS {
            gateway.forget_all_tenants();
            // What is cached from here on has been read from the database, which answers other requests.
            confirmed = Instant::now();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}

/// What earlier polls saw.
#[derive(Debug, Default)]
pub struct ChangePoll {
    polls: u64,
    seen: HashMap<TenantId, i64>,
    newest: i64,
    /// Of signing keys.
    revocations: u64,
    /// Dropped once more at the next poll, because a read that began before the change may have been cached since.
    again: Vec<TenantId>,
}

impl ChangePoll {
    /// Drops what is cached of the tenants that changed since the last poll.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn once(&mut self, gateway: &Gateway) -> Result<(), Error> {
        let is_sweep = self.polls.is_multiple_of(POLLS_PER_SWEEP);
        let after = if is_sweep { i64::MIN } else { self.newest - OVERLAP };
        let began = gateway.clock.now();
        let changed = gateway.store.control().config_epochs_after(after).await?;
        gateway.auth.oauth.keys.reload_known().await?;
        let revocations = gateway.auth.oauth.keys.revocations();
        if std::mem::replace(&mut self.revocations, revocations) != revocations {
            gateway.auth.forget_all();
        }
        self.polls += 1;
        for tenant in self.again.drain(..) {
            gateway.forget_tenant(tenant).await;
        }
        gateway.auth.confirm_tenants(changed.iter().map(|(tenant, _)| *tenant), began, is_sweep);
        for (tenant, epoch) in changed {
            self.newest = self.newest.max(epoch);
            if self.seen.insert(tenant, epoch) != Some(epoch) {
                gateway.forget_tenant(tenant).await;
                self.again.push(tenant);
            }
        }
        Ok(())
    }
}
