//! The record of a write: who, what, before and after, and how it ended.

use std::time::Duration;

use scimgate_scim::leniency::Warnings;
use uuid::Uuid;

use crate::mapping::StepReport;
use crate::operation::error::Error;
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
