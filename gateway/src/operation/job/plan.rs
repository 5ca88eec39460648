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
use crate::operation::resource::document::parse;
use crate::operation::resource::mapped::{Mapped, Purpose, map};
use crate::operation::settings;
use crate::store::plan::PlanRow;
use crate::store::resource::read::Stored;
use crate::store::resource::remap::Scanned;
use crate::tenant::TenantId;

/// Resources of one batch.
const BATCH_SIZE: i64 = 500;
/// How long a batch maps, at most.
const MAX_BATCH_TIME: Duration = Duration::from_millis(500);
/// The actor in the log.
const ACTOR: &str = "plan";

/// Runs the next batch.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<End, Error> {
    let ctx = Context::background(gateway, tenant, ACTOR).await?;
    let revision = i32::try_from(batch.job.revision).unwrap_or_default();
    let Some(plan) = ctx.store.plan(revision).await?.filter(|plan| plan.id == batch.job.id) else {
        return Ok(End::Finished);
    };
    let Some(row) = ctx.store.mapping(revision).await? else { return Ok(End::Finished) };
    let chain = settings::chain(row)?;
    let mut report = read(&plan)?;
    let begun = Instant::now();
    let (after, sample) = (batch.job.progress.after, (plan.seed, plan.max_hash));
    let resources = ctx.store.planned_after(after, BATCH_SIZE, sample).await?;
    let is_last = resources.is_empty();
    add(&ctx, &chain, resources, (&mut report, batch)).await?;
    report.took(begun.elapsed());
    let progress = &mut batch.job.progress;
    (progress.changed, progress.rejected) = (report.events(), report.refused());
    let text = serde_json::to_string(&report).map_err(|why| Error::Corrupt(format!("a plan's report: {why}")))?;
    let progress = batch.job.progress.clone();
    let saved =
        ctx.store.save_plan(batch.lease(), (revision, &text), &progress, (is_last, gateway.clock.now())).await?;
    Ok(if is_last && saved { End::Finished } else { End::More })
}

async fn add(
    ctx: &Context,
    chain: &Chain,
    resources: Vec<Scanned>,
    (report, batch): (&mut Report, &mut Batch),
) -> Result<(), Error> {
    let (begun, mut pace) = (Instant::now(), Pace::begin());
    let progress = &mut batch.job.progress;
    let first = progress.after;
    for resource in resources {
        if begun.elapsed() > MAX_BATCH_TIME {
            break;
        }
        pace.step().await;
        if let Some(stored) = resource.stored {
            let mapped = match map(ctx, (chain, Purpose::DryRun), &stored).await {
                Ok(mapped) => mapped,
                Err(error) if progress.after == first => return Err(error),
                Err(_) => break,
            };
            if let Some(resource_type) = ctx.settings.directory.resource_type(&stored.resource_type) {
                report.add(resource_type, &stored, &mapped)?;
                count_removal(ctx, report, &stored, &mapped).await?;
            }
        }
        progress.after = resource.id;
        progress.examined += i64::from(resource.living);
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
