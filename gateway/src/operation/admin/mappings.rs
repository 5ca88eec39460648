//! A tenant's mapping: its revisions, from a draft over the active one to retired ones.
//!
//! A revision that is made or activated can be run: every plugin exists, every configuration fits its plugin's schema, every
//! path is one of the tenant's schemas, and no step refuses every document.

pub mod check;
pub mod configuration;
pub mod diff;
mod dry_run;
pub mod preview;

use scimgate_scim::error::ScimError;
use serde_json::json;

use crate::mapping::{Chain, LoadError, MapError, OnFailure, Step};
use crate::operation::admin::mappings::check::RevisionStep;
use crate::operation::admin::plugins;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::settings::{self, Settings};
use crate::store;
use crate::store::mapping::{ActivationBase, MappingRow, NewRevision, RevisionHead, RevisionState};
use crate::store::tenant::Tenant;

/// Longest note of a revision.
pub const MAX_NOTE_CHARS: usize = 1_000;
/// Most revisions of one page.
pub const MAX_LISTED: i64 = 100;

/// A revision with what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Its number, its state, and who did what when.
    pub head: RevisionHead,
    /// What a failure does.
    pub on_failure: OnFailure,
    /// The steps, in order.
    pub steps: Vec<RevisionStep>,
    /// What its check found and did not refuse. None is known of a revision that is only read.
    pub warnings: Vec<String>,
}

/// A mapping to be stored.
#[derive(Clone, Debug)]
pub struct NewMapping {
    /// What a failure does.
    pub on_failure: OnFailure,
    /// The steps; each names its plugin by digest, by `name@version`, or by a name that only one plugin has.
    pub steps: Vec<Step>,
    /// Why it is made.
    pub note: Option<String>,
}

/// Whether the steps are tried on example documents before a revision is stored or activated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    /// They are.
    #[default]
    Required,
    /// They are not: a plugin may fail on an example, and not on what the client sends.
    Skipped,
}

/// Some of a tenant's revisions, the newest first.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The revisions.
    pub revisions: Vec<RevisionHead>,
    /// Where the next page begins; none after the last.
    pub next: Option<i32>,
}

/// Stores a draft.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a mapping that cannot be run, with the step and what is wrong with it.
pub async fn draft(operator: &Operator, tenant: &str, new: NewMapping, dry_run: DryRun) -> Result<Revision, Error> {
    store(operator, tenant, new, (dry_run, false)).await
}

/// Stores a revision and activates it at once.
///
/// # Errors
/// As [`draft`].
pub async fn put(operator: &Operator, tenant: &str, new: NewMapping, dry_run: DryRun) -> Result<Revision, Error> {
    store(operator, tenant, new, (dry_run, true)).await
}

async fn store(
    operator: &Operator,
    tenant: &str,
    new: NewMapping,
    (dry_run, activate): (DryRun, bool),
) -> Result<Revision, Error> {
    let NewMapping { on_failure, steps, note } = new;
    check_note(note.as_deref())?;
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let settings = current_settings(operator, &tenant).await?;
    let checked = check_new(operator, &tenant, &settings, steps.clone()).await?;
    let chain = Chain { revision: 0, on_failure, steps: checked.iter().map(|it| it.step.clone()).collect() };
    let warnings = match try_out(operator, &settings, &chain, &checked, dry_run).await {
        // A plugin was removed since the check, which now says so.
        Err(error @ Error::Mapping(MapError::Unusable { .. })) => {
            check_new(operator, &tenant, &settings, steps).await?;
            return Err(error);
        }
        tried => tried?,
    };
    let text = serde_json::to_string(&chain.steps);
    let text = text.map_err(|why| Error::Corrupt(format!("the steps of a mapping: {why}")))?;
    let new = NewRevision {
        on_failure: on_failure.word(),
        steps: &text,
        author: &operator.actor,
        note: note.as_deref().map(str::trim).filter(|note| !note.is_empty()),
    };
    let action = if activate { "mapping.put" } else { "mapping.draft" };
    let entry = operator.change_of(&tenant, action, "").before(&json!({ "activeMapping": tenant.active_mapping }));
    let entry = entry.after(&json!({ "onFailure": on_failure.word(), "steps": chain.steps, "note": new.note }));
    let rows = gateway.store.tenant(tenant.id).audited(entry.of_new_revision());
    let now = gateway.clock.now();
    let stored = if activate { rows.insert_active(&new, now).await } else { rows.insert_draft(&new, now).await };
    let revision = match stored {
        // A plugin was removed or yanked since the check, which now says so.
        Err(store::Error::Conflict { .. } | store::Error::Reference { .. }) => {
            check_new(operator, &tenant, &settings, steps).await?;
            return Err(Error::Contended);
        }
        stored => stored?,
    };
    if activate {
        gateway.forget_tenant(tenant.id).await;
        gateway.schemas_changed.notify_one();
        log_change!(operator, tenant.id = %tenant.id, revision, "mapping revision activated");
    } else {
        log_change!(operator, tenant.id = %tenant.id, revision, "mapping revision drafted");
    }
    Ok(Revision { warnings, ..find(operator, &tenant, revision).await? })
}

/// The chain of a mapping that is not stored, checked but not tried out.
async fn unstored(operator: &Operator, tenant: &Tenant, settings: &Settings, new: NewMapping) -> Result<Chain, Error> {
    let NewMapping { on_failure, steps, note: _ } = new;
    let checked = check_new(operator, tenant, settings, steps).await?;
    Ok(Chain { revision: 0, on_failure, steps: checked.into_iter().map(|it| it.step).collect() })
}

/// Checks the steps of a new revision.
async fn check_new(
    operator: &Operator,
    tenant: &Tenant,
    settings: &Settings,
    steps: Vec<Step>,
) -> Result<Vec<RevisionStep>, Error> {
    let plugins = plugins::of_steps(operator, tenant, &steps).await?;
    let checked = check::check(steps, &plugins, settings)?;
    check::check_yanked(&checked, &plugins)?;
    Ok(checked)
}

/// The active revision; none where mapping is off.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn active(operator: &Operator, tenant: &str) -> Result<Option<Revision>, Error> {
    let tenant = operator.tenant(tenant).await?;
    match tenant.active_mapping {
        0 => Ok(None),
        revision => find(operator, &tenant, revision).await.map(Some),
    }
}

/// A revision.
///
/// # Errors
/// 404 for an unknown tenant or revision.
pub async fn get(operator: &Operator, tenant: &str, revision: i32) -> Result<Revision, Error> {
    find(operator, &operator.tenant(tenant).await?, revision).await
}

/// The revisions before a number, or the newest; `limit` of them at most.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(operator: &Operator, tenant: &str, before: Option<i32>, limit: i64) -> Result<Listed, Error> {
    let tenant = operator.tenant(tenant).await?;
    let limit = limit.clamp(1, MAX_LISTED);
    let before = before.unwrap_or(i32::MAX);
    // One more than the limit shows whether there is a next page.
    let mut revisions = operator.gateway.store.tenant(tenant.id).mappings(before, limit + 1).await?;
    let more = revisions.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        revisions.pop();
    }
    let next = revisions.last().filter(|_| more).map(|last| last.revision);
    Ok(Listed { revisions, next })
}

/// Activates a draft, which is checked again: the schemas may have changed since. Writes that commit from now on are mapped by it,
/// stored resources by a job.
///
/// # Errors
/// 404 for an unknown tenant or revision, 409 for one that is retired or active, 400 for one that cannot be run any more.
pub async fn activate(operator: &Operator, tenant: &str, revision: i32, dry_run: DryRun) -> Result<Revision, Error> {
    let tenant = operator.tenant(tenant).await?;
    let found = find(operator, &tenant, revision).await?;
    match found.head.state {
        RevisionState::Draft => {}
        RevisionState::Active => return Err(conflict(format!("Revision {revision} is active already."))),
        RevisionState::Retired => {
            let detail = format!("Revision {revision} was active before. To return to it, roll back to it.");
            return Err(conflict(detail));
        }
    }
    let settings = current_settings(operator, &tenant).await?;
    let warnings = check_again(operator, (&tenant, &settings), &found, dry_run).await?;
    switch(operator, &tenant, (revision, &settings)).await?;
    Ok(Revision { warnings, ..find(operator, &tenant, revision).await? })
}

/// Activates a retired revision; without a number, the newest that is older than the active one. What its check would refuse is a
/// warning here: it was active before, and is wanted back.
///
/// # Errors
/// 404 for an unknown tenant or revision, 409 for a draft, for the active one, and where there is none to return to.
pub async fn rollback(operator: &Operator, tenant: &str, revision: Option<i32>) -> Result<Revision, Error> {
    let tenant = operator.tenant(tenant).await?;
    let revision = match (revision, tenant.active_mapping) {
        (Some(revision), _) => revision,
        (None, 0) => return Err(conflict("Mapping is off. Name the revision to return to.".to_owned())),
        (None, active) => {
            let older = operator.gateway.store.tenant(tenant.id).mapping_before(active).await?;
            older.ok_or_else(|| conflict(format!("No revision before {active} was ever active.")))?
        }
    };
    let found = find(operator, &tenant, revision).await?;
    match found.head.state {
        RevisionState::Retired => {}
        RevisionState::Active => return Err(conflict(format!("Revision {revision} is active already."))),
        RevisionState::Draft => {
            return Err(conflict(format!("Revision {revision} was never active. To make it so, activate it.")));
        }
    }
    let settings = current_settings(operator, &tenant).await?;
    let warnings = match check_again(operator, (&tenant, &settings), &found, DryRun::Required).await {
        Ok(warnings) => warnings,
        Err(Error::Scim(refusal)) => vec![refusal.detail],
        Err(other) => return Err(other),
    };
    switch(operator, &tenant, (revision, &settings)).await?;
    Ok(Revision { warnings, ..find(operator, &tenant, revision).await? })
}

/// Deactivates the mapping: the product reads the source document of what is written from now on, and, once a remap has come to
/// it, of what is stored.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn deactivate(operator: &Operator, tenant: &str) -> Result<(), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let entry = operator.change_of(&tenant, "mapping.deactivate", tenant.active_mapping);
    let rows = gateway.store.tenant(tenant.id).audited(entry);
    rows.deactivate_mapping(gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %tenant.id, "mapping switched off");
    Ok(())
}

/// A tenant's revision with the names of its plugins.
///
/// # Errors
/// 404 where it has none of that number.
pub(crate) async fn find(operator: &Operator, tenant: &Tenant, revision: i32) -> Result<Revision, Error> {
    let row = operator.gateway.store.tenant(tenant.id).mapping(revision).await?;
    let row = row.ok_or_else(|| ScimError::new(404, format!("There is no mapping revision {revision}.")))?;
    let MappingRow { head, .. } = row.clone();
    let Chain { on_failure, steps, .. } = settings::chain(row)?;
    let plugins = plugins::of_revision(operator, tenant, revision).await?;
    let gone = |digest: &str| Error::Corrupt(format!("mapping revision {revision}: plugin {digest} is gone"));
    let named = steps.into_iter().map(|step| {
        let plugin = plugins.iter().find(|known| known.digest == step.plugin).ok_or_else(|| gone(&step.plugin))?;
        Ok(RevisionStep::new(step, plugin))
    });
    Ok(Revision { head, on_failure, steps: named.collect::<Result<_, Error>>()?, warnings: Vec::new() })
}

/// The settings of the tenant's row. This process may not know of a change that another one has just made.
pub(crate) async fn current_settings(operator: &Operator, tenant: &Tenant) -> Result<std::sync::Arc<Settings>, Error> {
    let settings = operator.gateway.settings.get(tenant.id).await?;
    if settings.schema_revision == tenant.schema_revision && settings.chain.revision == tenant.active_mapping {
        return Ok(settings);
    }
    operator.gateway.settings.forget(tenant.id).await;
    operator.gateway.settings.get(tenant.id).await
}

async fn check_again(
    operator: &Operator,
    (tenant, settings): (&Tenant, &Settings),
    revision: &Revision,
    dry_run: DryRun,
) -> Result<Vec<String>, Error> {
    let steps: Vec<Step> = revision.steps.iter().map(|it| it.step.clone()).collect();
    let plugins = plugins::of_revision(operator, tenant, revision.head.revision).await?;
    let checked = check::check(steps.clone(), &plugins, settings)?;
    let chain = Chain { revision: revision.head.revision, on_failure: revision.on_failure, steps };
    let mut warnings = try_out(operator, settings, &chain, &checked, dry_run).await?;
    let yanked = plugins.iter().filter(|plugin| plugin.yanked.is_some());
    warnings
        .extend(yanked.map(|plugin| format!("The plugin {} is yanked: no new revision may use it.", plugin.title())));
    Ok(warnings)
}

/// Loads every plugin, so that one that cannot be loaded fails here rather than at the next write, and tries the steps.
async fn try_out(
    operator: &Operator,
    settings: &Settings,
    chain: &Chain,
    steps: &[RevisionStep],
    dry_run: DryRun,
) -> Result<Vec<String>, Error> {
    let gateway = &operator.gateway;
    for (step, named) in chain.steps.iter().zip(steps) {
        gateway.mapper.component(&step.plugin).await.map_err(|error| match &error {
            MapError::Load { source, .. } => match &**source {
                LoadError::Refused(why) => conflict(format!("{}: {why}", named.title())),
                _ => error.into(),
            },
            _ => error.into(),
        })?;
    }
    if dry_run == DryRun::Skipped {
        return Ok(Vec::new());
    }
    let titles: Vec<String> = steps.iter().map(RevisionStep::title).collect();
    let tried = dry_run::run(&gateway.mapper, settings, (chain, &titles), gateway.clock.now()).await;
    tried.map_err(|refusal| match refusal {
        dry_run::Refusal::Step(refusal) => refusal.into(),
        dry_run::Refusal::Mapping(error) => error.into(),
    })
}

/// Makes a revision the active one, if the tenant still is as it was when that was decided.
async fn switch(operator: &Operator, tenant: &Tenant, (revision, settings): (i32, &Settings)) -> Result<(), Error> {
    let gateway = &operator.gateway;
    let base = ActivationBase { active_mapping: tenant.active_mapping, schema_revision: settings.schema_revision };
    let by = (operator.actor.as_str(), gateway.clock.now());
    let entry = operator.change_of(tenant, "mapping.activate", revision);
    let entry = entry.before(&json!({ "activeMapping": tenant.active_mapping }));
    if !gateway.store.tenant(tenant.id).audited(entry).activate_mapping(revision, base, by).await? {
        let detail = "The tenant's mapping or schemas were changed at the same moment. Look at them, and try again.";
        return Err(conflict(detail.to_owned()));
    }
    gateway.forget_tenant(tenant.id).await;
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %tenant.id, revision, "mapping revision activated");
    Ok(())
}

fn conflict(detail: String) -> Error {
    ScimError::new(409, detail).into()
}

fn check_note(note: Option<&str>) -> Result<(), ScimError> {
    let note = note.unwrap_or_default();
    if note.contains('\0') {
        return Err(ScimError::new(400, "A note must not contain the character U+0000."));
    }
    if note.chars().count() > MAX_NOTE_CHARS {
        return Err(ScimError::new(400, format!("A note has at most {MAX_NOTE_CHARS} characters.")));
    }
    Ok(())
}
