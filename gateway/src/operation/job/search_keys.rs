//! Completes the search keys of stored resources: after an upgrade from a version that had other keys, and when an operator
//! adds an attribute. The documents and their versions stay as they are.

use uuid::Uuid;

use crate::operation::context::{Context, Gateway};
use crate::operation::error::Error;
use crate::operation::job::batch::Batch;
use crate::operation::resource::document::parse;
use crate::operation::resource::write::MAX_ATTEMPTS;
use crate::operation::schema_change::in_flight;
use crate::store::resource::key::Key;
use crate::store::resource::search_key::KeySource;
use crate::telemetry;
use crate::tenant::TenantId;

/// Resources of one batch.
const BATCH_SIZE: i64 = 200;
/// The actor in the log.
const ACTOR: &str = "search-keys";

/// Runs the next batch; returns whether it was the last.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<bool, Error> {
    let store = gateway.store.tenant(tenant);
    if batch.job.progress.after.is_nil() {
        // A write that began under the older settings may insert no key of a new attribute.
        in_flight::wait(&store).await?;
        gateway.forget_tenant(tenant).await;
    }
    let mut ctx = Context::background(gateway, tenant, ACTOR).await?;
    if ctx.settings.schema_revision < batch.job.revision {
        // Another process may have begun the run: its attributes are not in this one's cache yet.
        ctx = ctx.refreshed().await?;
    }
    let documents = store.key_sources_after(batch.job.progress.after, BATCH_SIZE).await?;
    let Some(last) = documents.last().map(|document| document.id) else {
        let is_done = store.search_keys_are_complete(&ctx.settings.search.attributes).await?;
        gateway.forget_tenant(tenant).await;
        // Otherwise the attributes were changed meanwhile, and another run was begun.
        return Ok(is_done);
    };
    if !batch.may_continue().await? {
        return Ok(false);
    }
    let examined = i64::try_from(documents.len()).unwrap_or(i64::MAX);
    let groups = documents.iter().filter(|document| document.resource_type == "Group" && document.source.is_some());
    let groups: Vec<Uuid> = groups.map(|document| document.id).collect();
    if !groups.is_empty() {
        store.fill_displays(&groups).await?;
    }
    let changed = fill(&ctx, documents).await?;
    let progress = &mut batch.job.progress;
    (progress.after, progress.examined) = (last, progress.examined + examined);
    progress.changed += changed;
    Ok(false)
}

/// Inserts the keys that documents lack; those of a document that was written meanwhile once it is read again. Returns how
/// many lacked keys.
async fn fill(ctx: &Context, mut documents: Vec<KeySource>) -> Result<i64, Error> {
    let mut changed = 0;
    for _ in 0..MAX_ATTEMPTS {
        let keys: Vec<_> = documents.iter().filter_map(|document| keys(ctx, document)).collect();
        let done = ctx.store.fill_search_keys(&keys).await?;
        changed += i64::try_from(done.filled.len()).unwrap_or_default();
        if done.missed.is_empty() {
            return Ok(changed);
        }
        documents = ctx.store.key_sources(&done.missed).await?;
    }
    Err(Error::Contended)
}

/// A document's id, version and search keys. None of a tombstone, of a type that is gone, or of a document that cannot be read,
/// which is in no list either.
fn keys(ctx: &Context, document: &KeySource) -> Option<(Uuid, i64, Vec<Key>)> {
    let KeySource { id, resource_type, version, source } = document;
    let (known, source) = (ctx.settings.registry.resource_type(resource_type)?, source.as_deref()?);
    match parse("source", source) {
        Ok(parsed) => Some((*id, *version, ctx.settings.keys(&parsed, known).searchable)),
        Err(error) => {
            tracing::error!(resource.type = resource_type, resource.id = %id, error = telemetry::chain(&error), "a resource cannot be read");
            None
        }
    }
}
