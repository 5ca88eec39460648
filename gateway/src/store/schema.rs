//! A tenant's extension schemas.

use std::time::SystemTime;

use super::TenantStore;
use super::error::Error;

/// One stored definition.
#[derive(Clone, Debug)]
pub struct SchemaRow {
    /// The URN.
    pub id: String,
    /// Which resource type it extends.
    pub resource_type: String,
    /// Whether only mapped documents have it.
    pub directory_only: bool,
    /// Whether every resource must have it.
    pub required: bool,
    /// The definition's JSON text (RFC 7643 §7).
    pub definition: String,
}

impl TenantStore {
    /// Stores a schema, or replaces the one with its URN.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn put_schema(&self, schema: &SchemaRow, at: SystemTime) -> Result<(), Error> {
        // A change of the schemas, and of the run that looks at what is aside, is nothing without the other.
        let sql = "WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), schema_revision = schema_revision + 1 \
                   WHERE id = $1 RETURNING schema_revision), \
                   f AS (INSERT INTO fold_in AS f (tenant_id, schema_revision, after_id, begun_at, moved_at) \
                   SELECT $1, t.schema_revision, '00000000-0000-0000-0000-000000000000', $7, $7 FROM t \
                   ON CONFLICT (tenant_id) DO UPDATE SET schema_revision = excluded.schema_revision, finished = false, \
                   after_id = excluded.after_id, examined = 0, folded = 0, misfits = 0, examples = '[]', \
                   begun_at = excluded.begun_at, moved_at = excluded.moved_at) \
                   INSERT INTO schema_definition (tenant_id, id, resource_type, directory_only, required, definition, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, id) DO UPDATE SET \
                   resource_type = excluded.resource_type, directory_only = excluded.directory_only, \
                   required = excluded.required, definition = excluded.definition";
        let it = schema;
        let tenant = self.tenant.0;
        self.query(
            "storing a schema",
            sql,
            &[&tenant, &it.id, &it.resource_type, &it.directory_only, &it.required, &it.definition, &at],
        )
        .await?;
        Ok(())
    }

    /// Every schema of the tenant, oldest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn schemas(&self) -> Result<Vec<SchemaRow>, Error> {
        let sql = "SELECT id, resource_type, directory_only, required, definition FROM schema_definition \
                   WHERE tenant_id = $1 ORDER BY created_at, id";
        let rows = self.query("reading schemas", sql, &[&self.tenant.0]).await?;
        let schemas = rows.iter().map(|row| SchemaRow {
            id: row.get(0),
            resource_type: row.get(1),
            directory_only: row.get(2),
            required: row.get(3),
            definition: row.get(4),
        });
        Ok(schemas.collect())
    }
}
