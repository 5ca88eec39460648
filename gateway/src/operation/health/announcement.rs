//! Decides the health of a page of tenants and announces what changed: a line in the log, and a message for each webhook, which is stored
//! with the decision. Several replicas may look at a tenant at once; one of them stores a change, and it alone announces it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::finding::{Finding, Health};
use super::look::{self, Looked};
use crate::clock::rfc3339;
use crate::operation::context::Gateway;
use crate::operation::provisioning_log::row_id::first_id;
use crate::store::Error;
use crate::store::health::traffic::Count;
use crate::store::health::{Decision, TenantRow};

/// The type of the message.
pub const TYPE: &str = "tenant.health.changed";
/// Rows of ten minutes are kept for a day, for the figures of the last day.
const KEPT_TRAFFIC: Duration = Duration::from_hours(26);
/// Of this time an announcement has the causes of failures.
const HOUR: Duration = Duration::from_hours(1);

/// Decides the health of these tenants, and returns how many changes were announced.
///
/// # Errors
/// The database is unavailable.
pub async fn decide(gateway: &Gateway, tenants: Vec<TenantRow>) -> Result<usize, Error> {
    let now = gateway.clock.now();
    let mut looked = look::at(gateway, tenants).await?;
    looked.sort_by_key(|it| it.tenant.id);
    let (mut decisions, mut messages) = (Vec::new(), Vec::new());
    for it in &looked {
        let Some(decided) = it.decided(now) else { continue };
        let message = if it.is_news() { Some(message(gateway, it, now).await?) } else { None };
        let announced = message.as_ref().map(|body| (gateway.clock.new_id(), body.to_string()));
        decisions.push(Decision { tenant: it.tenant.id, decided, announced });
        messages.push(message);
    }
    if decisions.is_empty() {
        return Ok(0);
    }
    let stored = gateway.store.control().decide_health(&decisions, now, &gateway.webhooks.targets()).await?;
    let mut announced = 0;
    for (decision, message) in decisions.iter().zip(messages) {
        if !stored.contains(&decision.tenant) {
            continue;
        }
        if let (Some(it), Some(message)) = (looked.iter().find(|it| it.tenant.id == decision.tenant), message) {
            log(it, &message);
            announced += 1;
        }
    }
    for it in looked.iter().filter(|it| stored.contains(&it.tenant.id) && it.seen.is_some()) {
        let before = now.checked_sub(KEPT_TRAFFIC).unwrap_or(SystemTime::UNIX_EPOCH);
        gateway.store.tenant(it.tenant.id).purge_traffic(before.min(it.counted_to())).await?;
    }
    if announced > 0 {
        gateway.webhooks.wake();
    }
    Ok(announced)
}

/// What is sent: the tenant, its health, and why, without anything of its users.
async fn message(gateway: &Gateway, it: &Looked, now: SystemTime) -> Result<Value, Error> {
    let hour = first_id(now.checked_sub(HOUR).unwrap_or(SystemTime::UNIX_EPOCH));
    let causes = if it.hour.get(Count::Failed) > 0 {
        gateway.store.tenant(it.tenant.id).frequent_causes(hour).await?
    } else {
        Vec::new()
    };
    let causes: Vec<Value> = causes.iter().map(|(code, count)| json!({ "code": code, "count": count })).collect();
    let before = it.tenant.decided.as_ref().map(|decided| decided.state.as_str());
    Ok(json!({
        "type": TYPE,
        "timestamp": rfc3339(now),
        "data": {
            "tenant": { "id": it.tenant.id.to_string(), "name": it.tenant.name },
            "health": it.health.word(),
            "before": before,
            "since": rfc3339(it.since(now)),
            "findings": it.found.iter().map(finding).collect::<Vec<_>>(),
            "causes": causes,
        },
    }))
}

fn finding(found: &Finding) -> Value {
    let Finding { code, what, remedy } = found;
    json!({ "code": code.word(), "health": code.health().word(), "what": what, "remedy": remedy })
}

fn log(it: &Looked, message: &Value) {
    let (id, name, health) = (it.tenant.id, &it.tenant.name, it.health.word());
    let before = message["data"]["before"].as_str();
    let findings = it.found.iter().map(|finding| finding.code.word()).collect::<Vec<_>>().join(", ");
    if it.health == Health::Unhealthy {
        tracing::warn!(tenant.id = %id, tenant.name = name, health, before, findings, "the health of a tenant changed");
    } else {
        tracing::info!(tenant.id = %id, tenant.name = name, health, before, findings, "the health of a tenant changed");
    }
}
