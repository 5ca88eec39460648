//! The write path's form for many stored documents at once: only how they are mapped changes. Their source documents, versions and
//! times stay, so there is nothing to validate, and no client's writes to take turns with: a row that another write changed
//! meanwhile is passed by, since that write has mapped it.

use std::time::{Duration, Instant};

use scimgate_scim::leniency::Warnings;

use crate::mapping::StepReport;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::guard::Reservation;
use crate::operation::pace::Pace;
use crate::operation::resource::conflicts;
use crate::operation::resource::mapped::{Mapped, Purpose, map};
use crate::operation::resource::record::{Action, Effect, Record};
use crate::operation::resource::removals;
use crate::store::job::{JobExample, JobLease, JobProgress};
use crate::store::mapped_unique;
use crate::store::resource::content::Content;
use crate::store::resource::read::Stored;
use crate::store::resource::remap::{MappedBy, Remapped, Scanned};
use crate::store::stamp::Stamp;

/// How long a batch maps, at most: what is mapped by then is stored.
const MAX_BATCH_TIME: Duration = Duration::from_millis(500);
/// Most examples of documents that could not be mapped in a run's progress.
const MAX_EXAMPLES: usize = 5;
/// The name in an example.
const MAPPING: &str = "the mapping";

/// Maps resources by the active chain, in the order of ids, and stores the result with the run's progress in one statement, while
/// the run is this process's. Returns whether it is, and the mapping and the schemas are those of the context.
///
/// # Errors
/// What keeps the first of them from being mapped at this moment.
pub(crate) async fn run(
    ctx: &Context,
    lease: &JobLease,
    resources: Vec<Scanned>,
    progress: &mut JobProgress,
) -> Result<bool, Error> {
    let mut batch = Batch { next: progress.clone(), mapped: Vec::new(), done: Vec::new(), documents: Vec::new() };
    batch.fill(ctx, resources, progress).await?;
    let (mut reserved, stamp) = (Reservation::default(), ctx.stamp());
    let stored = match batch.admit(ctx, &mut reserved, &stamp).await {
        Ok(()) => batch.store(ctx, lease, progress).await,
        Err(error) => Err(error),
    };
    if !matches!(stored, Ok(true)) {
        // What the guard has counted of removals that are not stored.
        reserved.take_back(ctx).await;
    }
    match stored {
        // A write took the value meanwhile: decided again.
        Err(Error::Store(error)) if mapped_unique::is_conflict(&error) => Ok(true),
        stored => stored,
    }
}

struct Batch {
    /// The progress after this batch, but for what depends on the documents that are stored.
    next: JobProgress,
    mapped: Vec<(Stored, Mapped)>,
    done: Vec<Done>,
    documents: Vec<Remapped>,
}

/// What the record of a document needs.
struct Done {
    before: Stored,
    after: Option<Stored>,
    steps: Vec<StepReport>,
}

impl Batch {
    /// Maps resources until the batch's time is over.
    async fn fill(&mut self, ctx: &Context, resources: Vec<Scanned>, progress: &JobProgress) -> Result<(), Error> {
        let begun = Instant::now();
        let is_first_pass = progress.attempt == 0 && progress.conflicts_before < 0;
        let (mut pace, mut all) = (Pace::begin(), Vec::new());
        for resource in resources {
            if begun.elapsed() > MAX_BATCH_TIME {
                break;
            }
            pace.step().await;
            let document = match resource.stored {
                None => None,
                Some(stored) => match map(ctx, (&ctx.settings.chain, Purpose::Remap), &stored).await {
                    Ok(mapped) => Some((stored, mapped)),
                    Err(error) if all.is_empty() => return Err(error),
                    // Kept for the next batch, which begins with this document.
                    Err(_) => break,
                },
            };
            all.push((resource.id, resource.living, document));
        }
        let mut documents: Vec<_> = all.iter_mut().filter_map(|(.., document)| document.as_mut()).collect();
        conflicts::decide(ctx, &mut documents, None).await?;
        for (id, living, document) in all {
            self.mapped.extend(document);
            self.next.after = id;
            self.next.examined += i64::from(living && is_first_pass);
        }
        Ok(())
    }

    /// Asks the guard about all of them at once, and puts together what is stored of each.
    async fn admit(&mut self, ctx: &Context, reserved: &mut Reservation, stamp: &Stamp) -> Result<(), Error> {
        let mut held = removals::held(ctx, reserved, &self.mapped, stamp).await?;
        for (stored, mapped) in std::mem::take(&mut self.mapped) {
            let content = held.remove(&stored.id);
            self.add(stored, mapped, content);
        }
        Ok(())
    }

    /// With what is stored of a document that a batch holds, or held until now.
    fn add(&mut self, stored: Stored, mut mapped: Mapped, held: Option<Content>) {
        if let Some(problem) = mapped.problem.as_ref().filter(|_| self.next.examples.len() < MAX_EXAMPLES) {
            self.next.examples.push(JobExample {
                id: stored.id,
                resource_type: stored.resource_type.clone(),
                attribute: MAPPING.to_owned(),
                reason: problem.reason.clone(),
            });
        }
        let steps = std::mem::take(&mut mapped.steps);
        let is_failure = mapped.problem.is_some();
        let mut document = mapped.into_remapped(&stored);
        if let Some(Content { mapped, mapping_state, event, hold, .. }) = held {
            document = Remapped { state: mapping_state, mapped, keeps_mapped: false, event, hold, ..document };
        }
        if document.event.is_some() || is_failure {
            let after = after(&stored, &document);
            self.done.push(Done { before: stored, after, steps });
        }
        self.documents.push(document);
    }

    async fn store(self, ctx: &Context, lease: &JobLease, progress: &mut JobProgress) -> Result<bool, Error> {
        let by = MappedBy { mapping: ctx.settings.chain.revision, schemas: ctx.settings.schema_revision };
        let begun = Instant::now();
        let stored = ctx.store.store_remapped(lease, by, &self.documents, self.next, &ctx.stamp()).await?;
        let Some(stored) = stored else { return Ok(false) };
        let has_events = stored.changed > progress.changed;
        *progress = stored;
        for document in &self.documents {
            // A write that starts from it would be refused, since it is mapped in another way by now.
            ctx.gateway.recent.take(ctx.store.id(), document.id).await;
        }
        if has_events {
            ctx.gateway.events_waiting.add(ctx.store.id());
        }
        record(ctx, &self.done, begun.elapsed());
        Ok(true)
    }
}

/// The resource as it is stored now.
fn after(before: &Stored, document: &Remapped) -> Option<Stored> {
    let mapped = if document.keeps_mapped { before.mapped.clone() } else { document.mapped.clone() };
    document.event?;
    Some(Stored { mapped, mapping_state: document.state, ..before.clone() })
}

/// Records the documents whose mapping changed something for the product, or failed.
fn record(ctx: &Context, done: &[Done], duration: Duration) {
    let warnings = Warnings::default();
    for Done { before, after, steps } in done {
        ctx.gateway.recorder.record(&Record {
            tenant: ctx.store.id(),
            actor: &ctx.actor,
            request_id: &ctx.request_id,
            action: Action::Remap,
            resource_type: &before.resource_type,
            id: Some(before.id),
            warnings: &warnings,
            before: Some(before),
            name: None,
            members: None,
            after: after.as_ref(),
            mapping_revision: ctx.settings.chain.revision,
            steps,
            result: Ok(if after.is_some() { Effect::Remapped } else { Effect::Unchanged }),
            attempts: 1,
            duration,
        });
    }
}
