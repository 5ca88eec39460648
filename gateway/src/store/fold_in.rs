//! The run through what is set aside: how far it has come, and what it looks at next.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;
use crate::store::resource::read::columns;
use crate::store::resource::read::joins;
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// How far a tenant's latest run has come.
#[derive(Clone, Debug)]
pub struct FoldIn {
    /// By which schemas.
    pub schema_revision: i64,
    /// Whether it has come to the end.
    pub finished: bool,
    /// Everything up to here is done.
    pub after: Uuid,
    /// Resources that were looked at.
    pub examined: i64,
    /// Resources that changed.
    pub folded: i64,
    /// Resources with a value that does not fit its schema.
    pub misfits: i64,
    /// Some of those, as a JSON array.
    pub examples: String,
    /// When it began.
    pub begun_at: SystemTime,
    /// When it was last seen at work.
    pub moved_at: SystemTime,
}

const MOVE: &str = "
UPDATE fold_in SET after_id = $4, finished = $5, examined = $6, folded = $7, misfits = $8, examples = $9, moved_at = $10
WHERE tenant_id = $1 AND schema_revision = $2 AND after_id = $3 RETURNING 1";

impl TenantStore {
    /// The latest run; none where the schemas never changed.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn fold_in(&self) -> Result<Option<FoldIn>, Error> {
        let sql = "SELECT schema_revision, finished, after_id, examined, folded, misfits, examples, begun_at, moved_at \
                   FROM fold_in WHERE tenant_id = $1";
        Ok(self.query("reading a run's progress", sql, &[&self.tenant.0]).await?.first().map(fold_in))
    }

    /// Moves a run on from where it was read; tells whether it was still there.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn move_fold_in(&self, from: &FoldIn, to: &FoldIn) -> Result<bool, Error> {
        let rows = self
            .query(
                "moving a run on",
                MOVE,
                &[
                    &self.tenant.0,
                    &from.schema_revision,
                    &from.after,
                    &to.after,
                    &to.finished,
                    &to.examined,
                    &to.folded,
                    &to.misfits,
                    &to.examples,
                    &to.moved_at,
                ],
            )
            .await?;
        Ok(!rows.is_empty())
    }

    /// The next living resources, by their ids, of which something is set aside.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn set_aside_after(&self, after: Uuid, count: i64) -> Result<Vec<Stored>, Error> {
        let options = ReadOptions::default();
        let sql = format!(
            "SELECT {} FROM resource r {} WHERE r.tenant_id = $1 AND r.set_aside IS NOT NULL AND r.deleted_at IS NULL \
             AND r.id > $2 ORDER BY r.id LIMIT $3",
            columns(options),
            joins(options)
        );
        let rows = self.query("reading what is set aside", &sql, &[&self.tenant.0, &after, &count]).await?;
        rows.iter().map(Stored::from_row).collect()
    }

    /// How many living resources have something set aside.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count_set_aside(&self) -> Result<i64, Error> {
        let sql = "SELECT count(*) FROM resource WHERE tenant_id = $1 AND set_aside IS NOT NULL AND deleted_at IS NULL";
        let rows = self.query("counting what is set aside", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}

impl ControlStore {
    /// Tenants whose run has not come to its end.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn tenants_folding_in(&self) -> Result<Vec<TenantId>, Error> {
        let sql = "SELECT f.tenant_id FROM fold_in f JOIN tenant t ON t.id = f.tenant_id \
                   WHERE NOT f.finished AND t.state <> 'deleted' ORDER BY f.moved_at LIMIT 1000";
        let rows = self.query("looking for what is set aside", sql, &[]).await?;
        Ok(rows.iter().map(|row| TenantId(row.get(0))).collect())
    }
}

fn fold_in(row: &Row) -> FoldIn {
    FoldIn {
        schema_revision: row.get(0),
        finished: row.get(1),
        after: row.get(2),
        examined: row.get(3),
        folded: row.get(4),
        misfits: row.get(5),
        examples: row.get(6),
        begun_at: row.get(7),
        moved_at: row.get(8),
    }
}
