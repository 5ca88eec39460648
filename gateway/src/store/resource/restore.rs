//! Bringing a deleted resource back, with its id: found by what it was called, and written over in one statement that hangs
//! on the version of the tombstone.

use std::time::SystemTime;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::reference::{self, Awaited};
use crate::store::postgres::pool::Statement;
use crate::store::resource::key::Keys;
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;
use crate::store::resource::read::columns;
use crate::store::resource::read::joins;
use crate::store::resource::update;
use crate::store::resource::update::Content;
use crate::store::resource::update::Written;
use crate::store::stamp::{Stamp, slot};

const RESTORE: &str = "
WITH w AS (
  UPDATE resource r SET name_key = $4, external_id = $5, active = $6, source = $7, set_aside = $8, mapped = $9,
    mapping_state = $10, mapping_revision = $11, version = r.version + 1, modified_at = $12, deleted_at = NULL
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = $3 AND r.version = $13 AND r.deleted_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.active_mapping = $11 AND t.schema_revision = $22)
  RETURNING r.tenant_id, r.id, r.version),
t AS (DELETE FROM tombstone_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id),
u AS (INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
  SELECT w.tenant_id, $3, k.attribute, k.key, w.id FROM w, unnest($14::text[], $15::text[]) k (attribute, key)),
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id)
  SELECT w.tenant_id, k.attribute, k.key, w.id FROM w, unnest($16::text[], $17::text[]) k (attribute, key)),
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, $3, $18, 1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + 1),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, $19, $3, w.id, w.version, $20, $21, $12 FROM w WHERE $19::text IS NOT NULL)
SELECT version FROM w";

/// A tombstone and what is to become of it.
pub struct Restore<'a> {
    /// The resource's type.
    pub resource_type: &'a str,
    /// Its id.
    pub id: Uuid,
    /// The own version of the tombstone that was read.
    pub version: i64,
    /// What to store.
    pub content: &'a Content,
}

impl TenantStore {
    /// What was deleted last of those that these keys mean: of the same externalId, or of the same name where neither has
    /// an externalId.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn tombstone(
        &self,
        resource_type: &str,
        keys: &Keys,
        deleted_after: SystemTime,
    ) -> Result<Option<Stored>, Error> {
        let (attribute, key) = match (&keys.external_id, &keys.name_key) {
            (Some(external), _) => ("externalId", external),
            (None, Some(name)) => ("name", name),
            (None, None) => return Ok(None),
        };
        let options = ReadOptions::default();
        let sql = format!(
            "SELECT {} FROM tombstone_key k JOIN resource r ON r.tenant_id = $1 AND r.id = k.id AND r.deleted_at IS NOT NULL {} \
             WHERE k.tenant_id = $1 AND k.resource_type = $2 AND k.attribute = $3 AND k.key = $4 AND k.deleted_at > $5 \
             ORDER BY k.deleted_at DESC, k.id DESC LIMIT 1",
            columns(options),
            joins(options)
        );
        let params: [&(dyn ToSql + Sync); 5] = [&self.tenant.0, &resource_type, &attribute, key, &deleted_after];
        let rows = self.query("looking for what was deleted", &sql, &params).await?;
        rows.first().map(Stored::from_row).transpose()
    }

    /// Makes a tombstone live again. Gives the number of groups that waited for it, too.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique value is in use by now.
    pub async fn restore(&self, restore: &Restore<'_>, stamp: &Stamp) -> Result<(Written, i64), Error> {
        let (content, keys) = (restore.content, &restore.content.keys);
        let (unique, searchable) = (update::columns(&keys.unique), update::columns(&keys.searchable));
        let (state, slot) = (content.mapping_state.word(), slot());
        let params: [&(dyn ToSql + Sync); 22] = [
            &self.tenant.0,
            &restore.id,
            &restore.resource_type,
            &keys.name_key,
            &keys.external_id,
            &keys.active,
            &content.source,
            &content.set_aside,
            &content.mapped,
            &state,
            &content.mapping_revision,
            &stamp.at,
            &restore.version,
            &unique.0,
            &unique.1,
            &searchable.0,
            &searchable.1,
            &slot,
            &content.event,
            &stamp.actor,
            &stamp.request_id,
            &content.schema_revision,
        ];
        let awaited = Awaited::restored(restore.resource_type, restore.id, keys);
        let resolve_params = awaited.params(self, &restore.id, &slot, stamp);
        let answers = self
            .batch(&[
                Statement { doing: "restoring a resource", sql: RESTORE, params: &params },
                reference::resolve(&resolve_params),
            ])
            .await?;
        Ok((update::written(&answers[0]), answers[1].first().map_or(0, |row| row.get(0))))
    }
}
