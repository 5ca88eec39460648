//! Erasing tenants: asked for by an operator, done by a job, kept for ever as ids, times and numbers.

use scimgate_scim::error::ScimError;
use uuid::Uuid;

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change, no_tenant};
use crate::store::erasure::{ErasedTable, Erasure};
use crate::store::tenant::deleted::DeletedTenant;
use crate::tenant::{self, TenantId};

/// An erasure with what it did.
#[derive(Clone, Debug)]
pub struct ErasureStatus {
    /// The erasure.
    pub erasure: Erasure,
    /// What it did in each table; nothing in a list of erasures.
    pub tables: Vec<ErasedTable>,
}

/// Which tenant is meant.
struct Target {
    id: TenantId,
    /// What it is, or was, called.
    name: Option<String>,
}

/// Begins to erase a tenant, which is deleted at once if it is not, or returns the erasure that has begun. `confirm` is the tenant's
/// name once more, or its id where its name is not known.
///
/// # Errors
/// 404 for an unknown tenant, 409 for a name that several deleted tenants had, 400 for another confirmation.
pub async fn begin(operator: &Operator, name: &str, confirm: &str) -> Result<ErasureStatus, Error> {
    let (gateway, target) = (&operator.gateway, find(operator, name).await?);
    let id = target.id.to_string();
    if confirm != id && target.name.as_deref() != Some(confirm) {
        let wanted = target.name.as_deref().unwrap_or(&id);
        let detail =
            format!("Erasing cannot be undone: confirm must be the tenant's name, {wanted}. Nothing was erased.");
        return Err(ScimError::new(400, detail).into());
    }
    let subject = target.name.as_deref().unwrap_or(&id);
    let entry = operator.change("tenant.erase", subject).of(target.id);
    let control = gateway.store.control().audited(entry);
    let has_begun = control.begin_erasure(target.id, operator.key, gateway.clock.now()).await?;
    gateway.forget_tenant(target.id).await;
    if has_begun {
        gateway.schemas_changed.notify_one();
        log_change!(operator, tenant.id = %target.id, "tenant's erasure begun");
    }
    status(operator, target.id.0).await
}

/// The erasure of a tenant, by the tenant's id.
///
/// # Errors
/// 404 where there is none.
pub async fn status(operator: &Operator, tenant: Uuid) -> Result<ErasureStatus, Error> {
    let control = operator.gateway.store.control();
    let erasure = control.erasure(TenantId(tenant)).await?.ok_or_else(|| {
        ScimError::new(404, format!("No tenant with the id {tenant} is being erased, or was: its name is not enough."))
    })?;
    let tables = control.erased_tables(erasure.tenant).await?;
    Ok(ErasureStatus { erasure, tables })
}

/// The latest erasures, the latest first.
pub async fn list(operator: &Operator) -> Result<Vec<ErasureStatus>, Error> {
    let erasures = operator.gateway.store.control().erasures().await?;
    Ok(erasures.into_iter().map(|erasure| ErasureStatus { erasure, tables: Vec::new() }).collect())
}

/// Deleted tenants whose rows are still there.
pub async fn deleted(operator: &Operator) -> Result<Vec<DeletedTenant>, Error> {
    Ok(operator.gateway.store.control().deleted_tenants().await?)
}

/// A tenant by its name, or a deleted one by its id, or by the name that it had if no other one has it or had it.
async fn find(operator: &Operator, name: &str) -> Result<Target, Error> {
    let control = operator.gateway.store.control();
    // The database refuses some texts that cannot be a name.
    let is_name = tenant::is_name(name);
    if is_name && let Some(it) = control.find_tenant(name).await? {
        return Ok(Target { id: it.id, name: Some(it.name) });
    }
    if let Ok(id) = name.parse() {
        let deleted = control.deleted_tenant(TenantId(id)).await?.ok_or_else(|| no_tenant(name))?;
        return Ok(Target { id: deleted.id, name: deleted.name });
    }
    let mut deleted = if is_name { control.deleted_tenants_called(name).await? } else { Vec::new() };
    match (deleted.pop(), deleted.is_empty()) {
        (Some(only), true) => Ok(Target { id: only.id, name: only.name }),
        (Some(_), false) => {
            let detail = format!(
                "Several deleted tenants were called {name}. Say which by its id; `scimgate tenant list --deleted` has them."
            );
            Err(ScimError::new(409, detail).into())
        }
        (None, _) => Err(no_tenant(name)),
    }
}
