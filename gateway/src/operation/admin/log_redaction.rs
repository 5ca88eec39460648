//! The attributes whose values a tenant's provisioning log does not have, as operators set them.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::registry::Registry;
use serde_json::json;

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change, no_tenant};
use crate::operation::provisioning_log::redaction::ALL;
use crate::store::tenant::Tenant;

/// Attributes of one tenant at most.
const MAX_REDACTED: usize = 64;

/// Sets the attributes, by names in any spelling; `*` stands for all. It holds for what is logged from then on.
///
/// # Errors
/// 400 if a schema does not define one of them or there are too many, 404 if the tenant does not exist.
pub async fn set(operator: &Operator, name: &str, names: &[String]) -> Result<Tenant, Error> {
    if names.len() > MAX_REDACTED {
        let detail = format!("{} attributes are too many; a tenant may have {MAX_REDACTED}, or \"*\".", names.len());
        return Err(ScimError::new(400, detail).into());
    }
    let (gateway, tenant) = (&operator.gateway, operator.tenant(name).await?);
    let settings = gateway.settings.get(tenant.id).await?;
    let mut attributes =
        names.iter().map(|name| canonical(name, &settings.registry)).collect::<Result<Vec<_>, ScimError>>()?;
    attributes.sort();
    attributes.dedup();
    let entry = operator.change_of(&tenant, "tenant.log-redaction", name);
    let entry = entry.before(&json!(tenant.log_redacted)).after(&json!(attributes));
    let control = gateway.store.control().audited(entry);
    let found = control.set_log_redaction(tenant.id, &attributes, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    if !found {
        return Err(no_tenant(name));
    }
    log_change!(operator, tenant.id = %tenant.id, attributes = ?attributes, "redaction of the provisioning log set");
    Ok(Tenant { log_redacted: attributes, ..tenant })
}

/// The full name of an attribute.
fn canonical(name: &str, registry: &Registry) -> Result<String, ScimError> {
    if name == ALL {
        return Ok(name.to_owned());
    }
    let found = registry.resource_types().iter().find_map(|known| known.resolve(name));
    let undefined = || {
        let detail = format!("No schema of this tenant defines an attribute \"{name}\".");
        ScimError::new(400, detail)
    };
    found.map(|found| found.name()).ok_or_else(undefined)
}
