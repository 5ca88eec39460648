//! Mapping revisions: numbered, never changed; one is active.

use std::time::SystemTime;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::postgres::pool::Statement;

/// A stored revision.
#[derive(Clone, Debug)]
pub struct MappingRow {
    /// Its number, from 1.
    pub revision: i32,
    /// `refuse` or `keep`.
    pub on_failure: String,
    /// The steps, as JSON text.
    pub steps: String,
    /// When it was made.
    pub created_at: SystemTime,
}

/// The tenant's row is locked first, in a statement of its own, so that two concurrent revisions get two numbers.
const LOCK: &str = "SELECT 1 FROM tenant WHERE id = $1 FOR NO KEY UPDATE";

const INSERT: &str = "
WITH r AS (INSERT INTO mapping_revision (tenant_id, revision, on_failure, steps, created_at)
  SELECT $1, coalesce(max(revision), 0) + 1, $2, $3, $4 FROM mapping_revision WHERE tenant_id = $1 RETURNING revision),
t AS (UPDATE tenant SET active_mapping = r.revision, config_epoch = nextval('config_epoch'), modified_at = $4 FROM r WHERE id = $1)
SELECT revision FROM r";

impl TenantStore {
    /// Stores a new revision and activates it; returns its number.
    pub async fn put_mapping(&self, on_failure: &str, steps: &str, at: SystemTime) -> Result<i32, Error> {
        let answers = self
            .batch(&[
                Statement::new("locking a tenant", LOCK, &[&self.tenant.0]),
                Statement::new("storing a mapping", INSERT, &[&self.tenant.0, &on_failure, &steps, &at]),
            ])
            .await?;
        let row = answers[1].first();
        row.map(|row| row.get(0)).ok_or_else(|| Error::Corrupt { what: "mapping", why: "no row came back".into() })
    }

    /// Switches mapping off.
    pub async fn deactivate_mapping(&self, at: SystemTime) -> Result<(), Error> {
        let sql = "UPDATE tenant SET active_mapping = 0, config_epoch = nextval('config_epoch'), modified_at = $2 WHERE id = $1";
        self.query("switching mapping off", sql, &[&self.tenant.0, &at]).await?;
        Ok(())
    }

    /// A revision by number.
    pub async fn mapping(&self, revision: i32) -> Result<Option<MappingRow>, Error> {
        let sql = "SELECT revision, on_failure, steps, created_at FROM mapping_revision WHERE tenant_id = $1 AND revision = $2";
        let rows = self.query("reading a mapping", sql, &[&self.tenant.0, &revision]).await?;
        Ok(rows.first().map(|row| MappingRow {
            revision: row.get(0),
            on_failure: row.get(1),
            steps: row.get(2),
            created_at: row.get(3),
        }))
    }
}
