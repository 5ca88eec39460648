//! Tenants: created, listed, suspended, resumed and deleted.

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};

use crate::config::{MAX_LIMIT, Rate, TenantLimits};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change, no_tenant};
use crate::operation::settings::tenant_limits;
use crate::store;
use crate::store::tenant::{LimitsRow, State, Tenant};
use crate::tenant::{self, MAX_NAME_BYTES, TenantId};

/// Creates a tenant.
///
/// # Errors
/// 400 for a name that cannot stand in an address, 409 for one in use.
pub async fn create(operator: &Operator, name: &str) -> Result<Tenant, Error> {
    check_name(name)?;
    let gateway = &operator.gateway;
    let id = TenantId(gateway.clock.new_id());
    let entry = operator.change("tenant.create", name).of(id);
    let inserted = gateway.store.control().audited(entry).insert_tenant(id, name, gateway.clock.now()).await;
    let tenant = match inserted {
        Err(store::Error::Duplicate { .. }) => return Err(name_taken(operator, name).await?),
        inserted => inserted?,
    };
    log_change!(operator, tenant.id = %tenant.id, "tenant created");
    Ok(tenant)
}

/// Every tenant, by name.
pub async fn list(operator: &Operator) -> Result<Vec<Tenant>, Error> {
    Ok(operator.gateway.store.control().tenants().await?)
}

/// Suspends a tenant, whose requests then get 403, or resumes it.
///
/// # Errors
/// 404 where there is none.
pub async fn set_suspended(operator: &Operator, name: &str, suspended: bool) -> Result<Tenant, Error> {
    let state = if suspended { State::Suspended } else { State::Active };
    let tenant = set_state(operator, name, state).await?;
    log_change!(operator, tenant.id = %tenant.id, state = state.word(), "tenant's state set");
    Ok(tenant)
}

/// A tenant's own limits.
#[must_use]
pub fn limits(tenant: &Tenant) -> TenantLimits {
    tenant_limits(tenant.limits)
}

/// Sets how much may be sent for a tenant. What is none follows the default.
///
/// # Errors
/// 404 where there is none, 400 for a number out of range, or a rate that cannot be parsed.
pub async fn set_limits(
    operator: &Operator,
    name: &str,
    requests: Option<u32>,
    rate: Option<&str>,
) -> Result<Tenant, Error> {
    if requests.is_some_and(|requests| !(1..=MAX_LIMIT).contains(&requests)) {
        return Err(ScimError::new(400, format!("requests must be 1 to {MAX_LIMIT}.")).into());
    }
    let rate: Option<Rate> = rate.map(str::parse).transpose().map_err(|why| ScimError::new(400, format!("{why}.")))?;
    let number = |number: u32| i32::try_from(number).ok();
    let row = LimitsRow {
        requests: requests.and_then(number),
        rate: rate.and_then(|rate| number(rate.per_second.get())),
        burst: rate.and_then(|rate| number(rate.burst.get())),
    };
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    let entry = operator.change_of(&tenant, "tenant.limit", name).before(&shown(&tenant.limits)).after(&shown(&row));
    let found = gateway.store.control().audited(entry).set_tenant_limits(tenant.id, &row, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    if !found {
        return Err(no_tenant(name));
    }
    log_change!(operator, tenant.id = %tenant.id, limits = ?row, "tenant's limits set");
    Ok(Tenant { limits: row, ..tenant })
}

/// Deletes a tenant: its tokens stop working and its name is free again.
///
/// # Errors
/// 404 where there is none.
pub async fn delete(operator: &Operator, name: &str) -> Result<(), Error> {
    let tenant = set_state(operator, name, State::Deleted).await?;
    log_change!(operator, tenant.id = %tenant.id, "tenant deleted");
    Ok(())
}

async fn set_state(operator: &Operator, name: &str, state: State) -> Result<Tenant, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    let action = match state {
        State::Active => "tenant.resume",
        State::Suspended => "tenant.suspend",
        State::Deleted => "tenant.delete",
    };
    let entry = operator.change_of(&tenant, action, name).before(&json!({ "state": tenant.state.word() }));
    let found = gateway.store.control().audited(entry).set_tenant_state(tenant.id, state, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    if found { Ok(Tenant { state, ..tenant }) } else { Err(no_tenant(name)) }
}

fn shown(limits: &LimitsRow) -> Value {
    json!({ "requests": limits.requests, "rate": limits.rate, "burst": limits.burst })
}

/// The refusal of a name that a tenant has, or had before.
pub(super) async fn name_taken(operator: &Operator, name: &str) -> Result<Error, Error> {
    let formerly = operator.gateway.store.control().tenant_formerly_called(name).await?;
    let detail = match formerly {
        Some(now) if now != name => format!(
            "The tenant {now} was called {name}, and its identity provider may still send requests to that address. \
             `scimgate tenant forget-name {now} {name}` frees the name; or choose another one."
        ),
        _ => format!("There is a tenant called {name} already. Choose another name."),
    };
    Ok(ScimError::new(409, detail).into())
}

pub(super) fn check_name(name: &str) -> Result<(), ScimError> {
    if tenant::is_name(name) {
        return Ok(());
    }
    Err(ScimError::new(
        400,
        format!(
            "A tenant's name is part of its address: 1 to {MAX_NAME_BYTES} lower-case letters (a-z), digits and \
             hyphens, with no hyphen at either end."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn a_wrong_name_is_refused_with_the_rule() {
        assert!(check_name("acme-eu-1").is_ok());
        for name in ["", "acme-", "Acme", &"a".repeat(41)] {
            let refusal = check_name(name).unwrap_err();
            assert_eq!(refusal.status, 400, "{name}");
            assert!(refusal.detail.contains("1 to 40 lower-case letters"), "{name}");
        }
    }
}
