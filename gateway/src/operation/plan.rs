//! Plans: what a mapping revision would do to the stored documents, before it is activated. An operator begins one, the job `plan`
//! makes it, and it is kept with the revision.

pub mod report;

use std::time::{Duration, SystemTime};

use scimgate_scim::error::ScimError;
use serde_json::json;

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::plan::report::{Removals, Report};
use crate::store::TenantStore;
use crate::store::guard::RemovalKind;
use crate::store::job::{JobKind, JobState};
use crate::store::plan::{NewPlan, PlanRow};
use crate::store::tenant::Tenant;

/// How much of the stored documents a plan looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// About so many documents; all if it is not given.
    pub sample: Option<u32>,
    /// Chooses them; the same seed chooses the same ones.
    pub seed: i64,
}

/// Where a plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanState {
    /// It is being made.
    Running,
    /// It is complete.
    Finished,
    /// An operator cancelled it, or began another.
    Incomplete,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The revision.
    pub revision: i32,
    /// Where it stands.
    pub state: PlanState,
    /// Whether the active mapping or the schemas changed since it began, so that its numbers are of another time.
    pub is_outdated: bool,
    /// The revision that was active when it began.
    pub base_mapping: i32,
    /// About so many documents; all if there is none.
    pub sample: Option<i64>,
    /// The tenant's resources when it began.
    pub total: i64,
    /// What was found until now.
    pub report: Report,
    /// What of its removals the guard would hold if the revision was activated at this moment.
    pub held: Removals,
    /// Whether an operator has to confirm an activation.
    pub needs_confirmation: bool,
    /// How long a remap would take, by what the plan took; none before the first document.
    pub remap_time: Option<Duration>,
    /// When it began.
    pub begun_at: SystemTime,
    /// When it was complete.
    pub finished_at: Option<SystemTime>,
}

/// Begins a plan of a revision, in the place of an older one.
///
/// # Errors
/// 404 for an unknown tenant or revision, 400 for an empty sample.
pub async fn begin(operator: &Operator, tenant: &str, revision: i32, wanted: Wanted) -> Result<Plan, Error> {
    let row = operator.tenant(tenant).await?;
    let (gateway, store) = (&operator.gateway, operator.gateway.store.tenant(row.id));
    store.mapping(revision).await?.ok_or_else(|| no_revision(revision))?;
    if wanted.sample == Some(0) {
        return Err(ScimError::new(400, "A sample has at least one document.").into());
    }
    let total = total(operator, &store).await?;
    let sample = wanted.sample.map(i64::from).filter(|sample| *sample < total);
    let report = serde_json::to_string(&Report::default());
    let report = report.map_err(|why| Error::Corrupt(format!("a plan's report: {why}")))?;
    let new = NewPlan {
        revision,
        base_mapping: row.active_mapping,
        schema_revision: row.schema_revision,
        sample,
        seed: wanted.seed,
        max_hash: sample.map(|sample| max_hash(sample, total)),
        total,
        report: &report,
    };
    let entry =
        operator.change_of(&row, "mapping.plan", revision).after(&json!({ "sample": sample, "seed": wanted.seed }));
    let entry = entry.if_anything_changes();
    store.clone().audited(entry).begin_plan(&new, gateway.clock.now()).await?;
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %row.id, revision, sample, "mapping plan begun");
    get(operator, tenant, revision).await
}

/// The latest plan of a revision.
///
/// # Errors
/// 404 for an unknown tenant or revision, and where there is no plan of it.
pub async fn get(operator: &Operator, tenant: &str, revision: i32) -> Result<Plan, Error> {
    let row = operator.tenant(tenant).await?;
    let store = operator.gateway.store.tenant(row.id);
    let Some(plan) = store.plan(revision).await? else {
        store.mapping(revision).await?.ok_or_else(|| no_revision(revision))?;
        let detail = format!("There is no plan of revision {revision}. `scimgate mapping plan` makes one.");
        return Err(ScimError::new(404, detail).into());
    };
    let job = store.job(JobKind::Plan).await?.filter(|job| job.id == plan.id);
    let state = match (plan.finished_at, job.map(|job| job.state)) {
        (Some(_), _) => PlanState::Finished,
        (None, Some(JobState::Running)) => PlanState::Running,
        (None, _) => PlanState::Incomplete,
    };
    shown(operator, &row, &plan, state).await
}

/// Refuses an activation by whose plan as many users would vanish from the product as the tenant's guard wants confirmed.
///
/// # Errors
/// 409 with their number; 404 for an unknown tenant or revision.
pub async fn check_vanishing(operator: &Operator, tenant: &str, revision: i32) -> Result<(), Error> {
    let row = operator.tenant(tenant).await?;
    let Some(plan) = operator.gateway.store.tenant(row.id).plan(revision).await? else { return Ok(()) };
    let report = read(&plan)?;
    let (users, examined) = (report.excluded_users, report.examined);
    if !needs_confirmation(&row, users) {
        return Ok(());
    }
    let detail = format!(
        "By its plan, {users} users would vanish from the product (of {examined} documents that it looked at). Confirm that to \
         activate it: acceptVanishing in the request, or --yes."
    );
    Err(ScimError::new(409, detail).into())
}

fn needs_confirmation(tenant: &Tenant, users: i64) -> bool {
    users >= i64::from(tenant.guard.confirm_from)
}

fn read(plan: &PlanRow) -> Result<Report, Error> {
    serde_json::from_str(&plan.report).map_err(|why| Error::Corrupt(format!("a plan's report: {why}")))
}

/// What of some removals the guard would hold. It is the least: once a batch is open, all that follows joins it.
async fn held(operator: &Operator, tenant: &Tenant, removals: Removals) -> Result<Removals, Error> {
    let gateway = &operator.gateway;
    let settings = gateway.settings.get(tenant.id).await?;
    let Some(limits) = settings.guard.limits else { return Ok(Removals { users: 0, memberships: 0, ..removals }) };
    let (store, now) = (gateway.store.tenant(tenant.id), gateway.clock.now());
    let users = store.removals_left(RemovalKind::User, limits.of_users(), now).await?;
    let memberships = store.removals_left(RemovalKind::Member, limits.of_members(), now).await?;
    Ok(Removals {
        users: (removals.users - users).max(0),
        memberships: (removals.memberships - memberships).max(0),
        protected: removals.protected,
    })
}

async fn shown(operator: &Operator, tenant: &Tenant, plan: &PlanRow, state: PlanState) -> Result<Plan, Error> {
    let report = read(plan)?;
    let held = held(operator, tenant, report.removals).await?;
    let is_outdated = plan.base_mapping != tenant.active_mapping || plan.schema_revision != tenant.schema_revision;
    let remap_time = (report.examined > 0).then(|| {
        let each = Duration::from_micros(report.micros) / u32::try_from(report.examined).unwrap_or(u32::MAX);
        let work = each * u32::try_from(plan.total).unwrap_or(u32::MAX);
        work + operator.gateway.job_share.rest(work)
    });
    Ok(Plan {
        revision: plan.revision,
        state,
        is_outdated,
        base_mapping: plan.base_mapping,
        sample: plan.sample,
        total: plan.total,
        needs_confirmation: needs_confirmation(tenant, report.excluded_users),
        report,
        held,
        remap_time,
        begun_at: plan.begun_at,
        finished_at: plan.finished_at,
    })
}

/// The number of a tenant's resources.
pub(crate) async fn total(operator: &Operator, store: &TenantStore) -> Result<i64, Error> {
    let settings = operator.gateway.settings.get(store.id()).await?;
    let types: Vec<String> = settings.registry.resource_types().iter().map(|known| known.name.clone()).collect();
    Ok(store.count(&types).await?)
}

fn no_revision(revision: i32) -> ScimError {
    ScimError::new(404, format!("There is no mapping revision {revision}."))
}

/// The greatest hash of a sample: hashes are spread evenly over all 64-bit numbers.
fn max_hash(sample: i64, total: i64) -> i64 {
    let span = i128::from(u64::MAX) * i128::from(sample) / i128::from(total.max(1));
    i64::try_from(i128::from(i64::MIN) + span).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_share_of_the_hashes() {
        assert_eq!(max_hash(0, 10), i64::MIN);
        assert!(max_hash(5, 10).abs() < 2);
        assert_eq!(max_hash(10, 10), i64::MAX);
    }
}
