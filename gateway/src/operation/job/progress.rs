//! A tenant's jobs, as its operators see and end them.

use crate::operation::admin::tenants;
use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::store::job::{Job, JobKind};

/// How far reconciling has come, and what is left.
#[derive(Clone, Debug)]
pub struct Reconciliation {
    /// The latest run; none where the schemas never changed.
    pub job: Option<Job>,
    /// Resources of which unknown attributes are kept.
    pub with_unknown: i64,
}

/// How far a tenant's reconcile job has come.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn reconciliation(gateway: &Gateway, tenant: &str) -> Result<Reconciliation, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    let store = gateway.store.tenant(tenant.id);
    Ok(Reconciliation { job: store.job(JobKind::Reconcile).await?, with_unknown: store.count_with_unknown().await? })
}

/// Ends a tenant's job after the resource it is at; tells whether it was running. What is done stays done, and the next
/// change of schemas begins a new run.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn cancel(gateway: &Gateway, tenant: &str, kind: JobKind) -> Result<bool, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    Ok(gateway.store.tenant(tenant.id).cancel_job(kind, gateway.clock.now()).await?)
}
