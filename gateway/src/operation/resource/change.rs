//! What a use case says of its write, and what it learns of the result.

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
use crate::store::resource::read::Stored;

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
    /// What was stored before.
    pub(super) before: Option<Stored>,
    pub(super) effect: Effect,
    /// The mapping steps of its document.
    pub(super) steps: Vec<StepReport>,
}

impl Write {
    pub(super) fn validate(&self) -> Result<(), ScimError> {
        let done = self.validated_by.as_ref().is_some_and(|by| Arc::ptr_eq(by, &self.resource_type));
        if done { Ok(()) } else { validate(&self.document, &self.resource_type) }
    }

    pub(super) fn draft(&self) -> Draft<'_> {
        let before = match &self.base {
            Base::Living { before, .. } => Some(before),
            Base::New | Base::Deleted(_) => None,
        };
        let Self { resource_type, id, document, unknown, .. } = self;
        Draft { resource_type, id: *id, document, unknown, before }
    }
}

impl Base {
    pub(super) fn into_stored(self) -> Option<Stored> {
        match self {
            Self::New => None,
            Self::Living { before, .. } | Self::Deleted(before) => Some(before),
        }
    }
}

impl Outcome {
    pub(super) fn effect(&self) -> Effect {
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
