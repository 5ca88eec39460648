//! A draft that also maps live writes, to see what it would change. Nothing is stored of resources: a write that is stored leaves a
//! copy in a bounded queue, and one task maps those and adds up what the product would see instead.

use std::collections::HashMap;

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::operation::context::{Context, Gateway};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::plan::report::Report;
use crate::operation::resource::mapped::{Purpose, map};
use crate::store;
use crate::store::resource::read::Stored;
use crate::store::shadow::ShadowRow;
use crate::store::tenant::Tenant;
use crate::tenant::TenantId;

/// The actor in the log.
const ACTOR: &str = "shadow";

/// What one process found, and has not stored yet.
pub struct Collector {
    process: Uuid,
    found: HashMap<(TenantId, i32), Found>,
}

/// What was found of a tenant's draft.
#[derive(Default)]
struct Found {
    report: Report,
    dropped: i64,
}

impl Default for Collector {
    fn default() -> Self {
        Self { process: Uuid::new_v4(), found: HashMap::new() }
    }
}

impl Collector {
    /// Maps the writes in the queue until then. One that cannot be mapped at this moment counts as dropped.
    pub async fn run_queued(&mut self, gateway: &Gateway, until: Instant) {
        while Instant::now() < until
            && let Some((tenant, stored)) = gateway.shadow.take()
        {
            if let Err(error) = gateway.large.run(tenant, self.add(gateway, tenant, &stored)).await {
                tracing::debug!(tenant.id = %tenant, %error, "a write is not mapped by a draft");
            }
            tokio::task::yield_now().await;
        }
    }

    async fn add(&mut self, gateway: &Gateway, tenant: TenantId, stored: &Stored) -> Result<(), Error> {
        let ctx = Context::background(gateway, tenant, ACTOR).await?;
        // Switched off meanwhile, or activated.
        let Some(shadow) = &ctx.settings.shadow else { return Ok(()) };
        let begun = std::time::Instant::now();
        let mapped = map(&ctx, (&shadow.chain, Purpose::DryRun), stored).await;
        let found = self.found.entry((tenant, shadow.chain.revision)).or_default();
        match (mapped, ctx.settings.directory.resource_type(&stored.resource_type)) {
            (Ok(mapped), Some(resource_type)) => {
                found.report.add(resource_type, stored, &mapped)?;
                found.report.took(begun.elapsed());
            }
            _ => found.dropped += 1,
        }
        Ok(())
    }

    /// Adds what was found to what this process has stored before.
    ///
    /// # Errors
    /// The database is unavailable; what could not be stored is kept for the next time.
    pub async fn flush(&mut self, gateway: &Gateway) -> Result<(), Error> {
        for (key, dropped) in gateway.shadow.take_dropped() {
            self.found.entry(key).or_default().dropped += dropped;
        }
        let mut outcome = Ok(());
        for (key, found) in std::mem::take(&mut self.found) {
            if let Err(error) = self.store(gateway, key, &found).await {
                self.found.insert(key, found);
                outcome = Err(error);
            }
        }
        outcome
    }

    async fn store(&self, gateway: &Gateway, (tenant, revision): (TenantId, i32), found: &Found) -> Result<(), Error> {
        let (rows, process) = (gateway.store.tenant(tenant), self.process);
        let before = rows.shadow(revision).await?.into_iter().find(|row| row.process == process);
        let (mut report, dropped) = match before {
            Some(row) => (read(&row)?, row.dropped),
            None => (Report::default(), 0),
        };
        report.join(found.report.clone());
        let report =
            serde_json::to_string(&report).map_err(|why| Error::Corrupt(format!("a shadow's report: {why}")))?;
        let row = ShadowRow { process, report, dropped: dropped + found.dropped };
        match rows.save_shadow(revision, &row, gateway.clock.now()).await {
            // There is nobody any more to whom it matters.
            Ok(()) | Err(store::Error::Deleted { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn read(row: &ShadowRow) -> Result<Report, Error> {
    serde_json::from_str(&row.report).map_err(|why| Error::Corrupt(format!("a shadow's report: {why}")))
}

/// A draft that maps live writes, or did so last.
#[derive(Clone, Debug)]
pub struct Shadowed {
    /// The revision.
    pub revision: i32,
    /// How many writes it maps, in per cent; 0 where it is off.
    pub percent: i16,
    /// The active revision.
    pub active: i32,
    /// What it would change of what the product sees.
    pub report: Report,
    /// Writes that were not mapped, since the queue had no room.
    pub dropped: i64,
}

/// Lets a revision also map so many per cent of live writes.
///
/// # Errors
/// 404 for an unknown tenant or revision, 409 for the active one.
pub async fn on(operator: &Operator, tenant: &str, revision: i32, percent: u8) -> Result<Shadowed, Error> {
    let row = operator.tenant(tenant).await?;
    let store = operator.gateway.store.tenant(row.id);
    let missing = || ScimError::new(404, format!("There is no mapping revision {revision}."));
    store.mapping(revision).await?.ok_or_else(missing)?;
    if revision == row.active_mapping {
        return Err(ScimError::new(409, format!("Revision {revision} is active: it maps every write.")).into());
    }
    if percent == 0 || percent > 100 {
        return Err(ScimError::new(400, "percent is between 1 and 100.").into());
    }
    let entry = operator.change_of(&row, "mapping.shadow-on", revision).before(&shown(&row));
    let entry = entry.after(&json!({ "revision": revision, "percent": percent }));
    store.audited(entry).begin_shadow(revision, i16::from(percent)).await?;
    operator.gateway.forget_tenant(row.id).await;
    log_change!(operator, tenant.id = %row.id, revision, percent, "mapping shadow switched on");
    report(operator, tenant).await
}

fn shown(row: &Tenant) -> Value {
    json!({ "revision": row.shadow_mapping, "percent": row.shadow_percent })
}

/// Ends it. What it found stays.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn off(operator: &Operator, tenant: &str) -> Result<(), Error> {
    let row = operator.tenant(tenant).await?;
    let entry = operator.change_of(&row, "mapping.shadow-off", row.shadow_mapping).before(&shown(&row));
    operator.gateway.store.tenant(row.id).audited(entry).end_shadow().await?;
    operator.gateway.forget_tenant(row.id).await;
    log_change!(operator, tenant.id = %row.id, "mapping shadow switched off");
    Ok(())
}

/// What the processes have stored of it, which is a few seconds old.
///
/// # Errors
/// 404 for an unknown tenant, and where no revision ever mapped live writes.
pub async fn report(operator: &Operator, tenant: &str) -> Result<Shadowed, Error> {
    let row = operator.tenant(tenant).await?;
    if row.shadow_mapping == 0 {
        let detail = "No draft maps live writes. `scimgate mapping shadow on` lets one do so.";
        return Err(ScimError::new(404, detail).into());
    }
    let (mut report, mut dropped) = (Report::default(), 0);
    for found in operator.gateway.store.tenant(row.id).shadow(row.shadow_mapping).await? {
        report.join(read(&found)?);
        dropped += found.dropped;
    }
    let (revision, percent, active) = (row.shadow_mapping, row.shadow_percent, row.active_mapping);
    Ok(Shadowed { revision, percent, active, report, dropped })
}
