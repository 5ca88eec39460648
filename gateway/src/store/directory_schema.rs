//! A tenant's directory schema, and how the stored mapped documents comply with it or with another one.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::SystemTime;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::job::{JobKind, JobLease, JobProgress, begin_run};
use crate::store::planned_unique::PlannedWrite;
use crate::store::postgres::pool::Statement;
use crate::store::resource::read::MappingState;

/// A directory schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectorySchemaRow {
    /// Its rules, as JSON.
    pub rules: String,
    /// When it was set.
    pub changed_at: SystemTime,
    /// The operator key's id, or the name of a command.
    pub changed_by: String,
}

/// A check about to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewCheck<'a> {
    /// The rules, as JSON.
    pub rules: &'a str,
    /// The schema revision by which they were read.
    pub schema_revision: i64,
    /// The tenant's resources.
    pub total: i64,
    /// The empty report.
    pub report: &'a str,
}

/// A stored check.
#[derive(Clone, Debug)]
pub struct CheckRow {
    /// New with every check: that of the job's run.
    pub id: Uuid,
    /// The rules, as JSON.
    pub rules: String,
    /// Whether they are those that were set.
    pub applies: bool,
    /// The tenant's resources when it began.
    pub total: i64,
    /// What was found until now, as JSON.
    pub report: String,
    /// When it began.
    pub begun_at: SystemTime,
    /// When it was complete.
    pub finished_at: Option<SystemTime>,
}

/// The check of the tenant in `t`, and the run that makes it.
fn begin(applies: bool) -> String {
    format!(
        "
c AS (INSERT INTO directory_check AS c (tenant_id, id, rules, applies, schema_revision, total, report, begun_at)
  SELECT t.id, $4, $5, {applies}, t.schema_revision, $6, $7, $3 FROM t
  ON CONFLICT (tenant_id) DO UPDATE SET id = excluded.id, rules = excluded.rules, applies = excluded.applies,
    schema_revision = excluded.schema_revision, total = excluded.total, report = excluded.report, begun_at = excluded.begun_at,
    finished_at = NULL){} RETURNING j.revision",
        begin_run(JobKind::DirectoryCheck, "t.schema_revision", "$3", "$4")
    )
}

/// Every write depends on the schema revision, so none that was computed by the rules before is stored any more.
static SET: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), schema_revision = schema_revision + 1, modified_at = $3
  WHERE id = $1 AND schema_revision = $2 AND NOT EXISTS (SELECT 1 FROM schema_change c WHERE c.tenant_id = $1)
  RETURNING id, schema_revision),
s AS (INSERT INTO directory_schema AS s (tenant_id, rules, changed_at, changed_by) SELECT t.id, $5, $3, $8 FROM t
  ON CONFLICT (tenant_id) DO UPDATE SET rules = excluded.rules, changed_at = excluded.changed_at, changed_by = excluded.changed_by),{}",
        begin(true)
    )
});

/// Not while the values of rules that were set are being entered.
static CHECK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH t AS (SELECT t.id, t.schema_revision FROM tenant t WHERE t.id = $1 AND t.schema_revision = $2 AND NOT EXISTS
  (SELECT 1 FROM directory_check c JOIN job j ON j.tenant_id = $1 AND j.kind = 'directory-check' AND j.id = c.id
   WHERE c.tenant_id = $1 AND c.applies AND c.finished_at IS NULL AND j.state = 'running')),{}",
        begin(false)
    )
});

const SAVE: &str = "
WITH t AS MATERIALIZED (SELECT j.id FROM job j WHERE j.tenant_id = $1 AND j.kind = 'directory-check'
    AND CASE WHEN j.id = $2 THEN j.holder = $3 AND j.state = 'running' END),
c AS (UPDATE directory_check c SET report = $4, finished_at = $5 FROM t WHERE c.tenant_id = $1 AND c.id = t.id RETURNING c.id)
UPDATE job j SET after_id = $6, examined = $7, rejected = $8, moved_at = $9 FROM c
WHERE j.tenant_id = $1 AND j.kind = 'directory-check' RETURNING 1";

const NEXT: &str = "
SELECT h.id, h.next_mapped, h.next_state FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT h.id, h.next_mapped, h.next_state FROM held h WHERE h.tenant_id = $1 AND h.id = v.id AND h.kind = 'deactivated' LIMIT 1) h";

impl TenantStore {
    /// The tenant's directory schema; none where none was ever set.
    pub async fn directory_schema(&self) -> Result<Option<DirectorySchemaRow>, Error> {
        let sql = "SELECT rules, changed_at, changed_by FROM directory_schema WHERE tenant_id = $1";
        let rows = self.query("reading a directory schema", sql, &[&self.tenant.0]).await?;
        let row = |row: &tokio_postgres::Row| DirectorySchemaRow {
            rules: row.get(0),
            changed_at: row.get(1),
            changed_by: row.get(2),
        };
        Ok(rows.first().map(row))
    }

    /// Sets the directory schema and begins a check by it; false if the schemas have another revision or are being changed.
    pub async fn set_directory_schema(&self, new: &NewCheck<'_>, (by, at): (&str, SystemTime)) -> Result<bool, Error> {
        let NewCheck { rules, schema_revision, total, report } = new;
        let id = Uuid::new_v4();
        let params: [&(dyn ToSql + Sync); 8] = [&self.tenant.0, schema_revision, &at, &id, rules, total, report, &by];
        Ok(!self.query("setting a directory schema", &SET, &params).await?.is_empty())
    }

    /// Begins a check by rules that are not set; false if the schemas have another revision, or values are being entered.
    pub async fn begin_directory_check(&self, new: &NewCheck<'_>, at: SystemTime) -> Result<bool, Error> {
        let NewCheck { rules, schema_revision, total, report } = new;
        let id = Uuid::new_v4();
        let params: [&(dyn ToSql + Sync); 7] = [&self.tenant.0, schema_revision, &at, &id, rules, total, report];
        Ok(!self.query("beginning a check of mapped documents", &CHECK, &params).await?.is_empty())
    }

    /// The latest check.
    pub async fn directory_check(&self) -> Result<Option<CheckRow>, Error> {
        let sql =
            "SELECT id, rules, applies, total, report, begun_at, finished_at FROM directory_check WHERE tenant_id = $1";
        let rows = self.query("reading a check of mapped documents", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map(|row| CheckRow {
            id: row.get(0),
            rules: row.get(1),
            applies: row.get(2),
            total: row.get(3),
            report: row.get(4),
            begun_at: row.get(5),
            finished_at: row.get(6),
        }))
    }

    /// Stores what a check has found until now, and how far its run has come; false if the run is not this process's any more.
    pub async fn save_directory_check(
        &self,
        lease: &JobLease,
        report: &str,
        progress: &JobProgress,
        planned: &PlannedWrite,
        (finished, at): (bool, SystemTime),
    ) -> Result<bool, Error> {
        let finished_at = finished.then_some(at);
        let params: [&(dyn ToSql + Sync); 9] = [
            &self.tenant.0,
            &lease.id,
            &lease.holder,
            &report,
            &finished_at,
            &progress.after,
            &progress.examined,
            &progress.rejected,
            &at,
        ];
        let mut batch = vec![Statement::new("saving a check of mapped documents", SAVE, &params)];
        batch.extend(planned.claims(&self.tenant.0, &lease.id, &"directory-check"));
        Ok(!self.batch(&batch).await?[0].is_empty())
    }

    /// Of held resources, those that the product still sees after the release: the mapped text and the state then.
    pub async fn held_next(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, (Option<String>, MappingState)>, Error> {
        let rows = self.query("reading what held resources become", NEXT, &[&self.tenant.0, &ids]).await?;
        rows.iter().map(|row| Ok((row.get(0), (row.get(1), MappingState::from_word(row.get(2))?)))).collect()
    }
}
