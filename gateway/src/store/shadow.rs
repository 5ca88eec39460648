//! What a draft made of live writes, as each process has added it up.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::postgres::pool::Statement;

/// The report of one process.
#[derive(Clone, Debug)]
pub struct ShadowRow {
    /// The process.
    pub process: Uuid,
    /// What it found, as JSON.
    pub report: String,
    /// Writes for which its queue had no room.
    pub dropped: i64,
}

const SAVE: &str = "
INSERT INTO mapping_shadow (tenant_id, revision, process, report, dropped, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, revision, process) DO UPDATE SET report = excluded.report, dropped = excluded.dropped, at = excluded.at";

const SWITCH: &str = "
UPDATE tenant SET shadow_mapping = CASE WHEN $3::int2 > 0 THEN $2::int4 ELSE shadow_mapping END, shadow_percent = $3,
  config_epoch = nextval('config_epoch') WHERE id = $1";

impl TenantStore {
    /// Lets a revision also map so many per cent of live writes, and forgets what it made of earlier ones.
    pub async fn begin_shadow(&self, revision: i32, percent: i16) -> Result<(), Error> {
        let sql = "DELETE FROM mapping_shadow WHERE tenant_id = $1 AND revision = $2";
        self.batch(&[
            Statement::new("forgetting a shadow", sql, &[&self.tenant.0, &revision]),
            Statement::new("switching a shadow", SWITCH, &[&self.tenant.0, &revision, &percent]),
        ])
        .await
        .map(drop)
    }

    /// Ends it; what it found stays.
    pub async fn end_shadow(&self) -> Result<(), Error> {
        self.query("switching a shadow", SWITCH, &[&self.tenant.0, &0_i32, &0_i16]).await.map(drop)
    }

    /// What the processes found of a revision.
    pub async fn shadow(&self, revision: i32) -> Result<Vec<ShadowRow>, Error> {
        let sql = "SELECT process, report, dropped FROM mapping_shadow WHERE tenant_id = $1 AND revision = $2";
        let rows = self.query("reading a shadow", sql, &[&self.tenant.0, &revision]).await?;
        Ok(rows.iter().map(|row| ShadowRow { process: row.get(0), report: row.get(1), dropped: row.get(2) }).collect())
    }

    /// Stores what a process found until now.
    pub async fn save_shadow(&self, revision: i32, row: &ShadowRow, at: SystemTime) -> Result<(), Error> {
        let ShadowRow { process, report, dropped } = row;
        let params: crate::store::Params<'_> = &[&self.tenant.0, &revision, process, report, dropped, &at];
        self.query("storing a shadow", SAVE, params).await.map(drop)
    }
}
