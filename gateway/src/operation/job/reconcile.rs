//! Folds what no schema knew into the documents, once a schema does.
//!
//! A resource that gains attributes so is changed as by its client: version, `lastModified` and ETag move, or a client that
//! keeps what it read would never see them; it is mapped, and the product is told where its view changed.

use std::sync::Arc;
use std::time::Duration;

use scimgate_scim::aside::Aside;
use scimgate_scim::attribute::Uniqueness;
use scimgate_scim::fold_in::{Misfit, TakenIn, take_in};
use scimgate_scim::schema::{AttributeRef, ResourceType};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::mapping::MapError;
use crate::operation::ATTEMPTS;
use crate::operation::Context;
use crate::operation::Error;
use crate::operation::Gateway;
use crate::operation::admin::tenants;
use crate::operation::resource::document::{Draft, content, parse, parse_set_aside};
use crate::operation::schema_change;
use crate::store::fold_in::FoldIn;
use crate::store::postgres::lease::Lease;
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;
use crate::store::resource::update::Update;
use crate::store::resource::update::Written;
use crate::store::{self, TenantStore};
use crate::telemetry;
use crate::tenant::TenantId;

/// Resources of one batch: a document may have a megabyte, and the embedded database has one connection for all.
const BATCH: i64 = 20;
/// Misfits that are told of.
const EXAMPLES: usize = 5;
/// What a misfit names where it is no attribute.
const MAPPING: &str = "the mapping";
const RESOURCE: &str = "the resource";
/// Who writes, in events.
const ACTOR: &str = "fold-in";
/// Longest wait for writers that began before the schemas changed.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// How far a tenant's run has come, and what is aside at all.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The latest run; none where the schemas never changed.
    pub run: Option<FoldIn>,
    /// Resources of which something is set aside.
    pub set_aside: i64,
}

/// How far a tenant's run has come.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn progress(gateway: &Gateway, tenant: &str) -> Result<Progress, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    let store = gateway.store.tenant(tenant.id);
    Ok(Progress { run: store.fold_in().await?, set_aside: store.count_set_aside().await? })
}

/// Does the next batch of a tenant's run, as long as the lease holds; tells whether there is more to do.
///
/// # Errors
/// The database or the plugins are unavailable. What was done until then is done; the rest is for another batch.
pub async fn batch(gateway: &Gateway, tenant: TenantId, lease: &Lease) -> Result<bool, Error> {
    let store = gateway.store.tenant(tenant);
    let Some(from) = store.fold_in().await?.filter(|run| !run.finished) else { return Ok(false) };
    if from.after.is_nil() {
        // What is being written by the older schemas would be set aside behind our back.
        settle(&store).await?;
    }
    let mut ctx = Context::background(gateway, tenant, ACTOR).await?;
    if ctx.settings.schema_revision < from.schema_revision {
        ctx = ctx.refreshed().await?;
    }
    if from.after.is_nil() {
        schema_change::drop_stale_keys(&ctx).await?;
    }
    let waiting = store.set_aside_after(from.after, BATCH).await?;
    let mut to = FoldIn { finished: waiting.is_empty(), moved_at: gateway.clock.now(), ..from.clone() };
    let ended = each(&mut ctx, waiting, &mut to, lease).await;
    if to.finished || to.examined > from.examined {
        // Where the run was begun anew meanwhile, it is not moved: there is more to do then, too.
        let moved = store.move_fold_in(&from, &to).await;
        ended?;
        return Ok(!moved? || !to.finished);
    }
    ended.map(|()| true)
}

/// Looks at one resource after the other. Up to where it ends, for whatever reason, the run has come.
async fn each(ctx: &mut Context, waiting: Vec<Stored>, to: &mut FoldIn, lease: &Lease) -> Result<(), Error> {
    let mut examples: Vec<Value> = serde_json::from_str(&to.examples).unwrap_or_default();
    for stored in waiting {
        if !lease.hold(ctx.gateway.clock.now()).await? {
            return Ok(());
        }
        let (id, resource_type) = (stored.id, stored.resource_type.clone());
        let done = match one(ctx, stored).await {
            Ok(done) => done,
            Err(error) => Done { folded: false, misfits: vec![misfit(&resource_type, id, error)?] },
        };
        to.after = id;
        to.examined += 1;
        to.folded += i64::from(done.folded);
        to.misfits += i64::from(!done.misfits.is_empty());
        let room = EXAMPLES.saturating_sub(examples.len());
        examples.extend(done.misfits.into_iter().take(1).take(room).map(|misfit| {
            json!({ "id": id.to_string(), "resourceType": resource_type, "attribute": misfit.name, "reason": misfit.why })
        }));
        to.examples = json!(examples).to_string();
    }
    Ok(())
}

/// What is wrong with one resource, so that it fails in the same way however often it is tried: the run goes past it.
///
/// # Errors
/// The same error, where it is one of the moment.
fn misfit(resource_type: &str, id: Uuid, error: Error) -> Result<Misfit, Error> {
    let (name, why) = match error {
        Error::Mapping(MapError::Rejected(refusal)) => (MAPPING, refusal.detail),
        Error::Mapping(lasting @ (MapError::Failed { transient: false, .. } | MapError::Unusable { .. })) => {
            (MAPPING, lasting.to_string())
        }
        Error::Scim(refusal) if refusal.status < 500 => (RESOURCE, refusal.detail),
        // By a value that its new schema says is unique.
        Error::Store(store::Error::Duplicate { .. }) => {
            (RESOURCE, format!("Another {resource_type} has one of its unique values already."))
        }
        Error::Corrupt(_) | Error::Store(store::Error::Corrupt { .. }) => {
            tracing::error!(resource.id = %id, error = telemetry::chain(&error), "a resource cannot be read");
            (RESOURCE, "What is stored of it cannot be understood; the log has more.".to_owned())
        }
        passing => return Err(passing),
    };
    Ok(Misfit { name: name.to_owned(), why })
}

/// Waits until the writers of this moment are done.
///
/// # Errors
/// 503 where one of them is still at it after ten seconds.
pub(crate) async fn settle(store: &TenantStore) -> Result<(), Error> {
    let mut open = store.writers().await?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !open.is_empty() {
        if tokio::time::Instant::now() > deadline {
            return Err(Error::Contended);
        }
        tokio::time::sleep(PAUSE).await;
        let now = store.writers().await?;
        open.retain(|writer| now.contains(writer));
    }
    Ok(())
}

#[derive(Default)]
struct Done {
    folded: bool,
    misfits: Vec<Misfit>,
}

/// Folds in what fits of one resource, on what is stored of it now, again after each lost race.
async fn one(ctx: &mut Context, stored: Stored) -> Result<Done, Error> {
    let write_locks = ctx.gateway.write_locks.clone();
    let _guard = write_locks.take(ctx.store.id(), stored.id).await;
    let (name, id) = (stored.resource_type.clone(), stored.id);
    let mut unique_too = true;
    let mut before = stored;
    for _ in 0..ATTEMPTS {
        let Some(resource_type) = ctx.settings.registry.resource_type(&name).cloned() else {
            return Ok(Done::default());
        };
        let old = parse("source", &before.source)?;
        let taken = fitting(ctx, &resource_type, &old, parse_set_aside(&before)?, unique_too);
        if !taken.changed {
            return Ok(Done { folded: false, misfits: taken.misfits });
        }
        match write(ctx, &resource_type, &before, &old, &taken).await {
            Ok(Written::Done(_)) => {
                ctx.gateway.events_waiting.notify_one();
                return Ok(Done { folded: true, misfits: taken.misfits });
            }
            Ok(Written::Lost) => *ctx = ctx.refreshed().await?,
            // Which of them is in use, nobody tells.
            Err(Error::Store(store::Error::Duplicate { .. })) if unique_too => unique_too = false,
            Err(error) => return Err(error),
        }
        let Some(now) = ctx.store.get(&name, id, ReadOptions::default()).await? else { return Ok(Done::default()) };
        before = now;
    }
    Err(Error::Contended)
}

/// The document with all that fits.
fn fitting(
    ctx: &Context,
    resource_type: &ResourceType,
    old: &Map<String, Value>,
    set_aside: Aside,
    unique_too: bool,
) -> TakenIn {
    let allowed = |found: &AttributeRef| {
        if unique_too || found.leaf().uniqueness == Uniqueness::None {
            return Ok(());
        }
        Err(format!("Another {} has this {} already.", resource_type.name, found.name()))
    };
    take_in(old.clone(), set_aside, resource_type, &ctx.settings.leniencies, &allowed)
}

async fn write(
    ctx: &Context,
    resource_type: &Arc<ResourceType>,
    before: &Stored,
    old: &Map<String, Value>,
    taken: &TakenIn,
) -> Result<Written, Error> {
    let stamp = ctx.stamp();
    let draft = Draft {
        resource_type,
        id: before.id,
        document: taken.document.clone(),
        set_aside: taken.set_aside.clone(),
        before: Some(before),
    };
    let content = content(ctx, draft, &stamp).await?;
    let update = Update {
        resource_type: &resource_type.name,
        id: before.id,
        version: before.own_version,
        member_changes: None,
        before: &ctx.settings.keys(old, resource_type),
        content: &content,
        members: None,
    };
    let (written, _) = crate::operation::lost_on_conflict(ctx.store.update(&update, &stamp).await, (Written::Lost, 0))?;
    Ok(written)
}
