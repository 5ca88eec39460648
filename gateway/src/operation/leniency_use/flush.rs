//! Writes the uses that were counted in memory.

use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::leniency_use::Unwritten;
use crate::store;
use crate::store::tenant::leniency_use::Use;
use crate::tenant::TenantId;

/// Writes the uses of every tenant. An error of one tenant does not affect the others; what could not be written stays for
/// the next flush.
pub async fn write(gateway: &Gateway) -> Result<(), Error> {
    let mut outcome = Ok(());
    for tenant in gateway.uses.tenants() {
        if let Err(error) = write_of(gateway, tenant).await {
            outcome = Err(error);
        }
    }
    outcome
}

/// Writes the uses of one tenant.
pub async fn write_of(gateway: &Gateway, tenant: TenantId) -> Result<(), Error> {
    let _alone = gateway.uses.writing.lock().await;
    let kept = gateway.uses.take(tenant);
    if kept.is_empty() {
        return Ok(());
    }
    // The guard also puts uses back if the caller is dropped during the write.
    let mut unwritten = Unwritten { uses: &gateway.uses, tenant, kept };
    let rows: Vec<Use> = unwritten
        .kept
        .iter()
        .map(|((leniency, attribute), seen)| Use {
            leniency: leniency.name().to_owned(),
            attribute: attribute.clone(),
            uses: seen.uses,
            first_at: seen.first,
            last_at: seen.last,
        })
        .collect();
    let written = match gateway.store.tenant(tenant).add_uses(&rows).await {
        // There is nobody any more to whom they matter.
        Err(store::Error::Deleted { .. }) => Vec::new(),
        written => written?,
    };
    unwritten.kept.clear();
    let is_new = |now: &&Use| {
        rows.iter().any(|row| (&row.leniency, &row.attribute, row.uses) == (&now.leniency, &now.attribute, now.uses))
    };
    for row in written.iter().filter(is_new) {
        tracing::info!(tenant.id = %tenant, leniency = %row.leniency, attribute = %row.attribute, "leniency used for the first time");
    }
    Ok(())
}
