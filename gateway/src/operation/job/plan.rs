//! Finds out what a mapping revision would do to stored documents, in batches. Nothing is stored of resources: the report is saved
//! with the run's progress, so that a killed run continues with what it had counted.

use std::time::{Duration, Instant};

use crate::mapping::Chain;
use crate::operation::context::{Context, Gateway};
use crate::operation::error::Error;
use crate::operation::guard::{self, MAX_COUNTED_MEMBERS, Subject};
use crate::operation::job::batch::{Batch, End};
use crate::operation::pace::Pace;
use crate::operation::plan::report::Report;
use crate::operation::resource::conflicts::{self, Planned};
use crate::operation::resource::document::parse;
use crate::operation::resource::mapped::{Mapped, ProblemKind, Purpose, map};
use crate::operation::settings;
use crate::store::job::JobProgress;
use crate::store::plan::PlanRow;
use crate::store::planned_unique::PlannedWrite;
use crate::store::resource::read::Stored;
use crate::store::resource::remap::Scanned;
use crate::tenant::TenantId;

/// Resources of one batch.
const BATCH_SIZE: i64 = 500;
/// Of one batch of those that another one's value kept from being mapped, each of which is read by itself.
const CONFLICTS_SIZE: i64 = 50;
/// How long a batch maps, at most.
const MAX_BATCH_TIME: Duration = Duration::from_millis(500);
/// The actor in the log.
const ACTOR: &str = "plan";

/// Runs the next batch.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<End, Error> {
    let ctx = Context::background(gateway, tenant, ACTOR).await?;
    let before = batch.job.progress.clone();
    let done = run(&ctx, batch).await;
    if done.is_err() {
        // What the report does not have is not done.
        batch.job.progress = before;
    }
    done
}

async fn run(ctx: &Context, batch: &mut Batch) -> Result<End, Error> {
    let revision = i32::try_from(batch.job.revision).unwrap_or_default();
    let Some(plan) = ctx.store.plan(revision).await?.filter(|plan| plan.id == batch.job.id) else {
        return Ok(End::Finished);
    };
    let Some(row) = ctx.store.mapping(revision).await? else { return Ok(End::Finished) };
    let chain = settings::chain(row)?;
    let mut report = read(&plan)?;
    let begun = Instant::now();
    let mut planned = PlannedWrite::default();
    let progress = &mut batch.job.progress;
    let resources = next(ctx, &plan, progress).await?;
    let is_end = resources.is_empty();
    add(ctx, &chain, resources, (&mut report, progress), (plan.id, &mut planned)).await?;
    let is_last = is_end && !conflicts::begins_another_pass(progress);
    if is_last && ctx.store.forget_planned(plan.id).await? {
        return Ok(End::More);
    }
    report.took(begun.elapsed());
    (progress.changed, progress.rejected) = (report.events(), report.refused());
    let text = serde_json::to_string(&report).map_err(|why| Error::Corrupt(format!("a plan's report: {why}")))?;
    let progress = batch.job.progress.clone();
    let end = (is_last, ctx.gateway.clock.now());
    let saved = ctx.store.save_plan(batch.lease(), (revision, &text), &progress, &planned, end).await?;
    Ok(if is_last && saved { End::Finished } else { End::More })
}

/// The next documents of a pass: of the first one all, of each further one those that another one's value kept from being mapped.
async fn next(ctx: &Context, plan: &PlanRow, progress: &JobProgress) -> Result<Vec<Scanned>, Error> {
    if progress.conflicts_before < 0 {
        return Ok(ctx.store.planned_after(progress.after, BATCH_SIZE, (plan.seed, plan.max_hash)).await?);
    }
    let ids = ctx.store.planned_conflicts(plan.id, progress.after, CONFLICTS_SIZE).await?;
    let mut resources = Vec::with_capacity(ids.len());
    for id in ids {
        let living = ctx.store.row(id).await?.filter(|(_, deleted_at)| deleted_at.is_none());
        resources.push(Scanned { id, living: false, stored: living.map(|(stored, _)| stored) });
    }
    Ok(resources)
}

async fn add(
    ctx: &Context,
    chain: &Chain,
    resources: Vec<Scanned>,
    (report, progress): (&mut Report, &mut JobProgress),
    (run, planned): Planned<'_>,
) -> Result<(), Error> {
    let (begun, mut pace, mut all) = (Instant::now(), Pace::begin(), Vec::new());
    for resource in resources {
        if begun.elapsed() > MAX_BATCH_TIME {
            break;
        }
        pace.step().await;
        let document = match resource.stored {
            None => None,
            Some(stored) => match map(ctx, (chain, Purpose::DryRun), &stored).await {
                Ok(mapped) => Some((stored, mapped)),
                Err(error) if all.is_empty() => return Err(error),
                Err(_) => break,
            },
        };
        all.push((resource.id, resource.living, document));
    }
    let mut documents: Vec<_> = all.iter_mut().filter_map(|(.., document)| document.as_mut()).collect();
    conflicts::decide(ctx, &mut documents, Some((run, &mut *planned))).await?;
    for (id, living, document) in all {
        if let Some((stored, mapped)) = document {
            let is_conflict = mapped.problem.as_ref().is_some_and(|problem| problem.kind == ProblemKind::Conflict);
            progress.conflicts += i64::from(is_conflict);
            let is_again = progress.conflicts_before >= 0;
            if is_again && !is_conflict {
                report.resolve(id);
                planned.resolve(id);
            }
            let resource_type = ctx.settings.directory.resource_type(&stored.resource_type);
            if let Some(resource_type) = resource_type.filter(|_| !(is_again && is_conflict)) {
                report.add(resource_type, &stored, &mapped)?;
                count_removal(ctx, report, &stored, &mapped).await?;
            }
        }
        progress.after = id;
        progress.examined += i64::from(living);
    }
    Ok(())
}

/// Counts what the product would lose, as the guard would when the revision is activated.
async fn count_removal(ctx: &Context, report: &mut Report, stored: &Stored, mapped: &Mapped) -> Result<(), Error> {
    let known = ctx.settings.registry.resource_type(&stored.resource_type);
    let Some(resource_type) = known.filter(|_| guard::is_removal(mapped.event) && stored.held.is_none()) else {
        return Ok(());
    };
    let document = parse("source", &stored.source)?;
    let subject = Subject { resource_type, before: stored, document: &document, is_deleted: false };
    let removals = &mut report.removals;
    if guard::is_protected(ctx, &subject) {
        removals.protected += 1;
    } else if resource_type.detached.is_some() {
        removals.memberships += ctx.store.count_memberships(stored.id, MAX_COUNTED_MEMBERS).await?.max(1);
    } else {
        removals.users += 1;
    }
    Ok(())
}

fn read(plan: &PlanRow) -> Result<Report, Error> {
    serde_json::from_str(&plan.report).map_err(|why| Error::Corrupt(format!("a plan's report: {why}")))
}
