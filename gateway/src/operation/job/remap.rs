//! Maps every stored document by the active mapping revision, after it was activated. What is written meanwhile is mapped by it at
//! once and passed by; the rest keeps its older mapped document until its turn.

use std::time::Duration;

use uuid::Uuid;

use crate::operation::context::{Context, Gateway};
use crate::operation::error::Error;
use crate::operation::job::batch::{Batch, End};
use crate::operation::resource::conflicts;
use crate::operation::resource::remap;
use crate::operation::schema_change::in_flight;
use crate::tenant::TenantId;

/// Resources of one batch.
const BATCH_SIZE: i64 = 500;
/// How often documents are tried again that failed for a reason that may pass.
const MAX_RETRIES: i32 = 5;
/// Time until they are tried again the first time; each further one takes twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// The actor of the events.
const ACTOR: &str = "remap";

/// Runs the next batch.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<End, Error> {
    let mut ctx = Context::background(gateway, tenant, ACTOR).await?;
    if i64::from(ctx.settings.chain.revision) != batch.job.revision {
        ctx = ctx.refreshed().await?;
    }
    if i64::from(ctx.settings.chain.revision) != batch.job.revision {
        // A replica of an older version changed the mapping, and began no run. A newer one has replaced this run by another.
        ctx.store.begin_remap_anew(gateway.clock.now()).await?;
        return Ok(End::More);
    }
    if batch.job.progress.after.is_nil() {
        begin_pass(&ctx, batch).await?;
    }
    let (after, revision) = (batch.job.progress.after, ctx.settings.chain.revision);
    let resources = ctx.store.unmapped_after(after, BATCH_SIZE, revision).await?;
    if resources.is_empty() {
        return Ok(end_pass(batch));
    }
    let lease = batch.lease().clone();
    if !remap::run(&ctx, &lease, resources, &mut batch.job.progress).await? {
        // Whatever changed, the next batch begins with it.
        gateway.forget_tenant(tenant).await;
    }
    Ok(End::More)
}

async fn begin_pass(ctx: &Context, batch: &mut Batch) -> Result<(), Error> {
    let progress = &mut batch.job.progress;
    if progress.attempt == 0 && progress.conflicts_before < 0 {
        // A write that began by the older mapping may still be stored.
        return in_flight::wait(&ctx.store).await;
    }
    // Counted anew, by what still fails.
    (progress.rejected, progress.retryable) = (0, 0);
    progress.examples.clear();
    Ok(())
}

/// The run is finished, unless something is worth another try.
fn end_pass(batch: &mut Batch) -> End {
    let progress = &mut batch.job.progress;
    if conflicts::begins_another_pass(progress) {
        return End::More;
    }
    if progress.retryable == 0 || progress.attempt >= MAX_RETRIES {
        return End::Finished;
    }
    let rest = FIRST_RETRY * 2_u32.saturating_pow(progress.attempt.unsigned_abs());
    progress.attempt += 1;
    (progress.conflicts, progress.conflicts_before) = (0, -1);
    progress.after = Uuid::nil();
    End::Pause(rest)
}
