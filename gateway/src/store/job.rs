//! Background jobs: how far each has come, and which process does its next batch.
//!
//! Leases go by the database's clock, which all replicas share.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::pool::Statement;
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Moves unknown attributes into the documents, once a schema defines them.
    Reconcile,
    /// Inserts search keys that stored resources lack.
    SearchKeys,
    /// Maps stored documents by the active mapping revision.
    Remap,
    /// Finds out what a mapping revision would do to stored documents.
    Plan,
    /// Carries out verdicts on held changes.
    Held,
    /// Finds out how the stored mapped documents comply with a directory schema, and enters the values that must be unique.
    DirectoryCheck,
    /// Purges tombstones, events and rows of the provisioning log that were kept long enough.
    Retention,
    /// Announces to the product whose roles and entitlements by group rules change, for as long as there are rules.
    GroupRules,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Reconcile,
        Self::SearchKeys,
        Self::Remap,
        Self::Plan,
        Self::Held,
        Self::DirectoryCheck,
        Self::Retention,
        Self::GroupRules,
    ];

    /// Its name in the database and the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::SearchKeys => "search-keys",
            Self::Remap => "remap",
            Self::Plan => "plan",
            Self::Held => "held",
            Self::DirectoryCheck => "directory-check",
            Self::Retention => "retention",
            Self::GroupRules => "group-rules",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Whether a job has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It has more to do.
    Running,
    /// It has finished.
    Finished,
    /// An operator cancelled it.
    Cancelled,
}

impl JobState {
    /// Its name in the database and the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One resource that a job could not change, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobExample {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub resource_type: String,
    /// The attribute, or "the mapping" or "the resource".
    pub attribute: String,
    /// What is wrong with it.
    pub reason: String,
}

/// How far a job has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// Resources up to this id are done.
    pub after: Uuid,
    /// Resources that were examined.
    pub examined: i64,
    /// Resources that changed.
    pub changed: i64,
    /// Resources of which something could not be applied.
    pub rejected: i64,
    /// Some of those.
    pub examples: Vec<JobExample>,
    /// How often resources that could not be changed were tried again.
    pub attempt: i32,
    /// Resources that could not be changed for a reason that may pass.
    pub retryable: i64,
    /// Resources that a unique value of another one kept from being mapped, in this pass over them …
    pub conflicts: i64,
    /// … and in the one before; -1 in the first.
    pub conflicts_before: i64,
}

/// The latest run of a tenant's job of one kind.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it does.
    pub kind: JobKind,
    /// New with every run.
    pub id: Uuid,
    /// Whether it has more to do.
    pub state: JobState,
    /// What it applies: the schema revision, or the mapping revision.
    pub revision: i64,
    /// How far it has come.
    pub progress: JobProgress,
    /// When the run began.
    pub begun_at: SystemTime,
    /// When its last batch ended.
    pub moved_at: SystemTime,
    /// When its next batch begins, at the earliest.
    pub resume_at: SystemTime,
}

const COLUMNS: &str = "kind, id, state, revision, after_id, examined, changed, rejected, examples, begun_at, moved_at, attempt, \
                       retryable, resume_at, conflicts, conflicts_before";

/// A run that follows the tenant's events is due when there is another one.
const DUE: &str = "
SELECT j.tenant_id, j.kind FROM job j JOIN tenant t ON t.id = j.tenant_id
WHERE j.state = 'running' AND j.resume_at <= now() AND (j.leased_until IS NULL OR j.leased_until < now() OR j.holder = $2)
  AND j.kind = ANY($3) AND t.state <> 'deleted'
  AND CASE WHEN j.after_seq IS NULL THEN true ELSE j.after_seq < (SELECT h.last_seq FROM event_head h WHERE h.tenant_id = j.tenant_id) END
ORDER BY j.kind = 'retention', j.resume_at LIMIT $1";

const CLAIM: &str = "
UPDATE job SET holder = $3, leased_until = now() + $4 * interval '1 second'
WHERE tenant_id = $1 AND kind = $2 AND CASE WHEN state = 'running'
  THEN resume_at <= now() AND (leased_until IS NULL OR leased_until < now() OR holder = $3) END
RETURNING ";

const RENEW: &str = "
UPDATE job SET leased_until = now() + $5 * interval '1 second'
WHERE tenant_id = $1 AND kind = $2 AND CASE WHEN state = 'running' THEN id = $3 AND holder = $4 END RETURNING 1";

const SAVE: &str = "
UPDATE job SET after_id = $5, examined = $6, changed = $7, rejected = $8, examples = $9, moved_at = $10,
  state = CASE WHEN $11 AND state = 'running' THEN 'finished' ELSE state END,
  resume_at = now() + $12 * interval '1 second', holder = NULL, leased_until = NULL, attempt = $13, retryable = $14,
  conflicts = $15, conflicts_before = $16
WHERE tenant_id = $1 AND kind = $2 AND id = $3 AND holder = $4";

const CANCEL: &str = "
UPDATE job SET state = 'cancelled', moved_at = $3
WHERE tenant_id = $1 AND kind = $2 AND CASE WHEN kind = $2 THEN state = 'running' END RETURNING 1";

/// Begins a job anew for the tenants in `t (id, schema_revision)`, with the time in `$3`: a part of the statements that change
/// what it applies.
pub(in crate::store) fn begin_job(kind: JobKind) -> String {
    begin(kind, "t.schema_revision", "$3")
}

/// Begins a run for the tenants in `t`, with the time in the parameter `at`.
fn begin(kind: JobKind, revision: &str, at: &str) -> String {
    begin_run(kind, revision, at, "gen_random_uuid()")
}

/// The same, with the run's id.
pub(in crate::store) fn begin_run(kind: JobKind, revision: &str, at: &str, id: &str) -> String {
    format!(
        "
INSERT INTO job AS j (tenant_id, kind, id, state, revision, after_id, begun_at, moved_at)
  SELECT t.id, '{}', {id}, 'running', {revision}, '00000000-0000-0000-0000-000000000000', {at}, {at} FROM t
  ON CONFLICT (tenant_id, kind) DO UPDATE SET id = excluded.id, state = 'running', revision = excluded.revision,
    after_id = excluded.after_id, examined = 0, changed = 0, rejected = 0, examples = '[]', attempt = 0, retryable = 0,
    conflicts = 0, conflicts_before = -1, begun_at = excluded.begun_at, moved_at = excluded.moved_at, resume_at = now(), holder = NULL, leased_until = NULL,
    after_seq = NULL",
        kind.name()
    )
}

/// Begins a remap if this transaction has changed the tenant's row: the last statement of every transaction that activates a
/// mapping, so that none is activated without.
static BEGIN_REMAP: LazyLock<String> = LazyLock::new(|| {
    let changed =
        "WITH t AS (SELECT id, active_mapping FROM tenant WHERE id = $1 AND xmin = pg_current_xact_id()::xid)";
    changed.to_owned() + &begin(JobKind::Remap, "t.active_mapping", "$2")
});

/// Begins one unless one is running for the active revision.
static BEGIN_REMAP_ANEW: LazyLock<String> = LazyLock::new(|| {
    let begin = begin(JobKind::Remap, "t.active_mapping", "$2");
    format!(
        "WITH t AS (SELECT id, active_mapping FROM tenant WHERE id = $1){begin}
  WHERE j.state <> 'running' OR j.revision <> excluded.revision RETURNING 1"
    )
});

/// A group has other names at the source, of which the product sees nothing, so that no event says so: the run that follows the events
/// looks at the groups again.
const LOOK_AT_GROUPS: &str = "
UPDATE job SET after_seq = NULL, wakes = wakes + 1 WHERE tenant_id = $1 AND kind = 'group-rules' AND CASE WHEN kind = 'group-rules' THEN state = 'running' END";

/// The statement with which a transaction ends that changes the names of a group and writes no event.
pub(in crate::store) fn look_at_groups(tenant: &Uuid) -> Statement<'_> {
    Statement::new("looking at the groups of rules again", LOOK_AT_GROUPS, &[tenant])
}

/// The statement with which a transaction ends that activates a mapping.
pub(in crate::store) fn begin_remap<'a>(tenant: &'a TenantId, at: &'a SystemTime) -> Statement<'a> {
    Statement::new("beginning a remap", &BEGIN_REMAP, &[&tenant.0, at])
}

/// An older replica records its runs in the table `fold_in`. Runs that it left unfinished are continued here.
const ADOPT: &str = "
WITH t AS (UPDATE fold_in SET finished = true WHERE tenant_id = $1 AND NOT finished RETURNING tenant_id AS id, schema_revision)
INSERT INTO job AS j (tenant_id, kind, id, state, revision, after_id, begun_at, moved_at)
  SELECT t.id, 'reconcile', gen_random_uuid(), 'running', t.schema_revision, '00000000-0000-0000-0000-000000000000', now(), now() FROM t
  ON CONFLICT (tenant_id, kind) DO UPDATE SET id = excluded.id, state = 'running', revision = excluded.revision,
    after_id = excluded.after_id, examined = 0, changed = 0, rejected = 0, examples = '[]', begun_at = excluded.begun_at,
    moved_at = excluded.moved_at, resume_at = now(), holder = NULL, leased_until = NULL
  WHERE j.revision < excluded.revision";

/// A process's lease of a job while it runs a batch.
#[derive(Clone, Debug)]
pub struct JobLease {
    /// The job.
    pub kind: JobKind,
    /// The run.
    pub id: Uuid,
    /// The process.
    pub holder: Uuid,
    /// How long the lease lasts without a renewal.
    pub ttl: Duration,
}

impl TenantStore {
    /// The latest run of a kind; none where there never was one.
    pub async fn job(&self, kind: JobKind) -> Result<Option<Job>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE tenant_id = $1 AND kind = $2");
        let rows = self.query("reading a job", &sql, &[&self.tenant.0, &kind.name()]).await?;
        rows.first().map(job).transpose()
    }

    /// Leases a job that is due; none if another process has it, or the job has nothing to do.
    pub async fn claim_job(&self, kind: JobKind, holder: Uuid, ttl: Duration) -> Result<Option<Job>, Error> {
        let sql = format!("{CLAIM}{COLUMNS}");
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &kind.name(), &holder, &ttl.as_secs_f64()];
        self.query("leasing a job", &sql, &params).await?.first().map(job).transpose()
    }

    /// Renews a lease. False if the lease was lost, the job was cancelled, or the run was begun anew.
    pub async fn renew_job(&self, lease: &JobLease) -> Result<bool, Error> {
        let JobLease { kind, id, holder, ttl } = lease;
        let params: [&(dyn ToSql + Sync); 5] = [&self.tenant.0, &kind.name(), id, holder, &ttl.as_secs_f64()];
        Ok(!self.query("renewing a job's lease", RENEW, &params).await?.is_empty())
    }

    /// Saves a job's progress and releases the lease; the next batch begins after `rest`.
    pub async fn save_job(
        &self,
        lease: &JobLease,
        progress: &JobProgress,
        finished: bool,
        (rest, now): (Duration, SystemTime),
    ) -> Result<(), Error> {
        let JobProgress {
            after,
            examined,
            changed,
            rejected,
            examples,
            attempt,
            retryable,
            conflicts,
            conflicts_before,
        } = progress;
        let examples = serde_json::to_string(examples).unwrap_or_else(|_| "[]".to_owned());
        let params: [&(dyn ToSql + Sync); 16] = [
            &self.tenant.0,
            &lease.kind.name(),
            &lease.id,
            &lease.holder,
            after,
            examined,
            changed,
            rejected,
            &examples,
            &now,
            &finished,
            &rest.as_secs_f64(),
            attempt,
            retryable,
            conflicts,
            conflicts_before,
        ];
        self.query("keeping a job's progress", SAVE, &params).await?;
        Ok(())
    }

    /// Cancels a running job; it ends after the current resource. Returns whether it was running.
    pub async fn cancel_job(&self, kind: JobKind, now: SystemTime) -> Result<bool, Error> {
        Ok(!self.query("cancelling a job", CANCEL, &[&self.tenant.0, &kind.name(), &now]).await?.is_empty())
    }

    /// Begins a remap by the active mapping; false if one is running already.
    pub async fn begin_remap_anew(&self, at: SystemTime) -> Result<bool, Error> {
        Ok(!self.query("beginning a remap", &BEGIN_REMAP_ANEW, &[&self.tenant.0, &at]).await?.is_empty())
    }

    /// Takes over what an older replica left unfinished.
    pub async fn adopt_job(&self) -> Result<(), Error> {
        self.query("taking over a job", ADOPT, &[&self.tenant.0]).await?;
        Ok(())
    }
}

impl ControlStore {
    /// Jobs that are due and leased by no process but this holder, the one that is due for longest first, and purges last. Jobs of a kind that
    /// this version does not have are for newer replicas.
    pub async fn due_jobs(&self, count: i64, holder: Uuid) -> Result<Vec<(TenantId, JobKind)>, Error> {
        let kinds = JobKind::ALL.map(JobKind::name).to_vec();
        let rows = self.query("looking for jobs", DUE, &[&count, &holder, &kinds]).await?;
        Ok(rows.iter().filter_map(|row| Some((TenantId(row.get(0)), JobKind::find(row.get(1))?))).collect())
    }

    /// Tenants with a run that an older replica left unfinished.
    pub async fn tenants_to_adopt(&self) -> Result<Vec<TenantId>, Error> {
        let sql = "SELECT tenant_id FROM fold_in WHERE NOT finished LIMIT 100";
        let rows = self.query("looking for jobs of older replicas", sql, &[]).await?;
        Ok(rows.iter().map(|row| TenantId(row.get(0))).collect())
    }
}

fn job(row: &Row) -> Result<Job, Error> {
    let corrupt = |why: String| Error::Corrupt { what: "job", why };
    let (kind, state): (&str, &str) = (row.get(0), row.get(2));
    let states = [JobState::Running, JobState::Finished, JobState::Cancelled];
    Ok(Job {
        kind: JobKind::find(kind).ok_or_else(|| corrupt(format!("its kind is \"{kind}\"")))?,
        id: row.get(1),
        state: states
            .into_iter()
            .find(|known| known.name() == state)
            .ok_or_else(|| corrupt(format!("its state is \"{state}\"")))?,
        revision: row.get(3),
        progress: JobProgress {
            after: row.get(4),
            examined: row.get(5),
            changed: row.get(6),
            rejected: row.get(7),
            examples: serde_json::from_str(row.get(8)).map_err(|why| corrupt(why.to_string()))?,
            attempt: row.get(11),
            retryable: row.get(12),
            conflicts: row.get(14),
            conflicts_before: row.get(15),
        },
        begun_at: row.get(9),
        moved_at: row.get(10),
        resume_at: row.get(13),
    })
}
