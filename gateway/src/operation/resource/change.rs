//! The interface between a use case and `write.rs`: what to write, why it was refused, and the outcome.

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::{Leniency, Warnings};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use scimgate_scim::unknown::UnknownAttributes;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::mapping::StepReport;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::content::Draft;
use crate::operation::resource::record::{Action, Effect};
use crate::store::membership::Members;
use crate::store::resource::content::Origin;
use crate::store::resource::read::Stored;

/// A use case's part of a write: what to write, and what to do where that is refused. `write.rs` does the rest.
pub(crate) trait Change: Send {
    /// The kind of request, for the record of the write.
    fn action(&self) -> Action;

    /// The type and, where it is known, the id of the resource.
    fn subject(&self) -> (&ResourceType, Option<Uuid>);

    /// What names the resource in a request to create one, for the record of the write.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Parses the request; called once, before anything else.
    fn read(&mut self, _ctx: &Context) -> Result<(), Error> {
        Ok(())
    }

    /// The resource to lock against this process's other writers of it. Without the lock, of sixteen concurrent writers of
    /// one user fifteen would lose the race, and each would read and map again.
    fn locks(&self) -> Option<Uuid> {
        None
    }

    /// Decides what to write, by what is stored now. Called again after each lost race, with the settings of that moment.
    fn prepare(&mut self, ctx: &Context) -> impl Future<Output = Result<Prepared, Error>> + Send;

    /// A prepared write was refused, the one with this index of several: `Ok` prepares again, `Err` gives up.
    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        Err(refusal.into())
    }

    /// The leniencies that the request used for the write with this index of several.
    fn warnings(&self, index: usize) -> Warnings;

    /// Whether an error is to be recorded. False where the caller retries in another way, which is then recorded instead:
    /// a bulk request first tries many POSTs as one batch.
    fn is_final(&self, _error: &Error) -> bool {
        true
    }
}

/// What to write.
pub(crate) enum Prepared {
    /// The resource is already as the request wants it: version and lastModified stay (RFC 7644 §3.5.2.1).
    Unchanged(Stored),
    /// The resource of a background job has been deleted.
    Gone,
    /// These rows, all or none.
    Write(Vec<Write>),
    /// A group's members alone: no document is read and no plugin runs.
    Members(MembersWrite),
    /// Deletes the resource.
    Delete {
        /// The resource as it was read.
        before: Stored,
        /// Whether a group's members must be as they were read, too.
        guards_members: bool,
    },
}

/// A resource about to be stored.
pub(crate) struct Write {
    pub(crate) resource_type: Arc<ResourceType>,
    pub(crate) id: Uuid,
    /// The canonical source document. Each attempt and the mapping share it.
    pub(crate) document: Arc<Map<String, Value>>,
    pub(crate) unknown: UnknownAttributes,
    /// The type by which the document has been validated already.
    pub(crate) validated_by: Option<Arc<ResourceType>>,
    /// Changes of a group's members that are made with it.
    pub(crate) members: Option<Members>,
    pub(crate) base: Base,
}

/// The row that a write changes, as it was read.
pub(crate) enum Base {
    /// None: the resource is new; if it is imported, with its life before.
    New(Option<Origin>),
    /// A living resource.
    Living {
        before: Stored,
        /// Its source document.
        document: Map<String, Value>,
        /// Whether a group's members must be as they were read, too.
        guards_members: bool,
        /// Whether to read the resource's groups with the write, because `before` is without them.
        reads_groups: bool,
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
    /// The leniency to record where one of the values names no resource.
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

/// The outcome of a write.
pub(crate) enum Outcome {
    /// Nothing had to be written.
    Unchanged(Stored),
    /// The resource has been deleted meanwhile.
    Gone,
    /// The rows, in their order.
    Saved(Vec<Saved>),
    /// Members changed. The group as it was before, if it was read.
    Members(Option<Stored>),
    /// The resource was deleted.
    Deleted,
}

/// A resource as it is stored now.
pub(crate) struct Saved {
    pub(crate) stored: Stored,
    /// The number of groups whose pending reference became a membership of this resource.
    pub(crate) joined: i64,
    /// What was stored before.
    pub(super) before: Option<Stored>,
    pub(super) effect: Effect,
    /// The mapping steps of its document.
    pub(super) steps: Vec<StepReport>,
    /// The change of its members.
    pub(super) members: Option<Members>,
}

impl Write {
    pub(super) fn validate(&self) -> Result<(), ScimError> {
        let done = self.validated_by.as_ref().is_some_and(|by| Arc::ptr_eq(by, &self.resource_type));
        if done { Ok(()) } else { validate(&*self.document, &self.resource_type) }
    }

    pub(super) fn draft(&self) -> Draft<'_> {
        let before = match &self.base {
            Base::Living { before, .. } => Some(before),
            // The product still sees a deleted resource that a batch holds.
            Base::Deleted(before) => Some(before).filter(|before| before.held.is_some()),
            Base::New(_) => None,
        };
        let origin = if let Base::New(origin) = self.base { origin } else { None };
        let Self { resource_type, id, document, unknown, .. } = self;
        Draft { resource_type, id: *id, document, unknown, before, origin }
    }
}

impl Base {
    pub(super) fn into_stored(self) -> Option<Stored> {
        match self {
            Self::New(_) => None,
            Self::Living { before, .. } | Self::Deleted(before) => Some(before),
        }
    }
}

impl Outcome {
    /// Whether something was written.
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Saved(_) | Self::Members(_) | Self::Deleted)
    }

    pub(super) fn effect(&self) -> Effect {
        match self {
            // Saved rows are recorded one by one, each with its own effect.
            Self::Unchanged(_) | Self::Gone | Self::Saved(_) => Effect::Unchanged,
            Self::Members(_) => Effect::MembersChanged,
            Self::Deleted => Effect::Deleted,
        }
    }

    /// The resource that was written or left unchanged, and the number of groups that it joined. For writes of one row.
    pub(crate) fn into_stored(self) -> (Option<Stored>, i64) {
        match self {
            Self::Unchanged(stored) => (Some(stored), 0),
            Self::Saved(rows) => rows.into_iter().next().map_or((None, 0), |row| (Some(row.stored), row.joined)),
            Self::Members(group) => (group, 0),
            Self::Gone | Self::Deleted => (None, 0),
        }
    }
}
