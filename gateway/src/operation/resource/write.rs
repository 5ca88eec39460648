//! The one function through which every resource is stored.
//!
//! A use case implements [`Change`]. [`run`] calls it, always in this order: prepare, validate, map, store; again from the
//! start where another write came first; then it wakes the sequencer and records the write. Nothing else calls the store's
//! functions that write resources.

use std::sync::Arc;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use scimgate_scim::directory_schema::TypeRules;
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::mapping::StepReport;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::guard::{self, Reservation, Subject};
use crate::operation::resource::change::{Base, Change, MembersWrite, Outcome, Prepared, Refusal, Saved, Write};
use crate::operation::resource::content::content;
use crate::operation::resource::document::parse;
use crate::operation::resource::record::Effect;
use crate::operation::resource::trace::Trace;
use crate::operation::resource::unique;
use crate::store;
use crate::store::guard::MembersGuard;
use crate::store::mapped_unique;
use crate::store::resource::batch::BatchOutcome;
use crate::store::resource::content::{Content, Origin, Written};
use crate::store::resource::delete::Delete;
use crate::store::resource::indexed::unique_names;
use crate::store::resource::insert::Insert;
use crate::store::resource::read::{GroupRef, MappingState, Stored};
use crate::store::resource::restore::Restore;
use crate::store::resource::update::Update;
use crate::store::stamp::Stamp;

/// Attempts at a write that keeps losing the race; after them it fails with [`Error::Contended`].
pub(crate) const MAX_ATTEMPTS: u32 = 24;
/// Documents of one batch that are mapped at the same time.
const MAX_CONCURRENT_MAPPINGS: usize = 8;

/// Makes a write and records it, whatever the outcome.
pub(crate) async fn run(ctx: &mut Context, change: &mut impl Change) -> Result<Outcome, Error> {
    let mut trace = Trace::begin();
    let result = match change.read(ctx) {
        Ok(()) => attempts(ctx, change, &mut trace).await,
        Err(error) => Err(error),
    };
    if !result.as_ref().is_ok_and(Outcome::is_change) {
        std::mem::take(&mut trace.reserved).take_back(ctx).await;
    }
    trace.record(ctx, change, &result);
    result
}

async fn attempts(ctx: &mut Context, change: &mut impl Change, trace: &mut Trace) -> Result<Outcome, Error> {
    let locks = ctx.gateway.write_locks.clone();
    let _guard = match change.locks() {
        Some(id) => Some(locks.lock(ctx.store.id(), id).await),
        None => None,
    };
    for attempt in 1..=MAX_ATTEMPTS {
        trace.attempts = attempt;
        (trace.before, trace.steps, trace.members) = (None, Vec::new(), None);
        let attempted = match change.prepare(ctx).await? {
            Prepared::Unchanged(stored) => return Ok(Outcome::Unchanged(stored)),
            Prepared::Gone => return Ok(Outcome::Gone),
            Prepared::Write(writes) => write(ctx, writes, trace).await,
            Prepared::Members(write) => change_members(ctx, change.subject().0, write, trace).await?,
            Prepared::Delete { before, guards_members } => {
                let deleted = delete(ctx, change.subject().0, (&before, guards_members), trace).await?;
                trace.before = Some(before);
                deleted
            }
        };
        match attempted {
            Attempt::Done(outcome) => {
                ctx.gateway.events_waiting.add(ctx.store.id());
                return Ok(outcome);
            }
            Attempt::Lost => *ctx = ctx.refreshed().await?,
            Attempt::Refused(index, refusal) => change.recover(index, refusal)?,
        }
    }
    Err(Error::Contended)
}

enum Attempt {
    Done(Outcome),
    /// The row, the mapping or the schemas changed since they were read, or a deadlock was resolved against this write.
    Lost,
    Refused(usize, Refusal),
}

async fn write(ctx: &Context, writes: Vec<Write>, trace: &mut Trace) -> Attempt {
    let stamp = ctx.stamp();
    let mut contents = match contents(ctx, &writes, &stamp).await {
        Ok(contents) => contents,
        Err((index, error, steps)) => {
            trace.steps = steps;
            return refused(writes, index, Refusal::Other(error), trace);
        }
    };
    let stored = match (writes.as_slice(), contents.as_mut_slice()) {
        ([write], [(content, _)]) => match check(ctx, &mut trace.reserved, write, content, &stamp).await {
            Ok(members_guard) => store_one(ctx, (write, &members_guard), content, &stamp).await,
            Err(error) => return refused(writes, 0, Refusal::Other(error), trace),
        },
        _ => store_batch(ctx, &writes, &contents, &stamp).await,
    };
    match stored {
        Ok(Some(versions)) => {
            let mut rows = Vec::with_capacity(writes.len());
            for ((write, mapped), done) in writes.into_iter().zip(contents).zip(versions) {
                let resource_type = Arc::clone(&write.resource_type);
                let row = saved(write, mapped, done, &stamp);
                ctx.gateway.recent.keep(ctx.store.id(), &resource_type, &row.stored).await;
                ctx.gateway.shadow.offer(ctx.store.id(), &ctx.settings, &row.stored);
                rows.push(row);
            }
            Attempt::Done(Outcome::Saved(rows))
        }
        Ok(None) | Err((_, store::Error::Conflict { .. })) => Attempt::Lost,
        Err((index, error)) if mapped_unique::is_conflict(&error) => {
            let (Some(write), Some((content, steps))) = (writes.get(index), contents.get(index)) else {
                return Attempt::Lost;
            };
            let refusal = match unique::refusal(ctx, (&write.resource_type.name, write.id), (content, steps)).await {
                // The value is free by now.
                Ok(None) => return Attempt::Lost,
                Ok(Some(refusal)) | Err(refusal) => refusal,
            };
            trace.steps = contents.swap_remove(index).1;
            refused(writes, index, Refusal::Other(refusal), trace)
        }
        Err((index, error)) => {
            let refusal = match error {
                store::Error::Duplicate { .. } => Refusal::Taken(taken(ctx, writes.get(index))),
                other => Refusal::Other(other.into()),
            };
            refused(writes, index, refusal, trace)
        }
    }
}

fn refused(writes: Vec<Write>, index: usize, refusal: Refusal, trace: &mut Trace) -> Attempt {
    trace.before = writes.into_iter().nth(index).and_then(|write| write.base.into_stored());
    Attempt::Refused(index, refusal)
}

/// What is stored of a document, and the steps that mapped it.
type Mapped = (Content, Vec<StepReport>);

/// Validates and maps each document. An error comes with the index of its document and the mapping steps until then.
async fn contents(
    ctx: &Context,
    writes: &[Write],
    stamp: &Stamp,
) -> Result<Vec<Mapped>, (usize, Error, Vec<StepReport>)> {
    for (index, write) in writes.iter().enumerate() {
        write.validate().map_err(|error| (index, error.into(), Vec::new()))?;
    }
    let map = async |index: usize, write: &Write| {
        let mut steps = Vec::new();
        match content(ctx, write.draft(), stamp, &mut steps).await {
            Ok(content) => Ok((content, steps)),
            Err(error) => Err((index, error, steps)),
        }
    };
    if let [write] = writes {
        return Ok(vec![map(0, write).await?]);
    }
    let mapping: Vec<_> = writes.iter().enumerate().map(|(index, write)| map(index, write)).collect();
    iter(mapping).buffered(MAX_CONCURRENT_MAPPINGS).try_collect().await
}

/// Each row's own version, the number of groups that it joined, and its groups where they were read.
type Versions = Vec<(i64, i64, Vec<GroupRef>)>;

/// The guard's part of a write of an existing resource. Returns how the members which it removes pass.
async fn check(
    ctx: &Context,
    reserved: &mut Reservation,
    write: &Write,
    content: &mut Content,
    stamp: &Stamp,
) -> Result<MembersGuard, Error> {
    let subject =
        |before, document, is_deleted| Subject { resource_type: &write.resource_type, before, document, is_deleted };
    match &write.base {
        Base::New(_) => return Ok(MembersGuard::Off),
        Base::Living { before, document, .. } => {
            guard::check(ctx, reserved, &subject(before, document, false), content, stamp).await?;
        }
        Base::Deleted(before) if before.held.is_some() => {
            let document = parse("source", &before.source)?;
            guard::check(ctx, reserved, &subject(before, &document, true), content, stamp).await?;
        }
        Base::Deleted(_) => {}
    }
    match &write.members {
        Some(members) => guard::check_members(ctx, reserved, write.id, members, stamp).await,
        None => Ok(MembersGuard::Off),
    }
}

/// None where the race was lost.
async fn store_one(
    ctx: &Context,
    (write, members_guard): (&Write, &MembersGuard),
    content: &Content,
    stamp: &Stamp,
) -> Result<Option<Versions>, (usize, store::Error)> {
    let (resource_type, id, members) = (write.resource_type.name.as_str(), write.id, write.members.as_ref());
    let written = match &write.base {
        Base::New(_) => {
            ctx.store.insert(&Insert { resource_type, id, content, members }, stamp).await.map(without_groups)
        }
        Base::Living { before, document, guards_members, reads_groups } => {
            let update = Update {
                members_guard,
                resource_type,
                id,
                row: before.row_version(),
                member_changes: guards_members.then_some(before.member_changes),
                before: &ctx.settings.keys(document, &write.resource_type),
                content,
                members,
                reads_groups: *reads_groups,
            };
            ctx.store.update(&update, stamp).await
        }
        Base::Deleted(before) => {
            let restore = Restore { resource_type, id, version: before.own_version, content };
            ctx.store.restore(&restore, stamp).await.map(without_groups)
        }
    };
    match written.map_err(|error| (0, error))? {
        (Written::Done(version), joined, groups) => Ok(Some(vec![(version, joined, groups)])),
        (Written::Lost, ..) => Ok(None),
    }
}

fn without_groups((written, joined): (Written, i64)) -> (Written, i64, Vec<GroupRef>) {
    (written, joined, Vec::new())
}

/// Stores new resources in one transaction; a batch has no updates. None where the race was lost.
async fn store_batch(
    ctx: &Context,
    writes: &[Write],
    contents: &[Mapped],
    stamp: &Stamp,
) -> Result<Option<Versions>, (usize, store::Error)> {
    let inserts: Vec<Insert<'_>> = writes
        .iter()
        .zip(contents)
        .map(|(write, (content, _))| Insert {
            resource_type: &write.resource_type.name,
            id: write.id,
            content,
            members: write.members.as_ref(),
        })
        .collect();
    match ctx.store.insert_batch(&inserts, stamp).await.map_err(|error| (0, error))? {
        BatchOutcome::Done => {
            Ok(Some(contents.iter().map(|(content, _)| (first_version(content), 0, Vec::new())).collect()))
        }
        BatchOutcome::Lost => Ok(None),
        BatchOutcome::Refused(index, error) => Err((index, error)),
    }
}

fn saved(
    write: Write,
    (content, steps): Mapped,
    (version, joined, groups): (i64, i64, Vec<GroupRef>),
    stamp: &Stamp,
) -> Saved {
    let reads_groups = matches!(write.base, Base::Living { reads_groups: true, .. });
    let effect = match write.base {
        Base::New(_) => Effect::Created,
        Base::Living { .. } => Effect::Updated,
        Base::Deleted(_) => Effect::Restored,
    };
    let (id, members) = (write.id, write.members);
    let resource_type = write.resource_type;
    let before = write.base.into_stored();
    let new = unstored(&resource_type, id, content.origin, stamp);
    let mut stored = content.stored(before.as_ref().unwrap_or(&new), version, stamp.at);
    if reads_groups {
        stored.groups = groups;
    }
    Saved { stored, joined, before, effect, steps, members }
}

/// The version of a resource that was inserted.
fn first_version(content: &Content) -> i64 {
    content.origin.map_or(1, |origin| origin.version)
}

/// What stands for the stored row of a new resource.
fn unstored(resource_type: &ResourceType, id: Uuid, origin: Option<Origin>, stamp: &Stamp) -> Stored {
    Stored {
        id,
        resource_type: resource_type.name.clone(),
        source: String::new(),
        set_aside: None,
        mapped: None,
        mapping_state: MappingState::Never,
        mapping_revision: 0,
        own_version: 0,
        member_changes: 0,
        created_at: origin.map_or(stamp.at, |origin| origin.created_at),
        modified_at: stamp.at,
        held: None,
        groups: Vec::new(),
    }
}

/// The refusal of a write whose unique value is in use. It names every attribute that it may be, because under row-level
/// security the database's error does not contain the key.
fn taken(ctx: &Context, write: Option<&Write>) -> Error {
    if ctx.settings.pending.is_some() {
        // The value may be unique only under the pending schemas, which may be rolled back.
        return Error::SchemasChanging;
    }
    let Some(write) = write else { return Error::Contended };
    let names = unique_names(&write.resource_type).join(" or ");
    ScimError::uniqueness(format!("Another {} has this {names} already.", write.resource_type.name)).into()
}

async fn change_members(
    ctx: &Context,
    resource_type: &ResourceType,
    write: MembersWrite,
    trace: &mut Trace,
) -> Result<Attempt, Error> {
    let stamp = ctx.stamp();
    let members = trace.members.insert(write.members);
    let guard = guard::check_members(ctx, &mut trace.reserved, write.id, members, &stamp).await?;
    match ctx.store.change_members(write.id, (members, &guard), &stamp).await {
        Ok(done) if done.group_found => {
            trace.unknown = write.unknown.filter(|_| done.unknown > 0);
            Ok(Attempt::Done(Outcome::Members(write.group)))
        }
        Ok(_) => Err(ScimError::not_found(&resource_type.name, &write.id.to_string()).into()),
        Err(store::Error::Conflict { .. }) => Ok(Attempt::Lost),
        Err(error) => Err(error.into()),
    }
}

async fn delete(
    ctx: &Context,
    resource_type: &ResourceType,
    (before, guards_members): (&Stored, bool),
    trace: &mut Trace,
) -> Result<Attempt, Error> {
    let (document, stamp) = (parse("source", &before.source)?, ctx.stamp());
    let subject = Subject { resource_type, before, document: &document, is_deleted: false };
    let delete = Delete {
        hold: guard::check_deletion(ctx, &mut trace.reserved, &subject, &stamp).await?,
        resource_type: &resource_type.name,
        id: before.id,
        row: before.row_version(),
        member_changes: guards_members.then_some(before.member_changes),
        visible: before.mapping_state.is_visible(),
        frees_unique: ctx.settings.rules(&resource_type.name).is_some_and(TypeRules::has_unique),
        has_reason: before.mapping_state.has_reason(),
        keys: &ctx.settings.keys(&document, resource_type),
        key_layout: ctx.settings.search.layout,
    };
    ctx.gateway.recent.take(ctx.store.id(), before.id).await;
    match ctx.store.delete(&delete, &stamp).await {
        Ok(Written::Done(_)) => Ok(Attempt::Done(Outcome::Deleted)),
        Ok(Written::Lost) | Err(store::Error::Conflict { .. }) => Ok(Attempt::Lost),
        Err(error) => Err(error.into()),
    }
}
