//! A tenant's directory schema: what its operator wants mapped documents to be, and how those that are stored comply.

pub mod report;
pub mod subject;

use std::sync::Arc;
use std::time::SystemTime;

use scimgate_scim::directory_schema::{DirectorySchema, Statement};
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::registry::Registry;
use serde_json::Value;

use crate::operation::directory_schema::report::CheckReport;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::plan::total;
use crate::operation::settings::Settings;
use crate::operation::settings::directory_schema::{statements, text};
use crate::store::TenantStore;
use crate::store::directory_schema::{CheckRow, NewCheck};
use crate::store::job::{JobKind, JobState};
use crate::store::tenant::Tenant;

/// A tenant's directory schema.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The rules, without what the single sign-on subject adds to them.
    pub rules: Vec<Statement>,
    /// The path of the single sign-on subject.
    pub subject: Option<String>,
    /// When it was set; none where none ever was.
    pub changed_at: Option<SystemTime>,
    /// The operator key's id, or the name of a command.
    pub changed_by: Option<String>,
}

/// Where a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// It is being made.
    Running,
    /// It is complete.
    Finished,
    /// An operator cancelled it, or the schemas changed so that the rules do not fit them.
    Incomplete,
}

/// How the stored mapped documents comply with rules.
#[derive(Clone, Debug)]
pub struct Check {
    /// The rules.
    pub rules: Vec<Statement>,
    /// Whether they are those that were set.
    pub applies: bool,
    /// Where it stands.
    pub state: CheckState,
    /// The tenant's resources when it began.
    pub total: i64,
    /// What was found until now.
    pub report: CheckReport,
    /// When it began.
    pub begun_at: SystemTime,
    /// When it was complete.
    pub finished_at: Option<SystemTime>,
}

/// A tenant's directory schema.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn get(operator: &Operator, tenant: &str) -> Result<Shown, Error> {
    let row = operator.tenant(tenant).await?;
    let Some(found) = operator.gateway.store.tenant(row.id).directory_schema().await? else {
        return Ok(Shown::default());
    };
    let (changed_at, changed_by) = (Some(found.changed_at), Some(found.changed_by));
    let (rules, subject) = subject::stated(statements(&found.rules)?);
    Ok(Shown { rules, subject, changed_at, changed_by })
}

/// Sets it. Every write that commits from now on is checked by it; what is stored stays, and a job finds out how it complies.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a rule that cannot hold, 409 while the schemas are being changed.
pub async fn set(operator: &Operator, tenant: &str, rules: Vec<Statement>) -> Result<Shown, Error> {
    replace(operator, tenant, "directory-schema.set", |_, subject| (rules, subject)).await
}

/// Sets which path is the subject; none for no path. Every write that commits from now on is checked; what is stored stays, and a job
/// finds out how it complies.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a path that cannot be the subject, 409 while the schemas are being changed.
pub async fn set_subject(operator: &Operator, tenant: &str, path: Option<String>) -> Result<Shown, Error> {
    replace(operator, tenant, "sso-subject.set", |rules, _| (rules, path)).await
}

/// Replaces the rules and the subject's path by what a change makes of them.
async fn replace(
    operator: &Operator,
    tenant: &str,
    action: &'static str,
    change: impl FnOnce(Vec<Statement>, Option<String>) -> (Vec<Statement>, Option<String>),
) -> Result<Shown, Error> {
    let (row, settings) = current(operator, tenant).await?;
    let (gateway, store) = (&operator.gateway, operator.gateway.store.tenant(row.id));
    let before = store.directory_schema().await?.map(|found| statements(&found.rules)).transpose()?.unwrap_or_default();
    let (rules, path) = subject::stated(before.clone());
    let (rules, path) = change(rules, path);
    DirectorySchema::read(&rules, &settings.directory)?;
    let rules = subject::with_subject(rules, path.as_deref(), &settings.directory)?;
    let rules = with_generations(rules, &before, (&settings.directory, row.schema_revision + 1));
    DirectorySchema::read(&rules, &settings.directory)?;
    let entry = operator.change_of(&row, action, tenant).before(&shown(&before)?).after(&shown(&rules)?);
    let (rules, report) = (text(&rules)?, CheckReport::default().text()?);
    let total = total(operator, &store).await?;
    let new = NewCheck { rules: &rules, schema_revision: row.schema_revision, total, report: &report };
    if !store.clone().audited(entry).set_directory_schema(&new, (&operator.actor, gateway.clock.now())).await? {
        return Err(changing());
    }
    gateway.forget_tenant(row.id).await;
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %row.id, action, "directory schema set");
    get(operator, tenant).await
}

/// Begins a check of the stored mapped documents by rules that are not set, or, without them, by those that are. Nothing is written but
/// its report.
///
/// # Errors
/// As [`set`], and 409 while the values of rules that were set are being entered.
pub async fn begin_check(operator: &Operator, tenant: &str, rules: Option<Vec<Statement>>) -> Result<Check, Error> {
    let (row, settings) = current(operator, tenant).await?;
    let (gateway, store) = (&operator.gateway, operator.gateway.store.tenant(row.id));
    let set = get(operator, tenant).await?;
    let rules = rules.unwrap_or(set.rules);
    DirectorySchema::read(&rules, &settings.directory)?;
    let rules = subject::with_subject(rules, set.subject.as_deref(), &settings.directory)?;
    DirectorySchema::read(&rules, &settings.directory)?;
    let (rules, report) = (text(&rules)?, CheckReport::default().text()?);
    let total = total(operator, &store).await?;
    let new = NewCheck { rules: &rules, schema_revision: row.schema_revision, total, report: &report };
    let entry = operator.change_of(&row, "directory-schema.check", tenant).if_anything_changes();
    if !store.clone().audited(entry).begin_directory_check(&new, gateway.clock.now()).await? {
        return Err(changing());
    }
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %row.id, "check of mapped documents begun");
    check(operator, tenant).await
}

/// The latest check.
///
/// # Errors
/// 404 for an unknown tenant, and where there is none.
pub async fn check(operator: &Operator, tenant: &str) -> Result<Check, Error> {
    let row = operator.tenant(tenant).await?;
    let store = operator.gateway.store.tenant(row.id);
    let Some(found) = store.directory_check().await? else {
        let detail = "The mapped documents were never checked. `scimgate directory-schema check` does it.";
        return Err(ScimError::new(404, detail).into());
    };
    let state = state(&store, &found).await?;
    let CheckRow { applies, total, begun_at, finished_at, .. } = found;
    let (rules, _) = subject::stated(statements(&found.rules)?);
    let report = CheckReport::read(&found.report)?;
    Ok(Check { rules, applies, state, total, report, begun_at, finished_at })
}

async fn state(store: &TenantStore, found: &CheckRow) -> Result<CheckState, Error> {
    let job = store.job(JobKind::DirectoryCheck).await?.filter(|job| job.id == found.id);
    Ok(match (found.finished_at, job.map(|job| job.state)) {
        (Some(_), _) => CheckState::Finished,
        (None, Some(JobState::Running)) => CheckState::Running,
        (None, _) => CheckState::Incomplete,
    })
}

/// Refuses a change of the schemas that the rules do not fit.
///
/// # Errors
/// 409 with the first such rule.
pub(crate) async fn check_schemas(store: &TenantStore, (before, after): (&Registry, &Registry)) -> Result<(), Error> {
    let Some(found) = store.directory_schema().await? else { return Ok(()) };
    let rules = statements(&found.rules)?;
    let conflict = |why: String| {
        let detail = format!(
            "The directory schema does not fit this change: {why} Change that first (`scimgate directory-schema`)."
        );
        Error::from(ScimError::new(409, detail))
    };
    let (old, new) = (DirectorySchema::read(&rules, before)?, DirectorySchema::read(&rules, after));
    let new = new.map_err(|why| conflict(why.detail))?;
    // The entries of stored values are folded as their attribute says.
    match old
        .types()
        .iter()
        .flat_map(|rules| rules.folding())
        .find(|it| !new.types().iter().any(|rules| rules.folding().any(|other| other == *it)))
    {
        None => Ok(()),
        Some((path, _)) => {
            Err(conflict(format!("the values of {path} are unique, so its type and caseExact must stay.")))
        }
    }
}

/// Rules as the audit has them.
fn shown(rules: &[Statement]) -> Result<Value, Error> {
    serde_json::from_str(&text(rules)?).map_err(|why| Error::Corrupt(format!("a directory schema: {why}")))
}

/// Values that were unique before keep their entries.
fn with_generations(
    rules: Vec<Statement>,
    before: &[Statement],
    (directory, generation): (&Registry, i64),
) -> Vec<Statement> {
    let place = |rule: &Statement| {
        Some((
            directory.resource_type(&rule.resource_type)?.name.clone(),
            DirectorySchema::canonical_path(rule, directory)?,
        ))
    };
    let known = |rule: &Statement| {
        let same = |old: &&Statement| old.unique && place(old).is_some() && place(old) == place(rule);
        before.iter().find(same).map_or(generation, |old| old.generation)
    };
    rules.into_iter().map(|rule| Statement { generation: if rule.unique { known(&rule) } else { 0 }, ..rule }).collect()
}

/// The settings of the tenant's row. This process may not know of a change that another one has just made.
async fn current(operator: &Operator, tenant: &str) -> Result<(Tenant, Arc<Settings>), Error> {
    let row = operator.tenant(tenant).await?;
    let cache = &operator.gateway.settings;
    let settings = cache.get(row.id).await?;
    if settings.schema_revision == row.schema_revision {
        return Ok((row, settings));
    }
    cache.forget(row.id).await;
    let settings = cache.get(row.id).await?;
    Ok((row, settings))
}

fn changing() -> Error {
    let detail = "The tenant's schemas are being changed, or values that must be unique are being entered. Try again when that is done.";
    ScimError::new(409, detail).into()
}
