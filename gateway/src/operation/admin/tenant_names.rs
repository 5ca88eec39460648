//! Renaming a tenant. Its former names stay valid in its addresses, so that its identity provider goes on as before, until they are forgotten.

use scimgate_scim::error::ScimError;
use serde_json::json;

use super::tenants::{check_name, name_taken};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change, no_tenant};
use crate::store;
use crate::store::tenant::Tenant;
use crate::store::tenant::names::Renamed;

/// Most former names of a tenant.
pub const MAX_FORMER_NAMES: usize = 10;

/// Gives a tenant another name.
///
/// # Errors
/// 400 for a name that cannot stand in an address, 404 for an unknown tenant, 409 for a name that another tenant has or had, and for a
/// tenant with too many former names.
pub async fn rename(operator: &Operator, from: &str, to: &str) -> Result<Tenant, Error> {
    check_name(to)?;
    let (gateway, tenant) = (&operator.gateway, operator.tenant(from).await?);
    if from == to {
        return Ok(tenant);
    }
    let is_new = !tenant.former_names.iter().any(|name| name == to);
    if is_new && tenant.former_names.len() >= MAX_FORMER_NAMES {
        let detail = format!(
            "The tenant {from} has {MAX_FORMER_NAMES} former names. Forget one first: `scimgate tenant forget-name {from} NAME`."
        );
        return Err(ScimError::new(409, detail).into());
    }
    let entry = operator.change_of(&tenant, "tenant.rename", from);
    let entry = entry.before(&json!({ "name": from })).after(&json!({ "name": to }));
    let control = gateway.store.control();
    let renamed = control.clone().audited(entry).rename_tenant(tenant.id, (from, to), gateway.clock.now()).await;
    gateway.forget_tenant(tenant.id).await;
    let is_taken = match renamed {
        Ok(Renamed::Done) => {
            log_change!(operator, tenant.id = %tenant.id, "tenant renamed");
            return operator.tenant(to).await;
        }
        Ok(Renamed::Refused) => control.tenant_formerly_called(to).await?.is_some_and(|name| name != from),
        Err(store::Error::Duplicate { .. }) => true,
        Err(error) => return Err(error.into()),
    };
    Err(if is_taken { name_taken(operator, to).await? } else { no_tenant(from) })
}

/// Forgets a former name: requests to the address with it are refused, and another tenant may have it.
///
/// # Errors
/// 404 for an unknown tenant, and for a name that is none of its former ones.
pub async fn forget(operator: &Operator, tenant: &str, name: &str) -> Result<Tenant, Error> {
    let (gateway, found) = (&operator.gateway, operator.tenant(tenant).await?);
    let entry = operator.change_of(&found, "tenant.forget-name", name);
    let control = gateway.store.control().audited(entry);
    // The database refuses some texts that cannot be a name.
    let is_name = crate::tenant::is_name(name);
    let is_forgotten = is_name && control.forget_tenant_name(found.id, name, gateway.clock.now()).await?;
    gateway.forget_tenant(found.id).await;
    if !is_forgotten {
        let known = if found.former_names.is_empty() { "none".to_owned() } else { found.former_names.join(", ") };
        let detail = format!("{name} is not a former name of the tenant {tenant}. Its former names: {known}.");
        return Err(ScimError::new(404, detail).into());
    }
    log_change!(operator, tenant.id = %found.id, "tenant's former name forgotten");
    operator.tenant(tenant).await
}
