//! Resources with unknown attributes, which are kept until a schema defines them.

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::resource::read::{ReadOptions, Stored, columns, joins};

impl TenantStore {
    /// The next living resources with unknown attributes, by id.
    pub async fn with_unknown_after(&self, after: Uuid, count: i64) -> Result<Vec<Stored>, Error> {
        let options = ReadOptions::default();
        let sql = format!(
            "SELECT {} FROM resource r {} WHERE r.tenant_id = $1 AND r.set_aside IS NOT NULL AND r.deleted_at IS NULL \
             AND r.id > $2 ORDER BY r.id LIMIT $3",
            columns(options),
            joins(options)
        );
        let rows = self.query("reading unknown attributes", &sql, &[&self.tenant.0, &after, &count]).await?;
        rows.iter().map(Stored::from_row).collect()
    }

    /// How many living resources have unknown attributes.
    pub async fn count_with_unknown(&self) -> Result<i64, Error> {
        let sql = "SELECT count(*) FROM resource WHERE tenant_id = $1 AND set_aside IS NOT NULL AND deleted_at IS NULL";
        let rows = self.query("counting unknown attributes", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}
