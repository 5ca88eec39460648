//! A tenant's jobs: an operator's view of them, and cancelling one.

use scimgate_scim::error::ScimError;

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::job::{Job, JobKind};

/// How far a tenant's job of one kind has come.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// What it does.
    pub kind: JobKind,
    /// The latest run; none where there never was one.
    pub job: Option<Job>,
    /// Resources of which unknown attributes are kept.
    pub with_unknown: i64,
}

/// A tenant's job of a kind.
///
/// # Errors
/// 404 for an unknown tenant or kind.
pub async fn status(operator: &Operator, tenant: &str, kind: &str) -> Result<JobStatus, Error> {
    let tenant = operator.tenant(tenant).await?;
    let kind = find(kind)?;
    let store = operator.gateway.store.tenant(tenant.id);
    Ok(JobStatus { kind, job: store.job(kind).await?, with_unknown: store.count_with_unknown().await? })
}

/// Cancels a running job; it ends after the current resource. Finished resources stay changed.
///
/// # Errors
/// 404 for an unknown tenant or kind, 409 where the job is not running.
pub async fn cancel(operator: &Operator, tenant: &str, kind: &str) -> Result<JobStatus, Error> {
    let found = operator.tenant(tenant).await?;
    let known = find(kind)?;
    let store = operator.gateway.store.tenant(found.id);
    if !store.cancel_job(known, operator.gateway.clock.now()).await? {
        return Err(ScimError::new(409, format!("The job {kind} of the tenant {tenant} is not running.")).into());
    }
    log_change!(operator, tenant.id = %found.id, job = known.name(), "job cancelled");
    status(operator, tenant, kind).await
}

fn find(kind: &str) -> Result<JobKind, ScimError> {
    let known = JobKind::ALL.map(JobKind::name).join(", ");
    JobKind::find(kind)
        .ok_or_else(|| ScimError::new(404, format!("There is no job called {kind}. There are: {known}.")))
}
