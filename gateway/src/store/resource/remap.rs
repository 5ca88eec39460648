//! Stored documents for a chain to map, many at a time: reading those that the active mapping has not mapped, and storing what it
//! made of them. Versions and times stay: the SCIM client sees no change.

use std::sync::LazyLock;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::event::EventKind;
use crate::store::held::HoldChange;
use crate::store::held::many::HoldChanges;
use crate::store::job::{JobLease, JobProgress};
use crate::store::mapped_unique::{UniqueChange, UniqueWrite, statements_of};
use crate::store::mapping_reason::{ReasonChange, Reasons};
use crate::store::membership::events::announce;
use crate::store::postgres::pool::Statement;
use crate::store::resource::read::{MappingState, ReadOptions, RowVersion, Stored, columns};
use crate::store::stamp::Stamp;

/// Bytes of documents that one read returns, besides the last one.
const MAX_READ_BYTES: i64 = 4 << 20;

/// The next resources by id. Tombstones and documents that are not to be mapped count, so that a read is bounded, but their texts
/// are not read.
fn next(wanted: &str) -> String {
    let options = ReadOptions { groups: false, changes: false, mapped: true };
    format!(
        "
SELECT {}, r.living, r.wanted FROM (
  SELECT n.id, n.resource_type, n.mapping_state, n.mapping_revision, n.version, n.created_at, n.modified_at, n.held, n.living, n.wanted,
    CASE WHEN n.wanted THEN n.source ELSE '' END AS source, NULL::text AS set_aside, CASE WHEN n.wanted THEN n.mapped END AS mapped,
    sum(n.bytes) OVER (ORDER BY n.id) - n.bytes AS before
  FROM (SELECT *, CASE WHEN wanted THEN octet_length(source) + coalesce(octet_length(mapped), 0) ELSE 0 END AS bytes
    FROM (SELECT *, deleted_at IS NULL AS living, {wanted} AS wanted
      FROM resource WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3) r) n) r
WHERE r.before <= $4 ORDER BY r.id",
        columns(options)
    )
}

/// Of another revision, or the mapping failed.
static UNMAPPED: LazyLock<String> =
    LazyLock::new(|| next("deleted_at IS NULL AND (mapping_revision <> $5 OR mapping_state IN ('stale', 'never'))"));

/// All, or a sample: a document with a small hash of its id.
static PLANNED: LazyLock<String> = LazyLock::new(|| {
    next("deleted_at IS NULL AND CASE WHEN $6::int8 IS NULL THEN true ELSE uuid_hash_extended(id, $5) <= $6 END")
});

/// What the product sees.
static VISIBLE: LazyLock<String> = LazyLock::new(|| {
    next(
        "(deleted_at IS NULL AND mapping_state NOT IN ('excluded', 'never') OR deleted_at IS NOT NULL AND held IS NOT NULL)",
    )
});

/// A row is passed by if it changed since it was read: whoever wrote it has mapped it. None is stored if the tenant's mapping or
/// schemas changed, or the run is not this process's any more. The run's progress is stored with them, so that it counts each
/// document once, however often a process is killed.
const STORE: &str = "
WITH t AS MATERIALIZED (SELECT j.id FROM job j WHERE j.tenant_id = $1 AND j.kind = 'remap'
    AND CASE WHEN j.id = $2 THEN j.holder = $3 AND j.state = 'running' END
    AND EXISTS (SELECT 1 FROM tenant WHERE id = $1 AND active_mapping = $4 AND schema_revision = $5)),
w AS (UPDATE resource r SET mapping_state = v.state, mapping_revision = $4,
    mapped = CASE WHEN v.keeps_mapped THEN r.mapped ELSE v.mapped END, version = r.version + v.step,
    display_version = CASE WHEN r.display_version = r.version THEN r.version + v.step ELSE r.display_version END
  FROM (SELECT v.* FROM t CROSS JOIN unnest($6::uuid[], $7::int8[], $8::int4[], $9::text[], $10::text[], $11::text[], $12::bool[],
      $13::text[], $14::int2[], $24::int8[])
      v (id, version, old_revision, old_state, state, mapped, keeps_mapped, event, failure, step) LIMIT (SELECT 1000000)) v
  WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.version = v.version AND r.mapping_revision = v.old_revision
    AND r.mapping_state = v.old_state THEN r.deleted_at IS NULL END
  RETURNING r.id, r.version, r.resource_type, v.event, v.failure),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT $1, w.event, w.resource_type, w.id, w.version, $15, $16, $17 FROM w WHERE w.event IS NOT NULL ORDER BY w.id),
n AS (SELECT count(*) FILTER (WHERE event IS NOT NULL) AS changed, count(*) FILTER (WHERE failure > 0) AS rejected,
    count(*) FILTER (WHERE failure = 2) AS retryable, count(*) FILTER (WHERE failure = 3) AS conflicts FROM w),
p AS (UPDATE job j SET after_id = $18, examined = $19, changed = $20 + n.changed, rejected = $21 + n.rejected,
    retryable = $22 + n.retryable, conflicts = $25 + n.conflicts, examples = $23, moved_at = $17
  FROM t, n WHERE j.tenant_id = $1 AND j.kind = 'remap' AND CASE WHEN j.kind = 'remap' THEN j.id = t.id END)
SELECT (SELECT count(*) FROM t) > 0, n.changed, n.rejected, n.retryable, n.conflicts FROM n";

/// Every statement locks groups before their members, so groups are locked before the statement that writes all.
const LOCK_GROUPS: &str = "
SELECT 1 FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT 1 FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id FOR NO KEY UPDATE) r";

/// A resource in the order of ids.
#[derive(Debug)]
pub struct Scanned {
    /// Its id.
    pub id: Uuid,
    /// Whether it is not a tombstone.
    pub living: bool,
    /// The resource, if it is to be mapped; `modified_at` is the row's own.
    pub stored: Option<Stored>,
}

/// Why a document has no new mapped document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A retry does not help.
    Lasting,
    /// A retry may help.
    Transient,
    /// Another resource has a value that must be unique: it helps once that one has another value.
    Conflict,
}

/// What a chain made of a stored document.
#[derive(Debug)]
pub struct Remapped {
    /// The resource.
    pub id: Uuid,
    /// Its type.
    pub resource_type: String,
    /// The row as it was read.
    pub row: RowVersion,
    /// The mapped document's relation to the source document.
    pub state: MappingState,
    /// The mapped document's text, where it differs; none with `keeps_mapped`.
    pub mapped: Option<String>,
    /// Whether the stored text stays.
    pub keeps_mapped: bool,
    /// The event for the product.
    pub event: Option<EventKind>,
    /// Whether the mapping failed.
    pub failure: Option<Failure>,
    /// What it changes about the reason that is kept.
    pub reason: ReasonChange,
    /// What it changes about its hold.
    pub hold: HoldChange,
    /// Its values that must be unique.
    pub unique: UniqueChange,
}

/// The settings that a batch was mapped by.
#[derive(Clone, Copy, Debug)]
pub struct MappedBy {
    /// The mapping revision.
    pub mapping: i32,
    /// The schema revision.
    pub schemas: i64,
}

impl TenantStore {
    /// The next resources by id, with the documents that this revision has not mapped, or failed to map.
    pub async fn unmapped_after(&self, after: Uuid, count: i64, revision: i32) -> Result<Vec<Scanned>, Error> {
        let params: [&(dyn ToSql + Sync); 5] = [&self.tenant.0, &after, &count, &MAX_READ_BYTES, &revision];
        self.query("reading documents to map", &UNMAPPED, &params).await?.iter().map(scanned).collect()
    }

    /// The next resources by id, with the documents whose hash by this seed is `max_hash` at most, or all.
    pub async fn planned_after(
        &self,
        after: Uuid,
        count: i64,
        (seed, max_hash): (i64, Option<i64>),
    ) -> Result<Vec<Scanned>, Error> {
        let params: [&(dyn ToSql + Sync); 6] = [&self.tenant.0, &after, &count, &MAX_READ_BYTES, &seed, &max_hash];
        self.query("reading documents to plan", &PLANNED, &params).await?.iter().map(scanned).collect()
    }

    /// The next resources by id, with the documents that the product sees.
    pub async fn visible_after(&self, after: Uuid, count: i64) -> Result<Vec<Scanned>, Error> {
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &after, &count, &MAX_READ_BYTES];
        self.query("reading documents to check", &VISIBLE, &params).await?.iter().map(scanned).collect()
    }

    /// Stores what the active mapping made of these documents, their events, and how far the run has come: what is stored adds to
    /// the counts of `progress`. Returns the progress that is stored, or none where nothing is, because the mapping, the schemas or
    /// the run changed.
    pub async fn store_remapped(
        &self,
        lease: &JobLease,
        by: MappedBy,
        documents: &[Remapped],
        progress: JobProgress,
        stamp: &Stamp,
    ) -> Result<Option<JobProgress>, Error> {
        let columns = Columns::of(documents, by);
        let Stamp { at, actor, request_id } = stamp;
        let examples = serde_json::to_string(&progress.examples).unwrap_or_else(|_| "[]".to_owned());
        let store: [&(dyn ToSql + Sync); 25] = [
            &self.tenant.0,
            &lease.id,
            &lease.holder,
            &by.mapping,
            &by.schemas,
            &columns.ids,
            &columns.versions,
            &columns.old_revisions,
            &columns.old_states,
            &columns.states,
            &columns.mapped,
            &columns.keeps_mapped,
            &columns.events,
            &columns.failures,
            actor,
            request_id,
            at,
            &progress.after,
            &progress.examined,
            &progress.changed,
            &progress.rejected,
            &progress.retryable,
            &examples,
            &columns.steps,
            &progress.conflicts,
        ];
        let mut batch = Vec::with_capacity(4);
        if !columns.groups.is_empty() {
            batch.push(Statement::new("locking groups to map", LOCK_GROUPS, &[&self.tenant.0, &columns.groups]));
        }
        let index = batch.len();
        batch.push(Statement { doing: "storing mapped documents", sql: STORE, params: store.to_vec() });
        let created = columns.created.as_slice();
        if !created.is_empty() {
            batch.push(announce(&self.tenant.0, &created, stamp));
        }
        let reasons = Reasons::of(documents.iter().map(|it| (it.id, &it.reason)));
        batch.extend(reasons.statements(&self.tenant.0, stamp));
        let holds = HoldChanges::of(documents.iter().map(|it| (it.id, &it.hold)));
        batch.extend(holds.statements(&self.tenant.0, stamp));
        let [held, others] = unique_writes(documents);
        batch.extend(statements_of([&held, &others], &self.tenant.0));
        let answers = self.batch(&batch).await?;
        let row = answers[index].first().filter(|row| row.get(0));
        Ok(row.map(|row| counted(progress, row)))
    }
}

/// The progress with what a statement has stored.
fn counted(progress: JobProgress, row: &Row) -> JobProgress {
    JobProgress {
        changed: progress.changed + row.get::<_, i64>(1),
        rejected: progress.rejected + row.get::<_, i64>(2),
        retryable: progress.retryable + row.get::<_, i64>(3),
        conflicts: progress.conflicts + row.get::<_, i64>(4),
        ..progress
    }
}

/// What changes about the unique values of documents that a batch holds from now on, and of all others.
fn unique_writes(documents: &[Remapped]) -> [UniqueWrite; 2] {
    [true, false].map(|held| {
        let these = documents.iter().filter(move |it| matches!(it.hold, HoldChange::Keep(_)) == held);
        UniqueWrite::of_many(these.map(|it| (it.id, &it.unique)), held)
    })
}

impl Remapped {
    /// What is added to the version, which otherwise stays: whoever read the row before its hold changed must not take it for the same,
    /// though neither the mapping's revision nor the word of its state tells.
    fn step(&self, by: MappedBy) -> i64 {
        let looks_same =
            self.row.mapping_revision == by.mapping && self.row.mapping_state.column() == self.state.column();
        i64::from(looks_same && self.hold != HoldChange::None)
    }
}

/// The documents of a batch as array parameters.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    versions: Vec<i64>,
    old_revisions: Vec<i32>,
    old_states: Vec<&'static str>,
    states: Vec<&'static str>,
    mapped: Vec<Option<&'a str>>,
    keeps_mapped: Vec<bool>,
    events: Vec<Option<String>>,
    failures: Vec<i16>,
    /// What is added to the versions.
    steps: Vec<i64>,
    /// The groups among them.
    groups: Vec<Uuid>,
    /// Those that become visible to the product.
    created: Vec<Uuid>,
}

impl<'a> Columns<'a> {
    fn of(documents: &'a [Remapped], by: MappedBy) -> Self {
        let mut columns = Self::default();
        for it in documents {
            columns.ids.push(it.id);
            columns.versions.push(it.row.version);
            columns.old_revisions.push(it.row.mapping_revision);
            columns.old_states.push(it.row.mapping_state.column());
            columns.states.push(it.state.column());
            columns.mapped.push(it.mapped.as_deref());
            columns.keeps_mapped.push(it.keeps_mapped);
            columns.events.push(it.event.map(|event| event.name(&it.resource_type)));
            columns.failures.push(match it.failure {
                None => 0,
                Some(Failure::Lasting) => 1,
                Some(Failure::Transient) => 2,
                Some(Failure::Conflict) => 3,
            });
            columns.steps.push(it.step(by));
            if it.resource_type == "Group" {
                columns.groups.push(it.id);
            }
            if it.event == Some(EventKind::Created) {
                columns.created.push(it.id);
            }
        }
        columns
    }
}

fn scanned(row: &Row) -> Result<Scanned, Error> {
    let wanted: bool = row.get(14);
    let stored = if wanted { Some(Stored::from_row(row)?) } else { None };
    Ok(Scanned { id: row.get(0), living: row.get(13), stored })
}
