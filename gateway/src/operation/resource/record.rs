//! The record of a write: who, what, before and after, and how it ended.

use std::time::Duration;

use scimgate_scim::leniency::Warnings;
use uuid::Uuid;

use crate::mapping::StepReport;
use crate::operation::error::Error;
use crate::store::membership::Members;
use crate::store::resource::read::Stored;
use crate::telemetry;
use crate::tenant::TenantId;

/// The kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// POST.
    Create,
    /// PUT.
    Replace,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// The reconcile job: unknown attributes that a schema defines by now.
    Reconcile,
    /// The import of a tenant: a resource that was exported.
    Import,
    /// The rejection of held changes: the source as it was.
    RejectHeld,
    /// The remap job: a stored document is mapped by the active revision.
    Remap,
}

impl Effect {
    /// The word in the provisioning log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Remapped => "remapped",
            Self::Restored => "restored",
            Self::Unchanged => "unchanged",
            Self::MembersChanged => "members-changed",
            Self::Deleted => "deleted",
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A new resource was stored.
    Created,
    /// A living resource was stored anew.
    Updated,
    /// Its mapped document was stored anew; its source, version and times did not change.
    Remapped,
    /// A deleted resource was restored.
    Restored,
    /// Nothing: the resource was already as the request wants it.
    Unchanged,
    /// A group's members changed, its document did not.
    MembersChanged,
    /// The resource was deleted.
    Deleted,
}

/// One write, whatever its outcome.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// The credential's id, or the name of a background job.
    pub actor: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The kind of request.
    pub action: Action,
    /// The resource's type.
    pub resource_type: &'a str,
    /// Its id; none of a resource that was not created.
    pub id: Option<Uuid>,
    /// The leniencies that the request used.
    pub warnings: &'a Warnings,
    /// What was stored before, where it was read.
    pub before: Option<&'a Stored>,
    /// What is stored now.
    pub after: Option<&'a Stored>,
    /// What names the resource in a request to create one.
    pub name: Option<&'a str>,
    /// The change of a group's members.
    pub members: Option<&'a Members>,
    /// The mapping revision of the last attempt; 0 for none.
    pub mapping_revision: i32,
    /// What each mapping step did, and why.
    pub steps: &'a [StepReport],
    /// What was done, or why nothing was.
    pub result: Result<Effect, &'a Error>,
    /// How often the write was tried.
    pub attempts: u32,
    /// From parsing the request to the end of the write.
    pub duration: Duration,
}

/// Documents of a write that together have more bytes are not kept.
pub const MAX_KEPT_BYTES: usize = 256 << 10;
/// Member values of a write that are kept; of more, their number.
const MAX_MEMBERS: usize = 50;

/// What the provisioning log keeps of a write, until its row is written. Documents are copied, and compared later.
#[derive(Clone, Debug)]
pub struct Written {
    /// The resource's type.
    pub resource_type: String,
    /// Its id; none of a resource that was not created.
    pub id: Option<Uuid>,
    /// What names it in a request to create one.
    pub name: Option<String>,
    /// The leniencies that the write used.
    pub warnings: Warnings,
    /// The source document before, where it was read.
    pub before: Option<String>,
    /// The source document now; none of what was refused or deleted.
    pub after: Option<String>,
    /// The change of a group's members.
    pub members: Option<MemberValues>,
    /// The mapping revision of the last attempt; 0 for none.
    pub mapping_revision: i32,
    /// What each mapping step did, and why.
    pub steps: Vec<StepReport>,
    /// What was done; none where the write was refused.
    pub effect: Option<Effect>,
    /// How often the write was tried.
    pub attempts: u32,
}

/// Member values, the first of many.
#[derive(Clone, Debug, Default)]
pub struct MemberValues {
    /// Whether all other members are removed.
    pub replace_all: bool,
    /// Values that are added.
    pub added: Vec<String>,
    /// How many.
    pub added_count: usize,
    /// Values that are removed.
    pub removed: Vec<String>,
    /// How many.
    pub removed_count: usize,
}

impl From<&Members> for MemberValues {
    fn from(members: &Members) -> Self {
        let first = |values: &[String]| values.iter().take(MAX_MEMBERS).cloned().collect();
        let removed = if members.replace_all { &[][..] } else { &members.remove };
        Self {
            replace_all: members.replace_all,
            added: first(&members.add),
            added_count: members.add.len(),
            removed: first(removed),
            removed_count: removed.len(),
        }
    }
}

impl Written {
    /// What is kept of a record.
    #[must_use]
    pub fn of(record: &Record<'_>) -> Self {
        let both = [record.before, record.after];
        let is_kept = both.into_iter().flatten().map(|stored| stored.source.len()).sum::<usize>() <= MAX_KEPT_BYTES;
        let text = |stored: Option<&Stored>| stored.filter(|_| is_kept).map(|stored| stored.source.clone());
        Self {
            resource_type: record.resource_type.to_owned(),
            id: record.id,
            name: record.name.map(str::to_owned),
            warnings: record.warnings.clone(),
            before: text(record.before),
            after: text(record.after),
            members: record.members.map(MemberValues::from),
            mapping_revision: record.mapping_revision,
            steps: record.steps.to_vec(),
            effect: record.result.ok(),
            attempts: record.attempts,
        }
    }

    /// The bytes of what it has of any length.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let documents = [&self.before, &self.after].into_iter().flatten().map(String::len);
        let lines = self.steps.iter().flat_map(|step| &step.log).map(|line| line.message.len());
        let members = self.members.iter().flat_map(|it| it.added.iter().chain(&it.removed)).map(String::len);
        documents.chain(lines).chain(members).sum()
    }

    /// Forgets the documents, so that the row says what was done and not which values changed.
    pub fn forget_documents(&mut self) {
        (self.before, self.after) = (None, None);
    }
}

/// Takes the record of each write. It runs on the request's path: what takes time belongs elsewhere.
pub trait Recorder: Send + Sync {
    /// Takes one record.
    fn record(&self, record: &Record<'_>);
}

/// Writes a line to the log, without documents.
#[derive(Debug)]
pub struct LogLine;

impl Recorder for LogLine {
    fn record(&self, record: &Record<'_>) {
        let id = record.id.map(tracing::field::display);
        let micros = u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX);
        let Record { tenant, actor, action, resource_type, mapping_revision, steps, attempts, .. } = record;
        match record.result {
            Ok(effect) => tracing::debug!(
                tenant.id = %tenant, %actor, ?action, ?effect, resource.type = resource_type, resource.id = id,
                mapping.revision = mapping_revision, mapping.steps = ?steps, attempts, duration_us = micros, "resource written"
            ),
            Err(error) => tracing::debug!(
                tenant.id = %tenant, %actor, ?action, error = telemetry::chain(error), resource.type = resource_type,
                resource.id = id, mapping.revision = mapping_revision, mapping.steps = ?steps, attempts, duration_us = micros, "resource not written"
            ),
        }
    }
}
