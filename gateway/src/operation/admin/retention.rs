//! How long a tenant keeps tombstones, events and its provisioning log, as operators set it.

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change, no_tenant};
use crate::operation::retention::{MAX_DAYS, MAX_LOG_DAYS};
use crate::store::retention::RetentionRow;
use crate::store::tenant::Tenant;

/// For how many days a tenant is to keep what; none for the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Days {
    /// Tombstones.
    pub tombstones: Option<u32>,
    /// Events.
    pub events: Option<u32>,
    /// The provisioning log.
    pub log: Option<u32>,
}

/// Sets for how many days a tenant keeps what. What is none follows the default.
///
/// # Errors
/// 404 where there is no such tenant, 400 for a number out of range.
pub async fn set(operator: &Operator, name: &str, Days { tombstones, events, log }: Days) -> Result<Tenant, Error> {
    let given =
        [("tombstoneDays", tombstones, MAX_DAYS), ("eventDays", events, MAX_DAYS), ("logDays", log, MAX_LOG_DAYS)];
    for (what, days, most) in given {
        if days.is_some_and(|days| !(1..=most).contains(&days)) {
            return Err(ScimError::new(400, format!("{what} must be 1 to {most}.")).into());
        }
    }
    let number = |days: u32| i32::try_from(days).ok();
    let row = RetentionRow {
        tombstones: tombstones.and_then(number),
        events: events.and_then(number),
        log: log.and_then(number),
    };
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    let entry = operator.change_of(&tenant, "tenant.retention", name);
    let entry = entry.before(&shown(&tenant.retention)).after(&shown(&row));
    let control = gateway.store.control().audited(entry);
    let found = control.set_tenant_retention(tenant.id, &row, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    if !found {
        return Err(no_tenant(name));
    }
    log_change!(operator, tenant.id = %tenant.id, retention = ?row, "tenant's retention set");
    Ok(Tenant { retention: row, ..tenant })
}

fn shown(retention: &RetentionRow) -> Value {
    json!({ "tombstoneDays": retention.tombstones, "eventDays": retention.events, "logDays": retention.log })
}
