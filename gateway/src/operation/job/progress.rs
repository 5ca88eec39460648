//! A tenant's jobs: an operator's view of them, starting and cancelling one.

use scimgate_scim::error::ScimError;

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::plan::total;
use crate::store::job::{Job, JobKind};
use crate::store::resource::mapping_count::MappingCounts;

/// How far a tenant's job of one kind has come.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// What it does.
    pub kind: JobKind,
    /// The latest run; none where there never was one.
    pub job: Option<Job>,
    /// Resources of which unknown attributes are kept.
    pub with_unknown: i64,
    /// The tenant's resources, where the job examines all of them.
    pub total: Option<i64>,
}

/// A tenant's job of a kind.
///
/// # Errors
/// 404 for an unknown tenant or kind.
pub async fn status(operator: &Operator, tenant: &str, kind: &str) -> Result<JobStatus, Error> {
    let tenant = operator.tenant(tenant).await?;
    let kind = find(kind)?;
    let store = operator.gateway.store.tenant(tenant.id);
    let total = match kind {
        JobKind::Remap | JobKind::Plan | JobKind::DirectoryCheck => Some(total(operator, &store).await?),
        JobKind::Reconcile | JobKind::SearchKeys | JobKind::Held | JobKind::Retention | JobKind::GroupRules => None,
    };
    Ok(JobStatus { kind, job: store.job(kind).await?, with_unknown: store.count_with_unknown().await?, total })
}

/// Begins a run of a job that can be begun: a remap, by the active mapping, or a purge before its time.
///
/// # Errors
/// 404 for an unknown tenant or kind, 409 for a job that only its cause begins, and where a run is at work already.
pub async fn start(operator: &Operator, tenant: &str, kind: &str) -> Result<JobStatus, Error> {
    let found = operator.tenant(tenant).await?;
    let known = find(kind)?;
    if ![JobKind::Remap, JobKind::Retention].contains(&known) {
        let detail = format!("The job {kind} begins by itself when there is something for it to do.");
        return Err(ScimError::new(409, detail).into());
    }
    let gateway = &operator.gateway;
    let entry = operator.change_of(&found, "job.start", known.name()).if_job_changes();
    let (store, now) = (gateway.store.tenant(found.id).audited(entry), gateway.clock.now());
    let has_begun = match known {
        JobKind::Retention => store.begin_purge(now).await?,
        _ => store.begin_remap_anew(now).await?,
    };
    if !has_begun {
        return Err(ScimError::new(409, format!("The job {kind} of the tenant {tenant} is running already.")).into());
    }
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %found.id, job = known.name(), "job started");
    status(operator, tenant, kind).await
}

/// The number of a tenant's documents by the mapping revision that mapped them last, or failed to, and by their mapping state.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn documents(operator: &Operator, tenant: &str) -> Result<MappingCounts, Error> {
    let tenant = operator.tenant(tenant).await?;
    Ok(operator.gateway.store.tenant(tenant.id).count_by_mapping().await?)
}

/// Cancels a running job; it ends after the current resource or batch. Finished resources stay changed.
///
/// # Errors
/// 404 for an unknown tenant or kind, 409 where the job is not running, or ends with its cause.
pub async fn cancel(operator: &Operator, tenant: &str, kind: &str) -> Result<JobStatus, Error> {
    let found = operator.tenant(tenant).await?;
    let known = find(kind)?;
    if known == JobKind::GroupRules {
        let detail = format!(
            "The job {kind} announces what group rules change, for as long as there are some. `scimgate group-rules off {tenant}` ends it."
        );
        return Err(ScimError::new(409, detail).into());
    }
    let entry = operator.change_of(&found, "job.cancel", known.name()).if_job_changes();
    let store = operator.gateway.store.tenant(found.id).audited(entry);
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
