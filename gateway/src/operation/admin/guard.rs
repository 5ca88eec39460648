//! A tenant's guard against mass deprovisioning.

use scimgate_scim::error::ScimError;
use scimgate_scim::filter::Filter;
use serde_json::{Value, json};

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change, no_tenant};
use crate::store::guard::GuardRow;

/// Largest number of removals that a limit can be.
const MAX_REMOVALS: i32 = 1_000_000;

/// A tenant's guard.
///
/// # Errors
/// 404 where there is no such tenant.
pub async fn get(operator: &Operator, tenant: &str) -> Result<GuardRow, Error> {
    Ok(operator.tenant(tenant).await?.guard)
}

/// Sets a tenant's guard. Without a number of users it is off; protected users are protected in any case.
///
/// # Errors
/// 400 for a number out of bounds or a filter that cannot be read, 404 where there is no such tenant.
pub async fn set(operator: &Operator, tenant: &str, guard: &GuardRow) -> Result<GuardRow, Error> {
    let (gateway, found) = (&operator.gateway, operator.tenant(tenant).await?);
    let bounds = [
        ("users", guard.users, 0..=MAX_REMOVALS),
        ("members", guard.members, 0..=MAX_REMOVALS),
        ("percent", guard.percent, 0..=100),
        ("confirmFrom", Some(guard.confirm_from), 1..=MAX_REMOVALS),
    ];
    for (name, number, bounds) in bounds {
        if number.is_some_and(|number| !bounds.contains(&number)) {
            let (least, most) = (bounds.start(), bounds.end());
            return Err(ScimError::new(400, format!("{name} must be a whole number from {least} to {most}.")).into());
        }
    }
    if let Some(filter) = &guard.protected {
        let settings = gateway.settings.get(found.id).await?;
        let user = settings.registry.resource_type("User").ok_or_else(|| Error::Corrupt("no type User".to_owned()))?;
        Filter::parse(filter, user)
            .map_err(|why| ScimError::new(400, format!("protected is not a filter on users: {}", why.detail)))?;
    }
    let entry = operator.change_of(&found, "guard.set", tenant).before(&shown(&found.guard)).after(&shown(guard));
    let set = gateway.store.control().audited(entry).set_tenant_guard(found.id, guard, gateway.clock.now()).await?;
    gateway.forget_tenant(found.id).await;
    if !set {
        return Err(no_tenant(tenant));
    }
    // The filter may name persons.
    log_change!(
        operator, tenant.id = %found.id, users = guard.users, members = guard.members, percent = guard.percent,
        protects = guard.protected.is_some(), confirm_from = guard.confirm_from, "guard set"
    );
    Ok(guard.clone())
}

fn shown(guard: &GuardRow) -> Value {
    let GuardRow { users, members, percent, protected, confirm_from } = guard;
    json!({
        "users": users, "members": members, "percent": percent, "protected": protected, "confirmFrom": confirm_from,
    })
}
