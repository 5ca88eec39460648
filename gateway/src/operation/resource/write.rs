//! The one function through which every resource is stored.
//!
//! A use case says what its write means ([`Change`]). [`run`] does the rest, always in this order: prepare, validate, map,
//! store; again from the start where another write came first; then events and the record. Nothing else calls the store's
//! functions that write resources.

use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::{Leniency, Warnings};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use scimgate_scim::unknown::UnknownAttributes;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::content::{Draft, content};
use crate::operation::resource::record::{Action, Effect, Record};
use crate::store;
use crate::store::membership::Members;
use crate::store::resource::batch::BatchOutcome;
use crate::store::resource::content::{Content, Written};
use crate::store::resource::insert::Insert;
use crate::store::resource::key::unique_names;
use crate::store::resource::read::{MappingState, Stored};
use crate::store::resource::restore::Restore;
use crate::store::resource::update::Update;
use crate::store::stamp::Stamp;

/// Attempts at a write that lost a race, before the client is asked to come again.
pub(crate) const MAX_ATTEMPTS: u32 = 24;
/// Documents of one batch that are mapped at the same time.
const MAX_CONCURRENT_MAPPINGS: usize = 8;

/// What a write means.
pub(crate) trait Change: Send {
    /// What the client asked for.
    fn action(&self) -> Action;

    /// The type and, where it is known, the id of the resource.
    fn subject(&self) -> (&ResourceType, Option<Uuid>);

    /// Understands the request; called once, before anything else.
    fn read(&mut self, _ctx: &Context) -> Result<(), Error> {
        Ok(())
    }

    /// The resource whose writers in this process run one after the other. Without it, sixteen writers of one user would
    /// read, map and lose against each other again and again.
    fn locks(&self) -> Option<Uuid> {
        None
    }

    /// Decides by what is stored now what to write. Called again after each lost race, with the settings of then.
    fn prepare(&mut self, ctx: &Context) -> impl Future<Output = Result<Prepared, Error>> + Send;

    /// A prepared write was refused, the one at this place of several: `Ok` prepares again.
    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        Err(refusal.into())
    }

    /// The leniencies that the request used for the write at this place of several.
    fn warnings(&self, place: usize) -> Warnings;

    /// Whether a refusal is the answer; otherwise the same is about to be done in another way, which is recorded then.
    fn is_final(&self, _error: &Error) -> bool {
        true
    }
}

/// What is to be done.
pub(crate) enum Prepared {
    /// The resource is already as the request wants it: version and lastModified stay (RFC 7644 §3.5.2.1).
    Unchanged(Stored),
    /// The resource of a background job has been deleted.
    Gone,
    /// These rows, all or none.
    Write(Vec<Write>),
    /// A group's members alone: no document is read and no plugin runs.
    Members(MembersWrite),
    /// The resource goes.
    Delete {
        /// Its id.
        id: Uuid,
        /// Its own version and its member changes, where these must be what was read.
        expected: Option<(i64, i64)>,
    },
}

/// A resource about to be stored.
pub(crate) struct Write {
    pub(crate) resource_type: Arc<ResourceType>,
    pub(crate) id: Uuid,
    /// The canonical source document.
    pub(crate) document: Map<String, Value>,
    pub(crate) unknown: UnknownAttributes,
    /// The type by which the document has been validated already.
    pub(crate) validated_by: Option<Arc<ResourceType>>,
    /// Changes of a group's members that are made with it.
    pub(crate) members: Option<Members>,
    pub(crate) base: Base,
}

/// What the row is now.
pub(crate) enum Base {
    /// There is none.
    New,
    /// A living resource.
    Living {
        before: Stored,
        /// Its source document.
        document: Map<String, Value>,
        /// Whether a group's members must be as they were read, too.
        guards_members: bool,
    },
    /// A tombstone.
    Deleted(Stored),
}

/// A change of a group's members alone.
pub(crate) struct MembersWrite {
    pub(crate) id: Uuid,
    pub(crate) members: Members,
    /// The group, where it was read.
    pub(crate) group: Option<Stored>,
    /// What is noted where one of the values names no resource.
    pub(crate) unknown: Option<Leniency>,
}

/// Why a prepared write was refused.
pub(crate) enum Refusal {
    /// A unique value is in use.
    Taken(Error),
    /// Anything else.
    Other(Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Taken(error) | Refusal::Other(error) => error,
        }
    }
}

/// What came of a write.
pub(crate) enum Outcome {
    /// Nothing had to be written.
    Unchanged(Stored),
    /// There is nothing to write to any more.
    Gone,
    /// The rows, in their order.
    Saved(Vec<Saved>),
    /// Members changed; the group as it was read before, where it was.
    Members(Option<Stored>),
    /// It is gone.
    Deleted,
}

/// A resource as it is stored now.
pub(crate) struct Saved {
    pub(crate) stored: Stored,
    /// Groups whose pending reference has become a membership of this resource.
    pub(crate) joined: i64,
    before: Option<Stored>,
    effect: Effect,
}

/// Writes what a change means, and records it whatever the outcome.
pub(crate) async fn run(ctx: &mut Context, change: &mut impl Change) -> Result<Outcome, Error> {
    let mut trace = Trace { begun: Instant::now(), attempts: 0, before: None, unknown: None };
    let result = match change.read(ctx) {
        Ok(()) => attempts(ctx, change, &mut trace).await,
        Err(error) => Err(error),
    };
    record(ctx, change, &trace, &result);
    result
}

/// What is kept of the attempts for the record.
struct Trace {
    begun: Instant,
    attempts: u32,
    before: Option<Stored>,
    unknown: Option<Leniency>,
}

async fn attempts(ctx: &mut Context, change: &mut impl Change, trace: &mut Trace) -> Result<Outcome, Error> {
    let locks = ctx.gateway.write_locks.clone();
    let _guard = match change.locks() {
        Some(id) => locks.lock(ctx.store.id(), id).await,
        None => None,
    };
    for attempt in 1..=MAX_ATTEMPTS {
        trace.attempts = attempt;
        let attempted = match change.prepare(ctx).await? {
            Prepared::Unchanged(stored) => return Ok(Outcome::Unchanged(stored)),
            Prepared::Gone => return Ok(Outcome::Gone),
            Prepared::Write(writes) => write(ctx, writes, trace).await,
            Prepared::Members(write) => change_members(ctx, change.subject().0, write, trace).await?,
            Prepared::Delete { id, expected } => delete(ctx, change.subject().0, id, expected).await?,
        };
        match attempted {
            Attempt::Done(outcome) => {
                ctx.gateway.events_waiting.notify_one();
                return Ok(outcome);
            }
            Attempt::Lost => *ctx = ctx.refreshed().await?,
            Attempt::Refused(place, refusal) => change.recover(place, refusal)?,
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
    let contents = match contents(ctx, &writes, &stamp).await {
        Ok(contents) => contents,
        Err((place, error)) => return refused(writes, place, Refusal::Other(error), trace),
    };
    let stored = match (writes.as_slice(), contents.as_slice()) {
        ([write], [content]) => store_one(ctx, write, content, &stamp).await,
        _ => store_batch(ctx, &writes, &contents, &stamp).await,
    };
    match stored {
        Ok(Some(versions)) => {
            let rows = writes.into_iter().zip(contents).zip(versions);
            Attempt::Done(Outcome::Saved(
                rows.map(|((write, content), done)| saved(write, content, done, &stamp)).collect(),
            ))
        }
        Ok(None) | Err((_, store::Error::Conflict { .. })) => Attempt::Lost,
        Err((place, error)) => {
            let refusal = match error {
                store::Error::Duplicate { .. } => Refusal::Taken(taken(ctx, writes.get(place))),
                other => Refusal::Other(other.into()),
            };
            refused(writes, place, refusal, trace)
        }
    }
}

fn refused(writes: Vec<Write>, place: usize, refusal: Refusal, trace: &mut Trace) -> Attempt {
    trace.before = writes.into_iter().nth(place).and_then(|write| write.base.into_stored());
    Attempt::Refused(place, refusal)
}

/// Validates and maps each document. An error comes with the place of its document.
async fn contents(ctx: &Context, writes: &[Write], stamp: &Stamp) -> Result<Vec<Content>, (usize, Error)> {
    for (place, write) in writes.iter().enumerate() {
        write.validate().map_err(|error| (place, error.into()))?;
    }
    if let [write] = writes {
        return content(ctx, write.draft(), stamp).await.map(|content| vec![content]).map_err(|error| (0, error));
    }
    let mapping = writes
        .iter()
        .enumerate()
        .map(|(place, write)| async move { content(ctx, write.draft(), stamp).await.map_err(|error| (place, error)) });
    iter(mapping.collect::<Vec<_>>()).buffered(MAX_CONCURRENT_MAPPINGS).try_collect().await
}

/// A row's own version, and the groups that it joined.
type Versions = Vec<(i64, i64)>;

/// None where the race was lost.
async fn store_one(
    ctx: &Context,
    write: &Write,
    content: &Content,
    stamp: &Stamp,
) -> Result<Option<Versions>, (usize, store::Error)> {
    let (resource_type, id, members) = (write.resource_type.name.as_str(), write.id, write.members.as_ref());
    let written = match &write.base {
        Base::New => ctx.store.insert(&Insert { resource_type, id, content, members }, stamp).await,
        Base::Living { before, document, guards_members } => {
            let update = Update {
                resource_type,
                id,
                version: before.own_version,
                member_changes: guards_members.then_some(before.member_changes),
                before: &ctx.settings.keys(document, &write.resource_type),
                content,
                members,
            };
            ctx.store.update(&update, stamp).await
        }
        Base::Deleted(before) => {
            let restore = Restore { resource_type, id, version: before.own_version, content };
            ctx.store.restore(&restore, stamp).await
        }
    };
    match written.map_err(|error| (0, error))? {
        (Written::Done(version), joined) => Ok(Some(vec![(version, joined)])),
        (Written::Lost, _) => Ok(None),
    }
}

/// New resources alone can be stored as a batch: an update that loses its race is no error to the database.
async fn store_batch(
    ctx: &Context,
    writes: &[Write],
    contents: &[Content],
    stamp: &Stamp,
) -> Result<Option<Versions>, (usize, store::Error)> {
    let inserts: Vec<Insert<'_>> = writes
        .iter()
        .zip(contents)
        .map(|(write, content)| Insert {
            resource_type: &write.resource_type.name,
            id: write.id,
            content,
            members: write.members.as_ref(),
        })
        .collect();
    match ctx.store.insert_batch(&inserts, stamp).await.map_err(|error| (0, error))? {
        BatchOutcome::Done => Ok(Some(writes.iter().map(|_| (1, 0)).collect())),
        BatchOutcome::Lost => Ok(None),
        BatchOutcome::Refused(place, error) => Err((place, error)),
    }
}

fn saved(write: Write, content: Content, (version, joined): (i64, i64), stamp: &Stamp) -> Saved {
    let effect = match write.base {
        Base::New => Effect::Created,
        Base::Living { .. } => Effect::Updated,
        Base::Deleted(_) => Effect::Restored,
    };
    let id = write.id;
    let resource_type = write.resource_type;
    let before = write.base.into_stored();
    let stored = content.stored(before.as_ref().unwrap_or(&unstored(&resource_type, id, stamp)), version, stamp.at);
    Saved { stored, joined, before, effect }
}

/// A resource of which nothing is stored yet.
fn unstored(resource_type: &ResourceType, id: Uuid, stamp: &Stamp) -> Stored {
    Stored {
        id,
        resource_type: resource_type.name.clone(),
        source: String::new(),
        set_aside: None,
        mapped: None,
        mapping_state: MappingState::Never,
        own_version: 0,
        member_changes: 0,
        created_at: stamp.at,
        modified_at: stamp.at,
        groups: Vec::new(),
    }
}

/// A unique value is in use. The refusal names the attributes that may be meant: row-level security hides from the
/// database's error which key it was.
fn taken(ctx: &Context, write: Option<&Write>) -> Error {
    if ctx.settings.pending.is_some() {
        // The value may be taken only by a schema that is not decided yet.
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
    match ctx.store.change_members(write.id, &write.members, &ctx.stamp()).await {
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
    id: Uuid,
    expected: Option<(i64, i64)>,
) -> Result<Attempt, Error> {
    match ctx.store.delete(&resource_type.name, id, expected, &ctx.stamp()).await {
        Ok(Written::Done(_)) => Ok(Attempt::Done(Outcome::Deleted)),
        Ok(Written::Lost) | Err(store::Error::Conflict { .. }) => Ok(Attempt::Lost),
        Err(error) => Err(error.into()),
    }
}

impl Write {
    fn validate(&self) -> Result<(), ScimError> {
        let done = self.validated_by.as_ref().is_some_and(|by| Arc::ptr_eq(by, &self.resource_type));
        if done { Ok(()) } else { validate(&self.document, &self.resource_type) }
    }

    fn draft(&self) -> Draft<'_> {
        let before = match &self.base {
            Base::Living { before, .. } => Some(before),
            Base::New | Base::Deleted(_) => None,
        };
        let Self { resource_type, id, document, unknown, .. } = self;
        Draft { resource_type, id: *id, document, unknown, before }
    }
}

impl Base {
    fn into_stored(self) -> Option<Stored> {
        match self {
            Self::New => None,
            Self::Living { before, .. } | Self::Deleted(before) => Some(before),
        }
    }
}

fn record(ctx: &Context, change: &impl Change, trace: &Trace, result: &Result<Outcome, Error>) {
    if result.as_ref().is_err_and(|error| !change.is_final(error)) {
        return;
    }
    let (resource_type, id) = change.subject();
    let mut warnings = change.warnings(0);
    if let Some(leniency) = trace.unknown {
        warnings.add(leniency, "members");
    }
    let record = Record {
        tenant: ctx.store.id(),
        actor: &ctx.actor,
        request_id: &ctx.request_id,
        action: change.action(),
        resource_type: &resource_type.name,
        id,
        warnings: &warnings,
        before: trace.before.as_ref(),
        after: None,
        mapping_revision: ctx.settings.chain.revision,
        result: result.as_ref().map(Outcome::effect),
        attempts: trace.attempts,
        duration: trace.begun.elapsed(),
    };
    let Ok(Outcome::Saved(rows)) = result else { return keep(ctx, &record) };
    for (place, row) in rows.iter().enumerate() {
        let warnings = change.warnings(place);
        keep(
            ctx,
            &Record {
                resource_type: &row.stored.resource_type,
                id: Some(row.stored.id),
                warnings: &warnings,
                before: row.before.as_ref(),
                after: Some(&row.stored),
                result: Ok(row.effect),
                ..record.clone()
            },
        );
    }
}

fn keep(ctx: &Context, record: &Record<'_>) {
    ctx.record_leniencies(record.warnings);
    ctx.gateway.recorder.record(record);
}

impl Outcome {
    fn effect(&self) -> Effect {
        match self {
            Self::Unchanged(_) | Self::Gone | Self::Saved(_) => Effect::Unchanged,
            Self::Members(_) => Effect::MembersChanged,
            Self::Deleted => Effect::Deleted,
        }
    }

    /// The one row that was written, and the groups that it joined; or the resource that did not change.
    pub(crate) fn into_stored(self) -> (Option<Stored>, i64) {
        match self {
            Self::Unchanged(stored) => (Some(stored), 0),
            Self::Saved(rows) => rows.into_iter().next().map_or((None, 0), |row| (Some(row.stored), row.joined)),
            Self::Members(group) => (group, 0),
            Self::Gone | Self::Deleted => (None, 0),
        }
    }
}
