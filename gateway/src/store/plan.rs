//! Plans: what a mapping revision would do to the stored documents, with what was found of it until now.

use std::sync::LazyLock;
use std::time::SystemTime;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::job::{JobKind, JobLease, JobProgress, begin_run};
use crate::store::planned_unique::PlannedWrite;
use crate::store::postgres::pool::Statement;

/// A plan about to be made.
#[derive(Clone, Debug)]
pub struct NewPlan<'a> {
    /// The revision.
    pub revision: i32,
    /// The active revision.
    pub base_mapping: i32,
    /// The schema revision.
    pub schema_revision: i64,
    /// About so many documents; none: all.
    pub sample: Option<i64>,
    /// Which documents.
    pub seed: i64,
    /// Those whose hash is this at most.
    pub max_hash: Option<i64>,
    /// The tenant's resources.
    pub total: i64,
    /// The empty report.
    pub report: &'a str,
}

/// A stored plan.
#[derive(Clone, Debug)]
pub struct PlanRow {
    /// The revision.
    pub revision: i32,
    /// New with every plan of it.
    pub id: Uuid,
    /// The revision that was active when it began.
    pub base_mapping: i32,
    /// The schema revision then.
    pub schema_revision: i64,
    /// About so many documents; none: all.
    pub sample: Option<i64>,
    /// Which documents.
    pub seed: i64,
    /// Those whose hash is this at most.
    pub max_hash: Option<i64>,
    /// The tenant's resources then.
    pub total: i64,
    /// What was found until now, as JSON.
    pub report: String,
    /// When it began.
    pub begun_at: SystemTime,
    /// When it was complete.
    pub finished_at: Option<SystemTime>,
}

/// A plan and the run that makes it. It takes the place of an older plan of the revision, and of a plan that is being made.
static BEGIN: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH t AS (SELECT $1::uuid AS id, $2::int4 AS revision),
p AS (INSERT INTO mapping_plan AS p (tenant_id, revision, id, base_mapping, schema_revision, sample, seed, max_hash, total, report, begun_at)
  VALUES ($1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $3)
  ON CONFLICT (tenant_id, revision) DO UPDATE SET id = excluded.id, base_mapping = excluded.base_mapping,
    schema_revision = excluded.schema_revision, sample = excluded.sample, seed = excluded.seed, max_hash = excluded.max_hash,
    total = excluded.total, report = excluded.report, begun_at = excluded.begun_at, finished_at = NULL){}",
        begin_run(JobKind::Plan, "t.revision", "$3", "$4")
    )
});

const GET: &str = "
SELECT revision, id, base_mapping, schema_revision, sample, seed, max_hash, total, report, begun_at, finished_at FROM mapping_plan
WHERE tenant_id = $1 AND revision = $2";

/// The report and the progress of the run, so that no document counts twice.
const SAVE: &str = "
WITH t AS MATERIALIZED (SELECT j.id FROM job j WHERE j.tenant_id = $1 AND j.kind = 'plan'
    AND CASE WHEN j.id = $2 THEN j.holder = $3 AND j.state = 'running' END),
p AS (UPDATE mapping_plan p SET report = $5, finished_at = $6 FROM t WHERE p.tenant_id = $1 AND p.revision = $4
    AND CASE WHEN p.revision = $4 THEN p.id = t.id END RETURNING p.revision)
UPDATE job j SET after_id = $7, examined = $8, changed = $9, rejected = $10, moved_at = $11, conflicts = $12, conflicts_before = $13 FROM p
WHERE j.tenant_id = $1 AND j.kind = 'plan' RETURNING 1";

impl TenantStore {
    /// Begins a plan.
    pub async fn begin_plan(&self, new: &NewPlan<'_>, at: SystemTime) -> Result<(), Error> {
        let NewPlan { revision, base_mapping, schema_revision, sample, seed, max_hash, total, report } = new;
        let id = Uuid::new_v4();
        let params: [&(dyn ToSql + Sync); 11] =
            [&self.tenant.0, revision, &at, &id, base_mapping, schema_revision, sample, seed, max_hash, total, report];
        self.batch(&[Statement::new("beginning a plan", &BEGIN, &params)]).await.map(drop)
    }

    /// The latest plan of a revision.
    pub async fn plan(&self, revision: i32) -> Result<Option<PlanRow>, Error> {
        let rows = self.query("reading a plan", GET, &[&self.tenant.0, &revision]).await?;
        Ok(rows.first().map(|row| PlanRow {
            revision: row.get(0),
            id: row.get(1),
            base_mapping: row.get(2),
            schema_revision: row.get(3),
            sample: row.get(4),
            seed: row.get(5),
            max_hash: row.get(6),
            total: row.get(7),
            report: row.get(8),
            begun_at: row.get(9),
            finished_at: row.get(10),
        }))
    }

    /// Stores what a plan has found until now, and how far its run has come; false if the run is not this process's any more.
    pub async fn save_plan(
        &self,
        lease: &JobLease,
        (revision, report): (i32, &str),
        progress: &JobProgress,
        planned: &PlannedWrite,
        (finished, at): (bool, SystemTime),
    ) -> Result<bool, Error> {
        let finished_at = finished.then_some(at);
        let params: [&(dyn ToSql + Sync); 13] = [
            &self.tenant.0,
            &lease.id,
            &lease.holder,
            &revision,
            &report,
            &finished_at,
            &progress.after,
            &progress.examined,
            &progress.changed,
            &progress.rejected,
            &at,
            &progress.conflicts,
            &progress.conflicts_before,
        ];
        let mut batch = vec![Statement::new("saving a plan", SAVE, &params)];
        batch.extend(planned.statements(&self.tenant.0, &lease.id));
        Ok(!self.batch(&batch).await?[0].is_empty())
    }
}
