//! Folds in what was set aside, when its schema has appeared: a batch of each tenant in turn, by whoever holds the lease.
//! Where a run is cut short, the next one goes on after the last batch that was done.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::Error;
use crate::operation::Gateway;
use crate::operation::job::reconcile as fold_in;
use crate::operation::schema_change;
use crate::store::postgres::lease::Lease;
use crate::telemetry::chain;
use crate::tenant::TenantId;

const LEASE: &str = "fold-in";
/// Renewed before each resource. Who is killed leaves the lease behind, and the work waits so long. Where one resource
/// takes longer, two may be at the same batch: each write holds the version it read, and the place moves from where it was
/// read, so that work is done twice and nothing else.
const TERM: Duration = Duration::from_secs(30);
/// Longest rest between two looks; a change of schemas in this process is told at once.
const REST: Duration = Duration::from_secs(2);

/// Runs until told to stop.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut round = Round::new(&gateway);
    loop {
        let more = tokio::select! {
            () = stop.cancelled() => return,
            more = round.run(&gateway) => more,
        };
        match more {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = chain(&error), "what is set aside waits to be folded in"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.schemas_changed.notified() => {}
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// One holder's rounds of the tenants.
pub struct Round {
    lease: Lease,
    /// Until when those rest whose last batch ended in an error.
    resting: HashMap<TenantId, Instant>,
}

impl Round {
    /// Another holder's.
    #[must_use]
    pub fn new(gateway: &Gateway) -> Self {
        let lease = Lease::new(gateway.store.control(), LEASE, Uuid::new_v4(), TERM);
        Self { lease, resting: HashMap::new() }
    }

    /// Takes back changes of schemas that were abandoned, and does a batch of every tenant that waits; tells whether there is
    /// more to do at once. One tenant's trouble is not the others': it rests, and they go on.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn run(&mut self, gateway: &Gateway) -> Result<bool, Error> {
        if let Err(error) = schema_change::withdraw_abandoned(gateway).await {
            tracing::warn!(error = chain(&error), "a change of schemas that was abandoned waits to be taken back");
        }
        self.resting.retain(|_, until| *until > Instant::now());
        let mut more = false;
        for tenant in gateway.store.control().tenants_folding_in().await? {
            if self.resting.contains_key(&tenant) {
                continue;
            }
            if !self.lease.hold(gateway.clock.now()).await? {
                return Ok(false);
            }
            match fold_in::batch(gateway, tenant, &self.lease).await {
                Ok(rest) => more |= rest,
                Err(error) => {
                    tracing::warn!(
                        tenant.id = %tenant.0, error = chain(&error),
                        "what is set aside of a tenant waits to be folded in"
                    );
                    self.resting.insert(tenant, Instant::now() + REST);
                }
            }
        }
        Ok(more)
    }
}
